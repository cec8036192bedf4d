"""The ledger of the coaches' morning mails: one a coach, team and day."""

import uuid
import zoneinfo
from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from athletes.models import MailStop, Membership
from workouts.models.plans import LEASE, MAX_ATTEMPTS

# What comes later than this is no morning mail any more; the next one tells of it.
MORNING = timedelta(hours=3)


class DigestQuerySet(models.QuerySet["Digest"]):
    def sweep(self, *, now: datetime) -> list[int]:
        """Write what is due, settle what no worker will finish; return the ids of what is due."""
        self.promise(now=now)
        self.settle_lost(now=now)
        due = self.due(now).filter(membership__in=_receivers())
        return list(due.order_by("due_at", "pk").values_list("pk", flat=True))

    def promise(self, *, now: datetime) -> None:
        """Write a row for each coach whose morning hour has come; a second one cannot be there."""
        hours = {member.pk: _hour(member, now) for member in _receivers().select_related("user")}
        come = {pk: at for pk, at in hours.items() if at <= now < at + MORNING}
        there = set(self.filter(membership__in=come).values_list("membership_id", "on"))
        Digest.objects.bulk_create(
            [
                Digest(membership_id=pk, on=at.date(), due_at=at)
                for pk, at in come.items()
                if (pk, at.date()) not in there
            ],
            ignore_conflicts=True,
        )

    def settle_lost(self, *, now: datetime) -> None:
        """Give a state to what no worker will finish; whether it arrived is not found out."""
        self.filter(state=Digest.State.TRANSMITTING, lease_until__lt=now).update(
            state=Digest.State.UNCLEAR, last_error="no answer came after the mail was handed over"
        )
        waiting = Q(state=Digest.State.DUE) | Q(state=Digest.State.CLAIMED, lease_until__lt=now)
        self.filter(waiting, due_at__lte=now - MORNING).update(
            state=Digest.State.FAILED, last_error="the morning was over"
        )

    def due(self, now: datetime) -> Self:
        waiting = Q(state=Digest.State.DUE) & (Q(next_try_at=None) | Q(next_try_at__lte=now))
        dropped = Q(state=Digest.State.CLAIMED, lease_until__lt=now)
        return self.filter(
            waiting | dropped,
            due_at__range=(now - MORNING, now),
            attempts__lt=MAX_ATTEMPTS,
        )

    def claim(self, pk: int, *, now: datetime) -> Self:
        """Take a row that is due; return it while this claim holds it, none if another was faster.

        Every condition is on the row itself, so that it is checked again after a wait for its lock.
        """
        token = uuid.uuid4()
        self.due(now).filter(pk=pk).update(
            state=Digest.State.CLAIMED,
            lease_token=token,
            lease_until=now + LEASE,
            attempts=models.F("attempts") + 1,
        )
        return self.filter(lease_token=token)


def _receivers() -> models.QuerySet[Membership]:
    """Return the coaches who want a morning mail, have an account, and whose address takes mail."""
    stopped = Exists(MailStop.objects.standing(OuterRef("user__email")))
    return Membership.objects.exclude(digest_at=None).filter(~stopped, user__is_active=True)


def _hour(member: Membership, now: datetime) -> datetime:
    """Return the instant of the coach's morning hour, on the date that it is there now."""
    zone = zoneinfo.ZoneInfo(member.user.time_zone)
    assert member.digest_at, "asked of those alone who want it"
    return datetime.combine(now.astimezone(zone).date(), member.digest_at, zone)


class Digest(models.Model):
    """One coach's morning mail of one day, told up to `told_until`.

    Unlike the mail of a plan it is never sent where one may have arrived: tomorrow comes another.
    """

    class State(models.TextChoices):
        DUE = "DUE", "Waiting"
        CLAIMED = "CLAIMED", "Being prepared"
        TRANSMITTING = "TRANSMITTING", "On the wire"
        SENT = "SENT", "Sent"
        UNCLEAR = "UNCLEAR", "Unclear"
        FAILED = "FAILED", "Failed"
        EMPTY = "EMPTY", "Nothing to say"

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="digests")
    on = models.DateField()
    state = models.CharField(max_length=12, choices=State, default=State.DUE)
    due_at = models.DateTimeField()
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    told_until = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = DigestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "on"], name="digest_one_a_day"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "DUE",
                        "CLAIMED",
                        "TRANSMITTING",
                        "SENT",
                        "UNCLEAR",
                        "FAILED",
                        "EMPTY",
                    ]
                ),
                name="digest_state_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["DUE", "CLAIMED", "TRANSMITTING"]),
                name="digest_open",
            )
        ]

    def __str__(self) -> str:
        return f"morning mail of {self.on} to {self.membership}"
