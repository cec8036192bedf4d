"""Measure publishing: the week of a whole team, its preview, and the same week again.

    python bench/publish.py

A team of 50, 100 and 500 athletes has a full week each, seven sessions of which two are on the
track, in a SQLite database of its own. Printed are the seconds and the queries of looking ahead,
of the first publication, of one that changes nothing, of one after every week was changed, and of
three weeks at once. Nothing is asserted.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import pages

SIZES = (50, 100, 500)
WEEKS = [pages.MONDAY + timedelta(weeks=number) for number in range(3)]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="coachsite-bench-") as folder:
        pages.set_up(Path(folder))
        from tests.make import make_user

        coach = make_user(email="coach@club.example")
        print(f"{'athletes':<10}{'':<34}{'seconds':>9}{'queries':>9}  weeks")
        for size in SIZES:
            team = pages.make_squad(coach, size, [])
            for starts_on in WEEKS:
                draft_week(team, starts_on)
            for what, seconds, queries, came_to in publish_all(team, coach):
                print(f"{size:<10}{what:<34}{seconds:9.2f}{queries:9}  {came_to}")


def draft_week(team: Any, starts_on: Any) -> None:
    """Plan a full week for each athlete, and leave it a draft."""
    from workouts.models import PublishedPlan

    pages.plan_week(list(team.athletes.order_by("pk")), starts_on)
    PublishedPlan.objects.filter(week__athlete__team=team).delete()


def publish_all(team: Any, coach: Any) -> list[tuple[str, float, int, str]]:
    """Publish in each way; return what, the seconds, the queries, and what it came to."""
    from workouts import planning
    from workouts.models import Session

    now = datetime.now(UTC)
    everyone = team.athletes.all()
    weeks = {"starts_on": WEEKS[0]}

    def look() -> str:
        found = planning.prospects(everyone, now=now, **weeks)
        return f"{sum(one.state in ('first', 'again') for one in found)} would be published"

    def publish(minutes: int, ahead: int = 0) -> str:
        at = now + timedelta(minutes=minutes)
        done = planning.publish_weeks(everyone, now=at, by=coach, ahead=ahead, **weeks)
        return f"{done.published} published, {done.unchanged} unchanged"

    lines = [
        measured("preview of a first publication", look),
        measured("first publication", lambda: publish(1)),
        measured("nothing changed", lambda: publish(2)),
    ]
    Session.objects.filter(week__athlete__team=team, weekday=2).update(weekday=3)
    return [
        *lines,
        measured("preview of a change to each", look),
        measured("a change to each", lambda: publish(3)),
        measured("three weeks, two of them new", lambda: publish(4, ahead=2)),
    ]


def measured(what: str, work: Callable[[], str]) -> tuple[str, float, int, str]:
    from django.db import connection

    count = 0

    def counting(execute: Any, *args: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*args)

    with connection.execute_wrapper(counting):
        begun = time.perf_counter()
        came_to = work()
        return what, time.perf_counter() - begun, count, came_to


if __name__ == "__main__":
    main()
