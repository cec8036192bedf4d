"""Plans of several weeks, to be copied and changed, and who follows which of them from when."""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Self

from django.db import IntegrityError, models, transaction
from django.db.models import Prefetch, Q
from django.db.models.functions import Lower
from django.utils import timezone

from athletes.models import LIMIT_IS_0_TO_2, Athlete, Group, Team, User, Weekday
from workouts.constraints import MirrorsColumns, violated_constraint
from workouts.library import LIBRARY
from workouts.models.history import Action
from workouts.models.kinds import Kind, Phase, Surface, counts, settle, slot_within_limit
from workouts.models.library import Workout, validate_notation
from workouts.models.sessions import Session
from workouts.models.weeks import LIMIT_WORDS
from workouts.ready_plans import READY_PLANS, ReadyPlan

MOST_WEEKS = 30


class SeasonWeekFull(Exception):
    """A week of a plan would hold more track sessions than it may have."""


class SeasonWeekChanged(Exception):
    """A week of a plan is not any more as it was when its form was opened."""

    def __init__(self, week: "SeasonWeek") -> None:
        by = week.changed_by
        what = f"{by.name or by.email} has changed" if by else "Somebody has changed"
        super().__init__(f"{what} week {week.number} since you opened it")


class WeeksInUse(Exception):
    """Weeks of a plan that hold sessions are not cut off unseen."""


class SeasonPlanQuerySet(models.QuerySet["SeasonPlan"]):
    def of_team(self, team: Team) -> Self:
        """Return the common plans and the team's own, archived ones too."""
        return self.filter(Q(team=None) | Q(team=team))

    def current(self) -> Self:
        """Return the plans that are not archived."""
        return self.filter(archived_at=None)

    def with_weeks(self) -> Self:
        """Fetch the weeks of each plan in order, each with its sessions in order."""
        sessions = SeasonSession.objects.order_by("weekday", "pk").select_related("workout")
        weeks = SeasonWeek.objects.order_by("number").prefetch_related(
            Prefetch("sessions", queryset=sessions)
        )
        return self.prefetch_related(Prefetch("weeks", queryset=weeks))

    def load_ready_plans(self) -> int:
        """Write the ready plans of the common library, known by slug; return the number."""
        for ready in READY_PLANS:
            with transaction.atomic():
                about = {"title": ready.title, "purpose": ready.purpose}
                plan, _ = self.update_or_create(team=None, slug=ready.slug, defaults=about)
                plan.load(ready)
        return len(READY_PLANS)


class SeasonPlan(models.Model):
    """A plan of several weeks that athletes can follow, each from a Monday of their own.

    `team` is None for the common plans, whose rows `load_library` writes and nobody edits; a
    `slug` names those rows from release to release. `changed_at` moves with every change to its
    weeks.
    """

    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="season_plans")
    slug = models.SlugField(max_length=40, blank=True, editable=False)
    title = models.CharField(max_length=80)
    purpose = models.CharField(max_length=200, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SeasonPlanQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team",
                Lower("title"),
                name="season_plan_one_per_title",
                violation_error_message="The team has a plan of that title already.",
            ),
            models.UniqueConstraint(
                fields=["slug"], condition=Q(team=None), name="season_plan_one_per_slug"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def is_behind(self, action: Action) -> bool:
        """Say whether an action put athletes on this plan or off it, or brought its edits."""
        runs = self.enrolments.filter(Q(joined=action) | Q(left=action))
        return runs.exists() or self.edits.filter(action=action).exists()

    def set_weeks(self, number: int) -> None:
        """Give the plan that many weeks: new ones at the end, or fewer.

        :raises WeeksInUse: if a week that would be cut off holds sessions
        """
        with transaction.atomic():
            self.lock()
            beyond = self.weeks.filter(number__gt=number)
            held = beyond.filter(sessions__isnull=False).order_by("number").distinct()
            numbers = [str(week.number) for week in held]
            if numbers:
                raise WeeksInUse(f"Take the sessions out of week {', '.join(numbers)} first.")
            beyond.delete()
            self.touch()
            have = self.weeks.count()
            self.weeks.bulk_create(
                SeasonWeek(plan=self, number=new, phase=Phase.BASE)
                for new in range(have + 1, number + 1)
            )

    def lock(self) -> None:
        """Lock the plan until the transaction ends: who writes its weeks locks it before them."""
        SeasonPlan.objects.select_for_update(no_key=True).get(pk=self.pk)

    def touch(self) -> None:
        """Note that the weeks of this plan have changed."""
        self.changed_at = timezone.now()
        SeasonPlan.objects.filter(pk=self.pk).update(changed_at=self.changed_at)

    def copy_for(self, team: Team) -> "SeasonPlan":
        """Return a new plan of the team's own, saved with all its weeks, under a free title."""
        taken = set(SeasonPlan.objects.filter(team=team).values_list("title", flat=True))
        titles = [self.title, *(f"{self.title[:70]} (copy {n})" for n in range(2, 999))]
        with transaction.atomic():
            copy = SeasonPlan.objects.create(
                team=team,
                title=next(title for title in titles if title not in taken),
                purpose=self.purpose,
            )
            sessions = []
            for week in self.weeks.order_by("number"):
                own = list(week.sessions.order_by("weekday", "pk"))
                # Saved without their keys, rows are written a second time.
                week.pk, week.plan, week._state.adding = None, copy, True
                week.save()
                for session in own:
                    session.pk, session.week, session._state.adding = None, week, True
                    sessions.append(session)
            SeasonSession.objects.bulk_create(sessions)
        return copy

    def load(self, ready: ReadyPlan) -> None:
        """Write the weeks of a ready plan; sessions that stay on their day keep their rows."""
        recipes = {recipe.slug: recipe for recipe in LIBRARY}
        workouts = {w.slug: w for w in Workout.objects.filter(team=None).exclude(slug="")}
        self.set_weeks(max(len(ready.weeks), self.weeks.count()))
        weeks = {week.number: week for week in self.weeks.all()}
        for number, week in enumerate(ready.weeks, start=1):
            there = {s.weekday: s.pk for s in weeks[number].sessions.order_by("-pk")}
            rows = []
            for weekday, slug, title, notation, priority in week.sessions:
                recipe = recipes.get(slug)
                rows.append(
                    {
                        "pk": there.pop(weekday, None),
                        "weekday": weekday,
                        "kind": recipe.kind if recipe else Kind.RACE,
                        "surface": "",
                        "title": title or (recipe.title if recipe else "Race"),
                        "notation": notation or (recipe.notation if recipe else ""),
                        "workout": workouts.get(slug),
                        "priority": priority,
                    }
                )
            weeks[number].fill(rows, phase=week.phase, track_limit=week.track_limit)


class SeasonWeek(models.Model):
    """One week of a plan, the first being number 1, with the track sessions it may have."""

    plan = models.ForeignKey(SeasonPlan, models.CASCADE, related_name="weeks")
    number = models.PositiveSmallIntegerField()
    phase = models.CharField(max_length=10, choices=Phase, default=Phase.BASE)
    track_limit = models.PositiveSmallIntegerField(default=2)
    changed_by = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="+", editable=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="season_week_one_per_number"),
            models.CheckConstraint(
                condition=Q(number__range=(1, MOST_WEEKS)), name="season_week_number_is_sane"
            ),
            models.CheckConstraint(
                condition=Q(track_limit__range=(0, 2)),
                name="season_week_track_limit_is_0_to_2",
                violation_error_message=LIMIT_IS_0_TO_2,
            ),
            models.CheckConstraint(
                condition=Q(phase__in=Phase.values), name="season_week_phase_is_known"
            ),
            models.UniqueConstraint(
                fields=["id", "track_limit"], name="season_week_limit_can_be_mirrored"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan}, week {self.number}"

    def version(self) -> str:
        """Return a mark of all that the week holds, which differs as soon as that does."""
        names = ("pk", "weekday", "kind", "surface", "title", "notation", "workout_id", "priority")
        rows = list(self.sessions.order_by("weekday", "pk").values_list(*names))
        whole = json.dumps([self.phase, self.track_limit, rows])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    def fill(
        self,
        rows: Sequence[dict[str, Any]],
        *,
        phase: str,
        track_limit: int,
        by: User | None = None,
        seen: str = "",
    ) -> None:
        """Write the whole week: phase, limit, and these sessions and no others.

        Each row holds the fields of a `SeasonSession`, and `pk` where it is one that stays. `seen`
        is the `version` that `by` had before them, where they must have seen what they write over.

        :raises SeasonWeekFull: if they are more on the track than the limit; nothing is written
        :raises SeasonWeekChanged: if the week is not as it was seen; nothing is written
        """
        settled = [
            dict(row, **dict(zip(("kind", "surface"), _settle(row), strict=True))) for row in rows
        ]
        try:
            with transaction.atomic():
                self.plan.lock()
                self.refresh_from_db(fields=["phase", "track_limit", "changed_by"])
                if seen and seen != self.version():
                    raise SeasonWeekChanged(self)
                own = set(self.sessions.values_list("pk", flat=True))
                settled = [
                    row | {"pk": row.get("pk") if row.get("pk") in own else None} for row in settled
                ]
                self.sessions.exclude(pk__in=[row["pk"] for row in settled if row["pk"]]).delete()
                # Off the track for a moment, so that no two of them want one slot on the way.
                self.sessions.update(kind=Kind.REST, surface="", track_slot=None, priority="")
                SeasonWeek.objects.filter(pk=self.pk).update(
                    phase=phase, track_limit=track_limit, changed_by=by
                )
                self._write(settled, track_limit)
                self.plan.touch()
        except IntegrityError as error:
            if violated_constraint(error) != "season_session_track_slot_within_limit":
                raise
            raise SeasonWeekFull(self._full_words(settled, track_limit)) from error
        self.phase, self.track_limit = phase, track_limit

    def _write(self, rows: Sequence[dict[str, Any]], track_limit: int) -> None:
        slot = 0
        for row in sorted(rows, key=lambda row: row["weekday"]):
            fields = {name: value for name, value in row.items() if name != "pk"}
            fields |= {"track_limit": track_limit, "track_slot": None}
            if counts(row["kind"], row["surface"]):
                slot += 1
                fields["track_slot"] = slot
            if row["pk"]:
                self.sessions.filter(pk=row["pk"]).update(**fields)
            else:
                self.sessions.create(**fields)

    def _full_words(self, rows: Sequence[dict[str, Any]], track_limit: int) -> str:
        on_track = [row for row in rows if counts(row["kind"], row["surface"])]
        names = [f"{Weekday(row['weekday']).label} {row['title']}" for row in on_track]
        return (
            f"Week {self.number} may have {LIMIT_WORDS[track_limit]}, and "
            f"{' and '.join(names)} would be run on the track: run one of them on the road, as "
            "road intervals, or take it out."
        )


def _settle(row: dict[str, Any]) -> tuple[str, str]:
    return settle(row["kind"], row["surface"], row["notation"])


class SeasonSession(models.Model):
    """One session of a plan's week; races have a priority, A for the one that the plan is for.

    As in a training week, the database gives a track session a slot of its week, or refuses it.
    """

    class Priority(models.TextChoices):
        A = "A", "A race"
        B = "B", "B race"
        C = "C", "C race"

    week = models.ForeignKey(SeasonWeek, models.CASCADE, related_name="sessions")
    weekday = models.PositiveSmallIntegerField("day", choices=Weekday)
    kind = models.CharField(max_length=12, choices=Kind)
    surface = models.CharField(max_length=12, choices=Surface, blank=True)
    title = models.CharField(max_length=80)
    notation = models.TextField(max_length=4000, validators=[validate_notation])
    workout = models.ForeignKey(
        Workout, models.SET_NULL, null=True, blank=True, related_name="season_sessions"
    )
    priority = models.CharField(max_length=1, choices=Priority, blank=True)
    track_limit = models.PositiveSmallIntegerField(editable=False)
    track_slot = models.PositiveSmallIntegerField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__range=(1, 7)), name="season_session_weekday_is_iso"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Kind.values), name="season_session_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(surface__in=["", *Surface.values]),
                name="season_session_surface_is_known",
            ),
            models.CheckConstraint(
                condition=Q(priority="") | Q(kind=Kind.RACE, priority__in=["A", "B", "C"]),
                name="season_session_only_races_have_a_priority",
                violation_error_message="Only races are A, B or C.",
            ),
            models.UniqueConstraint(
                fields=["week", "track_slot"], name="season_session_one_per_track_slot"
            ),
            slot_within_limit(
                name="season_session_track_slot_within_limit",
                words="That week of the plan has all the track sessions it may.",
            ),
            MirrorsColumns(
                columns=["week_id", "track_limit"],
                to="workouts_seasonweek",
                to_columns=["id", "track_limit"],
                name="season_session_mirrors_week_limit",
                violation_error_message="The plan was changed at the same moment: try again.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.title}"

    @property
    def counts(self) -> bool:
        """Say whether this session takes one of the week's track slots."""
        return counts(self.kind, self.surface)

    @property
    def letter(self) -> str:
        return Kind(self.kind).letter


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def coached_by(self, user: User) -> Self:
        return self.filter(athlete__in=Athlete.objects.coached_by(user))

    def current(self) -> Self:
        """Return those that go on: not left, and not taken back by an undo of what began them."""
        left = Q(left_at__isnull=False) & (Q(left=None) | Q(left__undone_by=None))
        return self.filter(Q(joined=None) | Q(joined__undone_by=None)).exclude(left)

    def stopped(self) -> Self:
        """Return those whose athlete was taken off the plan, and is off it still."""
        return self.filter(
            Q(joined=None) | Q(joined__undone_by=None),
            Q(left=None) | Q(left__undone_by=None),
            left_at__isnull=False,
        )

    def since(self, today: date, *, weeks: int) -> Self:
        """Return those of a plan of that many weeks whose last week is not over."""
        return self.filter(starts_on__gt=today - timedelta(weeks=weeks))

    def why_no_undo(self, action: Action) -> str:
        """Say why an action on plans cannot be taken back, "" where nothing speaks against it.

        Who stopped and then began anew would be on the plan twice; who began and was stopped since
        would be off it with its sessions left behind.
        """
        for run in self.filter(left=action).select_related("athlete", "joined"):
            again = self.current().filter(plan=run.plan_id, athlete=run.athlete_id)
            if again.exclude(pk=run.pk).exists():
                return f"{run.athlete.name} is on the plan again since."
            if run.joined and run.joined.undone_by_id:
                return f"{run.athlete.name}: that the plan was begun was undone since."
        stopped = self.filter(joined=action, left__isnull=False, left__undone_by=None)
        for run in stopped.select_related("athlete"):
            return f"{run.athlete.name} was taken off the plan since."
        return ""


class Enrolment(models.Model):
    """One athlete's run through a plan.

    `starts_on` is the Monday of the plan's week 1 for this athlete, `first_week` the number of the
    first week that was planned: the weeks before it were cut, or over. In the week of `race_on`
    the plan's days move with its race. `given` holds what the plan gave to the athlete's weeks, by
    number as text: [phase, track limit, the phase that the week had before], and `brought_at` when
    edits of the plan were last brought here. An undo of `joined` or `left` undoes the enrolling or
    the leaving with it.
    """

    plan = models.ForeignKey(SeasonPlan, models.CASCADE, related_name="enrolments")
    athlete = models.ForeignKey(Athlete, models.CASCADE, related_name="enrolments")
    group = models.ForeignKey(Group, models.SET_NULL, null=True, related_name="enrolments")
    starts_on = models.DateField()
    race_on = models.DateField(null=True)
    first_week = models.PositiveSmallIntegerField(default=1)
    given = models.JSONField(default=dict)
    brought_at = models.DateTimeField(default=timezone.now)
    joined = models.ForeignKey(Action, models.SET_NULL, null=True, related_name="+")
    left_at = models.DateTimeField(null=True)
    left = models.ForeignKey(Action, models.SET_NULL, null=True, related_name="+")

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "athlete", "starts_on"],
                condition=Q(left_at=None),
                name="enrolment_once_at_a_time",
                violation_error_message="The athlete was put on this plan a moment ago.",
            ),
            models.CheckConstraint(
                condition=Q(starts_on__iso_week_day=1),
                name="enrolment_starts_on_monday",
                violation_error_message="A plan starts on a Monday.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.athlete}: {self.plan} from {self.starts_on:%-d %B %Y}"

    def given_in(self, number: int) -> tuple[str | None, int | None, str]:
        """Return what the plan gave to one of its weeks, None where it gave nothing; see `given`.

        Runs of old do not know the phase from before.
        """
        phase, limit, before = [*self.given.get(str(number), (None, None)), ""][:3]
        return phase, limit, before

    def monday(self, number: int) -> date:
        """Return the Monday of a week of the plan for this athlete."""
        return self.starts_on + timedelta(weeks=number - 1)

    def week_number(self, day: date) -> int:
        """Return which week of the plan a day lies in; below 1 before the plan begins."""
        return (day - self.starts_on).days // 7 + 1


class EnrolmentSession(models.Model):
    """What became of one session of a plan for one athlete.

    `wanted` is what the plan asked for at the time: `on`, `kind`, `surface`, `title`, `notation`
    and `priority`; a session that differs was changed by hand. `on_road` says that its twin off
    the track was planned instead. `session` is None where it could not be placed. The row outlives
    its session, so that one which a coach took out is not put in again, and is known again after
    an undo.
    """

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="sessions")
    season_session = models.ForeignKey(
        SeasonSession, models.SET_NULL, null=True, related_name="enrolled"
    )
    session = models.OneToOneField(
        Session,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="from_plan",
    )
    wanted = models.JSONField()
    on_road = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "season_session"], name="enrolment_session_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.wanted['title']} on {self.wanted['on']}"


class PlanEdit(models.Model):
    """What bringing edits of a plan changed beside weeks and sessions, to be taken back with them.

    `links` holds, by the id of a session as text, the row of `EnrolmentSession` that led to it
    before, None if there was none; `runs` holds `given` and `brought_at` of each enrolment before.
    """

    action = models.OneToOneField(Action, models.CASCADE, related_name="plan_edit")
    plan = models.ForeignKey(SeasonPlan, models.CASCADE, related_name="edits")
    brought_at = models.DateTimeField()
    links = models.JSONField(default=dict)
    runs = models.JSONField(default=dict)

    LINK = ("id", "enrolment_id", "season_session_id", "session_id", "wanted", "on_road")

    def __str__(self) -> str:
        return f"{self.plan}, brought {self.brought_at:%-d %B %Y}"

    def keep(self, session_id: int, link: EnrolmentSession | None) -> None:
        """Keep how a session was linked to the plan, before that is changed."""
        row = {name: getattr(link, name) for name in self.LINK} if link else None
        self.links[str(session_id)] = row

    def take_back(self, session_ids: Collection[int]) -> None:
        """Link these sessions as before, and note what the plan had given before."""
        ids = [pk for pk in session_ids if str(pk) in self.links]
        EnrolmentSession.objects.filter(session__in=ids).delete()
        there = set(SeasonSession.objects.filter(week__plan=self.plan).values_list("pk", flat=True))
        followed = set(self.plan.enrolments.values_list("pk", flat=True))
        before = [EnrolmentSession(**row) for pk in ids if (row := self.links[str(pk)])]
        for link in before:
            if link.season_session_id not in there:
                link.season_session_id = None
        # What the plan has placed anew meanwhile is not linked twice.
        EnrolmentSession.objects.bulk_create(
            [link for link in before if link.enrolment_id in followed], ignore_conflicts=True
        )
        runs = list(self.plan.enrolments.filter(pk__in=self.runs, brought_at=self.brought_at))
        for run in runs:
            run.given, brought_at = self.runs[str(run.pk)]
            run.brought_at = datetime.fromisoformat(brought_at)
        Enrolment.objects.bulk_update(runs, ["given", "brought_at"])
