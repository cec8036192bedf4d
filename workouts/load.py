"""How hard a week was: session-RPE load, monotony and strain.

Source: Foster, "Monitoring training in athletes with reference to overtraining syndrome",
Medicine & Science in Sports & Exercise 30 (1998); Foster et al. (2001).
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WEEK_DAYS: Final = 7
RPE_MAX: Final = 10
# From here on the days are so alike that a coach should look; it is no alarm.
MONOTONY_TO_LOOK_AT: Final = 2.0


@dataclass(frozen=True, slots=True)
class WeekLoad:
    """The load of one week in arbitrary units (RPE x minutes).

    `monotony` and `strain` are None where every day was alike: no value, not infinity.
    """

    total: float
    mean: float
    sd: float
    monotony: float | None
    strain: float | None


def session_load(*, rpe: float, minutes: float) -> float:
    """Return the load of one session: how hard it felt, 0 to 10, times its minutes.

    :raises ValueError: if the RPE is outside 0 to 10, or the minutes are below 0
    """
    if not 0 <= rpe <= RPE_MAX:
        raise ValueError("Write how hard it felt as a number from 0 to 10.")
    if not minutes >= 0:
        raise ValueError("A session lasts 0 minutes or more.")
    return rpe * minutes


def week_load(days: Sequence[float]) -> WeekLoad:
    """Return load, monotony (mean / SD) and strain (load x monotony) of seven daily loads.

    A day is the sum of its sessions, a rest day 0. The standard deviation is that of a sample
    (n - 1); sources differ, and with that of a population monotony would be 8 % higher.

    :raises ValueError: if there are not seven days
    """
    if len(days) != WEEK_DAYS:
        raise ValueError("A week has seven days; write 0 for a rest day.")
    total = float(sum(days))
    mean = total / WEEK_DAYS
    sd = float(statistics.stdev(days))
    monotony = mean / sd if sd else None
    strain = None if monotony is None else total * monotony
    return WeekLoad(total=total, mean=mean, sd=sd, monotony=monotony, strain=strain)
