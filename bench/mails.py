"""Send the week of many athletes through real Celery, Redis, PostgreSQL and SMTP, and time it.

    python bench/mails.py                     # 1,000 athletes
    python bench/mails.py --athletes 10000

What bounds it is measured in the same run: how many mails the same SMTP server takes from two
senders that only hand over ready bytes, and how many two processes draw that send none. CPU is that
of the worker with its children. The database is made for the run, with fsync off as in bin/test.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import re
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bin")]

from bench.main_job import database, servers  # noqa: E402
from bench.pages import MONDAY, cpu_seconds, make_squad  # noqa: E402
from tests.processes import PostOffice, end, free_port, wait_until  # noqa: E402

SENDERS = 2  # as many as the worker has children
PROBE = 2000  # mails of a probe
SWEEP_SECONDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--athletes", type=int, default=1000)
    parser.set_defaults(servers=True, database_url=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coachsite-bench-") as folder:
        var = Path(folder)
        with servers(var, options) as environment, database(var, environment):
            run(var, options.athletes)


def run(var: Path, athletes: int) -> None:
    from django.db import connections

    from tests.make import make_user

    make_squad(make_user(), athletes, [MONDAY + timedelta(days=7)])
    letters = some_letters()
    print(f"{athletes} athletes; a mail is {sum(map(len, letters)) / len(letters) / 1024:.1f} KiB")
    connections.close_all()
    with sink(var) as one:
        raw = rate(hand_over, (one.port, letters))
    connections.close_all()
    drawn = rate(draw, ())
    with sink(var) as one, worker(var, one.port) as office:
        sent = send(office, athletes)
    print_result(sent, raw=raw, drawn=drawn, arrived=one.report())


# The SMTP server ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sink:
    """`bench/sink.py` in a process of its own; its report is there once it has ended."""

    port: int
    path: Path

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.path.read_text()))


@contextlib.contextmanager
def sink(var: Path) -> Iterator[Sink]:
    one = Sink(free_port(), var / "arrived.json")
    command = [sys.executable, str(ROOT / "bench" / "sink.py"), "--port", str(one.port)]
    process = subprocess.Popen([*command, "--report", str(one.path)], start_new_session=True)

    def answers() -> bool:
        with contextlib.suppress(OSError), smtplib.SMTP("127.0.0.1", one.port):
            return True
        return False

    try:
        wait_until(answers, seconds=10, what="the SMTP server")
        yield one
    finally:
        end(process, signal.SIGTERM)


# What bounds it -----------------------------------------------------------------------------------


def some_letters() -> list[bytes]:
    """Return the bytes of some of the mails, one for each shape of week."""
    from workouts.delivery import plan_message
    from workouts.models import Delivery

    return [plan_message(one).in_bytes for one in Delivery.objects.order_by("pk")[:12]]


def rate(work: Callable[..., None], arguments: tuple[Any, ...]) -> float:
    """Return how many mails a second SENDERS processes do together, each PROBE mails."""
    context = multiprocessing.get_context("fork")
    meet = context.Barrier(SENDERS + 1)
    processes = [
        context.Process(target=at_once, args=(meet, work, arguments)) for _ in range(SENDERS)
    ]
    for process in processes:
        process.start()
    meet.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    assert not any(process.exitcode for process in processes)
    return SENDERS * PROBE / (time.perf_counter() - began)


def at_once(meet: Any, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    meet.wait()
    work(*arguments)


def hand_over(port: int, letters: Sequence[bytes]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for number in range(PROBE):
            letter = letters[number % len(letters)]
            connection.sendmail("plans@club.example", f"{number}@club.example", letter)


def draw() -> None:
    """Draw mails of plans that are read already: words, text, HTML and bytes."""
    from workouts.delivery import Bag, plan_message
    from workouts.models import Delivery

    some = list(Delivery.objects.values_list("pk", flat=True)[:50])
    bag = Bag.of(Delivery.objects.filter(pk__in=some))
    plans = list(bag.deliveries.values())
    for number in range(PROBE):
        plan_message(plans[number % len(plans)], bag=bag)


# The run ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """What came of a run; memory in MiB, of the worker with its children."""

    mails: int
    seconds: float
    cpu_s: float
    memory: list[float]


@contextlib.contextmanager
def worker(var: Path, smtp_port: int) -> Iterator[PostOffice]:
    """Run worker and beat as bin/up does."""
    from django.db import connection

    from workouts.models import Heartbeat

    office = PostOffice(var, connection.settings_dict, smtp_port, sweep_seconds=SWEEP_SECONDS)
    try:
        for name in ("worker", "beat"):
            office.start(name)
        working = Heartbeat.objects.filter(part="sweep").exists
        wait_until(working, seconds=60, what="the first sweep")
        yield office
    except BaseException:
        office.print_logs()
        raise
    finally:
        for name in list(office.processes):
            office.stop(name)


def send(office: PostOffice, athletes: int) -> Sent:
    """Make all mails due, ring the sweep, and wait for the last."""
    from django.db.models import Max

    from workouts.models import Delivery
    from workouts.tasks import send_due_plans

    pid = office.processes["worker"].pid
    now = datetime.now(UTC)
    Delivery.objects.update(state="DUE", sent_at=None, due_at=now, next_try_at=None)
    memory, used = [memory_of(pid)], cpu_seconds(pid)
    began = datetime.now(UTC)
    send_due_plans.delay()
    sent = Delivery.objects.filter(state="SENT")

    def there_are(count: float) -> bool:
        time.sleep(1)  # to count is work for the database too
        return sent.count() >= count

    wait_until(lambda: there_are(athletes / 2), seconds=60 + athletes / 50, what="the half")
    memory.append(memory_of(pid))
    wait_until(lambda: there_are(athletes), seconds=60 + athletes / 50, what="the last mail")
    memory.append(memory_of(pid))
    last = sent.aggregate(at=Max("sent_at"))["at"]
    return Sent(athletes, (last - began).total_seconds(), cpu_seconds(pid) - used, memory)


def memory_of(session: int) -> float:
    """Return what the processes of a session hold in memory, shared pages by halves (PSS)."""
    kib = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, AttributeError):
            if os.getsid(int(folder.name)) == session:
                found = re.search(r"^Pss:\s+(\d+)", (folder / "smaps_rollup").read_text(), re.M)
                kib += int(found[1])  # type: ignore[index]
    return kib / 1024


def print_result(sent: Sent, *, raw: float, drawn: float, arrived: dict[str, Any]) -> None:
    mails = Counter({(to, message_id): count for to, message_id, count in arrived["mails"]})
    receivers = Counter(to for to, _ in mails)
    speed = sent.mails / sent.seconds
    start, middle, last = sent.memory
    print(
        f"arrived: {mails.total()} mails, {len(receivers)} receivers, "
        f"{mails.total() - len(mails)} twice, {len(receivers) - len(mails)} Message-IDs too few, "
        f"{arrived['connections']} connections"
    )
    print(f"sent:    {speed:6.0f} mails/s, all in {sent.seconds:.1f} s")
    print(f"SMTP:    {raw:6.0f} mails/s, ready bytes over two connections; ratio {speed / raw:.2f}")
    print(f"drawn:   {drawn:6.0f} mails/s, two processes, none sent; ratio {speed / drawn:.2f}")
    print(f"CPU:     {1000 * sent.cpu_s / sent.mails:6.2f} ms of the worker a mail")
    print(
        f"memory:  {start:.0f} MiB before, {middle:.0f} amid, {last:.0f} after (worker, 2 children)"
    )


if __name__ == "__main__":
    main()
