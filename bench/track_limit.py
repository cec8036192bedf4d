"""Race for the track slots of many weeks, in a database made for it and destroyed afterwards.

    python bench/track_limit.py --attempts 12000 --processes 6

It uses the server of DATABASE_URL, or a SQLite file. First the constraints are dropped: a writer
that counts before it inserts must break weeks then, else the race proves nothing. Exit status 1 if
a week came out wrong, or if the control broke none.
"""

import argparse
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
CONTROL_WEEKS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=12_000)
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coachsite.settings")

    import django
    from django.conf import settings
    from django.db import connection

    django.setup()
    # Not the name that the tests use: both may run.
    name = f"bench_{os.getpid()}"
    if connection.vendor == "sqlite":
        name = str(Path(settings.VAR_DIR) / f"{name}.sqlite3")
    connection.settings_dict["TEST"]["NAME"] = name
    own_name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        return race(options)
    finally:
        connection.creation.destroy_test_db(own_name, verbosity=0)


def race(options: argparse.Namespace) -> int:
    from django.db import connection

    from tests.racing import racing
    from tests.track_race import make_weeks, race_for_slots, weeks_broken_by_counting
    from tests.track_race import without_the_rule as without_rule
    from workouts.models import TrainingWeek

    with racing(options.processes) as racers:
        control = make_weeks(CONTROL_WEEKS)
        with without_rule():
            broken = weeks_broken_by_counting(racers, control)
        TrainingWeek.objects.all().delete()
        control[0].athlete.team.delete()
        tally = race_for_slots(
            racers, seed=options.seed, weeks=options.attempts // options.processes
        )
    print(f"{connection.vendor}, without the constraints: {broken} of {CONTROL_WEEKS} weeks broken")
    print(tally)
    wrong = [*tally.errors, *tally.unfilled]
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong or tally.over_two or tally.over_limit or not broken else 0


if __name__ == "__main__":
    sys.exit(main())
