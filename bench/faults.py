"""Put the post office under fire, and print what was lost, doubled and left unclear.

    python bench/faults.py                                      # some three minutes
    python bench/faults.py --deliveries 3000 --faults 300
    python bench/faults.py --broker 20      # Redis killed and back empty; until mail flows again
    python bench/faults.py --beats          # two of them ring, and no worker is awake to hear
    python bench/faults.py --control        # one kill, one task that loops over send_mail
    python bench/faults.py --unscaled       # workers killed on the wire; nothing made shorter

PostgreSQL, Redis, two workers, beat and an SMTP server that misbehaves to order run as processes of
their own; see tests/fire.py for the faults. A minute of the post office (lease 15, hold 30, tries
after 1, 2, 4 …) lasts --minute seconds, and beat asks every second; all else takes its real time.
"""

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bin")]

import _servers  # noqa: E402

from bench.main_job import database  # noqa: E402

KILLS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deliveries", type=int, default=400)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--broker", type=int, metavar="TIMES", help="only kill the broker")
    parser.add_argument("--control", action="store_true", help="only the negative control")
    parser.add_argument("--beats", action="store_true", help="only two beats and no worker awake")
    parser.add_argument("--part", help="only this part of the run, such as frozen")
    parser.add_argument("--unscaled", action="store_true", help="only kills, in real minutes")
    parser.add_argument("--minute", type=float, default=1.0, help="seconds of a minute (1)")
    parser.add_argument("--pause", type=float, default=1.5, help="seconds from fault to fault")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="coachsite-bench-") as folder,
        cluster() as (url, restart),
        database(Path(folder), {"DATABASE_URL": url}),
    ):
        print(f"seed={options.seed}", flush=True)
        run(Path(folder), options, restart)


def run(var: Path, options: argparse.Namespace, restart: Callable[[float], None]) -> None:
    from django.db import connection

    from tests.fire import fire

    times = {"minute_s": 60, "sweep_s": 20} if options.unscaled else {"minute_s": options.minute}
    with fire(
        var / "fire",
        connection.settings_dict,
        seed=options.seed,
        restart_database=restart,
        app="tests.naive" if options.control else "coachsite",
        **times,
    ) as office:
        if options.control:
            print(office.control(options.deliveries))
        elif options.beats:
            print(
                "two beats rang {} times while no worker was awake, {} were heeded".format(
                    *office.rings_that_wait()
                )
            )
        elif options.broker:
            broker(office, options.broker)
        elif options.unscaled:
            print(office.kills_on_the_wire(kills=KILLS))
        else:
            everything(office, options)


# The parts of a run -------------------------------------------------------------------------------
def everything(office, options: argparse.Namespace) -> None:
    """Run one kind of fault after the other, then all of them at once."""
    from tests import fire

    parts = {
        "processes": (fire.PROCESS_FAULTS, 0.12),
        "broker": (fire.BROKER_FAULTS, 0.04),
        "answers": (fire.ANSWERS, 0.24),
        "frozen": (fire.FROZEN, 0.015),
        "beats, clock": (fire.CLOCK_FAULTS, 0.04),
        "database": (fire.DATABASE_FAULTS, 0.02),
        "away": (fire.ANSWERS, 0.02),
        "all": (fire.ALL_FAULTS | fire.DATABASE_FAULTS, 0.52),
    }
    total = fire.Tally()
    for name, (kinds, share) in parts.items():
        if options.part not in (None, name):
            continue
        faults = max(1, round(share * options.faults))
        # One worker is frozen at a time, for longer than its lease.
        pause_s = 25 * options.minute if name == "frozen" else options.pause
        spread_s = max(10, faults * pause_s)
        if name == "away":
            # For half a minute the one, for five minutes the other, and mails due all the while.
            for after_s, fault in zip((5, 60), fire.AWAY_FAULTS, strict=True):
                office.do_later(after_s, office.fault(fault))
            spread_s = 420
        # Each part has mails enough for its faults, and at least a tenth of all.
        mails = max(round(share * options.deliveries), options.deliveries // 15, 20)
        tally = office.part(
            mails,
            faults,
            kinds,
            spread_s=spread_s,
            poison=mails // 100 if name == "all" else 0,
        )
        total += tally
        print(f"{name}: deliveries={mails} {tally}", flush=True)
        print(f"  {listed(tally.faults)}; {listed(tally.states)}", flush=True)
    print(f"total: deliveries={total.states.total()} {total}")
    print(f"restarted by the supervisor: {office.restarts()}")


def listed(counts) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def broker(office, times: int) -> None:
    """Kill the broker again and again, and print how long mail then took to flow anew."""
    seconds = []
    for _ in range(times):
        seconds.append(office.broker_drill())
        print(f"{seconds[-1]:.1f}", end=" ", flush=True)
    within = sum(took <= 60 for took in seconds)
    print(f"\nbroker killed and back empty: mail flowed within 60 s {within} of {times} times")
    print(f"slowest_s={max(seconds):.1f}; restarted by the supervisor: {office.restarts()}")


# The database -------------------------------------------------------------------------------------
@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, Callable[[float], None]]]:
    """Run PostgreSQL; yield its address, and what stops it as a crash would, for some seconds."""
    with _servers.postgresql() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            # bin/_servers.py lets a commit return before it is written; a crash would undo it.
            connection.execute("ALTER ROLE coachsite SET synchronous_commit = on")
            folder = connection.execute("SHOW data_directory").fetchone()[0]
        control = [f"{_servers.postgresql_folder()}/pg_ctl", "--pgdata", folder]
        control += ["--mode", "immediate", "--log", f"{folder}/restarts.log"]

        def do(what: str) -> None:
            become = _servers.unprivileged()
            quiet = subprocess.DEVNULL
            subprocess.run([*control, what], preexec_fn=become, cwd="/", stdout=quiet, stderr=quiet)

        def restart(away_s: float) -> None:
            if away_s:
                do("stop")
                time.sleep(away_s)
            # Not "start", which knows nothing of the options that the first one had.
            do("restart")

        try:
            yield url, restart
        finally:
            # One that was restarted is no child of ours any more.
            do("stop")


if __name__ == "__main__":
    main()
