"""What a coach should think about when hard days stand close together; pure, and never a block.

Sources: see "Hard days" in docs/sources.md, and what the founding text says there of spacing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final
from zlib import crc32

FAST_KINDS: Final = frozenset(
    ("TRACK", "INTERVALS", "TEMPO", "THRESHOLD", "PROGRESSION", "FARTLEK", "RACE")
)
LONGEST_DAYS: Final = 30
MUCH_LONGER: Final = 1.10
ENOUGH_RUNS: Final = 3  # fewer say nothing of what an athlete is used to
NO_RUN: Final = frozenset(("CROSS", "STRENGTH", "REST"))
ROLLING_DAYS: Final = 7
ONE_DAY: Final = timedelta(days=1)


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


def doubts(
    sessions: Iterable[Day],
    *,
    level: str = "intermediate",
    birth_year: int | None = None,
    absent: Mapping[date, str] | None = None,
) -> list[Doubt]:
    """Return what is doubtful about sessions that follow each other, in the order of the days.

    A day without a hard session should lie between two that are hard, two days for beginners and
    runners over 50. Give the days around a week too: a Sunday and the Monday after it are
    neighbours, whatever the calendar week. `absent` says why the athlete cannot train on a day.
    """
    days = sorted(sessions, key=lambda day: day.on)
    found = [
        *_close(days, level, birth_year),
        *_crowded([day for day in days if day.on_track]),
        *_long_runs(days),
        *_longest([day for day in days if day.kind not in NO_RUN]),
        *_absent(days, absent or {}),
    ]
    return sorted(found, key=lambda doubt: (doubt.on, doubt.key))


def rest_days(level: str, age: int | None) -> int:
    """Return how many days without a hard one should lie between two hard days."""
    return 2 if level.lower() == "beginner" or (age is not None and age > 50) else 1


def _doubt(sort: str, on: date, words: str) -> Doubt:
    """Return a doubt whose key changes with what it says: who accepts it accepts just that."""
    return Doubt(f"{sort}:{on:%Y-%m-%d}:{crc32(words.encode()):08x}", on, words)


def _close(days: Sequence[Day], level: str, birth_year: int | None) -> Iterator[Doubt]:
    for one, two in pairwise(day for day in days if day.is_hard):
        between = (two.on - one.on).days - 1
        wanted = rest_days(level, two.on.year - birth_year if birth_year else None)
        if between >= wanted:
            continue
        apart = {-1: "on one day", 0: "on days in a row"}.get(between, "with one day between")
        yield _doubt(
            "hard",
            two.on,
            f"{one} and {two} are hard, {apart}: leave {'two days' if wanted == 2 else 'a day'} of "
            "easy running, cross-training or rest between.",
        )


def _crowded(tracks: Sequence[Day]) -> Iterator[Doubt]:
    for three in zip(tracks, tracks[1:], tracks[2:], strict=False):
        first, *_, last = three
        span = (last.on - first.on).days + 1
        if span <= ROLLING_DAYS:
            yield _doubt(
                "seven",
                last.on,
                f"{three[0]}, {three[1]} and {last}: three track sessions in {span} days.",
            )


def _long_runs(days: Sequence[Day]) -> Iterator[Doubt]:
    hard: dict[date, list[Day]] = {}
    for day in days:
        if day.is_hard:
            hard.setdefault(day.on, []).append(day)
    for two in days:
        for one in hard.get(two.on - ONE_DAY, ()) if two.kind == "LONG" else ():
            yield _doubt(
                "long",
                two.on,
                f"{two} is a long run on the day after {one}: put a day between.",
            )


def _absent(days: Sequence[Day], absent: Mapping[date, str]) -> Iterator[Doubt]:
    for day in days:
        if why := absent.get(day.on) if day.kind != "REST" else "":
            yield _doubt("absent", day.on, f"{day} is on a day without training: {why}.")


def _longest(runs: Sequence[Day]) -> Iterator[Doubt]:
    """Yield runs over 110 % of the longest of the 30 days before, where there were three or more.

    A range counts with its upper end. Where one of them goes by time, nobody knows the longest.
    """
    first = 0
    for index, day in enumerate(runs):
        while runs[first].on < day.on - timedelta(days=LONGEST_DAYS):
            first += 1
        before = [run.distance_m for run in runs[first:index] if run.on < day.on]
        longest = max((metres or 0 for metres in before), default=0)
        if day.kind == "RACE" or not day.distance_m or day.distance_m <= MUCH_LONGER * longest:
            continue
        if len(before) < ENOUGH_RUNS or None in before:
            continue
        over = 100 * (day.distance_m / longest - 1)
        yield _doubt(
            "longest",
            day.on,
            f"{day} is {day.distance_m / 1000:.1f} km, {over:.0f} % over the longest run of the "
            f"{LONGEST_DAYS} days before ({longest / 1000:.1f} km).",
        )
