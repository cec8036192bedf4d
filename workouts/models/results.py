"""What was run: one result a session, with its split times."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q

from athletes.models import User
from workouts.models.weeks import Session


def _one_by_one(session: Session) -> None:
    """Let two who log one session at the same moment follow each other: lock its row."""
    Session.objects.select_for_update(no_key=True).filter(pk=session.pk).first()


class ResultQuerySet(models.QuerySet["Result"]):
    def log(
        self,
        session: Session,
        *,
        outcome: str,
        rpe: int | None,
        comment: str,
        splits: Sequence[Decimal | None],
        by: User | None,
        now: datetime,
    ) -> "Result":
        """Write the session's result, or write it anew; `splits` are seconds rep by rep, None where
        a rep was not timed."""
        with transaction.atomic():
            _one_by_one(session)
            result, _ = self.update_or_create(
                session=session,
                defaults={
                    "outcome": outcome,
                    "rpe": rpe,
                    "comment": comment,
                    "logged_by": by,
                    "logged_at": now,
                },
            )
            result.splits.all().delete()
            Split.objects.bulk_create(
                Split(result=result, rep_index=index, time_s=time_s)
                for index, time_s in enumerate(splits, start=1)
                if time_s is not None
            )
            return result

    def call_off(self, session: Session, *, reason: str, by: User | None, now: datetime) -> bool:
        """Log a session as missed, and say whether it is: what was run stays as it was told."""
        missed = Result.Outcome.MISSED
        with transaction.atomic():
            _one_by_one(session)
            if self.filter(session=session).exclude(outcome=missed).exists():
                return False
            self.log(session, outcome=missed, rpe=None, comment=reason, splits=[], by=by, now=now)
            return True

    def take_back(self, session: Session) -> bool:
        """Forget that a session was missed; False if it was not, and what was run stays."""
        gone, _ = self.filter(session=session, outcome=Result.Outcome.MISSED).delete()
        return bool(gone)


class Result(models.Model):
    """How one session went. RPE is Foster's 0 to 10 scale, asked from 1 up."""

    class Outcome(models.TextChoices):
        DONE = "DONE", "Done"
        PARTLY = "PARTLY", "Partly done"
        MISSED = "MISSED", "Missed"

    session = models.OneToOneField(Session, models.CASCADE, related_name="result")
    outcome = models.CharField(max_length=6, choices=Outcome, default=Outcome.DONE)
    rpe = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    comment = models.TextField(max_length=1000, blank=True)
    logged_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    logged_at = models.DateTimeField()

    objects = ResultQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["DONE", "PARTLY", "MISSED"]),
                name="result_outcome_is_known",
            ),
            models.CheckConstraint(
                condition=Q(rpe=None) | Q(rpe__range=(1, 10)), name="result_rpe_is_1_to_10"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}: {self.session}"


class Split(models.Model):
    """The measured time of one rep (`rep_index` from 1), in seconds to the hundredth."""

    result = models.ForeignKey(Result, models.CASCADE, related_name="splits")
    rep_index = models.PositiveSmallIntegerField()
    time_s = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["result", "rep_index"], name="split_one_per_rep"),
            models.CheckConstraint(condition=Q(time_s__gt=0), name="split_time_is_positive"),
        ]

    def __str__(self) -> str:
        return f"rep {self.rep_index}: {self.time_s} s"
