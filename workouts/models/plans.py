"""Published plans, frozen, and the deliveries that carry each to one inbox."""

import uuid
import zoneinfo
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Self

from django.db import models, transaction
from django.db.models import F, Q

from athletes.models import Athlete, User
from workouts.models.weeks import TrainingWeek

# Longer than one mail can take: the commands, and ten minutes in which a server may answer the end
# of a mail (RFC 5321, 4.5.3.2.6; see workouts/smtp.py and the task limits in settings).
LEASE = timedelta(minutes=15)
MAX_ATTEMPTS = 8
HOLD_UNCLEAR = timedelta(minutes=30)
BATCH = 100  # weeks that are published in one go, to bound what is held in memory
REPLACED = "replaced by a newer revision"
AS_SENT = "nothing changed since it was sent"


def due_at(athlete: Athlete, starts_on: date) -> datetime:
    """Return the instant (UTC) at which the plan of that week is due in the athlete's inbox.

    The athlete's send day falls in the seven days up to the Monday itself: Monday is the first day
    of the week, any other day lies before it. An hour that a clock change skips is shifted
    forward, one that it repeats is taken the first time.
    """
    day = starts_on + timedelta(days=(athlete.send_weekday - 8) % -7)
    return _instant(athlete, day, athlete.send_time)


def _instant(athlete: Athlete, day: date, at: time) -> datetime:
    zone = zoneinfo.ZoneInfo(athlete.time_zone)
    return datetime.combine(day, at, zone).astimezone(zoneinfo.ZoneInfo("UTC"))


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

    def released(self, athlete: Athlete, *, today: date) -> Self:
        """Return the plans of an athlete's weeks that the athlete may see on that day.

        A team can hold back weeks that lie further ahead than `release_weeks`. What has been mailed
        is held back no more.
        """
        ahead = athlete.team.release_weeks
        if ahead is None:
            return self
        last = today + timedelta(weeks=ahead)
        mailed = Delivery.objects.filter(plan__week=models.OuterRef("week"), state="SENT")
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
        """Return what the newest mail of these weeks says, where it is sure that it was sent."""
        if not week_ids:
            return {}
        # One that may have gone, or may go yet, leaves it open what the athlete has.
        gone = self.filter(week__in=week_ids).exclude(delivery__state__in=["SKIPPED", "FAILED"])
        latest = {
            plan.week_id: plan for plan in gone.select_related("delivery").order_by("revision")
        }
        sent = Delivery.State.SENT
        return {
            week_id: as_mailed(plan.content)
            for week_id, plan in latest.items()
            if plan.delivery.state == sent
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
        plans: Iterable[PublishedPlan],
        *,
        now: datetime,
        told: Collection[int],
        held: Mapping[int, Any],
    ) -> None:
        """Write a delivery for each plan, due at the athlete's hour or at once if that is past.

        `told` holds the ids of the weeks of which something was mailed before: where a week was
        emptied, only these are told. `held` is what the newest mail of a week says, by its id: a
        plan that says the same is not mailed once more.
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

    def _promised(
        self, plan: PublishedPlan, now: datetime, was_told: bool, is_held: bool
    ) -> "Delivery":
        athlete, starts_on = plan.week.athlete, plan.week.starts_on
        not_after = _instant(athlete, starts_on + timedelta(days=7), time(0))
        is_news = bool(plan.content["sessions"]) or was_told
        why_not = "" if is_news else "nothing is planned, and nothing had been mailed"
        if is_held:
            why_not = AS_SENT
        if now >= not_after:
            why_not = "published after the week had ended"
        return Delivery(
            plan=plan,
            due_at=max(due_at(athlete, starts_on), now),
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
        waiting, on_its_way = self.filter(state="DUE"), self.exclude(state__in=["DUE", "SKIPPED"])
        waiting.update(state=Delivery.State.SKIPPED, last_error=REPLACED)
        on_its_way.exclude(state__in=["SENT", "FAILED"]).update(is_replaced=True)
        return set(on_its_way.exclude(state="FAILED").values_list("plan_id", flat=True))

    def due(self, now: datetime) -> Self:
        """Return the deliveries that a worker may claim: due and unsent, or dropped by a worker.

        A delivery whose worker vanished while the mail was on the wire is not among them: whether
        it arrived is unclear, see `settle_lost`. Every condition is on the row itself, so that a
        claim that waited for another one's lock is checked again as it is then.
        """
        waiting = Q(state=Delivery.State.DUE, due_at__lte=now) & (
            Q(next_try_at=None) | Q(next_try_at__lte=now)
        )
        dropped = Q(state=Delivery.State.CLAIMED, lease_until__lt=now)
        held = Q(state=Delivery.State.UNCLEAR, next_try_at__lte=now, resent=False)
        return self.filter(waiting | dropped | held, not_after__gt=now, is_replaced=False)

    def claim(self, delivery_id: int, *, now: datetime) -> uuid.UUID | None:
        """Take the delivery for this worker; exactly one caller gets the token of the lease."""
        token = uuid.uuid4()
        taken = (
            self.due(now)
            .filter(pk=delivery_id)
            .update(
                # A mail that may have arrived is sent once more, never twice.
                resent=models.Case(
                    models.When(state=Delivery.State.UNCLEAR, then=True), default=F("resent")
                ),
                state=Delivery.State.CLAIMED,
                lease_token=token,
                lease_until=now + LEASE,
                attempts=F("attempts") + 1,
            )
        )
        return token if taken else None

    def held_by(self, token: uuid.UUID) -> Self:
        """Return the delivery whose lease this token still holds."""
        return self.filter(
            lease_token=token,
            state__in=[Delivery.State.CLAIMED, Delivery.State.TRANSMITTING],
        )

    def onto_the_wire(self, *, now: datetime, time_left: timedelta) -> bool:
        """Mark a held delivery as on the wire; False if its lease is over or it was replaced.

        `time_left` is what the rest of the conversation may take: the lease must outlast it.
        """
        held = self.filter(lease_until__gt=now + time_left, is_replaced=False)
        return held.update(state=Delivery.State.TRANSMITTING) == 1

    def settle_lost(self, *, now: datetime) -> None:
        """Give a state to deliveries that no worker will finish.

        A worker that vanished with the mail on the wire leaves an unclear result; a plan whose week
        is over, that was replaced, or that was tried too often, goes out no more.
        """
        self.filter(state=Delivery.State.TRANSMITTING, lease_until__lt=now).update(
            state=Delivery.State.UNCLEAR,
            next_try_at=now + HOLD_UNCLEAR,
            last_error="the worker stopped while the mail was being handed over",
        )
        idle = self.filter(
            Q(state=Delivery.State.DUE) | Q(state=Delivery.State.CLAIMED, lease_until__lt=now)
        )
        idle.filter(is_replaced=True).update(state=Delivery.State.SKIPPED, last_error=REPLACED)
        idle.filter(not_after__lte=now).update(
            state=Delivery.State.SKIPPED, last_error="the week was over before it could be sent"
        )
        idle.filter(attempts__gte=MAX_ATTEMPTS).update(state=Delivery.State.FAILED)

    def reckon_again(self, *, now: datetime) -> None:
        """Move the due time of waiting mails whose athlete has changed zone, day or hour."""
        athlete = "plan__week__athlete__"
        moved = self.filter(state=Delivery.State.DUE, due_at__gt=now).exclude(
            time_zone=F(f"{athlete}time_zone"),
            send_weekday=F(f"{athlete}send_weekday"),
            send_time=F(f"{athlete}send_time"),
        )
        for delivery in moved.select_related("plan__week__athlete"):
            week = delivery.plan.week
            due = max(due_at(week.athlete, week.starts_on), delivery.plan.published_at)
            self.filter(pk=delivery.pk, state=Delivery.State.DUE).update(
                due_at=due, **Delivery.rule_of(week.athlete)
            )

    def send_now(self, *, now: datetime) -> int:
        """Make waiting mails due at once, and try failed ones again; return how many."""
        waiting = self.filter(state=Delivery.State.DUE).exclude(due_at__lte=now, next_try_at=None)
        count = waiting.update(due_at=now, next_try_at=None)
        failed = self.filter(state=Delivery.State.FAILED, not_after__gt=now, is_replaced=False)
        return count + failed.update(
            state=Delivery.State.DUE, due_at=now, next_try_at=None, attempts=0
        )


class Delivery(models.Model):
    """A published plan's way to one inbox, and the queue: the broker carries ids only.

    `message_id` is fixed before the first try, so that a second copy, where the end of a
    conversation was unclear, can be known for one by the receiver. Instants are UTC. `due_at` was
    reckoned from `time_zone`, `send_weekday` and `send_time`, which are the athlete's of that day.
    """

    class State(models.TextChoices):
        DUE = "DUE", "Waiting"
        CLAIMED = "CLAIMED", "Being prepared"
        TRANSMITTING = "TRANSMITTING", "On the wire"
        SENT = "SENT", "Sent"
        UNCLEAR = "UNCLEAR", "Unclear"
        FAILED = "FAILED", "Failed"
        SKIPPED = "SKIPPED", "Not sent"

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
    resent = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True)
    sent_to = models.EmailField(max_length=254, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

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
                    ]
                ),
                name="delivery_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="SENT", sent_at__isnull=False)
                | (~Q(state="SENT") & Q(sent_at__isnull=True)),
                name="delivery_sent_has_its_time",
            ),
        ]
        indexes = [
            # The sweep asks for these every few seconds; sent rows, nearly all, stay outside.
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["DUE", "CLAIMED", "TRANSMITTING", "UNCLEAR"]),
                name="delivery_open",
            )
        ]

    def __str__(self) -> str:
        return f"mail of {self.plan}"

    @staticmethod
    def rule_of(athlete: Athlete) -> dict[str, Any]:
        """Return from what the due time of an athlete's mails is reckoned."""
        return {
            "time_zone": athlete.time_zone,
            "send_weekday": athlete.send_weekday,
            "send_time": athlete.send_time,
        }


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
