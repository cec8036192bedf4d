"""A template holds ranges and levels; what is scheduled holds one value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_notation import BLOCKS
from workouts.notation import (
    LEVELS,
    NotationError,
    Workout,
    format_workout,
    narrow,
    parse_workout,
)

# From the founding text: beginners 4-6 x 400 with a 400 jog, advanced up to 12 with 200.
CASES = [
    ("4-6 | 6-8 | 8-12 x 400 @ mile, jog 400 | 300 | 200", "beginner", "4 x 400 @ mile, jog 400"),
    (
        "4-6 | 6-8 | 8-12 x 400 @ mile, jog 400 | 300 | 200",
        "intermediate",
        "7 x 400 @ mile, jog 300",
    ),
    ("4-6 | 6-8 | 8-12 x 400 @ mile, jog 400 | 300 | 200", "advanced", "12 x 400 @ mile, jog 200"),
    ("4-8 x 800 @ 5k-15..20s/mi, jog 200-400", "beginner", "4 x 800 @ 5k-15..20s/mi, jog 400"),
    ("4-8 x 800 @ 5k-15..20s/mi, jog 200-400", "intermediate", "6 x 800 @ 5k-15..20s/mi, jog 300"),
    ("4-8 x 800 @ 5k-15..20s/mi, jog 200-400", "advanced", "8 x 800 @ 5k-15..20s/mi, jog 200"),
    ("6 x 800 @ 5k, jog 200", "beginner", "6 x 800 @ 5k, jog 200"),
    ("warm-up 1-2mi easy; 8km easy", "advanced", "warm-up 1-2mi easy; 8km easy"),
    (
        "2-4 x (4 x 400 @ mile, jog 1min-2min), jog 400",
        "intermediate",
        "3 x (4 x 400 @ mile, jog 1:30), jog 400",
    ),
]


@pytest.mark.parametrize(("template", "level", "session"), CASES)
def test_a_level_settles_reps_and_recovery(template, level, session):
    assert narrow(parse_workout(template), level) == parse_workout(session)


@given(st.lists(BLOCKS, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_what_is_settled_stays_settled_and_can_be_written_down(blocks):
    for level in LEVELS:
        settled = narrow(Workout(tuple(blocks)), level)
        assert narrow(settled, "advanced") == settled
        try:
            again = parse_workout(format_workout(settled))
        except NotationError as error:  # only for a tree that passes the limits
            assert any(limit in error.message for limit in ("in all", "characters"))
        else:
            assert again == settled


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="elite"):
        narrow(parse_workout("6-8 x 400 @ mile"), "elite")
