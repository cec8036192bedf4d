"""From tree to text, in the notation's own spelling."""

import re
from decimal import Decimal

from workouts.notation.tree import (
    EASY,
    ONCE,
    Amount,
    Block,
    Change,
    Count,
    Distance,
    Effort,
    Given,
    Group,
    Named,
    Offset,
    Recovery,
    Span,
    Step,
    Target,
    Workout,
)


def format_workout(workout: Workout) -> str:
    """Return the text of a workout, one block a line, in the notation's own spelling."""
    return "\n".join(_format_block(block) for block in workout.blocks)


def _format_block(block: Block) -> str:
    comment = f"# {block.comment}" if block.comment else ""
    if block.role == "comment":
        return comment
    head = {"main": "", "strength": "strength:"}.get(block.role, block.role.replace("_", "-"))
    body = format_step(block.step) if block.step else block.text
    return "  ".join(filter(None, (" ".join(filter(None, (head, body))), comment)))


def format_step(step: Step) -> str:
    """Return the text of a step: `6 x 800 @ 5k, jog 200`."""
    texts: list[str] = []
    following: Target | None = None
    for part in reversed(step.parts):
        if isinstance(part, Group):
            inside = "; ".join(format_step(inner) for inner in part.steps)
            texts.insert(0, f"{_format_counts(part.counts)}({inside})")
            continue
        own = "" if part.target == following else f" {_format_aim(part.target)}"
        following = part.target
        amounts = "-".join(format_span(span) for span in part.amounts)
        texts.insert(0, f"{_format_counts(part.counts)}{amounts}{own}")
    return " + ".join(texts) + (f", {format_recovery(step.recovery)}" if step.recovery else "")


def format_recovery(recovery: Recovery) -> str:
    """Return the text of a recovery: `jog 400 | 300 | 200`."""
    return f"{recovery.kind} {' | '.join(format_span(span) for span in recovery.spans)}"


def _format_counts(counts: tuple[Count, ...]) -> str:
    if counts == ONCE:
        return ""
    ranges = (f"{c.low}" if c.low == c.high else f"{c.low}-{c.high}" for c in counts)
    return f"{' | '.join(ranges)} x "


def format_span(span: Span) -> str:
    """Return the text of an amount or a range: `1-2mi`, `200-400`, `90s`."""
    low, high = format_amount(span.low), format_amount(span.high)
    if low == high:
        return low
    number, unit = re.sub(r"[a-z]+$", "", low), re.sub(r"^[\d.]+", "", high)
    # The low end may leave out its unit where it cannot be taken for metres.
    shares = low == number + unit and (unit in ("s", "min") or Decimal(number) < 50)
    return f"{number if unit and shares else low}-{high}"


def format_amount(amount: Amount) -> str:
    """Return the text of one amount: `800`, `1.5km`, `2 laps`, `20min`, `1h10`."""
    if isinstance(amount, Distance):
        number = f"{amount.value.normalize():f}"
        if amount.unit == "lap":
            return f"{number} lap{'s' * (amount.value != 1)}"
        bare = amount.unit == "m" and amount.value >= 50 and amount.value % 1 == 0
        return number if bare else f"{number}{amount.unit}"
    minutes, seconds = divmod(amount.seconds, 60)
    if not seconds:
        return f"{minutes}min" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}"
    if amount.seconds < 100:
        return f"{amount.seconds}s"
    clock = f"{minutes % 60:02}:{seconds:02}"
    return f"{minutes // 60}:{clock}" if minutes >= 60 else f"{minutes}:{seconds:02}"


def format_target(target: Target) -> str:
    """Return the text of a target: `5k-15..20s/mi`, `rpe 8`, `5k or faster`."""
    pace = target.pace
    if isinstance(pace, Change):
        text = f"{format_pace_target(pace.first)}..{format_pace_target(pace.last)}"
    else:
        text = _format_effort(pace) if isinstance(pace, Effort) else format_pace_target(pace)
    return f"{text} or faster" if target.or_faster else text


def _format_aim(target: Target) -> str:
    text = format_target(target)
    return text if target == EASY else f"@ {text}"


def _format_effort(effort: Effort) -> str:
    low, high = f"{effort.low.normalize():f}", f"{effort.high.normalize():f}"
    ends = low if low == high else f"{low}-{high}"
    return {"rpe": f"rpe {ends}", "%hr": f"{ends}%hr"}.get(effort.kind, effort.kind)


def format_pace_target(pace: Named | Given) -> str:
    if isinstance(pace, Named):
        return pace.name + (_format_offset(pace.offset) if pace.offset else "")
    ends = [pace.low] if pace.low == pace.high else [pace.low, pace.high]
    if pace.unit == "rep" and pace.high < 60:
        return "-".join(f"{end.normalize():f}" for end in ends) + "s"
    clocks = "-".join(_format_minutes(end) for end in ends)
    return clocks if pace.unit == "rep" else f"{clocks}/{pace.unit}"


def _format_minutes(seconds: Decimal) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:f}:{int(rest):02}{'.' + str(rest).partition('.')[2] if rest % 1 else ''}"


def _format_offset(offset: Offset) -> str:
    first, second = f"{offset.first.normalize():f}", f"{offset.second.normalize():f}"
    ends = first if first == second else f"{first}..{second}"
    return f"{'+' if offset.sign > 0 else '-'}{ends}{offset.unit}"
