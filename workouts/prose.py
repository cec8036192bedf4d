"""A workout in a coach's words: titles, and the sentence for each part of a session.

Works on the tree of the notation alone; what is an athlete's own (times, paces) is handed in.
"""

from collections.abc import Callable, Sequence
from typing import Final

from workouts.notation import (
    Amount,
    Change,
    Count,
    Distance,
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
    choose,
    format_target,
    size_of,
)

LONGEST_TITLE: Final = 70

_NAMES: Final = {
    "800": "800 m pace", "1500": "1500 m pace", "mile": "mile pace", "3k": "3K pace",
    "5k": "5K pace", "8k": "8K pace", "10k": "10K pace", "15k": "15K pace",
    "10mi": "10-mile pace", "half": "half-marathon pace", "marathon": "marathon pace",
    "easy": "easy pace", "threshold": "threshold pace", "interval": "interval pace",
    "repetition": "repetition pace", "vo2max": "VO2max pace",
}  # fmt: skip
_TITLE_SHAPES: Final = {
    "ascending ladder": "Ascending ladder", "descending ladder": "Descending ladder",
    "pyramid": "Pyramid", "rest": "Rest day", "strength": "Strength", "drills": "Drills",
    "easy": "Easy running",
}  # fmt: skip


def amount_words(amount: Amount) -> str:
    """Return an amount as it is said: `800 m`, `1.5 km`, `2 laps`, `90 s`, `2 h 10 min`."""
    number, unit = _number_and_unit(amount)
    return f"{number} {unit}"


def span_words(span: Span) -> str:
    """Return an amount or a range as it is said: `1–2 mi`, `200–400 m`."""
    (low, low_unit), (high, high_unit) = _number_and_unit(span.low), _number_and_unit(span.high)
    if span.low == span.high:
        return f"{low} {low_unit}"
    same = low_unit.rstrip("s") == high_unit.rstrip("s")
    return f"{low}–{high} {high_unit}" if same else f"{low} {low_unit} – {high} {high_unit}"


def _number_and_unit(amount: Amount) -> tuple[str, str]:
    if isinstance(amount, Distance):
        number = f"{amount.value.normalize():f}"
        return number, "laps" if amount.unit == "lap" and number != "1" else amount.unit
    minutes, seconds = divmod(amount.seconds, 60)
    hours, minutes_left = divmod(minutes, 60)
    if amount.seconds < 100 and seconds:
        return f"{amount.seconds}", "s"
    if not seconds and minutes <= 120:
        return f"{minutes}", "min"
    if not seconds:
        return f"{hours} h {minutes_left:02}", "min"
    if hours:
        return f"{hours}:{minutes_left:02}:{seconds:02}", "h"
    return f"{minutes}:{seconds:02}", "min"


def count_words(count: Count) -> str:
    """Return a number of reps: `6`, or `4–8` where the coach has left it open."""
    return f"{count.low}" if count.low == count.high else f"{count.low}–{count.high}"


def target_words(target: Target) -> str:
    """Return a target as it follows a distance: `at 5K pace`, `easy`, `at RPE 8`, `all out`."""
    pace = target.pace
    if isinstance(pace, Change):
        words = f"from {_pace_words(pace.first)} to {_pace_words(pace.last)}"
    elif isinstance(pace, Effort):
        words = _effort_words(pace)
    elif pace == Named("easy"):
        words = "easy"
    elif isinstance(pace, Given) and pace.unit == "rep":
        words = f"in {_pace_words(pace)}"
    else:
        words = f"at {_pace_words(pace)}"
    return f"{words} or faster" if target.or_faster else words


def _pace_words(pace: Named | Given) -> str:
    if isinstance(pace, Given):
        words = format_target(Target(pace)).replace("-", "–")
        return f"{words[:-1]} s" if words.endswith("s") else words
    name = _NAMES[pace.name]
    return f"{_offset_words(pace.offset)} than {name}" if pace.offset else name


def _offset_words(offset: Offset) -> str:
    ends = f"{offset.first.normalize():f}"
    if offset.first != offset.second:
        ends += f"–{offset.second.normalize():f}"
    return f"{ends} {offset.unit} {'slower' if offset.sign > 0 else 'faster'}"


def _effort_words(effort: Effort) -> str:
    ends = f"{effort.low.normalize():f}"
    if effort.low != effort.high:
        ends += f"–{effort.high.normalize():f}"
    return {
        "rpe": f"at RPE {ends}",
        "%hr": f"at {ends} % of maximum heart rate",
        "max": "as fast as you can",
        "sprint": "sprinting",
    }[effort.kind]


def recovery_words(recovery: Recovery, level: str) -> str:
    """Return a recovery as it is said: `200 m jog`, `90 s walk`, `1 min standing rest`."""
    kind = "standing rest" if recovery.kind == "rest" else recovery.kind
    return f"{span_words(choose(recovery.spans, level))} {kind}"


def step_words(
    step: Step, level: str, numbers: Callable[[Reps], str], *, is_last: bool = False
) -> str:
    """Return a step as a coach would say it.

    `numbers` gives the athlete's own times or paces for a part, or an empty string; `is_last`
    says that no rep follows this step, so that no recovery does either.
    """
    texts: list[str] = []
    sharing: list[Reps] = []  # the parts, last first, that the target said last is for
    for index, part in reversed(list(enumerate(step.parts))):
        if isinstance(part, Group):
            texts.insert(0, _group_words(part, level, numbers, has_rest=step.recovery is not None))
            continue
        following = step.parts[index + 1] if part is not step.parts[-1] else None
        sharing = [part]
        for earlier in reversed(step.parts[:index]):
            if isinstance(earlier, Group) or earlier.target != part.target:
                break
            sharing.append(earlier)
        words = reps_words(part, level)
        if not (isinstance(following, Reps) and following.target == part.target):
            own = numbers(_merged(sharing))
            words += f" {target_words(part.target)}" + (f" ({own})" if own else "")
        texts.insert(0, words)
    words = " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
    if step.recovery is None:
        return words
    rest = recovery_words(step.recovery, level)
    if any(isinstance(part, Group) for part in step.parts):
        return f"{words}; {rest} {'between sets' if is_last else 'after each set'}"
    if not _repeats(step, level):
        return words if is_last else f"{words}, then {rest}"
    return f"{words}, {rest} {'between' if is_last else 'after each'}"


def _group_words(
    group: Group, level: str, numbers: Callable[[Reps], str], *, has_rest: bool
) -> str:
    """Return a set; where a recovery of its own follows it, none of the inner ones does."""
    inside = "; ".join(
        step_words(inner, level, numbers, is_last=has_rest and inner is group.steps[-1])
        for inner in group.steps
    )
    count = count_words(choose(group.counts, level))
    return inside if count == "1" else f"{count} sets of: {inside}"


def _merged(parts: Sequence[Reps]) -> Reps:
    """Return parts of one target as one, for the numbers that go with it."""
    if len(parts) == 1:
        return parts[0]
    amounts = tuple(span for part in reversed(parts) for span in part.amounts)
    return Reps((Count(len(amounts), len(amounts)),), amounts, parts[0].target)


def _repeats(step: Step, level: str) -> bool:
    """Return whether a step has more than one rep."""
    reps = [part for part in step.parts if isinstance(part, Reps)]
    return sum(choose(part.counts, level).high * len(part.amounts) for part in reps) > 1


def reps_words(reps: Reps, level: str) -> str:
    """Return how many of what: `6 × 800 m`, `600–800–1000 m`, `2 × (1 km, 400 m, 200 m)`."""
    count = count_words(choose(reps.counts, level))
    words = [span_words(span) for span in reps.amounts]
    units = {word.rpartition(" ")[2] for word in words}
    joined = "–".join(words)
    if len(words) > 1 and len(units) == 1:
        unit = units.pop()
        joined = "–".join(word.removesuffix(f" {unit}") for word in words) + f" {unit}"
    if count == "1":
        return joined
    return f"{count} × {joined}" if len(words) == 1 else f"{count} × ({joined})"


def shape_of(sizes: Sequence[float]) -> str:
    """Return the shape of reps of these sizes; equal neighbours do not break one."""
    rising, falling = sorted(sizes), sorted(sizes, reverse=True)
    if sizes[0] == rising[0] == rising[-1]:
        return "repeats"
    if list(sizes) == rising:
        return "ascending ladder"
    if list(sizes) == falling:
        return "descending ladder"
    top = list(sizes).index(rising[-1])
    up, down = list(sizes[:top]), list(sizes[top:])
    return "pyramid" if up == sorted(up) and down == sorted(down, reverse=True) else "mixed"


def title(shape: str, steps: Sequence[Step], amounts: Sequence[Amount], level: str) -> str:
    """Return the title of a session from its shape, its main steps and the amounts of its reps."""
    if shape == "repeats":
        parts = [part for step in steps for part in step.parts if isinstance(part, Reps)]
        if len(parts) == 1:
            return reps_words(parts[0], level) if len(parts[0].amounts) == 1 else (
                f"{len(amounts)} × {amount_words(amounts[0])}"
            )  # fmt: skip
        return f"{len(amounts)} × {amount_words(amounts[0])}"
    if shape in ("ascending ladder", "descending ladder", "pyramid"):
        ends = [amounts[0], amounts[-1]]
        if shape == "pyramid":
            ends.insert(1, max(amounts, key=size_of))
        return f"{_TITLE_SHAPES[shape]} {'–'.join(_short(amount) for amount in ends)}"
    if shape in _TITLE_SHAPES:
        return _TITLE_SHAPES[shape]
    words = " + ".join(_step_title(step, level, aims=shape != "sets") for step in steps)
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1].rstrip()}…"


def _step_title(step: Step, level: str, *, aims: bool) -> str:
    texts = []
    for part in step.parts:
        if isinstance(part, Group):
            inside = ", ".join(_step_title(inner, level, aims=aims) for inner in part.steps)
            count = count_words(choose(part.counts, level))
            texts.append(f"({inside})" if count == "1" else f"{count} × ({inside})")
        else:
            aim = f" {_aim_title(part.target)}" if aims else ""
            texts.append(reps_words(part, level) + aim)
    return ", ".join(texts)


def _aim_title(target: Target) -> str:
    pace = target.pace
    if isinstance(pace, Named) and not pace.offset:
        return _NAMES[pace.name].removesuffix(" pace")
    return target_words(target)


def _short(amount: Amount) -> str:
    """Return an amount for a title, where bare numbers are metres."""
    return amount_words(amount).removesuffix(" m")


def text_words(role: str, text: str) -> str:
    """Return the sentence of a block that holds only text: `Drills: leg swings, high knees`."""
    name = {"drills": "Drills", "strength": "Strength", "rest": "Rest day"}[role]
    return f"{name}: {text}" if text else name
