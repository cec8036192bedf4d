"""From a template for many to one session: a level picked, ranges of reps and recovery settled."""

from dataclasses import replace
from decimal import Decimal

from workouts.notation.tree import (
    LEVELS,
    Amount,
    Count,
    Distance,
    Duration,
    Group,
    Recovery,
    Reps,
    Span,
    Step,
    Workout,
    choose,
)


def narrow(workout: Workout, level: str) -> Workout:
    """Return the workout with one number of reps and one recovery, as one of `level` runs it.

    A beginner gets the fewest reps and the longest recovery of a range, an advanced runner the most
    and the shortest, an intermediate one the middle. Ranges of pace stay, they are what to aim at,
    and so do those of warm-up and cool-down, which the athlete chooses on the day.

    :raises ValueError: if there is no such level
    """
    return Workout(
        tuple(
            replace(block, step=_step(block.step, level))
            if block.step and block.role == "main"
            else block
            for block in workout.blocks
        )
    )


def _step(step: Step, level: str) -> Step:
    return Step(
        tuple(_part(part, level) for part in step.parts),
        step.recovery and _recovery(step.recovery, level),
    )


def _part(part: Reps | Group, level: str) -> Reps | Group:
    count = choose(part.counts, level)
    reps = (count.low, (count.low + count.high + 1) // 2, count.high)[LEVELS.index(level)]
    counts = (Count(reps, reps),)
    if isinstance(part, Group):
        return Group(counts, tuple(_step(step, level) for step in part.steps))
    return replace(part, counts=counts)


def _recovery(recovery: Recovery, level: str) -> Recovery:
    span = choose(recovery.spans, level)
    amount = (span.high, _middle(span), span.low)[LEVELS.index(level)]
    return replace(recovery, spans=(Span(amount, amount),))


def _middle(span: Span) -> Amount:
    """Return the middle of a range, in the unit of its lower end: 200-400 m is 300 m."""
    low, high = span.low, span.high
    if isinstance(low, Distance) and isinstance(high, Distance) and low.unit == high.unit:
        return Distance(((low.value + high.value) / 2).quantize(_step_of(low)), low.unit)
    if isinstance(low, Duration) and isinstance(high, Duration):
        return Duration((low.seconds + high.seconds) // 2)
    return low


def _step_of(distance: Distance) -> Decimal:
    """Return to what a middle is rounded: whole metres, tenths of anything longer."""
    return Decimal(1) if distance.unit == "m" else Decimal("0.1")
