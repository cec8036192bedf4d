"""Measure a session for a whole team at once: the preview, and the adding, through the real view.

    python bench/group_apply.py

Teams of 100, 200 and 500 athletes in a temporary SQLite database, each with six full weeks, one of
which is the week in question or the week before it. In the empty week everyone fits, in the full
one nobody does, and each is offered other days. Prints seconds of the request, drawing included,
and queries; 500 athletes are to take less than 3 s. Nothing is asserted.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import pages

AIM_S = 3
SIZES = (100, 200, 500)
FULL_WEEK = pages.MONDAY + timedelta(weeks=1)
EMPTY_WEEK = FULL_WEEK + timedelta(weeks=1)
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="coachsite-bench-") as folder:
        pages.set_up(Path(folder))
        from django.test import Client

        from tests.make import make_user

        coach = make_user(email="coach@club.example")
        client = Client(headers={"HX-Request": "true", "Host": "localhost"})
        client.force_login(coach)
        print(f"{'athletes':>8}  {'request':<22}{'seconds':>8}{'queries':>9}{'KiB':>7}")
        for size in SIZES:
            team = pages.make_squad(coach, size, [])
            for ago in range(6):
                plan_week(team.athletes.order_by("pk"), FULL_WEEK - timedelta(weeks=ago))
            for week, words in ((EMPTY_WEEK, "all fit"), (FULL_WEEK, "nobody fits")):
                for button in ("preview", "add"):
                    seconds, queries, kib = press(client, team, week, button)
                    name = f"{button}, {words}"
                    over = "" if seconds < AIM_S else f"  over {AIM_S} s"
                    print(f"{size:>8}  {name:<22}{seconds:8.2f}{queries:9}{kib:7.0f}{over}")


def plan_week(athletes: Sequence[Any], starts_on: date) -> None:
    """Plan seven sessions, two of them on the track, for each athlete."""
    from workouts.models import Session, Surface, TrainingWeek

    weeks = TrainingWeek.objects.bulk_create(
        TrainingWeek(athlete=athlete, starts_on=starts_on, track_limit=2) for athlete in athletes
    )
    shapes = pages.week_shapes()
    Session.objects.bulk_create(
        Session(
            week=week,
            weekday=day,
            track_limit=2,
            track_slot=slot,
            surface=Surface.TRACK if slot else "",
            **recipe,
        )
        for number, week in enumerate(weeks)
        for day, slot, recipe in shapes[number % pages.WEEK_SHAPES]
    )


def press(client: Any, team: Any, week: date, button: str) -> tuple[float, int, float]:
    """Ask for a track session for everyone; return the best seconds, the queries, and the KiB.

    What is added is taken back, so that each round finds the same.
    """
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    from workouts.models import Kind, Workout

    workout = Workout.objects.filter(team=None, kind=Kind.TRACK).earliest("pk")
    data = {"whom": "everyone", "weekday": "6", "workout": workout.pk}
    data |= {"preview": "1"} if button == "preview" else {}
    best = float("inf")
    for _ in range(ROUNDS):
        with contextlib.suppress(_TakenBack), transaction.atomic():
            with CaptureQueriesContext(connection) as queries:
                begun = time.perf_counter()
                answer = client.post(reverse("session_add", args=[team.slug, week]), data)
                best = min(best, time.perf_counter() - begun)
            if answer.status_code not in (200, 422):
                raise SystemExit(f"the answer was {answer.status_code}")
            raise _TakenBack
    return best, len(queries), len(answer.content) / 1024


class _TakenBack(Exception):
    """Ends a transaction that is not to be kept."""


if __name__ == "__main__":
    main()
