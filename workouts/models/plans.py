"""Published plans, frozen, and the deliveries that carry each to one inbox."""

import uuid
import zlib
import zoneinfo
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q

from athletes.models import (
    GROWN_UP_AT,
    UNSUBSCRIBED,
    Athlete,
    MailKind,
    MailStop,
    Unsubscription,
    User,
)
from workouts.models.weeks import TrainingWeek

MINUTE = timedelta(seconds=settings.MAIL_MINUTE_S)
# Longer than one mail can take: the commands, and ten minutes in which a server may answer the end
# of a mail (RFC 5321, 4.5.3.2.6; see workouts/smtp.py and the task limits in settings).
LEASE = 15 * MINUTE
MAX_ATTEMPTS = 8
# Longer than the rest of a lease: a worker that is only slow is done by then.
HOLD_UNCLEAR = 30 * MINUTE
# A mail that is claimed this long and on the wire shows as unclear, be its worker dead or waiting.
LONG_ON_THE_WIRE = MINUTE
# So that many edits of a week that was mailed make one mail.
SETTLING = settings.CHANGE_MAIL_SETTLES_MINUTES * MINUTE
BATCH = 100  # weeks that are published in one go, to bound what is held in memory
MAILS = 100  # one connection to the mail server carries them; each is claimed and marked by itself
REPLACED = "replaced by a newer revision"
AS_SENT = "nothing changed since it was sent"
ADDRESS_STOPPED = "the address bounced, or marked a mail as spam"
NO_GUARDIAN = "no guardian's address"
GUARDIAN_STOPPED = "the guardian's address bounced, or marked a mail as spam"
HELD = (NO_GUARDIAN, GUARDIAN_STOPPED, ADDRESS_STOPPED)  # why a mail waits that may go once more
SECOND_COPY = "a second copy was asked for"


def due_at(athlete: Athlete, starts_on: date) -> datetime:
    """Return the instant (UTC) at which the plan of that week is due in the athlete's inbox.

    The athlete's send day falls in the seven days up to the Monday itself: Monday is the first day
    of the week, any other day lies before it. An hour that a clock change skips is shifted
    forward, or back where forward is another day; one that it repeats is taken the first time.
    """
    day = starts_on + timedelta(days=(athlete.send_weekday - 8) % -7)
    return local_instant(athlete, day, athlete.send_time)


def week_end(athlete: Athlete, starts_on: date) -> datetime:
    """Return the instant (UTC) at which an athlete's week is over."""
    return local_instant(athlete, starts_on + timedelta(days=7), time(0))


def local_instant(athlete: Athlete, day: date, at: time) -> datetime:
    """Return the instant (UTC) of a time on the athlete's clocks, which change: see `due_at`."""
    zone = zoneinfo.ZoneInfo(athlete.time_zone)
    local = datetime.combine(day, at, zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).date() != day:
        # Greenland's clocks go forward at 23:00: the fold says in which direction.
        instant = local.replace(fold=1).astimezone(UTC)
    return instant


def why_held(athlete: Athlete, *, today: date, is_copy_stopped: bool) -> str:
    """Say why no mail may go to a minor, as no second adult would read it, "" if one may.

    `is_copy_stopped` tells that the guardian's address takes no mail.
    """
    if not athlete.needs_guardian(today):
        return ""
    if is_copy_stopped:
        return GUARDIAN_STOPPED
    return "" if athlete.guardian_email else NO_GUARDIAN


def what_is_planned(content: dict[str, Any]) -> Any:
    """Return what of a plan's content is news to the athlete when it changes.

    The age of a race ("3 weeks old") and the coach's warnings change by themselves, day by day.
    """
    news = [
        # What plans of before did not say yet.
        {"surface": "TRACK" if session["kind"] == "TRACK" else "", "split_m": None}
        | {key: value for key, value in session.items() if key not in ("sources", "warnings")}
        for session in content["sessions"]
    ]
    return content["note"], content["units"], news


def as_mailed(content: dict[str, Any]) -> Any:
    """Return what a mail says of a plan's content: a session written anew reads as it did."""
    note, units, news = what_is_planned(content)
    return note, units, [{k: v for k, v in session.items() if k != "id"} for session in news]


def with_content(weeks: models.QuerySet[TrainingWeek]) -> models.QuerySet[TrainingWeek]:
    """Fetch what `TrainingWeek.content` reads, for many weeks at once."""
    return weeks.select_related("athlete__team").prefetch_related(
        "sessions", "athlete__races", "athlete__pace_overrides"
    )


class PublishedPlanQuerySet(models.QuerySet["PublishedPlan"]):
    def latest_revisions(self) -> Self:
        """Return the newest revision of each week."""
        newer = PublishedPlan.objects.filter(
            week=models.OuterRef("week"), revision__gt=models.OuterRef("revision")
        )
        return self.filter(~models.Exists(newer))

    def told(self) -> Self:
        """Leave out those whose mail never goes: replaced before it went, or as sent before."""
        dropped = Q(delivery__is_replaced=True) | Q(delivery__last_error=AS_SENT)
        return self.exclude(dropped, delivery__state="SKIPPED")

    def released(self, athlete: Athlete, *, today: date) -> Self:
        """Return the plans of an athlete's weeks that the athlete may see on that day.

        A team can hold back weeks that lie further ahead than `release_weeks`. What has been mailed
        is held back no more.
        """
        ahead = athlete.team.release_weeks
        if ahead is None:
            return self
        last = today + timedelta(weeks=ahead)
        mailed = Delivery.objects.filter(plan__week=models.OuterRef("week")).may_have_gone()
        return self.filter(Q(week__starts_on__lte=last) | models.Exists(mailed))

    def publish(self, week: TrainingWeek, *, now: datetime, by: User | None) -> "PublishedPlan":
        """Do the work of `TrainingWeek.publish`."""
        (plan,) = self.publish_all(TrainingWeek.objects.filter(pk=week.pk), now=now, by=by)
        plan.week = week
        return plan

    def publish_all(
        self, weeks: models.QuerySet[TrainingWeek], *, now: datetime, by: User | None
    ) -> list["PublishedPlan"]:
        """Publish weeks in one transaction, see `TrainingWeek.publish`; return a plan for each.

        A plan whose `published_at` is `now` is new. The queries grow by the batch of weeks.
        """
        with transaction.atomic():
            # The locks make two publications of one week follow each other; all take them in one
            # order. Nothing of a week is read before, else it is frozen as it was before a change
            # that somebody else published meanwhile.
            rows = weeks.order_by("pk").select_for_update()
            ids = list(rows.values_list("pk", flat=True))
            batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
            return [plan for batch in batches for plan in self._publish(batch, now=now, by=by)]

    def _publish(
        self, week_ids: list[int], *, now: datetime, by: User | None
    ) -> list["PublishedPlan"]:
        """Publish one batch of weeks, whose rows are locked; return a plan for each."""
        weeks = with_content(TrainingWeek.objects.filter(pk__in=week_ids)).order_by("pk")
        found = self.filter(week__in=week_ids).latest_revisions()
        latest = {plan.week_id: plan for plan in found}
        plans: list[PublishedPlan] = []
        fresh: list[PublishedPlan] = []
        for week in weeks:
            content = week.content(today=week.athlete.today(now))
            plan: PublishedPlan | None = latest.get(week.pk)
            if plan:
                plan.week = week
            if plan is None or what_is_planned(plan.content) != what_is_planned(content):
                plan = PublishedPlan(
                    week=week,
                    revision=plan.revision + 1 if plan else 1,
                    published_at=now,
                    published_by=by,
                    content=content,
                )
                fresh.append(plan)
            plans.append(plan)
        again = {plan.week_id for plan in fresh if plan.revision > 1}
        told = self._replace(again)
        held = self._in_the_inbox(again)
        PublishedPlan.objects.bulk_create(fresh)
        Delivery.objects.promise(fresh, now=now, told=told, held=held)
        # What a week holds now is what its plan says: no longer changed since.
        newest = self.filter(week=models.OuterRef("pk")).order_by("-revision")
        TrainingWeek.objects.filter(pk__in=week_ids).update(
            changed_at=models.Subquery(newest.values("published_at")[:1])
        )
        return plans

    def _in_the_inbox(self, week_ids: set[int]) -> dict[int, Any]:
        """Return what the newest mail of these weeks says, where the athlete has it for sure.

        That is in the inbox of today: who has a new address does not have what went to another one.
        """
        if not week_ids:
            return {}
        # One that may have gone, or may go yet, leaves it open what the athlete has.
        gone = self.filter(week__in=week_ids).exclude(
            delivery__state__in=["SKIPPED", "FAILED", "BOUNCED"], delivery__resent=False
        )
        latest = {
            plan.week_id: plan
            for plan in gone.select_related("delivery", "week__athlete").order_by("revision")
        }
        return {
            week_id: as_mailed(plan.content)
            for week_id, plan in latest.items()
            if plan.delivery.state == Delivery.State.SENT
            and plan.delivery.sent_to == plan.week.athlete.email
        }

    def _replace(self, week_ids: set[int]) -> set[int]:
        """Stop the mails of all plans of these weeks; return the weeks that have had a mail."""
        if not week_ids:
            return set()
        older = dict(self.filter(week__in=week_ids).values_list("pk", "week_id"))
        # By the ids of the plans, so that every condition is on the row of the delivery itself.
        gone = Delivery.objects.filter(plan__in=list(older)).replace()
        return {older[plan_id] for plan_id in gone}


class PublishedPlan(models.Model):
    """One frozen revision of a training week; never edited, so what was sent stays as it was sent.

    `content` is `TrainingWeek.content`: sessions with targets in seconds and distances in metres.
    """

    week = models.ForeignKey(TrainingWeek, models.CASCADE, related_name="plans")
    revision = models.PositiveSmallIntegerField()
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    content = models.JSONField()

    objects = PublishedPlanQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["week", "revision"], name="plan_one_per_revision"),
        ]

    def __str__(self) -> str:
        return f"{self.week}, revision {self.revision}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def promise(
        self,
        plans: Collection[PublishedPlan],
        *,
        now: datetime,
        told: Collection[int],
        held: Mapping[int, Any],
    ) -> None:
        """Write a delivery for each plan, due at the athlete's hour or at once if that is past.

        `told` holds the ids of the weeks of which something was mailed before: where a week was
        emptied, only these are told, and their mails wait until the coach is done with the edits.
        `held` is what the newest mail of a week says, by its id: a plan that says the same is not
        mailed once more.
        """
        Delivery.objects.bulk_create(
            [
                self._promised(
                    plan,
                    now,
                    plan.week_id in told,
                    is_held=held.get(plan.week_id) == as_mailed(plan.content),
                )
                for plan in plans
            ]
        )
        Delivery.objects.filter(plan__in=plans).drop_unwanted(now=now)

    def _promised(
        self, plan: PublishedPlan, now: datetime, was_told: bool, is_held: bool
    ) -> "Delivery":
        athlete, starts_on = plan.week.athlete, plan.week.starts_on
        not_after = week_end(athlete, starts_on)
        is_news = bool(plan.content["sessions"]) or was_told
        why_not = "" if is_news else "nothing is planned, and nothing had been mailed"
        if is_held:
            why_not = AS_SENT
        if now >= not_after:
            why_not = "published after the week had ended"
        return Delivery(
            plan=plan,
            due_at=max(due_at(athlete, starts_on), now + SETTLING if was_told else now),
            not_after=not_after,
            state=Delivery.State.SKIPPED if why_not else Delivery.State.DUE,
            last_error=why_not,
            **Delivery.rule_of(athlete),
        )

    def replace(self) -> set[int]:
        """Stop the mails of older revisions; return the plans whose mail has, or may have, gone.

        One that a worker holds this moment is marked: it stops before the wire, or, if that is
        behind it, is not tried again.
        """
        # Locked first: one that a worker puts back meanwhile would be missed by both updates.
        list(self.order_by("pk").select_for_update(of=("self",)).values_list("pk"))
        self.filter(state="UNCLEAR", lease_token=None).sent_once(REPLACED)
        self.filter(state="DUE").not_sent(REPLACED)
        self.exclude(state="SENT").update(is_replaced=True)
        gone = self.exclude(state__in=["SKIPPED", "FAILED", "BOUNCED"], resent=False)
        return set(gone.values_list("plan_id", flat=True))

    def was_sent(self) -> Self:
        """Return those of which a first copy has surely gone, if or not a second one is to go."""
        return self.filter(Q(state=Delivery.State.SENT) | Q(first_sent_at__isnull=False))

    def may_have_gone(self) -> Self:
        """Return those that the athlete has, or may have: sent, on the wire, or unclear once."""
        gone = ["SENT", "TRANSMITTING", "UNCLEAR"]
        return self.filter(Q(state__in=gone) | Q(resent=True) | Q(first_sent_at__isnull=False))

    def due(self, now: datetime) -> Self:
        """Return the deliveries that a worker may claim: due and unsent, or dropped by a worker.

        A delivery whose worker vanished while the mail was on the wire is not among them: whether
        it arrived is unclear, see `settle_lost`. Those of a team that has paused its mails wait.
        """
        waiting = Q(state=Delivery.State.DUE, due_at__lte=now) & (
            Q(next_try_at=None) | Q(next_try_at__lte=now)
        )
        dropped = Q(state=Delivery.State.CLAIMED, lease_until__lt=now)
        held = Q(state=Delivery.State.UNCLEAR, next_try_at__lte=now, resent=False)
        return self.filter(
            waiting | dropped | held,
            not_after__gt=now,
            is_replaced=False,
            plan__week__athlete__team__mails_paused_at=None,
        )

    def settle_lost(self, *, now: datetime) -> None:
        """Give a state to deliveries that no worker will finish.

        A mail that is long on the wire is unclear, so that the coach hears of a worker that died
        there before its lease is over; one that lives settles it yet. A plan whose week is over,
        that was replaced, or that was tried too often, goes out no more.
        """
        claimed_before = now - LONG_ON_THE_WIRE
        self.filter(
            state=Delivery.State.TRANSMITTING, lease_until__lt=claimed_before + LEASE
        ).update(
            state=Delivery.State.UNCLEAR,
            next_try_at=now + HOLD_UNCLEAR,
            last_error="no answer came after the mail was handed over",
        )
        idle = self.filter(
            Q(state=Delivery.State.DUE) | Q(state=Delivery.State.CLAIMED, lease_until__lt=now)
        )
        in_pause = self.filter(state=Delivery.State.UNCLEAR, lease_token=None, not_after__lte=now)
        in_pause.sent_once("the week was over")
        over = Q(is_replaced=True) | Q(not_after__lte=now) | Q(attempts__gte=MAX_ATTEMPTS)
        ids = list(idle.filter(over).values_list("pk", flat=True))
        if not ids:  # as nearly always
            return
        ended = idle.filter(pk__in=ids)
        ended.filter(is_replaced=True).not_sent(REPLACED)
        ended.filter(not_after__lte=now).not_sent("the week was over before it could be sent")
        ended.sent_once("tried too often")
        ended.filter(attempts__gte=MAX_ATTEMPTS).update(state=Delivery.State.FAILED)

    def not_sent(self, why: str) -> None:
        """Let these go out no more, and say truly of each what became of it.

        One that may have arrived stays unclear, with no second copy to come.
        """
        others = self.filter(first_sent_at=None)
        may_have_gone = Q(state=Delivery.State.UNCLEAR) | Q(resent=True)
        others.filter(may_have_gone).update(
            state=Delivery.State.UNCLEAR, next_try_at=None, last_error=why
        )
        others.exclude(may_have_gone).update(state=Delivery.State.SKIPPED, last_error=why)
        self.sent_once(why)

    def sent_once(self, why: str) -> None:
        """Leave those sent of which a second copy was asked for, and does not go out."""
        self.exclude(first_sent_at=None).update(
            state=Delivery.State.SENT,
            sent_at=F("first_sent_at"),
            first_sent_at=None,
            resent=False,
            next_try_at=None,
            last_error=f"not sent again: {why}"[:300],
        )

    def sweep(self, *, now: datetime) -> list[list[int]]:
        """Settle what no worker will finish; return the ids of what is due, batch by batch."""
        self.settle_lost(now=now)
        self.reckon_again(now=now)
        self.let_go(now=now)
        due = list(self.due(now).order_by("due_at", "pk").values_list("pk", flat=True))
        return [due[start : start + MAILS] for start in range(0, len(due), MAILS)]

    def reckon_again(self, *, now: datetime) -> None:
        """Move the due time of waiting mails whose athlete has changed zone, day or hour."""
        athlete = "plan__week__athlete__"
        moved = self.filter(state=Delivery.State.DUE, due_at__gt=now).exclude(
            time_zone=F(f"{athlete}time_zone"),
            send_weekday=F(f"{athlete}send_weekday"),
            send_time=F(f"{athlete}send_time"),
        )
        for delivery in moved.select_related("plan__week__athlete"):
            plan, week = delivery.plan, delivery.plan.week
            was_told = Delivery.objects.filter(plan__week=week).may_have_gone().exists()
            earliest = plan.published_at + SETTLING if was_told else plan.published_at
            self.filter(pk=delivery.pk, state=Delivery.State.DUE).update(
                due_at=max(due_at(week.athlete, week.starts_on), earliest),
                not_after=week_end(week.athlete, week.starts_on),
                **Delivery.rule_of(week.athlete),
            )

    def with_stops(self) -> Self:
        """Fetch the athletes along, and whether their or the guardian's address takes no mail."""
        is_stopped, is_copy_stopped = (
            models.Exists(MailStop.objects.standing(models.OuterRef(f"plan__week__athlete__{one}")))
            for one in ("email", "guardian_email")
        )
        found = self.annotate(is_stopped=is_stopped, is_copy_stopped=is_copy_stopped)
        return found.select_related("plan__week__athlete")

    def hold_minors(self, *, now: datetime) -> None:
        """Stop the mails to minors whom no second adult would read along."""
        athlete = "plan__week__athlete"
        # Who may be a minor; by the athlete's own calendar it is settled below.
        young = Q(**{f"{athlete}__is_minor": True}) | Q(
            **{f"{athlete}__birth_year__gte": now.year - GROWN_UP_AT - 1}
        )
        alone = Q(**{f"{athlete}__guardian_email": ""}) | Q(is_copy_stopped=True)
        for delivery in self.with_stops().filter(young, alone).defer("plan__content"):
            if why := delivery.why_held(now=now):
                Delivery.objects.filter(pk=delivery.pk).not_sent(why)

    def let_go(self, *, now: datetime) -> None:
        """Let the mails go that were kept back for a reason that is gone.

        There is a second adult now, or the address takes mail again, or is another one.
        """
        for why in HELD:  # one by one, each has an index of its own
            kept_back = self.filter(state=Delivery.State.SKIPPED, last_error=why, not_after__gt=now)
            if not kept_back.exists():  # as nearly always
                continue
            for delivery in kept_back.with_stops().defer("plan__content"):
                still = delivery.why_held(now=now)
                if still == why:
                    continue
                athlete, starts_on = delivery.plan.week.athlete, delivery.plan.week.starts_on
                with _newest_of(delivery) as newest:
                    held = newest.filter(state=Delivery.State.SKIPPED, last_error=why)
                    if still:
                        held.update(last_error=still)
                    else:
                        due = max(due_at(athlete, starts_on), now)
                        held.update(state=Delivery.State.DUE, due_at=due, last_error="")

    def drop_unwanted(self, *, now: datetime) -> None:
        """Stop the mails that their athletes have left, and those to an address that takes none.

        The mail of a week of which one was sent to the address of today is a change mail, any
        other one the plan's. Those to a minor whom no second adult would read along stop too.
        """
        athlete = "plan__week__athlete"
        off = Unsubscription.objects.filter(athlete=models.OuterRef(athlete))
        no_plan, no_change = (models.Exists(off.filter(kind=kind)) for kind in MailKind)
        told = models.Exists(
            Delivery.objects.filter(
                plan__week=models.OuterRef("plan__week"),
                sent_to=models.OuterRef(f"{athlete}__email"),
            )
            .exclude(pk=models.OuterRef("pk"))
            .was_sent()
        )
        stops = MailStop.objects.standing(models.OuterRef(f"{athlete}__email"))
        waiting = self.filter(state__in=["DUE", "UNCLEAR"])
        for unwanted, why in (
            (no_plan & ~told | no_change & told, UNSUBSCRIBED),
            (models.Exists(stops), ADDRESS_STOPPED),
        ):
            if found := list(waiting.filter(unwanted).values_list("pk", flat=True)):
                Delivery.objects.filter(pk__in=found).not_sent(why)
        waiting.hold_minors(now=now)

    def wanted_again(self, athlete: Athlete, *, now: datetime) -> None:
        """Let the mails go that were stopped for an athlete who wants them after all."""
        stopped = self.filter(
            plan__week__athlete=athlete,
            state=Delivery.State.SKIPPED,
            last_error__in=(UNSUBSCRIBED, ADDRESS_STOPPED),
            not_after__gt=now,
        )
        for delivery in stopped.select_related("plan"):
            with _newest_of(delivery) as newest:
                newest.filter(state=Delivery.State.SKIPPED).update(
                    state=Delivery.State.DUE, last_error=""
                )
        self.filter(plan__week__athlete=athlete).drop_unwanted(now=now)

    def bounce(self, message_id: uuid.UUID, *, email: str, said: str) -> None:
        """Mark a mail as bounced that was taken first, and did not reach this address after all."""
        self.filter(message_id=message_id, state=Delivery.State.SENT, sent_to__iexact=email).update(
            state=Delivery.State.BOUNCED, last_error=said
        )

    def send_now(self, *, now: datetime) -> int:
        """Make waiting mails due at once, and try failed ones again; return how many."""
        waiting = self.filter(state=Delivery.State.DUE).exclude(due_at__lte=now, next_try_at=None)
        count = waiting.update(due_at=now, next_try_at=None)
        lost = Q(state__in=["FAILED", "BOUNCED"]) | Q(state="SKIPPED", last_error=ADDRESS_STOPPED)
        newer = PublishedPlan.objects.filter(
            week=models.OuterRef("plan__week"), revision__gt=models.OuterRef("plan__revision")
        )
        newest = self.exclude(models.Exists(newer))
        failed = newest.filter(lost, not_after__gt=now, is_replaced=False)
        stops = MailStop.objects.standing(models.OuterRef("plan__week__athlete__email"))
        return count + failed.exclude(models.Exists(stops)).update(
            state=Delivery.State.DUE,
            due_at=now,
            next_try_at=None,
            attempts=0,
            sent_at=None,
            first_sent_at=None,
        )


class Delivery(models.Model):
    """A published plan's way to one inbox, and the queue: the broker carries ids only.

    `message_id` is fixed before the first try, so that a second copy, where the end of a
    conversation was unclear, can be known for one by the receiver. Instants are UTC. `due_at` was
    reckoned from `time_zone`, `send_weekday` and `send_time`, which are the athlete's of that day.
    `first_sent_at` is when the first copy went, where a coach has asked for a second one.
    """

    class State(models.TextChoices):
        DUE = "DUE", "Waiting"
        CLAIMED = "CLAIMED", "Being prepared"
        TRANSMITTING = "TRANSMITTING", "On the wire"
        SENT = "SENT", "Sent"
        UNCLEAR = "UNCLEAR", "Unclear"
        FAILED = "FAILED", "Failed"
        SKIPPED = "SKIPPED", "Not sent"
        BOUNCED = "BOUNCED", "Bounced"

    plan = models.OneToOneField(PublishedPlan, models.CASCADE, related_name="delivery")
    state = models.CharField(max_length=12, choices=State, default=State.DUE)
    due_at = models.DateTimeField()
    time_zone = models.CharField(max_length=40)
    send_weekday = models.PositiveSmallIntegerField()
    send_time = models.TimeField()
    not_after = models.DateTimeField()
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    is_replaced = models.BooleanField(default=False)
    first_sent_at = models.DateTimeField(null=True)
    resent = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True)
    sent_to = models.EmailField(max_length=254, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    is_stopped: bool  # from `with_stops`, as the next
    is_copy_stopped: bool

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "DUE",
                        "CLAIMED",
                        "TRANSMITTING",
                        "SENT",
                        "UNCLEAR",
                        "FAILED",
                        "SKIPPED",
                        "BOUNCED",
                    ]
                ),
                name="delivery_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["SENT", "BOUNCED"], sent_at__isnull=False)
                | (~Q(state__in=["SENT", "BOUNCED"]) & Q(sent_at__isnull=True)),
                name="delivery_sent_has_its_time",
            ),
        ]
        indexes = [
            # The sweep asks for these every few seconds; sent rows, nearly all, stay outside.
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["DUE", "CLAIMED", "TRANSMITTING", "UNCLEAR"]),
                name="delivery_open",
            ),
            # So is asked for these, which hardly ever are there.
            models.Index(
                fields=["not_after"],
                condition=Q(state="SKIPPED", last_error=ADDRESS_STOPPED),
                name="delivery_address_stopped",
            ),
            models.Index(
                fields=["not_after"],
                condition=Q(state="SKIPPED", last_error=NO_GUARDIAN),
                name="delivery_without_guardian",
            ),
            models.Index(
                fields=["not_after"],
                condition=Q(state="SKIPPED", last_error=GUARDIAN_STOPPED),
                name="delivery_guardian_stopped",
            ),
        ]

    def __str__(self) -> str:
        return f"mail of {self.plan}"

    def claim(self, *, now: datetime) -> bool:
        """Take it for this worker, if it still is as it was read, due; one caller gets it.

        Every condition is on the row itself, so that a claim that waited for another one's lock is
        checked again as the row is then. A mail that may have arrived is sent once more, not twice.
        """
        return now < self.not_after and self._become(
            ("state", "lease_token", "due_at", "next_try_at", "is_replaced"),
            state=Delivery.State.CLAIMED,
            lease_token=uuid.uuid4(),
            lease_until=now + LEASE,
            attempts=self.attempts + 1,
            resent=self.resent or self.state == Delivery.State.UNCLEAR,
        )

    def held(self) -> DeliveryQuerySet:
        """Return this delivery while its claim holds it, until it is settled or claimed anew.

        Also one that shows as unclear because its worker took long: the worker knows better.
        """
        return Delivery.objects.filter(
            lease_token=self.lease_token,
            state__in=[
                Delivery.State.CLAIMED,
                Delivery.State.TRANSMITTING,
                Delivery.State.UNCLEAR,
            ],
        )

    def why_held(self, *, now: datetime) -> str:
        """Say why the mail may not go, "" if it may; fetched by `with_stops`."""
        if self.is_stopped:
            return ADDRESS_STOPPED
        athlete = self.plan.week.athlete
        return why_held(athlete, today=athlete.today(now), is_copy_stopped=self.is_copy_stopped)

    def kept_back(self, *, now: datetime) -> bool:
        """Stop a mail, not claimed yet, to a stopped address or to a minor without a second adult.

        Asked once more of the very data that the mail is drawn from.
        """
        if why := self.why_held(now=now):
            as_read = Delivery.objects.filter(pk=self.pk, state=self.state)
            as_read.filter(lease_token=self.lease_token).not_sent(why)
        return bool(why)

    def onto_the_wire(self, *, now: datetime, time_left: timedelta) -> bool:
        """Mark a claimed delivery as on the wire; False if it must not go there.

        It must not where its lease is over, it was replaced, or the athlete is not as read for it:
        has another address, is a minor by now. `time_left` is what the rest of the conversation
        may take: the lease must outlast it.
        """
        assert self.lease_until, "only what was claimed goes onto the wire"
        return now + time_left < self.lease_until and self._become(
            ("state", "lease_token", "is_replaced"),
            of=self.plan.week.athlete,
            state=Delivery.State.TRANSMITTING,
        )

    def arrived(self, *, to: str, now: datetime) -> bool:
        """Mark a delivery as sent; also one that shows as unclear, as its worker took long."""
        return self._become(
            ("lease_token",),
            state=Delivery.State.SENT,
            sent_at=now,
            sent_to=to,
            lease_token=None,
            last_error="",
        )

    def _become(
        self, unchanged: tuple[str, ...], *, of: Athlete | None = None, **values: Any
    ) -> bool:
        """Write values to the row, in one statement, if the `unchanged` fields are as read here.

        With `of`, also only if this athlete is still as read, in what a mail is addressed by. A
        mail takes three of these. The ORM makes an UPDATE anew each time, at five times the cost.
        """
        fields, asked = _fields(tuple(values)), _fields(("id", *unchanged))
        holds = [field for field in asked if getattr(self, field.attname) is not None]
        parameters = [
            *(field.get_db_prep_save(values[field.attname], connection) for field in fields),
            *(field.get_db_prep_save(getattr(self, field.attname), connection) for field in holds),
            *(_addressed_by(of) if of else ()),
        ]
        with connection.cursor() as cursor:
            cursor.execute(_update_if(fields, asked, tuple(holds), bool(of)), parameters)
            if not cursor.rowcount:
                return False
        for name, value in values.items():
            setattr(self, name, value)
        return True

    def send_again(self, *, now: datetime) -> bool:
        """Let a second copy of a sent mail go, or an unclear one at once; False if it cannot.

        From then on it is as one whose arrival is unclear: sent once more under the same
        Message-ID, and not a third time.
        """
        with _newest_of(self, told=True) as newest:
            open_to_it = newest.filter(resent=False, is_replaced=False, not_after__gt=now)
            asked = open_to_it.filter(state=Delivery.State.SENT).update(
                state=Delivery.State.UNCLEAR,
                first_sent_at=F("sent_at"),
                sent_at=None,
                lease_token=None,
                next_try_at=now,
                last_error=SECOND_COPY,
            )
            # One whose worker still waits for the answer may be settled by it.
            left = Q(lease_token=None) | Q(lease_until__lte=now)
            unclear = open_to_it.filter(left, state=Delivery.State.UNCLEAR, next_try_at__gt=now)
            return bool(asked or unclear.update(next_try_at=now))

    @staticmethod
    def rule_of(athlete: Athlete) -> dict[str, Any]:
        """Return from what the due time of an athlete's mails is reckoned."""
        return {
            "time_zone": athlete.time_zone,
            "send_weekday": athlete.send_weekday,
            "send_time": athlete.send_time,
        }


@contextmanager
def _newest_of(delivery: Delivery, *, told: bool = False) -> Iterator[DeliveryQuerySet]:
    """Give the delivery while no newer revision of its week can come; none if one is there.

    With `told`, one whose mail never goes is no newer one: what the athlete holds is this.
    """
    plan = delivery.plan
    with transaction.atomic():
        TrainingWeek.objects.select_for_update(no_key=True).get(pk=plan.week_id)
        newer = PublishedPlan.objects.filter(week=plan.week_id, revision__gt=plan.revision)
        newer = newer.told() if told else newer
        one = Delivery.objects.filter(pk=delivery.pk)
        yield one.none() if newer.exists() else one


# Of zlib's levels: half the time of the usual one, and a seventh more bytes.
FAST = 1


class SentMailQuerySet(models.QuerySet["SentMail"]):
    def keep(self, copies: Iterable[tuple[int, bytes]]) -> None:
        """Keep what was sent, by the ids of the deliveries; of two copies the later one stays."""
        SentMail.objects.bulk_create(
            [
                SentMail(delivery_id=delivery_id, packed=zlib.compress(in_bytes, FAST))
                for delivery_id, in_bytes in copies
            ],
            update_conflicts=True,
            unique_fields=["delivery"],
            update_fields=["packed"],
        )


class SentMail(models.Model):
    """A mail as it went over the wire, to be looked at later; apart from the ledger, which is read
    every few seconds."""

    delivery = models.OneToOneField(
        Delivery, models.CASCADE, primary_key=True, related_name="sent_mail"
    )
    packed = models.BinaryField()

    objects = SentMailQuerySet.as_manager()

    def __str__(self) -> str:
        return f"copy of the {self.delivery}"

    @property
    def in_bytes(self) -> bytes:
        return zlib.decompress(self.packed)


class Heartbeat(models.Model):
    """When a part of the machinery was last seen alive: the worker, and the sweep it runs."""

    part = models.CharField(max_length=10, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.part} at {self.beat_at:%H:%M:%S}"

    @classmethod
    def beat(cls, part: str, *, now: datetime) -> None:
        cls.objects.update_or_create(part=part, defaults={"beat_at": now})

    @classmethod
    def ages(cls, *, now: datetime) -> dict[str, float]:
        """Return the seconds since each part was last seen."""
        return {
            part: (now - beat_at).total_seconds()
            for part, beat_at in cls.objects.values_list("part", "beat_at")
        }


@cache
def _fields(names: tuple[str, ...]) -> "tuple[models.Field[Any, Any], ...]":
    found = {field.attname: field for field in Delivery._meta.concrete_fields}
    return tuple(found[name] for name in names)


@cache
def _update_if(
    fields: "tuple[models.Field[Any, Any], ...]",
    asked: "tuple[models.Field[Any, Any], ...]",
    holds: "tuple[models.Field[Any, Any], ...]",
    with_athlete: bool,
) -> str:
    """Return the UPDATE of these fields where the `asked` ones hold a value, or hold none.

    `with_athlete` asks besides that there is an athlete of what `_addressed_by` returns.
    """
    name = connection.ops.quote_name
    columns = {field: name(str(field.column)) for field in (*fields, *asked)}
    becomes = ", ".join(f"{columns[field]} = %s" for field in fields)
    # The row is found by its id, the first of them: on a Sunday evening thousands of rows share one
    # due time, and PostgreSQL would look for it by the index of these. It uses none for this form.
    first, *others = holds
    is_value = [f"{columns[first]} = %s", *(f"({columns[one]} = %s) IS TRUE" for one in others)]
    is_none = [f"{columns[field]} IS NULL" for field in asked if field not in holds]
    table = name(Delivery._meta.db_table)
    conditions = [*is_value, *is_none]
    if with_athlete:
        are = " AND ".join(f"COALESCE({name(one)}, {none}) = %s" for one, none in ADDRESSED_BY)
        athletes = name(Athlete._meta.db_table)
        conditions.append(f"EXISTS (SELECT 1 FROM {athletes} WHERE {name('id')} = %s AND {are})")
    return f"UPDATE {table} SET {becomes} WHERE {' AND '.join(conditions)}"


# To whom a mail goes, and what stands in for no value.
ADDRESSED_BY = (
    ("email", "''"),
    ("guardian_email", "''"),
    ("is_minor", "FALSE"),
    ("birth_year", "0"),
    ("team_id", "0"),
)


def _addressed_by(athlete: Athlete) -> tuple[Any, ...]:
    return (
        athlete.pk,
        athlete.email,
        athlete.guardian_email,
        athlete.is_minor,
        athlete.birth_year or 0,
        athlete.team_id,
    )
