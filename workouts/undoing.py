"""Taking back what one person did in one go, through the same rule as everything else."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from athletes.models import Team, User
from workouts.models import Action, Enrolment, PlanEdit, Session, TrainingWeek, Workout, acting
from workouts.models.rewriting import STATE, remove, rewrite, write_weeks

WEEK_STATE = ("own_limit", "plan_limit", "phase", "note")


@dataclass(frozen=True)
class Undone:
    """How many sessions and weeks are as they were before, and what could not be, in words."""

    undone: int
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Step:
    """One row before and after an action; None where it was not there. States by name."""

    pk: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    def differing(self) -> dict[str, Any]:
        """Return what the action changed, as it was before."""
        before, after = self.before or {}, self.after or {}
        return {name: value for name, value in before.items() if after.get(name) != value}


def undo(action: Action, *, by: User, now: datetime) -> Undone:
    """Put everything that an action changed back as it was before, as far as that still stands.

    What somebody has changed since stays, and so does an added session with a result, and one that
    the track limit does not let back: these are named. The undoing is an action of its own.
    """
    label = f"Undid: {action.label}"
    path = Action.Path.UNDO
    with acting(team=action.team, by=by, path=path, label=label) as taking:
        held = Action.objects.select_for_update(of=("self",)).get(pk=action.pk)
        if held.undone_by_id:
            return Undone(0, ("That was undone already.",))
        if why_not := Enrolment.objects.why_no_undo(action):
            return Undone(0, (why_not,))
        weeks = _steps(TrainingWeek, action, WEEK_STATE)
        sessions = _steps(Session, action, STATE)
        _forget_deleted_workouts(sessions)
        names = _lock(weeks, sessions, team=action.team)
        refused = [
            f"{_who(step, names)}: is in another team now."
            for step in sessions
            if _is_away(step, names)
        ]
        weeks = [step for step in weeks if step.pk in names]
        sessions = [step for step in sessions if not _is_away(step, names)]
        done = _put_weeks_back(weeks, names, refused)
        undone = _remove(sessions, names, refused) | _put_back(sessions, names, refused)
        # Weeks that held more than their athlete may have come down, now that some are gone.
        write_weeks({week_id: {} for week_id in names})
        done += len(undone)
        if done or not refused:
            for edit in PlanEdit.objects.filter(action=action).select_related("plan"):
                edit.take_back(undone)
            Action.objects.filter(pk=action.pk).update(undone_by=taking)
        return Undone(done, tuple(refused))


def _steps(model: Any, action: Action, state: Iterable[str]) -> list[_Step]:
    """Return each row that the action touched, with its state before the action and after it."""
    kept = model.history.model.objects
    rows: dict[int, list[Any]] = {}
    for row in kept.filter(action=action).order_by("history_id"):
        rows.setdefault(row.id, []).append(row)
    earlier: dict[int, Any] = {}
    for row in kept.filter(id__in=list(rows)).order_by("history_id"):
        if row.history_id < rows[row.id][0].history_id:
            earlier[row.id] = row
    return [
        _Step(pk, _state(earlier.get(pk), state), _state(touched[-1], state))
        for pk, touched in rows.items()
    ]


def _state(row: Any, names: Iterable[str]) -> dict[str, Any] | None:
    if row is None or row.history_type == "-":
        return None
    return {name: getattr(row, name) for name in names}


def _forget_deleted_workouts(steps: list[_Step]) -> None:
    """Take workouts that are gone from these states, as they were taken from the sessions."""
    states = [state for step in steps for state in (step.before, step.after) if state]
    ids = {state["workout_id"] for state in states}
    there = set(Workout.objects.filter(pk__in=ids).values_list("pk", flat=True))
    for state in states:
        if state["workout_id"] not in there:
            state["workout_id"] = None


def _lock(weeks: list[_Step], sessions: list[_Step], *, team: Team) -> dict[int, str]:
    """Lock every week concerned, in the order of their ids; return the athlete's name for each.

    Weeks of an athlete who has left the team are not among them.
    """
    wanted = {step.pk for step in weeks} | {
        state["week_id"] for step in sessions for state in (step.before, step.after) if state
    }
    locked = TrainingWeek.objects.filter(pk__in=wanted, athlete__team=team).order_by("pk")
    list(locked.select_for_update(no_key=True, of=("self",)).values_list("pk"))
    return dict(locked.values_list("pk", "athlete__name"))


def _is_away(step: _Step, names: dict[int, str]) -> bool:
    states = [state for state in (step.before, step.after) if state]
    return any(state["week_id"] not in names for state in states)


def _remove(steps: list[_Step], names: dict[int, str], refused: list[str]) -> set[int]:
    """Take out what the action added; return the ids."""
    added = [step for step in steps if step.before is None and step.after is not None]
    still, changed = _parted(Session, added, STATE)
    logged = remove([step.pk for step in still])
    refused += [f"{_who(step, names)}: changed since." for step in changed]
    refused += [f"{_who(step, names)}: a result is logged." for step in still if step.pk in logged]
    return {step.pk for step in still} - logged


def _put_back(steps: list[_Step], names: dict[int, str], refused: list[str]) -> set[int]:
    """Write back what the action changed or removed; return the ids."""
    still, changed = _parted(Session, [step for step in steps if step.before], STATE)
    full = rewrite({step.pk: step.before for step in still if step.before})
    refused += [f"{_who(step, names)}: changed since." for step in changed]
    refused += full.values()
    return {step.pk for step in still} - full.keys()


def _put_weeks_back(steps: list[_Step], names: dict[int, str], refused: list[str]) -> int:
    """Give weeks back limit, phase and note; the limit as near as what is planned allows."""
    written = [s for s in steps if s.before and s.after and s.before != s.after]
    still, changed = _parted(TrainingWeek, written, WEEK_STATE)
    write_weeks({step.pk: step.differing() for step in still})
    refused += [f"{names.get(s.pk, 'A week')}: the week was changed since." for s in changed]
    return len(still)


def _parted(
    model: Any, steps: list[_Step], state: tuple[str, ...]
) -> tuple[list[_Step], list[_Step]]:
    """Part the steps: those whose row is as the action left it, and those changed since."""
    found = model.objects.filter(pk__in=[step.pk for step in steps]).values("pk", *state)
    now = {row.pop("pk"): row for row in found}
    still = [step for step in steps if now.get(step.pk) == step.after]
    return still, [step for step in steps if now.get(step.pk) != step.after]


def _who(step: _Step, names: dict[int, str]) -> str:
    state = step.after or step.before or {}
    return f"{names.get(state['week_id'], 'Somebody')}, {state['title']}"
