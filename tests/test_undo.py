"""A coach takes a change back: one session, a whole group, a move, a removal, a limit."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.make import EASY, MONDAY, TRACK, make_athlete, make_full_week, make_session, make_week
from workouts import planning
from workouts.constraints import refusal
from workouts.models import Action, Kind, Result, Session, TrainingWeek, Workout, acting, rewriting
from workouts.undoing import Undone, undo

pytestmark = pytest.mark.django_db
FORM = Action.Path.FORM


@pytest.fixture
def act(team, coach):
    """Do something as the coach, in one action."""

    def as_coach(label="A change", path=FORM):
        return acting(team=team, by=coach, path=path, label=label)

    return as_coach


@pytest.fixture
def take_back(team, coach, now):
    """Undo the coach's latest change."""

    def last():
        later = now + timedelta(days=365)
        action = Action.objects.filter(team=team, undone_by=None).exclude(path="UNDO")
        return undo(action.latest("at", "pk"), by=coach, now=later)

    return last


def state(*weeks):
    """Return all that is planned in these weeks, but for the numbers of rows and slots."""
    rows = Session.objects.filter(week__in=weeks).order_by("pk")
    names = ("pk", "week", "weekday", "kind", "surface", "title", "notation", "note", "place")
    return list(rows.values_list(*names))


@pytest.fixture
def week(athlete):
    week = make_full_week(athlete=athlete)
    week.schedule(weekday=6, note="Keep it slow", place="Canal", **EASY)
    return week


CHANGES = {
    "a session added": lambda week: week.schedule(weekday=7, **EASY),
    "a session removed": lambda week: week.sessions.get(weekday=6).remove(),
    "a track session removed": lambda week: week.sessions.get(weekday=2).remove(),
    "a move": lambda week: week.move(week.sessions.get(weekday=2), weekday=3),
    "a move to another week": lambda week: make_week(
        athlete=week.athlete, starts_on=MONDAY + timedelta(days=7)
    ).move(week.sessions.get(weekday=2), weekday=3),
    "a swap of days": lambda week: week.swap_days(2, 6),
    "an edit": lambda week: week.edit(
        week.sessions.get(weekday=6), kind="LONG", notation="20km easy", note=""
    ),
    "taken off the track": lambda week: week.edit(week.sessions.get(weekday=2), kind="FARTLEK"),
    "two changes of one session": lambda week: (
        week.move(week.sessions.get(weekday=2), weekday=1),
        week.edit(week.sessions.get(weekday=1), kind="TRACK", title="New"),
    ),
    "added and removed": lambda week: week.schedule(weekday=7, **EASY).remove(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_after_an_undo_the_week_is_as_it_was(what, week, act, take_back):
    before = state(week)
    with act():
        CHANGES[what](week)
    done = take_back()
    assert done.refused == ()
    assert state(week) == before
    assert TrainingWeek.objects.over_limit().count() == 0
    assert [session.counts for session in week.sessions.order_by("pk")] == [True, True, False]


def test_a_group_action_is_taken_back_at_once(team, act, take_back):
    athletes = [make_athlete(team=team, name=f"Runner {n}") for n in range(5)]
    with act(path=Action.Path.GROUP):
        planning.schedule_for(athletes, starts_on=MONDAY, weekday=2, **TRACK)
    assert Session.objects.count() == 5
    assert take_back().undone == 5
    assert Session.objects.count() == 0


def test_an_undo_can_not_be_undone_twice(week, act, take_back, team, coach, now):
    with act():
        week.schedule(weekday=7, **EASY)
    action = Action.objects.latest("pk")
    assert undo(action, by=coach, now=now).undone == 1
    assert undo(action, by=coach, now=now).refused == ("That was undone already.",)
    assert week.sessions.count() == 3


def test_what_somebody_changed_since_stays(week, act, take_back):
    with act():
        session = week.schedule(weekday=7, **EASY)
    week.edit(session, kind="EASY", title="Changed by another")
    done = take_back()
    assert done.refused == ("Ana Sousa, Easy run: changed since.",)
    assert week.sessions.filter(title="Changed by another").exists()


def test_a_session_with_a_result_stays(week, act, take_back, coach, now):
    with act():
        session = week.schedule(weekday=7, **EASY)
    Result.objects.log(session, outcome="DONE", rpe=3, comment="", splits=[], by=coach, now=now)
    assert take_back().refused == ("Ana Sousa, Easy run: a result is logged.",)
    assert Session.objects.filter(pk=session.pk).exists()


def test_an_undo_keeps_to_the_track_limit(week, act, take_back):
    with act():
        week.sessions.get(weekday=2).remove()
    make_session(week=week, weekday=5, title="Another")
    done = take_back()
    assert "already has Thursday Pyramid and Friday Another" in done.refused[0]
    assert week.sessions.on_track().count() == 2


def test_the_rest_of_a_group_action_is_taken_back_where_one_stays(team, act, take_back):
    athletes = [make_athlete(team=team, name=f"Runner {n}") for n in range(3)]
    with act(path=Action.Path.GROUP):
        planning.schedule_for(athletes, starts_on=MONDAY, weekday=2, **TRACK)
    first = Session.objects.earliest("pk")
    first.week.move(first, weekday=4)
    done = take_back()
    assert (done.undone, done.refused) == (2, ("Runner 0, 6 × 800 m: changed since.",))


def test_a_limit_of_a_week_is_given_back_with_what_left_it(week, act, take_back):
    with act():
        week.sessions.get(weekday=4).remove()
        week.set_track_limit(1)
        week.set_phase("TAPER")
    assert take_back().refused == ()
    week.refresh_from_db()
    assert (week.track_limit, week.own_limit, week.phase) == (2, None, "")
    assert week.sessions.on_track().count() == 2


def test_who_did_what_by_which_path_is_kept_with_before_and_after(week, act, coach):
    session = week.sessions.get(weekday=6)
    with act(label="Moved the easy run", path=Action.Path.BOARD):
        week.move(session, weekday=7)
    action = Action.objects.latest("pk")
    assert (action.by, action.path, action.label) == (coach, "BOARD", "Moved the easy run")
    after, before = Session.history.filter(id=session.pk).order_by("-history_id")[:2]
    assert (before.weekday, after.weekday, after.action) == (6, 7, action)
    assert after.history_user == coach


def test_an_action_that_changed_nothing_is_not_kept(week, act):
    with act():
        pass
    assert not Action.objects.exists()


def test_a_change_past_the_verbs_is_kept_without_an_action(week):
    session = week.sessions.get(weekday=6)
    session.title = "By the shell"
    session.save()
    row = Session.history.filter(id=session.pk).latest("history_id")
    assert (row.title, row.action, row.history_user) == ("By the shell", None, None)


def test_an_action_inside_a_transaction_that_fails_leaves_nothing(week, act):
    class Stop(Exception):
        pass

    with pytest.raises(Stop), transaction.atomic(), act():
        week.schedule(weekday=7, **EASY)
        raise Stop
    assert not Action.objects.exists()
    assert not Session.history.filter(weekday=7).exists()


def test_an_action_whose_changes_were_rolled_back_is_not_kept(team, act):
    full = make_full_week(athlete=make_athlete(team=team))
    with act(path=Action.Path.GROUP), transaction.atomic():
        full.schedule(weekday=7, **EASY)
        transaction.set_rollback(True)
    assert not Action.objects.exists()


def test_a_refusal_of_the_database_inside_an_action_is_told_as_one(week, act):
    with pytest.raises(IntegrityError), act():
        Session.objects.filter(week=week, weekday=6).update(kind="TRACK")
    assert not Action.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_session_whose_workout_was_deleted_since_comes_back_without_it(week, act, take_back):
    workout = Workout.objects.create(team=None, title="Own", kind="EASY", notation="8km easy")
    session = week.schedule(weekday=7, workout=workout, **EASY)
    with act():
        session.remove()
    workout.delete()

    assert take_back() == Undone(1)
    assert week.sessions.get(weekday=7).workout is None


def test_a_session_is_taken_out_again_though_its_workout_was_deleted_since(week, act, take_back):
    before = state(week)
    workout = Workout.objects.create(team=None, title="Own", kind="EASY", notation="8km easy")
    with act():
        week.schedule(weekday=7, workout=workout, **EASY)
    workout.delete()

    assert take_back() == Undone(1)
    assert state(week) == before


@pytest.mark.django_db(transaction=True)
def test_what_was_deleted_a_moment_ago_is_told_in_words_on_each_database(now):
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        Result.objects.create(session_id=0, outcome="DONE", logged_at=now)
    assert "changed or removed a moment ago" in refusal(refused.value)


def test_of_two_coaches_each_takes_back_their_own(week, act, team, coach, now):
    with act():
        week.schedule(weekday=7, **EASY)
    mine = Action.objects.undoable(team=team, by=coach, now=now)
    assert mine.count() == 1
    assert not Action.objects.undoable(team=team, by=week.athlete.user, now=now).exists()
    tomorrow = Action.objects.get().at + timedelta(days=1, seconds=1)
    assert not Action.objects.undoable(team=team, by=coach, now=tomorrow).exists()


def test_a_track_session_that_was_another_kind_is_put_back_last(athlete, act, take_back):
    """Of two sessions that traded the last slot, the one that frees it goes first."""
    week = make_week(athlete=athlete, track_limit=1)
    track, easy = week.schedule(weekday=2, **TRACK), week.schedule(weekday=4, **EASY)
    with act():
        week.edit(track, kind=Kind.FARTLEK)
        week.edit(easy, kind=Kind.TRACK)
    assert take_back() == Undone(2)
    track.refresh_from_db()
    easy.refresh_from_db()
    assert (track.kind, easy.kind) == ("TRACK", "EASY")


def test_an_athlete_who_is_deleted_leaves_no_history(week, act):
    other = make_week(athlete=make_athlete(team=week.athlete.team, name="Bo"))
    other.schedule(weekday=1, **EASY)
    with act():
        week.sessions.get(weekday=6).remove()
    week.athlete.delete()
    assert set(Session.history.values_list("week", flat=True)) == {other.pk}
    assert set(TrainingWeek.history.values_list("id", flat=True)) == {other.pk}


def test_an_injury_is_ended_and_not_undone(athlete, coach, now):
    make_week(athlete=athlete)
    athlete.pauses.create(starts_on=MONDAY)
    athlete.limit_changed(today=MONDAY, by=coach)
    assert Action.objects.filter(path="LIMIT").exists()
    assert not Action.objects.undoable(team=athlete.team, by=coach, now=now).exists()


def test_an_undo_lets_a_week_follow_a_limit_that_was_lowered_meanwhile(athlete, act, take_back):
    week = make_week(athlete=athlete)
    make_session(week=week, weekday=2)
    with act():
        make_session(week=week, weekday=4)
    athlete.track_limit = 1
    athlete.save()
    athlete.limit_changed(today=MONDAY, by=None)
    week.refresh_from_db()
    assert week.track_limit == 2
    take_back()
    week.refresh_from_db()
    assert (week.track_limit, week.sessions.count()) == (1, 1)


def test_what_an_athlete_of_another_team_has_by_now_is_left_alone(week, act, take_back, other_team):
    with act():
        week.schedule(weekday=7, **EASY)
    week.athlete.team = other_team
    week.athlete.save()
    done = take_back()
    assert done.undone == 0
    assert "is in another team now" in done.refused[0]
    assert week.sessions.count() == 4


# Many at once


def group_change(team, athletes):
    """Add to all, move, rewrite, take out and limit: every sort of change that an undo meets."""
    planning.schedule_for(athletes, starts_on=MONDAY, weekday=5, **EASY)
    for week in TrainingWeek.objects.filter(athlete__in=athletes).order_by("pk"):
        tuesday, thursday = week.sessions.on_track().order_by("weekday")
        week.move(tuesday, weekday=1)
        thursday.remove()
        week.set_track_limit(1)
        week.set_phase("TAPER")


def queries_of_an_undo(number, *, team, act, take_back):
    athletes = [make_athlete(team=team, name=f"Of {number}: {n}") for n in range(number)]
    weeks = [make_full_week(athlete=one) for one in athletes]
    before = state(*weeks)
    with act(path=Action.Path.GROUP):
        group_change(team, athletes)
    with CaptureQueriesContext(connection) as asked:
        done = take_back()
    assert done.refused == ()
    assert state(*weeks) == before
    phases = TrainingWeek.objects.filter(pk__in=[week.pk for week in weeks])
    assert set(phases.values_list("track_limit", "own_limit", "phase")) == {(2, None, "")}
    return len(asked)


def test_an_undo_costs_the_same_for_few_sessions_as_for_many(team, act, take_back):
    few, many = (
        queries_of_an_undo(number, team=team, act=act, take_back=take_back) for number in (3, 12)
    )
    assert many == few


def test_what_an_undo_writes_is_kept_in_the_history(week, act, take_back):
    moved, removed = week.sessions.order_by("weekday")[:2]
    with act():
        week.move(moved, weekday=1)
        removed.remove()
        added = week.schedule(weekday=7, **EASY)
    take_back()
    last = {
        session.pk: Session.history.filter(id=session.pk).latest("history_id")
        for session in (moved, removed, added)
    }
    assert [last[one.pk].history_type for one in (moved, removed, added)] == ["~", "+", "-"]
    assert {row.action.path for row in last.values()} == {"UNDO"}
    assert {row.history_user for row in last.values()} == {Action.objects.latest("pk").by}


def test_each_session_that_finds_its_week_full_is_named_and_the_others_come_back(
    team, act, take_back
):
    weeks = [make_full_week(athlete=make_athlete(team=team, name=f"Runner {n}")) for n in range(3)]
    with act():
        for week in weeks:
            week.sessions.get(weekday=2).remove()
    for week in weeks[:2]:
        make_session(week=week, weekday=6, title="Another")
    done = take_back()
    assert done.undone == 1
    assert [words.partition(" may")[0] for words in done.refused] == ["Runner 0", "Runner 1"]
    assert "already has Thursday Pyramid and Saturday Another" in done.refused[0]
    assert [week.sessions.on_track().count() for week in weeks] == [2, 2, 2]


def test_two_sessions_that_traded_their_weeks_trade_them_back(athlete, act, take_back, monkeypatch):
    """The first to move back finds its week full until the other has left it; in one write."""
    monkeypatch.setattr(rewriting, "_write_each", None)
    week = make_full_week(athlete=athlete)
    later = make_week(athlete=athlete, starts_on=MONDAY + timedelta(days=7))
    here, there = week.sessions.get(weekday=2), make_session(week=later, weekday=2)
    before = state(week, later)
    with act():
        later.move(here, weekday=3)
        week.move(there, weekday=3)
    assert take_back() == Undone(2)
    assert state(week, later) == before


def test_where_somebody_wrote_past_the_lock_each_session_asks_for_itself(
    week, act, take_back, monkeypatch
):
    """Another program took the slot, unseen: the database refuses, and the rest comes back."""
    with act():
        week.sessions.get(weekday=2).remove()
        week.sessions.get(weekday=6).remove()
    make_session(week=week, weekday=5, title="Unseen")
    monkeypatch.setattr(rewriting, "_taken", lambda weeks: {pk: {} for pk in weeks})
    done = take_back()
    assert done.undone == 1
    assert "already has Thursday Pyramid and Friday Unseen" in done.refused[0]
    assert sorted(week.sessions.values_list("weekday", flat=True)) == [4, 5, 6]
