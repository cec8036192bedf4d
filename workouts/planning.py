"""Changes to the weeks of many athletes at once, with a verdict for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from athletes.models import Athlete, User
from workouts.models import Delivery, PublishedPlan, Session, TrackLimitReached, TrainingWeek
from workouts.notation import format_workout, narrow, parse_workout


@dataclass(frozen=True)
class Verdict:
    """What became of one athlete in a group action: a session, or the reason why not."""

    athlete: Athlete
    session: Session | None = None
    refusal: str = ""


@lru_cache(maxsize=4096)
def settled(notation: str, level: str) -> str:
    """Return a template as it is scheduled for one of `level`; one without ranges as typed."""
    workout = parse_workout(notation)
    narrowed = narrow(workout, level)
    return notation if narrowed == workout else format_workout(narrowed)


def schedule_for(
    athletes: Iterable[Athlete], *, starts_on: date, notation: str, **session: Any
) -> list[Verdict]:
    """Add the same session to the week of each athlete; those at their limit are left as they are.

    Ranges and levels in the notation are settled for each; `session` is what else
    `TrainingWeek.schedule` takes. All that fit are placed in one transaction, in the order of the
    athletes' ids, so that two coaches at work at once wait and do not deadlock.
    """
    verdicts = []
    with transaction.atomic():
        for athlete in sorted(athletes, key=lambda one: one.pk):
            week = TrainingWeek.objects.open_for(athlete, starts_on)
            week.athlete = athlete
            try:
                own = settled(notation, athlete.level.lower())
                verdicts.append(Verdict(athlete, session=week.schedule(notation=own, **session)))
            except TrackLimitReached as error:
                verdicts.append(Verdict(athlete, refusal=str(error)))
    return sorted(verdicts, key=lambda verdict: verdict.athlete.name)


@dataclass(frozen=True)
class Publication:
    """How many weeks of a group were published, said the same as before, or hold no session.

    `without_paces` names the athletes whose plan was published without target times.
    """

    published: int
    unchanged: int
    empty: int
    without_paces: tuple[str, ...] = ()


def publish_weeks(
    athletes: Iterable[Athlete], *, starts_on: date, now: datetime, by: User
) -> Publication:
    """Publish the week of each athlete that has a session or a plan in it, in one transaction."""
    wanted = list(athletes)
    weeks = (
        TrainingWeek.objects.filter(
            # A week that was published and emptied since is published too: it is withdrawn.
            Exists(Session.objects.filter(week=OuterRef("pk")))
            | Exists(PublishedPlan.objects.filter(week=OuterRef("pk"))),
            athlete__in=wanted,
            starts_on=starts_on,
        )
        # Locked before their sessions are read, else a week is frozen as it was before a change
        # that somebody else published meanwhile.
        .select_for_update(of=("self",))
        .select_related("athlete")
        .prefetch_related("athlete__races", "athlete__pace_overrides", "sessions")
        .order_by("athlete_id")
    )
    published = unchanged = 0
    without_paces = []
    with transaction.atomic():
        for week in weeks:
            plan = week.publish(now=now, by=by)
            if plan.published_at == now:
                published += 1
                if not week.athlete.races.all():
                    without_paces.append(week.athlete.name)
            else:
                unchanged += 1
    empty = len(wanted) - published - unchanged
    return Publication(published, unchanged, empty, tuple(without_paces))


def send_now(athletes: Iterable[Athlete], *, starts_on: date, now: datetime) -> int:
    """Make the waiting mails of that week due at once, and failed ones again; return how many."""
    return Delivery.objects.filter(
        plan__week__athlete__in=athletes, plan__week__starts_on=starts_on
    ).send_now(now=now)
