"""Who changed which week, when and through which path, and the way back.

django-simple-history keeps each state of a session and of a week; an `Action` gathers what one
person did in one go, be it one session or a whole group's.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.utils import timezone
from simple_history.models import HistoricalRecords

from athletes.models import Team, User

UNDO_WITHIN = timedelta(days=1)
NO_UNDO = ("UNDO", "LIMIT")


class ActionQuerySet(models.QuerySet["Action"]):
    def undoable(self, *, team: Team, by: User, now: datetime) -> Self:
        """Return what this person did to the team of late and can take back, the newest first.

        Not among it is what followed from something else that stands: an injury, a lowered limit.
        """
        recent = self.filter(team=team, by=by, undone_by=None, at__gt=now - UNDO_WITHIN)
        return recent.exclude(path__in=NO_UNDO).order_by("-at", "-pk")


class Action(models.Model):
    """One thing that one person did to the weeks of a team, as the history shows it.

    `form_key` names the form that asked for it, so that it is done once.
    """

    class Path(models.TextChoices):
        """The ways by which a session can be written; docs/architecture.md lists them too."""

        FORM = "FORM", "form"
        BOARD = "BOARD", "board"
        GROUP = "GROUP", "group"
        COPY = "COPY", "copy"
        PLAN = "PLAN", "plan"
        PLANEDIT = "PLANEDIT", "plan edit"
        UNDO = "UNDO", "undo"
        LIMIT = "LIMIT", "limit"
        MAIL = "MAIL", "mail"
        COMMAND = "COMMAND", "command"
        DIRECT = "DIRECT", "database"

    team = models.ForeignKey(Team, models.CASCADE, related_name="actions")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    path = models.CharField(max_length=8, choices=Path)
    label = models.CharField(max_length=160)
    form_key = models.CharField(max_length=64, blank=True, editable=False)
    undone_by = models.OneToOneField(
        "self", models.SET_NULL, null=True, related_name="undoes", editable=False
    )

    objects = ActionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["team", "-at"], name="action_latest_first")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["form_key"],
                condition=~models.Q(form_key=""),
                name="action_once_a_form",
                violation_error_message="This was sent twice, and done once. Look at the week.",
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def who(self) -> str:
        """Name whose doing it was: of a link in a mail we know only for whom it was sent."""
        if self.by:
            return self.by.name or self.by.email
        return "the athlete" if self.path == self.Path.MAIL else "the site"

    def changed_anything(self) -> bool:
        """Say whether a row of the history points here, or another action was taken back by it."""
        rows = (relation.related_model for relation in Action._meta.related_objects)
        kept = [model for model in rows if issubclass(model, ActionRow)]
        return Action.objects.filter(undone_by=self).exists() or any(
            model._base_manager.filter(action=self).exists() for model in kept
        )


_current: ContextVar[Action | None] = ContextVar("action", default=None)


@contextmanager
def acting(
    *, team: Team, by: User | None, path: str, label: str, form_key: str = ""
) -> Iterator[Action]:
    """Gather the changes made inside under one action, in one transaction: all of it, or nothing.

    An action that changed nothing is not kept. Inside another one this does nothing: the outer
    action is what the person did.

    :raises IntegrityError: if an action was kept under this `form_key` already
    """
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    with transaction.atomic():
        action = Action.objects.create(
            team=team, by=by, path=path, label=label[:160], form_key=form_key
        )
        token = _current.set(action)
        try:
            yield action
        finally:
            _current.reset(token)
        # Asked of the database: what was written may have been rolled back meanwhile.
        if not action.changed_anything():
            Action.objects.filter(pk=action.pk).delete()


def relabel(action: Action, label: str) -> None:
    """Say what the action came to, once that is known."""
    action.label = label[:160]
    action.save(update_fields=["label"])


def current_action() -> int | None:
    action = _current.get()
    return action.pk if action else None


def _current_user(**_: Any) -> User | None:
    action = _current.get()
    return action.by if action else None


class ActionRow(models.Model):
    """What a row of the history knows beside the state it keeps."""

    action = models.ForeignKey(
        Action, models.CASCADE, null=True, default=current_action, related_name="%(class)ss"
    )

    class Meta:
        abstract = True


def kept_history(**options: Any) -> HistoricalRecords:
    """Return what keeps a history: of each save and delete, and where `record` is called."""
    return HistoricalRecords(bases=[ActionRow], get_user=_current_user, **options)


def record(
    model: Any, rows: Iterable[Any], *, now: datetime | None = None, new: bool = False
) -> None:
    """Keep the state of rows that were written past `save`, by an UPDATE or in bulk."""
    model.history.bulk_history_create(list(rows), update=not new, default_date=now)
