"""What one more race would change: paces and targets that are not sent yet; writes nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Prefetch

from athletes.measures import RACES as RACE_M
from athletes.measures import distance_name, format_clock
from athletes.models import Athlete, RacePerformance, monday_of
from athletes.predictions import RANGE_80, AthletePaces, Pace
from workouts.models import Delivery, PublishedPlan, TrainingWeek

RACES = ("mile", "5k", "10k", "half", "marathon")
TRAINING = ("easy", "threshold", "interval", "repetition")
# So much faster than all other results say is more often a slip than a good day.
WILD = 0.1
# What went out, or may have, stays as it is.
GONE = (Delivery.State.SENT, Delivery.State.TRANSMITTING, Delivery.State.UNCLEAR)


@dataclass(frozen=True)
class PaceChange:
    """A pace before and after; seconds for the whole distance where it is a race, else None."""

    name: str
    before: Pace | None
    after: Pace | None
    before_s: float | None = None
    after_s: float | None = None


@dataclass(frozen=True)
class SessionChange:
    """A planned session and its first rep whose target changes, as a plan's content has reps.

    `before` is as it was published, else as it would be now; None for a rep that had no target.
    `is_published` says that only publishing the week again sends the change.
    """

    session_id: int
    title: str
    kind: str
    on: date
    is_published: bool
    before: dict[str, Any] | None
    after: dict[str, Any]


@dataclass(frozen=True)
class Changes:
    """All that a race would change; `same` counts the sessions it leaves as they are.

    `sent_weeks` counts the weeks that keep what was sent. `doubt` says why the race itself looks
    wrong; it is to be confirmed then, and may be right.
    """

    vdot: tuple[float | None, float | None]
    paces: tuple[PaceChange, ...]
    sessions: tuple[SessionChange, ...]
    same: int
    sent_weeks: int
    doubt: str = ""


def changes(athlete: Athlete, race: RacePerformance, *, today: date) -> Changes:
    """Return what changes for the athlete once this race, new or edited, is kept.

    Looks at the sessions from `today` on, in the weeks from this Monday on whose mail has not
    gone out. Reads what `Athlete.paces` reads, and the weeks in three queries.
    """
    others = [kept for kept in athlete.races.all() if kept.pk != race.pk]
    before = athlete.paces(today=today)
    after = athlete.paces(today=today, races=[*others, race])
    sessions: list[SessionChange] = []
    same = sent_weeks = 0
    for week in _weeks(athlete, starts_on=monday_of(today)):
        plan = next(iter(week.plans.all()), None)
        if plan and plan.delivery.state in GONE:
            sent_weeks += 1
            continue
        for change in _sessions(week, plan, before, after, today=today):
            if change:
                sessions.append(change)
            else:
                same += 1
    return Changes(
        vdot=(before.vdot if before else None, after.vdot if after else None),
        paces=tuple(pace_changes(before, after)),
        sessions=tuple(sorted(sessions, key=lambda change: (change.on, change.session_id))),
        same=same,
        sent_weeks=sent_weeks,
        doubt=doubt(race, before=athlete.paces(today=today, races=others)),
    )


def doubt(race: RacePerformance, *, before: AthletePaces | None) -> str:
    """Return how a race is wildly faster than the others, `before`, let one expect, or nothing.

    It is compared with the result at its distance, else with what the others are worth there.
    """
    fits = RACE_M["800"] <= race.distance_m <= RACE_M["marathon"]
    if before is None or not before.races or not race.drives_paces or not fits:
        return ""
    expected = before.estimate(race.distance_m)
    by_s = expected.time_s - float(race.time_s)
    if by_s < max(WILD, RANGE_80 * expected.sigma) * expected.time_s:
        return ""
    other = expected.races[0]
    on = f" of {other.raced_on:%-d %B %Y}" if other.raced_on else ", whose day is not known"
    if expected.is_own:
        than = f"the {other.name}{on}"
    else:
        than = (
            f"the other results let one expect, {distance_name(race.distance_m)} in "
            f"{format_clock(expected.time_s)} from the {other.name}{on}"
        )
    return (
        f"{format_clock(by_s)} faster than {than}: check the time and the distance, or say that it "
        "is not for paces, such as a short course."
    )


def pace_changes(before: AthletePaces | None, after: AthletePaces | None) -> Iterator[PaceChange]:
    """Yield the paces that differ by a second or more in what is shown."""
    for name in RACES:
        ends = [paces.race_time(name) if paces else (None, None) for paces in (before, after)]
        (before_s, pace_before), (after_s, pace_after) = ends
        if _clock(before_s) != _clock(after_s):
            yield PaceChange(name, pace_before, pace_after, before_s, after_s)
    for name in TRAINING:
        one, other = (paces.pace(name) if paces else None for paces in (before, after))
        if _shown(one) != _shown(other):
            yield PaceChange(name, one, other)


def _clock(seconds: float | None) -> str:
    return "" if seconds is None else format_clock(seconds)


def _shown(pace: Pace | None) -> tuple[str, ...]:
    if pace is None:
        return ()
    return _clock(pace.s_per_m_low * 1000), _clock(pace.s_per_m_high * 1000)


def _weeks(athlete: Athlete, *, starts_on: date) -> Iterable[TrainingWeek]:
    plans = PublishedPlan.objects.latest_revisions().select_related("delivery")
    weeks = athlete.weeks.filter(starts_on__gte=starts_on).order_by("starts_on")
    return weeks.prefetch_related("sessions", Prefetch("plans", queryset=plans))


def _sessions(
    week: TrainingWeek,
    plan: PublishedPlan | None,
    before: AthletePaces | None,
    after: AthletePaces | None,
    *,
    today: date,
) -> Iterator[SessionChange | None]:
    """Yield each session from today on with its change, or None where its targets stay."""
    published = {s["id"]: s["reps"] for s in plan.content["sessions"]} if plan else {}
    for session in week.sessions.all():
        if session.on < today:
            continue
        old, new = (session.content(week.athlete, paces)["reps"] for paces in (before, after))
        index = first_change(old, new)
        if index is None:
            yield None
            continue
        shown = dict(enumerate(published.get(session.pk, old))).get(index)
        yield SessionChange(
            session_id=session.pk,
            title=session.title,
            kind=session.kind,
            on=session.on,
            is_published=session.pk in published,
            before=shown if shown and target_of(shown) else None,
            after=new[index],
        )


def first_change(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> int | None:
    """Return the index of the first rep whose target differs by what a watch shows, or None."""
    pairs = enumerate(zip(before, after, strict=True))
    return next((n for n, (old, new) in pairs if target_of(old) != target_of(new)), None)


def target_of(rep: dict[str, Any]) -> tuple[str, ...]:
    """Return what stands on the page as the target: a time over a distance, else a pace."""
    ends = rep["target_s"] if rep["distance_m"] and rep["target_s"] else rep["pace_s_per_km"]
    return tuple(format_clock(end) for end in ends or ())
