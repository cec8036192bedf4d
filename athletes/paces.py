"""From a race to VDOT and from VDOT to race times and training paces.

The model is the oxygen cost and the drop-off in time of Daniels & Gilbert, "Oxygen Power"
(1979); docs/sources.md holds the formulas with worked values. No printed table is used.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from athletes.measures import MILE_M, RACES, Number, distance_name, format_clock

# The curve was fitted to races of about 3.5 minutes to 4 hours; outside it, trust it less.
FITTED_S: Final = (210.0, 14_400.0)
DISTANCES_M: Final = (790.0, 42_700.0)
VDOTS: Final = (10.0, 90.0)
_LONGEST_S: Final = 8 * 3600.0
# What a race can have been; outside it a time was misread or mistyped.
RACED_M: Final = (100, 400_000)
_SPRINT_M_PER_S: Final = 10.5  # no one has averaged this over 100 m or more
_WALK_M_PER_S: Final = 1.0
_LIKELY_VDOTS: Final = (15, 85)

# Shares of VDOT at which each zone is run (Daniels' Running Formula, 3rd ed., table 5.2).
EASY: Final = (0.73, 0.63)
THRESHOLD: Final = 0.88
INTERVAL: Final = 0.975
VO2MAX: Final = 1.0


class PaceOutOfRange(ValueError):
    """A race or VDOT for which the curve means nothing; the message is for a coach."""


@dataclass(frozen=True, slots=True)
class TrainingPaces:
    """The training paces of one VDOT, in seconds per kilometre; `easy` is (fast, slow)."""

    easy: tuple[float, float]
    marathon: float
    threshold: float
    interval: float
    repetition: float
    vo2max: float


def oxygen_cost(velocity: float) -> float:
    """Return the oxygen cost (ml/kg/min) of running at `velocity` metres per minute."""
    return -4.60 + 0.182258 * velocity + 0.000104 * velocity**2


def sustained_fraction(time_min: float) -> float:
    """Return the share of VO2max that is held for `time_min` minutes."""
    return (
        0.8
        + 0.1894393 * math.exp(-0.012778 * time_min)
        + 0.2989558 * math.exp(-0.1932605 * time_min)
    )


def vdot(*, distance_m: Number, time_s: Number) -> float:
    """Return the VDOT (ml/kg/min) of a race over `distance_m` metres in `time_s` seconds.

    Fitted to races of 3.5 minutes to 4 hours (`FITTED_S`); it also answers for 800 m and for slow
    marathons, with less certainty.

    Source: Daniels & Gilbert, "Oxygen Power" (1979); see docs/sources.md.

    :raises PaceOutOfRange: for under 800 m, over a marathon, over 8 hours, or when the VDOT
        comes out under 10 (a slow walk) or over 90 (faster than any world record)
    """
    metres, seconds = float(distance_m), float(time_s)
    if not DISTANCES_M[0] <= metres <= DISTANCES_M[1]:
        raise PaceOutOfRange("Paces can be worked out from races of 800 m to the marathon only.")
    minutes = max(seconds, 1) / 60
    value = oxygen_cost(metres / minutes) / sustained_fraction(minutes)
    if value > VDOTS[1]:
        raise PaceOutOfRange(
            f"{distance_name(distance_m)} in {format_clock(seconds)} is faster than any human: "
            "check the distance, and write hours as h:mm:ss."
        )
    if value < VDOTS[0] or seconds > _LONGEST_S:
        raise PaceOutOfRange(
            f"{distance_name(distance_m)} in {format_clock(seconds)} is too slow for a run: "
            "check the distance, and write minutes and seconds as mm:ss."
        )
    return value


def race_time_s(*, vdot: float, distance_m: Number) -> float:
    """Return the seconds in which a runner of this VDOT races `distance_m` metres.

    Inverts `vdot` by bisection, to the microsecond; the curve has no closed inverse.

    :raises PaceOutOfRange: if `vdot` lies outside 10 to 90, or the distance outside 50 m to 100 km
    """
    _check(vdot)
    if not 50 <= distance_m <= 100_000:
        raise PaceOutOfRange("Race times can be worked out for 50 m to 100 km only.")
    return _race_time_s(float(vdot), float(distance_m))


@lru_cache(maxsize=4096)
def _race_time_s(value: float, metres: float) -> float:
    fast, slow = metres / 700, metres / 20  # minutes, at 700 and 20 metres per minute
    while slow - fast > 1e-8:
        middle = (fast + slow) / 2
        if oxygen_cost(metres / middle) > value * sustained_fraction(middle):
            fast = middle
        else:
            slow = middle
    return (fast + slow) * 30


def velocity_m_per_min(*, vdot: float, fraction: float = VO2MAX) -> float:
    """Return the speed (metres per minute) that costs `fraction` of a VDOT.

    The positive root of the oxygen cost. The authors' inverse regression agrees within 0.5 s a
    mile in its range, and is far off below VDOT 30, so it is not used.

    :raises PaceOutOfRange: if `vdot` lies outside 10 to 90
    """
    _check(vdot)
    root = math.sqrt(0.182258**2 + 4 * 0.000104 * (fraction * vdot + 4.60))
    return (root - 0.182258) / (2 * 0.000104)


def pace_s_per_km(*, vdot: float, fraction: float = VO2MAX) -> float:
    """Return the pace (seconds per kilometre) that costs `fraction` of a VDOT.

    :raises PaceOutOfRange: if `vdot` lies outside 10 to 90
    """
    return 60_000 / velocity_m_per_min(vdot=vdot, fraction=fraction)


def training_paces(vdot: float) -> TrainingPaces:
    """Return the training paces of a VDOT.

    Easy 73 to 63 %, threshold 88 %, interval 97.5 %, vo2max 100 % of VDOT; marathon pace is the
    marathon equivalent and repetition pace is mile race pace. Slow runners get no shift: it would
    make their interval pace faster than their mile race.

    Source: Daniels' Running Formula, 3rd ed., table 5.2; see docs/sources.md.

    :raises PaceOutOfRange: if `vdot` lies outside 10 to 90
    """
    marathon_m = RACES["marathon"]
    return TrainingPaces(
        easy=(
            pace_s_per_km(vdot=vdot, fraction=EASY[0]),
            pace_s_per_km(vdot=vdot, fraction=EASY[1]),
        ),
        marathon=race_time_s(vdot=vdot, distance_m=marathon_m) * 1000 / float(marathon_m),
        threshold=pace_s_per_km(vdot=vdot, fraction=THRESHOLD),
        interval=pace_s_per_km(vdot=vdot, fraction=INTERVAL),
        repetition=race_time_s(vdot=vdot, distance_m=MILE_M) * 1000 / float(MILE_M),
        vo2max=pace_s_per_km(vdot=vdot),
    )


def _check(vdot: float) -> None:
    if not VDOTS[0] <= vdot <= VDOTS[1]:
        raise PaceOutOfRange(f"VDOT {vdot:g} is outside {VDOTS[0]:g} to {VDOTS[1]:g}.")


def implausible(*, distance_m: Decimal, time_s: Decimal) -> str | None:
    """Return why nobody can have raced `distance_m` metres in `time_s` seconds, or None.

    Too fast is a VDOT over 90, or a sprint faster than any; too slow, up to the marathon, is
    slower than a stroll. The sentence shows the time as it was read and what may have been meant.
    """
    minutes, m_per_s = float(time_s) / 60, float(distance_m) / float(time_s)
    if distance_m < DISTANCES_M[0]:
        too_fast = m_per_s > _SPRINT_M_PER_S
    else:
        too_fast = oxygen_cost(m_per_s * 60) / sustained_fraction(minutes) > VDOTS[1]
    if too_fast:
        why = "would be faster than the world record"
    elif distance_m <= DISTANCES_M[1] and m_per_s < _WALK_M_PER_S:
        why = "would be slower than walking"
    else:
        return None
    meant = _meant(distance_m=distance_m, time_s=time_s)
    hint = f"did you mean {meant}?" if meant else "check the distance and the time."
    return f"{_spelt(time_s)} for {distance_name(distance_m)} {why}; {hint}"


def _spelt(time_s: Decimal) -> str:
    """Return a time that nobody can misread: 2 min 20 s."""
    minutes, seconds = divmod(time_s, 60)
    hours, left = divmod(int(minutes), 60)
    parts = {"h": f"{hours}", "min": f"{left}", "s": f"{seconds.normalize():f}"}
    return " ".join(f"{value} {unit}" for unit, value in parts.items() if value != "0")


def _meant(*, distance_m: Decimal, time_s: Decimal) -> str | None:
    """Return the likeliest other reading: a colon-group more or less, or a digit left out."""
    readings = [time_s * 60, time_s / 60]
    minutes, seconds = divmod(int(format_clock(time_s).replace(":", "") + "0"), 100)
    if seconds < 60 and minutes < 100:
        readings.append(Decimal(minutes * 60 + seconds))
    for reading in readings:
        try:
            value = vdot(distance_m=distance_m, time_s=reading)
        except PaceOutOfRange:
            continue
        if _LIKELY_VDOTS[0] <= value <= _LIKELY_VDOTS[1]:
            return format_clock(reading)
    return None
