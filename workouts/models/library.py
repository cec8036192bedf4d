"""The library: recipes of sessions, in the workout notation."""

from typing import Self

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Lower

from athletes.models import Athlete, Team
from workouts.constraints import violated_constraint
from workouts.library import LIBRARY
from workouts.models.kinds import Kind
from workouts.notation import NotationError, parse_workout


def validate_notation(text: str) -> None:
    try:
        parse_workout(text)
    except NotationError as error:
        raise ValidationError(str(error)) from error


class WorkoutQuerySet(models.QuerySet["Workout"]):
    def load_library(self) -> int:
        """Write every recipe of the common library, known by its slug; return the number."""
        for recipe in LIBRARY:
            self.update_or_create(team=None, slug=recipe.slug, defaults=recipe._asdict())
        return len(LIBRARY)

    def of_team(self, team: Team) -> Self:
        """Return the common library and the team's own workouts, archived ones too."""
        return self.filter(Q(team=None) | Q(team=team))

    def current(self) -> Self:
        """Return the workouts that are not archived."""
        return self.filter(archived_at=None)

    def matching(self, *, words: str = "", kind: str = "", level: str = "") -> Self:
        """Return the workouts with all words in title, purpose or notation, of a kind, for a level.

        A workout without a level of its own is for every level.
        """
        found = self.all()
        for word in words.split():
            found = found.filter(
                Q(title__icontains=word) | Q(purpose__icontains=word) | Q(notation__icontains=word)
            )
        if kind:
            found = found.filter(kind=kind)
        return found.filter(Q(level=level) | Q(level="")) if level else found

    def with_last_use(self, team: Team) -> Self:
        """Add `last_used`: the Monday of the latest week of this team that holds the workout."""
        weeks = Q(sessions__week__athlete__team=team)
        return self.annotate(last_used=models.Max("sessions__week__starts_on", filter=weeks))

    def at_hand(self, team: Team) -> Self:
        """Return the track workouts that a team ran last, filled up from the library: eight."""
        workouts = self.of_team(team).current().filter(kind=Kind.TRACK).with_last_use(team)
        return workouts.order_by(models.F("last_used").desc(nulls_last=True), "pk")[:8]


class Workout(models.Model):
    """A recipe: notation text, a kind, whom it is for and what for.

    `team` is None for the common library, whose rows `load_library` writes and nobody edits; a
    `slug` names those rows from release to release.
    """

    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="workouts")
    slug = models.SlugField(max_length=40, blank=True, editable=False)
    title = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.TRACK)
    level = models.CharField(max_length=12, choices=Athlete.Level, blank=True)
    purpose = models.CharField(max_length=200, blank=True)
    notation = models.TextField(max_length=4000, validators=[validate_notation])
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WorkoutQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team",
                Lower("title"),
                name="workout_one_per_title",
                violation_error_message="The library has a workout of that title already.",
            ),
            models.UniqueConstraint(
                fields=["slug"], condition=Q(team=None), name="workout_one_per_slug"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="workout_kind_is_known"),
        ]

    def __str__(self) -> str:
        return self.title

    def copy_for(self, team: Team) -> "Workout":
        """Return a new workout of the team's own, saved, under a title that is free."""
        number = 1
        while True:
            ending = " (copy)" if number == 1 else f" (copy{number})"
            try:
                with transaction.atomic():
                    return Workout.objects.create(
                        team=team,
                        title=self.title[:70] + ending,
                        kind=self.kind,
                        level=self.level,
                        purpose=self.purpose,
                        notation=self.notation,
                    )
            except IntegrityError as error:
                if violated_constraint(error) != "workout_one_per_title":
                    raise
            number += 1
