"""What a coach should think about when hard days stand close together; pure, and never a block.

Sources: see "Hard days" in docs/sources.md, and what the founding text says there of spacing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations, pairwise
from typing import Final

FAST_KINDS: Final = frozenset(
    ("TRACK", "INTERVALS", "TEMPO", "THRESHOLD", "PROGRESSION", "FARTLEK", "RACE")
)
LONGEST_DAYS: Final = 30
MUCH_LONGER: Final = 1.10
ROLLING_DAYS: Final = 7
MOST_TRACK: Final = 2


@dataclass(frozen=True, slots=True)
class Day:
    """One session as planned; `distance_m` is None where it goes by time."""

    on: date
    title: str
    kind: str
    on_track: bool
    distance_m: float | None = None

    @property
    def is_hard(self) -> bool:
        return self.kind in FAST_KINDS

    def __str__(self) -> str:
        return f"{self.on:%A} {self.title}"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something to think about: `on` is the day it shows at, `key` tells it from others."""

    key: str
    on: date
    words: str


def doubts(sessions: Iterable[Day], *, rest_days: int = 1) -> list[Doubt]:
    """Return what is doubtful about sessions that follow each other, in the order of the days.

    `rest_days` is how many days without a hard session should lie between two that are hard: one,
    or two for beginners and runners over 50. Give the days around a week too: a Sunday and the
    Monday after it are neighbours, whatever the calendar week.
    """
    days = sorted(sessions, key=lambda day: day.on)
    found = [
        *_close(days, rest_days),
        *_crowded([day for day in days if day.on_track]),
        *_long_runs(days),
        *_longest(days),
    ]
    return sorted(found, key=lambda doubt: (doubt.on, doubt.key))


def rest_days(level: str, age: int | None) -> int:
    """Return how many days without a hard one should lie between two hard days."""
    return 2 if level.lower() == "beginner" or (age is not None and age > 50) else 1


def _close(days: Sequence[Day], rest_days: int) -> Iterator[Doubt]:
    for one, two in pairwise(day for day in days if day.is_hard):
        between = (two.on - one.on).days - 1
        if between >= rest_days:
            continue
        apart = {-1: "on one day", 0: "on days in a row"}.get(between, "with one day between")
        wanted = "two days" if rest_days == 2 else "a day"
        yield Doubt(
            f"hard:{one.on:%Y-%m-%d}:{two.on:%Y-%m-%d}",
            two.on,
            f"{one} and {two} are hard, {apart}: leave {wanted} of easy running, cross-training or "
            "rest between.",
        )


def _crowded(tracks: Sequence[Day]) -> Iterator[Doubt]:
    for three in zip(tracks, tracks[1:], tracks[2:], strict=False):
        first, *_, last = three
        span = (last.on - first.on).days + 1
        if span <= ROLLING_DAYS:
            yield Doubt(
                f"seven:{first.on:%Y-%m-%d}:{last.on:%Y-%m-%d}",
                last.on,
                f"{three[0]}, {three[1]} and {last}: three track sessions in {span} days.",
            )


def _long_runs(days: Sequence[Day]) -> Iterator[Doubt]:
    for one, two in combinations(days, 2):
        if one.is_hard and two.kind == "LONG" and (two.on - one.on).days == 1:
            yield Doubt(
                f"long:{two.on:%Y-%m-%d}",
                two.on,
                f"{two} is a long run on the day after {one}: put a day between.",
            )


def _longest(days: Sequence[Day]) -> Iterator[Doubt]:
    """Yield runs over 110 % of the longest of the 30 days before, where there was one."""
    for day in days:
        before = [
            other.distance_m
            for other in days
            if other.distance_m and timedelta(0) < day.on - other.on <= timedelta(LONGEST_DAYS)
        ]
        if not day.distance_m or len(before) < 3 or day.distance_m <= MUCH_LONGER * max(before):
            continue
        over = 100 * (day.distance_m / max(before) - 1)
        yield Doubt(
            f"longest:{day.on:%Y-%m-%d}",
            day.on,
            f"{day} is {day.distance_m / 1000:.1f} km, {over:.0f} % over the longest run of the "
            f"{LONGEST_DAYS} days before ({max(before) / 1000:.1f} km).",
        )
