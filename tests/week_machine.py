"""A machine that plans at random: two coaches, three athletes, two weeks, all that a coach can do.

Each coach works on what they loaded last, which the other may have changed since. After every step
the database must agree with what the answers said: no week over its limit, no session lost.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from athletes.models import Athlete, Pause
from tests.make import MONDAY, make_athlete, make_team, make_user
from workouts import planning, season_edits, seasons
from workouts.models import (
    Action,
    Enrolment,
    EnrolmentSession,
    SeasonPlan,
    SeasonWeekFull,
    Session,
    TrackLimitReached,
    TrainingWeek,
    acting,
)
from workouts.undoing import undo

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEKS = (MONDAY, MONDAY + timedelta(days=7))
NOTATION = {
    "EASY": "8km easy",
    "REST": "rest",
    "FARTLEK": "8 x 1min @ 5k, jog 1min",
    "TRACK": "6 x 800 @ 5k, jog 200",
    "RACE": "5k @ 5k",
    "LONG": "4 x 1mi @ marathon, jog 400",  # faster than easy: on the track it counts
}
LAPS = {"kind": "TRACK", "surface": "TRACK", "title": "Laps", "notation": "8 x 400 @ mile"}
JOG = {"kind": "EASY", "surface": "", "title": "Jog", "notation": "8km easy"}
kinds = st.sampled_from(sorted(NOTATION))
surfaces = st.sampled_from(["", "TRACK", "ROAD"])
weekdays = st.integers(1, 7)
athletes = st.integers(0, 2)
weeks = st.integers(0, 1)
coaches = st.integers(0, 1)
limits = st.integers(0, 2)
some = st.integers(0, 1_000_000)


class Planning(RuleBasedStateMachine):
    """`known` holds the ids of the sessions that must be there; `seen` what each coach loaded."""

    sequences = steps = 0

    @initialize()
    def begin(self) -> None:
        type(self).sequences += 1
        self.clear()
        self.coaches = [make_user(email=f"coach{n}@club.example") for n in range(2)]
        self.team = make_team(coach=self.coaches[0])
        self.athletes = [make_athlete(team=self.team, name=f"Runner {n}") for n in range(3)]
        self.plan = SeasonPlan.objects.create(team=self.team, title="Two weeks")
        self.plan.set_weeks(2)
        rows = [{"weekday": 2, **LAPS}, {"weekday": 5, **LAPS}, {"weekday": 7, **JOG}]
        for week in self.plan.weeks.all():
            week.fill(rows, phase="BUILD", track_limit=2)
        self.known: set[int] = set()
        self.of_plan: set[int] = set()
        self.has_edits = False  # none that nobody has brought yet
        self.seen: list[list[Session]] = [[], []]

    def clear(self) -> None:
        for model in (Action, Enrolment, SeasonPlan, Session, TrainingWeek, Pause, Athlete):
            model.objects.all().delete()
        for history in (Session.history, TrainingWeek.history):
            history.all().delete()

    def teardown(self) -> None:
        if hasattr(self, "team"):
            self.clear()
            self.team.delete()
            for coach in self.coaches:
                coach.delete()

    def week(self, athlete: int, week: int) -> TrainingWeek:
        one = Athlete.objects.get(pk=self.athletes[athlete].pk)
        return TrainingWeek.objects.open_for(one, WEEKS[week])

    def act(self, coach: int, path: str = Action.Path.FORM) -> Any:
        return acting(team=self.team, by=self.coaches[coach], path=path, label="A change")

    def pick(self, coach: int, some: int) -> Session:
        """Return a session as this coach saw it last, or sees it now where nothing was seen."""
        stale = self.seen[coach]
        if not stale or some % 3 == 0:
            now = Session.objects.select_related("week__athlete").order_by("pk")
            stale = self.seen[coach] = list(now)
        return stale[some % len(stale)]

    # What coaches do

    @rule(coach=coaches, athlete=athletes, week=weeks, day=weekdays, kind=kinds, surface=surfaces)
    def add(self, coach, athlete, week, day, kind, surface):
        try:
            with self.act(coach):
                session = self.week(athlete, week).schedule(
                    kind=kind, weekday=day, notation=NOTATION[kind], title=kind, surface=surface
                )
            self.known.add(session.pk)
        except TrackLimitReached as error:
            assert error.week.track_limit == len(error.in_the_way)

    @precondition(lambda self: self.known)
    @rule(coach=coaches, some=some, week=weeks, day=weekdays)
    def move(self, coach, some, week, day):
        session = self.pick(coach, some)
        target = TrainingWeek.objects.open_for(session.week.athlete, WEEKS[week])
        try:
            with self.act(coach, Action.Path.BOARD):
                target.move(session, weekday=day)
        except (TrackLimitReached, Session.DoesNotExist):
            pass

    @precondition(lambda self: self.known)
    @rule(coach=coaches, some=some, kind=kinds, surface=st.none() | surfaces)
    def change(self, coach, some, kind, surface):
        session = self.pick(coach, some)
        fields = {} if surface is None else {"surface": surface}
        try:
            with self.act(coach):
                session.week.edit(session, kind=kind, notation=NOTATION[kind], **fields)
        except (TrackLimitReached, Session.DoesNotExist):
            pass

    @precondition(lambda self: self.known)
    @rule(coach=coaches, some=some)
    def remove(self, coach, some):
        session = self.pick(coach, some)
        pk = session.pk
        try:
            with self.act(coach):
                session.remove()
            self.known.remove(pk)
        except Session.DoesNotExist:
            pass

    @rule(coach=coaches, athlete=athletes, week=weeks, one=weekdays, other=weekdays)
    def swap(self, coach, athlete, week, one, other):
        with self.act(coach, Action.Path.BOARD):
            self.week(athlete, week).swap_days(one, other)

    @rule(
        coach=coaches, week=weeks, day=weekdays, kind=kinds, surface=surfaces, whole=st.booleans()
    )
    def add_for_all(self, coach, week, day, kind, surface, whole):
        with self.act(coach, Action.Path.GROUP):
            self.place(
                planning.schedule_for(
                    Athlete.objects.all(),
                    starts_on=WEEKS[week],
                    weekday=day,
                    notation=NOTATION[kind],
                    title=kind,
                    kind=kind,
                    surface=surface,
                    all_or_nothing=whole,
                )
            )

    @precondition(lambda self: self.known)
    @rule(coach=coaches, some=some, athlete=athletes, week=weeks, day=weekdays)
    def copy(self, coach, some, athlete, week, day):
        session = self.pick(coach, some)
        on = WEEKS[week] + timedelta(days=day - 1)
        one = Athlete.objects.get(pk=self.athletes[athlete].pk)
        with self.act(coach, Action.Path.COPY):
            self.place(planning.place(planning.copy_session(session, to=[(one, on)])))

    @rule(coach=coaches, athlete=athletes, week=weeks, to=athletes)
    def copy_week(self, coach, athlete, week, to):
        source = self.week(athlete, week)
        one = Athlete.objects.get(pk=self.athletes[to].pk)
        with self.act(coach, Action.Path.COPY):
            self.place(planning.place(planning.copy_week(source, to=[(one, WEEKS[1 - week])])))

    def place(self, verdicts: list[Any]) -> None:
        for verdict in verdicts:
            assert not (verdict.session and verdict.refusal)
            if verdict.session:
                self.known.add(verdict.session.pk)

    @rule(coach=coaches, athlete=athletes, on_road=st.booleans())
    def follow_a_plan(self, coach, athlete, on_road):
        """Two weeks with two track sessions each: those that find no slot stay out."""
        one = Athlete.objects.get(pk=self.athletes[athlete].pk)
        seasons.follow(
            self.plan,
            {one: None},
            starts_on=WEEKS[0],
            race_on=None,
            by=self.coaches[coach],
            team=self.team,
            now=NOW,
            on_road=on_road,
        )
        now = set(Session.objects.values_list("pk", flat=True))
        assert self.known <= now
        self.of_plan |= now - self.known
        self.known = now

    @rule(coach=coaches, athlete=athletes)
    def leave_a_plan(self, coach, athlete):
        run = Enrolment.objects.current().filter(athlete=self.athletes[athlete].pk).first()
        if run:
            links = EnrolmentSession.objects.filter(enrolment=run)
            of_plan = set(links.values_list("session", flat=True))
            season_edits.leave(run, by=self.coaches[coach], now=NOW)
            now = set(Session.objects.values_list("pk", flat=True))
            assert self.known - now <= of_plan
            assert now <= self.known
            self.known = now

    @rule(coach=coaches, week=weeks, some=some, day=weekdays, kind=kinds, surface=surfaces)
    def edit_the_plan(self, coach, week, some, day, kind, surface):
        """Change a session of the plan, take it out, or write another; the followers wait."""
        self.has_edits = True
        row = self.plan.weeks.get(number=week + 1)
        fields = ("pk", "weekday", "kind", "surface", "title", "notation")
        rows = list(row.sessions.order_by("pk").values(*fields))
        new = {"kind": kind, "title": kind, "notation": NOTATION[kind], "surface": surface}
        new |= {"weekday": day, "surface": "TRACK" if kind == "TRACK" else surface}
        if not rows or some % 3 == 0:
            rows.append(new)
        elif some % 3 == 1:
            rows[some % len(rows)] |= new
        else:
            del rows[some % len(rows)]
        with suppress(SeasonWeekFull):
            row.fill(rows, phase="BUILD", track_limit=some % 3, by=self.coaches[coach])

    @precondition(lambda self: self.has_edits)
    @rule(coach=coaches)
    def bring_the_edits(self, coach):
        self.has_edits = False
        season_edits.bring(self.plan, self.team, by=self.coaches[coach], now=NOW)
        links = EnrolmentSession.objects.exclude(session=None)
        of_plan = set(links.values_list("session", flat=True)) | self.of_plan
        now = set(Session.objects.values_list("pk", flat=True))
        assert now ^ self.known <= of_plan  # a plan takes out and puts in its own, no more
        self.known, self.of_plan = now, of_plan

    @rule(coach=coaches, athlete=athletes, week=weeks, limit=limits)
    def limit_of_a_week(self, coach, athlete, week, limit):
        try:
            with self.act(coach):
                self.week(athlete, week).set_track_limit(limit)
        except TrackLimitReached as error:
            assert len(error.in_the_way) > limit

    @rule(coach=coaches, athlete=athletes, limit=limits)
    def limit_of_an_athlete(self, coach, athlete, limit):
        one = Athlete.objects.get(pk=self.athletes[athlete].pk)
        Athlete.objects.filter(pk=one.pk).update(track_limit=limit)
        one.limit_changed(today=MONDAY, by=self.coaches[coach])

    @rule(coach=coaches, athlete=athletes, week=weeks, is_open=st.booleans())
    def pause(self, coach, athlete, week, is_open):
        one = Athlete.objects.get(pk=self.athletes[athlete].pk)
        if one.pauses.exists():
            one.pauses.all().delete()
        else:
            one.pauses.create(
                starts_on=WEEKS[week], ends_on=None if is_open else WEEKS[week], gentle_weeks=1
            )
        one.limit_changed(today=MONDAY, by=self.coaches[coach])

    @rule(coach=coaches)
    def take_back(self, coach):
        actions = Action.objects.filter(by=self.coaches[coach], undone_by=None)
        action = actions.exclude(path=Action.Path.UNDO).order_by("-at", "-pk").first()
        if action:
            before = set(Session.objects.values_list("pk", flat=True))
            undo(action, by=self.coaches[coach], now=NOW)
            after = set(Session.objects.values_list("pk", flat=True))
            kept = Session.history.filter(action=action)
            added = set(kept.filter(history_type="+").values_list("id", flat=True))
            removed = set(kept.filter(history_type="-").values_list("id", flat=True))
            assert before - after <= added  # an undo takes out what the action added, no more
            assert after - before <= removed
            self.known = self.known - (before - after) | (after - before)

    # What must hold after each

    @invariant()
    def no_week_is_over_its_limit(self):
        type(self).steps += 1
        if hasattr(self, "team"):
            assert not TrainingWeek.objects.over_limit().exists()

    @invariant()
    def each_week_allows_what_is_asked_for_or_what_it_still_holds(self):
        """A limit that was lowered waits for the sessions that are there, and for no more."""
        if hasattr(self, "team"):
            weeks = TrainingWeek.objects.select_related("athlete").prefetch_related(
                "athlete__pauses", "sessions"
            )
            for week in weeks:
                asked = week.own_limit
                if asked is None:
                    by_plan = 2 if week.plan_limit is None else week.plan_limit
                    asked = min(week.athlete.track_limit, by_plan)
                pauses = week.athlete.pauses.all()
                asked = min([asked, *(pause.limit_in(week.starts_on) for pause in pauses)])
                held = sum(session.counts for session in week.sessions.all())
                assert week.track_limit == max(asked, held)

    @invariant()
    def no_session_is_lost(self):
        if hasattr(self, "team"):
            assert set(Session.objects.values_list("pk", flat=True)) == self.known

    @invariant()
    def the_history_knows_every_session_as_it_is(self):
        if hasattr(self, "team"):
            latest: dict[int, Any] = {}
            for row in Session.history.order_by("history_id"):
                latest[row.id] = row
            for session in Session.objects.all():
                row = latest[session.pk]
                assert (row.week_id, row.weekday, row.kind, row.surface) == (
                    session.week_id,
                    session.weekday,
                    session.kind,
                    session.surface,
                )
