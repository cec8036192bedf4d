"""Training weeks and their sessions, and the rule that a week holds at most two on the track."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Self

from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from athletes.models import LIMIT_IS_0_TO_2, Athlete, User, Weekday
from workouts.constraints import MirrorsColumns, violated_constraint
from workouts.models.library import Kind, Workout, validate_notation
from workouts.notation import parse_workout
from workouts.prescriptions import prescribe, summary

WEEK_IS_FULL = "This week already has all the track sessions it may have."
LIMIT_WORDS = {
    0: "no track session",
    1: "one track session",
    2: "two track sessions",
}


class TrackLimitReached(Exception):
    """Every track slot of the week is taken, or the week allows none."""

    def __init__(self, week: "TrainingWeek") -> None:
        self.week = week
        self.in_the_way = list(week.sessions.filter(kind=Kind.TRACK).order_by("weekday", "pk"))
        super().__init__(str(self))

    def __str__(self) -> str:
        week = self.week
        limit = LIMIT_WORDS[week.track_limit]
        text = f"{week.athlete.name} may have {limit} in the week of {week.starts_on:%-d %B}"
        if self.in_the_way:
            text += " and already has " + " and ".join(
                f"{session.on:%A} {session.title}" for session in self.in_the_way
            )
        return text + "."


class ResultLogged(Exception):
    """A session with a result stays: what an athlete wrote is not to be lost in a tidying-up."""


class TrainingWeekQuerySet(models.QuerySet["TrainingWeek"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.visible_to(user))

    def coached_by(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.coached_by(user))

    def open_for(self, athlete: Athlete, starts_on: date) -> "TrainingWeek":
        """Return the athlete's week of that Monday, made with the athlete's own limit if new."""
        week, _ = self.get_or_create(
            athlete=athlete, starts_on=starts_on, defaults={"track_limit": athlete.track_limit}
        )
        return week

    def over_limit(self) -> Self:
        """Return weeks with more track sessions than they allow; the constraints permit none."""
        return self.annotate(
            track_sessions=models.Count("sessions", filter=Q(sessions__kind=Kind.TRACK))
        ).filter(Q(track_sessions__gt=F("track_limit")) | Q(track_sessions__gt=2))


class TrainingWeek(models.Model):
    """Seven days of one athlete, from a Monday on.

    `track_limit` (0 to 2) is the week's own; `changed_at` moves with every change to its sessions.
    """

    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="weeks")
    starts_on = models.DateField()
    track_limit = models.PositiveSmallIntegerField()
    note = models.TextField(max_length=1000, blank=True)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TrainingWeekQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["athlete", "starts_on"],
                name="week_one_per_monday",
                violation_error_message="The athlete has a week of that Monday already.",
            ),
            models.CheckConstraint(
                condition=Q(starts_on__iso_week_day=1),
                name="week_starts_on_monday",
                violation_error_message="A training week starts on a Monday.",
            ),
            models.CheckConstraint(
                condition=Q(track_limit__range=(0, 2)),
                name="week_track_limit_is_0_to_2",
                violation_error_message=LIMIT_IS_0_TO_2,
            ),
            models.UniqueConstraint(
                fields=["id", "track_limit"], name="week_limit_can_be_mirrored"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.athlete}, week of {self.starts_on:%-d %B %Y}"

    @property
    def ends_on(self) -> date:
        return self.starts_on + timedelta(days=6)

    def schedule(
        self,
        *,
        kind: str,
        weekday: int,
        notation: str,
        title: str,
        workout: Workout | None = None,
        **details: Any,
    ) -> "Session":
        """Add one session to this week; `details` are `starts_at`, `place` and `note`.

        :raises TrackLimitReached: if every track slot of the week is taken
        """

        def create(**slot: Any) -> Session:
            return self.sessions.create(
                kind=kind,
                weekday=weekday,
                notation=notation,
                title=title,
                workout=workout,
                **details,
                **slot,
            )

        return self._in_free_slot(kind, create)

    def move(self, session: "Session", *, weekday: int) -> None:
        """Put a session on a day of this week, from another day or another week of the athlete.

        :raises TrackLimitReached: if it is a track session and every slot of this week is taken
        :raises ValueError: if the session belongs to another athlete
        :raises Session.DoesNotExist: if it was moved away or removed meanwhile
        """
        if session.week.athlete_id != self.athlete_id:
            raise ValueError("a session moves between the weeks of one athlete")
        with transaction.atomic():
            origin = self if session.week_id == self.pk else session.week
            for week in sorted({self, origin}, key=lambda week: week.pk):
                week._lock()
            rows, kind = origin._locked(session)
            if origin == self:
                rows.update(weekday=weekday)
                self._touch()
            else:
                self._in_free_slot(
                    kind, lambda **slot: rows.update(week=self, weekday=weekday, **slot)
                )
                origin._touch()

    def edit(self, session: "Session", *, kind: str, **fields: Any) -> None:
        """Rewrite a session of this week; turning it into a track session takes a slot.

        :raises TrackLimitReached: if it becomes a track session and every slot is taken
        :raises Session.DoesNotExist: if it was moved away or removed meanwhile
        """
        with transaction.atomic():
            self._lock()
            rows, kind_now = self._locked(session)
            if kind == kind_now:
                rows.update(**fields)
                self._touch()
            else:
                self._in_free_slot(kind, lambda **slot: rows.update(kind=kind, **fields, **slot))

    def set_track_limit(self, limit: int) -> None:
        """Change how many track sessions this week allows (0, 1 or 2).

        :raises TrackLimitReached: if more than that are planned already
        """
        try:
            with transaction.atomic():
                self._lock()
                # Before the limit is written, as the database writes it into each of them.
                tracks = [s for s in self.sessions.select_for_update() if s.kind == Kind.TRACK]
                if limit == 1 and len(tracks) == 1:
                    # A lone track session may sit in slot 2 with slot 1 free.
                    self.sessions.filter(pk=tracks[0].pk).update(track_slot=1)
                TrainingWeek.objects.filter(pk=self.pk).update(track_limit=limit)
        except IntegrityError as error:
            if violated_constraint(error) not in (
                "session_track_slot_within_limit",
                "session_one_per_track_slot",
            ):
                raise
            raise TrackLimitReached(self) from error
        self.track_limit = limit

    def write_note(self, note: str) -> None:
        """Put a word of the coach over the week."""
        if note != self.note:
            TrainingWeek.objects.filter(pk=self.pk).update(note=note)
            self.note = note
            self._touch()

    def _lock(self) -> None:
        """Lock the row of this week until the transaction ends, and read the limit it has now.

        Every change locks the week before its sessions: who locks in one order cannot deadlock.
        The lock lets foreign keys to the week through, so a plain INSERT is not in its way.
        """
        row = TrainingWeek.objects.select_for_update(no_key=True).only("track_limit")
        self.track_limit = row.get(pk=self.pk).track_limit

    def _locked(self, session: "Session") -> tuple["SessionQuerySet", str]:
        """Lock a session of this week; return it as a query, with the kind it has by now.

        :raises Session.DoesNotExist: if it was moved away or removed meanwhile
        """
        rows = Session.objects.filter(pk=session.pk)
        return rows, rows.select_for_update().only("kind").get(week=self).kind

    def _in_free_slot(self, kind: str, write: Callable[..., Any]) -> Any:
        """Call `write(track_limit=…, track_slot=…)` with the first slot that the database grants.

        Nothing is counted first: between a count and a write another request could slip in.
        """
        with transaction.atomic():
            self._lock()
            for slot in range(1, self.track_limit + 1) if kind == Kind.TRACK else [None]:
                try:
                    with transaction.atomic():
                        written = write(track_limit=self.track_limit, track_slot=slot)
                except IntegrityError as error:
                    if violated_constraint(error) != "session_one_per_track_slot":
                        raise
                else:
                    self._touch()
                    return written
            raise TrackLimitReached(self)

    def _touch(self) -> None:
        self.changed_at = timezone.now()
        TrainingWeek.objects.filter(pk=self.pk).update(changed_at=self.changed_at)

    def content(self, *, today: date) -> dict[str, Any]:
        """Return the whole week as plain JSON, with the athlete's own targets, as of `today`.

        Page and mail are drawn from this alone. Athlete and sessions are read; nothing is written.
        """
        athlete = self.athlete
        paces = athlete.paces(today=today)
        sessions = sorted(self.sessions.all(), key=lambda s: (s.weekday, s.pk))
        level = athlete.level.lower()
        planned = [summary(session.notation, level) for session in sessions]
        distances = [(p.distance_m_low or 0, p.distance_m_high or 0) for p in planned]
        return {
            "format": 1,
            "athlete": athlete.name,
            "units": athlete.units.lower(),
            "starts_on": self.starts_on.isoformat(),
            "note": self.note,
            "distance_m": [sum(ends) for ends in zip(*distances, strict=True)] or [0, 0],
            "sessions": [session.content(athlete, paces) for session in sessions],
        }

    def publish(self, *, now: datetime, by: User | None = None) -> Any:
        """Freeze the week as its next revision and write the delivery that mails it.

        A week that says what its latest revision says is not published again: that revision is
        returned. An older revision whose mail has not gone out is not mailed any more.

        :returns: the `PublishedPlan`
        """
        # Through the relation: plans know of weeks, not the other way round.
        return self.plans.publish(self, now=now, by=by)


class SessionQuerySet(models.QuerySet["Session"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(week__in=TrainingWeek.objects.visible_to(user))

    def coached_by(self, user: User) -> Self:
        return self.filter(week__in=TrainingWeek.objects.coached_by(user))


class Session(models.Model):
    """One planned session on one day of a training week.

    It carries its own notation: a later change to the library workout leaves it as it was planned.
    """

    week = models.ForeignKey(TrainingWeek, models.CASCADE, related_name="sessions")
    weekday = models.PositiveSmallIntegerField(
        "day",
        choices=Weekday,
    )
    kind = models.CharField(max_length=12, choices=Kind)
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

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__range=(1, 7)), name="session_weekday_is_iso"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="session_kind_is_known"),
            models.UniqueConstraint(
                fields=["week", "track_slot"],
                name="session_one_per_track_slot",
                violation_error_message=WEEK_IS_FULL,
            ),
            # isnull=False beside the range: in SQL a check whose answer is unknown passes.
            models.CheckConstraint(
                condition=Q(
                    kind=Kind.TRACK,
                    track_slot__isnull=False,
                    track_slot__gte=1,
                    track_slot__lte=F("track_limit"),
                )
                | (~Q(kind=Kind.TRACK) & Q(track_slot__isnull=True)),
                name="session_track_slot_within_limit",
                violation_error_message=WEEK_IS_FULL,
            ),
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

    def content(self, athlete: Athlete, paces: Any) -> dict[str, Any]:
        """Return this session as plain JSON, prescribed for the athlete."""
        prescription = prescribe(
            parse_workout(self.notation),
            paces=paces,
            level=athlete.level.lower(),
            units="mi" if athlete.units == Athlete.Units.MI else "km",
            weekly_volume_m=athlete.weekly_volume_m,
        )
        return prescription.as_json() | {
            "id": self.pk,
            "weekday": self.weekday,
            "on": self.on.isoformat(),
            "kind": self.kind,
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
