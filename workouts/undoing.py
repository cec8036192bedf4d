"""Taking back what one person did in one go, through the same rule as everything else."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from athletes.models import Team, User
from workouts.models import (
    Action,
    Enrolment,
    Result,
    Session,
    TrackLimitReached,
    TrainingWeek,
    acting,
    counts,
)

# What a session is, but for its place in a week and the slot that the rule gives it.
OWN = ("kind", "surface", "lap_m", "title", "notation", "starts_at", "place", "note", "workout_id")
STATE = (*OWN, "week_id", "weekday")
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
        names = _lock(weeks, sessions, team=action.team)
        refused = [
            f"{_who(step, names)}: is in another team now."
            for step in sessions
            if _is_away(step, names)
        ]
        weeks = [step for step in weeks if step.pk in names]
        sessions = [step for step in sessions if not _is_away(step, names)]
        done = _put_weeks_back(weeks, names, refused)
        done += _remove(sessions, names, refused)
        done += _put_back(sessions, names, refused)
        TrainingWeek.objects.filter(pk__in=list(names)).come_down()
        if done or not refused:
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


def _now(model: Any, steps: list[_Step], state: tuple[str, ...]) -> dict[int, dict[str, Any]]:
    found = model.objects.filter(pk__in=[step.pk for step in steps]).values("pk", *state)
    return {row.pop("pk"): row for row in found}


def _remove(steps: list[_Step], names: dict[int, str], refused: list[str]) -> int:
    """Take out what the action added; touch the weeks that lose it."""
    added = [step for step in steps if step.before is None and step.after is not None]
    now = _now(Session, added, STATE)
    logged = set(Result.objects.filter(session__in=list(now)).values_list("session_id", flat=True))
    gone = []
    for step in added:
        if step.pk in logged:
            refused.append(f"{_who(step, names)}: a result is logged.")
        elif now.get(step.pk) != step.after:
            refused.append(f"{_who(step, names)}: changed since.")
        else:
            gone.append(step)
    Session.objects.filter(pk__in=[step.pk for step in gone]).delete()
    TrainingWeek.objects.filter(pk__in={now[step.pk]["week_id"] for step in gone}).touch()
    return len(gone)


def _put_back(steps: list[_Step], names: dict[int, str], refused: list[str]) -> int:
    """Write back what the action changed or removed, those that free a slot before the others."""
    changed = [step for step in steps if step.before is not None]
    now = _now(Session, changed, STATE)
    done = 0
    for step in sorted(changed, key=lambda step: _counted(step.before) - _counted(step.after)):
        assert step.before is not None
        if now.get(step.pk) != step.after:
            refused.append(f"{_who(step, names)}: changed since.")
            continue
        state = dict(step.before)
        week = TrainingWeek.objects.select_related("athlete").filter(pk=state.pop("week_id"))
        try:
            week.get().restore(step.pk, **state)
            if step.after and step.after["week_id"] != step.before["week_id"]:
                TrainingWeek.objects.filter(pk=step.after["week_id"]).touch()
            done += 1
        except TrackLimitReached as error:
            refused.append(str(error))
        except TrainingWeek.DoesNotExist:
            refused.append(f"{_who(step, names)}: its week is gone.")
    return done


def _counted(state: dict[str, Any] | None) -> int:
    return int(state is not None and counts(state["kind"], state["surface"]))


def _put_weeks_back(steps: list[_Step], names: dict[int, str], refused: list[str]) -> int:
    """Give weeks back limit, phase and note; the limit as near as what is planned allows."""
    changed = [s for s in steps if s.before and s.after and s.before != s.after]
    now = _now(TrainingWeek, changed, WEEK_STATE)
    done = 0
    for step in changed:
        assert step.before is not None
        if now.get(step.pk) != step.after:
            refused.append(f"{names.get(step.pk, 'A week')}: the week was changed since.")
            continue
        week = TrainingWeek.objects.select_related("athlete").get(pk=step.pk)
        limits = {name: step.before[name] for name in ("own_limit", "plan_limit")}
        if any(getattr(week, name) != value for name, value in limits.items()):
            week.give_back(**limits)
        week.set_phase(step.before["phase"])
        week.write_note(step.before["note"])
        done += 1
    return done


def _who(step: _Step, names: dict[int, str]) -> str:
    state = step.after or step.before or {}
    return f"{names.get(state['week_id'], 'Somebody')}, {state['title']}"
