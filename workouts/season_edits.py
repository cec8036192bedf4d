"""Edits of a plan, brought to those who follow it; and leaving a plan.

Only weeks that have not begun and whose mail has not gone out are changed, and only sessions that
nobody has changed by hand since the plan put them there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction

from athletes.models import Athlete, Team, User, monday_of
from workouts.models import (
    Action,
    Delivery,
    Enrolment,
    EnrolmentSession,
    Kind,
    Phase,
    Result,
    ResultLogged,
    SeasonPlan,
    SeasonWeek,
    Session,
    TrackLimitReached,
    TrainingWeek,
    acting,
    counts,
    relabel,
)
from workouts.models.weeks import LIMIT_WORDS
from workouts.planning import Draft, place
from workouts.prescriptions import summary
from workouts.retarget import GONE
from workouts.seasons import (
    SKIP,
    as_planned,
    days_of,
    draft,
    followers,
    road_twin,
    wanted,
    weeks_of,
)


@dataclass(frozen=True)
class Change:
    """One thing that an edit of the plan changes for one athlete; `kept` says why it does not.

    `sort` is add, edit, remove or week; in this order they are made: what frees a slot first.
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
        return cls(
            weeks,
            listed,
            links,
            by_key,
            gone=set(sent.values_list("plan__week_id", flat=True)),
            logged=set(logged.values_list("session_id", flat=True)),
        )

    def is_open(self, run: Enrolment, monday: date, *, today: date) -> bool:
        """Return whether that week of the athlete has not begun, and was not mailed."""
        row = self.rows.get((run.athlete_id, monday))
        return monday > today and not (row and row.pk in self.gone)


def is_edited(plan: SeasonPlan, runs: Iterable[Enrolment]) -> bool:
    """Return whether the plan was edited since its edits were brought to all of them."""
    return any(run.brought_at < plan.changed_at for run in runs)


def pending(plan: SeasonPlan, team: Team, *, now: datetime) -> list[Change]:
    """Return what edits of the plan would change for those who follow it, by day and name."""
    runs = followers(plan, team).prefetch_related("athlete__pauses")
    state = _State.read(runs, weeks_of(plan))
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
        yield from _of_week(run, week, state.rows.get((run.athlete_id, monday)))
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


def _of_week(run: Enrolment, week: SeasonWeek, row: TrainingWeek | None) -> Iterator[Change]:
    """Yield a new phase or limit, where the week still has those that the plan gave it."""
    given = run.given.get(str(week.number))
    if row is None or given is None or given == [week.phase, week.track_limit]:
        return
    name, on = run.athlete.name, row.starts_on
    if row.phase == given[0] != week.phase:
        words = f"the week becomes {Phase(week.phase).label.lower()}"
        yield Change(name, on, words, sort="week", order=1, week=row, phase=week.phase)
    own, plan = row.own_limit, week.track_limit
    limit = TrainingWeek.limit_for(run.athlete, on, own=own, plan=plan)
    if row.plan_limit != plan and limit != row.track_limit:
        words = f"the week may have {LIMIT_WORDS[limit]}"
        order = 3 if limit < row.track_limit else 1
        yield Change(name, on, words, sort="week", order=order, week=row, limit=plan)


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
    if wanted(session.on, vars(session)) != as_planned(link):
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
    if before["on"] != after["on"]:
        moved = f"moves to {date.fromisoformat(after['on']):%A %-d %B}"
        parts.append(moved if parts else f"{before['title']} {moved}")
    return ", ".join(parts)


def bring(plan: SeasonPlan, team: Team, *, by: User, now: datetime) -> Edited:
    """Make all pending changes in one transaction; those that a week refuses are told."""
    label = f"Edits of {plan.title}"
    with (
        transaction.atomic(),
        acting(team=team, by=by, path=Action.Path.PLANEDIT, label=label) as one,
    ):
        _lock(followers(plan, team))
        found = [change for change in pending(plan, team, now=now) if not change.kept]
        refused = []
        for change in sorted(found, key=lambda change: change.order):
            try:
                _make(change)
            except (TrackLimitReached, ResultLogged, Session.DoesNotExist) as error:
                refused.append(str(error) or f"{change.athlete}: {change.words}: changed meanwhile")
        refused += _add([change for change in found if change.sort == "add"])
        _note_given(plan, team, now=now)
        made = len(found) - len(refused)
        relabel(one, f"{label}: {made}")
    return Edited(made, tuple(refused))


def _lock(runs: Iterable[Enrolment]) -> None:
    """Lock the athletes of these runs, then their weeks, in the order of ids, as everybody does."""
    mondays = {run.athlete_id: run.starts_on for run in runs}
    athletes = Athlete.objects.filter(pk__in=mondays).order_by("pk")
    list(athletes.select_for_update(no_key=True).values_list("pk"))
    weeks = TrainingWeek.objects.filter(
        athlete__in=mondays, starts_on__gte=min(mondays.values(), default=date.max)
    )
    list(weeks.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _make(change: Change) -> None:
    """Make one change by the verb of its week."""
    link = change.link
    if change.sort == "remove":
        assert link is not None and link.session is not None
        link.session.remove()
        link.delete()
    elif change.sort == "week" and change.week:
        if change.phase:
            change.week.set_phase(change.phase)
        wanted = change.limit
        if wanted is not None and change.week.set_plan_limit(wanted) > wanted:
            # It comes down by itself once a session leaves the week.
            raise TrackLimitReached(change.week)
    elif change.sort == "edit":
        _rewrite(change)


def _rewrite(change: Change) -> None:
    assert change.link and change.link.session and change.week and change.draft
    link, session, week = change.link, change.link.session, change.week
    asked = change.draft.source[1]
    on_road = link.on_road and counts(asked["kind"], asked["surface"])
    new = road_twin(asked) if on_road else asked
    with transaction.atomic():
        if change.draft.on != session.on:
            week.move(session, weekday=change.draft.on.isoweekday())
        fields = {name: new[name] for name in ("kind", "surface", "title", "notation")}
        workout = change.draft.session["workout"]
        if any(getattr(session, name) != value for name, value in fields.items()):
            week.edit(session, **fields, workout=workout)
        link.wanted, link.on_road = asked, on_road
        link.save(update_fields=["wanted", "on_road"])


def _add(changes: Sequence[Change]) -> list[str]:
    """Place what is new in the plan; return the refusals in words."""
    drafts = [change.draft for change in changes if change.draft]
    refused = []
    for verdict in place(drafts, skip=SKIP):
        session, asked, run = verdict.source
        EnrolmentSession.objects.update_or_create(
            enrolment=run,
            season_session=session,
            defaults={"session": verdict.session, "wanted": asked, "on_road": False},
        )
        if verdict.refusal:
            refused.append(verdict.refusal)
    return refused


def _note_given(plan: SeasonPlan, team: Team, *, now: datetime) -> None:
    """Note which phases and limits the plan gives to the weeks of those who follow it now."""
    weeks = weeks_of(plan)
    runs = list(followers(plan, team))
    for run in runs:
        run.brought_at = now
        run.given = {
            str(week.number): [week.phase, week.track_limit] for week in weeks[run.first_week - 1 :]
        }
    Enrolment.objects.bulk_update(runs, ["given", "brought_at"])


@dataclass(frozen=True)
class Left:
    """How many sessions went with the plan, and what stays in words."""

    removed: int
    kept: tuple[str, ...] = ()


def leave(run: Enrolment, *, by: User, now: datetime) -> Left:
    """Take an athlete off a plan: sessions of weeks to come go, unless mailed or logged.

    The weeks get back the phase and the limit that they would have without the plan.
    """
    athlete, plan = run.athlete, run.plan
    today = athlete.today(now)
    label = f"{athlete.name} leaves {plan.title}"
    what = acting(team=athlete.team, by=by, path=Action.Path.PLAN, label=label)
    with transaction.atomic(), what as action:
        _lock([run])
        state = _State.read([run], weeks_of(plan))
        removed, kept = 0, []
        for link in state.links[run.pk]:
            session = link.session
            if session is None or session.week.starts_on <= today:
                continue
            if session.week_id in state.gone:
                kept.append(f"{session.title} on {session.on:%-d %B}: it was mailed")
                continue
            if why_kept := _why_kept(link, state):
                kept.append(f"{session.title} on {session.on:%-d %B}: {why_kept}")
                continue
            try:
                session.remove()
                removed += 1
            except ResultLogged:
                kept.append(f"{session.title} on {session.on:%-d %B}: a result is logged")
        _take_back(run, state, today=today)
        Enrolment.objects.filter(pk=run.pk).update(left_at=now, left=action)
    return Left(removed, tuple(kept))


def _take_back(run: Enrolment, state: _State, *, today: date) -> None:
    """Give weeks to come back their own phase and limit, but for what another plan gives them."""
    others = Enrolment.objects.current().filter(athlete=run.athlete).exclude(pk=run.pk)
    limits: dict[date, list[int]] = {}
    for other in others:
        for number, (_, limit) in other.given.items():
            limits.setdefault(other.monday(int(number)), []).append(limit)
    for number, (phase, _) in run.given.items():
        monday = run.monday(int(number))
        row = state.rows.get((run.athlete_id, monday))
        if row is None or not state.is_open(run, monday, today=today):
            continue
        if row.phase == phase:
            row.set_phase("")
        if row.plan_limit is not None:
            row.set_plan_limit(min(limits.get(monday, []), default=None))
