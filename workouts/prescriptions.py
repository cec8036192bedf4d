"""From a workout and an athlete's paces to what that athlete runs: targets, splits, words.

A prescription is worked out once and then frozen as JSON into a published plan; the page and the
mail are drawn from that JSON alone, so it holds the words as well as the numbers.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, TypeAlias

from athletes.measures import (
    MILE_M,
    Units,
    format_clock,
    format_distance,
    format_pace,
    format_range,
)
from athletes.predictions import AthletePaces, Race
from workouts import prose
from workouts.notation import (
    ONCE,
    Amount,
    Change,
    Distance,
    Duration,
    Effort,
    Given,
    Group,
    Named,
    Offset,
    Recovery,
    Reps,
    Span,
    Step,
    Target,
    Workout,
    choose,
    format_target,
    parse_workout,
    size_of,
)
from workouts.notation import (
    Block as NotationBlock,
)
from workouts.track import STANDARD_LAP_M, even_splits, lane_lap_m, laps, position

Band: TypeAlias = tuple[float, float]  # low and high; for a pace or time low is the faster
HEART_RATE_LAGS_S: Final = 180  # a shorter rep is over before heart rate can steer it
SAME_PACE: Final = 0.002  # paces this close are one
LONG_SESSION_M: Final = 45_000
LONGEST_TIMED_M: Final = 5000  # beyond it a pace helps more than a time for the whole
DEFAULT_S_PER_M: Final = 0.3
EASY_RPE, EASY_PERCENT_HR = 4, 75
# Daniels' caps for one session: what, the paces meant, share of the week, metres.
CAPS: Final = (
    ("threshold pace", ("threshold",), 0.10, float("inf")),
    ("interval pace", ("interval", "vo2max", "3k", "5k"), 0.08, 10_000.0),
    ("repetition pace", ("repetition", "mile", "1500", "800"), 0.05, 5 * float(MILE_M)),
)


@dataclass(frozen=True, slots=True)
class Rest:
    """What follows a rep: jog, walk or rest over metres or seconds, from low to high."""

    kind: str
    distance_m: Band | None
    duration_s: Band | None


@dataclass(frozen=True, slots=True)
class Split:
    """The seconds, low and high, at which a rep passes `at_m` metres."""

    at_m: float
    s: Band


@dataclass(frozen=True, slots=True)
class Rep:
    """One rep of the main part: how far or how long, how fast, from where to where.

    `label` is the target in the notation, `words` the same for a reader. `target_s` is for the
    whole rep and None for an effort or an unknown pace; positions are None where a jog of open
    length, or a run by time, has made them unknown. `block` is the index of its block in the
    prescription.
    """

    rep: int
    block: int
    distance_m: float | None
    duration_s: float | None
    label: str
    words: str
    is_easy: bool
    target_s: Band | None
    pace_s_per_km: Band | None
    splits: tuple[Split, ...]
    starts_at_m: float | None
    ends_at_m: float | None
    recovery: Rest | None


@dataclass(frozen=True, slots=True)
class Block:
    """One part of the session and the sentence that tells the athlete of it."""

    role: str
    prose: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a session in metres, and in seconds for what is run by time.

    `fast_m` counts the reps faster than easy, `easy_m` those that are not; `laps` is of `fast_m`.
    """

    fast_m: float
    easy_m: float
    recovery_m: Band
    warm_up_m: Band
    cool_down_m: Band
    laps: float
    timed_s: Band
    recovery_s: Band


@dataclass(frozen=True, slots=True)
class Prescription:
    """A workout as one athlete runs it."""

    title: str
    shape: str
    blocks: tuple[Block, ...]
    reps: tuple[Rep, ...]
    totals: Totals
    warnings: tuple[str, ...]
    sources: tuple[str, ...]
    units: Units
    lap_m: float
    split_m: float | None

    def as_json(self) -> dict[str, Any]:
        """Return plain dicts, lists, strings and numbers: seconds unrounded, metres, s per km."""
        plain: dict[str, Any] = _plain(self)
        return plain


@dataclass(frozen=True, slots=True)
class Summary:
    """What a board cell shows of a workout; metres of the whole session, None when run by time."""

    title: str
    shape: str
    distance_m_low: float | None
    distance_m_high: float | None
    fast_m: float
    duration_s_low: float | None
    duration_s_high: float | None
    has_fast: bool
    needs_paces: bool


def prescribe(
    workout: Workout,
    *,
    paces: AthletePaces | None,
    level: str = "intermediate",
    lap_m: float = STANDARD_LAP_M,
    lane: int = 1,
    split_m: float | None = None,
    units: Units = "km",
    weekly_volume_m: float | None = None,
) -> Prescription:
    """Return the workout with the targets of one athlete, on a track of `lap_m` metres.

    An open range of reps counts with its lower end. Recoveries stand between reps only. Splits are
    told at the lap lines, and after every `split_m` metres where that is given. Without `paces`
    what needs them has no target. `weekly_volume_m` is the athlete's usual week, in
    metres; with it, a session too big for the week is warned of. Warnings never block.

    :raises ValueError: if `level` or `lane` is none, or the lap is not 100 to 1,000 m
    """
    lap = lane_lap_m(lane, lap_m=lap_m)
    aim = _Aim(paces, lap, units)
    blocks = [block for block in workout.blocks if block.role != "comment"]
    drafts = _drafts(blocks, "main", level)
    reps = tuple(_reps(drafts, aim, level, split_m))
    totals = _totals(blocks, reps, level, lap)
    steps = _main_steps(blocks)
    shape = _shape(steps, blocks, drafts)
    return Prescription(
        title=prose.title(shape, steps, [draft.span.low for draft in drafts], level),
        shape=shape,
        blocks=tuple(
            _block(block, level, aim, is_last=bool(steps) and block.step is steps[-1])
            for block in blocks
        ),
        reps=reps,
        totals=totals,
        warnings=tuple(
            dict.fromkeys(_warnings(blocks, drafts, reps, totals, aim, weekly_volume_m, shape))
        ),
        sources=tuple(aim.sources),
        units=units,
        lap_m=lap,
        split_m=split_m,
    )


@lru_cache(maxsize=4096)
def summary(
    notation_text: str, level: str = "intermediate", lap_m: float = STANDARD_LAP_M
) -> Summary:
    """Return the title, shape and size of a workout for an athlete of `level` on that lap.

    `has_fast` says whether any rep is faster than easy, in the warm-up and cool-down too;
    `needs_paces` whether a target faster than easy comes from the athlete's races.

    :raises NotationError: if the text is no workout
    :raises ValueError: if there is no such level
    """
    blocks = [b for b in parse_workout(notation_text).blocks if b.role != "comment"]
    drafts = _drafts(blocks, "main", level)
    steps = _main_steps(blocks)
    shape = _shape(steps, blocks, drafts)
    low, high = (_session_size(blocks, level, most=most, lap_m=lap_m) for most in (False, True))
    fast = [draft for draft in drafts if not is_easy(draft.target)]
    around = [one for role in ("warm_up", "cool_down") for one in _drafts(blocks, role, level)]
    timed = bool(low[1])
    return Summary(
        title=prose.title(shape, steps, [draft.span.low for draft in drafts], level),
        shape=shape,
        distance_m_low=None if timed or not low[0] else low[0],
        distance_m_high=None if timed or not high[0] else high[0],
        fast_m=sum(_metres(draft.span.low, lap_m) for draft in fast),
        duration_s_low=low[1] or None,
        duration_s_high=high[1] or None,
        has_fast=any(not is_easy(one.target) for one in [*drafts, *around]),
        needs_paces=any(isinstance(draft.target.pace, Named | Change) for draft in fast),
    )


def is_easy(target: Target) -> bool:
    """Return whether a target is no faster than easy running."""
    match target.pace:
        case Named("easy", offset):
            return offset is None or offset.sign > 0
        case Effort("rpe", _, high):
            return high <= EASY_RPE
        case Effort("%hr", _, high):
            return high <= EASY_PERCENT_HR
    return False


# Expanding: the tree becomes a flat list of reps, each with what follows it.


@dataclass(slots=True)
class _Draft:
    """One rep before paces; `share` is how far it is along a change, from 0 to 1."""

    block: int
    span: Span
    target: Target
    recovery: Recovery | None
    share: float = 0.0


def _expand(step: Step, block: int, level: str, *, most: bool = False) -> list[_Draft]:
    """Return the reps of a step in order; with `most`, the upper end of open counts."""
    drafts: list[_Draft] = []
    for part in step.parts:
        count = choose(part.counts, level)
        for _ in range(count.high if most else count.low):
            if isinstance(part, Reps):
                drafts += [_Draft(block, s, part.target, step.recovery) for s in part.amounts]
                continue
            for inner in part.steps:
                drafts += _expand(inner, block, level, most=most)
            drafts[-1].recovery = step.recovery or drafts[-1].recovery
    for target in {part.target for part in step.parts if isinstance(part, Reps)}:
        if isinstance(target.pace, Change):
            changing = [draft for draft in drafts if draft.target == target]
            for index, draft in enumerate(changing):
                draft.share = index / max(len(changing) - 1, 1)
    return drafts


def _drafts(
    blocks: Sequence[NotationBlock], role: str, level: str, *, most: bool = False
) -> list[_Draft]:
    """Return the reps of all blocks of a role; nothing follows the last."""
    drafts = [
        draft
        for index, block in enumerate(blocks)
        if block.role == role and block.step
        for draft in _expand(block.step, index, level, most=most)
    ]
    if drafts:
        drafts[-1].recovery = None
    return drafts


def _metres(amount: Amount, lap_m: float) -> float:
    return amount.metres(lap_m) if isinstance(amount, Distance) else 0.0


def _seconds(amount: Amount) -> float:
    return float(amount.seconds) if isinstance(amount, Duration) else 0.0


# Aiming: from a target to seconds per metre.


class _Aim:
    """Turns targets into paces for one athlete, and notes what they rest on."""

    def __init__(self, paces: AthletePaces | None, lap_m: float, units: Units) -> None:
        self.paces, self.lap_m, self.units = paces, lap_m, units
        self.sources: dict[str, None] = {}  # a set that keeps its order
        self.warnings: dict[str, None] = {}
        self._known: dict[str, Band] = {}

    def band(self, target: Target, distance_m: float | None, share: float = 0.0) -> Band | None:
        """Return the pace in seconds per metre, low and high, or None where there is none."""
        match target.pace:
            case Effort():
                return None
            case Change(first, last):
                begin, end = self.single(first, distance_m), self.single(last, distance_m)
                if begin is None or end is None:
                    return None
                low, high = (a + (b - a) * share for a, b in zip(begin, end, strict=True))
                return low, high
            case Named() | Given() as pace:
                return self.single(pace, distance_m)

    def single(self, pace: Named | Given, distance_m: float | None) -> Band | None:
        if isinstance(pace, Given):
            per = {"km": 1000.0, "mi": float(MILE_M), "lap": self.lap_m, "rep": distance_m or 0.0}
            length = per[pace.unit]
            return (float(pace.low) / length, float(pace.high) / length) if length else None
        base = self.named(pace.name)
        if base is None or pace.offset is None:
            return base
        band = _shifted(base, pace.offset)
        self.check_offset(pace, band)
        return band

    def named(self, name: str) -> Band | None:
        """Return the athlete's own pace by name, noting its source once."""
        if self.paces is None:
            self.warnings["Paces unknown: add a race to see paces."] = None
            return None
        if name not in self._known:
            pace = self.paces.pace(name)
            self._known[name] = (pace.s_per_m_low, pace.s_per_m_high)
            self.sources[pace.source.removeprefix("from ")] = None
            self.check_age(self.paces, pace.race)
            # The model of real runners knows that most fade, and so does a coach; formulas do not.
            is_formula = self.paces.model != "bests" and name not in self.paces.overrides
            if name == "marathon" and is_formula and not self.paces.estimate("marathon").is_own:
                self.warnings[
                    "Marathon pace from shorter races is 5 to 7 % too fast for most runners: "
                    "think of adding 5 %."
                ] = None
        return self._known[name]

    def check_age(self, paces: AthletePaces, race: Race | None) -> None:
        if race is None or race.is_recent(paces.today):
            return
        age = (
            "has no date: add it" if race.raced_on is None else "is over 12 months old: race again"
        )
        self.warnings[f"{race.name} {age}, so that the paces can be trusted."] = None

    def check_offset(self, pace: Named, band: Band) -> None:
        if self.paces is None or pace.name in ("800", "1500", "mile", "repetition"):
            return
        mile = self.paces.pace("mile").s_per_m_low
        if band[0] < mile:
            self.warnings[
                f"{format_target(Target(pace))} comes out at {self.pace(band)}, faster than mile "
                f"pace ({format_pace(mile, units=self.units)})."
            ] = None

    def pace(self, band: Band) -> str:
        """Return a band of paces in words: `5:26–6:06/km`."""
        low, high = (format_pace(end, units=self.units) for end in band)
        return format_range(low, high)


def _shifted(base: Band, offset: Offset) -> Band:
    """Return a pace made faster or slower, from the exact pace and never from a rounded one."""
    ends = sorted(float(offset.sign * end) for end in (offset.first, offset.second))
    if offset.unit == "%":
        return base[0] * (1 + ends[0] / 100), base[1] * (1 + ends[1] / 100)
    per = float(MILE_M) if offset.unit == "s/mi" else 1000.0
    return base[0] + ends[0] / per, base[1] + ends[1] / per


def _reps(drafts: Sequence[_Draft], aim: _Aim, level: str, split_m: float | None) -> Iterator[Rep]:
    """Yield the reps with targets, splits, and positions round the lap."""
    at_m: float | None = 0.0
    for number, draft in enumerate(drafts, 1):
        low, high = draft.span.low, draft.span.high
        distance_m = low.metres(aim.lap_m) if isinstance(low, Distance) else None
        longest_m = high.metres(aim.lap_m) if isinstance(high, Distance) else None
        band = aim.band(draft.target, distance_m, draft.share)
        target_s: Band | None = None
        if band and distance_m and longest_m:
            target_s = (band[0] * distance_m, band[1] * longest_m)
        elif band:
            target_s = (_seconds(low), _seconds(high))
        ends_at_m = _moved(at_m, (distance_m, longest_m), aim.lap_m)
        rest = _rest(draft.recovery, aim, level) if draft.recovery else None
        yield Rep(
            rep=number,
            block=draft.block,
            distance_m=distance_m,
            duration_s=_seconds(low) or None,
            label=format_target(draft.target),
            words=prose.target_words(draft.target),
            is_easy=is_easy(draft.target),
            target_s=target_s,
            pace_s_per_km=(band[0] * 1000, band[1] * 1000) if band else None,
            splits=_splits(distance_m, band, aim.lap_m, split_m),
            starts_at_m=at_m,
            ends_at_m=ends_at_m,
            recovery=rest,
        )
        at_m = ends_at_m
        if rest and not (rest.kind == "rest" and rest.duration_s):
            at_m = _moved(at_m, rest.distance_m or (None, None), aim.lap_m)


def _moved(
    at_m: float | None, moved_m: tuple[float | None, float | None], lap_m: float
) -> float | None:
    """Return the position after a move, or None where it or the move is not known."""
    low, high = moved_m
    if at_m is None or low is None or high is None:
        return None
    nearest, furthest = position(at_m, low, lap_m), position(at_m, high, lap_m)
    return nearest if nearest == furthest else None


def _rest(recovery: Recovery, aim: _Aim, level: str) -> Rest:
    span = choose(recovery.spans, level)
    if isinstance(span.low, Distance) and isinstance(span.high, Distance):
        return Rest(recovery.kind, (span.low.metres(aim.lap_m), span.high.metres(aim.lap_m)), None)
    return Rest(recovery.kind, None, (_seconds(span.low), _seconds(span.high)))


def _splits(
    distance_m: float | None, band: Band | None, lap_m: float, split_m: float | None
) -> tuple[Split, ...]:
    if not distance_m or not band:
        return ()
    low, high = (
        even_splits(distance_m, pace * distance_m, lap_m, split_m=split_m) for pace in band
    )
    return tuple(Split(at, (fast, slow)) for (at, fast), (_, slow) in zip(low, high, strict=True))


# Adding up


def _totals(blocks: Sequence[NotationBlock], reps: Sequence[Rep], level: str, lap: float) -> Totals:
    fast_m = sum(rep.distance_m or 0.0 for rep in reps if not rep.is_easy)
    rests = [rep.recovery for rep in reps if rep.recovery]
    return Totals(
        fast_m=fast_m,
        easy_m=sum(rep.distance_m or 0.0 for rep in reps if rep.is_easy),
        recovery_m=_sum_bands(rest.distance_m for rest in rests),
        warm_up_m=_block_metres(blocks, "warm_up", level, lap),
        cool_down_m=_block_metres(blocks, "cool_down", level, lap),
        laps=laps(fast_m, lap),
        timed_s=_sum_bands((rep.duration_s, rep.duration_s) for rep in reps if rep.duration_s),
        recovery_s=_sum_bands(rest.duration_s for rest in rests),
    )


def _sum_bands(bands: Iterable[Band | None]) -> Band:
    known = [band for band in bands if band]
    return sum(low for low, _ in known), sum(high for _, high in known)


def _block_metres(blocks: Sequence[NotationBlock], role: str, level: str, lap: float) -> Band:
    chosen = [block for block in blocks if block.role == role]
    low, high = (_session_size(chosen, level, most=most, lap_m=lap)[0] for most in (False, True))
    return low, high


def _session_size(
    blocks: Sequence[NotationBlock], level: str, *, most: bool, lap_m: float = STANDARD_LAP_M
) -> tuple[float, float]:
    """Return the least, or the most, metres of all blocks with jogs, and seconds run by time."""
    drafts = _drafts(blocks, "main", level, most=most)
    for role in ("warm_up", "cool_down"):
        drafts += _drafts(blocks, role, level, most=most)
    metres = seconds = 0.0
    for draft in drafts:
        spans = [draft.span]
        if draft.recovery:
            spans.append(choose(draft.recovery.spans, level))
        ends = [span.high if most else span.low for span in spans]
        metres += sum(_metres(end, lap_m) for end in ends)
        seconds += _seconds(ends[0])
    return metres, seconds


# Naming


def _main_steps(blocks: Sequence[NotationBlock]) -> list[Step]:
    return [block.step for block in blocks if block.role == "main" and block.step]


def _shape(steps: Sequence[Step], blocks: Sequence[NotationBlock], drafts: Sequence[_Draft]) -> str:
    """Return what the main part looks like to a runner, or what the day is without one."""
    if not drafts:
        roles = {block.role for block in blocks}
        named = ("strength", "rest", "drills")
        return next((role for role in named if role in roles), "easy")
    if any(isinstance(part, Group) for step in steps for part in step.parts):
        return "sets"
    if len(drafts) == 1:
        return "continuous"
    unbroken = [one for one, two in pairwise(drafts) if one.block != two.block and not one.recovery]
    if unbroken:
        return "mixed" if len(unbroken) < len(drafts) - 1 else "continuous"
    if len({type(draft.span.low) for draft in drafts}) > 1:
        return "mixed"
    sizes = [size_of(draft.span.low) for draft in drafts]
    return prose.shape_of(sizes)


def _block(block: NotationBlock, level: str, aim: _Aim, *, is_last: bool) -> Block:
    if block.step is None:
        return Block(block.role, prose.text_words(block.role, block.text))
    is_last = is_last or block.role != "main"
    words = prose.step_words(block.step, level, lambda reps: _numbers(reps, aim), is_last=is_last)
    head = {"warm_up": "Warm-up: ", "cool_down": "Cool-down: "}.get(block.role, "")
    return Block(block.role, head + words)


def _numbers(reps: Reps, aim: _Aim) -> str:
    """Return the athlete's own times or paces for reps, as far as they help while running."""
    pace = reps.target.pace
    if isinstance(pace, Effort):
        lags = pace.kind == "%hr" and any(_heart_lags(span.low, aim) for span in reps.amounts)
        return "read it as the rep ends: the heart lags behind" if lags else ""
    lengths = {_metres(span.low, aim.lap_m) for span in reps.amounts}
    is_range = any(span.low != span.high for span in reps.amounts)
    length = lengths.pop() if len(lengths) == 1 and not is_range else 0.0
    first, last = (aim.band(reps.target, length or None, share) for share in (0.0, 1.0))
    if first is None or last is None:
        return ""
    if isinstance(pace, Change):
        return f"{aim.pace(first)} to {aim.pace(last)}"
    a_lap = f"{_clocks(first, aim.lap_m)} a lap"
    if (
        is_easy(reps.target)
        or length > LONGEST_TIMED_M
        or is_range
        or isinstance(reps.amounts[0].low, Duration)
    ):
        return aim.pace(first)
    if not length:
        return f"{aim.pace(first)}, {a_lap}"
    if isinstance(pace, Given) and pace.unit == "rep":
        return a_lap if length > aim.lap_m + 1 else ""
    each = " each" if reps.counts != ONCE else ""
    whole = f"{_clocks(first, length)}{each}"
    return f"{whole}, {a_lap}" if length > aim.lap_m + 1 else whole


def _heart_lags(amount: Amount, aim: _Aim) -> bool:
    """Return whether a rep is over before heart rate can steer it."""
    five = aim.paces.pace("5k").s_per_m_low if aim.paces else DEFAULT_S_PER_M
    return (_seconds(amount) or _metres(amount, aim.lap_m) * five) < HEART_RATE_LAGS_S


def _clocks(band: Band, metres: float) -> str:
    low, high = (format_clock(pace * metres) for pace in band)
    return format_range(low, high)


# Warning


def _warnings(
    blocks: Sequence[NotationBlock],
    drafts: Sequence[_Draft],
    reps: Sequence[Rep],
    totals: Totals,
    aim: _Aim,
    weekly_volume_m: float | None,
    shape: str,
) -> Iterator[str]:
    """Yield what a coach should think about; none of it forbids the session."""
    yield from aim.warnings
    if aim.paces and aim.sources:
        yield from aim.paces.warnings
    roles = {block.role for block in blocks}
    fast = [rep for rep in reps if not rep.is_easy]
    if fast:
        ends = (("warm_up", "warm-up", reps[0]), ("cool_down", "cool-down", reps[-1]))
        for role, name, outermost in ends:
            if role not in roles and not outermost.is_easy:
                yield f"There is no {name}: add {name} 1-2mi easy."
    if any(not one.recovery and one.block == two.block for one, two in pairwise(drafts)) and fast:
        yield "There is no recovery between the reps: add for example jog 200-400."
    for draft, rep in zip(drafts, reps, strict=True):
        yield from _rep_warnings(draft, rep, aim)
    yield from _ladder_warnings(reps, shape)
    longest = totals.fast_m + totals.easy_m + totals.recovery_m[1]
    if longest > LONG_SESSION_M:
        yield f"That is {format_distance(longest, units=aim.units)} in total: are you sure?"
    if weekly_volume_m:
        yield from _volume_warnings(drafts, aim, weekly_volume_m)


def _ladder_warnings(reps: Sequence[Rep], shape: str) -> Iterator[str]:
    """Yield where a rep on the way down a ladder or pyramid is slower than the one before."""
    if shape not in ("descending ladder", "pyramid"):
        return
    for one, two in pairwise(reps):
        if one.is_easy or two.is_easy or not one.distance_m or not two.distance_m:
            continue
        if not one.pace_s_per_km or not two.pace_s_per_km or two.distance_m >= one.distance_m:
            continue
        if sum(two.pace_s_per_km) > sum(one.pace_s_per_km) * (1 + SAME_PACE):
            yield (
                f"The {two.distance_m:g} m at {two.label} are slower than the "
                f"{one.distance_m:g} m at {one.label} before: on the way down each rep is "
                "usually a little faster."
            )


def _rep_warnings(draft: _Draft, rep: Rep, aim: _Aim) -> Iterator[str]:
    pace = draft.target.pace
    if isinstance(pace, Effort) and pace.kind == "%hr" and _heart_lags(draft.span.low, aim):
        yield (
            f"{rep.label} in a rep under 3 minutes: heart rate lags, so take it as a check at "
            "the end of the rep, and name a pace or an RPE to run by."
        )
    if rep.recovery and rep.recovery.kind == "rest" and rep.recovery.distance_m:
        metres = f"{rep.recovery.distance_m[0]:g}"
        yield (
            f"rest {metres} is a standing rest over {metres} m: write rest {metres}s for seconds, "
            f"or jog {metres}."
        )
    if isinstance(pace, Given) and aim.paces and rep.pace_s_per_km and (rep.distance_m or 0) >= 400:
        best_s, _ = aim.paces.race_time(rep.distance_m or 0)
        if rep.target_s and rep.target_s[0] < best_s:
            yield (
                f"{rep.label} is faster than this athlete could race {rep.distance_m:g} m once "
                f"({format_clock(best_s)}): check the pace."
            )


def _volume_warnings(drafts: Sequence[_Draft], aim: _Aim, weekly_m: float) -> Iterator[str]:
    """Yield what is over Daniels' caps: a share of the week's distance, and a length."""
    for words, names, share, cap_m in CAPS:
        metres = sum(
            _metres(draft.span.low, aim.lap_m)
            for draft in drafts
            if isinstance(draft.target.pace, Named) and draft.target.pace.name in names
        )
        most = min(share * weekly_m, cap_m)
        if metres > most:
            yield (
                f"{format_distance(metres, units=aim.units)} at {words} is much for a week of "
                f"{format_distance(weekly_m, units=aim.units)}: Daniels advises up to "
                f"{format_distance(most, units=aim.units)}."
            )


def _plain(value: Any, key: str = "") -> Any:
    """Return a value in JSON's own types; metres that are whole as whole numbers."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, key) for item in value]
    if dataclasses.is_dataclass(value):
        return {name: _plain(getattr(value, name), name) for name in value.__dataclass_fields__}
    return int(value) if key.endswith("_m") and value % 1 == 0 else value
