"""The running track: lane lengths, laps, splits, and where a rep starts and ends.

A position is the distance in metres past the finish line, in running direction, on one lap.
"""

import math
from typing import Final

STANDARD_LAP_M: Final = 400.0
OUTDOOR_LANE_M: Final = 1.22
INDOOR_LANE_M: Final = 1.00  # halls have 0.90 to 1.10 m
_KERB_M, _LINE_M = 0.30, 0.20  # lane 1 is measured this far from the kerb, others from their line
_SAME_POINT_M: Final = 0.01
_SAME_PLACE_M: Final = 1e-6  # floats closer than this stand for the same place


def lane_lap_m(
    lane: int, *, lap_m: float = STANDARD_LAP_M, lane_width_m: float | None = None
) -> float:
    """Return the length in metres of one lap in `lane` of a track of `lap_m` metres.

    Each metre further out adds two pi metres, whatever the bends. Lanes are 1.22 m wide outdoors
    and taken as 1.00 m where a lap is shorter than 400 m.

    Source: World Athletics track measurement rules; see docs/sources.md.

    :raises ValueError: if `lane` is under 1, or the lap is not 100 to 1,000 m
    """
    if lane < 1 or not 100 <= lap_m <= 1000:
        raise ValueError("lanes count from 1, and a lap has 100 to 1,000 m")
    if lane == 1:
        return float(lap_m)
    width = lane_width_m or (OUTDOOR_LANE_M if lap_m >= STANDARD_LAP_M else INDOOR_LANE_M)
    return lap_m + 2 * math.pi * (width * (lane - 1) + _LINE_M - _KERB_M)


def laps(distance_m: float, lap_m: float = STANDARD_LAP_M) -> float:
    """Return how many laps of `lap_m` metres make `distance_m`."""
    return distance_m / lap_m


def split_points(
    distance_m: float, lap_m: float = STANDARD_LAP_M, *, split_m: float | None = None
) -> tuple[float, ...]:
    """Return the metres into a rep at which each lap is complete, and its end.

    With `split_m` also those after every so many metres.
    """
    points = [distance_m]
    for step_m in (lap_m, split_m) if split_m else (lap_m,):
        whole = math.floor((distance_m - _SAME_PLACE_M) / step_m)
        steps = (step * step_m for step in range(1, whole + 1))
        # A lap line and a split that fall together are one, though floats differ.
        points += [at for at in steps if all(abs(at - known) > _SAME_POINT_M for known in points)]
    return tuple(sorted(points))


def even_splits(
    distance_m: float,
    time_s: float,
    lap_m: float = STANDARD_LAP_M,
    *,
    split_m: float | None = None,
) -> tuple[tuple[float, float], ...]:
    """Return (metres, seconds) at each of the `split_points` of a rep run at even pace."""
    points = split_points(distance_m, lap_m, split_m=split_m)
    return tuple((at_m, time_s * (at_m / distance_m)) for at_m in points)


def position(start_m: float, distance_m: float, lap_m: float = STANDARD_LAP_M) -> float:
    """Return the position on the lap after `distance_m` metres from the position `start_m`."""
    at_m = round(math.fmod(start_m + distance_m, lap_m), 6)
    return 0.0 if at_m >= round(lap_m, 6) else at_m
