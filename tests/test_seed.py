"""The founding text, point by point: the numbers and structures that docs/sources.md lists."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from athletes.measures import MILE_M, format_clock
from athletes.predictions import Race, athlete_paces
from workouts.library import LIBRARY
from workouts.models import Kind
from workouts.notation import LEVELS, parse_workout
from workouts.prescriptions import prescribe, summary
from workouts.track import laps

ROOT = Path(__file__).parent.parent
TODAY = date(2026, 3, 1)
MILE = float(MILE_M)
RECIPES = {recipe.slug: recipe for recipe in LIBRARY}
TRACK = [recipe for recipe in LIBRARY if recipe.kind == "TRACK"]
LADDER_M = [400, 400, 800, 800, 1000, 1000, 1600, 1600, 2000]


def _paces(model):
    return athlete_paces([Race(5000, 1320, TODAY)], today=TODAY, model=model)


FIVE_K_IN_22 = _paces("vdot")


def _session(text, **how):
    """Return a recipe of the library, by its slug, or a notation, for 22:00 over 5 km."""
    text = RECIPES[text].notation if text in RECIPES else text
    return prescribe(parse_workout(text), **{"paces": FIVE_K_IN_22} | how)


def _metres(slug):
    return [rep.distance_m for rep in _session(slug).reps]


def _jogs(session):
    return [rep.recovery.distance_m for rep in session.reps[:-1]]


def _s(seconds):
    return pytest.approx(seconds, abs=0.05)


# Definitions


def test_every_kind_of_session_of_the_text_is_in_the_library():
    # A race is no workout, and road intervals are a track session off the track.
    assert {recipe.kind for recipe in LIBRARY} == set(Kind.values) - {"RACE", "INTERVALS"}
    assert set(Kind.values) >= {"TEMPO", "THRESHOLD", "PROGRESSION", "FARTLEK", "TRACK"}
    assert set(Kind.values) >= {"STRENGTH", "EASY", "CROSS", "REST"}


@pytest.mark.parametrize(
    ("distance_m", "lap_m", "count"),
    [(MILE, 400, 4.023), (MILE, 200, 8.047), (400, 400, 1), (400, 200, 2), (800, 400, 2),
     (800, 200, 4), (3200, 400, 8), (1600, 400, 4), (1000, 400, 2.5), (600, 400, 1.5),
     (200, 400, 0.5), (9200, 400, 23), (9600, 400, 24), (7800, 400, 19.5)],
)  # fmt: skip
def test_distances_have_their_laps(distance_m, lap_m, count):
    assert laps(distance_m, lap_m) == pytest.approx(count, abs=0.0005)


def test_a_lap_is_just_under_a_quarter_of_a_mile():
    assert round(400 / MILE, 4) == 0.2485


def test_every_workout_says_what_it_is_for():
    assert [recipe.slug for recipe in LIBRARY if not recipe.purpose] == []


@pytest.mark.parametrize(("pace", "a_lap_s"), [("7:00/mi", 104.4), ("5:30/mi", 82.0)])
def test_a_pace_per_mile_is_a_lap_on_a_stopwatch(pace, a_lap_s):
    (rep,) = _session(f"1600 @ {pace}").reps
    assert rep.splits[0].s == (_s(a_lap_s), _s(a_lap_s))


@pytest.mark.parametrize("recovery", ["jog 200", "jog 200-400", "jog 90s", "rest 2min-3min"])
def test_a_recovery_is_a_distance_or_a_time(recovery):
    rest = _session(f"4 x 400 @ 5k, {recovery}").reps[0].recovery
    assert (rest.distance_m is None) == (recovery[-1] in "sn")
    assert (rest.distance_m is None) != (rest.duration_s is None)


def test_every_pace_that_the_text_trains_at_has_a_time():
    names = ["mile", "vo2max", "5k", "10k", "half", "marathon"]
    paces = [_session(f"800 @ {name}").reps[0].pace_s_per_km[0] for name in names]
    assert paces == sorted(paces)
    assert len(set(paces)) == len(names)


# The workouts

TOTALS = [
    # workout, level, fewest reps, their metres, least and most metres with the jogs between
    ("400s", "beginner", 4, 1600, 1600 + 1200, 2400 + 2000),
    ("400s", "intermediate", 6, 2400, 2400 + 1500, 3200 + 2100),
    ("400s", "advanced", 8, 3200, 3200 + 1400, 4800 + 2200),
    ("800s", "beginner", 4, 3200, 3200 + 600, 6400 + 2800),
    ("6x800-5k", "intermediate", 6, 4800, 4800 + 1000, 4800 + 1000),
    ("pyramid", "advanced", 10, 9200, 9200 + 1800, 9200 + 3600),
    ("ascending-ladder", "advanced", 9, 9600, 9600 + 1600, 9600 + 3200),
    ("ascending-ladder-vo2max", "advanced", 9, 9600, 9600 + 1600, 9600 + 3200),
    ("descending-ladder", "intermediate", 5, 6600, 6600 + 1200, 6600 + 1200),
    ("short-descending-ladder", "intermediate", 5, 4200, 4200 + 1600, 4200 + 1600),
]


@pytest.mark.parametrize(("slug", "level", "reps", "fast_m", "least_m", "most_m"), TOTALS)
def test_a_workout_of_the_library_has_the_totals_of_the_text(
    slug, level, reps, fast_m, least_m, most_m
):
    session = _session(slug, level=level)
    assert (len(session.reps), session.totals.fast_m) == (reps, fast_m)
    cell = summary(RECIPES[slug].notation, level)
    assert cell.distance_m_low == pytest.approx(least_m + 2 * MILE)
    assert cell.distance_m_high == pytest.approx(most_m + 4 * MILE)


def test_every_track_workout_of_the_library_has_its_totals_here():
    assert {row[0] for row in TOTALS} == {recipe.slug for recipe in TRACK}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("recipe", TRACK, ids=lambda recipe: recipe.slug)
def test_every_track_workout_has_warm_up_drills_and_cool_down(recipe, level):
    blocks = parse_workout(recipe.notation).blocks
    roles = [block.role for block in blocks]
    assert roles[:2] == ["warm_up", "drills"]
    assert roles[-1] == "cool_down"
    assert blocks[1].text == "leg swings, high knees, walking lunges"
    totals = _session(recipe.slug, level=level).totals
    assert totals.warm_up_m == totals.cool_down_m == pytest.approx((MILE, 2 * MILE))
    around = [laps(metres) for metres in totals.warm_up_m]
    assert around == pytest.approx([4.02, 8.05], abs=0.005)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("recipe", TRACK, ids=lambda recipe: recipe.slug)
def test_every_recovery_of_the_library_is_a_jog_of_100_to_400_metres(recipe, level):
    session = _session(recipe.slug, level=level)
    assert {rep.recovery.kind for rep in session.reps[:-1]} == {"jog"}
    assert all(100 <= low <= high <= 400 for low, high in _jogs(session))
    assert session.reps[-1].recovery is None


def test_shapes_have_the_distances_of_the_text():
    assert _metres("pyramid") == [600, 800, 1000, 1200, 1600, 1200, 1000, 800, 600, 400]
    assert _metres("ascending-ladder") == _metres("ascending-ladder-vo2max") == LADDER_M
    assert _metres("descending-ladder") == [3200, 1600, 1000, 600, 200]
    assert _metres("short-descending-ladder") == [1600, 1200, 800, 400, 200]


@pytest.mark.parametrize("slug", ["pyramid", "ascending-ladder", "ascending-ladder-vo2max"])
def test_the_hardest_shapes_are_for_advanced_runners(slug):
    assert RECIPES[slug].level == "ADVANCED"


def test_each_rep_of_the_short_ladder_is_a_little_faster():
    paces = [rep.pace_s_per_km[0] for rep in _session("short-descending-ladder").reps]
    assert all(after < before for before, after in zip(paces, paces[1:], strict=False))


def test_a_pyramid_goes_up_at_one_pace_and_down_at_another():
    session = _session("400-800-1200 @ 5k, jog 200; 800 + 400 @ mile, jog 200")
    assert session.shape == "pyramid"
    assert [rep.label for rep in session.reps] == ["5k", "5k", "5k", "mile", "mile"]
    assert session.reps[3].pace_s_per_km < session.reps[2].pace_s_per_km


def test_the_pyramid_that_ends_lower_than_it_began_shows_both_ends():
    session = _session("pyramid")
    assert (session.shape, session.title) == ("pyramid", "Pyramid 600–1600–400")
    assert {rep.label for rep in session.reps} == {"5k"}


def test_a_200_metre_jog_starts_the_next_400_opposite_but_not_indoors():
    outdoors = _session("400s", level="advanced").reps
    assert [rep.starts_at_m for rep in outdoors] == [0, 200] * 4
    indoors = _session("400s", level="advanced", lap_m=200).reps
    assert [rep.starts_at_m for rep in indoors] == [0] * 8


def test_85_percent_is_an_effort_and_warned_of():
    session = _session("400s")
    assert {(rep.label, rep.target_s) for rep in session.reps} == {("85%hr", None)}
    assert "heart rate lags" in " ".join(session.warnings)


def test_800s_faster_than_5k_pace_and_800s_at_5k_pace_are_two_workouts():
    faster, at_5k = _session("800s").reps[0], _session("6x800-5k").reps[0]
    assert (faster.label, at_5k.label) == ("5k-15..20s/mi", "5k")
    assert at_5k.target_s == (_s(211.2), _s(211.2))
    assert faster.target_s[1] < at_5k.target_s[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1mi @ 5k", (424.87, 424.87)),  # the text: "just about 7 minutes"
        ("1mi @ 5k-15..20s/mi", (404.87, 409.87)),  # the text: 6:40
        ("800 @ 6:40/mi", (198.84, 198.84)),  # the text: 3:20
        ("400 @ 6:40/mi", (99.42, 99.42)),  # the text: 1:50
        ("800 @ 5k-15..20s/mi", (201.26, 203.74)),
        ("400 @ 5k-15..20s/mi", (100.63, 101.87)),
        ("200 @ 5k-15..20s/mi", (50.32, 50.94)),
    ],
)
def test_22_minutes_for_5k_has_the_corrected_times(text, seconds):
    (rep,) = _session(text).reps
    assert rep.target_s == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize("model", ["bests", "vdot", "riegel"])
@pytest.mark.parametrize("level", LEVELS)
def test_nobody_with_22_minutes_is_told_1_50_a_lap(model, level):
    session = _session("800s", paces=_paces(model), level=level)
    for rep in session.reps:
        low, high = rep.splits[0].s
        assert [format_clock(seconds, places=1) for seconds in (low, high)] == ["1:40.6", "1:41.9"]
    assert "3:21–3:24 each, 1:41–1:42 a lap" in session.blocks[2].prose
    assert "1:50" not in json.dumps(session.as_json())


def test_1_50_a_lap_is_slower_than_5k_pace():
    (rep,) = _session("1mi @ 1:50/lap").reps
    assert rep.target_s[0] - 424.87 == _s(17.7)
    (raced,) = _session("5km @ 1:50/lap").reps
    assert format_clock(raced.target_s[0]) == "22:55"


def test_ladders_are_run_at_5k_pace_or_faster_or_at_vo2max_pace():
    assert {rep.label for rep in _session("ascending-ladder").reps} == {"5k or faster"}
    assert {rep.label for rep in _session("ascending-ladder-vo2max").reps} == {"vo2max"}


def test_the_recovery_that_the_text_leaves_out_is_set_and_asked_for():
    assert _jogs(_session("ascending-ladder")) == [(200, 400)] * 8
    without = RECIPES["ascending-ladder"].notation.replace(", jog 200-400", "")
    assert "no recovery between the reps" in " ".join(_session(without).warnings)


def test_the_descending_ladder_has_five_targets_and_unequal_jogs():
    session = _session("descending-ladder")
    assert [rep.label for rep in session.reps] == ["10k", "5k", "mile", "max", "sprint"]
    assert [low for low, _ in _jogs(session)] == [400, 400, 200, 200]
    assert [rep.target_s is None for rep in session.reps] == [False] * 3 + [True] * 2


def test_each_jog_of_the_descending_ladder_ends_at_the_start():
    reps = _session("descending-ladder").reps
    assert [rep.starts_at_m for rep in reps] == [0] * 5
    assert [rep.ends_at_m for rep in reps] == [0, 0, 200, 200, 200]


@pytest.mark.parametrize(
    ("rep", "whole_s", "a_lap_s"), [(0, 875.9, 109.5), (1, 422.4, 105.6), (2, 241.0, 96.4)]
)
def test_the_descending_ladder_of_22_minutes_by_vdot(rep, whole_s, a_lap_s):
    run = _session("descending-ladder").reps[rep]
    assert run.target_s[0] == _s(whole_s)
    assert run.splits[0].s[0] == _s(a_lap_s)


@pytest.mark.parametrize(("model", "mile"), [("vdot", "6:27.9"), ("riegel", "6:36.9")])
def test_the_models_differ_over_the_mile(model, mile):
    assert format_clock(_paces(model).race_time(MILE)[0], places=1) == mile


@pytest.mark.parametrize(
    ("lap_m", "at_m"), [(400, [400, 800, 1000]), (200, [*range(200, 1001, 200)])]
)
def test_a_rep_has_a_split_at_every_lap(lap_m, at_m):
    run = _session("descending-ladder", lap_m=lap_m).reps[2]
    assert [split.at_m for split in run.splits] == at_m


@pytest.mark.parametrize(
    ("split_m", "lap_m", "at_m"),
    [
        (None, 400, [400, 800, 1000]),
        (200, 400, [200, 400, 600, 800, 1000]),
        (100, 200, [*range(100, 1001, 100)]),
        (200, 250, [200, 250, 400, 500, 600, 750, 800, 1000]),  # the lap line of an odd track too
    ],
)
def test_the_pace_can_be_checked_every_100_or_200_metres(split_m, lap_m, at_m):
    run = _session("descending-ladder", lap_m=lap_m, split_m=split_m).reps[2]
    assert [split.at_m for split in run.splits] == at_m
    assert run.splits[0].s[0] == _s(run.target_s[0] * at_m[0] / 1000)


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("1600-1200-800-400-200 @ 5k..mile, jog 400", False),
        ("1600-1200-800-400-200 @ mile..5k, jog 400", True),
        ("1600 @ 5k, jog 400\n800 @ 10k", True),
        ("1600-800-400 @ 5k, jog 400", False),  # one pace throughout is no slower
        ("400-800-1600 @ mile..5k, jog 400", False),  # on the way up it may
        ("1600 @ 5k, jog 400\n800 @ easy", False),
    ],
)
def test_a_ladder_that_gets_slower_on_the_way_down_is_told(text, is_told):
    told = [words for words in _session(text).warnings if "on the way down" in words]
    assert bool(told) is is_told
    if is_told:
        assert told[0].startswith("The ")


# The list itself


def _points():
    """Return the rows of the list: number, words, answer, what holds it."""
    page = (ROOT / "docs/sources.md").read_text("utf-8")
    _, _, section = page.partition("## The founding text, point by point")
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if "| S" in line]
    return [[cell.strip() for cell in row] for row in rows]


def test_every_point_of_the_text_is_listed_once():
    page = (ROOT / "docs/sources.md").read_text("utf-8")
    numbers = [f"S{number}" for number in range(1, 47)]
    assert re.findall(r"\bS\d+\b", page) == numbers
    assert [row[0] for row in _points()] == numbers
    assert {len(row) for row in _points()} == {4}


def test_every_point_is_held_by_a_test_that_exists_or_says_what_is_missing():
    for number, _, answer, held in _points():
        named = re.findall(r"`(tests/\w+\.py)::(\w+)`", held)
        assert held.count("::") == len(named), number
        for file, test in named:
            assert f"\ndef {test}(" in (ROOT / file).read_text("utf-8"), f"{number}: {test}"
        assert named or "decision" in answer or "not built yet" in answer, number
