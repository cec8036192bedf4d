"""How good a race is for the runner's age and sex: the road tables of 2025, worked out.

The open standard is a time near the world record; divided by the factor of an age it is the
standard of that age, and the age grade is that standard as a share of the time run.
"""

import json
import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from athletes.measures import Number

TABLE: Final = "road 2025"
_DATA: Final = Path(__file__).with_name("age_factors_road_2025.json")


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


def factor(sex: str, age: int, distance_m: Number) -> float | None:
    """Return the factor of an age at a distance in metres, or None where the table has none.

    The table goes from the mile to 200 km and from 5 to 100 years, for F and M. Between two
    distances the standards are taken along a straight line in ln(distance), as its authors do.

    Source: USATF Masters LDR road age standards 2025, A. Lytton Jones; see docs/sources.md.
    """
    standards = _standards(sex, age, float(distance_m))
    return standards and standards[0] / standards[1]


def age_grade(sex: str, age: int, distance_m: Number, time_s: Number) -> AgeGrade | None:
    """Return what a time in seconds is worth at an age, or None outside the table; see `factor`."""
    standards = _standards(sex, age, float(distance_m))
    if standards is None:
        return None
    open_s, age_s = standards
    return AgeGrade(
        table=TABLE,
        open_standard_s=open_s,
        age_standard_s=age_s,
        factor=open_s / age_s,
        grade=age_s / float(time_s),
        open_equivalent_s=float(time_s) * open_s / age_s,
    )


def _standards(sex: str, age: int, distance_m: float) -> tuple[float, float] | None:
    """Return the open standard and the standard of the age, in seconds."""
    rows = _table().get(sex, ())
    if not rows or age not in rows[0].factors:
        return None
    if not rows[0].distance_m <= distance_m <= rows[-1].distance_m:
        return None
    index = bisect_left(rows, distance_m, key=lambda row: row.distance_m)
    after = rows[index]
    before = rows[index - 1] if index else after
    span = math.log(after.distance_m / before.distance_m)
    share = math.log(distance_m / before.distance_m) / span if span else 1.0

    def between(first: float, last: float) -> float:
        return first + (last - first) * share

    return (
        between(before.open_standard_s, after.open_standard_s),
        between(
            before.open_standard_s / before.factors[age],
            after.open_standard_s / after.factors[age],
        ),
    )


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[_Row, ...]]:
    tables = json.loads(_DATA.read_text("utf-8"))["tables"]
    return {
        sex: tuple(
            sorted(
                (
                    _Row(
                        distance_m=row["distance_km"] * 1000,
                        open_standard_s=row["open_standard_s"],
                        factors={int(age): share for age, share in row["factor_by_age"].items()},
                    )
                    for row in rows.values()
                ),
                key=lambda row: row.distance_m,
            )
        )
        for sex, rows in tables.items()
    }
