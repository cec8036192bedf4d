"""What a runner's body can hold: critical speed from all-out efforts, heart rate from age.

Both are estimates, and the pages must call them so. A measured maximum heart rate always goes
before one worked out from age: one runner in three is more than 10 bpm away from the formula.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from athletes.measures import Number

# Beats a minute at birth, and lost with each year of age.
HR_MAX_FORMULAS: Final[dict[str, tuple[float, float]]] = {
    "fox": (220, 1.0),  # Fox, Naughton & Haskell 1971
    "tanaka": (208, 0.7),  # Tanaka, Monahan & Seals 2001
    "gellish": (207, 0.7),  # Gellish et al. 2007
    "nes": (211, 0.64),  # Nes et al. 2013
    "gulati": (206, 0.88),  # Gulati et al. 2010, of women only
}
DEFAULT_HR_MAX: Final = "tanaka"
# Critical speed means something for all-out efforts of about 2 to 20 minutes.
EFFORT_S: Final = (120, 1200)


class NoCriticalSpeed(ValueError):
    """Efforts through which no line can be laid; the message says what is missing."""


class CriticalSpeed(NamedTuple):
    """The speed that can be held for long, in m/s, and the metres D' to spend above it."""

    m_per_s: float
    d_prime_m: float

    @property
    def s_per_km(self) -> float:
        """Return the critical speed as a pace, in seconds per km."""
        return 1000 / self.m_per_s


def critical_speed(efforts: Iterable[tuple[Number, Number]]) -> CriticalSpeed:
    """Return the line d = CS t + D' through all-out efforts, by least squares of distance on time.

    `efforts` are pairs of metres and seconds, in any order. Two give the line exactly. Choosing
    those that last as long as `EFFORT_S` says is the caller's part. A D' below zero says that the
    short efforts were not all-out.

    Source: Hill, "The critical power concept", Sports Medicine 16 (1993); Hughson et al. (1984)
    for running.

    :raises NoCriticalSpeed: under two different times, or if longer efforts cover no more ground
    """
    points = [(float(time_s), float(distance_m)) for distance_m, time_s in efforts]
    if len({time_s for time_s, _ in points}) < 2:
        raise NoCriticalSpeed("Critical speed needs two efforts that last differently long.")
    mean_s = sum(time_s for time_s, _ in points) / len(points)
    mean_m = sum(distance_m for _, distance_m in points) / len(points)
    m_per_s = sum((time_s - mean_s) * (distance_m - mean_m) for time_s, distance_m in points) / sum(
        (time_s - mean_s) ** 2 for time_s, _ in points
    )
    if m_per_s <= 0:
        raise NoCriticalSpeed("The longer efforts cover no more ground than the shorter ones.")
    return CriticalSpeed(m_per_s, mean_m - m_per_s * mean_s)


def hr_max(age: Number, formula: str = DEFAULT_HR_MAX) -> float:
    """Return the maximum heart rate in bpm that a formula of `HR_MAX_FORMULAS` expects at an age.

    The spread around every one of them is 7 to 12 bpm (Robergs & Landwehr 2002).

    :raises KeyError: if there is no formula of that name
    """
    base, a_year = HR_MAX_FORMULAS[formula]
    return base - a_year * float(age)


def heart_rate_at(share: float, *, hr_max_bpm: Number) -> float:
    """Return the bpm at a share of the maximum: 0.85 for 85 % of HRmax.

    :raises ValueError: if the share is not above 0 and at most 1
    """
    if not 0 < share <= 1:
        raise ValueError("Write the share of HRmax as a number up to 1, for example 0.85.")
    return share * float(hr_max_bpm)


def vo2max_share(hr_share: float) -> float:
    """Return the share of VO2max that is run at a share of HRmax: 0.75 at 0.85.

    Source: Swain et al. (1994), %HRmax = 0.64 %VO2max + 37.
    """
    return (hr_share - 0.37) / 0.64
