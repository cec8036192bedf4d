"""Times, paces and distances as a coach reads them."""

from calendar import day_name
from datetime import date
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
def bare_pace(pace: Pace, units: str) -> str:
    """Show an athlete's pace for a column that names the unit: 5:26–6:06."""
    return pace_of(pace, units).partition("/")[0]


@register.filter
def model_name(model: str) -> str:
    """Name the model by which races are predicted: two models may differ by seconds a lap."""
    return {
        "bests": "by our model of real runners’ bests",
        "vdot": "by Daniels’ VDOT",
        "riegel": "by Riegel’s formula",
    }[model]


@register.filter
def weekdays(days: str) -> str:
    """Word ISO weekdays written as "36": Wednesday, Saturday."""
    return ", ".join(day_name[int(day) - 1] for day in days)


@register.filter
def lap_of(pace: Pace) -> str:
    """Show an athlete's pace as the time of 400 m on the track."""
    return clock_range((pace.s_per_m_low * 400, pace.s_per_m_high * 400))


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
def how_old(day: date | None, today: date) -> str:
    """Word how long ago a day was: 9 weeks ago."""
    if day is None:
        return ""
    days = (today - day).days
    for unit, length, least in (("year", 365, 730), ("month", 30, 61), ("week", 7, 14)):
        if days >= least:
            return f"{days // length} {unit}s ago"
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")


@register.filter
def per_km(override: Any, units: str) -> str:
    """Show a pace that was set by hand in the units of the athlete."""
    return pace_range((override.low_s_per_km / 1000, override.high_s_per_km / 1000), units.lower())


@register.filter
def precise_clock(seconds: Any) -> str:
    """Show a raced time, with tenths or hundredths only where it was taken so: 2:16.4."""
    hundredths = int(seconds * 100) % 100
    return format_clock(seconds, places=0 if not hundredths else 2 if hundredths % 10 else 1)


@register.filter
def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """Look a key up in a dictionary, where the key is a variable of the page."""
    return mapping.get(key)
