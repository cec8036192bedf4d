"""Session-RPE load, monotony and strain against Python's own statistics."""

import json
from pathlib import Path

import pytest

from workouts.load import session_load, week_load

VECTORS = json.loads((Path(__file__).parent / "vectors/training_load.json").read_text("utf-8"))
# Of 97,599.2 only one place is printed.
STRAIN_PLACES = 0.05


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda c: f"load {c['weekly_load']}")
def test_a_week_has_its_load(case):
    week = week_load(case["daily_load_au"])
    within = VECTORS["tolerance"]
    assert week.total == case["weekly_load"]
    assert week.mean == pytest.approx(case["mean"], abs=within)
    assert week.sd == pytest.approx(case["sd_sample"], abs=within)
    if case["monotony"] is None:
        assert week.monotony is None
        assert week.strain is None
    else:
        assert week.monotony == pytest.approx(case["monotony"], abs=within)
        assert week.strain == pytest.approx(case["strain"], abs=STRAIN_PLACES)


def test_days_alike_to_the_last_fraction_have_no_monotony():
    assert week_load([33.3] * 7).monotony is None


@pytest.mark.parametrize(
    ("rpe", "minutes", "load"), [(7, 60, 420), (0, 45, 0), (10, 30, 300), (4.5, 40, 180), (3, 0, 0)]
)
def test_a_session_weighs_how_hard_it_felt_times_its_minutes(rpe, minutes, load):
    assert session_load(rpe=rpe, minutes=minutes) == load


@pytest.mark.parametrize(("rpe", "minutes"), [(11, 60), (-1, 60), (5, -1), (float("nan"), 60)])
def test_what_nobody_felt_is_refused(rpe, minutes):
    with pytest.raises(ValueError):
        session_load(rpe=rpe, minutes=minutes)


@pytest.mark.parametrize("days", [[], [100] * 6, [100] * 8])
def test_a_week_has_seven_days(days):
    with pytest.raises(ValueError, match="seven days"):
        week_load(days)
