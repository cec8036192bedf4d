"""The post office under fire: real processes, killed, frozen and misled while mails are due.

Workers and beat run under the supervisor of bin/up; Redis and the SMTP server of tests/sink.py are
killed and come back. A trigger in the database notes every change of a delivery's state, the SMTP
server every mail it took: the tally is drawn from these two alone. bench/faults.py prints it,
test_faults.py asserts on it.
"""

import contextlib
import heapq
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from tests.processes import ROOT, database_url, end, free_port, wait_until
from tests.sink import Log, Orders

sys.path.append(str(ROOT / "bin"))

from _supervisor import Child, Supervisor, die_with

CELERY = [sys.executable, "-m", "celery", "--quiet", "-A"]
ALONE = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
AWAY_S = 0.5  # a broker or mail server that was killed
BROKER_AWAY_S = 300
DATABASE_AWAY_S = 30
HEAVY_MB = 10
SECOND_BEAT_S = 10
THINKS_S = 0.1  # the mail server, over each mail: a fault shall meet mails on the wire
# How often each fault comes, beside the others of its kind.
PROCESS_FAULTS = {"kill_worker": 4, "kill_pool_child": 5, "kill_beat": 2, "kill_mail_server": 3}
BROKER_FAULTS = {"kill_broker": 1}
FROZEN = {"freeze_worker": 1}
CLOCK_FAULTS = {"second_beat": 2, "clock_ahead": 1, "clock_back": 1}
DATABASE_FAULTS = {"restart_database": 1}
AWAY_FAULTS = ("database_away", "broker_away")
ANSWERS = {
    "HELLO hang up": 2,
    "HELLO 421 too busy": 2,
    "MAIL hang up": 2,
    "MAIL 421 enough for one connection": 2,
    "RCPT 451 greylisted": 4,
    "RCPT 452 mailbox full": 2,
    "RCPT 550 no such mailbox": 2,
    "RCPT slow 3": 1,  # in minutes of the post office, as those below: it hangs
    "DATA slow 3": 1,
    "DATA hang up": 3,
    "DATA 451 not now": 2,
    "TEXT hang up": 4,
    "DOT hang up": 6,
    "DOT 421 shutting down": 2,
    "DOT 451 try later": 3,
    "DOT 452 disk full": 2,
    "DOT 552 too big": 1,
    # Within the minute, shown as unclear meanwhile, given up.
    "DOT slow 0.5": 3,
    "DOT slow 3": 3,
    "DOT slow 12": 1,
}
ALL_FAULTS = (
    {name: 3 * weight for name, weight in PROCESS_FAULTS.items()}
    | {"kill_broker": 6, "freeze_worker": 2, "second_beat": 3, "clock_ahead": 1, "clock_back": 1}
    | ANSWERS
)


# What became of it --------------------------------------------------------------------------------
@dataclass
class Tally:
    """What a part of a run came to. All but the times can be added up."""

    injected: int = 0
    expected: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0  # second copies
    doubled_without_cause: int = 0  # athletes with more of them than answers that were cut off
    message_ids_twice: int = 0
    ambiguous: int = 0
    unknown_shown: int = 0
    slowest_unclear_shown_s: float = 0.0
    done_after_last_fault_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            **{
                name: max(mine, theirs) if name.endswith("_s") else mine + theirs
                for name, mine, theirs in (
                    (each.name, getattr(self, each.name), getattr(other, each.name))
                    for each in fields(self)
                )
            }
        )

    def __str__(self) -> str:
        return " ".join(
            f"{each.name}={value:.1f}" if isinstance(value, float) else f"{each.name}={value}"
            for each in fields(self)
            if not isinstance(value := getattr(self, each.name), Counter)
        )


@dataclass(frozen=True)
class Squad:
    """The deliveries of one part of a run; some of them, poisoned, cannot be drawn."""

    ids: Sequence[int]
    poisoned: frozenset[int]

    def deliveries(self) -> Any:
        from workouts.models import Delivery

        return Delivery.objects.filter(pk__gte=self.ids[0], pk__lte=self.ids[-1])

    def still_open(self) -> Any:
        """Return those that something is still to happen to, without a person."""
        return (
            self.deliveries()
            .exclude(state__in=["SENT", "FAILED", "SKIPPED"])
            .exclude(state="UNCLEAR", resent=True)
        )


def make_squad(count: int, *, spread_s: float, chance: random.Random, poison: int = 0) -> Squad:
    """Make mails that fall due over the next seconds, each of an athlete of its own.

    The plan of one athlete stands for all: publishing is not under fire here. Where some cannot be
    drawn, one of the others is of ten megabytes.
    """
    from athletes.models import Athlete
    from tests.make import make_full_week, make_race, make_team, make_user
    from workouts.models import Delivery, PublishedPlan, TrainingWeek

    now = datetime.now(UTC)
    monday = now.date() - timedelta(days=now.weekday())
    slug = f"squad-{time.time_ns()}"
    team = make_team(coach=make_user(email=f"coach@{slug}.example"), slug=slug)
    athletes = Athlete.objects.bulk_create(
        Athlete(
            team=team,
            name=f"Runner {number}",
            email=f"runner.{number}@{slug}.example",
            time_zone="UTC",
        )
        for number in range(count)
    )
    make_race(athlete=athletes[0])
    content = make_full_week(athlete=athletes[0], starts_on=monday).content(today=now.date())
    weeks = TrainingWeek.objects.bulk_create(
        TrainingWeek(athlete=athlete, starts_on=monday, track_limit=2) for athlete in athletes[1:]
    )
    weeks.insert(0, athletes[0].weeks.get())
    bad = set(chance.sample(range(count), poison))
    contents = [content] * count
    for number in bad:
        contents[number] = {"starts_on": monday.isoformat()}
    if bad:
        note = "Every step counts. " * (HEAVY_MB * 1000**2 // 19)
        contents[min(set(range(count)) - bad)] = {**content, "note": note}
    plans = PublishedPlan.objects.bulk_create(
        PublishedPlan(
            week=week,
            revision=1,
            published_at=now,
            content=content,
        )
        for week, content in zip(weeks, contents, strict=True)
    )
    deliveries = Delivery.objects.bulk_create(
        Delivery(
            plan=plan,
            due_at=now + timedelta(seconds=chance.uniform(0, spread_s)),
            not_after=now + timedelta(days=7),
            **Delivery.rule_of(athlete),
        )
        for plan, athlete in zip(plans, athletes, strict=True)
    )
    ids = [delivery.pk for delivery in deliveries]
    return Squad(ids, frozenset(ids[number] for number in bad))


TRIGGERS = {
    "postgresql": """
        CREATE FUNCTION fire_note() RETURNS trigger AS $$ BEGIN
            INSERT INTO fire_state
            VALUES (NEW.id, NEW.state, extract(epoch FROM clock_timestamp()));
            RETURN NEW;
        END $$ LANGUAGE plpgsql;
        CREATE TRIGGER fire_note AFTER UPDATE OF state ON workouts_delivery
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION fire_note();
    """,
    "sqlite": """
        CREATE TRIGGER fire_note AFTER UPDATE OF state ON workouts_delivery
        WHEN OLD.state <> NEW.state BEGIN
            INSERT INTO fire_state
            VALUES (NEW.id, NEW.state, (julianday('now') - 2440587.5) * 86400.0);
        END;
    """,
}


@contextlib.contextmanager
def every_state_noted() -> Iterator[None]:
    """Let the database note when a delivery comes into which state."""
    from django.db import connection

    gone = "DROP TRIGGER fire_note"
    if connection.vendor == "postgresql":
        gone += " ON workouts_delivery; DROP FUNCTION fire_note"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE fire_state (delivery_id bigint, state text, at float8)")
        cursor.execute(TRIGGERS[connection.vendor])
    try:
        yield
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute(gone)
            cursor.execute("DROP TABLE fire_state")


def states_of(squad: Squad) -> dict[int, list[tuple[str, float]]]:
    """Return the states that each delivery came into, and when, in their order."""
    from django.db import connection

    states = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT delivery_id, state, at FROM fire_state "
            "WHERE delivery_id BETWEEN %s AND %s ORDER BY at",
            [squad.ids[0], squad.ids[-1]],
        )
        for delivery_id, state, at in cursor.fetchall():
            states[delivery_id].append((state, at))
    return states


def on_the_wire(states: Sequence[tuple[str, float]]) -> Iterator[tuple[bool, float | None]]:
    """Yield, for each time a mail was on the wire, if its end was cut off and when it was shown.

    The seconds are those from the wire to the state "unclear", None where that never came. A worker
    that was only slow settles its mail itself: nothing was cut off.
    """
    later = [*states[1:], ("", 0.0), ("", 0.0)]
    for position, (state, at) in enumerate(states):
        if state == "TRANSMITTING":
            (following, shown_at), (then, _) = later[position], later[position + 1]
            if following == "UNCLEAR":
                yield then not in ("SENT", "FAILED", "DUE", "SKIPPED"), shown_at - at
            elif not following:
                yield True, None


# The fire -----------------------------------------------------------------------------------------
class Service:
    """A server on a port of its own, that is killed and comes back empty."""

    def __init__(self, command: Sequence[str], *, cwd: Path, log: Path) -> None:
        self.command, self.cwd, self.log = command, cwd, log
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )

    def kill(self) -> None:
        end(self.process, signal.SIGKILL)


class Fire:
    """The machinery of one run, and what is done to it: each method a fault."""

    def __init__(
        self,
        var: Path,
        database: dict[str, Any],
        *,
        seed: int,
        minute_s: float,
        sweep_s: int = 1,
        restart_database: Callable[[float], None] | None = None,
        app: str = "coachsite",
    ) -> None:
        self.var, self.minute_s, self.sweep_s = var, minute_s, sweep_s
        self.chance = random.Random(seed)
        self.cut_database = restart_database
        self.faults: Counter[str] = Counter()
        self.orders_given = 0
        self.later: list[tuple[float, int, Callable[[], None]]] = []
        (var / "orders").mkdir(parents=True)
        self.orders, self.sink_log = Orders(var / "orders"), Log(var / "mails.jsonl")
        smtp_port, redis_port = free_port(), free_port()
        self.environment = os.environ | {
            "DATABASE_URL": database_url(database),
            "SECRET_KEY": "under fire",
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
            "COACHSITE_VAR": str(var),
            "SWEEP_SECONDS": str(sweep_s),
            "MAIL_MINUTE_S": str(minute_s),
            "PYTHONWARNINGS": "ignore",
        }
        broker = ["redis-server", "--bind", "127.0.0.1", "--port", str(redis_port)]
        broker += ["--save", "", "--appendonly", "no", "--dir", str(var)]
        sink = [sys.executable, "-m", "tests.sink", "--port", str(smtp_port)]
        sink += ["--log", str(self.sink_log.path), "--orders", str(self.orders.folder)]
        sink += ["--thinks", str(THINKS_S)]
        self.broker = Service(broker, cwd=var, log=var / "redis.log")
        self.mail_server = Service(sink, cwd=ROOT, log=var / "sink.log")
        self.extra: list[subprocess.Popen[bytes]] = []
        self.supervisor = self.spawn(
            [sys.executable, "-m", "tests.fire", json.dumps(self.supervised(app))], "supervisor"
        )

    def supervised(self, app: str) -> dict[str, list[str]]:
        """Return the commands of what bin/up keeps alive, with a second worker."""
        worker = [*CELERY, app, "worker", "--concurrency", "2", "--loglevel", "WARNING", *ALONE]
        commands = {f"worker {n}": [*worker, "--hostname", f"w{n}@fire"] for n in (1, 2)}
        return commands | {"beat": self.beat("schedule")}

    def restarts(self) -> dict[str, int]:
        """Return how often the supervisor started which of its processes again."""
        said = (self.var / "supervisor.log").read_text()
        return dict(Counter(re.findall(r"^The (.+?) (?:was )?ended .*again", said, re.M)))

    def beat(self, schedule: str) -> list[str]:
        command = [*CELERY, "coachsite", "beat", "--loglevel", "WARNING", "--pidfile="]
        return [*command, "--schedule", str(self.var / schedule)]

    def spawn(self, command: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        with (self.var / f"{name}.log").open("ab") as file:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )

    def stop(self) -> None:
        for pid in self.of_kind("worker"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGCONT)
        for process in [*self.extra, self.supervisor]:
            end(process)
        self.broker.kill()
        self.mail_server.kill()

    # Faults
    def of_kind(self, kind: str) -> list[int]:
        """Return the supervised processes of a kind: worker or beat."""
        return [pid for pid in children_of(self.supervisor.pid) if f" {kind} " in command_of(pid)]

    def kill_worker(self) -> bool:
        return self.kill(self.of_kind("worker"), os.killpg)

    def kill_pool_child(self) -> bool:
        workers = self.of_kind("worker")
        return self.kill([child for pid in workers for child in children_of(pid)], os.kill)

    def kill_beat(self) -> bool:
        return self.kill(self.of_kind("beat"), os.killpg)

    def kill(self, pids: Sequence[int], how: Callable[[int, int], None]) -> bool:
        with contextlib.suppress(ProcessLookupError):
            if pids:
                how(self.chance.choice(pids), signal.SIGKILL)
                return True
        return False

    def broker_away(self) -> bool:
        return self.kill_broker(away_s=BROKER_AWAY_S)

    def kill_broker(self, *, away_s: float = AWAY_S) -> bool:
        self.broker.kill()
        time.sleep(away_s)
        self.broker.start()
        return True

    def kill_workers_on_the_wire(self) -> None:
        """Kill all workers while one of them waits for the answer to its mail."""
        self.order("DOT slow 0.1")
        begun = self.sink_log.count("order")
        wait_until(
            lambda: self.sink_log.count("order") > begun, seconds=120, what="a mail on the wire"
        )
        self.kill_workers()

    def kill_workers(self) -> None:
        for pid in self.of_kind("worker"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def kill_mail_server(self) -> bool:
        self.mail_server.kill()
        time.sleep(AWAY_S)
        self.mail_server.start()
        return True

    def freeze_worker(self) -> bool:
        """Stop a worker until its lease is over, and some seconds more."""
        workers = self.of_kind("worker")
        if not workers or any(action.__name__ == "thaw" for _, _, action in self.later):
            return False
        worker = self.chance.choice(workers)

        def thaw() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker, signal.SIGCONT)

        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGSTOP)
            self.do_later(15 * self.minute_s + self.chance.uniform(1, 5), thaw)
            return True
        return False

    def second_beat(self) -> bool:
        second = self.spawn(self.beat(f"schedule-{time.time_ns()}"), "second-beat")
        self.extra.append(second)
        self.do_later(SECOND_BEAT_S, lambda: end(second))
        return True

    def clock_ahead(self) -> bool:
        return self.sweep_at(minutes=60)

    def clock_back(self) -> bool:
        return self.sweep_at(minutes=-60)

    def sweep_at(self, *, minutes: int) -> bool:
        """Let a sweep run beside the others under a clock that goes wrong."""
        wrong = datetime.now(UTC) + timedelta(seconds=minutes * self.minute_s)
        command = [sys.executable, "manage.py", "send_due_plans", "--now", wrong.isoformat()]
        self.extra.append(self.spawn(command, "clock"))
        return True

    def restart_database(self, *, away_s: float = 0) -> bool:
        if self.cut_database is None:
            return False
        self.cut_database(away_s)
        return True

    def database_away(self) -> bool:
        return self.restart_database(away_s=DATABASE_AWAY_S)

    def order(self, order: str) -> None:
        if slow := re.fullmatch(r"(\w+) slow (\S+)", order):
            order = f"{slow[1]} slow {float(slow[2]) * self.minute_s}"
        self.orders_given += 1
        self.orders.give(self.orders_given, order)

    def do_later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.later, (time.monotonic() + seconds, id(action), action))

    # A part of a run
    def part(
        self,
        mails: int,
        faults: int,
        kinds: dict[str, int],
        *,
        spread_s: float,
        poison: int = 0,
        patience_s: float = 300,
    ) -> Tally:
        """Let mails fall due over some seconds, and so many faults happen meanwhile."""
        noted = len(self.sink_log.read())
        squad = make_squad(mails, spread_s=spread_s, chance=self.chance, poison=poison)
        self.faults = Counter()
        chosen = self.chance.choices(list(kinds), list(kinds.values()), k=faults)
        for name in chosen:
            self.do_later(self.chance.uniform(0, 0.95 * spread_s), self.fault(name))
        last_fault_at = time.time()
        while self.later:
            at, _, action = heapq.heappop(self.later)
            time.sleep(max(0, at - time.monotonic()))
            action()
            last_fault_at = time.time()
        facts = self.sink_log.read()[noted:]
        give_up_at = time.monotonic() + patience_s
        while time.monotonic() < give_up_at and patiently(squad.still_open().exists):
            time.sleep(0.2)
        done_at = time.time()
        facts = self.sink_log.read()[noted:]
        orders = [fact for fact in facts if "order" in fact]
        last_fault_at = max([last_fault_at, *(fact["at"] for fact in orders)])
        self.faults.update(fact["order"] for fact in orders)
        tally = patiently(lambda: tallied(squad, facts))
        tally.injected, tally.faults = self.faults.total() + poison, self.faults
        tally.done_after_last_fault_s = max(0.0, done_at - last_fault_at)
        return tally

    def kills_on_the_wire(self, *, kills: int) -> Tally:
        """Kill workers on the wire; each time wait until the coach sees it."""
        total = Tally()
        for _ in range(kills):
            squad = make_squad(20, spread_s=10, chance=self.chance)
            self.kill_workers_on_the_wire()
            unclear = squad.deliveries().filter(state="UNCLEAR")
            wait_until(unclear.exists, seconds=300, what="an unclear mail shown")
            still_due = squad.deliveries().filter(state__in=["DUE", "CLAIMED", "TRANSMITTING"])
            wait_until(lambda due=still_due: not due.exists(), seconds=300, what="the other mails")
            total += tallied(squad, self.sink_log.read())
            total.injected += 1
        return total

    def broker_drill(self) -> float:
        """Kill the broker amid mails; return the seconds until one that fell due later has gone."""
        make_squad(40, spread_s=5, chance=self.chance)
        time.sleep(self.chance.uniform(2, 5))
        began = time.monotonic()
        self.kill_broker()
        after = make_squad(20, spread_s=5, chance=self.chance)
        sent = after.deliveries().filter(state="SENT")
        wait_until(sent.exists, seconds=300, what="mail after the broker came back")
        return time.monotonic() - began

    def rings_that_wait(self, *, seconds: float = 30) -> tuple[int, int]:
        """Let two beats ring while no worker is awake; return how often, and how many were heeded.

        The others were too old by the time a worker came to them.
        """
        broker = redis.Redis.from_url(self.environment["REDIS_URL"])
        workers = self.of_kind("worker")
        before = self.sweeps_begun()
        second = self.spawn(self.beat("schedule-2"), "second-beat")
        for pid in workers:
            os.killpg(pid, signal.SIGSTOP)
        time.sleep(seconds)
        end(second)
        rang = broker.llen("celery")
        for pid in workers:
            os.killpg(pid, signal.SIGCONT)
        wait_until(lambda: broker.llen("celery") == 0, seconds=60, what="an empty queue")
        return rang, self.sweeps_begun() - before

    def sweeps_begun(self) -> int:
        """Return how many sweeps the workers have begun since they started."""
        ask = [*CELERY, "coachsite", "inspect", "stats", "--json", "--timeout", "2"]
        said = subprocess.run(ask, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        workers = json.loads(said.stdout).values()
        return sum(each["total"].get("workouts.tasks.send_due_plans", 0) for each in workers)

    def control(self, mails: int) -> Tally:
        """Let one task mail everybody in a loop, and kill the workers when a third has gone."""
        from tests import naive

        noted = len(self.sink_log.read())
        addresses = [f"runner.{number}@control.example" for number in range(mails)]
        with naive.app.connection_for_write(self.environment["REDIS_URL"]) as broker:
            naive.mail_all.apply_async([addresses], connection=broker)

        def taken() -> list[str]:
            return [fact["taken"] for fact in self.sink_log.read()[noted:] if "taken" in fact]

        wait_until(lambda: len(taken()) >= mails / 3, seconds=60, what="a third of the mails")
        self.kill_workers()
        swept_at = time.time()
        wait_until(lambda: self.swept_since(swept_at), seconds=60, what="a worker back at work")
        time.sleep(2 * self.sweep_s)
        copies = Counter(taken())
        return Tally(
            injected=1,
            expected=mails,
            delivered=len(copies),
            lost=mails - len(copies),
            doubled=copies.total() - len(copies),
        )

    def swept_since(self, at: float) -> bool:
        from workouts.models import Heartbeat

        since = datetime.fromtimestamp(at, UTC)
        return bool(patiently(Heartbeat.objects.filter(part="sweep", beat_at__gt=since).exists))

    def fault(self, name: str) -> Callable[[], None]:
        def happen() -> None:
            if name in ANSWERS:
                self.order(name)
            elif getattr(self, name)():
                self.faults[name] += 1

        return happen


def tallied(squad: Squad, facts: Sequence[dict[str, Any]]) -> Tally:
    """Count what the mail server took beside what the database noted."""
    copies: dict[str, list[str]] = defaultdict(list)
    for fact in facts:
        if "taken" in fact:
            copies[fact["taken"]].append(fact["message_id"])
    states = states_of(squad)
    tally = Tally()
    rows = squad.deliveries().values_list("pk", "plan__week__athlete__email", "state", "last_error")
    for pk, email, state, last_error in rows:
        tally.states[state] += 1
        refused = state == "FAILED" and last_error[:1] == "5"
        if pk not in squad.poisoned and not refused:
            tally.expected += 1
            tally.delivered += bool(copies[email])
        ends = list(on_the_wire(states[pk]))
        cut_off = sum(is_cut_off for is_cut_off, _ in ends)
        second = max(0, len(copies[email]) - 1)
        tally.doubled += second
        tally.doubled_without_cause += second > cut_off
        tally.message_ids_twice += len(set(copies[email])) > 1
        tally.ambiguous += cut_off
        tally.unknown_shown += sum(cut and shown is not None for cut, shown in ends)
        slowest = max((shown for _, shown in ends if shown is not None), default=0.0)
        tally.slowest_unclear_shown_s = max(tally.slowest_unclear_shown_s, slowest)
    tally.lost = tally.expected - tally.delivered
    return tally


def patiently(ask: Callable[[], Any]) -> Any:
    """Ask the database, which may be away for a moment: its restart is one of the faults."""
    from django.db import InterfaceError, OperationalError, connection

    for _ in range(100):
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            time.sleep(0.3)
    return ask()


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


@contextlib.contextmanager
def fire(var: Path, database: dict[str, Any], **options: Any) -> Iterator[Fire]:
    """Run everything until the block ends; it is at work when a first sweep has been through."""
    from workouts.models import Heartbeat

    with every_state_noted():
        office = Fire(var, database, **options)
        try:
            Heartbeat.objects.all().delete()
            swept = Heartbeat.objects.filter(part="sweep")
            wait_until(swept.exists, seconds=60, what="the first sweep")
            yield office
        except BaseException:
            for log in sorted(var.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-3000:]}")
            raise
        finally:
            office.stop()


def supervise(commands: dict[str, list[str]]) -> int:
    """Keep these processes running, as bin/up does."""
    kept = [Child(name, command, behind=True) for name, command in commands.items()]
    supervisor = Supervisor(
        kept, cwd=str(ROOT), env=os.environ, say=lambda text: print(text, flush=True)
    )
    return supervisor.run(lambda: True)


if __name__ == "__main__":
    sys.exit(supervise(json.loads(sys.argv[1])))
