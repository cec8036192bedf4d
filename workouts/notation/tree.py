"""The tree of a workout: what was typed, with nothing worked out."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias, TypeVar

RACE_PACES: Final = (
    "800", "1500", "mile", "3k", "5k", "8k", "10k", "15k", "10mi", "half", "marathon",
)  # fmt: skip
TRAINING_PACES: Final = ("easy", "marathon", "threshold", "interval", "repetition", "vo2max")

STANDARD_LAP_M: Final = 400

DistanceUnit: TypeAlias = Literal["m", "km", "mi", "lap"]
PaceUnit: TypeAlias = Literal["km", "mi", "lap", "rep"]
OffsetUnit: TypeAlias = Literal["s/mi", "s/km", "%"]
Kind: TypeAlias = Literal["jog", "walk", "rest"]
_Choice = TypeVar("_Choice")
Role: TypeAlias = Literal["warm_up", "drills", "main", "cool_down", "strength", "rest", "comment"]


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance as typed: 1.5 km, 2 mi, 400 m, 2 laps."""

    value: Decimal
    unit: DistanceUnit

    def metres(self, lap_m: float = STANDARD_LAP_M) -> float:
        """Return the distance in metres on a track of `lap_m` metres."""
        units = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "lap": float(lap_m)}
        return float(self.value) * units[self.unit]


@dataclass(frozen=True, slots=True)
class Duration:
    """A running time in whole seconds."""

    seconds: int


Amount: TypeAlias = Distance | Duration


@dataclass(frozen=True, slots=True)
class Span:
    """An amount to run or rest, from low to high; equal for a single one, and of one kind."""

    low: Amount
    high: Amount


@dataclass(frozen=True, slots=True)
class Count:
    """A number of reps, from low to high."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Offset:
    """Faster (sign -1) or slower (+1) than a pace, by first, or by first to second."""

    sign: int
    first: Decimal
    second: Decimal
    unit: OffsetUnit


@dataclass(frozen=True, slots=True)
class Named:
    """A race or training pace of the athlete, by name, with what is added to it."""

    name: str
    offset: Offset | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A pace in seconds per km, mile or lap, or the seconds for the rep itself."""

    low: Decimal
    high: Decimal
    unit: PaceUnit


@dataclass(frozen=True, slots=True)
class Change:
    """A pace that moves in equal steps from the first rep to the last."""

    first: Named | Given
    last: Named | Given


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard, without a pace: RPE 1-10, percent of maximum heart rate, max or sprint."""

    kind: Literal["rpe", "%hr", "max", "sprint"]
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Target:
    """What to aim at in a rep, and whether faster is welcome."""

    pace: Named | Given | Change | Effort
    or_faster: bool = False


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is done between reps; `spans` holds one choice a level, beginner first."""

    kind: Kind
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Reps:
    """One distance or time, or a ladder of them, run `counts` times (one choice a level)."""

    counts: tuple[Count, ...]
    amounts: tuple[Span, ...]
    target: Target


@dataclass(frozen=True, slots=True)
class Group:
    """A set: steps in brackets, done `counts` times (one choice a level)."""

    counts: tuple[Count, ...]
    steps: "tuple[Step, ...]"


@dataclass(frozen=True, slots=True)
class Step:
    """Parts run one after the other, with one recovery after each rep, or each set."""

    parts: tuple[Reps | Group, ...]
    recovery: Recovery | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One line of a workout: a step to run, or text, and the coach's own comment."""

    role: Role
    step: Step | None = None
    text: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Workout:
    """A whole session, block by block."""

    blocks: tuple[Block, ...]


LEVELS: Final = ("beginner", "intermediate", "advanced")
ONCE: Final = (Count(1, 1),)
EASY: Final = Target(Named("easy"))


def size_of(amount: Amount) -> float:
    """Return the metres or seconds of an amount, on a standard track."""
    return amount.metres() if isinstance(amount, Distance) else amount.seconds


def choose(choices: Sequence[_Choice], level: str) -> _Choice:
    """Return the choice for a level: of three, its own; of two, the first is the beginner's.

    :raises ValueError: if there is no such level
    """
    if level not in LEVELS:
        raise ValueError(f"“{level}” is no level: choose {', '.join(LEVELS)}")
    return choices[min(LEVELS.index(level), len(choices) - 1)]
