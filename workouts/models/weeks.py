"""Training weeks, and the rule that a week holds at most two sessions on the track."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Self

from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.dispatch import receiver
from django.utils import timezone

from athletes.models import LIMIT_IS_0_TO_2, Athlete, User
from workouts.constraints import violated_constraint
from workouts.models.history import Action, acting, kept_history, record
from workouts.models.kinds import Kind, Phase, counts, on_track, settle
from workouts.models.library import Workout
from workouts.models.sessions import Session
from workouts.prescriptions import summary

LIMIT_WORDS = {
    0: "no track session",
    1: "one track session",
    2: "two track sessions",
}


class TrackLimitReached(Exception):
    """Every track slot of the week is taken, or the week allows none."""

    def __init__(self, week: "TrainingWeek") -> None:
        self.week = week
        self.in_the_way = list(week.sessions.on_track().order_by("weekday", "pk"))
        super().__init__(str(self))

    def __str__(self) -> str:
        week = self.week
        return limit_words(week.athlete.name, week.track_limit, week.starts_on, self.in_the_way)


def limit_words(name: str, limit: int, starts_on: date, in_the_way: Sequence[Any]) -> str:
    """Say why a week takes no more track sessions: what it may have, and what stands there."""
    text = f"{name} may have {LIMIT_WORDS[limit]} in the week of {starts_on:%-d %B}"
    if not in_the_way:
        return f"{text}: the limit of that week is {limit}."
    return (
        f"{text} and already has {' and '.join(f'{one.on:%A} {one.title}' for one in in_the_way)}."
    )


class TrainingWeekQuerySet(models.QuerySet["TrainingWeek"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.visible_to(user))

    def coached_by(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.coached_by(user))

    def open_for(self, athlete: Athlete, starts_on: date) -> "TrainingWeek":
        """Return the athlete's week of that Monday, made with the limit of that week if new."""
        week: TrainingWeek | None = self.filter(athlete=athlete, starts_on=starts_on).first()
        if week is None:
            with transaction.atomic():
                # Locked, so that a limit lowered at the same moment is seen, or sees this week.
                fresh = Athlete.objects.select_for_update(no_key=True).get(pk=athlete.pk)
                limit = fresh.limit_in(starts_on)
                week, _ = self.get_or_create(
                    athlete=athlete, starts_on=starts_on, defaults={"track_limit": limit}
                )
        return week

    def follow_limit(
        self, athlete: Athlete, *, starts_on: date, by: User | None
    ) -> list["TrainingWeek"]:
        """Give the athlete's weeks from that Monday on the limit that the athlete has now.

        A week whose limit a coach set by hand keeps it, but for what an injury or illness takes.
        Weeks that hold more track sessions than that are returned: nothing is deleted, none more
        is taken, and they follow as soon as there is room.
        """
        kept = []
        label = f"Track limit of {athlete.name}"
        with acting(team=athlete.team, by=by, path=Action.Path.LIMIT, label=label):
            fresh = Athlete.objects.select_for_update(no_key=True).get(pk=athlete.pk)
            for week in self.filter(athlete=fresh, starts_on__gte=starts_on).order_by("pk"):
                limit = week._limit_of(fresh)
                if week._come_to(limit) > limit:
                    kept.append(week)
        return sorted(kept, key=lambda week: week.starts_on)

    def come_down(self) -> None:
        """Let each of these weeks that holds more than its athlete may have come as near as it can.

        So it is after a session left it by another way than the verbs.
        """
        for week in self.select_related("athlete").prefetch_related("athlete__pauses"):
            limit = week._limit_of(week.athlete)
            if limit < week.track_limit:
                week._come_to(limit)

    def lock_in_order(self, *weeks: "TrainingWeek") -> None:
        """Lock weeks in the order of their ids, before a change that takes more than one verb."""
        for week in sorted(set(weeks), key=lambda week: week.pk):
            week._lock()

    def touch(self) -> None:
        """Note that what is planned in these weeks has changed."""
        self.update(changed_at=timezone.now())

    def over_limit(self) -> Self:
        """Return weeks with more track sessions than they allow; the constraints permit none."""
        return self.annotate(
            track_sessions=models.Count("sessions", filter=on_track("sessions__"))
        ).filter(Q(track_sessions__gt=F("track_limit")) | Q(track_sessions__gt=2))


class TrainingWeek(models.Model):
    """Seven days of one athlete, from a Monday on.

    `track_limit` (0 to 2) is what holds. It comes of `own_limit`, if a coach set one for this week
    alone, else of the athlete's and of `plan_limit`, that of a plan of several weeks; an injury
    goes before all. `changed_at` moves with every change to its sessions.
    """

    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="weeks")
    starts_on = models.DateField()
    track_limit = models.PositiveSmallIntegerField()
    own_limit = models.PositiveSmallIntegerField(null=True, editable=False)
    plan_limit = models.PositiveSmallIntegerField(null=True, editable=False)
    phase = models.CharField(max_length=10, choices=Phase, blank=True)
    note = models.TextField(max_length=1000, blank=True)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TrainingWeekQuerySet.as_manager()
    history = kept_history(excluded_fields=["changed_at"])

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
            models.CheckConstraint(
                condition=Q(phase__in=["", *Phase.values]), name="week_phase_is_known"
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
        surface: str = "",
        **details: Any,
    ) -> Session:
        """Add one session to this week; `details` are `starts_at`, `place`, `note` and `lap_m`.

        What is fast and on the track counts as a track session, whatever it is called.

        :raises TrackLimitReached: if every track slot of the week is taken
        """
        kind, surface = settle(kind, surface, notation)

        def create(**slot: Any) -> Session:
            return self.sessions.create(
                kind=kind,
                weekday=weekday,
                notation=notation,
                title=title,
                workout=workout,
                surface=surface,
                **details,
                **slot,
            )

        return self._in_free_slot(counts(kind, surface), create)

    def move(self, session: Session, *, weekday: int) -> None:
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
            rows, now = origin._locked(session)
            if origin == self:
                rows.update(weekday=weekday)
                self._touch()
            else:
                self._in_free_slot(
                    now.counts, lambda **slot: rows.update(week=self, weekday=weekday, **slot)
                )
                origin._touch()
                origin._follow_down()
            record(Session, rows)

    def restore(self, session_id: int, **fields: Any) -> Session:
        """Write a session back as it was, in this week: one that is there, or one that was removed.

        :raises TrackLimitReached: if it is a track session and every slot of this week is taken
        """
        rows = Session.objects.filter(pk=session_id)

        def write(**slot: Any) -> Session:
            if rows.update(week=self, **fields, **slot):
                record(Session, rows)
                return rows.get()
            return Session.objects.create(pk=session_id, week=self, **fields, **slot)

        with transaction.atomic():
            held = rows.select_for_update().filter(week=self, track_slot__isnull=False).first()
            counting = counts(fields["kind"], fields["surface"])
            if held and counting:  # it keeps the slot that it has
                self._touch()
                return write(track_limit=held.track_limit, track_slot=held.track_slot)
            restored: Session = self._in_free_slot(counting, write)
            return restored

    def swap_days(self, one: int, other: int) -> None:
        """Exchange what is planned on two weekdays of this week; no slot changes hands."""
        with transaction.atomic():
            self._lock()
            moved = list(self.sessions.select_for_update().filter(weekday__in=(one, other)))
            for session in moved:
                session.weekday = other if session.weekday == one else one
            Session.objects.bulk_update(moved, ["weekday"])
            record(Session, moved)
            self._touch()

    def edit(self, session: Session, *, kind: str, **fields: Any) -> None:
        """Rewrite a session of this week; putting it on the track takes a slot, off it frees one.

        See `settle` for what is called a track session, or put on the track, and is not both.

        :raises TrackLimitReached: if it becomes a track session and every slot is taken
        :raises Session.DoesNotExist: if it was moved away or removed meanwhile
        """
        with transaction.atomic():
            self._lock()
            rows, now = self._locked(session)
            # A track session got its surface by its kind, and leaves it with its kind.
            of_kind = kind != now.kind and Kind.TRACK in (kind, now.kind)
            surface = fields.pop("surface", "" if of_kind else now.surface)
            kind, surface = settle(kind, surface, fields.get("notation", now.notation))
            fields |= {"kind": kind, "surface": surface}
            if counts(kind, surface) == now.counts:
                rows.update(**fields)
                self._touch()
            else:
                self._in_free_slot(not now.counts, lambda **slot: rows.update(**fields, **slot))
                self._follow_down()
            record(Session, rows)

    def set_track_limit(self, limit: int) -> None:
        """Set by hand how many track sessions this week allows (0, 1 or 2).

        A limit other than the one that it has anyway stays when the athlete's changes. While an
        injury or illness lasts the week allows no more than that leaves it, or than it holds.

        :raises TrackLimitReached: if more than that are planned already
        """
        athlete, starts_on = self.athlete, self.starts_on
        anyway = TrainingWeek.limit_for(athlete, starts_on, plan=self.plan_limit)
        own = None if limit == anyway else limit
        holds = TrainingWeek.limit_for(athlete, starts_on, own=own, plan=self.plan_limit)
        with transaction.atomic():
            self._lock()
            held = self.sessions.on_track().count()
            self._take_limit(max(holds, min(limit, held)), own_limit=own)

    @staticmethod
    def limit_for(
        athlete: Athlete, starts_on: date, *, own: int | None = None, plan: int | None = None
    ) -> int:
        """Return the limit of a week with that limit of its own, or of a plan; reads `pauses`."""
        base = min(athlete.track_limit, 2 if plan is None else plan) if own is None else own
        return min([base, *(pause.limit_in(starts_on) for pause in athlete.pauses.all())])

    def _take_limit(self, limit: int, **fields: Any) -> None:
        try:
            with transaction.atomic():
                self._lock()
                # Before the limit is written, as the database writes it into each of them.
                tracks = [s for s in self.sessions.select_for_update() if s.counts]
                if limit == 1 and len(tracks) == 1:
                    # A lone track session may sit in slot 2 with slot 1 free.
                    self.sessions.filter(pk=tracks[0].pk).update(track_slot=1)
                self._write(track_limit=limit, **fields)
        except IntegrityError as error:
            if violated_constraint(error) not in (
                "session_track_slot_within_limit",
                "session_one_per_track_slot",
            ):
                raise
            raise TrackLimitReached(self) from error

    def set_phase(self, phase: str) -> None:
        """Say where in the training cycle this week lies; see `Phase`."""
        if phase != self.phase:
            self._write(phase=phase)

    def write_note(self, note: str) -> None:
        """Put a word of the coach over the week."""
        if note != self.note:
            with transaction.atomic():
                self._write(note=note)
                self._touch()

    def _write(self, **fields: Any) -> None:
        rows = TrainingWeek.objects.filter(pk=self.pk)
        with transaction.atomic():
            rows.update(**fields)
            record(TrainingWeek, rows)
        for name, value in fields.items():
            setattr(self, name, value)

    def _lock(self) -> None:
        """Lock the row of this week until the transaction ends, and read the limit it has now.

        Every change locks the week before its sessions: who locks in one order cannot deadlock.
        The lock lets foreign keys to the week through, so a plain INSERT is not in its way.
        """
        row = TrainingWeek.objects.select_for_update(no_key=True).only("track_limit")
        self.track_limit = row.get(pk=self.pk).track_limit

    def _locked(self, session: Session) -> tuple[Any, Session]:
        """Lock a session of this week; return it as a query, and as it is by now.

        :raises Session.DoesNotExist: if it was moved away or removed meanwhile
        """
        rows = Session.objects.filter(pk=session.pk)
        return rows, rows.select_for_update().get(week=self)

    def _in_free_slot(self, counting: bool, write: Callable[..., Any]) -> Any:
        """Call `write(track_limit=…, track_slot=…)` with the first slot that the database grants.

        Nothing is counted first: between a count and a write another request could slip in.
        """
        with transaction.atomic():
            self._lock()
            for slot in range(1, self.track_limit + 1) if counting else [None]:
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

    def _limit_of(self, athlete: Athlete) -> int:
        """Return the limit that this week should have, as the athlete is now; reads `pauses`."""
        own, plan = self.own_limit, self.plan_limit
        return TrainingWeek.limit_for(athlete, self.starts_on, own=own, plan=plan)

    def _come_to(self, limit: int) -> int:
        """Take a limit, or as near to it as the track sessions that are planned allow.

        :returns: the limit that the week has then
        """
        with transaction.atomic():
            self._lock()
            held = self.sessions.on_track().count()
            nearest = max(limit, min(held, self.track_limit))
            if nearest != self.track_limit:
                self._take_limit(nearest)
        return nearest

    def _follow_down(self) -> None:
        """Let a week that held more than its athlete may have come down, now that one is gone."""
        TrainingWeek.objects.filter(pk=self.pk).come_down()

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
        lap_m = athlete.team.lap_m
        planned = [summary(s.notation, level, s.lap_m or lap_m) for s in sessions]
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


class Acceptance(models.Model):
    """A doubt about a week that a coach has looked at and lets stand, with the reason.

    `key` names the doubt, see `workouts.spacing`.
    """

    week = models.ForeignKey(TrainingWeek, models.CASCADE, related_name="acceptances")
    key = models.CharField(max_length=80)
    reason = models.CharField(max_length=120)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["week", "key"],
                name="acceptance_one_per_doubt",
                violation_error_message="Somebody has accepted this a moment ago.",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="acceptance_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


@receiver(models.signals.post_delete, sender=Athlete)
def forget(instance: Athlete, **_: Any) -> None:
    """Delete the history of an athlete who is deleted: no foreign key of it does so."""
    weeks = TrainingWeek.history.filter(athlete_id=instance.pk)
    Session.history.filter(week_id__in=weeks.values("id")).delete()
    weeks.delete()
