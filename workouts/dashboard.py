"""The read side: rows for a coach's board; writes nothing."""

import json
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import (
    CharField,
    Count,
    Exists,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Cast, JSONObject
from django.utils.text import capfirst

from athletes.models import (
    UNSUBSCRIBED,
    Athlete,
    MailKind,
    MailStop,
    Pause,
    Unsubscription,
    why_absent,
)
from workouts.models import (
    FAST,
    Acceptance,
    Delivery,
    Kind,
    Phase,
    PublishedPlan,
    Session,
    counts,
)
from workouts.models.plans import HELD
from workouts.notation import NotationError
from workouts.prescriptions import summary
from workouts.spacing import Day, Doubt, doubts

PAGE_ROWS = 30  # what a large screen shows of rows 32 px high


@dataclass(frozen=True)
class Cell:
    """One session on the board; `distance_m` is None where it goes by time."""

    session_id: int
    kind: str
    letter: str
    title: str
    distance_m: float | None
    outcome: str
    on_track: bool

    @property
    def kind_name(self) -> str:
        return Kind(self.kind).label


@dataclass(frozen=True)
class DashboardRow:
    """One athlete's week: seven days of cells, track slots, publication and mail.

    `state` is empty, draft, published or changed; `mail` words where the mail stands and
    `mail_state` is the delivery's state, HELD where a minor's waits for a guardian's address, ""
    without one; `mail_off` says why none goes out.
    Distances in metres.
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
    mail_off: str
    phase: str
    pause: str  # "injured from 25 November", where one lasts in this week
    days: tuple[tuple[Cell, ...], ...]
    doubts: tuple[str, ...]  # of each day, "" where there is none, or the coach has accepted it

    @property
    def cells(self) -> list[tuple[tuple[Cell, ...], str]]:
        """The sessions of each day with what is doubtful on it."""
        return list(zip(self.days, self.doubts, strict=True))

    @property
    def slots(self) -> tuple[bool, ...]:
        """One entry a track slot that the week has: taken or free."""
        return tuple(slot < self.track_used for slot in range(self.track_limit))


@dataclass(frozen=True)
class Board:
    """A page of rows, and how many athletes there are in all."""

    rows: tuple[DashboardRow, ...]
    total: int


class Record(NamedTuple):
    """One athlete of a page as the database tells it; `plan` is JSON of the newest revision."""

    athlete_id: int
    name: str
    units: str
    level: str
    lap_m: float
    time_zone: str
    usual_m: int | None
    birth_year: int | None
    busy_days: str
    limit: int
    week_id: int | None
    week_limit: int | None
    phase: str | None
    changed_at: datetime | None
    plan: str | None
    mail_stop: str | None
    is_unsubscribed: bool


def board(athletes: QuerySet[Athlete], *, starts_on: date, offset: int = 0) -> Board:
    """Return one page of the week that begins on that Monday, in five queries."""
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
    everyone = athletes.order_by().values("team").annotate(n=Count("pk"))
    found = list(
        athletes.annotate(
            week=FilteredRelation("weeks", condition=Q(weeks__starts_on=starts_on)),
            plan=Subquery(plan),
            mail_stop=Subquery(MailStop.objects.standing(OuterRef("email")).values("kind")[:1]),
            is_unsubscribed=Exists(
                Unsubscription.objects.filter(athlete=OuterRef("pk"), kind=MailKind.PLAN)
            ),
            # A subquery: a window function would draw the plan of every athlete, not of the page.
            total=Subquery(everyone.values("n")),
        )
        .order_by("name", "pk")
        .values_list(
            "pk",
            "name",
            "units",
            "level",
            "team__lap_m",
            "time_zone",
            "weekly_volume_m",
            "birth_year",
            "busy_days",
            "track_limit",
            "week__pk",
            "week__track_limit",
            "week__phase",
            "week__changed_at",
            "plan",
            "mail_stop",
            "is_unsubscribed",
            "total",
        )[offset : offset + PAGE_ROWS]
    )
    records = [Record(*row[:-1]) for row in found]
    sessions = _sessions(record.week_id for record in records if record.week_id)
    told = _doubts(records, starts_on)
    absent = _absent(records, starts_on)
    rows = tuple(
        _row(
            record._replace(limit=min(record.limit, absent[record.athlete_id][0])),
            tuple(sessions.get(record.week_id, ())),
            told[record.athlete_id],
            *absent[record.athlete_id][1:],
        )
        for record in records
    )
    return Board(rows, total=found[0][-1] if found else 0)


def _sessions(week_ids: Iterable[int]) -> dict[int | None, list[tuple[Any, ...]]]:
    """Return the sessions of each week by its id, as `_cell` takes them after the weekday."""
    found = (
        Session.objects.filter(week__in=list(week_ids))
        .order_by("weekday", "pk")
        .values_list(
            "week_id",
            "weekday",
            "pk",
            "kind",
            "surface",
            "title",
            "notation",
            "lap_m",
            "result__outcome",
        )
    )
    by_week: dict[int | None, list[tuple[Any, ...]]] = {}
    for week_id, *session in found:
        by_week.setdefault(week_id, []).append(tuple(session))
    return by_week


def _doubts(records: list[Record], starts_on: date) -> dict[int, tuple[str, ...]]:
    """Return what is doubtful on each day of the week, by athlete, but for what was accepted.

    Only hard sessions and long runs are read, of this week and its neighbours.
    """
    week = timedelta(days=7)
    found = (
        Session.objects.filter(
            week__athlete__in=[record.athlete_id for record in records],
            week__starts_on__range=(starts_on - week, starts_on + week),
            kind__in=[*FAST, Kind.LONG],
        )
        .order_by("week__starts_on", "weekday", "pk")
        .values_list("week__athlete_id", "week__starts_on", "weekday", "title", "kind", "surface")
    )
    days: dict[int, list[Day]] = {record.athlete_id: [] for record in records}
    for athlete_id, monday, weekday, title, kind, surface in found:
        on = monday + timedelta(days=weekday - 1)
        days[athlete_id].append(Day(on, title, kind, counts(kind, surface)))
    accepted = set(
        Acceptance.objects.filter(
            week__in=[record.week_id for record in records if record.week_id]
        ).values_list("week_id", "key")
    )
    told = {}
    for record in records:
        open_doubts = [
            doubt
            for doubt in _doubts_of(tuple(days[record.athlete_id]), record.level, record.birth_year)
            if (record.week_id, doubt.key) not in accepted
        ]
        told[record.athlete_id] = tuple(
            " ".join(d.words for d in open_doubts if d.on == starts_on + timedelta(days=day))
            for day in range(7)
        )
    return told


@lru_cache(maxsize=4096)
def _doubts_of(days: tuple[Day, ...], level: str, birth_year: int | None) -> tuple[Doubt, ...]:
    """Return what is doubtful in these days; most athletes of a page have the same as before."""
    return tuple(doubts(days, level=level, birth_year=birth_year))


def _absent(records: list[Record], starts_on: date) -> dict[int, tuple[int, tuple[str, ...], str]]:
    """Return for each athlete what a pause leaves of the track limit, why not on each day, and it.

    The pause in words is "" where none lasts in this week.
    """
    pauses: dict[int, list[Pause]] = {record.athlete_id: [] for record in records}
    for pause in Pause.objects.filter(athlete__in=list(pauses)).order_by("pk"):
        pauses[pause.athlete_id].append(pause)
    found: dict[int, tuple[int, tuple[str, ...], str]] = {}
    for record in records:
        own = pauses[record.athlete_id]
        if not own and not record.busy_days:
            found[record.athlete_id] = 2, ("",) * 7, ""
            continue
        days = [starts_on + timedelta(days=day) for day in range(7)]
        limit = min([2, *(pause.limit_in(starts_on) for pause in own)])
        why = (capfirst(why_absent(day, own, record.busy_days)) for day in days)
        lasting = (str(pause) for pause in own if any(pause.covers(day) for day in days))
        told = tuple(words and f"{words}." for words in why)
        found[record.athlete_id] = limit, told, next(lasting, "")
    return found


@lru_cache(maxsize=4096)
def _row(
    record: Record,
    sessions: tuple[tuple[Any, ...], ...],
    told: tuple[str, ...],
    absent: tuple[str, ...],
    pause: str,
) -> DashboardRow:
    """Make a row of what the database told; the same told again gives the same row."""
    cells = [
        (weekday, _cell(*session, level=record.level.lower(), team_lap_m=record.lap_m))
        for weekday, *session in sessions
    ]
    state, mail_state, mail = _publication(record, bool(cells))
    days = tuple(tuple(cell for weekday, cell in cells if weekday == day) for day in range(1, 8))
    return DashboardRow(
        athlete_id=record.athlete_id,
        name=record.name,
        units=record.units.lower(),
        usual_m=record.usual_m,
        planned_m=sum(cell.distance_m or 0 for _, cell in cells),
        track_limit=record.limit if record.week_limit is None else record.week_limit,
        track_used=sum(cell.on_track for _, cell in cells),
        state=state,
        mail_state=mail_state,
        mail=mail,
        mail_off=_mail_off(record),
        phase=Phase(record.phase).label if record.phase else "",
        pause=pause,
        doubts=tuple(
            # Absent is told where something is planned all the same.
            " ".join(filter(None, [why if days[number] else "", words]))
            for number, (why, words) in enumerate(zip(absent, told, strict=True))
        ),
        days=days,
    )


def _cell(
    pk: int,
    kind: str,
    surface: str,
    title: str,
    notation: str,
    lap_m: float | None,
    outcome: str | None,
    *,
    level: str,
    team_lap_m: float,
) -> Cell:
    return Cell(
        session_id=pk,
        kind=kind,
        letter=Kind(kind).letter,
        title=title,
        distance_m=planned_distance(notation, level, lap_m or team_lap_m),
        outcome=outcome or "",
        on_track=counts(kind, surface),
    )


def planned_distance(notation: str, level: str, lap_m: float = 400) -> float | None:
    """Return the metres of a session, the middle of a range, or None where it goes by time."""
    try:
        planned = summary(notation, level, lap_m)
    except NotationError:
        return None
    if planned.distance_m_low is None or planned.distance_m_high is None:
        return None
    return (planned.distance_m_low + planned.distance_m_high) / 2


def _publication(record: Record, has_sessions: bool) -> tuple[str, str, str]:
    """Return the state of the week, the state of its mail, and that in words."""
    if record.plan is None or record.changed_at is None:
        return ("draft" if has_sessions else "empty"), "", ""
    plan = json.loads(record.plan)
    changed = record.changed_at > _instant(plan["published_at"])
    zone = zoneinfo.ZoneInfo(record.time_zone)
    mail = Delivery.State(plan["state"]).label
    if plan["state"] == Delivery.State.DUE:
        mail = f"due {_instant(plan['due_at']).astimezone(zone):%a %H:%M}"
    elif plan["state"] == Delivery.State.SENT:
        mail = f"sent {_instant(plan['sent_at']).astimezone(zone):%a %H:%M}"
    if plan["error"] and plan["state"] != Delivery.State.SENT:
        mail += f": {plan['error']}"
    mail_state = "HELD" if plan["error"] in HELD else plan["state"]
    return ("changed" if changed else "published"), mail_state, mail


def _mail_off(record: Record) -> str:
    """Say why no plan is mailed to the athlete, "" if it is."""
    if record.mail_stop:
        return f"mail off: {MailStop.Kind(record.mail_stop).label}"
    return f"mail off: {UNSUBSCRIBED}" if record.is_unsubscribed else ""


def _instant(text: str) -> datetime:
    """Read an instant as the database wrote it into JSON; SQLite leaves the zone (UTC) out."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
