"""The read side of a group action: what becomes of it for each athlete, as a coach reads it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from athletes.models import Athlete
from workouts.diary import DayOffer, Planned
from workouts.notation import parse_workout
from workouts.planning import Verdict, settled
from workouts.prescriptions import prescribe
from workouts.spacing import Doubt

COUNTS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)
# In the order in which they are counted up; a pause goes by its own reason.
REASONS: Final = {
    "limit": "at their limit",
    "injured": "injured",
    "ill": "ill",
    "away": "away",
    "busy": "busy on that day",
    "no_race": "without a race",
}


@dataclass(frozen=True)
class Fit:
    """An athlete who gets the session: the first fast rep as plain JSON, and what is doubtful."""

    athlete: Athlete
    rep: dict[str, Any] | None
    units: str
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True)
class Miss:
    """An athlete who does not get it: a reason of `REASONS`, why in words, and what fits instead.

    `why` goes on after the name and breaks off before the sessions `in_the_way`.
    """

    athlete: Athlete
    reason: str
    refusal: str
    why: str
    in_the_way: tuple[Planned, ...]
    days: tuple[DayOffer, ...]  # those without a doubt first
    has_twin: bool


@dataclass(frozen=True)
class Tally:
    """What a session comes to for some athletes, nothing of it written."""

    on: date
    fits: tuple[Fit, ...]
    misses: tuple[Miss, ...]

    @property
    def total(self) -> int:
        return len(self.fits) + len(self.misses)

    @property
    def words(self) -> str:
        """Count up: 36 of 40 can be placed, 4 not: two at their limit, two injured."""
        if not self.misses:
            return f"All {self.total} can be placed." if self.total > 1 else "It can be placed."
        if not self.fits:
            return f"None of {self.total} can be placed: {self.why_not}."
        placed = f"{len(self.fits)} of {self.total} can be placed"
        return f"{placed}, {len(self.misses)} not: {self.why_not}."

    @property
    def why_not(self) -> str:
        """Count up the reasons: two at their limit, one injured, one without a race."""
        counted = Counter(miss.reason for miss in self.misses)
        return ", ".join(
            f"{count_word(counted[reason])} {words}"
            for reason, words in REASONS.items()
            if counted[reason]
        )

    @property
    def full(self) -> tuple[Miss, ...]:
        """Those whom the limit keeps from it, and who could run it off the track."""
        return tuple(miss for miss in self.misses if miss.reason == "limit" and miss.has_twin)

    @property
    def doubtful(self) -> tuple[Fit, ...]:
        return tuple(fit for fit in self.fits if fit.doubts)


def count_word(count: int) -> str:
    return COUNTS[count] if count < len(COUNTS) else str(count)


def tally(verdicts: Sequence[Verdict], *, session: dict[str, Any], now: datetime) -> Tally:
    """Sort verdicts on one session into who gets it, with own targets, and who does not.

    Athletes come with their races, overrides and pauses fetched; `session` is what
    `TrainingWeek.schedule` takes, and `now` says which days are over.
    """
    fits = tuple(_fit(one, session, now) for one in verdicts if one.fits)
    misses = tuple(_miss(one, now) for one in verdicts if not one.fits)
    return Tally(verdicts[0].on, fits, misses)


def raised(verdicts: Iterable[Verdict]) -> list[tuple[Athlete, tuple[Doubt, ...]]]:
    """Return the athletes whose placement raised doubts, with these."""
    return [(verdict.athlete, verdict.doubts) for verdict in verdicts if verdict.doubts]


def _fit(verdict: Verdict, session: dict[str, Any], now: datetime) -> Fit:
    athlete = verdict.athlete
    units, level = athlete.units.lower(), athlete.level.lower()
    prescription = prescribe(
        parse_workout(settled(session["notation"], level)),
        paces=athlete.paces(today=athlete.today(now)),
        level=level,
        lap_m=session.get("lap_m") or athlete.team.lap_m,
        units="mi" if units == "mi" else "km",
    )
    fast = next((rep for rep in prescription.reps if not rep.is_easy), None)
    return Fit(athlete, asdict(fast) if fast else None, units, verdict.doubts)


def _miss(verdict: Verdict, now: datetime) -> Miss:
    athlete, offer = verdict.athlete, verdict.offer
    reason = verdict.reason
    in_the_way: tuple[Planned, ...] = ()
    days: tuple[DayOffer, ...] = ()
    why = verdict.refusal.removeprefix(athlete.name).lstrip(": ").removesuffix(".")
    if reason == "paused":
        pauses = (pause for pause in athlete.pauses.all() if pause.covers(verdict.on))
        reason = next(pauses).get_reason_display().lower()
    if reason == "limit":
        why = why.partition(" in the week of ")[0]
    if offer:
        open_days = offer.since(athlete.today(now))
        in_the_way = offer.in_the_way if reason == "limit" else ()
        # Another day brings no race.
        days = () if reason == "no_race" else (*open_days.clear_days, *open_days.doubtful_days)
    has_twin = bool(offer and offer.has_twin)
    return Miss(athlete, reason, verdict.refusal, why, in_the_way, days, has_twin)
