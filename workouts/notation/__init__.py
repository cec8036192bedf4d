"""The workout notation: the text a coach types, as a tree, and the tree as text again.

docs/notation.md teaches it. The tree keeps what was typed (units, ranges, choices by level);
nothing is worked out here. `parse_workout(format_workout(workout)) == workout` always holds.
"""

from workouts.notation.narrowing import narrow
from workouts.notation.reading import LONGEST_TEXT, NotationError, parse_workout
from workouts.notation.tree import (
    EASY,
    LEVELS,
    ONCE,
    RACE_PACES,
    STANDARD_LAP_M,
    TRAINING_PACES,
    Amount,
    Block,
    Change,
    Count,
    Distance,
    DistanceUnit,
    Duration,
    Effort,
    Given,
    Group,
    Kind,
    Named,
    Offset,
    OffsetUnit,
    PaceUnit,
    Recovery,
    Reps,
    Role,
    Span,
    Step,
    Target,
    Workout,
    choose,
    size_of,
)
from workouts.notation.writing import (
    format_amount,
    format_recovery,
    format_span,
    format_step,
    format_target,
    format_workout,
)

__all__ = [
    "Amount", "Block", "Change", "Count", "Distance", "DistanceUnit", "Duration", "EASY",
    "Effort", "Given", "Group", "Kind", "LEVELS", "LONGEST_TEXT", "Named", "NotationError",
    "ONCE", "Offset", "OffsetUnit", "PaceUnit", "RACE_PACES", "Recovery", "Reps", "Role",
    "STANDARD_LAP_M", "Span", "Step", "TRAINING_PACES", "Target", "Workout", "choose",
    "format_amount", "format_recovery", "format_span", "format_step", "format_target",
    "format_workout", "narrow", "parse_workout", "size_of",
]  # fmt: skip
