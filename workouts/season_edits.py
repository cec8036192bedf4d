"""Edits of a plan, brought to those who follow it; and leaving a plan.

Only weeks that have not begun and whose mail has not gone out are changed, and only sessions that
nobody has changed by hand since the plan put them there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction

from athletes.models import Athlete, Team, User, monday_of
from workouts.models import (
    Action,
    Delivery,
    Enrolment,
    EnrolmentSession,
    Kind,
    Phase,
    PlanEdit,
    Result,
    SeasonPlan,
    SeasonWeek,
    TrainingWeek,
    acting,
    counts,
    relabel,
)
from workouts.models.rewriting import full_words, remove, rewrite, write_weeks
from workouts.models.weeks import LIMIT_WORDS
from workouts.planning import Draft, off_track, place
from workouts.prescriptions import summary
from workouts.retarget import GONE
from workouts.seasons import (
    RACE_NOTES,
    SKIP,
    as_planned,
    days_of,
    draft,
    followers,
    shown,
    weeks_of,
)

LOWERS = 3  # the `order` of a week that allows less: after what frees its slots


@dataclass(frozen=True)
class Change:
    """One thing that an edit of the plan changes for one athlete; `kept` says why it does not.

    `sort` is add, edit, remove or week; `order` that of a day: what frees a slot first.
    """

    athlete: str
    on: date
    words: str
    sort: str = "edit"
    kept: str = ""
    order: int = 2
    week: TrainingWeek | None = field(default=None, compare=False)
    link: EnrolmentSession | None = field(default=None, compare=False)
    draft: Draft | None = field(default=None, compare=False)
    limit: int | None = None
    phase: str = ""


@dataclass(frozen=True)
class Edited:
    """How many changes were made, and in words those that could not be."""

    made: int
    refused: tuple[str, ...] = ()


@dataclass
class _State:
    """What the weeks of the followers hold now, read in a few queries."""

    weeks: list[SeasonWeek]
    runs: list[Enrolment]
    links: dict[int, list[EnrolmentSession]]
    rows: dict[tuple[int, date], TrainingWeek]
    gone: set[int]
    logged: set[int]
    current: dict[int, list[Enrolment]]

    @classmethod
    def read(cls, runs: Iterable[Enrolment], weeks: list[SeasonWeek]) -> "_State":
        listed = list(runs)
        links: dict[int, list[EnrolmentSession]] = {run.pk: [] for run in listed}
        found = EnrolmentSession.objects.filter(enrolment__in=listed).order_by("pk")
        for link in found.select_related("session__week"):
            links[link.enrolment_id].append(link)
        mondays = {run.monday(week.number) for run in listed for week in weeks}
        rows = TrainingWeek.objects.filter(
            athlete__in=[run.athlete for run in listed], starts_on__in=mondays
        ).select_related("athlete")
        by_key = {(row.athlete_id, row.starts_on): row for row in rows}
        # Where its sessions are now, too: a coach may have moved one beyond the plan.
        of_links = {one.session.week_id for some in links.values() for one in some if one.session}
        ids = of_links | {row.pk for row in by_key.values()}
        sent = Delivery.objects.filter(plan__week__in=ids, state__in=GONE)
        logged = Result.objects.filter(session__from_plan__enrolment__in=listed)
        current: dict[int, list[Enrolment]] = {run.athlete_id: [] for run in listed}
        for run in Enrolment.objects.current().filter(athlete__in=current):
            current[run.athlete_id].append(run)
        return cls(
            weeks,
            listed,
            links,
            by_key,
            gone=set(sent.values_list("plan__week_id", flat=True)),
            logged=set(logged.values_list("session_id", flat=True)),
            current=current,
        )

    def is_open(self, run: Enrolment, monday: date, *, today: date) -> bool:
        """Return whether that week of the athlete has not begun, and was not mailed."""
        row = self.rows.get((run.athlete_id, monday))
        return monday > today and not (row and row.pk in self.gone)

    def by_others(self, run: Enrolment, monday: date) -> tuple[set[str | None], int | None]:
        """Return the phases, and the lowest limit, that the athlete's other runs give a week."""
        given = [
            other.given_in(other.week_number(monday))
            for other in self.current[run.athlete_id]
            if other.pk != run.pk
        ]
        limits = [limit for _, limit, _ in given if limit is not None]
        return {phase for phase, _, _ in given}, min(limits, default=None)


def is_edited(plan: SeasonPlan, runs: Iterable[Enrolment]) -> bool:
    """Return whether the plan was edited since its edits were brought to all of them."""
    return any(run.brought_at < plan.changed_at for run in runs)


def pending(plan: SeasonPlan, team: Team, *, now: datetime) -> list[Change]:
    """Return what edits of the plan would change for those who follow it, by day and name."""
    return _pending(_read(plan, team, now=now), now)


def _read(
    plan: SeasonPlan, team: Team, *, now: datetime, only: Iterable[Enrolment] | None = None
) -> _State:
    runs = followers(plan, team, today=now.date()).prefetch_related("athlete__pauses")
    if only is not None:
        runs = runs.filter(pk__in=[run.pk for run in only])
    return _State.read(runs, weeks_of(plan))


def _pending(state: _State, now: datetime) -> list[Change]:
    found = [change for run in state.runs for change in _of_run(run, state, now)]
    return sorted(found, key=lambda change: (change.on, change.athlete, change.order))


def _of_run(run: Enrolment, state: _State, now: datetime) -> Iterator[Change]:
    today = run.athlete.today(now)
    links = {link.season_session_id: link for link in state.links[run.pk]}
    asked = set()
    for week in state.weeks[run.first_week - 1 :]:
        monday = run.monday(week.number)
        if not state.is_open(run, monday, today=today):
            asked |= {session.pk for session in week.sessions.all()}
            continue
        yield from _of_week(run, week, state)
        for session, on in days_of(week, monday, run.race_on):
            asked.add(session.pk)
            change = _of_session(run, draft(run, session, on), links.get(session.pk), state)
            if change:
                yield change
    for link in state.links[run.pk]:
        monday = monday_of(date.fromisoformat(link.wanted["on"]))
        is_over = link.season_session_id in asked or not link.session
        if not is_over and state.is_open(run, monday, today=today):
            yield _removal(run, link, state)


def _of_week(run: Enrolment, week: SeasonWeek, state: _State) -> Iterator[Change]:
    """Yield a new phase or limit, where the week still has those that the plan gave it.

    Of two plans at once the lower limit holds. It is noted though it should change nothing yet.
    """
    monday = run.monday(week.number)
    row, given = state.rows.get((run.athlete_id, monday)), run.given.get(str(week.number))
    if row is None or given is None or given[:2] == [week.phase, week.track_limit]:
        return
    name = run.athlete.name
    if row.phase == given[0] != week.phase:
        words = f"the week becomes {Phase(week.phase).label.lower()}"
        yield Change(name, monday, words, sort="week", order=1, week=row, phase=week.phase)
    _, others = state.by_others(run, monday)
    plan = week.track_limit if others is None else min(week.track_limit, others)
    limit = TrainingWeek.limit_for(run.athlete, monday, own=row.own_limit, plan=plan)
    if row.plan_limit != plan:
        words = f"the week may have {LIMIT_WORDS[limit]}"
        if limit == row.track_limit:
            words = f"the plan allows {LIMIT_WORDS[plan]}, the week keeps its limit"
        order = LOWERS if limit < row.track_limit else 1
        yield Change(name, monday, words, sort="week", order=order, week=row, limit=plan)


def _of_session(
    run: Enrolment, drafted: Draft, link: EnrolmentSession | None, state: _State
) -> Change | None:
    """Return what becomes of one session of the plan for one athlete, None where it stays."""
    name, on = run.athlete.name, drafted.on
    asked = drafted.source[1]
    if link and link.wanted == asked:
        return None
    words = f"{asked['title']} is added"
    if link is None or link.session_id is None:
        return Change(name, on, words, sort="add", order=4, link=link, draft=drafted)
    before = date.fromisoformat(link.wanted["on"])
    if link.session is None:
        words = f"{link.wanted['title']} was taken out by hand, and stays out"
        return Change(name, before, words, kept=words)
    words = _becomes(link.wanted, asked, run.athlete.level.lower())
    kept = _why_kept(link, state)
    frees = link.session.counts and not counts(asked["kind"], asked["surface"])
    return Change(
        name,
        before,
        words,
        kept=kept,
        order=1 if frees else 2,
        week=state.rows.get((run.athlete_id, link.session.week.starts_on)),
        link=link,
        draft=drafted,
    )


def _removal(run: Enrolment, link: EnrolmentSession, state: _State) -> Change:
    on = date.fromisoformat(link.wanted["on"])
    words = f"{link.wanted['title']} is taken out"
    kept = _why_kept(link, state)
    return Change(run.athlete.name, on, words, sort="remove", kept=kept, order=0, link=link)


def _why_kept(link: EnrolmentSession, state: _State) -> str:
    """Say why an edit of the plan leaves a session alone, "" where it does not."""
    session = link.session
    assert session is not None
    if session.pk in state.logged:
        return "a result is logged"
    if shown(session.on, vars(session)) != as_planned(link):
        return "edited by hand"
    return ""


def _becomes(before: Mapping[str, str], after: Mapping[str, str], level: str) -> str:
    """Say what an edit makes of a session: 6 x 800 m becomes 5 x 800 m."""
    old, new = before["title"], after["title"]
    parts = []
    if before["notation"] != after["notation"] or old != new:
        if old == new:
            old, new = (summary(text["notation"], level).shape for text in (before, after))
        is_same = old == new
        parts.append(f"{before['title']} is written anew" if is_same else f"{old} becomes {new}")
    kind = ("kind", "surface")
    if [before[name] for name in kind] != [after[name] for name in kind]:
        where = after["surface"].lower()
        label = Kind(after["kind"]).label.lower() + (f" on the {where}" if where else "")
        parts.append(f"{before['title']} becomes a {label}" if not parts else f"now a {label}")
    if before["priority"] != after["priority"]:
        race = f"{after['priority']} race" if after["priority"] else "race without a priority"
        parts.append(f"now a {race}" if parts else f"{before['title']} becomes a {race}")
    if before["on"] != after["on"]:
        moved = f"moves to {date.fromisoformat(after['on']):%A %-d %B}"
        parts.append(moved if parts else f"{before['title']} {moved}")
    return ", ".join(parts)


def bring(plan: SeasonPlan, team: Team, *, by: User, now: datetime) -> Edited:
    """Make all pending changes in one transaction; those that a week refuses are told.

    The number of queries does not grow with the sessions.
    """
    label = f"Edits of {plan.title}"
    with (
        transaction.atomic(),
        acting(team=team, by=by, path=Action.Path.PLANEDIT, label=label) as one,
    ):
        runs = list(followers(plan, team, today=now.date()))
        _lock(runs)
        # Who comes onto the plan at this moment is not locked, and waits for the next time.
        state = _read(plan, team, now=now, only=runs)
        edit = PlanEdit(action=one, plan=plan, brought_at=now)
        found = [change for change in _pending(state, now) if not change.kept]
        # What gives room goes first, what takes it last.
        refused = _remove([change for change in found if change.sort == "remove"], edit)
        weeks = [change for change in found if change.sort == "week"]
        refused += _write_weeks([change for change in weeks if change.order != LOWERS])
        refused += _rewrite([change for change in found if change.sort == "edit"], edit)
        refused += _write_weeks([change for change in weeks if change.order == LOWERS])
        links = [change.link for change in found if change.link]
        write_weeks({link.session.week_id: {} for link in links if link.session})
        refused += _add([change for change in found if change.sort == "add"], edit)
        _note_given(state, edit)
        edit.save()
        made = len(found) - len(refused)
        relabel(one, f"{label}: {made}")
    return Edited(made, tuple(refused))


def _lock(runs: Sequence[Enrolment]) -> None:
    """Lock the athletes of these runs, then their weeks, in the order of ids, as everybody does."""
    ids = {run.athlete_id for run in runs}
    first = min((run.starts_on for run in runs), default=date.max)
    athletes = Athlete.objects.filter(pk__in=ids).order_by("pk")
    list(athletes.select_for_update(no_key=True).values_list("pk"))
    weeks = TrainingWeek.objects.filter(athlete__in=ids, starts_on__gte=first)
    list(weeks.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _remove(changes: Sequence[Change], edit: PlanEdit) -> list[str]:
    links = {c.link.session_id: c.link for c in changes if c.link and c.link.session_id}
    logged = remove(links)
    for session_id in links.keys() - logged:
        edit.keep(session_id, links[session_id])
    gone = [link.pk for session_id, link in links.items() if session_id not in logged]
    EnrolmentSession.objects.filter(pk__in=gone).delete()
    return [
        f"{change.athlete}: {change.words}: a result is logged"
        for change in changes
        if change.link and change.link.session_id in logged
    ]


def _write_weeks(changes: Sequence[Change]) -> list[str]:
    """Give weeks their new phase and limit; return in words which allow more than the plan."""
    wanted: dict[int, dict[str, Any]] = {}
    for change in changes:
        assert change.week
        fields = wanted.setdefault(change.week.pk, {})
        if change.limit is not None:
            fields["plan_limit"] = change.limit
        if change.phase:
            fields["phase"] = change.phase
    # Those come down by themselves once a session leaves them, but for what a coach set by hand.
    over = [
        week
        for week in write_weeks(wanted)
        if week.own_limit is None
        and week.track_limit > wanted[week.pk].get("plan_limit", week.track_limit)
    ]
    return full_words(over)


def _rewrite(changes: Sequence[Change], edit: PlanEdit) -> list[str]:
    links: dict[int, EnrolmentSession] = {}
    states: dict[int, dict[str, Any]] = {}
    for change in changes:
        assert change.link and change.link.session and change.draft
        link, session = change.link, change.link.session
        asked, fields = change.draft.source[1], change.draft.session
        edit.keep(session.pk, link)
        link.on_road = link.on_road and counts(asked["kind"], asked["surface"])
        state = off_track(fields) if link.on_road else dict(fields)
        state["weekday"] = change.draft.on.isoweekday()
        if session.note != RACE_NOTES.get(link.wanted["priority"], ""):
            del state["note"]  # the coach's own word
        state["workout_id"] = getattr(state.pop("workout"), "pk", None)
        link.wanted, links[session.pk], states[session.pk] = asked, link, state
    full = rewrite(states)
    for session_id in full:
        del edit.links[str(session_id)]
    made = [link for session_id, link in links.items() if session_id not in full]
    EnrolmentSession.objects.bulk_update(made, ["wanted", "on_road"])
    return list(full.values())


def _add(changes: Sequence[Change], edit: PlanEdit) -> list[str]:
    """Place what is new in the plan; return the refusals in words."""
    before = {
        (change.draft.source[2].pk, change.draft.source[0].pk): change.link
        for change in changes
        if change.draft
    }
    verdicts = place([change.draft for change in changes if change.draft], skip=SKIP)
    links = []
    for verdict in verdicts:
        session, asked, run = verdict.source
        link = before[run.pk, session.pk]
        if verdict.session:
            edit.keep(verdict.session.pk, link)
        link = link or EnrolmentSession(enrolment=run, season_session=session)
        link.session, link.wanted, link.on_road = verdict.session, asked, False
        links.append(link)
    known, new = ([one for one in links if bool(one.pk) is there] for there in (True, False))
    EnrolmentSession.objects.bulk_update(known, ["session", "wanted", "on_road"])
    EnrolmentSession.objects.bulk_create(new)
    return [verdict.refusal for verdict in verdicts if verdict.refusal]


def _note_given(state: _State, edit: PlanEdit) -> None:
    """Note which phases and limits the plan gives to the weeks of those who follow it now.

    A phase that the plan had not given is the coach's own, though the plan should ask for it now.
    """
    for run in state.runs:
        edit.runs[str(run.pk)] = [run.given, run.brought_at.isoformat()]
        given = {}
        for week in state.weeks[run.first_week - 1 :]:
            row = state.rows.get((run.athlete_id, run.monday(week.number)))
            phase, _, before = run.given_in(week.number)
            if row and row.phase != phase:
                before = row.phase
            given[str(week.number)] = [week.phase, week.track_limit, before]
        run.given, run.brought_at = given, edit.brought_at
    Enrolment.objects.bulk_update(state.runs, ["given", "brought_at"])


@dataclass(frozen=True)
class Left:
    """How many sessions went with the plan, and what stays in words."""

    removed: int
    kept: tuple[str, ...]


def leave(run: Enrolment, *, by: User, now: datetime) -> Left | None:
    """Take an athlete off a plan: sessions of weeks to come go, unless mailed or logged.

    The weeks get back the phase and the limit that they would have without the plan. Nothing is
    done, and None returned, where somebody else has taken the athlete off it already.
    """
    athlete, plan = run.athlete, run.plan
    today = athlete.today(now)
    label = f"{athlete.name} leaves {plan.title}"
    what = acting(team=athlete.team, by=by, path=Action.Path.PLAN, label=label)
    with transaction.atomic(), what as action:
        _lock([run])
        still = Enrolment.objects.current().filter(pk=run.pk).select_related("athlete", "plan")
        state = _State.read(still, weeks_of(plan))
        if not state.runs:
            return None
        [run] = state.runs
        going, kept = {}, []
        for link in state.links[run.pk]:
            session = link.session
            if session is None or session.week.starts_on <= today:
                continue
            why_kept = "it was mailed" if session.week_id in state.gone else _why_kept(link, state)
            if why_kept:
                kept.append(f"{session.title} on {session.on:%-d %B}: {why_kept}")
            else:
                going[session.pk] = session
        logged = [going.pop(pk) for pk in remove(going)]
        kept += [f"{one.title} on {one.on:%-d %B}: a result is logged" for one in logged]
        _take_back(run, state, today=today)
        Enrolment.objects.filter(pk=run.pk).update(left_at=now, left=action)
    return Left(len(going), tuple(kept))


def _take_back(run: Enrolment, state: _State, *, today: date) -> None:
    """Give weeks to come back the phase and limit from before, but for what another plan gives."""
    others = Enrolment.objects.filter(athlete=run.athlete).exclude(pk=run.pk)
    # What these gave before this plan came, nobody gives any more.
    over = list(others.stopped().filter(left__gt=run.joined_id or 0).order_by("-pk"))
    wanted: dict[int, dict[str, Any]] = {}
    for number in map(int, run.given):
        monday = run.monday(number)
        row = state.rows.get((run.athlete_id, monday))
        if row is None or not state.is_open(run, monday, today=today):
            continue
        fields = wanted.setdefault(row.pk, {})
        phases, limit = state.by_others(run, monday)
        phase, _, before = run.given_in(number)
        if row.phase == phase and phase not in phases:
            for other in over:
                gave, _, still_before = other.given_in(other.week_number(monday))
                before = still_before if gave == before else before
            fields["phase"] = before
        if row.plan_limit is not None:
            fields["plan_limit"] = limit
    write_weeks(wanted)
