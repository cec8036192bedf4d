"""Where the dots and lines of a small chart go: VDOT and race times over the years.

A chart is drawn by a template on a sheet of `WIDTH` by `HEIGHT`; up is always better. Races that
drive no paces are left out: they do not show how an athlete runs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from athletes.measures import distance_name, format_clock
from athletes.paces import PaceOutOfRange
from athletes.paces import vdot as vdot_of
from athletes.predictions import Race, athlete_paces

WIDTH: Final = 260
HEIGHT: Final = 132
RIGHT, TOP, BOTTOM = 246, 8, 108
LETTER: Final = 6.4  # the width of a figure of an axis
LONGEST_LINE: Final = 40  # race days on the line of VDOT; older ones are dots only
_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_POINTS: Final = (0.5, 1, 2, 5, 10, 20)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60)


@dataclass(frozen=True, slots=True)
class Dot:
    """One result on a chart: its place, what it is in words, and whether it is a PR."""

    x: float
    y: float
    words: str
    on: date
    value: str
    is_record: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, `at` units along the sheet."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart to draw: `line` as SVG says it, `left` where it begins, `summary` for a reader."""

    key: str
    title: str
    summary: str
    dots: tuple[Dot, ...]
    line: str
    left: float
    up: tuple[Tick, ...]
    across: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class _Point:
    on: date
    value: float
    words: str = ""
    is_record: bool = False


def vdot_chart(races: Sequence[tuple[Race, bool]], *, today: date) -> Chart | None:
    """Return the VDOT of each dated race, with the level that all of them gave on those days.

    `races` come with whether each is a PR. None where fewer than two can be drawn.
    """
    dots = []
    for race, is_record in races:
        if race.raced_on is None or not race.representative:
            continue
        try:
            value = vdot_of(distance_m=race.distance_m, time_s=race.time_s)
        except PaceOutOfRange:
            continue
        dots.append(_Point(race.raced_on, value, f"{race.name}, VDOT {value:.1f}", is_record))
    days = sorted({dot.on for dot in dots})[-LONGEST_LINE:]
    every = [race for race, _ in races]
    level = []
    for day in [*days, today]:
        known = [race for race in every if race.raced_on is None or race.raced_on <= day]
        if paces := athlete_paces(known, today=day):
            level.append(_Point(day, paces.vdot))
    return _chart(
        "vdot",
        "VDOT",
        dots,
        level,
        today=today,
        word=lambda value: f"{value:.1f}",
        tick=lambda value: f"{value:g}",
        steps=_POINTS,
        less_is_better=False,
    )


def distance_charts(races: Iterable[tuple[Race, bool]], *, today: date) -> list[Chart]:
    """Return the times at each distance that was raced twice or more on known days."""
    dated = [pair for pair in races if pair[0].raced_on and pair[0].representative]
    dated.sort(key=lambda pair: pair[0].distance_m)
    charts = []
    for distance_m, group in groupby(dated, key=lambda pair: pair[0].distance_m):
        dots = [
            _Point(race.raced_on, float(race.time_s), race.name, is_record)
            for race, is_record in group
            if race.raced_on
        ]
        chart = _chart(
            f"{float(distance_m):g}".replace(".", "-"),
            distance_name(distance_m),
            dots,
            dots,
            today=today,
            word=format_clock,
            tick=format_clock,
            steps=_SECONDS,
            less_is_better=True,
        )
        charts += [chart] if chart else []
    return charts


def _chart(
    key: str,
    title: str,
    dots: Sequence[_Point],
    line: Sequence[_Point],
    *,
    today: date,
    word: Callable[[float], str],
    tick: Callable[[float], str],
    steps: Sequence[float],
    less_is_better: bool,
) -> Chart | None:
    if len({dot.on for dot in dots}) < 2:
        return None
    dots = sorted(dots, key=lambda dot: dot.on)
    line = sorted(line, key=lambda point: point.on)
    values = [point.value for point in (*dots, *line)]
    # Wide enough that a round value always lies between low and high.
    margin = max((max(values) - min(values)) * 0.08, steps[0] / 2)
    low, high = min(values) - margin, max(values) + margin
    worst, best = (high, low) if less_is_better else (low, high)
    first = min(point.on for point in (*dots, *line))
    days = max((today - first).days, 1)
    marks = [(value, tick(value)) for value in _marks(low, high, steps)]
    left = 12 + LETTER * max(len(words) for _, words in marks)

    def x(on: date) -> float:
        return round(left + (RIGHT - left) * (on - first).days / days, 1)

    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (value - worst) / (best - worst), 1)

    return Chart(
        key=key,
        title=title,
        summary=_summary(dots, word),
        dots=tuple(
            Dot(x(d.on), y(d.value), d.words, d.on, word(d.value), d.is_record) for d in dots
        ),
        line=" ".join(f"{x(point.on)},{y(point.value)}" for point in line),
        left=round(left, 1),
        up=tuple(Tick(y(value), words) for value, words in marks),
        across=tuple(
            Tick(x(on), words) for on, words in _days(first, today) if x(on) <= RIGHT - 10
        ),
    )


def _summary(dots: Sequence[_Point], word: Callable[[float], str]) -> str:
    """Return the chart in a sentence: from where to where, and how many results."""
    first, last = dots[0], dots[-1]
    return (
        f"{len(dots)} results, from {word(first.value)} on {first.on:%-d %B %Y} "
        f"to {word(last.value)} on {last.on:%-d %B %Y}."
    )


def _marks(low: float, high: float, steps: Sequence[float]) -> list[float]:
    """Return the round values between low and high, at most four of them."""
    step = next((step for step in steps if (high - low) / step <= 4), steps[-1])
    first = int(low // step) + 1
    return [number * step for number in range(first, int(high // step) + 1)]


def _days(first: date, last: date) -> list[tuple[date, str]]:
    """Return the first days of months, or of years, that mark the time between two days."""
    start, end = first.year * 12 + first.month, last.year * 12 + last.month - 1
    step = next((step for step in _MONTHS if (end - start) / step < 4), _MONTHS[-1])
    months = [month for month in range(start, end + 1) if month % step == 0]
    days = [date(month // 12, month % 12 + 1, 1) for month in months]
    if step >= 12:
        return [(day, f"{day:%Y}") for day in days]
    # The year stands where it begins, and at the first mark.
    return [
        (day, f"{day:%b %Y}" if day in days[:1] or day.month == 1 else f"{day:%b}") for day in days
    ]
