"""Lanes, laps, splits and places on the track."""

import json
from pathlib import Path

import pytest

from workouts.track import even_splits, lane_lap_m, laps, position, split_points

VECTORS = Path(__file__).parent / "vectors"


def _cases(name):
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


@pytest.mark.parametrize("case", _cases("lanes"))
def test_a_lap_is_longer_further_out(case):
    width = 1.25 if "1.25" in case["track"] else None
    lap = lane_lap_m(case["lane"], lane_width_m=width)
    assert lap == pytest.approx(case["lap_m"], abs=0.005)
    if "laps_for_mile" in case:
        assert laps(1609.344, lap) == pytest.approx(case["laps_for_mile"], abs=1e-4)
        assert laps(1000, lap) == pytest.approx(case["laps_for_1000"], abs=1e-4)


def test_an_indoor_lane_two_is_five_to_six_metres_longer():
    assert 5.03 <= lane_lap_m(2, lap_m=200) - 200 <= 6.28


@pytest.mark.parametrize(("lane", "lap_m"), [(0, 400), (1, 50), (1, 5000)])
def test_there_is_no_such_track(lane, lap_m):
    with pytest.raises(ValueError, match="lanes"):
        lane_lap_m(lane, lap_m=lap_m)


@pytest.mark.parametrize("case", _cases("lap_splits"))
def test_splits_stand_at_every_lap_and_at_the_end(case):
    time_s = case["rep_m"] * case["pace_s"] / case["pace_per_m"]
    assert time_s == pytest.approx(case["rep_s"], abs=0.001)
    assert laps(case["rep_m"], case["track_m"]) == pytest.approx(case["laps"])
    splits = even_splits(case["rep_m"], time_s, case["track_m"])
    assert [at for at, _ in splits] == [split["at_m"] for split in case["cumulative"]]
    for (_, seconds), split in zip(splits, case["cumulative"], strict=True):
        assert seconds == pytest.approx(split["s"], abs=0.001)


def test_a_rep_shorter_than_a_lap_has_one_split():
    assert split_points(200) == (200,)
    assert split_points(1609.344)[-1] == 1609.344
    assert len(split_points(1609.344)) == 5


@pytest.mark.parametrize("case", _cases("track_position"))
def test_each_run_and_jog_starts_where_the_last_one_ended(case):
    at_m = case["start"]
    for leg in case["sequence"]:
        assert at_m == leg["start_at"]
        at_m = position(at_m, leg["m"], case["track_m"])
        assert at_m == leg["end_at"]
