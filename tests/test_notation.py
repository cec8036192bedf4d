"""The workout notation: what is read, what is written, what is refused and how."""

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workouts import notation
from workouts.notation import (
    Block,
    Change,
    Count,
    Distance,
    Duration,
    Effort,
    Given,
    Group,
    Named,
    NotationError,
    Offset,
    Recovery,
    Reps,
    Span,
    Step,
    Target,
    Workout,
    choose,
    format_workout,
    parse_workout,
)


def examples(few: int) -> int:
    """Return how many examples to try: `few`, or what a longer profile of hypothesis says."""
    return max(few, settings.default.max_examples)


EXAMPLES = [
    "warm-up 1-2mi easy\ndrills leg swings, high knees, walking lunges\n"
    "6 x 800 @ 5k, jog 200\ncool-down 1-2mi easy",
    "4-6 | 6-8 | 8-12 x 400 @ 85%hr, jog 400 | 300 | 200  # beginner | intermediate | advanced",
    "4-8 x 800 @ 5k-15..20s/mi, jog 200-400",
    "600-800-1000-1200-1600-1200-1000-800-600-400 @ 5k, jog 200-400",
    "2x400 + 2x800 + 2x1000 + 2x1600 + 1x2000 @ 5k or faster, jog 200",
    "3200 @ 10k, jog 400; 1600 @ 5k, jog 400; 1000 @ mile, jog 200; 600 @ max, jog 200; "
    "200 @ sprint",
    "1600-1200-800-400-200 @ 5k..mile, jog 400                # a little faster each rep",
    "3 x (4 x 400 @ mile, jog 100), jog 400                   # sets",
    "20min @ threshold; 3 x 10min @ threshold, jog 2min",
    "10 x 1min @ rpe 8, jog 1min                              # fartlek",
    "8mi easy; 4mi @ marathon; 2mi @ half                     # progression run",
    "5 x 1km @ 4:00/km, walk 90s",
    "8 x 200 @ 36s, rest 1:00",
    "strength: 3 rounds of squats, calf raises, plank",
    "rest",
    "2 x (1000 @ 10k-3%, jog 200; 2 x 400 @ 1:38/lap, rest 45s), walk 400",
    "1h10 easy\n# a note of its own\n2 laps @ rpe 7-8",
    "400 @ 3:58-4:02/km + 2 x 200 @ 36.5s, jog 200",
    "1min-2min-3min-2min-1min @ vo2max, jog 1min",
]


def _only(text):
    """Return the parts of a workout of one step."""
    (block,) = parse_workout(text).blocks
    return block.step.parts


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_workout_reads_back_as_it_is_written(text):
    workout = parse_workout(text)
    assert parse_workout(format_workout(workout)) == workout


def test_a_session_has_its_blocks_in_order():
    roles = [block.role for block in parse_workout(EXAMPLES[0]).blocks]
    assert roles == ["warm_up", "drills", "main", "cool_down"]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("6×800 @ 5K, JOG 200m", "6 x 800 @ 5k, jog 200"),
        ("6x800@5k,jog 200", "6 x 800 @ 5k, jog 200"),
        ("WU: 2 miles\ncd 10 min easy", "warm-up 2mi easy\ncool-down 10min easy"),
        ("warm up 1 mile easy", "warm-up 1mi easy"),
        ("Cooldown 1–2mi easy", "cool-down 1-2mi easy"),
        ("2x400 + 1x800 @ 5k", "2 x 400 + 800 @ 5k"),
        ("5 x 1:30 @ rpe 8, jog 60s", "5 x 90s @ rpe 8, jog 1min"),
        ("70min easy", "1h10 easy"),
        ("800 @ half marathon", "800 @ half"),
        ("4-8 x 800 @ 5k-15-20s/mile", "4-8 x 800 @ 5k-15..20s/mi"),
        ("1.50km @ 5k", "1.5km @ 5k"),
        ("1-2-3-2-1min @ rpe 8", "1min-2min-3min-2min-1min @ rpe 8"),
        ("6 x 800 @ 5k jog 200", "6 x 800 @ 5k, jog 200"),
    ],
)
def test_many_spellings_are_read_and_one_is_written(typed, written):
    assert format_workout(parse_workout(typed)) == written


def test_a_pace_said_once_is_shared_by_the_steps_before_it():
    reps = _only("2 x 400 + 800 @ 5k, jog 200")
    assert [part.target for part in reps] == [Target(Named("5k"))] * 2


def test_an_offset_is_kept_as_typed():
    (reps,) = _only("800 @ 5k-15..20s/mi")
    assert reps.target.pace == Named("5k", Offset(-1, Decimal(15), Decimal(20), "s/mi"))


def test_a_plus_begins_a_step_unless_an_amount_per_mile_follows():
    assert len(_only("400 @ 5k + 800 @ 10k")) == 2
    assert len(_only("400 @ 5k +5s/km")) == 1


def test_each_level_has_its_choice():
    (reps,) = _only("4-6 | 6-8 | 8-12 x 400 @ 5k")
    assert [choose(reps.counts, level).low for level in notation.LEVELS] == [4, 6, 8]
    (reps,) = _only("4 | 6 x 400 @ 5k")
    assert [choose(reps.counts, level).low for level in notation.LEVELS] == [4, 6, 6]
    with pytest.raises(ValueError, match="beginner"):
        choose(reps.counts, "elite")


def test_comments_are_kept_for_the_coach():
    workout = parse_workout("# week 3\n3 x (400 @ 5k # hard\n), jog 200 # easy jog")
    assert [block.comment for block in workout.blocks] == ["week 3", "hard; easy jog"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (
            "6 x 800 @ 5q",
            (1, 11),
            '"5q" is no pace; did you mean 5k, or an effort such as rpe 8?',
        ),
        ("rest\n6 x 800 @ threshhold", (2, 11), "did you mean threshold"),
        ("rest\r\n6 x 800 @ 5q", (2, 11), "5q"),
        ("", (1, 1), "6 x 800 @ 5k, jog 200"),
        ("# only a comment", (1, 1), "nothing to run"),
        ("6 x 800", (1, 8), "@ 5k"),
        ("6 800 @ 5k", (1, 1), '"6" has no unit'),
        ("5m easy", (1, 1), "5min"),
        ("4OO @ 5k", (1, 1), '"4OO" is no distance'),
        ("400m m @ 5k", (1, 6), '"m" is no pace'),
        ("0 x 400 @ 5k", (1, 1), "reps"),
        ("101 x 400 @ 5k", (1, 1), "1 to 100"),
        ("8-4 x 400 @ 5k", (1, 1), "4-6"),
        ("99999999999999999999 x 400 @ 5k", (1, 1), "reps"),
        ("800-400 @ 5k", (1, 1), "800 + 400"),
        ("400-800-2min @ 5k", (1, 1), "+"),
        ("10 x 1min @ 36s", (1, 6), "needs a distance"),
        ("5 x 1km @ 60:00/km", (1, 5), "no running pace"),
        ("5 x 1km @ 4:75/km", (1, 11), "00 to 59"),
        ("5 x 1km @ -4:00/km", (1, 11), "is no pace"),
        ("6 x 800 @ rpe 12", (1, 11), "1 to 10"),
        ("6 x 800 @ 5%hr", (1, 11), "40 to 100"),
        ("6 x 800 @ 5k-15, jog 200", (1, 13), "5k-15s/mi"),
        ("6 x 800 @ 5k, hop 200", (1, 15), "jog 200"),
        ("6 x 800 @ 5k, jog 200 200", (1, 23), "new line"),
        ("6 x 800 @ 5k, jog 1 | 2 | 3 | 4 laps", (1, 19), "no unit"),
        ("1|2|3|4 x 800 @ 5k", (1, 1), "three levels"),
        ("3 x (4 x 400 @ mile", (1, 5), "never closed"),
        ("2 x (2 x (2 x (2 x (400 @ 5k))))", (1, 20), "3 deep"),
        ("3 x ()", (1, 5), "empty"),
        ("25:00:00 easy", (1, 1), "24 hours"),
        ("50 x 3km @ 5k", (1, 1), "100 km"),
        ("100 x 20min easy", (1, 1), "24 hours"),
        ("3 x (50 x 100 @ mile, jog 100), jog 400", (1, 1), "200"),
        ("400 @ 5k; " * 401, (1, 4001), "4,000"),
        ("6 x 800 @ 5k\x00", (1, 13), "hidden character"),
    ],
)  # fmt: skip
def test_bad_notation_names_the_place_and_a_fix(text, place, words):
    with pytest.raises(NotationError) as error:
        parse_workout(text)
    assert words in str(error.value)
    assert (error.value.line, error.value.column) == place
    assert str(error.value).startswith(f"line {place[0]}, column {place[1]}: ")


def test_a_hundred_reps_with_jogs_are_allowed():
    parse_workout("10 x (10 x 100 @ mile, jog 100), jog 400")


@given(st.text())
@settings(max_examples=examples(400))
def test_any_text_is_a_workout_or_a_notation_error(text):
    try:
        workout = parse_workout(text)
    except NotationError:
        return
    assert parse_workout(format_workout(workout)) == workout


TOKENS = ["6", "4-8", "x", "×", "800", "400-600", "1km", "2mi", "20min", "1:30", "@", "5k", "mile",
          "-15..20s/mi", "+5s/km", "..", "rpe 8", "85%hr", "max", "easy", "or faster", ",", "jog",
          "200", "walk", "rest", "(", ")", "+", "-", "|", ";", "\n", "#", "drills", "warm-up", ":",
          "4:00/km", "36s", "strength", "2 laps"]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=15), st.sampled_from(["", " "]))
@settings(max_examples=examples(600))
def test_any_jumble_of_notation_is_a_workout_or_a_notation_error(tokens, between):
    try:
        workout = parse_workout(between.join(tokens))
    except NotationError:
        return
    assert parse_workout(format_workout(workout)) == workout


# Whole workouts, as trees: what they are written as must read back as the same tree.

DISTANCES = st.one_of(
    st.builds(Distance, st.integers(20, 3000).map(Decimal), st.just("m")),
    st.builds(Distance, st.integers(1, 50).map(lambda n: Decimal(n) / 10), st.just("km")),
    st.builds(Distance, st.integers(1, 30).map(lambda n: Decimal(n) / 4), st.just("mi")),
    st.builds(Distance, st.integers(1, 12).map(Decimal), st.just("lap")),
)
DURATIONS = st.builds(Duration, st.integers(1, 5000))
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"], exclude_characters=":;#"),
    max_size=20,
)


@st.composite
def spans(draw, amounts):
    low, high = draw(amounts), draw(amounts)
    if draw(st.booleans()):
        return Span(low, low)
    low, high = sorted((low, high), key=notation.size_of)
    assume(notation.size_of(low) < notation.size_of(high))
    return Span(low, high)


@st.composite
def counts(draw):
    pairs = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
    return tuple(Count(min(pair), max(pair)) for pair in pairs)


@st.composite
def offsets(draw):
    unit = draw(st.sampled_from(["s/mi", "s/km", "%"]))
    ends = sorted(draw(st.tuples(st.integers(0, 60), st.integers(0, 60))))
    first, second = (Decimal(end) / 2 for end in ends)
    return Offset(draw(st.sampled_from([-1, 1])), first, second, unit)


@st.composite
def given_paces(draw):
    unit = draw(st.sampled_from(["km", "mi", "lap"]))
    low, high = sorted(draw(st.tuples(st.integers(1500, 2400), st.integers(1500, 2400))))
    if unit == "lap":
        low, high = low // 3, high // 3
    return Given(Decimal(low) / 10, Decimal(high) / 10, unit)


NAMED = st.builds(
    Named,
    st.sampled_from([*notation.RACE_PACES, *notation.TRAINING_PACES]),
    st.none() | offsets(),
)
PACES = st.one_of(NAMED, given_paces())
EFFORTS = st.one_of(
    st.sampled_from([Effort("max"), Effort("sprint")]),
    st.integers(2, 18).map(lambda n: Effort("rpe", Decimal(n) / 2, Decimal(n + 2) / 2)),
    st.integers(40, 100).map(lambda n: Effort("%hr", Decimal(n), Decimal(n))),
)
TARGETS = st.builds(
    Target, st.one_of(PACES, EFFORTS, st.builds(Change, PACES, PACES)), st.booleans()
)
RECOVERIES = st.builds(
    Recovery,
    st.sampled_from(["jog", "walk", "rest"]),
    st.lists(spans(DISTANCES) | spans(DURATIONS), min_size=1, max_size=3).map(tuple),
)


@st.composite
def reps(draw):
    amounts = draw(st.sampled_from([DISTANCES, DURATIONS]))
    ladder = st.lists(amounts, min_size=3, max_size=5).map(
        lambda found: tuple(Span(amount, amount) for amount in found)
    )
    return Reps(draw(counts()), draw(spans(amounts).map(lambda s: (s,)) | ladder), draw(TARGETS))


def steps(depth=2):
    part = reps()
    if depth:
        part = part | st.builds(
            Group, counts(), st.lists(steps(depth - 1), min_size=1, max_size=2).map(tuple)
        )
    parts = st.lists(part, min_size=1, max_size=3).map(tuple)
    return st.builds(Step, parts, st.none() | RECOVERIES)


RUNNING = st.sampled_from(["main", "warm_up", "cool_down"])
BLOCKS = st.one_of(
    st.builds(
        Block, st.sampled_from(["main", "warm_up", "cool_down"]), steps(), st.just(""), TEXTS
    ),
    st.builds(Block, st.sampled_from(["drills", "strength"]), st.none(), TEXTS, TEXTS),
    st.builds(Block, st.just("rest"), st.none(), st.just(""), TEXTS),
)


@given(st.lists(BLOCKS, min_size=1, max_size=3))
@settings(max_examples=examples(300), deadline=None)
def test_any_workout_reads_back_as_it_is_written(blocks):
    workout = Workout(tuple(blocks))
    try:
        again = parse_workout(format_workout(workout))
    except NotationError as error:  # only for a tree that passes the limits
        assert any(limit in error.message for limit in ("in all", "characters"))
    else:
        assert again == workout
