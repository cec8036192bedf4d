"""The read side over several weeks: an athlete's month, a team's track budget; writes nothing."""

from calendar import day_abbr
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Self

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from athletes.measures import distance_name, format_clock
from athletes.models import Athlete, Pause, RacePerformance, monday_of
from workouts.dashboard import Cell, planned_distance
from workouts.diary import WEEK
from workouts.models import (
    FAST,
    Kind,
    Phase,
    PublishedPlan,
    Result,
    Session,
    TrainingWeek,
    counts,
)

# The month of one athlete


@dataclass(frozen=True)
class MonthDay:
    """One day of the calendar: its sessions, and what keeps the athlete from training.

    `pause` is injured, ill or away, "" on any other day; `races` words what was raced on it.
    """

    on: date
    sessions: tuple[Cell, ...]
    pause: str
    is_busy: bool
    races: tuple[str, ...]

    @property
    def is_race_day(self) -> bool:
        return bool(self.races) or any(cell.kind == Kind.RACE for cell in self.sessions)

    @property
    def is_idle(self) -> bool:
        """Say whether there is nothing to tell of this day."""
        return not (self.sessions or self.pause or self.is_busy or self.races)


@dataclass(frozen=True)
class MonthWeek:
    """Monday to Sunday. `planned_m` in metres, what goes by time left out, beside the `usual_m`.

    `track_limit` is None for an athlete, who is told what is planned and not what was allowed.
    `state` is empty, draft, published or changed, as on the week board.
    """

    starts_on: date
    days: tuple[MonthDay, ...]
    planned_m: float
    usual_m: int | None
    track_limit: int | None
    phase: str
    state: str

    @property
    def dates(self) -> str:
        """The days of the week in words: 16–22 Nov, 30 Nov – 6 Dec."""
        last = self.starts_on + timedelta(days=6)
        if last.month == self.starts_on.month:
            return f"{self.starts_on:%-d}–{last:%-d %b}"
        return f"{self.starts_on:%-d %b} – {last:%-d %b}"

    @property
    def share(self) -> int:
        """Per cent of the usual distance, as far as its bar goes: 120."""
        return min(round(100 * self.planned_m / self.usual_m), 120) if self.usual_m else 0

    @property
    def track_used(self) -> int:
        return sum(cell.on_track for day in self.days for cell in day.sessions)

    @property
    def slots(self) -> tuple[bool, ...]:
        """One entry a track slot that the week has: taken or free."""
        limit = self.track_used if self.track_limit is None else self.track_limit
        return tuple(slot < self.track_used for slot in range(limit))


@dataclass(frozen=True)
class _Plan:
    """What is known of one week: its sessions by ISO weekday, and the week's own facts."""

    sessions: dict[int, list[Cell]]
    planned_m: float
    limit: int | None
    phase: str
    state: str


def month_weeks(
    athlete: Athlete, *, month: date, today: date, with_drafts: bool
) -> tuple[MonthWeek, ...]:
    """Return the whole weeks that the month touches; `month` is its first day.

    `with_drafts` is a coach's view: what is planned by now. Else only what was published and is
    released by `today`, as it was published. Reads `pauses` and `team` of the athlete.
    """
    first = monday_of(month)
    end = (month + timedelta(days=31)).replace(day=1)
    mondays = [first + n * WEEK for n in range(((end - first).days + 6) // 7)]
    ends = mondays[0], mondays[-1]
    plans = _planned(athlete, *ends) if with_drafts else _published(athlete, *ends, today)
    nothing = _Plan({}, 0, None, "", "empty")
    races = _races(athlete, mondays[0], mondays[-1] + WEEK)
    weeks = []
    for monday in mondays:
        plan = plans.get(monday, nothing)
        limit = athlete.limit_in(monday) if with_drafts and plan is nothing else plan.limit
        days = tuple(
            _day(athlete, monday + timedelta(days=n), plan.sessions.get(n + 1, []), races)
            for n in range(7)
        )
        weeks.append(
            MonthWeek(
                starts_on=monday,
                days=days,
                planned_m=plan.planned_m,
                usual_m=athlete.weekly_volume_m,
                track_limit=limit,
                phase=plan.phase,
                state=plan.state,
            )
        )
    return tuple(weeks)


def _day(
    athlete: Athlete, on: date, cells: Iterable[Cell], races: dict[date, list[str]]
) -> MonthDay:
    return MonthDay(
        on=on,
        sessions=tuple(cells),
        pause=" and ".join(
            dict.fromkeys(
                pause.get_reason_display().lower()
                for pause in athlete.pauses.all()
                if pause.covers(on)
            )
        ),
        is_busy=str(on.isoweekday()) in athlete.busy_days,
        races=tuple(races.get(on, ())),
    )


def _planned(athlete: Athlete, first: date, last: date) -> dict[date, _Plan]:
    """Return the weeks as they are planned by now, drafts too."""
    newest = PublishedPlan.objects.filter(week=OuterRef("pk")).order_by("-revision")
    weeks = TrainingWeek.objects.filter(athlete=athlete, starts_on__range=(first, last)).annotate(
        published_at=Subquery(newest.values("published_at")[:1])
    )
    rows = Session.objects.filter(week__in=weeks.values("pk")).select_related("result")
    by_week: dict[int, dict[int, list[Cell]]] = {}
    for row in rows.order_by("weekday", "starts_at", "pk"):
        cell = _cell_of_row(row, athlete)
        by_week.setdefault(row.week_id, {}).setdefault(row.weekday, []).append(cell)
    plans = {}
    for week in weeks:
        sessions = by_week.get(week.pk, {})
        metres = sum(cell.distance_m or 0 for cells in sessions.values() for cell in cells)
        state = "draft" if sessions else "empty"
        if week.published_at:
            state = "changed" if week.changed_at > week.published_at else "published"
        phase = Phase(week.phase).label if week.phase else ""
        plans[week.starts_on] = _Plan(sessions, metres, week.track_limit, phase, state)
    return plans


def _cell_of_row(row: Session, athlete: Athlete) -> Cell:
    lap_m = row.lap_m or athlete.team.lap_m
    result = getattr(row, "result", None)
    return Cell(
        session_id=row.pk,
        kind=row.kind,
        letter=Kind(row.kind).letter,
        title=row.title,
        distance_m=planned_distance(row.notation, athlete.level.lower(), lap_m),
        outcome=result.outcome if result else "",
        on_track=row.counts,
    )


def _published(athlete: Athlete, first: date, last: date, today: date) -> dict[date, _Plan]:
    """Return the weeks as they were published last, those that the athlete may see by now."""
    newest = PublishedPlan.objects.latest_revisions().filter(
        week__athlete=athlete, week__starts_on__range=(first, last)
    )
    released = newest.released(athlete, today=today)
    contents = list(released.values_list("week__starts_on", "content"))
    ids = [session["id"] for _, content in contents for session in content["sessions"]]
    outcomes = dict(
        Result.objects.filter(session__in=ids).values_list("session_id", "outcome") if ids else ()
    )
    plans = {}
    for monday, content in contents:
        sessions: dict[int, list[Cell]] = {}
        for session in content["sessions"]:
            cell = _cell_of_plan(session, outcomes.get(session["id"], ""))
            sessions.setdefault(session["weekday"], []).append(cell)
        plans[monday] = _Plan(sessions, sum(content["distance_m"]) / 2, None, "", "published")
    return plans


def _cell_of_plan(session: dict[str, Any], outcome: str) -> Cell:
    totals = session["totals"]
    bands = [totals[part] for part in ("recovery_m", "warm_up_m", "cool_down_m")]
    metres = totals["fast_m"] + totals["easy_m"] + sum(sum(band) / 2 for band in bands)
    return Cell(
        session_id=session["id"],
        kind=session["kind"],
        letter=Kind(session["kind"]).letter,
        title=session["title"],
        distance_m=None if totals["timed_s"][1] else metres or None,
        outcome=outcome,
        on_track=counts(session["kind"], session.get("surface", "")),
    )


def _races(athlete: Athlete, first: date, end: date) -> dict[date, list[str]]:
    """Return what was raced by day, in words: 5K in 22:00."""
    raced = RacePerformance.objects.filter(
        athlete=athlete, raced_on__gte=first, raced_on__lt=end
    ).order_by("raced_on", "distance_m", "time_s")
    words: dict[date, list[str]] = {}
    for race in raced:
        if race.raced_on:
            told = f"{distance_name(race.distance_m)} in {format_clock(race.time_s)}"
            words.setdefault(race.raced_on, []).append(told)
    return words


# The track budget of a team

BUDGET_WEEKS = 12
PAGE_ROWS = 50
TOO_CLOSE_H = 48
# From how many sessions on an athlete's share of the slots differs from the others' enough to say.
UNEVEN = 2
NOON = time(12)


@dataclass(frozen=True)
class Apart:
    """The closest two hard sessions that touch a week, and the hours between their starts."""

    hours: float
    words: str

    @property
    def whole_hours(self) -> int:
        """The hours that have passed, so that what is under 48 never reads 48."""
        return int(self.hours)


@dataclass(frozen=True)
class BudgetCell:
    """One athlete's week: track slots used of those that it has.

    `apart` is there where two hard sessions are under 48 hours apart. `pause` is injured, ill or
    away, `paused` the same with its days. `over` is the limit that the athlete has by now, where
    the week was planned with more and keeps it.
    """

    starts_on: date
    used: int
    limit: int
    is_planned: bool
    phase: str
    apart: Apart | None
    pause: str
    paused: str
    over: int | None

    @property
    def shade(self) -> str:
        """How dark the cell is: none, part or full, or closed where there is no slot to use."""
        if not self.limit:
            return "closed"
        return "full" if self.used >= self.limit else "part" if self.used else "none"

    @property
    def free(self) -> int:
        return self.limit - self.used

    @property
    def phase_mark(self) -> str:
        """Two letters, different for each phase: Ba, Bu, Pe, Ta, Ra, Re."""
        return self.phase[:2]

    @property
    def words(self) -> str:
        """What the cell says beside its number, as a sentence each."""
        parts = [self.phase] if self.phase else []
        if not self.is_planned:
            parts.append("Nothing planned yet")
        if self.apart:
            parts.append(self.apart.words)
        if self.paused:
            parts.append(self.paused[0].upper() + self.paused[1:])
        if self.over is not None:
            parts.append(f"Planned before the limit was lowered to {self.over}")
        return ". ".join(parts)


@dataclass(frozen=True)
class BudgetSum:
    """Slots of several cells: those used of all, and what became of the rest.

    `free` can still be used; `lost` were free in a week that is over, though there was no pause.
    """

    used: int
    allowed: int
    free: int
    lost: int

    @classmethod
    def of(cls, cells: Iterable[BudgetCell], *, this_week: date) -> Self:
        cells = list(cells)
        over = [cell for cell in cells if cell.starts_on < this_week]
        return cls(
            used=sum(cell.used for cell in cells),
            allowed=sum(cell.limit for cell in cells),
            free=sum(cell.free for cell in cells if cell.starts_on >= this_week),
            lost=sum(cell.free for cell in over if not cell.pause),
        )


@dataclass(frozen=True)
class BudgetRow:
    """One athlete's twelve weeks.

    `uneven` is how many track sessions more (or, below zero, fewer) the athlete has than by the
    share of all on the page, 0 where that is under two.
    """

    athlete_id: int
    name: str
    busy_days: str
    cells: tuple[BudgetCell, ...]
    total: BudgetSum
    uneven: int

    @property
    def busy_words(self) -> str:
        """On which days the athlete cannot train: not Wed, Sat."""
        days = ", ".join(day_abbr[int(day) - 1] for day in self.busy_days)
        return f"not {days}" if days else ""

    @property
    def uneven_mark(self) -> str:
        return f"{self.uneven:+d}".replace("-", "−")

    @property
    def uneven_words(self) -> str:
        return f"{abs(self.uneven)} {'more' if self.uneven > 0 else 'fewer'} than the others"


@dataclass(frozen=True)
class Budget:
    """A page of rows, the sums of each week and of all, and how many athletes there are in all."""

    mondays: tuple[date, ...]
    rows: tuple[BudgetRow, ...]
    weeks: tuple[BudgetSum, ...]
    whole: BudgetSum
    total: int


def track_budget(
    athletes: QuerySet[Athlete], *, starts_on: date, this_week: date, offset: int = 0
) -> Budget:
    """Return twelve weeks from that Monday on for one page of athletes, in four queries."""
    everyone = athletes.order_by().values("team").annotate(n=Count("pk"))
    found = list(
        athletes.annotate(total=Subquery(everyone.values("n")))
        .prefetch_related("pauses")
        .order_by("name", "pk")[offset : offset + PAGE_ROWS]
    )
    mondays = tuple(starts_on + n * WEEK for n in range(BUDGET_WEEKS))
    weeks = _budget_weeks(found, mondays)
    hard = _hard_sessions(found, mondays)
    table = [
        (athlete, tuple(_budget_cells(athlete, mondays, weeks, hard[athlete.pk])))
        for athlete in found
    ]
    whole = BudgetSum.of((cell for _, cells in table for cell in cells), this_week=this_week)
    rows = tuple(_budget_row(athlete, cells, whole, this_week) for athlete, cells in table)
    sums = (
        BudgetSum.of(column, this_week=this_week)
        for column in zip(*(row.cells for row in rows), strict=True)
    )
    return Budget(mondays, rows, tuple(sums), whole, found[0].total if found else 0)


def _budget_row(
    athlete: Athlete, cells: tuple[BudgetCell, ...], whole: BudgetSum, this_week: date
) -> BudgetRow:
    total = BudgetSum.of(cells, this_week=this_week)
    expected = total.allowed * whole.used / whole.allowed if whole.allowed else 0
    more = total.used - expected
    uneven = round(more) if abs(more) >= UNEVEN else 0
    return BudgetRow(athlete.pk, athlete.name, athlete.busy_days, cells, total, uneven)


@dataclass(frozen=True)
class _Week:
    limit: int
    own_limit: int | None
    plan_limit: int | None
    phase: str
    is_planned: bool


def _budget_weeks(
    athletes: Sequence[Athlete], mondays: Sequence[date]
) -> dict[tuple[int, date], _Week]:
    rows = TrainingWeek.objects.filter(
        athlete__in=[athlete.pk for athlete in athletes],
        starts_on__range=(mondays[0], mondays[-1]),
    ).values_list(
        "athlete_id",
        "starts_on",
        "track_limit",
        "own_limit",
        "plan_limit",
        "phase",
        Exists(Session.objects.filter(week=OuterRef("pk"))),
    )
    return {(who, monday): _Week(*week) for who, monday, *week in rows}


@dataclass(frozen=True)
class _Hard:
    """A hard session: its start by the athlete's clock, noon where none is set."""

    at: datetime
    title: str
    on_track: bool

    def __str__(self) -> str:
        return f"{self.at:%A} {self.title}"


def _hard_sessions(athletes: Sequence[Athlete], mondays: Sequence[date]) -> dict[int, list[_Hard]]:
    """Return the hard sessions of each athlete in order, a week before and after as well."""
    rows = Session.objects.filter(
        week__athlete__in=[athlete.pk for athlete in athletes],
        week__starts_on__range=(mondays[0] - WEEK, mondays[-1] + WEEK),
        kind__in=FAST,
    ).values_list(
        "week__athlete_id",
        "week__starts_on",
        "weekday",
        "starts_at",
        "title",
        "kind",
        "surface",
    )
    hard: dict[int, list[_Hard]] = {athlete.pk: [] for athlete in athletes}
    for who, monday, weekday, starts_at, title, kind, surface in rows:
        at = datetime.combine(monday + timedelta(days=weekday - 1), starts_at or NOON)
        hard[who].append(_Hard(at, title, counts(kind, surface)))
    for sessions in hard.values():
        sessions.sort(key=lambda session: session.at)
    return hard


def _budget_cells(
    athlete: Athlete,
    mondays: Sequence[date],
    weeks: dict[tuple[int, date], _Week],
    hard: Sequence[_Hard],
) -> Iterator[BudgetCell]:
    used: dict[date, int] = {}
    for session in hard:
        monday = monday_of(session.at.date())
        used[monday] = used.get(monday, 0) + session.on_track
    closest = _closest(hard)
    for monday in mondays:
        usual = athlete.limit_in(monday)
        week = weeks.get((athlete.pk, monday)) or _Week(usual, None, None, "", False)
        own, plan = week.own_limit, week.plan_limit
        limit = TrainingWeek.limit_for(athlete, monday, own=own, plan=plan)
        taken = used.get(monday, 0)
        pauses = [pause for pause in athlete.pauses.all() if _touches(pause, monday)]
        yield BudgetCell(
            starts_on=monday,
            used=taken,
            limit=week.limit,
            is_planned=week.is_planned,
            phase=Phase(week.phase).label if week.phase else "",
            apart=closest.get(monday),
            pause=pauses[0].get_reason_display().lower() if pauses else "",
            paused=" and ".join(str(pause) for pause in pauses),
            over=limit if taken > limit else None,
        )


def _touches(pause: Pause, monday: date) -> bool:
    return pause.starts_on < monday + WEEK and (pause.ends_on is None or monday <= pause.ends_on)


def _closest(hard: Sequence[_Hard]) -> dict[date, Apart]:
    """Return the closest two hard sessions that touch each week, where under 48 hours apart."""
    closest: dict[date, Apart] = {}
    for one, two in pairwise(hard):
        hours = (two.at - one.at) / timedelta(hours=1)
        if hours >= TOO_CLOSE_H:
            continue
        told = "1 hour" if int(hours) == 1 else f"{int(hours)} hours"
        apart = Apart(hours, f"{one} and {two}, both hard, {told} apart")
        for monday in {monday_of(one.at.date()), monday_of(two.at.date())}:
            if monday not in closest or hours < closest[monday].hours:
                closest[monday] = apart
    return closest
