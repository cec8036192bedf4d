"""Do the main job on a squad, from its spreadsheet to its inboxes, and print what became of it.

    python bench/main_job.py
    python bench/main_job.py --roster ROSTER.csv --results RESULTS.csv --servers
    python bench/main_job.py --roster ROSTER.csv --copies 10    # ten teams of the same

The squad is imported twice, two track sessions from the library are planned for everyone, the week
is published, and real beat, broker, worker and SMTP server send it. By default that runs on SQLite
and the broker of files; --servers starts a PostgreSQL and a Redis for the run, --database-url and
REDIS_URL name ones that run already. The database is made for the run and destroyed afterwards. A
Redis must be one that no other Coachsite listens to. How fast mails are is mails.py's to say.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bin")]

from tests.processes import PostOffice, post_office, wait_until  # noqa: E402

EXAMPLES = ROOT / "examples"
SWEEP_SECONDS = 2
# What is planned: weekday and workout of the library; the third on the track must be refused.
TRACK = [(2, "800s"), (4, "400s")]
THIRD = [(6, "pyramid")]
EASY = [(1, "easy"), (3, "easy"), (7, "long")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--roster", type=Path, default=EXAMPLES / "roster.csv")
    parser.add_argument("--results", type=Path, help="dated results of the same athletes")
    parser.add_argument("--copies", type=int, default=1, help="teams, each with the whole squad")
    parser.add_argument("--database-url", help="a server on which a database may be made")
    parser.add_argument("--servers", action="store_true", help="start PostgreSQL and Redis")
    options = parser.parse_args()
    if options.results is None and options.roster.parent == EXAMPLES:
        options.results = EXAMPLES / "results.csv"
    with tempfile.TemporaryDirectory(prefix="coachsite-bench-") as folder:
        var = Path(folder)
        with servers(var, options) as environment, database(var, environment):
            run(var, options)


# Set-up -------------------------------------------------------------------------------------------
@contextlib.contextmanager
def servers(var: Path, options: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Yield the settings of the run, with the servers they name at work."""
    chosen = {"DATABASE_URL": options.database_url or f"sqlite:///{var / 'db.sqlite3'}"}
    if not options.servers:
        yield chosen
        return
    from _servers import postgresql, redis

    with postgresql() as database_url, redis(var) as redis_url:
        yield {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


@contextlib.contextmanager
def database(var: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Set Django up on a database made for the run."""
    for name in ("SECRET_KEY", "SITE_URL", "EMAIL_URL", "DEBUG"):
        os.environ.pop(name, None)
    os.environ |= {**environment, "COACHSITE_VAR": str(var), "TMPDIR": str(var)}
    os.environ["DJANGO_SETTINGS_MODULE"] = "coachsite.settings"

    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    own_name = connection.settings_dict["NAME"]
    if connection.vendor != "sqlite":
        connection.settings_dict["TEST"]["NAME"] = f"bench_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        call_command("load_library", stdout=StringIO())
        yield
    finally:
        connection.creation.destroy_test_db(own_name, verbosity=0)


# The job ------------------------------------------------------------------------------------------
def run(var: Path, options: argparse.Namespace) -> None:
    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from tests.make import make_user

    broker = "redis" if settings.REDIS_URL else "filesystem"
    print(f"database {connection.vendor}, broker {broker}")
    coach = make_user(email="coach@coachsite.example")
    today = timezone.now().date()
    starts_on = today + timedelta(days=7 - today.weekday())
    squads = [Squad.of(coach, number, options) for number in range(1, options.copies + 1)]
    bring_in(squads)
    plan(squads, starts_on)
    publish(squads, starts_on)
    with post_office(var, connection.settings_dict) as office:
        send(squads, starts_on, office)
    publish(squads, starts_on)
    print(told_by("check_track_limit"))


@dataclass(frozen=True)
class Squad:
    """A team and the files it is imported from."""

    team: Any
    coach: Any
    files: list[bytes]

    @classmethod
    def of(cls, coach: Any, number: int, options: argparse.Namespace) -> "Squad":
        """Make the team of a copy; from the second on, its addresses are told apart by a number."""
        from tests.make import make_team

        files = [path.read_bytes() for path in (options.roster, options.results) if path]
        if number > 1:
            files = [file.replace(b"@", b"+%d@" % number) for file in files]
        return cls(make_team(coach=coach, slug=f"squad-{number}"), coach, files)

    def rows(self) -> int:
        """Count the rows of the roster that name somebody, by other means than the import's."""
        return sum(b"@" in line for line in self.files[0].splitlines()[1:])


def bring_in(squads: Sequence[Squad]) -> None:
    """Import every squad twice: the second run must change nothing."""
    from django.utils import timezone

    from athletes.models import Athlete, RacePerformance
    from athletes.roster import import_roster

    today = (timezone.now() + timedelta(hours=14)).date()
    rows = sum(one.rows() for one in squads)
    for name in ("first import", "second import"):
        began = time.perf_counter()
        total: Counter[str] = Counter()
        for one in squads:
            report = asdict(import_roster(one.team, *one.files, today=today))
            total.update({key: value for key, value in report.items() if isinstance(value, int)})
            total["groups_new"] += len(report["groups_new"])
        changes = sum(
            count for key, count in total.items() if not key.endswith(("unchanged", "lost"))
        )
        print(
            f"{name}: {Athlete.objects.count()} athletes of {rows} rows, "
            f"{RacePerformance.objects.count()} races, {total['lost']} lost, "
            f"{changes} changes, {time.perf_counter() - began:.2f} s"
        )


def plan(squads: Sequence[Squad], starts_on: date) -> None:
    """Plan a week from the library for everyone; a third track session must be refused to all."""
    from workouts.models import Workout
    from workouts.planning import schedule_for

    library = {workout.slug: workout for workout in Workout.objects.filter(team=None)}
    began = time.perf_counter()
    placed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for name, days in {"easy": EASY, "track": TRACK, "third track": THIRD}.items():
        for weekday, slug in days:
            recipe = library[slug]
            session = {key: getattr(recipe, key) for key in ("kind", "title", "notation")}
            for one in squads:
                verdicts = schedule_for(
                    one.team.athletes.all(), starts_on=starts_on, weekday=weekday, **session
                )
                refused[name] += sum(bool(verdict.refusal) for verdict in verdicts)
                placed[name] += sum(not verdict.refusal for verdict in verdicts)
    print(
        f"planned: {placed['easy']} easy, {placed['track']} track sessions "
        f"({refused['track']} refused: athletes who may have one); a third for everyone: "
        f"{placed['third track']} placed, {refused['third track']} refused; "
        f"{time.perf_counter() - began:.2f} s"
    )


def publish(squads: Sequence[Squad], starts_on: date) -> None:
    from django.utils import timezone

    from workouts.planning import publish_weeks

    began = time.perf_counter()
    total: Counter[str] = Counter()
    for one in squads:
        done = publish_weeks(
            one.team.athletes.all(), starts_on=starts_on, now=timezone.now(), by=one.coach
        )
        total.update(asdict(done))
    print(
        f"published: {total['published']} weeks, {total['unchanged']} unchanged, "
        f"{total['empty']} empty; {time.perf_counter() - began:.2f} s"
    )


# The mails ----------------------------------------------------------------------------------------
def send(squads: Sequence[Squad], starts_on: date, office: PostOffice) -> None:
    """Make all mails due at once, and wait until none is open and two more sweeps have passed."""
    from django.utils import timezone

    from workouts.models import Delivery, Heartbeat
    from workouts.planning import send_now

    # Worker and beat are at work when the first sweep has been through.
    wait_until(Heartbeat.objects.filter(part="sweep").exists, seconds=60, what="the first sweep")
    now = timezone.now()
    due = sum(send_now(one.team.athletes.all(), starts_on=starts_on, now=now) for one in squads)
    still_open = Delivery.objects.filter(state__in=["DUE", "CLAIMED", "TRANSMITTING"])
    wait_until(lambda: not still_open.exists(), seconds=60 + due / 10, what="the last mail")
    time.sleep(2 * office.sweep_seconds + 1)
    print_mails(office, due)


def print_mails(office: PostOffice, due: int) -> None:
    """Print what arrived at the SMTP server beside what the site believes."""
    from athletes.models import Athlete
    from workouts.models import Delivery

    arrived = Counter(mail["to"].lower() for mail in office.mails())
    wanted = {email.lower() for email in Athlete.objects.values_list("email", flat=True)}
    print(
        f"mails: {due} due, {Delivery.objects.filter(state='SENT').count()} marked as sent, "
        f"{arrived.total()} arrived, {len(arrived)} recipients, "
        f"{len(wanted - arrived.keys())} without one, {arrived.total() - len(arrived)} twice"
    )


def told_by(command: str) -> str:
    """Return what a management command says, also where it fails."""
    from django.core.management import CommandError, call_command

    said = StringIO()
    try:
        call_command(command, stdout=said, stderr=said)
    except CommandError as error:
        said.write(f"FAILED: {error}")
    return f"{command}: {said.getvalue().strip()}"


if __name__ == "__main__":
    main()
