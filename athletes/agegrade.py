"""How good a race is for the runner's age and sex: the road tables of 2025, the track's of 2023.

The open standard is a time near the world record; divided by the factor of an age it is the
standard of that age, and the age grade is that standard as a share of the time run. The two scales
differ, so a grade names its table.
"""

import json
import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from athletes.measures import Number

ROAD: Final = "road 2025"
TRACK: Final = "track 2023"
_DATA: Final = {
    ROAD: Path(__file__).with_name("age_factors_road_2025.json"),
    TRACK: Path(__file__).with_name("age_factors_track_2023.json"),
}
_SAME_M: Final = 0.001


@dataclass(frozen=True, slots=True)
class AgeGrade:
    """A race held against the standards of `table`: seconds, and the share of the age standard."""

    table: str
    open_standard_s: float
    age_standard_s: float
    factor: float
    grade: float
    open_equivalent_s: float


@dataclass(frozen=True, slots=True)
class _Row:
    """One distance of the table: the open standard in seconds, and a factor for each age."""

    distance_m: float
    open_standard_s: float
    factors: dict[int, float]


def factor(sex: str, age: int, distance_m: Number, *, table: str = ROAD) -> float | None:
    """Return the factor of an age at a distance in metres, or None where the table has none.

    The road table goes from the mile to 200 km and from 5 to 100 years, for F and M. Between two
    distances the standards are taken along a straight line in ln(distance), as its authors do. The
    track table has ten events from 100 m to 10,000 m, from 30 to 110 years, and nothing between.

    Source: USATF Masters LDR road age standards 2025, A. Lytton Jones; World Masters Athletics
    factors 2023; see docs/sources.md.
    """
    standards = _standards(table, sex, age, float(distance_m))
    return standards and standards[0] / standards[1]


def age_grade(
    sex: str, age: int, distance_m: Number, time_s: Number, *, on_track: bool = False
) -> AgeGrade | None:
    """Return what a time in seconds is worth at an age, or None where no table tells.

    A race on the track goes by the track's table, or by the road's where that one is silent.
    """
    for table in (TRACK, ROAD) if on_track else (ROAD,):
        standards = _standards(table, sex, age, float(distance_m))
        if standards is not None:
            open_s, age_s = standards
            return AgeGrade(
                table=table,
                open_standard_s=open_s,
                age_standard_s=age_s,
                factor=open_s / age_s,
                grade=age_s / float(time_s),
                open_equivalent_s=float(time_s) * open_s / age_s,
            )
    return None


def _standards(table: str, sex: str, age: int, distance_m: float) -> tuple[float, float] | None:
    """Return the open standard and the standard of the age, in seconds."""
    rows = _tables(table).get(sex, ())
    if not rows or age not in rows[0].factors:
        return None
    if not rows[0].distance_m - _SAME_M <= distance_m <= rows[-1].distance_m + _SAME_M:
        return None
    after_at = bisect_left(rows, distance_m - _SAME_M, key=lambda row: row.distance_m)
    after = rows[after_at]
    if abs(after.distance_m - distance_m) <= _SAME_M:
        return after.open_standard_s, after.open_standard_s / after.factors[age]
    if table == TRACK:
        return None
    before = rows[after_at - 1]
    share = math.log(distance_m / before.distance_m) / math.log(
        after.distance_m / before.distance_m
    )

    def between(first: float, last: float) -> float:
        return first + (last - first) * share

    return (
        between(before.open_standard_s, after.open_standard_s),
        between(
            before.open_standard_s / before.factors[age],
            after.open_standard_s / after.factors[age],
        ),
    )


@lru_cache(maxsize=2)
def _tables(table: str) -> dict[str, tuple[_Row, ...]]:
    found = json.loads(_DATA[table].read_text("utf-8"))["tables"]
    return {
        sex: tuple(sorted(map(_row, rows.values()), key=_metres)) for sex, rows in found.items()
    }


def _metres(row: _Row) -> float:
    return row.distance_m


def _row(row: dict[str, Any]) -> _Row:
    metres = row.get("distance_m") or row["distance_km"] * 1000
    factors = {int(age): share for age, share in row["factor_by_age"].items()}
    return _Row(float(metres), row["open_standard_s"], factors)
