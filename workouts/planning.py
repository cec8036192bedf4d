"""Changes to the weeks of many athletes at once, with a verdict for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from athletes.models import Athlete, User
from workouts.models import Delivery, Session, TrackLimitReached, TrainingWeek


@dataclass(frozen=True)
class Verdict:
    """What became of one athlete in a group action: a session, or the reason why not."""

    athlete: Athlete
    session: Session | None = None
    refusal: str = ""


def schedule_for(athletes: Iterable[Athlete], *, starts_on: date, **session: Any) -> list[Verdict]:
    """Add the same session to the week of each athlete; those at their limit are left as they are.

    `session` is what `TrainingWeek.schedule` takes. All that fit are placed in one transaction, in
    the order of the athletes' ids, so that two coaches at work at once wait and do not deadlock.
    """
    verdicts = []
    with transaction.atomic():
        for athlete in sorted(athletes, key=lambda one: one.pk):
            week = TrainingWeek.objects.open_for(athlete, starts_on)
            week.athlete = athlete
            try:
                verdicts.append(Verdict(athlete, session=week.schedule(**session)))
            except TrackLimitReached as error:
                verdicts.append(Verdict(athlete, refusal=str(error)))
    return sorted(verdicts, key=lambda verdict: verdict.athlete.name)


@dataclass(frozen=True)
class Publication:
    """How many weeks of a group were published, said the same as before, or hold no session."""

    published: int
    unchanged: int
    empty: int


def publish_weeks(
    athletes: Iterable[Athlete], *, starts_on: date, now: datetime, by: User
) -> Publication:
    """Publish the week of each athlete that has a session in it, in one transaction."""
    wanted = list(athletes)
    weeks = (
        TrainingWeek.objects.filter(
            Exists(Session.objects.filter(week=OuterRef("pk"))),
            athlete__in=wanted,
            starts_on=starts_on,
        )
        # Locked before their sessions are read, else a week is frozen as it was before a change
        # that somebody else published meanwhile.
        .select_for_update(of=("self",))
        .select_related("athlete")
        .prefetch_related("athlete__races", "sessions")
        .order_by("athlete_id")
    )
    published = unchanged = 0
    with transaction.atomic():
        for week in weeks:
            plan = week.publish(now=now, by=by)
            if plan.published_at == now:
                published += 1
            else:
                unchanged += 1
    return Publication(published, unchanged, empty=len(wanted) - published - unchanged)


def send_now(athletes: Iterable[Athlete], *, starts_on: date, now: datetime) -> int:
    """Make the waiting mails of that week due at once; return how many."""
    return Delivery.objects.filter(
        plan__week__athlete__in=athletes, plan__week__starts_on=starts_on
    ).send_now(now=now)
