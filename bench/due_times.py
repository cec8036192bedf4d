"""Reckon when plans fall due in every zone, on every day of three years, at five hours each.

    python bench/due_times.py

What is lost, doubled or on another local date should be nothing; `shifted` are those whose hour the
clocks skip: up to two hours later, or one earlier at the end of a day.
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "coachsite.settings"
    os.environ.setdefault("SECRET_KEY", "none is needed")

    import django

    django.setup()
    from tests.due_times import ZONES, every_day, tally

    began = time.perf_counter()
    days = every_day()
    found: Counter[str] = Counter()
    for zone in ZONES:
        found.update(tally(zone, days))
    facts = " ".join(f"{name.replace(' ', '_')}={count}" for name, count in found.items())
    print(f"zones={len(ZONES)} days={len(days)} {facts} seconds={time.perf_counter() - began:.0f}")


if __name__ == "__main__":
    main()
