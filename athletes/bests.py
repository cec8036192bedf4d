"""The model `bests`: what a runner's results say together about a distance not yet raced.

Fitted to the best times of real runners. Each runner has a level, and a tilt towards speed or
endurance; each result shows them with the noise usual at its distance. The noise has heavy tails,
so a result that the others contradict counts for little. docs/sources.md explains it to a coach,
bench/fit_bests.py finds the numbers, and bests.json holds them.
"""

import json
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

UNDATED_YEARS: Final = 1.0  # the age of the results that the model was fitted to, nobody knows it
DRIFT: Final = 0.015  # how far, as a share of the time, form drifts in a year: a judgement
TAILS: Final = 2.0  # degrees of freedom of Student's t: how readily a result is disbelieved
ROUNDS: Final = 4  # of weighing the results anew; more do not predict better
LEVEL_SD: Final = 1.0  # so wide that nobody is drawn to the average: a factor of e in time
FIRM: Final = 0.01  # softness below which a distance counts as one raced in earnest
_PIVOT: Final = math.log(10_000)  # where a tilt changes nothing


@dataclass(frozen=True, slots=True)
class Result:
    """One result as the model reads it: metres, seconds, and its age in years."""

    distance_m: float
    time_s: float
    years: float = UNDATED_YEARS


@dataclass(frozen=True, slots=True)
class Knot:
    """What holds at one distance; between two knots everything runs straight in ln(metres).

    `time_s` is the time of the typical runner and `level` how strongly it follows a runner's
    level (about 1; more where slow runners fade). `softness` is how much slower, in ln(time), a
    best is where few races are run in earnest. `noise` is the spread of a result about the
    runner's own curve, `spread` what is left open in a predicted time, both as a share of it.
    """

    distance_m: float
    time_s: float
    level: float
    softness: float
    noise: float
    spread: float


@dataclass(frozen=True, slots=True)
class _Place:
    """The coefficients at one distance, in ln(seconds)."""

    ln_time: float
    level: float
    tilt: float
    softness: float
    noise: float
    spread: float


class Coefficients:
    """The numbers of the model: its knots by distance, and what holds for all of them.

    `tilt` is the standard deviation of runners' own exponents about the typical one; `widening`
    multiplies the variance that few or distant results leave open.
    """

    def __init__(self, knots: Sequence[Knot], *, tilt: float, widening: float) -> None:
        self.knots = tuple(sorted(knots, key=lambda knot: knot.distance_m))
        self.tilt, self.widening = tilt, widening
        self._ln_m = [math.log(knot.distance_m) for knot in self.knots]
        self._rows = [
            (math.log(k.time_s), k.level, k.softness, k.noise, k.spread) for k in self.knots
        ]
        self._places: dict[float, _Place] = {}

    def at(self, distance_m: float) -> _Place:
        """Return the coefficients at a distance, by the straight line through its two knots.

        Outside the knots the time goes on along the line, and the rest stays as it is at the end.
        """
        if distance_m not in self._places:
            if len(self._places) > 4096:
                self._places.clear()
            self._places[distance_m] = self._between(math.log(distance_m))
        return self._places[distance_m]

    def _between(self, ln_m: float) -> _Place:
        right = min(max(bisect_left(self._ln_m, ln_m), 1), len(self._ln_m) - 1)
        low, high = self._rows[right - 1], self._rows[right]
        share = (ln_m - self._ln_m[right - 1]) / (self._ln_m[right] - self._ln_m[right - 1])
        within = min(max(share, 0.0), 1.0)
        _, level, softness, noise, spread = (
            one + (other - one) * within for one, other in zip(low, high, strict=True)
        )
        return _Place(
            ln_time=low[0] + (high[0] - low[0]) * share,
            level=level,
            tilt=self.tilt * (ln_m - _PIVOT),
            softness=softness,
            noise=noise,
            spread=spread,
        )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Coefficients":
        """Return the coefficients of a file such as bests.json."""
        knots = [Knot(**knot) for knot in data["knots"]]
        return cls(knots, tilt=data["tilt"], widening=data["widening"])

    def replaced(self, distance_m: float, **changes: float) -> "Coefficients":
        """Return these coefficients with one knot changed."""
        knots = [replace(k, **changes) if k.distance_m == distance_m else k for k in self.knots]
        return Coefficients(knots, tilt=self.tilt, widening=self.widening)


@cache
def shipped() -> Coefficients:
    """Return the coefficients of bests.json, which is read once."""
    text = Path(__file__).with_name("bests.json").read_text("utf-8")
    return Coefficients.from_json(json.loads(text))


@dataclass(frozen=True, slots=True)
class Form:
    """What the results say of a runner: level, tilt, how sure both are, and what each weighs.

    `variance` holds the variance of the level, the covariance, and the variance of the tilt;
    `weights` are in the order of the results, in 1 / variance of ln(time).
    """

    results: tuple[Result, ...]
    level: float
    tilt: float
    variance: tuple[float, float, float]
    weights: tuple[float, ...]
    coefficients: Coefficients

    def predict(self, distance_m: float) -> tuple[float, float]:
        """Return the seconds at a distance, and their standard deviation as a share of them.

        1.28 such deviations either side held four of five times of runners not fitted to.
        """
        place = self.coefficients.at(distance_m)
        ln_time = place.ln_time + place.level * self.level + place.tilt * self.tilt
        left = self.coefficients.widening * self.open_variance(distance_m)
        return math.exp(ln_time), math.sqrt(place.spread**2 + left)

    def open_variance(self, distance_m: float) -> float:
        """Return the variance of ln(time) that the results leave open at a distance."""
        place = self.coefficients.at(distance_m)
        level, both, tilt = self.variance
        return place.level**2 * level + 2 * place.level * place.tilt * both + place.tilt**2 * tilt

    def pulls(self, distance_m: float) -> tuple[float, ...]:
        """Return by how much each result moves the time at a distance, in order of the results."""
        target = self.coefficients.at(distance_m)
        level, both, tilt = self.variance
        on_level = level * target.level + both * target.tilt
        on_tilt = both * target.level + tilt * target.tilt
        places = (self.coefficients.at(result.distance_m) for result in self.results)
        return tuple(
            abs(weight * (place.level * on_level + place.tilt * on_tilt))
            for weight, place in zip(self.weights, places, strict=True)
        )


def form_of(results: Sequence[Result], coefficients: Coefficients | None = None) -> Form:
    """Return what the results say of the runner, each weighed against the others.

    First all count fully; then, `ROUNDS` times, each weighs
    (TAILS + 1) / (TAILS + (miss**2 + variance) / noise**2) of that, where the miss is from the
    curve through all of them. Softness is believed only where there is a result at a distance
    without it: a lone 15 km is taken at its word.

    :raises ValueError: if there is no result
    """
    if not results:
        raise ValueError("a runner's form takes at least one result")
    used = coefficients or shipped()
    places = [used.at(result.distance_m) for result in results]
    softened = min(place.softness for place in places) < FIRM
    points = []
    for result, place in zip(results, places, strict=True):
        expected = place.ln_time + (place.softness if softened else 0.0)
        variance = max(
            place.noise**2 + DRIFT**2 * (result.years**2 - UNDATED_YEARS**2), place.noise**2 / 2
        )
        points.append((place.level, place.tilt, math.log(result.time_s) - expected, variance))
    weights = [1 / variance for *_, variance in points]
    level, tilt, spread = _solved(points, weights)
    for _ in range(ROUNDS):
        weights = [_weight(point, level, tilt, spread) for point in points]
        level, tilt, spread = _solved(points, weights)
    return Form(tuple(results), level, tilt, spread, tuple(weights), used)


_Point = tuple[float, float, float, float]  # level, tilt, ln(time) over the typical, variance
_Spread = tuple[float, float, float]


def _solved(points: Sequence[_Point], weights: Sequence[float]) -> tuple[float, float, _Spread]:
    """Return level and tilt by weighted least squares, with the variances of both."""
    aa, ab, bb, ay, by = 1 / LEVEL_SD**2, 0.0, 1.0, 0.0, 0.0
    for (a, b, y, _), weight in zip(points, weights, strict=True):
        aa += weight * a * a
        ab += weight * a * b
        bb += weight * b * b
        ay += weight * a * y
        by += weight * b * y
    size = aa * bb - ab * ab
    spread = (bb / size, -ab / size, aa / size)
    return (bb * ay - ab * by) / size, (aa * by - ab * ay) / size, spread


def _weight(point: _Point, level: float, tilt: float, spread: _Spread) -> float:
    a, b, y, variance = point
    miss = y - a * level - b * tilt
    left = a * a * spread[0] + 2 * a * b * spread[1] + b * b * spread[2]
    return (TAILS + 1) / (TAILS * variance + miss * miss + left)
