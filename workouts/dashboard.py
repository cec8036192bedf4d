"""The read side: rows for a coach's board; writes nothing."""

import json
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import (
    CharField,
    Count,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Window,
)
from django.db.models.functions import Cast, JSONObject

from athletes.models import Athlete
from workouts.models import Delivery, Kind, PublishedPlan, Session
from workouts.notation import NotationError
from workouts.prescriptions import summary

PAGE_ROWS = 50


@dataclass(frozen=True)
class Cell:
    """One session on the board; `distance_m` is None where it goes by time."""

    session_id: int
    kind: str
    letter: str
    title: str
    distance_m: float | None
    outcome: str

    @property
    def kind_name(self) -> str:
        return Kind(self.kind).label


@dataclass(frozen=True)
class DashboardRow:
    """One athlete's week: seven days of cells, track slots, publication and mail.

    `state` is empty, draft, published or changed; `mail` words where the mail stands and
    `mail_state` is the delivery's state, "" without one. Distances in metres.
    """

    athlete_id: int
    name: str
    units: str
    usual_m: int | None
    planned_m: float
    track_limit: int
    track_used: int
    state: str
    mail_state: str
    mail: str
    days: tuple[tuple[Cell, ...], ...]

    @property
    def slots(self) -> tuple[bool, ...]:
        """One entry a track slot that the week has: taken or free."""
        return tuple(slot < self.track_used for slot in range(self.track_limit))


@dataclass(frozen=True)
class Board:
    """A page of rows, and how many athletes there are in all."""

    rows: tuple[DashboardRow, ...]
    total: int


def board(athletes: QuerySet[Athlete], *, starts_on: date, offset: int = 0) -> Board:
    """Return one page of the week that begins on that Monday, in two queries."""
    newest = PublishedPlan.objects.filter(week=OuterRef("week__pk")).order_by("-revision")
    plan = newest.values(
        record=Cast(
            JSONObject(
                published_at="published_at",
                state="delivery__state",
                due_at="delivery__due_at",
                sent_at="delivery__sent_at",
                error="delivery__last_error",
            ),
            CharField(),
        )
    )[:1]
    found = list(
        athletes.annotate(
            week=FilteredRelation("weeks", condition=Q(weeks__starts_on=starts_on)),
            plan=Subquery(plan),
            total=Window(Count("pk")),
        )
        .order_by("name", "pk")
        .values(
            "pk",
            "name",
            "units",
            "level",
            "time_zone",
            "weekly_volume_m",
            "plan",
            "total",
            limit=F("track_limit"),
            week_id=F("week__pk"),
            week_limit=F("week__track_limit"),
            changed_at=F("week__changed_at"),
        )[offset : offset + PAGE_ROWS]
    )
    cells = _cells({row["week_id"]: row["level"].lower() for row in found if row["week_id"]})
    rows = tuple(_row(athlete, cells.get(athlete["week_id"], ())) for athlete in found)
    return Board(rows, total=found[0]["total"] if found else 0)


def _cells(levels: dict[int, str]) -> dict[int, list[tuple[int, Cell]]]:
    """Return the sessions of these weeks as (weekday, cell), by week."""
    sessions = (
        Session.objects.filter(week__in=levels)
        .order_by("weekday", "pk")
        .values_list("week_id", "weekday", "pk", "kind", "title", "notation", "result__outcome")
    )
    cells: dict[int, list[tuple[int, Cell]]] = {}
    for week_id, weekday, pk, kind, title, notation, outcome in sessions:
        cell = Cell(
            session_id=pk,
            kind=kind,
            letter=Kind(kind).letter,
            title=title,
            distance_m=planned_distance(notation, levels[week_id]),
            outcome=outcome or "",
        )
        cells.setdefault(week_id, []).append((weekday, cell))
    return cells


def planned_distance(notation: str, level: str) -> float | None:
    """Return the metres of a session, the middle of a range, or None where it goes by time."""
    try:
        planned = summary(notation, level)
    except NotationError:
        return None
    if planned.distance_m_low is None or planned.distance_m_high is None:
        return None
    return (planned.distance_m_low + planned.distance_m_high) / 2


def _row(athlete: Any, cells: Any) -> DashboardRow:
    state, mail_state, mail = _publication(athlete, bool(cells))
    return DashboardRow(
        athlete_id=athlete["pk"],
        name=athlete["name"],
        units=athlete["units"].lower(),
        usual_m=athlete["weekly_volume_m"],
        planned_m=sum(cell.distance_m or 0 for _, cell in cells),
        track_limit=athlete["limit"] if athlete["week_id"] is None else athlete["week_limit"],
        track_used=sum(cell.kind == Kind.TRACK for _, cell in cells),
        state=state,
        mail_state=mail_state,
        mail=mail,
        days=tuple(tuple(cell for weekday, cell in cells if weekday == day) for day in range(1, 8)),
    )


def _publication(athlete: Any, has_sessions: bool) -> tuple[str, str, str]:
    """Return the state of the week, the state of its mail, and that in words."""
    if athlete["plan"] is None:
        return ("draft" if has_sessions else "empty"), "", ""
    plan = json.loads(athlete["plan"])
    changed = athlete["changed_at"] > _instant(plan["published_at"])
    zone = zoneinfo.ZoneInfo(athlete["time_zone"])
    mail = Delivery.State(plan["state"]).label
    if plan["state"] == Delivery.State.DUE:
        mail = f"due {_instant(plan['due_at']).astimezone(zone):%a %H:%M}"
    elif plan["state"] == Delivery.State.SENT:
        mail = f"sent {_instant(plan['sent_at']).astimezone(zone):%a %H:%M}"
    if plan["error"] and plan["state"] != Delivery.State.SENT:
        mail += f": {plan['error']}"
    return ("changed" if changed else "published"), plan["state"], mail


def _instant(text: str) -> datetime:
    """Read an instant as the database wrote it into JSON; SQLite leaves the zone (UTC) out."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
