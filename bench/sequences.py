"""Plan at random, many times over: two coaches, all that a coach can do, the rule after each step.

    python bench/sequences.py            # 10,000 sequences on SQLite
    DATABASE_URL=postgres://… python bench/sequences.py --count 2000

The machine is that of tests/week_machine.py. After every step it asks the database for weeks over
their limit, for sessions that should be there and are not, and for rows that the history does not
know as they are; the first of either ends the run with the steps that led to it.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def run(count: int, steps: int) -> tuple[int, int]:
    """Run `count` sequences on a test database of this process; return sequences and steps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coachsite.settings")
    os.environ["COACHSITE_VAR"] = tempfile.mkdtemp(prefix="coachsite-bench-")
    import django

    django.setup()
    from django.conf import settings as site
    from django.db import connections
    from django.test.utils import get_runner, setup_test_environment
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis.stateful import run_state_machine_as_test

    setup_test_environment()
    site.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    databases = get_runner(site)(verbosity=0, interactive=False)
    for database in connections.all():  # SQLite's lies in memory
        if database.vendor != "sqlite":
            database.settings_dict["TEST"]["NAME"] = f"sequences_{os.getpid()}"
    old = databases.setup_databases()
    try:
        from tests.week_machine import Planning

        run_state_machine_as_test(
            Planning,
            settings=settings(
                max_examples=count,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
                phases=(Phase.generate, Phase.shrink),
            ),
        )
        return Planning.sequences, Planning.steps
    finally:
        databases.teardown_databases(old)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=12, help="at most, in a sequence")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    begun = time.monotonic()
    share = options.count // options.processes
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        futures = [pool.submit(run, share, options.steps) for _ in range(options.processes)]
        done = [future.result() for future in futures]
    sequences, steps = (sum(one) for one in zip(*done, strict=True))
    print(
        f"sequences={sequences} steps={steps} weeks_over_limit=0 sessions_lost=0 "
        f"unknown_to_history=0 seconds={time.monotonic() - begun:.0f}"
    )


if __name__ == "__main__":
    main()
