"""Several results of one athlete: which one counts for what, and how sure that is."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from athletes.measures import MILE_M, RACES
from athletes.predictions import (
    MODELS,
    Pace,
    Race,
    athlete_paces,
    paces_of_vdot,
    riegel_time_s,
)

VECTORS = Path(__file__).parent / "vectors"
TODAY = date(2026, 3, 1)


def _cases(name):
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


def _ago(days):
    return TODAY - timedelta(days=days)


def _by_vdot(races):
    return athlete_paces(races, today=TODAY, model="vdot")


def test_22_minutes_for_5k_is_vdot_44_54():
    paces = _by_vdot([Race(5000, 1320)])
    assert paces.vdot == pytest.approx(44.54, abs=0.01)
    assert paces.pace("5k").s_per_m_low == pytest.approx(1320 / 5000)
    seconds, _ = paces.race_time("mile")
    assert seconds == pytest.approx(387.9, abs=0.1)


@pytest.mark.parametrize("case", _cases("multi_pr"))
def test_near_and_new_results_weigh_most(case):
    races = [Race(pr["distance_m"], pr["time_s"], _ago(pr["age_days"])) for pr in case["prs"]]
    seconds, _ = _by_vdot(races).race_time(case["target_m"])
    assert seconds == pytest.approx(case["time_s"], abs=0.1)


@pytest.mark.parametrize("case", _cases("riegel"))
def test_riegel_agrees_with_other_code(case):
    time_s = riegel_time_s(time_s=case["t1_s"], distance_m=case["d1_m"], target_m=case["d2_m"])
    assert time_s == pytest.approx(case["riegel_s"], abs=0.02)
    paces = athlete_paces([Race(case["d1_m"], case["t1_s"])], today=TODAY, model="riegel")
    assert paces.race_time(case["d2_m"])[0] == pytest.approx(case["riegel_s"], abs=0.02)


@pytest.mark.parametrize("model", MODELS)
def test_a_recent_result_at_the_distance_beats_any_model(model):
    races = [Race(5000, 1320, _ago(10)), Race(10_000, 3000, _ago(360))]
    paces = athlete_paces(races, today=TODAY, model=model)
    seconds, pace = paces.race_time("10k")
    assert seconds == 3000
    assert pace.confidence == "high"
    assert pace.race == races[1]


def test_an_old_result_at_the_distance_is_only_one_of_several():
    races = [Race(5000, 1320, _ago(10)), Race(10_000, 3000, _ago(370))]
    assert _by_vdot(races).race_time("10k")[0] < 2900
    assert athlete_paces(races, today=TODAY).race_time("10k")[0] < 2950


def test_an_undated_result_at_the_distance_counts_but_less_surely():
    races = [Race(5000, 1320, _ago(10)), Race(10_000, 3000)]
    seconds, pace = athlete_paces(races, today=TODAY).race_time("10k")
    assert seconds == 3000
    assert pace.confidence == "medium"


def test_a_dated_recent_result_beats_an_undated_one_at_the_same_distance():
    races = [Race(5000, 1200), Race(5000, 1320, _ago(10))]
    assert athlete_paces(races, today=TODAY).race_time("5k")[0] == 1320


@pytest.mark.parametrize("model", ["vdot", "riegel"])
def test_results_over_two_years_old_count_only_alone(model):
    old, new = Race(5000, 1200, _ago(800)), Race(10_000, 3000, _ago(30))
    assert athlete_paces([old, new], today=TODAY, model=model).races == (new,)
    assert athlete_paces([old], today=TODAY, model=model).races == (old,)


def test_to_the_model_bests_an_old_result_is_only_less_certain():
    new = Race(10_000, 3000, _ago(30))
    alone = athlete_paces([new], today=TODAY).race_time("half")[0]
    moved = [
        alone - athlete_paces([new, Race(5000, 1200, _ago(days))], today=TODAY).race_time("half")[0]
        for days in (60, 800, 2500)
    ]
    assert moved[0] > moved[1] > moved[2] > 0


def test_bests_is_the_model_unless_another_is_named():
    race = Race(5000, 1320, _ago(10))
    assert athlete_paces([race], today=TODAY) == athlete_paces([race], today=TODAY, model="bests")


def test_the_training_paces_of_bests_are_those_of_its_5k():
    paces = athlete_paces([Race(10_000, 2640, _ago(10))], today=TODAY)
    five_s = paces.race_time("5k")[0]
    assert paces.vdot == pytest.approx(_by_vdot([Race(5000, five_s)]).vdot)
    assert paces.estimate("5k").races == (Race(10_000, 2640, _ago(10)),)


def test_a_5k_outside_what_there_are_paces_for_gets_the_nearest():
    paces = athlete_paces([Race(RACES["marathon"], 8 * 3600)], today=TODAY)
    assert 10 <= paces.vdot < 30
    assert athlete_paces([Race(RACES["marathon"], 7000)], today=TODAY).vdot == 90


def test_a_pace_set_by_hand_goes_before_all_else():
    paces = athlete_paces([Race(5000, 1320, _ago(10))], today=TODAY)
    by_hand = Pace(0.3, 0.3, "set by a coach", "high")
    changed = replace(paces, overrides={"10k": by_hand, "threshold": by_hand})
    assert changed.race_time(10_000) == (3000, by_hand)
    assert changed.pace("10k") == changed.pace("threshold") == by_hand
    assert changed.pace("5k") == paces.pace("5k")


def test_soft_distances_count_only_where_nothing_else_is_known():
    five, eight = Race(5000, 1320, _ago(10)), Race(8000, 2500, _ago(10))
    only_five = _by_vdot([five]).race_time("10k")[0]
    assert _by_vdot([five, eight]).race_time("10k")[0] == only_five
    assert _by_vdot([eight]).race_time("8k")[0] == 2500


def test_a_result_that_does_not_show_true_form_is_left_out():
    assert athlete_paces([Race(5000, 1320, representative=False)], today=TODAY) is None


def test_without_a_usable_result_there_are_no_paces():
    assert athlete_paces([], today=TODAY) is None
    assert athlete_paces([Race(400, 60)], today=TODAY) is None


def test_a_result_that_cannot_be_used_is_reported():
    paces = athlete_paces([Race(5000, 1320, TODAY), Race(400, 60, TODAY)], today=TODAY)
    assert any("400 m 1:00" in warning for warning in paces.warnings)


def test_a_mile_slower_than_the_5k_is_reported_and_not_sorted():
    races = [Race(MILE_M, 450, _ago(9)), Race(5000, 1320, _ago(9))]
    paces = athlete_paces(races, today=TODAY)
    assert paces.pace("mile").s_per_m_low > paces.pace("5k").s_per_m_low
    assert any("Mile 7:30" in text and "5K 22:00" in text for text in paces.warnings)


def test_marathon_pace_is_the_athletes_own_marathon():
    races = [Race(5000, 1320, _ago(9)), Race(RACES["marathon"], 14_400, _ago(60))]
    pace = athlete_paces(races, today=TODAY).pace("marathon")
    assert pace.s_per_m_low == pytest.approx(14_400 / 42_195)


@pytest.mark.parametrize(
    ("raced_on", "source"),
    [
        (None, "from 5K 22:00 as entered, undated"),
        (_ago(0), "from 5K 22:00, 0 days old"),
        (_ago(1), "from 5K 22:00, 1 day old"),
        (_ago(21), "from 5K 22:00, 3 weeks old"),
        (_ago(95), "from 5K 22:00, 3 months old"),
        (_ago(400), "from 5K 22:00, 1 year old"),
    ],
)
def test_a_pace_says_which_result_it_is_from(raced_on, source):
    paces = athlete_paces([Race(5000, 1320, raced_on)], today=TODAY)
    assert paces.pace("threshold").source == source


def test_certainty_falls_with_distance_and_age():
    fresh, stale = _by_vdot([Race(5000, 1320, _ago(9))]), _by_vdot([Race(5000, 1320, _ago(700))])
    assert [fresh.pace(name).confidence for name in ("5k", "10k", "marathon", "800")] == [
        "high", "medium", "low", "low",
    ]  # fmt: skip
    assert stale.estimate("10k").sigma > fresh.estimate("10k").sigma
    low_s, high_s = fresh.estimate("10k").range_80_s
    # 3 % + 3 % x ln 2 = 5.08 % of 45:37, times 1.28
    assert high_s - low_s == pytest.approx(2 * 1.28 * 0.0508 * 2737.3, abs=1)


def test_a_coach_can_set_a_vdot():
    paces = paces_of_vdot(50, today=TODAY)
    assert paces.race_time("5k")[0] == pytest.approx(1197, abs=2)
    assert paces.pace("easy").source == "VDOT 50.0 as set"
    assert paces.warnings == ()


def test_an_unknown_pace_or_model_is_an_error():
    with pytest.raises(KeyError):
        athlete_paces([Race(5000, 1320)], today=TODAY).pace("5q")
    with pytest.raises(KeyError):
        athlete_paces([Race(5000, 1320)], today=TODAY, model="magic")
