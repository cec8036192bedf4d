"""From text to tree. The parser looks at the text itself, without a lexer before it: what `10mi`
or `5k` is depends on where it stands.
"""

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Final, NoReturn

from workouts.notation.hints import in_notation
from workouts.notation.tree import (
    EASY,
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
    size_of,
)
from workouts.notation.writing import format_amount, format_pace_target, format_workout

LONGEST_TEXT: Final = 4000
MOST_STEPS: Final = 200
MOST_REPS: Final = 100
LONGEST_M: Final = 100_000
LONGEST_S: Final = 24 * 3600
DEEPEST_SETS: Final = 3
LONGEST_HINT: Final = 200


class NotationError(ValueError):
    """Text that is no workout: where (line and column from 1) and what to write instead.

    `suggestion` is the step at that place as it could be read, where it is plain what was meant.
    `missing` is what only has to be put in there, such as a pace.
    """

    def __init__(
        self, line: int, column: int, message: str, *, suggestion: str = "", missing: str = ""
    ) -> None:
        super().__init__(line, column, message)
        self.line, self.column, self.message = line, column, message
        self.suggestion, self.missing = suggestion, missing

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


@lru_cache(maxsize=4096)  # a tree is frozen, and a group shares its text
def parse_workout(text: str) -> Workout:
    """Return the workout that `text` describes.

    :raises NotationError: with the place and a fix, if it cannot be read or passes the limits:
        4,000 characters, 200 steps, 100 reps a repeat, sets three deep, 100 km or 24 hours
    """
    parser = _Parser(text)
    try:
        return parser.workout()
    except NotationError as error:
        raise _with_suggestion(error, parser.text) from None


_NUMBER = r"\d{1,7}(?:\.\d{1,3})?"
_DISTANCE_UNITS: Final[dict[str, DistanceUnit]] = {
    "m": "m", "metres": "m", "meters": "m", "km": "km", "k": "km", "mi": "mi", "mile": "mi",
    "miles": "mi", "lap": "lap", "laps": "lap",
}  # fmt: skip
_TIME_UNITS: Final = {
    "s": 1, "sec": 1, "secs": 1, "seconds": 1, "min": 60, "mins": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
}  # fmt: skip
_UNITS: Final = "|".join(sorted([*_DISTANCE_UNITS, *_TIME_UNITS], key=len, reverse=True))
_ALIASES: Final = {
    "hm": "half", "mp": "marathon", "vo2": "vo2max", "tempo": "threshold", "1mi": "mile",
}  # fmt: skip
_LOOKALIKES: Final = str.maketrans("×–—−\u2010\u2011\u00a0\u2009\u202f\t", "x-----    ")
_HEADS: Final[dict[str, Role]] = {
    r"(?:warm[ -]?up|wu)(?![a-z])[ :]*": "warm_up",
    r"(?:(?:cool|warm)[ -]?down|cd)(?![a-z])[ :]*": "cool_down",
    r"drills?(?![a-z])[ :]*": "drills",
    r"strength(?![a-z])[ :]*": "strength",
    r"rest(?: day)?(?= *(?:[;#\n]|\Z))": "rest",
}
_HMS = r"(\d{1,2})(?::(\d\d))?:(\d\d)(?![\d:.])"
_HOURS = r"(\d{1,2})h(\d{1,2})(?:min)?(?![a-z\d])"
_MINUTES = r"(\d{1,3})min(\d{1,2})s?(?![a-z\d])"
_SINGLE = rf"({_NUMBER})(?: ?({_UNITS})(?![a-z\d]))?"
_COUNTS = r"\d+(?:-\d+)?(?: *\| *\d+(?:-\d+)?)* *x(?![a-z])"
_PACE_TIME = r"(?:(\d{1,2}):)?(\d{1,3}(?:\.\d)?)"
# Reps by name, "the 400s": as seconds they are no whole minutes, so nobody means 6:40.
_PLURAL = re.compile(r"([248]00|1[06]00)s(?![a-z])", re.IGNORECASE)
_OFFSET = (
    rf" *([+-]) *({_NUMBER})(?: *(?:\.\.|-) *({_NUMBER}))? *(?:(%)|s(?:ec)? ?/ ?(mi(?:le)?|km?))"
    r"(?![a-z\d])"
)


class _Parser:
    """Recursive descent over one text; each method reads one part of the grammar."""

    def __init__(self, text: str) -> None:
        self.raw = text.replace("\r\n", "\n").replace("\r", "\n")
        self.text = self.raw.translate(_LOOKALIKES)
        self.at = 0
        self.comments: list[str] = []
        self.depth = 0
        self.steps, self.metres, self.seconds = 0, 0.0, 0

    # The text

    def fail(self, message: str, at: int | None = None, *, missing: str = "") -> NoReturn:
        before = self.raw[: self.at if at is None else at]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise NotationError(line, column, message, missing=missing)

    def take(self, pattern: str, *, over_lines: bool = False) -> re.Match[str] | None:
        """Read `pattern` after any blanks, or leave the place as it is."""
        match = re.compile(
            rf"[ \n]*(?:{pattern})" if over_lines else rf" *(?:{pattern})", re.ASCII | re.IGNORECASE
        ).match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def sees(self, pattern: str) -> bool:
        here = self.at
        found = self.take(pattern) is not None
        self.at = here
        return found

    def blanks(self) -> int:
        self.take("")
        return self.at

    def word(self) -> str:
        """Return what stands here, for a message."""
        match = re.compile(r"[^\s,;#()@+|]+|[^\s]").match(self.raw, self.blanks())
        return match[0][:30] if match else ""

    # Blocks

    def workout(self) -> Workout:
        if len(self.raw) > LONGEST_TEXT:
            self.fail(f"a workout has at most {LONGEST_TEXT:,} characters", LONGEST_TEXT)
        for place, character in enumerate(self.raw):
            if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs"):
                self.fail("there is a hidden character here; delete it and type on", place)
        blocks: list[Block] = []
        line_has_block = False
        while self.blanks() < len(self.text):
            if self.take(r"\n"):
                line_has_block = False
            elif self.take("#"):
                self.comments.append(self.to_end_of_line())
                if not line_has_block:
                    blocks.append(Block("comment"))
                blocks[-1] = _with_comment(blocks[-1], self.comments)
                self.comments = []
            elif not self.take(";"):
                blocks.append(self.block())
                line_has_block = True
        if all(block.role == "comment" for block in blocks):
            self.fail("there is nothing to run yet; write for example 6 x 800 @ 5k, jog 200", 0)
        return Workout(tuple(block for block in blocks if block.role != "comment" or block.comment))

    def to_end_of_line(self) -> str:
        match = re.compile(r"[^\n]*").match(self.raw, self.at)
        assert match
        self.at = match.end()
        return match[0].strip()

    def block(self) -> Block:
        start = self.at
        role: Role = next((role for head, role in _HEADS.items() if self.take(head)), "main")
        if role in ("drills", "strength"):
            begin = self.at
            self.take(r"[^;#\n]*")
            return Block(role, text=re.sub(r"^[\s:]+|[\s:]+$", "", self.raw[begin : self.at]))
        if role == "rest":
            return Block(role)
        step = self.step(None if role == "main" else EASY)
        if not self.sees(r"[;#\n]|\Z"):
            self.fail(
                f'"{self.word()}" does not belong here; begin the next step on a new line or '
                "after ;"
            )
        self.count_up(step, start)
        block = _with_comment(Block(role, step), self.comments)
        self.comments = []
        return block

    def count_up(self, step: Step, start: int) -> None:
        """Add a step to the totals and refuse what nobody can run."""
        reps, has_recovery, metres, seconds = _extent(step)
        self.steps += 2 * reps - 1 if has_recovery else reps
        self.metres += metres
        self.seconds += seconds
        if self.steps > MOST_STEPS:
            self.fail(
                f"that makes {self.steps} steps in all; a workout has {MOST_STEPS} at most", start
            )
        if self.metres > LONGEST_M:
            self.fail("that makes more than 100 km in all; check the distances", start)
        if self.seconds > LONGEST_S:
            self.fail("that makes more than 24 hours in all; check the durations", start)

    # Steps

    def step(self, default: Target | None) -> Step:
        drafts = [self.part()]
        while self.take(r"\+"):
            drafts.append(self.part())
        parts: list[Reps | Group] = []
        target = default
        for draft in reversed(drafts):  # a part without a target shares the next one's
            if isinstance(draft, Group):
                parts.insert(0, draft)
                continue
            counts, amounts, own, start = draft
            target = own or target
            if target is None:
                self.fail(
                    "how fast? Add a pace, such as @ 5k or easy, or an effort such as @ rpe 8",
                    missing=_usual_pace(counts, amounts),
                )
            self.check_given(target, amounts, start)
            parts.insert(0, Reps(counts, amounts, target))
        return Step(tuple(parts), self.recovery())

    def part(self) -> "Group | tuple[tuple[Count, ...], tuple[Span, ...], Target | None, int]":
        counts = self.counts()
        start = self.blanks()
        if self.take(r"\("):
            return Group(counts, self.group(start))
        amounts = self.amounts()
        if match := _PLURAL.match(self.text, start):
            time = format_amount(amounts[0].low)
            self.fail(f'"{match[0]}" is {time}; write {match[1]} for metres, or {time}', start)
        return counts, amounts, self.target(), start

    def group(self, start: int) -> tuple[Step, ...]:
        self.depth += 1
        if self.depth > DEEPEST_SETS:
            self.fail(f"sets go {DEEPEST_SETS} deep at most", start)
        steps: list[Step] = []
        while not self.take(r"\)", over_lines=True):
            if self.take("#", over_lines=True):
                self.comments.append(self.to_end_of_line())
            elif not self.take(";", over_lines=True):
                if self.take(r"\Z", over_lines=True):
                    self.fail('this "(" is never closed; add ")" after the set', start)
                self.take(r"", over_lines=True)
                steps.append(self.step(None))
                if not self.sees(r"[;#\n)]|\Z"):
                    self.fail(f'"{self.word()}" does not belong here; part steps by ; in a set')
        if not steps:
            self.fail("this set is empty; write for example 3 x (4 x 400 @ mile, jog 100)", start)
        self.depth -= 1
        return tuple(steps)

    def counts(self) -> tuple[Count, ...]:
        start = self.blanks()
        match = self.take(_COUNTS)
        if not match:
            return ONCE
        choices = match[0].strip()[:-1].split("|")
        if len(choices) > 3:
            self.fail("there are three levels: beginner | intermediate | advanced", start)
        counts = []
        for choice in choices:
            low, _, high = choice.strip().partition("-")
            count = Count(int(low), int(high or low))
            if not 1 <= count.low <= count.high <= MOST_REPS:
                self.fail(
                    f'"{choice.strip()[:20]}" is no number of reps; write 1 to {MOST_REPS}, '
                    "or a range such as 4-6",
                    start,
                )
            counts.append(count)
        return tuple(counts)

    # Amounts

    def amounts(self) -> tuple[Span, ...]:
        """Read one amount, a range of two, or a ladder of three or more."""
        start = self.blanks()
        found = [self.amount()]
        while self.take("-"):
            found.append(self.amount())
        last = found[-1]
        unit = last[1] if isinstance(last, tuple) else None
        amounts = [
            self.measured(*item, unit) if isinstance(item, tuple) else item for item in found
        ]
        if len({type(amount) for amount in amounts}) > 1:
            self.fail("mix no distances and times here; join steps of both by +", start)
        if len(amounts) != 2:
            return tuple(Span(amount, amount) for amount in amounts)
        low, high = amounts
        if size_of(low) >= size_of(high):
            self.fail(
                "a range goes from less to more, as 200-400; for two reps write 800 + 400", start
            )
        return (Span(low, high),)

    def amount(self) -> Duration | tuple[Decimal, str | None, int]:
        """Read one amount; a plain number is not yet measured, its unit may follow later."""
        start = self.blanks()
        if match := self.take(_HMS):
            first, middle, last = match.groups()
            hours, minutes = (first, middle) if middle else ("0", first)
            if int(last) > 59 or (middle and int(middle) > 59):
                self.fail(f'"{match[0].strip()}" is no time; after a colon go 00 to 59', start)
            return self.lasting(int(hours) * 3600 + int(minutes) * 60 + int(last), start)
        if match := self.take(_HOURS):
            return self.lasting(int(match[1]) * 3600 + int(match[2]) * 60, start)
        if match := self.take(_MINUTES):
            return self.lasting(int(match[1]) * 60 + int(match[2]), start)
        if (match := self.take(_SINGLE)) and not re.match(r"[a-z\d.:]", self.text[self.at :], re.I):
            return Decimal(match[1]), match[2] and match[2].lower(), start
        self.at = start
        word = self.word()
        problem = f'"{word}" is no distance or time' if word else "a distance or time is missing"
        self.fail(f"{problem}; write for example 800, 1.5km, 2mi or 20min")

    def measured(self, number: Decimal, typed: str | None, start: int, after: str | None) -> Amount:
        """Return a number with its unit, or with the one `after` it in a range or ladder."""
        unit = typed or after or ""
        least = 200 if after in _TIME_UNITS else 50  # 60-75min are minutes, 400-2min is neither
        if not typed and number >= least and number % 1 == 0:
            unit = "m"
        if unit in _TIME_UNITS:
            return self.lasting(number * _TIME_UNITS[unit], start)
        if unit not in _DISTANCE_UNITS:
            self.fail(
                f'"{number}" has no unit; only whole numbers from 50 up are metres: write '
                f"{number}km, {number}mi or {number}min",
                start,
            )
        distance = Distance(number, _DISTANCE_UNITS[unit])
        if distance.metres() < 20:
            self.fail(
                f'"{number}{unit}" is too short to run; did you mean {number}km, {number}mi or '
                f"{number}min?",
                start,
            )
        return distance

    def lasting(self, seconds: Decimal | int, start: int) -> Duration:
        if seconds % 1 or not 0 < seconds <= LONGEST_S:
            self.fail("a time is a whole number of seconds, up to 24 hours", start)
        return Duration(int(seconds))

    def recovery(self) -> Recovery | None:
        comma = self.take(",")
        match = self.take(r"(jog|walk|rest)(?![a-z])")
        if not match:
            if comma:
                self.fail(
                    f'"{self.word()}" is no recovery; write jog, walk or rest, as jog 200 or '
                    "walk 90s"
                )
            return None
        if self.sees(r"[,;#)\n]|\Z"):
            missing = "90s" if match[1].lower() == "rest" else "200"
            self.fail(f"how far, or how long? Write {match[1]} {missing}", missing=missing)
        spans = [self.span()]
        while self.take(r"\|"):
            spans.append(self.span())
        if len(spans) > 3:
            self.fail("there are three levels: beginner | intermediate | advanced", match.start(1))
        return Recovery(match[1].lower(), tuple(spans))  # type: ignore[arg-type]

    def span(self) -> Span:
        start = self.blanks()
        amounts = self.amounts()
        if len(amounts) > 1:
            self.fail("a recovery is one amount or a range, as jog 200-400", start)
        return amounts[0]

    # Targets

    def target(self) -> Target | None:
        if not self.take("@") and self.sees(r"[,;#)+|\n]|\Z|(?:jog|walk|rest)(?![a-z])"):
            return None
        pace = self.effort() or self.pace()
        return Target(pace, or_faster=self.take(r"or faster(?![a-z])") is not None)

    def effort(self) -> Effort | None:
        start = self.blanks()
        if match := self.take(rf"rpe *({_NUMBER})(?:-({_NUMBER}))?(?![a-z\d.])"):
            low, high = Decimal(match[1]), Decimal(match[2] or match[1])
            if not 1 <= low <= high <= 10:
                self.fail("RPE goes from 1 to 10; write rpe 8 or rpe 7-8", start)
            return Effort("rpe", low, high)
        if match := self.take(r"(\d{1,3})(?:-(\d{1,3}))? ?% ?hr(?: ?max)?(?![a-z])"):
            low, high = Decimal(match[1]), Decimal(match[2] or match[1])
            if not 40 <= low <= high <= 100:
                self.fail("heart rate goes from 40 to 100 % of its maximum; write 85%hr", start)
            return Effort("%hr", low, high)
        if match := self.take(r"(max|sprint)(?![a-z\d])"):
            return Effort("max" if match[1].lower() == "max" else "sprint")
        return None

    def pace(self) -> Named | Given | Change:
        first = self.single_pace()
        return Change(first, self.single_pace()) if self.take(r"\.\.") else first

    def single_pace(self) -> Named | Given:
        start = self.blanks()
        if given := self.given():
            return given
        if match := self.take(r"half[ -]marathon(?![a-z])|[a-z\d]+(?![a-z\d:])"):
            name = match[0].strip().lower()
            name = "half" if name.startswith("half") and len(name) > 4 else _ALIASES.get(name, name)
            if name in RACE_PACES or name in TRAINING_PACES:
                return Named(name, self.offset())
        self.at = start
        word = self.word().lower()
        if not word:
            self.fail("a pace is missing here; write for example 5k, easy or rpe 8")
        cutoff = 0.5 if len(word) < 3 else 0.6
        near = get_close_matches(word, (*RACE_PACES, *TRAINING_PACES), n=1, cutoff=cutoff)
        if near:
            self.fail(f'"{word}" is no pace; did you mean {near[0]}, or an effort such as rpe 8?')
        self.fail(f'"{word}" is no pace; write a race, such as 5k, or an effort, such as rpe 8')

    def given(self) -> Given | None:
        start = self.blanks()
        match = self.take(
            rf"{_PACE_TIME}(?: ?- ?{_PACE_TIME})?"
            r"(?: ?(s))?(?: ?/ ?(km?|mi(?:le)?|lap))?(?![a-z\d]|\.\d)"
        )
        if not match:
            return None
        minutes, seconds, to_minutes, to_seconds, letter, per = match.groups()
        if not (minutes or letter or per) or (letter and per and per[0] not in "lL"):
            self.at = start
            return None
        if to_seconds and to_minutes is None and minutes:
            self.fail("write both ends of the range in full, as 4:00-4:10/km", start)
        values = []
        for whole, rest in ((minutes, seconds), (to_minutes, to_seconds or seconds)):
            if whole and (len(rest.partition(".")[0]) != 2 or Decimal(rest) >= 60):
                self.fail(f'"{match[0].strip()}" is no pace; seconds go from 00 to 59', start)
            values.append(int(whole or 0) * 60 + Decimal(rest))
        low, high = values[0], values[1] if to_seconds else values[0]
        unit: PaceUnit = {"k": "km", "m": "mi", "l": "lap"}[per[0].lower()] if per else "rep"  # type: ignore[assignment]
        if not 0 < low <= high:
            self.fail("a pace goes from faster to slower, as 4:00-4:10/km", start)
        return Given(low, high, unit)

    def offset(self) -> Offset | None:
        start = self.blanks()
        match = self.take(_OFFSET)
        if not match:
            if self.sees(r"-"):
                self.fail("faster by how much per what? Write 5k-15s/mi, 5k-10s/km or 5k-3%")
            return None
        sign, first, second, percent, per = match.groups()
        low, high = Decimal(first), Decimal(second or first)
        unit: OffsetUnit = "%" if percent else "s/mi" if per.lower().startswith("m") else "s/km"
        if low > high or high > (30 if percent else 120):
            self.fail("an offset goes from less to more, up to 120 s or 30 %", start)
        return Offset(1 if sign == "+" else -1, low, high, unit)

    def check_given(self, target: Target, amounts: Sequence[Span], start: int) -> None:
        """Refuse a time for the rep where the rep has no distance, and paces no one runs."""
        paces = target.pace
        for pace in (paces.first, paces.last) if isinstance(paces, Change) else (paces,):
            if not isinstance(pace, Given):
                continue
            per = {"km": 1.0, "mi": 1.609344, "lap": STANDARD_LAP_M / 1000, "rep": 0.0}[pace.unit]
            kilometres = {per}
            if pace.unit == "rep":
                if any(isinstance(span.low, Duration) for span in amounts):
                    self.fail("a time for the rep needs a distance: write 200 @ 36s", start)
                kilometres = {
                    size_of(end) / 1000 for span in amounts for end in (span.low, span.high)
                }
            # An indoor lap may be half the standard one, so laps get twice the room.
            fastest = 45 if pace.unit == "lap" else 90
            for length in kilometres:
                if not fastest <= float(pace.low) / length <= float(pace.high) / length <= 1500:
                    self.fail(
                        f"{format_pace_target(pace)} is no running pace; they lie between "
                        "1:30/km and 25:00/km",
                        start,
                    )


def _with_suggestion(error: NotationError, text: str) -> NotationError:
    """Return the error with the step it is in as the notation has it, if that can be read."""
    lines = text.split("\n")
    typed = _step_around(lines[error.line - 1], error.column)
    written = in_notation(typed) if len(typed) <= LONGEST_HINT else typed
    if written.startswith(","):  # a recovery on a line of its own belongs to the reps before
        before = lines[error.line - 2] if error.line > 1 else ""
        tries = [before.partition("#")[0].strip() + written, "6 x 800 @ 5k" + written]
    else:
        tries = [written]
    for one in tries:
        if (workout := _completed(one)) and (one != typed.strip() or error.missing):
            suggestion = format_workout(workout).replace("\n", "; ")
            problem = error.message.partition(";")[0]
            asks = f"did you mean {suggestion}?"
            if error.missing and one == typed.strip():
                asks = f"for example {suggestion}"
            elif error.missing:
                problem = f'"{lines[error.line - 1][: error.column - 1].strip()}" says too little'
            message = f"{problem}; {asks}"
            return NotationError(error.line, error.column, message, suggestion=suggestion)
    return error


def _step_around(line: str, column: int) -> str:
    """Return the step of a line that holds a column: between two ; that are in no set."""
    line = line.partition("#")[0]
    start = depth = 0
    for place, character in enumerate(line):
        depth += (character == "(") - (character == ")")
        if character == ";" and depth <= 0:
            if place >= column - 1:
                return line[start:place]
            start = place + 1
    return line[start:]


def _completed(text: str) -> Workout | None:
    """Return the workout of a text, with the usual pace where it says none, or None."""
    for _ in range(4):
        try:
            return _Parser(text).workout()
        except NotationError as error:
            if not error.missing:
                return None
            at = error.column - 1
            text = f"{text[:at]} {error.missing}{text[at:]}"
    return None


def _usual_pace(counts: Sequence[Count], amounts: Sequence[Span]) -> str:
    """Return a pace for an example: what such a length is usually run at."""
    metres = max(
        size_of(span.high) * (4 if isinstance(span.high, Duration) else 1) for span in amounts
    )
    if metres >= 3000 and counts == ONCE:
        return "easy"
    paces = ((400, "@ mile"), (1200, "@ 5k"), (2000, "@ 10k"))
    return next((pace for longest, pace in paces if metres <= longest), "@ threshold")


def _with_comment(block: Block, comments: Sequence[str]) -> Block:
    """Return the block with comments added to the one it has, on one line."""
    comment = "; ".join(text for text in (block.comment, *comments) if text)
    return Block(block.role, block.step, block.text, comment)


def _extent(step: Step) -> tuple[int, bool, float, int]:
    """Return the most a step can be: reps, whether there are recoveries, metres and seconds."""
    reps, has_recovery, metres, seconds = 0, step.recovery is not None, 0.0, 0
    spans = step.recovery.spans if step.recovery else ()
    for part in step.parts:
        times = max(count.high for count in part.counts)
        if isinstance(part, Group):
            inner = [_extent(inside) for inside in part.steps]
            has_recovery = has_recovery or any(row[1] for row in inner)
            reps += times * sum(row[0] for row in inner)
            metres += times * sum(row[2] for row in inner)
            seconds += times * sum(row[3] for row in inner)
            breaks = times
        else:
            breaks = times * len(part.amounts)
            reps += breaks
            for span in part.amounts:
                metres += times * span.high.metres() if isinstance(span.high, Distance) else 0
                seconds += times * span.high.seconds if isinstance(span.high, Duration) else 0
        metres += breaks * max(
            (size_of(s.high) for s in spans if isinstance(s.high, Distance)), default=0
        )
        seconds += breaks * max(
            (s.high.seconds for s in spans if isinstance(s.high, Duration)), default=0
        )
    return reps, has_recovery, metres, seconds
