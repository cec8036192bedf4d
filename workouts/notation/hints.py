"""What coaches write on a whiteboard, in the notation: `8x400m w/ 200 jog` is `8 x 400m, jog 200`.

Only ever a suggestion. The parser shows one where the text as typed cannot be read and the text
from here can, so a rule that goes astray costs a hint and never makes a session.
"""

import re
from typing import Final

_AMOUNT: Final = (
    r"\d+(?::\d\d|\.\d+)?(?: ?- ?\d+(?::\d\d)?)?"
    r"(?: ?(?:metres|meters|m|km|k|miles?|mi|laps?|seconds|secs?|s|minutes|mins?))?(?![a-z\d:.])"
)
_PACE: Final = (
    r"(?:800|1500|mile|\d{1,2}k|10 ?mi|half[ -]marathon|half|marathon|hm|mp|threshold|tempo|easy|"
    r"interval|repetition|vo2max|\d:\d\d)"
)
_STRIDES: Final = re.compile(
    rf"(?:(\d+) *(?:x *)?)?\b(?:({_AMOUNT}) *)?strides?\b", re.ASCII | re.IGNORECASE
)
_KINDS: Final = {
    "j": "jog", "jog": "jog", "jogging": "jog", "easy": "jog", "float": "jog", "off": "jog",
    "easy jog": "jog", "jog recovery": "jog", "walk": "walk", "walking": "walk", "w": "walk",
    "rest": "rest", "standing": "rest", "standing rest": "rest", "stand": "rest",
    "r": "", "rec": "", "recover": "", "recovery": "", "between": "",
}  # fmt: skip
_KIND: Final = "|".join(sorted(_KINDS, key=len, reverse=True))
_RECOVERY: Final = re.compile(
    rf"(?P<lead>^| *(?:[,/(]| w/| with ) *| +)(?:w/ *|with +)?"
    rf"(?:(?P<before>{_KIND}) *[=:]? *(?P<one>{_AMOUNT})"
    rf"|(?P<other>{_AMOUNT}) *(?P<after>(?:{_KIND})\b)?)(?: +(?:recovery|rest|between))? *\)? *$",
    re.ASCII | re.IGNORECASE,
)
# What to look for and what to write for it, in this order.
_RULES: Final = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE), written)
    for pattern, written in (
        # Marks and words for numbers
        (r"(\d+)['\u2032\u2019] ?(\d\d)(?:''|[\"\u2033\u201d])?", r"\1:\2"),
        (r"(\d+)(?:''|[\"\u2033\u201d])", r"\1s"),
        (r"(\d+)['\u2032\u2019]", r"\1min"),
        (r"(\d+) to (\d+)\b", r"\1-\2"),
        (r"\b(?:1/2|half|half a) mile\b(?! pace)", "0.5mi"),
        # How often, how far
        (r"^(\d+) *(?:\*|by |times )", r"\1 x "),
        (r"^(\d{3,4}m?|\d+ ?(?:km?|mi)) *x *(\d{1,2})\b", r"\2 x \1"),
        (r"(^|x *|\( *)mile\b(?! pace)", r"\g<1>1mi"),
        (r"^(\d{3,4})s\b", r"6 x \1"),
        (r"\b(\d{3,4})s\b", r"\1"),
        (r" *\b(?:repeats|reps|intervals)\b", ""),
        (r"^(\d{3,4})m? *[,/] *(\d{3,4})m?(?= *@|$)", r"\1 + \2"),
        (r"(?:(?<=^)|(?<=\d[,/])|(?<=, ))(\d{3,4})m? ?[,/](?= ?\d{3,4}m?(?: *[,/@]|$))", r"\1-"),
        (r"(?<=\d-) (?=\d)", ""),
        (r"(?:,? *then\b|,| \+) *(?=\d+ *(?:x *(?:\d|\()|(?:x *)?(?:\d+m? *)?strides?\b))", "; "),
        (r"(\d)j\b", r"\1 jog"),
        # Whole days and ends of a session
        (r"^(?:day )?off$", "rest"),
        (rf"^({_AMOUNT}) *(?:warm[ -]?up|wu)$", r"warm-up \1"),
        (rf"^({_AMOUNT}) *(?:(?:cool|warm)[ -]?down|cd)$", r"cool-down \1"),
        (rf"^(easy|tempo|threshold|steady|marathon|long)(?: run| pace)? ({_AMOUNT})$", r"\2 \1"),
        (r"\b(easy|tempo|threshold|steady) (?:run|running|jog)\b", r"\1"),
        (r"\blong(?: run)?$", "easy"),
        (rf"^({_AMOUNT}) (?:run|running)$", r"\1 easy"),
        (r"^(\d+ ?(?:mi|miles?|km?)|\d{4,5} ?m|[1-9]\d ?min(?:s|utes)?) jog$", r"\1 easy"),
        # How fast
        (rf"\(([^()]*\bon\b *[,/]? *{_AMOUNT} off) *\)", r"\1"),
        (rf"^({_AMOUNT} on\b.*\boff)$", r"10 x \1"),
        (rf"\b({_PACE})[ -](?:race )?(?:pace|effort)\b", r"\1"),
        (r"\b(\d+k)p\b", r"\1"),
        (r"@ *(\d\d(?:-\d\d)?)(?= *(?:$|[,(;]| w))", r"@ \1s"),
        (r"\bin *(\d\d)(?= *(?:$|[,(;]| w))", r"@ \1s"),
        (r"(?<=\d) +(?:at|in) +(?=[\da-z])", " @ "),
        (r"(@ *\d+:\d\d(?:-\d+:\d\d)?) *(?:min *)?(?:/|per|a)? *(km?|mi|mile)\b", r"\1/\2"),
        (r"(?:@ *)?\b(?:hard|fast|strong|on\b(?=.* (?:off|jog|easy)))\b", "@ rpe 8"),
        (r"(?:@ *)?\b(?:steady|moderate)\b", "@ rpe 6"),
        (r"(?:@ *)?\ball[ -]out\b", "@ max"),
        (r"(x *(\d+)m?\b.*?),? *\bwalk[ -]?back(?: recovery)?$", r"\1, walk \2"),
    )
)


def in_notation(typed: str) -> str:
    """Return a line of shorthand as the notation would have it, as far as it is known.

    A line that is only a recovery, such as `90s rest`, comes back with the comma before it.
    """
    text = " ".join(typed.split())
    for pattern, written in _RULES:
        text = pattern.sub(written, text)
    steps = [_with_recovery(step.strip()) for step in text.split("; ")]
    return "; ".join(_STRIDES.sub(_strides, step) for step in steps)


def _with_recovery(step: str) -> str:
    """Return a step with what its end says of the recovery in the notation's words."""
    match = _RECOVERY.search(step)
    if match is None:
        return step
    head, lead = step[: match.start()], match["lead"].strip()
    kind = (match["before"] or match["after"] or "").lower()
    if kind == "easy" and not re.search(r"\d *x", head):  # once, it is run as a part of its own
        return step
    if not kind and not lead.startswith("w") and not (lead and "@" in head):
        return step
    return f"{head}, {_recovery(kind, match['one'] or match['other'])}"


def _recovery(kind: str, amount: str) -> str:
    """Return a recovery with its kind and its unit: of bare numbers, from 100 up are metres."""
    if amount.isdigit():
        number = int(amount)
        is_metres = number >= 100 and number % 50 == 0
        amount += "" if is_metres else "min" if number <= 10 else "s"
    is_time = re.search(r"(?:\d|\b)(?:s|secs?|seconds|mins?|minutes)$|:", amount)
    return f"{_KINDS.get(kind) or ('rest' if is_time else 'jog')} {amount}"


def _strides(match: re.Match[str]) -> str:
    """Return strides as reps: 100 m at mile pace with a walk back, unless it says how far."""
    count, amount = match[1] or "4", (match[2] or "100").strip()
    return f"{count} x {amount} @ mile, walk {'1min' if re.search('s|min', amount) else amount}"
