"""VDOT, race times and training paces against published tables and other people's code."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athletes.measures import MILE_M, RACES
from athletes.paces import (
    PaceOutOfRange,
    pace_s_per_km,
    race_time_s,
    training_paces,
    vdot,
    velocity_m_per_min,
)

VECTORS = Path(__file__).parent / "vectors"
MILE_KM = float(MILE_M) / 1000
METRES = {"2mile": 2 * MILE_M, "10mile": 10 * MILE_M, "half": RACES["half"],
          "mile": MILE_M, "marathon": RACES["marathon"]}  # fmt: skip


def _cases(name):
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


def _metres(event):
    return METRES.get(event) or int(event)


@pytest.mark.parametrize("case", _cases("vdot_from_race"))
def test_a_race_has_its_published_vdot(case):
    value = vdot(distance_m=case["distance_m"], time_s=case["time_s"])
    assert value == pytest.approx(case["vdot_ref"], abs=0.01)
    if case.get("vdot_table") is not None:
        assert value == pytest.approx(case["vdot_table"], abs=0.3)


@pytest.mark.parametrize("case", _cases("race_equivalents"), ids=lambda case: f"{case['vdot']}")
def test_a_vdot_has_its_published_race_times(case):
    for event, times in case["times_s"].items():
        time_s = race_time_s(vdot=case["vdot"], distance_m=_metres(event))
        assert time_s == pytest.approx(times["formula"], abs=0.1, rel=1e-4)
        if times["table"] is not None:
            share = 0.0035 if event in ("1500", "mile") else 0.002
            assert abs(time_s - times["table"]) <= max(1, share * times["table"])


@pytest.mark.parametrize("case", _cases("race_predict_vdot"))
def test_one_race_predicts_the_others(case):
    value = vdot(distance_m=case["from_distance_m"], time_s=case["from_time_s"])
    assert value == pytest.approx(case["vdot"], abs=0.01)
    for event, seconds in case["predicted_s"].items():
        time_s = race_time_s(vdot=value, distance_m=_metres(event))
        assert time_s == pytest.approx(seconds, abs=0.1, rel=1e-4)


@pytest.mark.parametrize("case", _cases("training_paces"), ids=lambda case: f"{case['vdot']}")
def test_training_paces_agree_with_the_book(case):
    paces, book = training_paces(case["vdot"]), case["book"]
    rows = [
        (paces.easy[0] * MILE_KM, "E_mile_fast", 5),
        (paces.easy[1] * MILE_KM, "E_mile_slow", 5),
        (paces.threshold, "T_km", 1.5),
        (paces.threshold * MILE_KM, "T_mile", 3),
        (paces.threshold * 0.4, "T_400", 1.6),
        (paces.interval, "I_km", 1.5),
        (paces.interval * MILE_KM, "I_mile", 3),
        (paces.interval * 0.4, "I_400", 1.6),
        (paces.interval * 1.2, "I_1200", 2.5),
        (paces.repetition * 0.4, "R_400", 3.3),
        (paces.marathon * MILE_KM, "M_mile", _marathon_band(case["vdot"])),
    ]
    for ours, column, band in rows:
        if book[column] is not None:
            assert abs(ours - book[column]) <= band, column


def _marathon_band(value):
    return 3 if value >= 43 else 5 if value >= 40 else 18


@pytest.mark.parametrize("case", [case for case in _cases("training_paces") if case["vdot"] >= 40])
def test_training_paces_agree_with_the_calculator_from_vdot_40(case):
    """Below that the calculator shifts slow runners, which we do not."""
    calculator = case["vo2_calculator_s_per_km"]
    paces = training_paces(case["vdot"])
    assert paces.threshold == pytest.approx(calculator["T"], abs=1)
    assert paces.interval == pytest.approx(calculator["I"], abs=1)
    assert paces.marathon == pytest.approx(calculator["M"], abs=1)


@pytest.mark.parametrize("case", _cases("vo2max_pace"), ids=lambda case: f"{case['vdot']}")
def test_vo2max_pace_costs_the_whole_vdot(case):
    assert velocity_m_per_min(vdot=case["vdot"]) == pytest.approx(
        case["vvo2max_m_per_min"], abs=0.05
    )
    a_lap_s = pace_s_per_km(vdot=case["vdot"]) * 0.4
    assert a_lap_s == pytest.approx(case["pace_s_per_400"], abs=0.02)


@given(st.floats(min_value=20, max_value=88), st.sampled_from(list(RACES.values())))
def test_a_race_time_has_the_vdot_it_came_from(value, distance_m):
    try:
        again = vdot(distance_m=distance_m, time_s=race_time_s(vdot=value, distance_m=distance_m))
    except PaceOutOfRange:  # a marathon of over 8 hours
        assert value < 25
    else:
        assert again == pytest.approx(value, abs=1e-5)


@given(st.floats(min_value=30, max_value=85))
def test_paces_of_one_runner_are_in_order(value):
    paces = training_paces(value)
    assert paces.repetition < paces.vo2max < paces.interval < paces.threshold < paces.marathon
    assert paces.marathon < paces.easy[1]
    assert paces.easy[0] < paces.easy[1]


@pytest.mark.parametrize(
    ("distance_m", "time_s", "hint"),
    [
        (42_195, 270, "h:mm:ss"),
        (5000, 71_100, "mm:ss"),
        (5000, 600, "faster than any human"),
        (100_000, 36_000, "to the marathon"),
        (400, 60, "800 m"),
        (5000, 0, "faster than any human"),
    ],
)
def test_a_race_nobody_runs_has_no_vdot(distance_m, time_s, hint):
    with pytest.raises(PaceOutOfRange, match=hint):
        vdot(distance_m=distance_m, time_s=time_s)


@pytest.mark.parametrize("value", [9.9, 90.1, float("nan")])
def test_a_vdot_nobody_has_gives_no_paces(value):
    with pytest.raises(PaceOutOfRange):
        training_paces(value)
