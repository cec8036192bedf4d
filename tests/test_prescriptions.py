"""The workout of one athlete: targets, splits, places on the track, words and warnings."""

import json
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athletes import predictions
from athletes.measures import MILE_M, format_clock
from athletes.predictions import Race, paces_of_vdot
from workouts.notation import NotationError, parse_workout
from workouts.prescriptions import prescribe, summary

VECTORS = Path(__file__).parent / "vectors"
TODAY = date(2026, 3, 1)
METRES = {"mile": MILE_M, "5000": 5000, "10000": 10_000, "half": 21_097.5}

WARM_UP, COOL_DOWN = "warm-up 1-2mi easy\n", "\ncool-down 1-2mi easy"
FASTER_800S = "4-8 x 800 @ 5k-15..20s/mi, jog 200-400"
PYRAMID = "600-800-1000-1200-1600-1200-1000-800-600-400 @ 5k, jog 200-400"
LADDER = "2x400 + 2x800 + 2x1000 + 2x1600 + 1x2000 @ {pace}, jog 200"
DESCENDING = (
    "3200 @ 10k, jog 400; 1600 @ 5k, jog 400; 1000 @ mile, jog 200; 600 @ max, jog 200; "
    "200 @ sprint"
)
# The sources of these cases are VDOT tables.
athlete_paces = partial(predictions.athlete_paces, model="vdot")
FIVE_K_IN_22 = athlete_paces([Race(5000, 1320, TODAY - timedelta(days=60))], today=TODAY)


def _cases(name):
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


def _prescribed(text, paces=FIVE_K_IN_22, **how):
    return prescribe(parse_workout(text), paces=paces, **how)


def _targets(text, paces=FIVE_K_IN_22):
    return [rep.target_s for rep in _prescribed(text, paces).reps]


def _about(seconds, within=0.1):
    return pytest.approx(seconds, abs=within + 0.05)


# The numbers


def test_22_minutes_for_5k_runs_800s_in_3_21_to_3_24_and_never_in_3_40():
    session = _prescribed(FASTER_800S)
    for rep in session.reps:
        assert rep.target_s == (_about(201.3, 0), _about(203.7, 0))
        a_lap = rep.splits[0]
        assert a_lap.at_m == 400
        assert a_lap.s == (_about(100.6, 0), _about(101.9, 0))
        assert "1:50" not in [format_clock(seconds) for seconds in a_lap.s]
    assert "(3:21–3:24 each, 1:41–1:42 a lap)" in session.blocks[0].prose


@pytest.mark.parametrize("case", _cases("faster_than_5k"))
def test_faster_than_5k_pace_counts_from_the_exact_pace(case):
    paces = athlete_paces([Race(5000, case["pr_5k_s"])], today=TODAY)
    (rep,) = _prescribed(f"800 @ 5k-{case['delta_s_per_mile']}s/mi", paces).reps
    assert rep.target_s[0] == pytest.approx(case["s_800"], abs=0.01)
    assert rep.splits[0].s[0] == pytest.approx(case["s_400"], abs=0.01)


@pytest.mark.parametrize("case", _cases("seed_workouts"), ids=lambda case: f"{case['vdot_row']}")
def test_the_founding_workouts_with_three_results(case):
    races = [Race(METRES[event], time_s) for event, time_s in case["prs_s"].items()]
    paces = athlete_paces(races, today=TODAY)
    for low, _ in _targets("6 x 800 @ 5k, jog 200", paces):
        assert low == _about(case["ex_6x800_5k"]["rep_s"])
    for low, high in _targets(FASTER_800S, paces):
        assert [low, high] == [_about(seconds) for seconds in case["w2_800"]["rep_s"]]
    for text, column in (
        (PYRAMID, "w3_pyramid"),
        (LADDER.format(pace="5k or faster"), "w4_ascending_5k"),
        (DESCENDING, "w5_descending"),
    ):
        for rep, row in zip(_prescribed(text, paces).reps, case[column], strict=True):
            assert rep.distance_m == row["m"]
            assert (rep.target_s and rep.target_s[0]) == (row["rep_s"] and _about(row["rep_s"]))


@pytest.mark.parametrize(
    "case", _cases("seed_workouts_single_pr"), ids=lambda case: case["pr"]["event"]
)
def test_the_founding_workouts_with_one_result(case):
    race = Race(METRES[case["pr"]["event"]], case["pr"]["time_s"])
    paces = athlete_paces([race], today=TODAY)
    assert list(_targets(FASTER_800S, paces)[0]) == [_about(s) for s in case["w2_800_rep_s"]]
    for text, column in (
        (PYRAMID, "w3_pyramid_rep_s"),
        (LADDER.format(pace="5k"), "w4_ascending_5k_rep_s"),
        (LADDER.format(pace="vo2max"), "w4_ascending_vo2max_rep_s"),
    ):
        for rep in _prescribed(text, paces).reps:
            assert rep.target_s[0] == _about(case[column][f"{rep.distance_m:.0f}"])
    first_three = [low for low, _ in _targets(DESCENDING, paces)[:3]]
    assert first_three == [_about(seconds) for seconds in case["w5"].values()]


STRUCTURES = {
    "1: 4 x 400": "4 x 400 @ rpe 9, jog 400",
    "1: 12 x 400": "12 x 400 @ rpe 9, jog 200",
    "2: 4 x 800": FASTER_800S,
    "3: pyramid": PYRAMID,
    "example: 6 x 800": "6 x 800 @ 5k, jog 200",
}


@pytest.mark.parametrize("case", _cases("seed_structure"), ids=lambda case: case["workout"])
def test_the_founding_workouts_have_their_distances(case):
    session = _prescribed(STRUCTURES[case["workout"]])
    assert [rep.distance_m for rep in session.reps] == case["work_m"]
    assert session.totals.fast_m == case["work_total_m"]


@pytest.mark.parametrize(
    ("aim", "seconds"),
    [
        ("5k-3%", (211.2 * 0.97, 211.2 * 0.97)),
        ("5k+5..10s/km", (215.2, 219.2)),
        ("4:00/km", (192, 192)),
        ("1:38-1:40/lap", (196, 200)),
        ("3:20", (200, 200)),
        ("6:40/mi", (198.84, 198.84)),
    ],
)
def test_a_target_is_in_seconds_for_the_rep(aim, seconds):
    (target,) = _targets(f"800 @ {aim}")
    assert target == pytest.approx(seconds, abs=0.01)


def test_easy_is_a_range_from_fast_to_slow():
    (rep,) = _prescribed("1km easy").reps
    assert rep.pace_s_per_km == rep.target_s == (_about(325.6), _about(366.1))


@pytest.mark.parametrize("effort", ["rpe 8", "85%hr", "max", "sprint"])
def test_an_effort_invents_no_seconds(effort):
    (rep,) = _prescribed(f"400 @ {effort}").reps
    assert (rep.target_s, rep.pace_s_per_km, rep.splits) == (None, None, ())
    assert rep.label == effort


def test_or_faster_keeps_the_target_and_says_so():
    (rep,) = _prescribed("800 @ 5k or faster").reps
    assert rep.target_s[0] == _about(211.2)
    assert rep.label == "5k or faster"


def test_a_change_of_pace_goes_in_equal_steps():
    paces = [rep.pace_s_per_km[0] for rep in _prescribed("5 x 400 @ 5k..mile, jog 400").reps]
    steps = [faster - slower for slower, faster in zip(paces, paces[1:], strict=False)]
    assert paces[0] == pytest.approx(264)
    assert paces[-1] == pytest.approx(241.0, abs=0.05)
    assert steps == pytest.approx([steps[0]] * 4)


# Recoveries, places, totals


def test_nothing_follows_the_last_rep():
    session = _prescribed(WARM_UP + "6 x 800 @ 5k, jog 200" + COOL_DOWN)
    rests = [rep.recovery and rep.recovery.distance_m for rep in session.reps]
    assert rests == [(200, 200)] * 5 + [None]
    assert session.totals.recovery_m == (1000, 1000)


def test_the_recovery_between_sets_replaces_the_inner_one():
    session = _prescribed("2 x (3 x 400 @ mile, jog 100), jog 400")
    rests = [rep.recovery and rep.recovery.distance_m[0] for rep in session.reps]
    assert rests == [100, 100, 400, 100, 100, None]
    assert session.shape == "sets"


@pytest.mark.parametrize(("level", "reps", "jog"), [
    ("beginner", 4, 400), ("intermediate", 6, 300), ("advanced", 8, 200),
])  # fmt: skip
def test_each_level_runs_its_own(level, reps, jog):
    text = "4-6 | 6-8 | 8-12 x 400 @ rpe 9, jog 400 | 300 | 200"
    session = _prescribed(text, level=level)
    assert len(session.reps) == reps
    assert session.reps[0].recovery.distance_m == (jog, jog)


def test_there_are_three_levels():
    with pytest.raises(ValueError, match="beginner"):
        _prescribed("6 x 400 @ 5k", level="elite")


def test_an_open_range_counts_with_its_lower_end():
    totals = _prescribed(FASTER_800S).totals
    assert (totals.fast_m, totals.recovery_m, totals.laps) == (3200, (600, 1200), 8.0)


def test_warm_up_and_cool_down_are_summed_apart():
    totals = _prescribed(WARM_UP + FASTER_800S + COOL_DOWN).totals
    assert totals.warm_up_m == totals.cool_down_m == pytest.approx((1609.344, 3218.688))


@pytest.mark.parametrize("case", _cases("track_position"))
def test_reps_start_where_the_jog_ended(case):
    runs = [leg for leg in case["sequence"] if leg["kind"] == "run"]
    jogs = [leg["m"] for leg in case["sequence"] if leg["kind"] == "jog"]
    text = "; ".join(
        f"{run['m']} @ 5k" + (f", jog {jog}" if jog else "")
        for run, jog in zip(runs, [*jogs, None], strict=True)
    )
    session = _prescribed(text, lap_m=case["track_m"])
    places = [(rep.starts_at_m, rep.ends_at_m) for rep in session.reps]
    assert places == [(run["start_at"], run["end_at"]) for run in runs]


def test_a_place_that_depends_on_the_athlete_is_not_given():
    second = _prescribed(FASTER_800S).reps[1]
    assert second.starts_at_m is None
    standing = _prescribed("3 x 200 @ 36s, rest 1:00").reps[1]
    assert standing.starts_at_m == 200


def test_splits_follow_the_lane():
    (rep,) = _prescribed("800 @ 5k", lane=2).reps
    assert [split.at_m for split in rep.splits] == [pytest.approx(407.04, abs=0.01), 800]
    assert rep.splits[-1].s == rep.target_s


def test_indoors_there_is_a_split_every_200_metres():
    (rep,) = _prescribed("600 @ 5k", lap_m=200).reps
    assert [split.at_m for split in rep.splits] == [200, 400, 600]


# Shapes and words


@pytest.mark.parametrize(
    ("text", "shape", "title"),
    [
        ("6 x 800 @ 5k, jog 200", "repeats", "6 × 800 m"),
        (FASTER_800S, "repeats", "4–8 × 800 m"),
        (PYRAMID, "pyramid", "Pyramid 600–1600–400"),
        (LADDER.format(pace="5k"), "ascending ladder", "Ascending ladder 400–2000"),
        (DESCENDING, "descending ladder", "Descending ladder 3200–200"),
        ("1-2-3min @ rpe 8, jog 1min", "ascending ladder", "Ascending ladder 1 min–3 min"),
        ("3 x (4 x 400 @ mile, jog 100), jog 400", "sets", "3 × (4 × 400 m)"),
        ("10 x 1min @ rpe 8, jog 1min", "repeats", "10 × 1 min"),
        ("8mi easy", "continuous", "8 mi easy"),
        ("60-75min easy", "continuous", "60–75 min easy"),
        ("8mi easy; 4mi @ marathon", "continuous", "8 mi easy + 4 mi marathon"),
        (
            "20min @ threshold; 3 x 10min @ threshold, jog 2min",
            "mixed",
            "20 min threshold + 3 × 10 min threshold",
        ),
        ("400-800-400-800 @ 5k, jog 200", "mixed", "400–800–400–800 m 5K"),
        ("strength: squats", "strength", "Strength"),
        ("rest", "rest", "Rest day"),
    ],
)
def test_a_session_has_a_shape_and_a_title(text, shape, title):
    session = _prescribed(text)
    assert (session.shape, session.title) == (shape, title)


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("warm-up 1-2mi easy", "Warm-up: 1–2 mi easy (5:26–6:06/km)"),
        ("drills leg swings, high knees", "Drills: leg swings, high knees"),
        (
            "6 x 800 @ 5k, jog 200",
            "6 × 800 m at 5K pace (3:31 each, 1:46 a lap), 200 m jog between",
        ),
        (
            FASTER_800S,
            "4–8 × 800 m at 15–20 s/mi faster than 5K pace (3:21–3:24 each, 1:41–1:42 a lap), "
            "200–400 m jog between",
        ),
        (
            "3 x (4 x 400 @ mile, jog 100), jog 400",
            "3 sets of: 4 × 400 m at mile pace (1:36 each), 100 m jog between; "
            "400 m jog between sets",
        ),
        ("8 x 200 @ 36s, rest 1:00", "8 × 200 m in 36 s, 1 min standing rest between"),
        ("600 @ max", "600 m as fast as you can"),
        ("20min @ threshold", "20 min at threshold pace (4:40/km)"),
        ("cool-down 10min", "Cool-down: 10 min easy (5:26–6:06/km)"),
        ("strength: squats, plank", "Strength: squats, plank"),
        ("rest", "Rest day"),
    ],
)
def test_each_block_is_said_as_a_coach_says_it(text, prose):
    (block,) = _prescribed(text).blocks
    assert block.prose == prose


def test_a_jog_to_the_next_step_is_said_to_come_then():
    first, *_, last = _prescribed(DESCENDING).blocks
    assert first.prose == "3200 m at 10K pace (14:36, 1:49 a lap), then 400 m jog"
    assert last.prose == "200 m sprinting"


def test_paces_are_said_in_the_athletes_units():
    (block,) = _prescribed("8mi easy", units="mi").blocks
    assert block.prose == "8 mi easy (8:44–9:49/mi)"


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        (
            "6 x 400 @ 85%hr, jog 400",
            "6 × 400 m at 85 % of maximum heart rate (read it as the rep ends: the heart lags "
            "behind), 400 m jog between",
        ),
        (
            "8 x 1min @ 90%hr",
            "8 × 1 min at 90 % of maximum heart rate (read it as the rep ends: the heart lags "
            "behind)",
        ),
        ("3 x 10min @ 85%hr", "3 × 10 min at 85 % of maximum heart rate"),
        ("6 x 400 @ rpe 8", "6 × 400 m at RPE 8"),
    ],
)
def test_the_athlete_reads_when_to_look_at_the_heart_rate_of_a_short_rep(text, prose):
    (block,) = _prescribed(text).blocks
    assert block.prose == prose


# Warnings


def _warned(text, paces=FIVE_K_IN_22, **how):
    return " ".join(_prescribed(text, paces, **how).warnings)


WHOLE = WARM_UP + "6 x 800 @ 5k, jog 200" + COOL_DOWN


def test_a_sound_session_has_no_warnings():
    assert _warned(WHOLE) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("6 x 800 @ 5k, jog 200", "no warm-up"),
        ("6 x 800 @ 5k, jog 200", "no cool-down"),
        ("6 x 800 @ 5k", "no recovery"),
        ("6 x 400 @ 85%hr, jog 400", "under 3 minutes"),
        ("6 x 800 @ 5k, rest 90", "write rest 90s for seconds, or jog 90"),
        ("6 x 400 @ 5k-40s/mi, jog 400", "faster than mile pace (4:01/km)"),
        ("4mi @ marathon", "5 to 7 %"),
        ("6 x 400 @ 60s, jog 400", "faster than this athlete could race 400 m"),
        ("50 x 1600 @ 10k, jog 100", "in total: are you sure?"),
    ],
)
def test_a_doubtful_session_is_warned_of(text, words):
    assert words in _warned(text)


@pytest.mark.parametrize("text", ["8mi easy", "rest", "10 x 3min @ 85%hr, jog 1min", WHOLE])
def test_heart_rate_and_easy_running_are_left_alone(text):
    assert "under 3 minutes" not in _warned(text)
    if text != "10 x 3min @ 85%hr, jog 1min":
        assert "no warm-up" not in _warned(text)


@pytest.mark.parametrize(
    ("raced_on", "words"),
    [(None, "5K 22:00 has no date"), (TODAY - timedelta(days=400), "over 12 months old")],
)
def test_old_and_undated_results_are_warned_of(raced_on, words):
    assert words in _warned(WHOLE, athlete_paces([Race(5000, 1320, raced_on)], today=TODAY))


def test_without_a_race_there_are_no_targets_but_a_warning():
    session = _prescribed(WHOLE, paces=None)
    assert {rep.target_s for rep in session.reps} == {None}
    assert "add a race to see paces" in " ".join(session.warnings)
    assert session.blocks[1].prose == "6 × 800 m at 5K pace, 200 m jog between"
    assert _targets("800 @ 4:00/km", None) == [(192, 192)]


def test_a_session_too_big_for_the_week_is_warned_of():
    assert "9.2 km at interval pace" in _warned(PYRAMID, weekly_volume_m=50_000)
    assert "interval pace" not in _warned(PYRAMID, weekly_volume_m=120_000)


# What is kept and shown


def test_a_published_session_is_plain_json_with_everything_in_it():
    data = _prescribed(WARM_UP + FASTER_800S).as_json()
    assert json.loads(json.dumps(data)) == data
    assert data["blocks"][0] == {"role": "warm_up", "prose": "Warm-up: 1–2 mi easy (5:26–6:06/km)"}
    first = data["reps"][0]
    assert first["rep"] == 1
    assert first["distance_m"] == 800
    assert first["duration_s"] is None
    assert first["label"] == "5k-15..20s/mi"
    assert first["target_s"] == [_about(201.3, 0), _about(203.7, 0)]
    assert first["pace_s_per_km"] == [_about(251.6, 0), _about(254.7, 0)]
    assert [split["at_m"] for split in first["splits"]] == [400, 800]
    assert (first["starts_at_m"], first["ends_at_m"]) == (0, 0)
    assert first["recovery"] == {"kind": "jog", "distance_m": [200, 400], "duration_s": None}
    assert data["totals"]["recovery_m"] == [600, 1200]
    assert data["sources"] == ["5K 22:00, 8 weeks old"]


def test_a_board_cell_shows_the_whole_session():
    cell = summary(WARM_UP + FASTER_800S + COOL_DOWN)
    assert cell.title == "4–8 × 800 m"
    assert cell.distance_m_low == pytest.approx(3200 + 600 + 2 * 1609.344)
    assert cell.distance_m_high == pytest.approx(6400 + 2800 + 4 * 1609.344)
    assert cell.fast_m == 3200
    assert cell.has_fast
    assert summary.cache_info().maxsize


def test_a_board_cell_of_a_run_by_time_shows_its_time():
    cell = summary("60-75min easy")
    assert (cell.distance_m_low, cell.distance_m_high) == (None, None)
    assert (cell.duration_s_low, cell.duration_s_high) == (3600, 4500)
    assert not cell.has_fast


WORDS = ["6 x ", "3 x (", ")", "800", "400-800-1200", "2 laps", "20min", " @ 5k", " @ easy",
         " @ 5k-10%..mile", " @ 36s", " @ 85%hr", ", jog 200-400", ", rest 1:00", "; ", " + ",
         "\nwarm-up 1-2mi", "\ndrills", "strength: a"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from([None, 20.0, 85.0]))
@settings(max_examples=400, deadline=None)
def test_whatever_can_be_written_can_be_prescribed(words, vdot):
    try:
        workout = parse_workout("".join(words))
    except NotationError:
        return
    paces = paces_of_vdot(vdot, today=TODAY) if vdot else None
    session = prescribe(workout, paces=paces, lap_m=200, lane=3, weekly_volume_m=30_000)
    assert json.dumps(session.as_json())
    assert session.title
    assert all(rep.recovery is None for rep in session.reps[-1:])
    for rep in session.reps:
        assert rep.target_s is None or 0 < rep.target_s[0] <= rep.target_s[1]
