"""Training weeks: at most two track sessions, whoever asks and however."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from coachsite.middleware import PrivatePages
from tests.make import (
    EASY,
    MONDAY,
    TRACK,
    make_athlete,
    make_full_week,
    make_session,
    make_user,
    make_week,
)
from workouts.models import Kind, Result, ResultLogged, Session, TrackLimitReached, TrainingWeek

pytestmark = pytest.mark.django_db


def tracks(week: TrainingWeek) -> int:
    return week.sessions.filter(kind=Kind.TRACK).count()


def test_third_track_session_is_refused_and_the_two_in_the_way_are_named():
    full_week = make_full_week()

    with pytest.raises(TrackLimitReached) as refusal:
        full_week.schedule(weekday=6, **TRACK)

    assert str(refusal.value) == (
        "Ana Sousa may have two track sessions in the week of 30 November and already has "
        "Tuesday 6 × 800 m and Thursday Pyramid."
    )
    assert tracks(full_week) == 2


def test_easy_runs_are_never_counted():
    full_week = make_full_week()
    for weekday in range(1, 8):
        full_week.schedule(weekday=weekday, **EASY)
    assert full_week.sessions.count() == 9


@pytest.mark.parametrize(("limit", "placed"), [(0, 0), (1, 1), (2, 2)])
def test_a_week_takes_as_many_track_sessions_as_its_own_limit(limit, placed):
    week = make_week(track_limit=limit)
    for weekday in (2, 4, 6):
        try:
            week.schedule(weekday=weekday, **TRACK)
        except TrackLimitReached as refusal:
            assert "may have" in str(refusal)
    assert tracks(week) == placed


def test_a_new_week_takes_its_limit_from_the_athlete():
    beginner = make_athlete(track_limit=1)
    week = TrainingWeek.objects.open_for(beginner, MONDAY)
    assert week.track_limit == 1


def test_a_session_taken_out_frees_its_slot():
    full_week = make_full_week()
    full_week.sessions.get(weekday=2).remove()
    full_week.schedule(weekday=6, **TRACK)
    assert tracks(full_week) == 2


def test_a_track_session_moves_within_a_full_week():
    full_week = make_full_week()
    session = full_week.sessions.get(weekday=4)
    full_week.move(session, weekday=5)
    assert full_week.sessions.get(pk=session.pk).weekday == 5


def test_a_track_session_moves_to_a_week_with_room_and_not_to_a_full_one():
    athlete = make_athlete()
    full_week = make_full_week(athlete=athlete)
    next_week = make_week(athlete=athlete, starts_on=MONDAY + timedelta(7))
    session = make_session(week=next_week)

    with pytest.raises(TrackLimitReached):
        full_week.move(session, weekday=6)
    session.refresh_from_db()
    assert session.week == next_week

    tuesday = full_week.sessions.get(weekday=2)
    next_week.move(tuesday, weekday=5)
    assert (tracks(full_week), tracks(next_week)) == (1, 2)


def test_a_session_does_not_move_to_another_athlete():
    session = make_session(week=make_week())
    strangers = make_week(athlete=make_athlete(name="Bo Lund", team=session.week.athlete.team))
    with pytest.raises(ValueError, match="one athlete"):
        strangers.move(session, weekday=2)


def test_an_easy_run_becomes_a_track_session_only_where_a_slot_is_free():
    full_week = make_full_week()
    easy = full_week.schedule(weekday=6, **EASY)
    with pytest.raises(TrackLimitReached):
        full_week.edit(easy, kind=Kind.TRACK)

    full_week.edit(full_week.sessions.get(weekday=2), kind=Kind.FARTLEK)
    full_week.edit(easy, kind=Kind.TRACK, title="400s")
    easy.refresh_from_db()
    assert (easy.kind, easy.title, tracks(full_week)) == (Kind.TRACK, "400s", 2)


def test_the_limit_is_not_lowered_below_what_is_planned():
    full_week = make_full_week()
    with pytest.raises(TrackLimitReached, match="Tuesday 6 × 800 m and Thursday Pyramid"):
        full_week.set_track_limit(1)
    full_week.refresh_from_db()
    assert full_week.track_limit == 2


def test_the_limit_is_lowered_when_the_one_session_left_sits_in_the_second_slot():
    week = make_full_week()
    week.sessions.get(weekday=2).remove()
    week.set_track_limit(1)
    assert week.sessions.get(kind=Kind.TRACK).track_slot == 1
    with pytest.raises(TrackLimitReached):
        week.set_track_limit(0)


def test_a_raised_limit_reaches_the_sessions_that_stand():
    week = make_week(track_limit=1)
    make_session(week=week)
    week.set_track_limit(2)
    make_session(week=week, weekday=5)
    assert set(week.sessions.values_list("track_limit", flat=True)) == {2}


def test_a_stale_page_that_knows_the_old_limit_is_refused_in_the_same_words():
    week = make_week()
    stale = TrainingWeek.objects.get(pk=week.pk)
    week.set_track_limit(0)
    with pytest.raises(TrackLimitReached, match="no track session"):
        stale.schedule(weekday=2, **TRACK)


def test_a_session_with_a_result_is_not_removed(now):
    session = make_session(week=make_week())
    Result.objects.log(
        session, outcome="DONE", rpe=7, comment="", splits=[], by=make_user(), now=now
    )
    with pytest.raises(ResultLogged):
        session.remove()


# Paths that know nothing of `schedule`: only the database stands in the way.


def raw(sql: str, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def row(week: TrainingWeek, **more) -> Session:
    return Session(**(dict(week=week, weekday=6, track_limit=2, track_slot=None) | TRACK | more))


BY_FORCE = {
    "create without a slot": lambda week, easy: row(week).save(),
    "create with the third slot": lambda week, easy: row(week, track_slot=3).save(),
    "create with a taken slot": lambda week, easy: row(week, track_slot=1).save(),
    "create with a false limit": lambda week, easy: row(week, track_limit=3, track_slot=3).save(),
    "bulk_create": lambda week, easy: Session.objects.bulk_create([row(week, track_slot=2)]),
    "update the kind": lambda week, easy: Session.objects.filter(pk=easy.pk).update(kind="TRACK"),
    "update kind and slot": lambda week, easy: Session.objects.filter(pk=easy.pk).update(
        kind="TRACK", track_slot=2
    ),
    "update a look-alike kind": lambda week, easy: Session.objects.filter(pk=easy.pk).update(
        kind="Track"
    ),
    "bulk_update": lambda week, easy: Session.objects.bulk_update(
        [row(week, pk=easy.pk, track_slot=3)], ["kind", "track_slot"]
    ),
    "raw update": lambda week, easy: raw(
        "UPDATE workouts_session SET kind = 'TRACK' WHERE id = %s", easy.pk
    ),
    "raw insert": lambda week, easy: raw(
        "INSERT INTO workouts_session (week_id, weekday, kind, surface, title, notation, place,"
        " note, track_limit, track_slot)"
        " VALUES (%s, 6, 'TRACK', 'TRACK', 't', 'rest', '', '', 3, 3)",
        week.pk,
    ),
    "raise the limit to three": lambda week, easy: TrainingWeek.objects.filter(pk=week.pk).update(
        track_limit=3
    ),
    "lower the limit in place": lambda week, easy: TrainingWeek.objects.filter(pk=week.pk).update(
        track_limit=1
    ),
    "loaddata": lambda week, easy: load(row(week, pk=999, track_slot=2)),
}


def load(session: Session) -> None:
    from django.core import serializers

    for loaded in serializers.deserialize("json", serializers.serialize("json", [session])):
        loaded.save()


@pytest.mark.parametrize("path", BY_FORCE)
def test_the_database_refuses_a_third_track_session_by(path):
    full_week = make_full_week()
    easy = full_week.schedule(weekday=6, **EASY)
    with pytest.raises(IntegrityError), transaction.atomic():
        BY_FORCE[path](full_week, easy)
        connection.check_constraints()
    assert tracks(full_week) == 2


def test_the_database_refuses_a_move_of_a_track_session_into_a_full_week():
    full_week = make_full_week()
    session = make_session(
        week=make_week(athlete=full_week.athlete, starts_on=MONDAY - timedelta(7))
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Session.objects.filter(pk=session.pk).update(week=full_week)


@pytest.mark.parametrize("path", set(BY_FORCE) - {"update a look-alike kind"})
def test_a_refusal_that_no_view_has_worded_is_a_page_that_says_why(path, rf, coach):
    full_week = make_full_week()
    easy = full_week.schedule(weekday=6, **EASY)
    request = rf.post("/")
    request.user, request.htmx = coach, False
    try:
        with transaction.atomic():
            BY_FORCE[path](full_week, easy)
            connection.check_constraints()
    except IntegrityError as error:
        answer = PrivatePages(lambda request: None).process_exception(request, error)
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.content.decode()


@pytest.mark.parametrize("day", range(1, 7))
def test_a_week_starts_on_a_monday(day):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_week(starts_on=MONDAY + timedelta(day))


RULES = {
    "workouts_trainingweek": {
        "week_track_limit_is_0_to_2",
        "week_limit_can_be_mirrored",
        "week_one_per_monday",
        "week_starts_on_monday",
    },
    "workouts_session": {
        "session_mirrors_week_limit",
        "session_one_per_track_slot",
        "session_track_slot_within_limit",
        "session_kind_is_known",
        "session_weekday_is_iso",
    },
}


def constraints_of(table: str) -> set[str]:
    """Read the names of the constraints out of the live schema."""
    with connection.cursor() as cursor:
        names = set(connection.introspection.get_constraints(cursor, table))
        if connection.vendor == "sqlite":  # which tells no names of foreign keys but in the DDL
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [table])
            ddl = cursor.fetchone()[0]
            names |= {part.split('"')[1] for part in ddl.split("CONSTRAINT ")[1:]}
    return names


@pytest.mark.parametrize("table", RULES)
def test_the_live_schema_holds_every_constraint_of_the_rule(table):
    assert constraints_of(table) >= RULES[table]


def test_a_later_change_of_the_tables_keeps_the_rule(transactional_db):
    for model, name in ((Session, "title"), (TrainingWeek, "note")):
        field = model._meta.get_field(name)
        wider = field.clone()
        wider.max_length = field.max_length + 1
        wider.set_attributes_from_name(name)
        with connection.schema_editor() as editor:
            editor.alter_field(model, field, wider, strict=True)
        with connection.schema_editor() as editor:
            editor.alter_field(model, wider, field, strict=True)
    for table, names in RULES.items():
        assert constraints_of(table) >= names
    full_week = make_full_week()
    with pytest.raises(IntegrityError), transaction.atomic():
        row(full_week, track_slot=2).save()


def test_check_track_limit_counts_the_weeks_over_the_limit(capsys):
    make_full_week()
    call_command("check_track_limit")
    assert "0 of 1 athlete-weeks over the limit" in capsys.readouterr().out


def test_the_content_of_a_week_is_plain_json(now):
    week = make_full_week()
    content = week.content(today=now.date())
    assert json.loads(json.dumps(content)) == content


def test_a_session_that_somebody_else_moved_away_is_not_edited_in_silence():
    week = make_week()
    session = make_session(week=week)
    elsewhere = make_week(athlete=week.athlete, starts_on=MONDAY + timedelta(7))
    elsewhere.move(Session.objects.get(pk=session.pk), weekday=3)
    with pytest.raises(Session.DoesNotExist):
        week.edit(session, kind=Kind.TRACK, title="Lost words")
    with pytest.raises(Session.DoesNotExist):
        week.move(session, weekday=5)
