"""The read side of the history: what was done to the weeks of a team, and before and after."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Subquery

from athletes.models import Athlete, Team, Weekday
from workouts.models import Action, Kind, Phase, Session, Surface, TrainingWeek

PAGE = 50
DAYS = {day.value: day.label for day in Weekday}
# What of a session is told in full, and how it is called; the rest is only named.
NAMED = {"place": "place", "note": "note", "lap_m": "lap", "starts_at": "time"}


@dataclass(frozen=True)
class Change:
    """One state of a session or week that was kept: who made it when, and what it changed.

    `path` is the way it was made by, `label` what the person did in one go, `words` what that was
    for this session: before → after.
    """

    at: datetime
    by: str
    path: str
    label: str
    words: str


def actions_of(
    team: Team, *, athlete: Athlete | None = None, starts_on: date | None = None
) -> QuerySet[Action]:
    """Return what was done to the weeks of a team, newest first, each with how many it touched.

    With `athlete` or `starts_on` only what touched weeks of that athlete, of that Monday.
    `athletes` is the number of athletes; `athlete_id` and `monday` are set where it was one week.
    """
    actions = Action.objects.filter(team=team).select_related("by", "undone_by")
    if athlete or starts_on:
        sessions, weeks = Q(), Q()
        if athlete:
            sessions &= Q(week__athlete=athlete)
            weeks &= Q(athlete=athlete)
        if starts_on:
            sessions &= Q(week__starts_on=starts_on)
            weeks &= Q(starts_on=starts_on)
        of_action = Q(action=OuterRef("pk"))
        actions = actions.filter(
            Exists(Session.history.filter(of_action, sessions))
            | Exists(TrainingWeek.history.filter(of_action, weeks))
        )
    touched = Session.history.filter(action=OuterRef("pk")).order_by().values("action")

    def one(aggregate: Any) -> Subquery:
        return Subquery(touched.annotate(found=aggregate).values("found"))

    return actions.annotate(
        athletes=one(Count("week__athlete", distinct=True)),
        athlete_id=one(Min("week__athlete")),
        monday=one(Min("week__starts_on")),
        last_monday=one(Max("week__starts_on")),
    ).order_by("-at", "-pk")


def changes_of(athlete: Athlete, starts_on: date) -> list[Change]:
    """Return every change to an athlete's week and to what ever stood in it, newest first."""
    kept = Session.history.filter(week__athlete=athlete)
    ids = kept.filter(week__starts_on=starts_on).values("id")
    sessions = list(
        kept.filter(id__in=ids)
        .select_related("action__by", "history_user", "week")
        .order_by("history_id")
    )
    weeks = list(
        TrainingWeek.history.filter(athlete=athlete, starts_on=starts_on)
        .select_related("action__by", "history_user")
        .order_by("history_id")
    )
    told = [*_told(sessions, session_words), *_told(weeks, week_words)]
    return sorted(told, key=lambda change: change.at, reverse=True)


def _told(rows: Iterable[Any], words: Any) -> Iterable[Change]:
    """Word each kept state by the one before it; a state like the one before is left out."""
    before: dict[int, Any] = {}
    for row in rows:
        text = words(before.get(row.id), row)
        before[row.id] = row
        if text:
            yield Change(
                at=row.history_date,
                by=_who(row),
                path=row.action.get_path_display() if row.action else "",
                label=row.action.label if row.action else "",
                words=text,
            )


def _who(row: Any) -> str:
    if row.action:
        return str(row.action.who)
    user = row.history_user
    return (user.name or user.email) if user else "the site"


def session_words(before: Any, after: Any) -> str:
    """Word what became of a session: added, removed, moved, rewritten; "" if it is the same."""
    title, day = after.title, _day(after)
    if after.history_type == "-":
        return f"{title}, {day}: removed"
    if before is None or before.history_type == "-":
        return f"{title}, {day}: {'added' if before is None else 'put back'}"
    parts = []
    if _day(before) != day:
        parts.append(f"{_day(before)} → {day}")
    if before.title != after.title:
        parts.append(f"{before.title} → {after.title}")
    if before.notation != after.notation:
        parts += _lines(before.notation, after.notation)
    for name, choices in (("kind", Kind), ("surface", Surface)):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            labels = dict(choices.choices)
            parts.append(f"{labels.get(old, 'anywhere')} → {labels.get(new, 'anywhere')}".lower())
    for name, word in NAMED.items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            parts.append(f"{word}: {_value(old)} → {_value(new)}")
    where = "" if _day(before) != day else f", {day}"
    return f"{before.title}{where}: {'; '.join(parts)}" if parts else ""


def week_words(before: Any, after: Any) -> str:
    """Word what became of a week itself: its limit, phase, note; "" if it is the same."""
    if before is None:
        return f"The week was opened, track limit {after.track_limit}"
    phases = dict(Phase.choices)
    parts = []
    if before.track_limit != after.track_limit:
        parts.append(f"track limit {before.track_limit} → {after.track_limit}")
    if before.phase != after.phase:
        old, new = (phases.get(one, "none") for one in (before.phase, after.phase))
        parts.append(f"phase {old} → {new}".lower())
    if before.note != after.note:
        parts.append(f"note: {_value(before.note)} → {_value(after.note)}")
    return f"The week: {'; '.join(parts)}" if parts else ""


def _day(row: Any) -> str:
    """Name the day of a kept session, with the date."""
    if row.week is None:
        return DAYS[row.weekday]
    on: date = row.week.starts_on + timedelta(days=row.weekday - 1)
    return f"{on:%A %-d %B}"


def _lines(before: str, after: str) -> list[str]:
    """Return the lines of a notation that differ, each before → after."""
    old, new = before.splitlines(), after.splitlines()
    gone = [line for line in old if line not in new]
    come = [line for line in new if line not in old]
    if not gone and not come:
        return []
    return [f"{' / '.join(gone) or 'nothing'} → {' / '.join(come) or 'nothing'}"]


def _value(value: Any) -> str:
    if value in (None, ""):
        return "none"
    if hasattr(value, "strftime"):
        return f"{value:%H:%M}"
    return f"{value:g} m" if isinstance(value, float) else f"“{value}”"
