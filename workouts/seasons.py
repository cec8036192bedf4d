"""Plans of several weeks in the weeks of athletes: followed, joined late, left, and kept true.

Every session goes in by `planning.place` or a verb of `TrainingWeek`, so the track limit holds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from athletes.models import Athlete, Group, Team, User, monday_of
from workouts.diary import distance_m
from workouts.models import (
    Action,
    Enrolment,
    EnrolmentSession,
    Kind,
    SeasonPlan,
    SeasonSession,
    SeasonWeek,
    Session,
    TrainingWeek,
    acting,
    relabel,
)
from workouts.models.history import record
from workouts.models.kinds import settle
from workouts.models.rewriting import full_words, write_weeks
from workouts.models.seasons import MOST_WEEKS
from workouts.planning import Draft, Verdict, off_track, open_and_lock, place, settled
from workouts.spacing import Day, doubts

SKIP = ("paused", "busy")
# What a session says of the race that it is.
RACE_NOTES = {
    "A": "A race: what the plan is for.",
    "B": "B race: race it, without resting much for it.",
    "C": "C race: run it as a hard session.",
}
NOTHING = "not on the plan, as none of its sessions can be planned"
SHOWN = ("kind", "surface", "title", "notation")
SPELLED = {"limit": "at the track limit", "paused": "while paused", "busy": "on a busy day"}


@dataclass(frozen=True)
class Outcome:
    """What became, or would become, of a plan for one athlete.

    `refused` are the sessions that were not placed; `kept_limits` says in words which weeks hold
    more track sessions than the plan allows; `why_not` why nothing was planned at all.
    """

    athlete: Athlete
    first_week: int = 1
    placed: int = 0
    on_road: int = 0
    refused: tuple[Verdict, ...] = ()
    doubts: tuple[str, ...] = ()
    kept_limits: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def reasons(self) -> str:
        """Count the refusals: 2 at the track limit, 1 while paused."""
        words = [verdict.reason for verdict in self.refused]
        return ", ".join(f"{words.count(one)} {SPELLED[one]}" for one in SPELLED if one in words)


@dataclass(frozen=True)
class Application:
    """What became of a plan for all of them; `starts_on` is the Monday of its week 1.

    `cut` are the weeks that nobody gets, as they are over, or do not fit before the race;
    `dropped` the sessions for which the race week has no room once it has moved with its race.
    """

    starts_on: date
    race_on: date | None
    outcomes: tuple[Outcome, ...]
    cut: tuple[SeasonWeek, ...]
    dropped: tuple[SeasonSession, ...]

    @property
    def begins_on(self) -> date:
        """The Monday of the first week that anybody gets."""
        return self.starts_on + timedelta(weeks=len(self.cut))

    @property
    def first_week(self) -> int:
        return len(self.cut) + 1

    @property
    def placed(self) -> int:
        return sum(outcome.placed for outcome in self.outcomes)

    @property
    def refused(self) -> int:
        return sum(len(outcome.refused) for outcome in self.outcomes)

    @property
    def following(self) -> int:
        return sum(bool(outcome.placed) for outcome in self.outcomes)


def first_monday(weeks: int, race_on: date) -> date:
    """Return the Monday of week 1 of a plan of that many weeks, whose last is the race week."""
    return monday_of(race_on) - timedelta(weeks=weeks - 1)


def follow(
    plan: SeasonPlan,
    athletes: Mapping[Athlete, Group | None],
    *,
    starts_on: date,
    race_on: date | None,
    by: User,
    team: Team,
    now: datetime,
    on_road: bool = False,
    only_look: bool = False,
) -> Application:
    """Plan what is left of a plan for each athlete, in one transaction; a verdict for each.

    `starts_on` is the Monday of week 1, which may be over: they get the weeks from the current one
    on. Athletes come with the group by which they follow, if any. What a full week refuses is left
    out, or with `on_road` its twin on the road is planned. `only_look` does all of it and takes it
    back, so that what is shown is what will be; so does a plan of which nothing can be placed.
    """
    weeks = weeks_of(plan)
    with transaction.atomic():
        runs, outcomes = _runs(plan, athletes, len(weeks), starts_on, race_on, now)
        label = f"{plan.title} from {starts_on:%-d %B}"
        what: dict[str, Any] = {"team": team, "by": by, "path": Action.Path.PLAN, "label": label}
        planned = _plan(runs, weeks, now=now, on_road=on_road, **what)
        left_out = {o.athlete.pk: replace(o, why_not=NOTHING) for o in planned if not o.placed}
        if left_out:
            rest = [run for run in runs if run.athlete_id not in left_out]
            planned = _plan(rest, weeks, now=now, on_road=on_road, **what)
        if only_look or not planned:
            transaction.set_rollback(True)
    outcomes += [*planned, *left_out.values()]
    first = min((run.first_week for run in runs), default=1)
    return Application(
        starts_on,
        race_on,
        tuple(sorted(outcomes, key=lambda outcome: (outcome.athlete.name, outcome.athlete.pk))),
        cut=tuple(weeks[: first - 1]),
        dropped=tuple(_dropped(weeks, starts_on, race_on)),
    )


def _plan(
    runs: Sequence[Enrolment],
    weeks: Sequence[SeasonWeek],
    *,
    now: datetime,
    on_road: bool,
    label: str,
    **what: Any,
) -> list[Outcome]:
    """Give these athletes the plan; all is taken back where one of them gets nothing of it.

    Who gets nothing does not follow the plan, nor get its phases and limits.
    """
    with transaction.atomic():
        drafts = [d for run in runs for d in _drafts(run, weeks, today=run.athlete.today(now))]
        # Every week of the plan, those too in which it has no session: they get their phase.
        open_and_lock(
            [
                Draft(run.athlete, run.monday(week.number), {})
                for run in runs
                for week in weeks[run.first_week - 1 :]
            ]
        )
        with acting(label=label, **what) as action:
            kept = _give(runs, weeks)
            verdicts = [(verdict, False) for verdict in place(drafts, skip=SKIP)]
            if on_road:
                verdicts = _on_the_road(verdicts)
            outcomes = _outcomes(runs, verdicts, kept)
            _enrol(runs, verdicts, action)
            relabel(action, f"{label}, for {len(outcomes)}")
        if not all(outcome.placed for outcome in outcomes):
            transaction.set_rollback(True)
            # Rows that are not kept: what is planned again is written anew.
            for run in runs:
                run.pk = None
    return outcomes


def weeks_of(plan: SeasonPlan) -> list[SeasonWeek]:
    """Return the weeks of a plan in order, with their sessions, in three queries."""
    return list(SeasonPlan.objects.with_weeks().get(pk=plan.pk).weeks.all())


def days_of(
    week: SeasonWeek, monday: date, race_on: date | None
) -> Iterator[tuple[SeasonSession, date]]:
    """Yield the sessions of a plan's week with their dates in the week from that Monday on.

    In the week of the race all days move with it; what would fall out of the week is left out.
    """
    sessions = list(week.sessions.all())
    races = [session for session in sessions if session.kind == Kind.RACE]
    shift = 0
    if races and race_on and monday_of(race_on) == monday:
        shift = race_on.isoweekday() - min(races, key=lambda race: race.priority or "Z").weekday
    for session in sessions:
        if 1 <= session.weekday + shift <= 7:
            yield session, monday + timedelta(days=session.weekday + shift - 1)


def race_day(run: Enrolment, weeks: Sequence[SeasonWeek]) -> date | None:
    """Return the day of the last race that the plan leads to, of the highest priority."""
    if run.race_on:
        return run.race_on
    races = [
        (session.priority or "Z", -week.number, run.monday(week.number), session.weekday)
        for week in weeks
        for session in week.sessions.all()
        if session.kind == Kind.RACE
    ]
    _, _, monday, weekday = min(races, default=("", 0, None, 0))
    return monday + timedelta(days=weekday - 1) if monday else None


def _dropped(
    weeks: Sequence[SeasonWeek], starts_on: date, race_on: date | None
) -> Iterator[SeasonSession]:
    for week in weeks:
        monday = starts_on + timedelta(weeks=week.number - 1)
        kept = {session.pk for session, _ in days_of(week, monday, race_on)}
        yield from (session for session in week.sessions.all() if session.pk not in kept)


def _runs(
    plan: SeasonPlan,
    athletes: Mapping[Athlete, Group | None],
    weeks: int,
    starts_on: date,
    race_on: date | None,
    now: datetime,
) -> tuple[list[Enrolment], list[Outcome]]:
    """Return who is to follow the plan, not saved yet, and those who cannot, with the reason.

    Their rows are locked, so that nobody is put on a plan twice.
    """
    locked = Athlete.objects.filter(pk__in=[athlete.pk for athlete in athletes]).order_by("pk")
    # Before their runs are read: those that somebody else writes at this moment are among them.
    chosen = list(locked.select_for_update(no_key=True).prefetch_related("pauses"))
    groups = {athlete.pk: group for athlete, group in athletes.items()}
    last = {
        run.athlete_id: run.monday(weeks)
        for run in plan.enrolments.current().filter(athlete__in=groups).order_by("starts_on")
    }
    runs, outcomes = [], []
    for athlete in chosen:
        run = Enrolment(
            plan=plan,
            athlete=athlete,
            group=groups[athlete.pk],
            starts_on=starts_on,
            race_on=race_on,
            brought_at=now,
        )
        run.first_week = max(1, run.week_number(athlete.today(now)))
        if athlete.pk in last and last[athlete.pk] >= starts_on:
            until = last[athlete.pk] + timedelta(days=6)
            words = f"follows this plan already, until {until:%-d %B}"
            outcomes.append(Outcome(athlete, why_not=words))
        elif run.first_week > weeks:
            outcomes.append(Outcome(athlete, why_not="all weeks of the plan are over"))
        else:
            runs.append(run)
    return runs, outcomes


def _drafts(run: Enrolment, weeks: Sequence[SeasonWeek], *, today: date) -> Iterator[Draft]:
    """Yield what the plan asks of one athlete, from today on."""
    for week in weeks[run.first_week - 1 :]:
        for session, on in days_of(week, run.monday(week.number), run.race_on):
            if on >= today:
                yield draft(run, session, on)


def draft(run: Enrolment, session: SeasonSession, on: date) -> Draft:
    """Return a session of the plan for one athlete; its source tells where it comes from."""
    notation = settled(session.notation, run.athlete.level.lower())
    kind, surface = settle(session.kind, session.surface, notation)
    fields = {
        "kind": kind,
        "surface": surface,
        "title": session.title,
        "notation": notation,
        "workout": session.workout,
        "note": RACE_NOTES.get(session.priority, ""),
    }
    asked = shown(on, fields) | {"priority": session.priority}
    return Draft(run.athlete, on, fields, source=(session, asked, run))


def shown(on: date, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return of a session what a plan asks for, and what a hand can change."""
    return {"on": on.isoformat()} | {name: str(fields[name]) for name in SHOWN}


def as_planned(link: EnrolmentSession) -> dict[str, str]:
    """Return how the session was planned, so what is `shown` of it if nobody changed it by hand."""
    asked = {name: link.wanted[name] for name in ("on", *SHOWN)}
    return road_twin(asked) if link.on_road else asked


def road_twin(fields: Mapping[str, Any]) -> dict[str, Any]:
    twin = off_track(dict(fields))
    return {name: twin[name] for name in fields}


def _give(runs: Sequence[Enrolment], weeks: Sequence[SeasonWeek]) -> dict[int, list[str]]:
    """Give the athletes' weeks the plan's phases, and its track limit where that is lower.

    Weeks that hold more track sessions keep their limit: returned in words, by athlete.
    """
    by_number = {week.number: week for week in weeks}
    rows = TrainingWeek.objects.filter(
        athlete__in=[run.athlete for run in runs],
        starts_on__in={run.monday(number) for run in runs for number in by_number},
    )
    rows = rows.select_related("athlete").prefetch_related("athlete__pauses")
    found = {(row.athlete_id, row.starts_on): row for row in rows.annotate(has_track=_on_track())}
    phases: dict[str, list[int]] = {}
    limits: dict[tuple[int, int], list[int]] = {}
    full: list[tuple[TrainingWeek, int]] = []
    for run in runs:
        for number in range(run.first_week, len(weeks) + 1):
            row, season = found.get((run.athlete_id, run.monday(number))), by_number[number]
            before = row.phase if row else ""
            run.given[str(number)] = [season.phase, season.track_limit, before]
            if row is None:
                continue
            if row.phase != season.phase:
                phases.setdefault(season.phase, []).append(row.pk)
            # Of two plans at once the lower limit holds.
            plan = min(season.track_limit, 2 if row.plan_limit is None else row.plan_limit)
            limit = TrainingWeek.limit_for(row.athlete, row.starts_on, own=row.own_limit, plan=plan)
            if row.has_track and limit < row.track_limit:
                full.append((row, plan))
            elif (row.plan_limit, row.track_limit) != (plan, limit):
                limits.setdefault((plan, limit), []).append(row.pk)
    for phase, pks in phases.items():
        TrainingWeek.objects.filter(pk__in=pks).update(phase=phase)
    for (plan, limit), pks in limits.items():
        TrainingWeek.objects.filter(pk__in=pks).update(plan_limit=plan, track_limit=limit)
    changed = {pk for pks in [*phases.values(), *limits.values()] for pk in pks}
    record(TrainingWeek, TrainingWeek.objects.filter(pk__in=changed))
    return _lower(full)


def _on_track() -> Exists:
    return Exists(Session.objects.on_track().filter(week=OuterRef("pk")))


def _lower(full: Sequence[tuple[TrainingWeek, int]]) -> dict[int, list[str]]:
    limits = {week.pk: limit for week, limit in full}
    weeks = write_weeks({pk: {"plan_limit": limit} for pk, limit in limits.items()})
    over = [week for week in weeks if week.track_limit > limits[week.pk]]
    kept: dict[int, list[str]] = {}
    for week, words in zip(over, full_words(over), strict=True):
        words = f"{words} The plan allows {limits[week.pk]}."
        kept.setdefault(week.athlete_id, []).append(words)
    return kept


def _on_the_road(verdicts: Sequence[tuple[Verdict, bool]]) -> list[tuple[Verdict, bool]]:
    """Plan the twin on the road of each track session that found its week full."""
    full = [verdict for verdict, _ in verdicts if verdict.reason == "limit"]
    drafts = []
    for verdict in full:
        session, _, run = verdict.source
        twin = off_track(draft(run, session, verdict.on).session)
        drafts.append(Draft(verdict.athlete, verdict.on, twin, source=verdict.source))
    others = [(verdict, is_twin) for verdict, is_twin in verdicts if verdict.reason != "limit"]
    return others + [(verdict, verdict.fits) for verdict in place(drafts, skip=SKIP)]


def _enrol(
    runs: Sequence[Enrolment], verdicts: Sequence[tuple[Verdict, bool]], action: Action
) -> None:
    """Keep who follows the plan from now on, and what became of each of its sessions."""
    for run in runs:
        run.joined = action
    again = Enrolment.objects.filter(athlete__in=[run.athlete for run in runs], left_at=None)
    again.filter(plan__in=[run.plan for run in runs], joined__undone_by__isnull=False).delete()
    Enrolment.objects.bulk_create(runs)
    EnrolmentSession.objects.bulk_create(
        EnrolmentSession(
            enrolment=verdict.source[2],
            season_session=verdict.source[0],
            session=verdict.session,
            wanted=verdict.source[1],
            on_road=is_twin,
        )
        for verdict, is_twin in verdicts
    )


def _outcomes(
    runs: Sequence[Enrolment],
    verdicts: Sequence[tuple[Verdict, bool]],
    kept: Mapping[int, list[str]],
) -> list[Outcome]:
    """Count up what became of the plan for each athlete."""
    of_athlete: dict[int, list[tuple[Verdict, bool]]] = {run.athlete_id: [] for run in runs}
    for verdict, is_twin in verdicts:
        of_athlete[verdict.athlete.pk].append((verdict, is_twin))
    return [
        Outcome(
            run.athlete,
            run.first_week,
            placed=sum(bool(v.session) for v, _ in of_athlete[run.athlete_id]),
            on_road=sum(is_twin for _, is_twin in of_athlete[run.athlete_id]),
            refused=tuple(v for v, _ in of_athlete[run.athlete_id] if v.refusal),
            doubts=tuple(d.words for v, _ in of_athlete[run.athlete_id] for d in v.doubts),
            kept_limits=tuple(kept.get(run.athlete_id, ())),
        )
        for run in runs
    ]


def followers(plan: SeasonPlan, team: Team, *, today: date) -> QuerySet[Enrolment]:
    """Return the runs of the team's athletes through a plan that go on and are not over."""
    runs = plan.enrolments.current().since(today, weeks=plan.weeks.count())
    runs = runs.filter(athlete__team=team).select_related("athlete", "group")
    return runs.order_by("starts_on", "athlete__name", "pk")


def following(team: Team, lengths: Mapping[int, int], *, today: date) -> Counter[int]:
    """Count the athletes of the team on each plan, by its id; `lengths` are its weeks."""
    runs = Enrolment.objects.current().since(today, weeks=MOST_WEEKS).filter(athlete__team=team)
    found = {
        (plan, athlete)
        for plan, athlete, starts_on in runs.values_list("plan", "athlete", "starts_on")
        if starts_on > today - timedelta(weeks=lengths.get(plan, 0))
    }
    return Counter(plan for plan, _ in found)


def newcomers(plan: SeasonPlan, team: Team, *, today: date) -> list[tuple[Athlete, Enrolment]]:
    """Return who has come into a group that follows the plan, with the run that they can join.

    Who was taken off the plan is not asked again.
    """
    runs = list(followers(plan, team, today=today))
    by_group = {run.group_id: run for run in runs if run.group_id}
    members = Group.athletes.through.objects.filter(group__in=by_group)
    stopped = plan.enrolments.stopped().since(today, weeks=plan.weeks.count())
    there = {run.athlete_id for run in runs} | set(stopped.values_list("athlete", flat=True))
    missing = members.exclude(athlete__in=there).select_related("athlete")
    found = {row.athlete: by_group[row.group_id] for row in missing.order_by("athlete__name")}
    return list(found.items())


def strays(runs: Sequence[Enrolment]) -> set[int]:
    """Return the ids of the runs whose athlete is no longer in the group they began with."""
    members = set(
        Group.athletes.through.objects.filter(
            group__in={run.group_id for run in runs if run.group_id}
        ).values_list("group_id", "athlete_id")
    )
    return {
        run.pk for run in runs if run.group_id and (run.group_id, run.athlete_id) not in members
    }


@dataclass(frozen=True)
class Row:
    """One week of a plan as a line of its table; metres for an intermediate runner."""

    week: SeasonWeek
    planned_m: float
    days: tuple[tuple[tuple[SeasonSession, float | None], ...], ...]
    doubts: tuple[str, ...]

    @property
    def cells(self) -> list[tuple[tuple[tuple[SeasonSession, float | None], ...], str]]:
        return list(zip(self.days, self.doubts, strict=True))

    @property
    def slots(self) -> tuple[bool, ...]:
        used = sum(session.counts for session in self.week.sessions.all())
        return tuple(slot < used for slot in range(self.week.track_limit))


def table(weeks: Sequence[SeasonWeek]) -> list[Row]:
    """Return the weeks of a plan as rows of seven days, with what is doubtful on each."""
    size = {
        s.pk: distance_m(s.notation, "intermediate", None) for w in weeks for s in w.sessions.all()
    }
    told = doubts_of_plan(weeks)
    rows = []
    for week in weeks:
        days = tuple(
            tuple((s, size[s.pk]) for s in week.sessions.all() if s.weekday == weekday)
            for weekday in range(1, 8)
        )
        said = tuple(" ".join(told.get((week.number, day), ())) for day in range(1, 8))
        total = sum(size[session.pk] or 0 for session in week.sessions.all())
        rows.append(Row(week, total, days, said))
    return rows


def doubts_of_plan(weeks: Iterable[SeasonWeek]) -> dict[tuple[int, int], list[str]]:
    """Return what is doubtful in a plan for an intermediate runner, by week number and weekday."""
    anchor = date(2001, 1, 1)  # a Monday; any would do
    days = [
        Day(
            on=anchor + timedelta(weeks=week.number - 1, days=session.weekday - 1),
            title=session.title,
            kind=session.kind,
            on_track=session.counts,
            distance_m=distance_m(session.notation, "intermediate", None),
        )
        for week in weeks
        for session in week.sessions.all()
    ]
    found: dict[tuple[int, int], list[str]] = {}
    for doubt in doubts(days):
        place_in_plan = (doubt.on - anchor).days // 7 + 1, doubt.on.isoweekday()
        found.setdefault(place_in_plan, []).append(doubt.words)
    return found
