"""Measure the pages against page (b) of reference.py: CPU, statements, bytes, nodes.

    python bench/pages.py            # teams of 10, 50, 100 and 1,000 athletes
    python bench/pages.py --large    # and one of 10,000

Everything runs in a temporary folder: a SQLite database with a published week for each athlete, and
gunicorn as bin/up starts it, once for the site and once for the reference. CPU is that of the
server's processes; other work on the machine moves it far less than it moves requests a second, and
the ratio to the reference measured in the same round less still. Nothing is asserted.
"""

import argparse
import contextlib
import gzip
import http.client
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from html.parser import HTMLParser
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LOOPBACK = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
CLIENTS = 4
GUNICORN = ["--worker-class", "gthread", "--threads", "4", "--log-level", "warning"]
# What a developer may have set must not reach the site that is measured.
OWN_SETTINGS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SITE_URL", "ALLOWED_HOSTS", "DEBUG")

TODAY = datetime.now(UTC).date()
MONDAY = TODAY - timedelta(days=TODAY.weekday())
# Weeks that are asked for once, so that no worker has drawn a row of them before.
FRESH_WEEKS = [MONDAY + timedelta(weeks=number) for number in range(1, 11)]
FRESH_TEAM = 100
WEEK_SHAPES = 12


# The database -------------------------------------------------------------------------------------
def set_up(var: Path) -> None:
    """Set Django up on an empty database and collected static files in `var`."""
    for name in OWN_SETTINGS:
        os.environ.pop(name, None)
    os.environ |= {"COACHSITE_VAR": str(var), "DJANGO_SETTINGS_MODULE": "coachsite.settings"}

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_library", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115
    call_command("collectstatic", verbosity=0, interactive=False)


@dataclass(frozen=True)
class Cast:
    """Who looks at the pages; `cookies` by the name of the line in the table."""

    coach: Any
    athlete: Any
    cookies: dict[str, str]


def seed(sizes: Sequence[int]) -> Cast:
    """Write teams of these sizes for one coach; log the coach and an athlete in."""
    from athletes.models import Athlete
    from tests.make import make_user

    coach = make_user(email="coach@club.example")
    for size in sizes:
        make_squad(coach, size, [MONDAY, *(FRESH_WEEKS if size == FRESH_TEAM else [])])
    athlete = Athlete.objects.filter(team__slug=f"team-{FRESH_TEAM}").earliest("pk")
    athlete.user = make_user(email="ana@club.example")
    athlete.save()
    return Cast(coach, athlete, {"coach": log_in(coach), "athlete": log_in(athlete.user)})


def log_in(user: Any) -> str:
    """Return the cookie of a session of this user; nobody's password is hashed for it."""
    from django.test import Client

    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


def make_squad(coach: Any, size: int, weeks: Sequence[date]) -> Any:
    """Write a team of `size` athletes, each with these weeks full and published."""
    from django.db import transaction

    from athletes.models import Athlete, RacePerformance
    from tests.make import make_group, make_team

    team = make_team(coach=coach, slug=f"team-{size}", name=f"Team of {size}")
    with transaction.atomic():
        athletes = Athlete.objects.bulk_create(
            Athlete(
                team=team,
                name=f"{first} {last}",
                email=f"{number}.{size}@club.example",
                level=Athlete.Level.values[number % 3],
                units=Athlete.Units.values[number % 5 == 0],
                time_zone=("Europe/London", "America/New_York", "Asia/Kathmandu")[number % 3],
                weekly_volume_m=30_000 + number % 50 * 1000,
            )
            for number, (first, last) in enumerate(names(size))
        )
        RacePerformance.objects.bulk_create(
            RacePerformance(athlete=athlete, distance_m=5000, time_s=1000 + number % 600)
            for number, athlete in enumerate(athletes)
        )
        make_group(*athletes[::3], team=team)
        for starts_on in weeks:
            plan_week(athletes, starts_on)
    return team


def names(count: int) -> Iterator[tuple[str, str]]:
    firsts = ("Ana", "Bea", "Cleo", "Dara", "Edwin", "Fatima", "Goran", "Hana", "Ines", "Jonas")
    lasts = ("Sousa", "O’Brien", "García-López", "Nyström", "Okafor", "Lindqvist", "Ueda")
    return ((firsts[n % 10], f"{lasts[n % 7]} {n}") for n in range(count))


def plan_week(athletes: Sequence[Any], starts_on: date) -> None:
    """Plan seven sessions, two of them on the track, for each athlete, and publish them."""
    from workouts.models import Session, TrainingWeek

    published = datetime.combine(starts_on - timedelta(days=1), datetime.min.time(), UTC)
    weeks = TrainingWeek.objects.bulk_create(
        TrainingWeek(athlete=athlete, starts_on=starts_on, track_limit=2, changed_at=published)
        for athlete in athletes
    )
    shapes = week_shapes()
    Session.objects.bulk_create(
        Session(week=week, weekday=day, track_limit=2, track_slot=slot, **recipe)
        for number, week in enumerate(weeks)
        for day, slot, recipe in shapes[number % WEEK_SHAPES]
    )
    publish(weeks, now=published)


def publish(weeks: Sequence[Any], *, now: datetime) -> None:
    """Publish the first week of each shape, give the others copies of that, mark all as mailed."""
    from workouts.models import Delivery, PublishedPlan

    first = [week.publish(now=now) for week in weeks[:WEEK_SHAPES]]
    plans, deliveries = [], []
    for number, week in enumerate(weeks[WEEK_SHAPES:]):
        model = first[number % WEEK_SHAPES]
        plan, delivery = copy(model), copy(model.delivery)
        plan.pk, plan.week = None, week
        plan.content = plan.content | {"athlete": week.athlete.name}
        delivery.pk, delivery.plan, delivery.message_id = None, plan, uuid4()
        plans.append(plan)
        deliveries.append(delivery)
    PublishedPlan.objects.bulk_create(plans, batch_size=500)
    Delivery.objects.bulk_create(deliveries)
    Delivery.objects.filter(state=Delivery.State.DUE).update(
        state=Delivery.State.SENT, sent_at=now + timedelta(hours=18)
    )


def week_shapes() -> list[list[tuple[int, int | None, dict[str, Any]]]]:
    """Return different weeks, each as (weekday, track slot, what the session holds)."""
    from workouts.models import Kind, Workout

    recipes = list(Workout.objects.filter(team=None).order_by("pk"))
    track = cycle([recipe for recipe in recipes if recipe.kind == Kind.TRACK])
    other = cycle([recipe for recipe in recipes if recipe.kind != Kind.TRACK])
    slots = {2: 1, 4: 2}

    def held(recipe: Any) -> dict[str, Any]:
        return {name: getattr(recipe, name) for name in ("kind", "title", "notation")}

    return [
        [(day, slots.get(day), held(next(track if day in slots else other))) for day in range(1, 8)]
        for _ in range(WEEK_SHAPES)
    ]


# Servers ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Server:
    """One gunicorn with its workers, and the cookie of whoever is logged in there."""

    port: int
    pid: int
    cookie: str = ""

    def cpu_ms(self) -> float:
        return 1000 * cpu_seconds(self.pid)


def cpu_seconds(session: int) -> float:
    """Return what the processes of a session have used so far, with their ended children."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


@contextlib.contextmanager
def serve(
    application: str, log: Path, ready: str, *, cookie: str, workers: int = 2, **environment: str
) -> Iterator[Server]:
    """Run an application until the block ends; it is up when the address `ready` answers."""
    from tests.processes import end, free_port, wait_until

    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"{LOOPBACK}:{port}"]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*command, *GUNICORN, "--workers", str(workers)],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return get(port, ready, {"Cookie": cookie})[0].status == 200
        return False

    try:
        wait_until(answers, seconds=60, what=application)
        yield Server(port, process.pid, cookie)
    except BaseException:
        print(f"--- {application}\n{log.read_text()[-3000:]}", file=sys.stderr)
        raise
    finally:
        end(process)


def get(
    port: int, path: str, headers: dict[str, str], connection: Any = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = connection or http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response, response.read()


# Load ---------------------------------------------------------------------------------------------
@dataclass
class Page:
    """One line of the table: where the page is, and what each round found."""

    name: str
    server: str
    paths: list[str]
    goal: str = ""
    cpu_ms: list[float] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)

    def add(self, cpu_ms: float, times_ms: Sequence[float], seconds: float, base: float) -> None:
        self.cpu_ms.append(cpu_ms)
        self.ratio.append(base / cpu_ms)
        self.rate.append(len(times_ms) / seconds)
        self.times_ms += times_ms

    def __str__(self) -> str:
        times = sorted(self.times_ms)
        low, high = min(self.cpu_ms), max(self.cpu_ms)
        return (
            f"{self.name:<34}{statistics.median(self.cpu_ms):8.2f} {low:7.2f}-{high:<7.2f}"
            f"{statistics.median(self.ratio):6.2f} {self.goal:<6}"
            f"{statistics.median(self.rate):7.0f}"
            f"{statistics.median(times):7.1f}{times[len(times) * 95 // 100]:7.1f}"
        )


HEAD = f"{'page':<34}{'CPU ms':>8} {'min-max':^15}{'ratio':>6} {'goal':<6}{'req/s':>7}" + (
    f"{'p50':>7}{'p95':>7}"
)


def fetch(port: int, paths: list[str], cookie: str) -> list[float]:
    """Ask for each address over one connection; return the milliseconds each took."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    times = []
    for path in paths:
        began = time.perf_counter()
        response, _ = get(port, path, {"Cookie": cookie}, connection)
        times.append(1000 * (time.perf_counter() - began))
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}")
    connection.close()
    return times


class Bench:
    """Clients in processes of their own, and how many requests they make of a page."""

    def __init__(self, pool: ProcessPoolExecutor, requests: int) -> None:
        self.pool = pool
        self.requests = requests

    def load(self, server: Server, paths: list[str]) -> tuple[float, list[float], float]:
        """Return CPU milliseconds a request, the time of each request, and seconds in all."""
        shares = [paths[n::CLIENTS] for n in range(CLIENTS)]
        used, began = server.cpu_ms(), time.perf_counter()
        runs = [self.pool.submit(fetch, server.port, share, server.cookie) for share in shares]
        times = [each for run in runs for each in run.result()]
        seconds = time.perf_counter() - began
        return (server.cpu_ms() - used) / len(times), times, seconds

    def warm(self, server: Server, page: Page) -> tuple[float, list[float], float]:
        return self.load(server, list(islice(cycle(page.paths), self.requests)))


# What is measured ---------------------------------------------------------------------------------
def board_path(size: int, starts_on: date = MONDAY, page: int = 1) -> str:
    return f"/teams/team-{size}/weeks/{starts_on}/?page={page}"


def warm_pages(sizes: Sequence[int], athlete: Any) -> list[Page]:
    week = f"/athletes/{athlete.pk}/weeks/{MONDAY}/"
    boards = [
        Page(f"board of {size:,}", "coach", [board_path(size)], "0.90" if size == 100 else "")
        for size in sizes
    ]
    return [
        Page("reference (b)", "reference", ["/"]),
        *boards,
        Page("athlete's week", "athlete", [week], "0.95"),
        Page("today", "athlete", ["/today/"]),
        Page("library", "coach", ["/teams/team-100/library/"]),
        Page("roster of 100", "coach", ["/teams/team-100/athletes/"]),
    ]


def measure_warm(
    bench: Bench, servers: dict[str, Server], pages: list[Page], *, rounds: int
) -> None:
    """Go through all pages in turn, round after round; the first round only warms up."""
    for number in range(rounds + 1):
        base = 0.0
        for page in pages:
            found = bench.warm(servers[page.server], page)
            base = base or found[0]
            if number:
                page.add(*found, base=base)


def measure_cold(bench: Bench, reference: Server, start: Any, page: Page, *, rounds: int) -> None:
    """Ask fresh workers, their templates read, for boards of which they have drawn no row."""
    for _ in range(rounds):
        with start(workers=2) as server:
            bench.load(server, [board_path(50)] * 40)
            base = bench.load(reference, ["/"] * bench.requests)[0]
            page.add(*bench.load(server, page.paths), base=base)


def measure_first(bench: Bench, reference: Server, start: Any, page: Page, *, rounds: int) -> None:
    """Ask a worker that has shown no page yet for its first one."""
    for _ in range(rounds):
        with start(workers=1) as server:
            base = bench.load(reference, ["/"] * bench.requests)[0]
            used, began = server.cpu_ms(), time.perf_counter()
            times = fetch(server.port, page.paths, server.cookie)
            page.add(server.cpu_ms() - used, times, time.perf_counter() - began, base)


def statements(user: Any, path: str) -> tuple[int, int]:
    """Return how many statements a page takes, and how many of them repeat one but for values."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": LOOPBACK})
    client.force_login(user)
    client.get(path)  # on a new connection Django asks SQLite what it can do
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}")
    texts = Counter(re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries)
    return len(queries), sum(count - 1 for count in texts.values())


class Nodes(HTMLParser):
    """Counts the elements of a page and notes what a browser fetches with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements = 0
        self.files: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements += 1
        given = dict(attrs)
        wanted = given.get("src") if tag in ("script", "img") else None
        if tag == "link" and (given.get("rel") or "") in ("stylesheet", "icon"):
            wanted = given.get("href")
        if wanted:
            self.files.append(wanted)


def print_growth(pages: Sequence[Page], server: Server, sizes: Sequence[int]) -> None:
    """Print how a board's CPU and bytes grow with the team, the team of 50 being 1."""
    boards = dict(zip(sizes, pages[1:], strict=False))
    bodies = {
        size: get(server.port, board_path(size), {"Cookie": server.cookie})[1] for size in sizes
    }
    print("\nboard     CPU x50  bytes x50   KiB  elements  rows")
    for size in sizes:
        cpu = statistics.median(boards[size].cpu_ms) / statistics.median(boards[50].cpu_ms)
        body = bodies[size]
        rows = body.count(b'<tr id="row-')
        print(
            f"{size:>6,}{cpu:11.2f}{len(body) / len(bodies[50]):11.2f}{len(body) / 1024:6.0f}"
            f"{Nodes(body.decode()).elements:10}{rows:6}"
        )


def print_statements(cast: Cast, sizes: Sequence[int]) -> None:
    """Print how many statements each page takes, for each size of team."""
    team_pages = {"board": f"weeks/{MONDAY}/", "library": "library/", "roster": "athletes/"}
    print("\nstatements (repeated ones), teams of " + ", ".join(f"{size:,}" for size in sizes))
    for name, path in team_pages.items():
        counts = [statements(cast.coach, f"/teams/team-{size}/{path}") for size in sizes]
        print(f"  {name:<15}" + ", ".join(f"{count} ({again})" for count, again in counts))
    week = f"/athletes/{cast.athlete.pk}/weeks/{MONDAY}/"
    for name, path in {"athlete's week": week, "today": "/today/"}.items():
        count, repeated = statements(cast.athlete.user, path)
        print(f"  {name:<15}{count} ({repeated})")


def print_bytes(server: Server, name: str, path: str) -> None:
    """Print what a browser fetches for a page: with an empty cache, and again."""
    plain = get(server.port, path, {"Cookie": server.cookie})[1]
    files = Nodes(plain.decode()).files
    packed = len(gzip.compress(plain, 6))
    for coding in ("gzip", "br"):
        headers = {"Cookie": server.cookie, "Accept-Encoding": coding}
        response, page = get(server.port, path, headers)
        sent = response.headers.get("Content-Encoding", "not packed")
        sizes = {Path(file).name: len(get(server.port, file, headers)[1]) for file in files}
        fixed = sum(sizes.values())
        print(
            f"\n{name}, {coding}: cold {1 + len(files)} requests, "
            f"{kib(fixed + len(page))} KiB ({kib(fixed + packed)} with the HTML by gzip); "
            f"warm 1 request, {kib(len(page))} KiB {sent} ({kib(packed)} by gzip)\n  "
            + ", ".join(f"{re.sub(r'[.][0-9a-f]{12}', '', n)} {kib(s)}" for n, s in sizes.items())
        )


def kib(count: int) -> str:
    return f"{count / 1024:.1f}"


# The run ------------------------------------------------------------------------------------------
@contextlib.contextmanager
def serve_reference(var: Path) -> Iterator[Server]:
    folder = var / "reference"
    folder.mkdir()
    known = {"REFERENCE_VAR": str(folder)}
    command = [sys.executable, str(ROOT / "bench" / "reference.py")]
    made = subprocess.run(command, env=os.environ | known, capture_output=True, check=True)
    cookie = f"sessionid={made.stdout.decode().strip()}"
    with serve("bench.reference", folder / "log", "/", cookie=cookie, **known) as server:
        yield server


def serve_site(var: Path, cookie: str, workers: int = 2) -> Any:
    """Serve the site; it is up when a static file answers, so that no page has been drawn yet."""
    icon = "/static/icon.svg"
    return serve("coachsite.wsgi", var / "web.log", icon, cookie=cookie, workers=workers)


def run(var: Path, sizes: Sequence[int], *, rounds: int, requests: int) -> None:
    cast = seed(sizes)
    start = partial(serve_site, var, cast.cookies["coach"])
    with (
        serve_reference(var) as base,
        start() as site,
        ProcessPoolExecutor(CLIENTS, multiprocessing.get_context("spawn")) as pool,
    ):
        athlete = Server(site.port, site.pid, cast.cookies["athlete"])
        bench = Bench(pool, requests)
        pages = warm_pages(sizes, cast.athlete)
        servers = {"reference": base, "coach": site, "athlete": athlete}
        measure_warm(bench, servers, pages, rounds=rounds)
        fresh = [board_path(FRESH_TEAM, week, page) for week in FRESH_WEEKS for page in (1, 2)]
        cold = Page("board of 100, no row drawn before", "coach", fresh, "0.45")
        measure_cold(bench, base, start, cold, rounds=rounds)
        first = Page("board of 100, first of a worker", "coach", [board_path(100)])
        measure_first(bench, base, start, first, rounds=rounds)
        print(HEAD, *pages, cold, first, sep="\n")
        print_growth(pages, site, sizes)
        print_statements(cast, sizes)
        print_bytes(site, "board of 100", board_path(100))
        week = f"/athletes/{cast.athlete.pk}/weeks/{MONDAY}/"
        print_bytes(athlete, "athlete's week", week)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="measure a team of 10,000 as well")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=120, help="of each page in a round")
    options = parser.parse_args()
    sizes = [10, 50, 100, 1000, *([10_000] if options.large else [])]
    with tempfile.TemporaryDirectory(prefix="coachsite-bench-") as folder:
        set_up(Path(folder))
        run(Path(folder), sizes, rounds=options.rounds, requests=options.requests)


if __name__ == "__main__":
    main()
