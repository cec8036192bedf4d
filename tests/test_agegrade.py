"""Age grading against the road tables of 2025."""

import json
from pathlib import Path

import pytest

from athletes.agegrade import age_grade, factor
from athletes.measures import MILE_M

VECTORS = json.loads((Path(__file__).parent / "vectors/age_grade.json").read_text("utf-8"))
ROAD = [case for case in VECTORS["cases"] if case["table"] == "road-2025"]


@pytest.mark.parametrize("case", ROAD, ids=lambda c: f"{c['sex']}{c['age']} {c['event']}")
def test_a_race_is_graded_as_the_table_grades_it(case):
    graded = age_grade(case["sex"], case["age"], case["distance_km"] * 1000, case["time_s"])
    tolerance = VECTORS["tolerance"]
    assert graded.factor == pytest.approx(case["factor"], abs=0.00005)
    assert graded.grade == pytest.approx(case["age_grade"], abs=tolerance["age_grade"])
    assert graded.age_standard_s == pytest.approx(
        case["age_standard_s"], abs=tolerance["age_standard_s"]
    )
    assert graded.open_equivalent_s == pytest.approx(case["open_equivalent_s"], abs=0.1)
    assert graded.table == "road 2025"


@pytest.mark.parametrize(
    ("sex", "age", "distance_m", "expected"),
    [
        ("M", 25, 5000, 1.0),
        ("M", 50, 5000, 0.8775),
        ("F", 45, "21097.5", 0.9234),
        ("M", 30, MILE_M, 0.9977),
        # 3000 m lies between mile and 5 km: ln(3000 / 1609.344) / ln(5000 / 1609.344) is 0.5494,
        # the open standards give 524.8 s there, those of 50 years 600.5 s.
        ("M", 50, 3000, 524.8 / 600.5),
    ],
)
def test_a_factor_is_read_off_or_taken_between_two_distances(sex, age, distance_m, expected):
    assert factor(sex, age, float(distance_m)) == pytest.approx(expected, abs=0.0001)


@pytest.mark.parametrize(
    ("sex", "age", "distance_m"),
    [
        ("M", 50, 1500),  # shorter than the mile
        ("M", 50, 200_001),
        ("M", 4, 5000),
        ("M", 101, 5000),
        ("", 50, 5000),
        ("X", 50, 5000),
    ],
)
def test_outside_the_table_there_is_no_grade(sex, age, distance_m):
    assert factor(sex, age, distance_m) is None
    assert age_grade(sex, age, distance_m, 1200) is None
