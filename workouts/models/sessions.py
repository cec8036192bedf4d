"""One planned session, and the constraints that hold a week to its track limit."""

from datetime import date, timedelta
from typing import Any, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q

from athletes.models import LAP_M, Athlete, User, Weekday
from workouts.constraints import MirrorsColumns
from workouts.models.history import kept_history
from workouts.models.kinds import ON_TRACK, Kind, Surface, counts, slot_within_limit
from workouts.models.library import Workout, validate_notation
from workouts.notation import parse_workout
from workouts.prescriptions import prescribe

WEEK_IS_FULL = "This week already has all the track sessions it may have."


class ResultLogged(Exception):
    """A session with a result stays: what an athlete wrote is not to be lost in a tidying-up."""


class SessionQuerySet(models.QuerySet["Session"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(week__athlete__in=Athlete.objects.visible_to(user))

    def coached_by(self, user: User) -> Self:
        return self.filter(week__athlete__in=Athlete.objects.coached_by(user))

    def on_track(self) -> Self:
        """Return the sessions that take a track slot."""
        return self.filter(ON_TRACK)


class Session(models.Model):
    """One planned session on one day of a training week.

    It carries its own notation: a later change to the library workout leaves it as it was planned.
    """

    week = models.ForeignKey("workouts.TrainingWeek", models.CASCADE, related_name="sessions")
    weekday = models.PositiveSmallIntegerField(
        "day",
        choices=Weekday,
    )
    kind = models.CharField(max_length=12, choices=Kind)
    surface = models.CharField(max_length=12, choices=Surface, blank=True)
    lap_m = models.FloatField(
        "lap in metres",
        null=True,
        blank=True,
        validators=[MinValueValidator(LAP_M[0]), MaxValueValidator(LAP_M[1])],
    )
    title = models.CharField(max_length=80)
    notation = models.TextField(max_length=4000, validators=[validate_notation])
    workout = models.ForeignKey(
        Workout, models.SET_NULL, null=True, blank=True, related_name="sessions"
    )
    starts_at = models.TimeField(null=True, blank=True)
    place = models.CharField(max_length=120, blank=True)
    note = models.TextField(max_length=1000, blank=True)
    # The week's own limit, kept equal by the database, and the slot a track session takes of it.
    track_limit = models.PositiveSmallIntegerField(editable=False)
    track_slot = models.PositiveSmallIntegerField(null=True, editable=False)

    objects = SessionQuerySet.as_manager()
    # The slot is the rule's to give: what is put back asks for one anew.
    history = kept_history(excluded_fields=["track_limit", "track_slot"])

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__range=(1, 7)), name="session_weekday_is_iso"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="session_kind_is_known"),
            models.CheckConstraint(
                condition=Q(surface__in=["", *Surface.values]), name="session_surface_is_known"
            ),
            models.CheckConstraint(
                condition=Q(lap_m__isnull=True) | Q(lap_m__range=LAP_M),
                name="session_lap_is_sane",
                violation_error_message="A lap has 100 to 1,000 m.",
            ),
            models.UniqueConstraint(
                fields=["week", "track_slot"],
                name="session_one_per_track_slot",
                violation_error_message=WEEK_IS_FULL,
            ),
            slot_within_limit(name="session_track_slot_within_limit", words=WEEK_IS_FULL),
            MirrorsColumns(
                columns=["week_id", "track_limit"],
                to="workouts_trainingweek",
                to_columns=["id", "track_limit"],
                name="session_mirrors_week_limit",
                violation_error_message="The week was changed at the same moment: try again.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.title}"

    @property
    def on(self) -> date:
        return self.week.starts_on + timedelta(days=self.weekday - 1)

    @property
    def counts(self) -> bool:
        """Say whether this session takes one of the week's track slots."""
        return counts(self.kind, self.surface)

    def content(self, athlete: Athlete, paces: Any) -> dict[str, Any]:
        """Return this session as plain JSON, prescribed for the athlete on the team's track."""
        team = athlete.team
        prescription = prescribe(
            parse_workout(self.notation),
            paces=paces,
            level=athlete.level.lower(),
            lap_m=self.lap_m or team.lap_m,
            split_m=team.split_m,
            units="mi" if athlete.units == Athlete.Units.MI else "km",
            weekly_volume_m=athlete.weekly_volume_m,
        )
        return prescription.as_json() | {
            "id": self.pk,
            "weekday": self.weekday,
            "on": self.on.isoformat(),
            "kind": self.kind,
            "surface": self.surface,
            "title": self.title,
            "starts_at": self.starts_at and self.starts_at.strftime("%H:%M"),
            "place": self.place,
            "note": self.note,
        }

    def remove(self) -> None:
        """Take the session out of its week.

        :raises ResultLogged: if a result was logged for it, which would go with it
        :raises Session.DoesNotExist: if it was moved away or removed meanwhile
        """
        with transaction.atomic():
            self.week._lock()
            rows, _ = self.week._locked(self)
            if rows.filter(result__isnull=False).exists():
                raise ResultLogged
            rows.delete()
            self.week._touch()
            self.week._follow_down()
