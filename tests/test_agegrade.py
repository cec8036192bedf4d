"""Age grading against the road tables of 2025 and the track factors of 2023."""

import json
from pathlib import Path

import pytest

from athletes.agegrade import TRACK, age_grade, factor
from athletes.measures import MILE_M

VECTORS = json.loads((Path(__file__).parent / "vectors/age_grade.json").read_text("utf-8"))
TABLES = {"road-2025": "road 2025", "wma-2023-track": "track 2023"}


def metres(case):
    if "distance_km" in case:
        return case["distance_km"] * 1000
    return MILE_M if case["event"] == "MILE" else int(case["event"])


@pytest.mark.parametrize(
    "case", VECTORS["cases"], ids=lambda c: f"{c['table']} {c['sex']}{c['age']} {c['event']}"
)
def test_a_race_is_graded_as_the_table_grades_it(case):
    on_track = case["table"] == "wma-2023-track"
    graded = age_grade(case["sex"], case["age"], metres(case), case["time_s"], on_track=on_track)
    tolerance = VECTORS["tolerance"]
    assert graded.table == TABLES[case["table"]]
    assert graded.open_standard_s == case["open_standard_s"]
    assert graded.factor == pytest.approx(case["factor"], abs=0.00005)
    assert graded.grade == pytest.approx(case["age_grade"], abs=tolerance["age_grade"])
    if "age_standard_s" in case:
        assert graded.age_standard_s == pytest.approx(
            case["age_standard_s"], abs=tolerance["age_standard_s"]
        )
        assert graded.open_equivalent_s == pytest.approx(case["open_equivalent_s"], abs=0.1)


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


@pytest.mark.parametrize(
    ("age", "distance_m", "table"),
    [
        (50, 5000, "track 2023"),
        (29, 5000, "road 2025"),  # the track factors begin at 30
        (50, 2000, "road 2025"),  # no event of the track table, which is not read between events
        (50, 800, "track 2023"),
    ],
)
def test_a_track_race_goes_by_the_track_table_where_it_has_one(age, distance_m, table):
    assert age_grade("M", age, distance_m, 1200, on_track=True).table == table


def test_neither_table_tells_of_a_young_runner_over_800_metres():
    assert age_grade("M", 20, 800, 130, on_track=True) is None
    assert factor("M", 50, 2000, table=TRACK) is None
