"""From an athlete's race results to race times and paces, each with its certainty and its source.

A model turns the results into an estimate for one distance. Models are chosen by name (`MODELS`);
whichever is chosen, a recent result at the very distance asked for wins over it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from athletes.bests import UNDATED_YEARS, Form, Result, form_of
from athletes.measures import (
    RACES,
    Number,
    distance_name,
    format_clock,
    race_key,
    same_distance,
)
from athletes.paces import (
    FITTED_S,
    VDOTS,
    PaceOutOfRange,
    TrainingPaces,
    race_time_s,
    training_paces,
)
from athletes.paces import vdot as vdot_of

Confidence: TypeAlias = Literal["high", "medium", "low"]

RECENT_DAYS: Final = 365  # how long a result at the very distance beats the model
STALE_DAYS: Final = 730  # older results count only if there is nothing newer
UNDATED_DAYS: Final = 365  # the age an undated result is taken to have
HALF_LIFE_DAYS: Final = 180
DISTANCE_SCALE: Final = 0.5
RIEGEL_EXPONENT: Final = 1.06
RANGE_80: Final = 1.28  # standard deviations either side that hold 80 %

TRAINING: Final = ("easy", "marathon", "threshold", "interval", "repetition", "vo2max")
# Bests at rarely raced distances are soft: they count only where nothing else is known.
_USUAL: Final = ("1500", "mile", "3k", "5k", "10k", "half", "marathon")
_IN_ORDER: Final = ("mile", "5k", "10k", "half", "marathon")


@dataclass(frozen=True, slots=True)
class Race:
    """One raced distance: metres, seconds, the day if known, and whether it shows true form."""

    distance_m: Number
    time_s: Number
    raced_on: date | None = None
    surface: str = ""
    representative: bool = True

    @property
    def name(self) -> str:
        """Return the race as runners say it: `5K 22:00`."""
        places = 0 if float(self.time_s) == int(self.time_s) else 1
        return f"{distance_name(self.distance_m)} {format_clock(self.time_s, places=places)}"

    @property
    def s_per_m(self) -> float:
        """Return the pace run, in seconds per metre."""
        return float(self.time_s) / float(self.distance_m)

    def age_days(self, today: date) -> int:
        """Return the age in days; an undated result is taken to be a year old."""
        return max((today - self.raced_on).days, 0) if self.raced_on else UNDATED_DAYS

    def is_recent(self, today: date) -> bool:
        """Return whether the race is dated and at most 12 months old."""
        return self.raced_on is not None and self.age_days(today) <= RECENT_DAYS

    def described(self, today: date) -> str:
        """Return the race with its age: `5K 22:00, track, 9 weeks old`."""
        what = f"{self.name}, {self.surface}" if self.surface else self.name
        if self.raced_on is None:
            return f"{what} as entered, undated"
        days = self.age_days(today)
        for unit, length in (("year", 365), ("month", 61), ("week", 14)):
            if days >= length:
                count = days // {"year": 365, "month": 30, "week": 7}[unit]
                return f"{what}, {count} {unit}{'s' * (count > 1)} old"
        return f"{what}, {days} day{'s' * (days != 1)} old"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A race time in seconds, its standard deviation as a share of it, and the races behind it.

    `races` are in order of weight; `is_own` says that the time is a result at the distance itself.
    """

    time_s: float
    sigma: float
    races: tuple[Race, ...] = ()
    is_own: bool = False

    @property
    def range_80_s(self) -> tuple[float, float]:
        """Return the seconds between which four of five such races end."""
        margin = RANGE_80 * self.sigma * self.time_s
        return self.time_s - margin, self.time_s + margin

    @property
    def confidence(self) -> Confidence:
        """Return the certainty in a word: high up to 3.5 % of the time, medium up to 7 %."""
        return "high" if self.sigma <= 0.035 else "medium" if self.sigma <= 0.07 else "low"


@dataclass(frozen=True, slots=True)
class Pace:
    """A pace in seconds per metre from low (faster) to high, with where it comes from.

    `race` is the result that weighs most in it, None for a VDOT that a coach has set.
    """

    s_per_m_low: float
    s_per_m_high: float
    source: str
    confidence: Confidence
    race: Race | None = None


Model: TypeAlias = Callable[[tuple[Race, ...], float, date], Estimate]


def vdot_model(races: tuple[Race, ...], distance_m: float, today: date) -> Estimate:
    """Return the time at `distance_m` from the mean of the races' VDOTs, the near and new first.

    Each VDOT weighs exp(-abs(ln(d / target)) / 0.5) x 0.5 ** (age in days / 180). The distance
    scale is fitted to real runners, the half-life is a judgement; see docs/sources.md.
    """
    races = _feed(races)
    weights = [_weight(race, distance_m, today) for race in races]
    values = [vdot_of(distance_m=race.distance_m, time_s=race.time_s) for race in races]
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
    time_s = race_time_s(vdot=mean, distance_m=distance_m)
    ranked = sorted(zip(weights, races, strict=True), key=lambda pair: -pair[0])
    return _estimate(time_s, tuple(race for _, race in ranked), distance_m, today)


def riegel_model(races: tuple[Race, ...], distance_m: float, today: date) -> Estimate:
    """Return the time at `distance_m` by t2 = t1 (d2 / d1) ** 1.06 from the nearest race.

    Source: Riegel, "Athletic Records and Human Endurance", American Scientist 69 (1981).
    """
    nearest = max(_feed(races), key=lambda race: _weight(race, distance_m, today))
    time_s = riegel_time_s(
        time_s=nearest.time_s, distance_m=nearest.distance_m, target_m=distance_m
    )
    return _estimate(time_s, (nearest,), distance_m, today)


def riegel_time_s(*, time_s: Number, distance_m: Number, target_m: Number) -> float:
    """Return Riegel's time in seconds at `target_m` from one race; distances in metres."""
    return float(time_s) * math.pow(float(target_m) / float(distance_m), RIEGEL_EXPONENT)


def bests_model(races: tuple[Race, ...], distance_m: float, today: date) -> Estimate:
    """Return the time at `distance_m` from all results together, as real runners' bests go.

    See `athletes/bests.py`. The certainty is the model's own, of runners it was not fitted to.
    """
    form = _form(races, today)
    time_s, sigma = form.predict(distance_m)
    pulls = form.pulls(distance_m)
    ranked = sorted(range(len(races)), key=lambda index: -pulls[index])
    return Estimate(time_s, sigma, tuple(races[index] for index in ranked))


@lru_cache(maxsize=1024)
def _form(races: tuple[Race, ...], today: date) -> Form:
    return form_of([_as_result(race, today) for race in races])


def _as_result(race: Race, today: date) -> Result:
    years = race.age_days(today) / 365 if race.raced_on else UNDATED_YEARS
    return Result(float(race.distance_m), float(race.time_s), years)


MODELS: Final[dict[str, Model]] = {
    "vdot": vdot_model,
    "riegel": riegel_model,
    "bests": bests_model,
}
DEFAULT_MODEL: Final = "bests"


@dataclass(frozen=True)
class AthletePaces:
    """Everything one athlete's results say on a day: `vdot`, paces by name, times by distance.

    `races` are the results in use, one a distance; `unused` the others that were refused.
    `overrides` are the paces that a coach has set by hand, by name; they go before all else.
    """

    vdot: float
    races: tuple[Race, ...]
    today: date
    model: str = "vdot"
    unused: tuple[str, ...] = field(default=(), compare=False)
    overrides: Mapping[str, Pace] = field(default_factory=dict, hash=False)

    def estimate(self, target: str | Number) -> Estimate:
        """Return the estimate for a race name (`5k`) or a distance in metres.

        :raises KeyError: if a name is not in `RACES`
        :raises PaceOutOfRange: if the distance is under 50 m or over 100 km
        """
        distance_m = float(RACES[target] if isinstance(target, str) else target)
        if not self.races:
            return Estimate(race_time_s(vdot=self.vdot, distance_m=distance_m), sigma=0.03)
        own = [race for race in self.races if same_distance(race.distance_m, distance_m)]
        for result in own:
            if result.raced_on is None or result.is_recent(self.today):
                return _own(result, distance_m, self.today)
        return MODELS[self.model](self.races, distance_m, self.today)

    def race_time(self, target: str | Number) -> tuple[float, Pace]:
        """Return the seconds for a race name or a distance in metres, and the pace of it.

        :raises KeyError: if a name is not in `RACES`
        """
        distance_m = float(RACES[target] if isinstance(target, str) else target)
        if by_hand := self.overrides.get(race_key(distance_m) or ""):
            return by_hand.s_per_m_low * distance_m, by_hand
        estimate = self.estimate(distance_m)
        s_per_m = estimate.time_s / distance_m
        source = self._source(estimate)
        race = estimate.races[0] if estimate.races else None
        return estimate.time_s, Pace(s_per_m, s_per_m, source, estimate.confidence, race)

    def pace(self, name: str) -> Pace:
        """Return the pace of a race name or a training zone.

        `marathon` is both, and one pace: the athlete's own marathon, or the equivalent of it. The
        other zones come from `vdot`.

        :raises KeyError: if `name` is neither
        """
        if name in self.overrides:
            return self.overrides[name]
        if name in RACES:
            return self.race_time(name)[1]
        s_per_km = getattr(self.training, name) if name in TRAINING else None
        if s_per_km is None:
            raise KeyError(name)
        fast, slow = s_per_km if isinstance(s_per_km, tuple) else (s_per_km, s_per_km)
        estimate = self.estimate("5k")
        confidence = "low" if self.vdot < 30 else estimate.confidence
        main = estimate.races[0] if estimate.races else None
        return Pace(fast / 1000, slow / 1000, self._source(estimate), confidence, main)

    @property
    def training(self) -> TrainingPaces:
        """Return the training paces of `vdot`, in seconds per kilometre."""
        return training_paces(self.vdot)

    @property
    def vdot_words(self) -> str:
        """Return in a sentence what `vdot` is and from which races; empty for one set by hand."""
        if not self.races:
            return ""
        estimate = self.estimate("5k")
        if estimate.is_own:
            return f"VDOT is what Daniels' table gives for {estimate.races[0].name}."
        names = [race.name for race in estimate.races[:3]]
        last = "other races" if len(estimate.races) > 3 else names.pop()
        return (
            f"VDOT is what Daniels' table gives for a 5K in {format_clock(estimate.time_s)}, the "
            f"time to expect from {' and '.join(filter(None, (', '.join(names), last)))}; for a "
            "race alone the table may give another."
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a coach should look at: paces in the wrong order, results not used."""
        found = list(self.unused)
        for short, long in pairwise(_IN_ORDER) if self.races else ():
            shorter, longer = self.estimate(short), self.estimate(long)
            if shorter.time_s / float(RACES[short]) >= longer.time_s / float(RACES[long]):
                found.append(
                    f"{distance_name(RACES[short])} pace comes out no faster than "
                    f"{distance_name(RACES[long])} pace: check {shorter.races[0].name} "
                    f"and {longer.races[0].name}."
                )
        return tuple(found)

    def _source(self, estimate: Estimate) -> str:
        if not estimate.races:
            return f"VDOT {self.vdot:.1f} as set"
        return f"from {estimate.races[0].described(self.today)}"


def athlete_paces(
    races: Iterable[Race], *, today: date, model: str = DEFAULT_MODEL
) -> AthletePaces | None:
    """Return what the results say on `today`, or None if none of them can be used.

    Of several results at one distance the fastest of the last 12 months counts, else the fastest
    undated one, else the fastest old one. Results over 24 months old count only where nothing
    newer exists; the model `bests` takes them too, as less certain. An undated result is taken to
    be a year old when it is weighed against others; it is still the athlete's pace at its own
    distance if no dated one of the last 12 months is there, with medium confidence instead of
    high. Results not `representative` are left out.

    :raises KeyError: if there is no such model
    """
    if model not in MODELS:
        raise KeyError(model)
    usable, unused = [], []
    for race in races:
        try:
            vdot_of(distance_m=race.distance_m, time_s=race.time_s)
        except PaceOutOfRange as refusal:
            unused.append(f"{race.name} is not used. {refusal}")
        else:
            usable += [race] if race.representative else []
    newer = [race for race in usable if race.age_days(today) <= STALE_DAYS]
    counting = usable if model == "bests" else newer or usable
    chosen = _best_by_distance(counting, today)
    if not chosen:
        return None
    unfixed = AthletePaces(0.0, chosen, today, model)
    vdot = _vdot_of_5k(unfixed.estimate("5k").time_s)
    return AthletePaces(vdot, chosen, today, model, tuple(unused))


def _vdot_of_5k(time_s: float) -> float:
    """Return the VDOT of a 5 km, or the nearest that there are paces for."""
    fastest, slowest = (race_time_s(vdot=value, distance_m=5000) for value in reversed(VDOTS))
    if not fastest < time_s < slowest:
        return VDOTS[1] if time_s <= fastest else VDOTS[0]
    return vdot_of(distance_m=5000, time_s=time_s)


def paces_of_vdot(vdot: float, *, today: date) -> AthletePaces:
    """Return the paces of a VDOT that a coach has set, with no race behind them.

    :raises PaceOutOfRange: if `vdot` lies outside 10 to 90
    """
    training_paces(vdot)
    return AthletePaces(vdot, (), today)


def _best_by_distance(races: list[Race], today: date) -> tuple[Race, ...]:
    """Return one race a distance, shortest first: recent, else undated, else old; the fastest."""

    def standing(race: Race) -> tuple[int, float]:
        return (0 if race.is_recent(today) else 1 if race.raced_on is None else 2, race.s_per_m)

    chosen: list[Race] = []
    for race in sorted(races, key=standing):
        if not any(same_distance(race.distance_m, other.distance_m) for other in chosen):
            chosen.append(race)
    return tuple(sorted(chosen, key=lambda race: race.distance_m))


def _feed(races: tuple[Race, ...]) -> tuple[Race, ...]:
    """Return the races at usual distances, or all if there are none."""
    return tuple(race for race in races if race_key(race.distance_m) in _USUAL) or races


def _weight(race: Race, distance_m: float, today: date) -> float:
    nearness = -abs(math.log(float(race.distance_m) / distance_m)) / DISTANCE_SCALE
    return math.exp(nearness) * math.pow(0.5, race.age_days(today) / HALF_LIFE_DAYS)


def _own(race: Race, distance_m: float, today: date) -> Estimate:
    """Return the athlete's own result as the estimate: 1 % when recent, more when undated."""
    sigma = 0.01 if race.is_recent(today) else 0.03 + _ageing(race, today)
    return Estimate(race.s_per_m * distance_m, sigma, (race,), is_own=True)


def _estimate(time_s: float, races: tuple[Race, ...], distance_m: float, today: date) -> Estimate:
    """Return the estimate with its certainty, from the heaviest race, which comes first.

    3 % and 3 % more per unit of ln distance, 1.5 % a year of age over half a year; a fifth less
    between two recent races; never certain for 800 m or outside the times of the curve's fit.
    """
    main = races[0]
    sigma = 0.03 + 0.03 * abs(math.log(float(main.distance_m) / distance_m))
    sigma += _ageing(main, today)
    recent = [race for race in races if race.is_recent(today)]
    if any(race.distance_m < distance_m for race in recent) and any(
        race.distance_m > distance_m for race in recent
    ):
        sigma *= 0.8
    times = (time_s, float(main.time_s))
    if (
        not all(FITTED_S[0] <= seconds <= FITTED_S[1] for seconds in times)
        or min(distance_m, float(main.distance_m)) < 1000
    ):
        sigma = max(sigma, 0.08)
    return Estimate(time_s, sigma, races)


def _ageing(race: Race, today: date) -> float:
    return 0.015 * max(race.age_days(today) / 365 - 0.5, 0)
