"""Times, paces and distances as a coach reads them."""

from typing import Any

from django import template

from athletes.measures import (
    RACES,
    distance_name,
    format_clock,
    format_pace,
    format_range,
)
from athletes.predictions import TRAINING, AthletePaces, Pace

register = template.Library()


@register.filter
def clock(seconds: Any, places: int = 0) -> str:
    """Show seconds as 3:21, or with `places` decimals."""
    return "" if seconds is None else format_clock(seconds, places=places)


@register.filter
def clock_range(seconds: Any, places: int = 0) -> str:
    """Show a pair of seconds as 3:21–3:24, or as one time where both ends read the same."""
    if not seconds:
        return ""
    low, high = (format_clock(value, places=places) for value in seconds)
    return format_range(low, high)


@register.filter
def pace_range(s_per_m: Any, units: Any) -> str:
    """Show a pair of seconds per metre as 4:24–4:30/km."""
    if not s_per_m:
        return ""
    low, high = (format_pace(value, units=units) for value in s_per_m)
    return low if low == high else format_range(low.partition("/")[0], high)


@register.filter
def pace_of(pace: Pace, units: str) -> str:
    """Show an athlete's pace in the units of the athlete."""
    return pace_range((pace.s_per_m_low, pace.s_per_m_high), units.lower())


@register.filter
def race_name(distance_m: Any) -> str:
    return distance_name(distance_m)


@register.filter
def race_label(race: str) -> str:
    """Word a race of the notation: 5k is 5K, half is Half marathon."""
    return distance_name(RACES[race])


@register.filter
def race_clock(paces: AthletePaces, race: str) -> str:
    """Show the time in which an athlete races a distance."""
    return format_clock(paces.race_time(race)[0])


@register.filter
def pace_name(name: str) -> str:
    """Word a pace of the plan: a training pace as such, a race pace by its distance."""
    if name == "vo2max":
        return "VO2max"
    return name.capitalize() if name in TRAINING else distance_name(RACES[name])


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """Look a key up in a dictionary, where the key is a variable of the page."""
    return mapping.get(key)
