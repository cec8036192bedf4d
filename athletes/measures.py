"""Distances, times and paces: what a runner writes, and what we calculate with.

Inside, everything is metres and seconds; names, clocks and min/km exist only at the edge.
"""

import re
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final, Literal, TypeAlias

Number: TypeAlias = int | float | Decimal
Units: TypeAlias = Literal["km", "mi"]

MILE_M: Final = Decimal("1609.344")
KM_M: Final = Decimal(1000)

RACES: Final[dict[str, Decimal]] = {
    "800": Decimal(800),
    "1500": Decimal(1500),
    "mile": MILE_M,
    "3k": Decimal(3000),
    "5k": Decimal(5000),
    "8k": Decimal(8000),
    "10k": Decimal(10_000),
    "15k": Decimal(15_000),
    "10mi": 10 * MILE_M,
    "half": Decimal("21097.5"),
    "marathon": Decimal(42_195),
}

_UNIT_M: Final = {"km": KM_M, "k": KM_M, "mi": MILE_M, "mile": MILE_M, "miles": MILE_M}
_METRES: Final = {"", "m", "meter", "meters", "metre", "metres"}
_TIME_HINT: Final = "Write the time as mm:ss or h:mm:ss, for example 22:00 or 1:38:00."
_DISTANCE_HINT: Final = "Write the distance as 5k, 1 mile, half, marathon or in metres, as 1500."
_LONGEST_M: Final = Decimal(1_000_000)
_LONGEST_S: Final = Decimal(360_000)

_COLONS = re.compile(r"(?:(\d{1,3}):(?=\d+:))?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,9}))?", re.ASCII)
_LETTERS = re.compile(
    r"(?:(\d{1,2}) ?h ?)?(?:(\d{1,3}) ?m(?:in)? ?)?(?:(\d{1,2})(?:[.,](\d{1,9}))? ?(s?))?",
    re.ASCII | re.IGNORECASE,
)
# Figures that lack their colons, 2200, or have another mark for them: 22 00, 1.38.00.
_NO_COLONS = re.compile(
    r"(?:(?P<h>\d{1,2})(?:[ .,;'-]|(?=\d{4}$)))?(?P<m>\d{1,3}?)[ .,;'-]?(?P<s>\d\d)", re.ASCII
)
_DISTANCE = re.compile(r"(\d{1,7}(?:\.\d{1,3})?) ?([a-z]*)", re.ASCII)


class MeasureError(ValueError):
    """A time or distance that cannot be read; the message says what to write instead."""


def parse_clock(text: str) -> Decimal:
    """Return the seconds of a raced time, in hundredths.

    Reads `mm:ss`, `h:mm:ss`, both with a fraction after a point or comma, letters (`2h05`,
    `1h35m20s`, `4m05s`) and bare seconds with a fraction (`58.9`). Finer fractions are rounded up
    to the next hundredth, as athletics rules do. What two people could read differently
    (`4.30`, `22`, `4:5`) is refused.

    :raises MeasureError: if it is no such time, is zero, or is 100 hours or more
    """
    text = text.strip()
    if not text:
        raise MeasureError(f"The time is missing. {_TIME_HINT}")
    if len(text) > 24:
        raise MeasureError(f"That is too long for a time. {_TIME_HINT}")
    if text[0] in "-\u2212\u2013":
        raise MeasureError(f"A time cannot be negative. {_TIME_HINT}")
    if "/" in text:
        raise MeasureError(f"“{text}” is a pace, not a time for the whole race. {_TIME_HINT}")
    if match := _COLONS.fullmatch(text):
        seconds = _clock_seconds(text, *match.groups())
    elif re.fullmatch(r"\d{1,2}|\d+[.,]\d+", text, re.ASCII):
        seconds = _bare_seconds(text)
    elif match := _LETTERS.fullmatch(text):
        seconds = _lettered_seconds(text, match)
    elif meant := _with_colons(text):
        raise MeasureError(f"“{text}” has no colon: did you mean {meant}?")
    else:
        raise MeasureError(f"“{text}” is not a time. {_TIME_HINT}")
    if seconds == 0:
        raise MeasureError(f"A time cannot be zero. {_TIME_HINT}")
    if seconds >= _LONGEST_S:
        raise MeasureError(f"“{text}” is too long: 100 hours or more. {_TIME_HINT}")
    return seconds


def _clock_seconds(
    text: str, hours: str | None, minutes: str, seconds: str, fraction: str | None
) -> Decimal:
    """Return the seconds of the parts of a clock, each checked to lie in its range."""
    if len(seconds) == 1 or (hours and len(minutes) == 1):
        raise MeasureError(
            f"“{text}” can be read two ways: give every part after the first two digits, as 4:05."
        )
    if int(seconds) > 59:
        raise MeasureError(f"“{text}” has {seconds} seconds; seconds go from 00 to 59.")
    if hours and int(minutes) > 59:
        raise MeasureError(f"“{text}” has {minutes} minutes; after hours they go from 00 to 59.")
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return _hundredths(f"{whole}.{fraction or 0}")


def _with_colons(text: str) -> str | None:
    """Return the time that figures without colons stand for; past 59 they can only be seconds."""
    match = _NO_COLONS.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = match["h"] or "", match["m"], match["s"]
    if int(seconds) > 59 or (hours and int(minutes) > 59):
        return format_clock(int(text)) if text.isdigit() else None
    return f"{hours}:{minutes.zfill(2)}:{seconds}" if hours else f"{minutes}:{seconds}"


def _bare_seconds(text: str) -> Decimal:
    """Return a bare number as seconds, if nobody could take it for minutes."""
    whole, _, fraction = text.replace(",", ".").partition(".")
    could_be_minutes = len(fraction) == 2 and int(fraction) < 60
    if not fraction or could_be_minutes or int(whole) < 10:
        minutes = f"{whole}:{fraction:0<2}"
        rest = f".{fraction}" if fraction else ""
        raise MeasureError(
            f"“{text}” could be minutes or seconds. Put a colon between them: "
            f"{minutes} is mm:ss, {int(whole) // 60}:{int(whole) % 60:02}{rest} is seconds."
        )
    return _hundredths(f"{whole}.{fraction}")


def _lettered_seconds(text: str, match: re.Match[str]) -> Decimal:
    """Return the seconds of `2h05`, `1h35m20s` or `45s`; a bare number after hours is minutes."""
    hours, minutes, last, fraction, unit = match.groups()
    if hours and not minutes and last and not unit and not fraction:
        minutes, last = last, None  # 2h05: two hours five minutes
    if hours and not minutes:
        raise MeasureError(f"“{text}” has no minutes. {_TIME_HINT}")
    if last and len(last) == 1 and minutes:
        raise MeasureError(f"“{text}” can be read two ways. {_TIME_HINT}")
    return _clock_seconds(text, hours, (minutes or "0").zfill(2), (last or "0").zfill(2), fraction)


def _hundredths(text: str) -> Decimal:
    return Decimal(text).quantize(Decimal("0.01"), ROUND_CEILING)


def parse_distance(text: str) -> Decimal:
    """Return the metres of a raced distance.

    Reads the race names, `5k`, `10 km`, `1 mile`, `10mi`, `400 m`; a bare number from 50 up is
    metres.

    :raises MeasureError: if it is no such distance, or lies outside 50 m to 1,000 km
    """
    name = " ".join(text.lower().split())
    name = {"half marathon": "half", "half-marathon": "half", "full marathon": "marathon"}.get(
        name, name
    )
    if name in RACES:
        return RACES[name]
    match = _DISTANCE.fullmatch(name)
    if not match:
        raise MeasureError(f"“{text.strip()[:40]}” is not a distance. {_DISTANCE_HINT}")
    number, unit = Decimal(match[1]), match[2]
    if unit not in _UNIT_M and unit not in _METRES:
        raise MeasureError(f"“{unit}” is not a unit of distance. {_DISTANCE_HINT}")
    if not unit and number < 50:
        raise MeasureError(f"A distance of “{number}” what? Write {number} km, mi or m.")
    metres = number * _UNIT_M.get(unit, Decimal(1))
    if not 50 <= metres <= _LONGEST_M:
        raise MeasureError(f"A race distance lies between 50 m and 1,000 km. {_DISTANCE_HINT}")
    return metres


def race_key(distance_m: Number) -> str | None:
    """Return the notation's name of the race at `distance_m`, within 1 %, or None."""
    for key, metres in RACES.items():
        if same_distance(distance_m, metres):
            return key
    return None


def same_distance(one_m: Number, other_m: Number) -> bool:
    """Return whether two races count as the same distance: within 1 % of the second."""
    return abs(float(one_m) / float(other_m) - 1) <= 0.01


def distance_name(distance_m: Number) -> str:
    """Return what runners call `distance_m`: 5K, Mile, Half marathon, 10 miles, 6437 m."""
    metres = Decimal(str(distance_m))
    named = {MILE_M: "Mile", RACES["half"]: "Half marathon", RACES["marathon"]: "Marathon"}
    if metres in named:
        return named[metres]
    if metres >= 3000 and metres % 1000 == 0:
        return f"{int(metres / 1000)}K"
    if metres and metres % MILE_M == 0:
        return f"{int(metres / MILE_M)} miles"
    if metres % 1 == 0:
        return f"{int(metres)} m"
    return f"{_trim(metres / 1000)} km"


@lru_cache(maxsize=4096)  # a plan shows the same few times again and again
def format_clock(seconds: Number, *, places: int = 0) -> str:
    """Return seconds as `m:ss` or `h:mm:ss` with `places` decimals, rounded half up.

    Rounds before it splits, so 9:59.96 becomes 10:00.0 and never 9:60.0.

    :raises ValueError: if `seconds` is negative or no number
    """
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"no clock shows {seconds} seconds")
    unit = Decimal(1).scaleb(-places)
    total = Decimal(str(seconds)).quantize(unit, ROUND_HALF_UP)
    minutes, rest = divmod(total, 60)
    hours, whole = divmod(int(minutes), 60)
    tail = f"{rest:0{3 + places if places else 2}.{places}f}"
    return f"{hours}:{whole:02}:{tail}" if hours else f"{whole}:{tail}"


def format_distance(metres: Number, *, units: Units = "km") -> str:
    """Return metres as people say them: `800 m`, `9.2 km`, or `5.72 mi` in miles."""
    value = Decimal(str(metres))
    if units == "mi":
        return f"{_trim(value / MILE_M)} mi"
    return f"{_trim(value, 0)} m" if value < Decimal("999.5") else f"{_trim(value / 1000)} km"


def format_pace(s_per_m: Number, *, units: Units = "km") -> str:
    """Return a pace in seconds per metre as `4:24/km` or `7:05/mi`."""
    return f"{format_clock(Decimal(str(s_per_m)) * _UNIT_M[units])}/{units}"


def format_range(low: str, high: str) -> str:
    """Return two formatted values as one, `3:21–3:24`; equal ones once, a shared unit once."""
    if low == high:
        return low
    head, slash, unit = low.rpartition("/")
    if slash and high.endswith(slash + unit):
        return f"{head}–{high}"
    head, space, unit = low.rpartition(" ")
    return f"{head}–{high}" if space and high.endswith(space + unit) else f"{low}–{high}"


def _trim(value: Decimal, places: int = 2) -> str:
    """Return a number rounded half up, without trailing zeros."""
    text = str(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
    return text.rstrip("0").rstrip(".") if "." in text else text
