"""The week board edited in place, and the history, through their addresses."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.make import (
    EASY,
    MONDAY,
    make_athlete,
    make_full_week,
    make_group,
    make_race,
    make_session,
    make_user,
    make_week,
)
from workouts.diary import Diary
from workouts.models import Action, Result, Session, TrainingWeek

pytestmark = pytest.mark.django_db

TUESDAY, THURSDAY, FRIDAY = (MONDAY + timedelta(days=ahead) for ahead in (1, 3, 4))
NEXT = MONDAY + timedelta(days=7)
BOARD = f"/teams/harriers/weeks/{MONDAY}/"
HTMX = {"HX-Request": "true"}


def of(session: Session, verb: str = "") -> str:
    return f"/sessions/{session.pk}/board/{verb}"


def week_of(athlete, verb: str = "", monday: date = MONDAY) -> str:
    return f"/athletes/{athlete.pk}/weeks/{monday}/board/{verb}"


def drop(client, session, on, verb="move/", **more):
    return client.post(of(session, verb), {"on": on} | more, headers=HTMX)


def undo(client, **more):
    data = {"week": MONDAY} | more
    return client.post("/teams/harriers/undo/", data, headers=HTMX)


def planned(athlete, monday: date = MONDAY) -> list[tuple[int, str]]:
    rows = Session.objects.filter(week__athlete=athlete, week__starts_on=monday)
    return list(rows.order_by("weekday", "pk").values_list("weekday", "title"))


# Moving


def test_a_session_dropped_on_a_day_moves_and_answers_with_the_row_alone(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    make_session(week=make_week(athlete=make_athlete(team=athlete.team, name="Bo Lund")))
    answer = drop(coach_client, session, THURSDAY)
    assert planned(athlete) == [(4, "6 × 800 m")]
    assert "Moved 6 × 800 m to Thursday." in answer.text
    assert f'<tr id="row-{athlete.pk}" hx-swap-oob="true"' in answer.text
    assert "Bo Lund" not in answer.text
    assert "<table" not in answer.text
    assert answer["HX-Reswap"] == "none"
    assert f"/sessions/{session.pk}/" in answer["HX-Trigger-After-Settle"]


def test_a_session_dropped_on_a_week_link_moves_to_that_week(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    answer = drop(coach_client, session, NEXT + timedelta(days=1))
    assert planned(athlete) == []
    assert planned(athlete, NEXT) == [(2, "6 × 800 m")]
    assert "Moved 6 × 800 m to Tuesday 8 December." in answer.text


def test_a_refused_drop_says_why_and_offers_days_and_twin_and_moves_nothing(
    coach_client, athlete, now, monkeypatch
):
    monkeypatch.setattr(timezone, "now", lambda: now)  # days that are over are not offered
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT), title="400s")
    answer = drop(coach_client, session, FRIDAY)
    assert answer.status_code == 422
    assert "already has Tuesday 6 × 800 m and Thursday Pyramid" in answer.text
    assert 'name="on" value="2026-12-09"' in answer.text  # the next week has room
    assert f'name="on" value="{FRIDAY}"' not in answer.text
    assert f'name="off_track" value="{FRIDAY}"' in answer.text
    assert f'action="{of(session, "move/")}"' in answer.text
    assert planned(athlete, NEXT) == [(2, "400s")]
    assert not Action.objects.exists()


def test_the_twin_of_a_refused_drop_goes_there_off_the_track(coach_client, athlete):
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT), title="400s")
    answer = coach_client.post(of(session, "move/"), {"off_track": FRIDAY}, headers=HTMX)
    assert answer.status_code == 200
    session.refresh_from_db()
    assert (session.kind, session.surface, session.on) == ("INTERVALS", "ROAD", FRIDAY)
    assert undo(coach_client).status_code == 200
    session.refresh_from_db()
    assert (session.kind, session.weekday, session.week.starts_on) == ("TRACK", 2, NEXT)


def test_a_day_that_cannot_be_read_is_named(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    for typed, words in [("soon", "Write the day as 2026-11-30"), ("", "Say on which day")]:
        answer = drop(coach_client, session, typed)
        assert answer.status_code == 422
        assert words in answer.text
    assert "from 2000 to 2099" in drop(coach_client, session, "1999-01-04").text


def test_the_move_sheet_enables_legal_days_and_says_why_others_are_not(coach_client, athlete):
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT), title="400s")
    week_after = make_week(athlete=athlete, starts_on=NEXT + timedelta(days=7), track_limit=0)
    sheet = coach_client.get(of(session, "move/"), headers=HTMX).text
    button = sheet.partition(f'value="{week_after.starts_on}"')[2].partition("</button>")[0]
    assert "disabled" in button
    assert "0 of 0 track sessions used" in button
    free = sheet.partition('value="2026-12-09"')[2].partition("</button>")[0]
    assert "disabled" not in free


def test_a_move_of_a_session_that_is_gone_shows_how_the_week_is_now(
    coach_client, athlete, monkeypatch
):
    session = make_session(week=make_week(athlete=athlete))
    real = TrainingWeek.move

    def late(week, moved, **to):
        Session.objects.filter(pk=moved.pk).delete()
        return real(week, moved, **to)

    monkeypatch.setattr(TrainingWeek, "move", late)
    answer = drop(coach_client, session, THURSDAY)
    assert answer.status_code == 422
    assert "was moved or removed by somebody else meanwhile" in answer.text
    assert f'id="row-{athlete.pk}"' in answer.text


# Copying


def test_a_session_dropped_on_another_athlete_is_copied_and_settled_for_them(
    coach_client, athlete, library
):
    bo = make_athlete(team=athlete.team, name="Bo Lund", level="ADVANCED")
    coach_client.post(week_of(athlete, "add/"), {"what": "400s", "weekday": "2"}, headers=HTMX)
    session = Session.objects.get()
    assert "7 x 400" in session.notation
    answer = drop(coach_client, session, THURSDAY, "copy/", whom=f"athlete-{bo.pk}")
    assert "Copied 400s to Thursday 3 December for Bo Lund." in answer.text
    copy = Session.objects.get(week__athlete=bo)
    assert copy.weekday == 4
    assert "12 x 400" in copy.notation
    assert "jog 200" in copy.notation  # an advanced runner's recovery
    assert planned(athlete) == [(2, "400s")]


def test_a_drag_that_is_sent_twice_makes_one_copy(coach_client, athlete):
    bo = make_athlete(team=athlete.team, name="Bo Lund")
    session = make_session(week=make_week(athlete=athlete))
    key = uuid4()
    for _ in range(2):
        answer = drop(coach_client, session, THURSDAY, "copy/", whom=f"athlete-{bo.pk}", key=key)
        assert answer.status_code == 200
        assert f'id="row-{bo.pk}"' in answer.text
    assert planned(bo) == [(4, "6 × 800 m")]
    drop(coach_client, session, FRIDAY, "copy/", whom=f"athlete-{bo.pk}", key=uuid4())
    assert len(planned(bo)) == 2


def test_a_refused_copy_can_be_sent_again_with_its_key(coach_client, athlete):
    bo = make_athlete(team=athlete.team, name="Bo Lund")
    full = make_full_week(athlete=bo)
    session = make_session(week=make_week(athlete=athlete))
    to = {"whom": f"athlete-{bo.pk}", "key": uuid4()}
    answer = drop(coach_client, session, FRIDAY, "copy/", **to)
    assert answer.status_code == 422
    assert "Bo Lund may have two track sessions" in answer.text
    assert f'<input type="hidden" name="whom" value="athlete-{bo.pk}">' in answer.text
    full.sessions.first().remove()
    assert drop(coach_client, session, FRIDAY, "copy/", **to).status_code == 200
    assert [day for day, _ in planned(bo)] == [4, 5]


def test_a_copy_to_a_group_says_who_was_left_out_and_why(coach_client, athlete):
    bo, cy, di = (make_athlete(team=athlete.team, name=name) for name in ("Bo", "Cy", "Di"))
    for one in (bo, cy):
        make_race(athlete=one)
    make_full_week(athlete=cy)
    group = make_group(athlete, bo, cy, di, team=athlete.team)
    session = make_session(week=make_week(athlete=athlete))
    answer = drop(coach_client, session, TUESDAY, "copy/", whom=f"group-{group.pk}")
    assert "1 of 3 sessions copied; not copied: 1 at the limit, 1 without a race." in answer.text
    assert "Cy may have two track sessions" in answer.text
    assert planned(athlete) == [(2, "6 × 800 m")]  # not copied onto itself
    assert planned(bo) == [(2, "6 × 800 m")]
    assert planned(di) == []


def test_a_week_is_copied_to_weeks_that_follow_with_the_verdicts_counted(coach_client, athlete):
    week = make_full_week(athlete=athlete)
    week.schedule(weekday=1, **EASY)
    one = make_week(athlete=athlete, starts_on=NEXT, track_limit=1)
    data = {"whom": "", "first": NEXT, "weeks": "3"}
    answer = coach_client.post(week_of(athlete, "copy/"), data, headers=HTMX)
    assert "8 of 9 sessions copied; not copied: 1 at the limit." in answer.text
    assert planned(athlete, NEXT) == [(1, "Easy run"), (2, "6 × 800 m")]
    assert len(planned(athlete, NEXT + timedelta(days=14))) == 3
    assert "<tr" not in answer.text  # no row of the week that is shown changed
    assert undo(coach_client).status_code == 200
    assert one.sessions.count() == 0
    assert len(planned(athlete)) == 3


def test_a_week_is_copied_to_a_group(coach_client, athlete):
    bo = make_athlete(team=athlete.team, name="Bo Lund")
    make_race(athlete=bo)
    make_full_week(athlete=athlete)
    group = make_group(athlete, bo, team=athlete.team)
    data = {"whom": f"group-{group.pk}", "first": MONDAY, "weeks": "1"}
    answer = coach_client.post(week_of(athlete, "copy/"), data, headers=HTMX)
    assert "2 sessions copied." in answer.text
    assert f'id="row-{bo.pk}"' in answer.text
    assert f'id="row-{athlete.pk}"' not in answer.text
    assert planned(bo) == planned(athlete)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"first": MONDAY, "weeks": "1"}, "nothing to copy"),
        ({"first": NEXT, "weeks": "13"}, "less than or equal to 12"),
        ({"first": NEXT, "weeks": "many"}, "Write how many weeks"),
        ({"first": "2026-12-08", "weeks": "1"}, "2026-12-08"),
        ({"first": NEXT, "weeks": "1", "whom": "group-99999"}, "group-99999"),
    ],
)
def test_a_week_that_cannot_be_copied_so_says_why(coach_client, athlete, data, words):
    make_full_week(athlete=athlete)
    answer = coach_client.post(week_of(athlete, "copy/"), data, headers=HTMX)
    assert answer.status_code == 422
    assert words in answer.text
    assert Session.objects.count() == 2


def test_the_copy_sheet_leaves_every_day_open_as_others_may_have_room(coach_client, athlete):
    session = make_full_week(athlete=athlete).sessions.first()
    sheet = coach_client.get(of(session, "copy/"), headers=HTMX).text
    assert sheet.count('name="on"') == 14
    assert "disabled" not in sheet


def test_nothing_is_copied_to_another_team(coach_client, athlete, other_team):
    rival = make_athlete(team=other_team, name="Rita Rival")
    session = make_session(week=make_week(athlete=athlete))
    answer = drop(coach_client, session, TUESDAY, "copy/", whom=f"athlete-{rival.pk}")
    assert answer.status_code == 422
    assert planned(rival) == []


# Adding, rewriting, swapping, removing


def test_a_line_of_notation_becomes_a_session_of_its_kind(coach_client, athlete):
    for what, day, kind in [("5 x 1000 @ 5k, jog 200", "2", "TRACK"), ("8km easy", "3", "EASY")]:
        data = {"what": what, "weekday": day}
        answer = coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
        assert answer.status_code == 200
        assert Session.objects.get(weekday=day).kind == kind
    data = {"what": "20min @ threshold", "weekday": "4", "kind": "THRESHOLD"}
    coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
    assert Session.objects.get(weekday=4).kind == "THRESHOLD"


def test_a_line_that_is_neither_workout_nor_notation_is_refused_at_its_place(coach_client, athlete):
    data = {"what": "6 by 800", "weekday": "2"}
    answer = coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
    assert answer.status_code == 422
    assert "line 1" in answer.text
    assert 'value="6 by 800"' in answer.text
    assert not Session.objects.exists()


def test_a_third_track_session_is_offered_other_days_and_goes_there(coach_client, athlete):
    make_full_week(athlete=athlete)
    line = {"what": "5 x 1000 @ 5k, jog 200"}
    answer = coach_client.post(week_of(athlete, "add/"), line | {"weekday": "6"}, headers=HTMX)
    assert answer.status_code == 422
    assert "Ana Sousa may have two track sessions" in answer.text
    assert 'name="what" value="5 x 1000 @ 5k, jog 200"' in answer.text
    answer = coach_client.post(week_of(athlete, "add/"), line | {"on": "2026-12-09"}, headers=HTMX)
    assert answer.status_code == 200
    assert [day for day, _ in planned(athlete, NEXT)] == [3]
    answer = coach_client.post(
        week_of(athlete, "add/"), line | {"off_track": "2026-12-05"}, headers=HTMX
    )
    assert Session.objects.get(weekday=6).kind == "INTERVALS"


def test_one_rep_less_is_typed_on_the_board_and_the_title_follows(coach_client, athlete):
    notation = "6 x 800 @ 5k, jog 200"
    session = make_session(week=make_week(athlete=athlete), title="6 × 800 m at 5K pace")
    sheet = coach_client.get(of(session), headers=HTMX).text
    assert notation in sheet
    data = {"notation": "5 x 800 @ 5k, jog 200", "title": "6 × 800 m at 5K pace"}
    answer = coach_client.post(of(session), data, headers=HTMX)
    assert answer.status_code == 200
    session.refresh_from_db()
    assert session.notation == "5 x 800 @ 5k, jog 200"
    assert session.title.startswith("5 × 800 m")
    assert "5 × 800 m" in answer.text


def test_what_is_kept_as_it_was_is_no_change(coach_client, athlete, now):
    week = make_week(athlete=athlete)
    session = make_session(week=week, notation="warm-up 1mi\n6 x 800 @ 5k, jog 200")
    week.publish(now=now)
    data = {"notation": session.notation.replace("\n", "\r\n"), "title": session.title}
    assert "stays as it is" in coach_client.post(of(session), data, headers=HTMX).text
    assert "is on Tuesday already" in drop(coach_client, session, TUESDAY).text
    assert not Action.objects.exists()
    assert ">changed<" not in coach_client.get(BOARD).text


def test_a_title_that_a_coach_gave_stays(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete), title="Carla's special")
    data = {"notation": "5 x 800 @ 5k, jog 200", "title": "Carla's special"}
    coach_client.post(of(session), data, headers=HTMX)
    session.refresh_from_db()
    assert (session.title, session.notation[0]) == ("Carla's special", "5")


def test_a_text_that_cannot_be_read_stays_in_the_sheet(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    data = {"notation": "5 x 800 @ fast", "title": "6 × 800 m"}
    answer = coach_client.post(of(session), data, headers=HTMX)
    assert answer.status_code == 422
    assert "5 x 800 @ fast" in answer.text
    session.refresh_from_db()
    assert session.notation == "6 x 800 @ 5k, jog 200"


def test_two_days_are_swapped(coach_client, athlete):
    week = make_full_week(athlete=athlete)
    week.schedule(weekday=1, **EASY)
    data = {"one": "1", "other": "2"}
    answer = coach_client.post(week_of(athlete, "swap/"), data, headers=HTMX)
    assert "Swapped Monday and Tuesday." in answer.text
    assert planned(athlete) == [(1, "6 × 800 m"), (2, "Easy run"), (4, "Pyramid")]
    undo(coach_client)
    assert planned(athlete) == [(1, "Easy run"), (2, "6 × 800 m"), (4, "Pyramid")]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [("1", "1", "another day"), ("6", "7", "Nothing is planned"), ("9", "1", "9")],
)
def test_a_swap_that_makes_no_sense_says_so(coach_client, athlete, one, other, words):
    make_full_week(athlete=athlete)
    data = {"one": one, "other": other}
    answer = coach_client.post(week_of(athlete, "swap/"), data, headers=HTMX)
    assert answer.status_code == 422
    assert words in answer.text


def test_a_removed_session_comes_back_by_undo(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    answer = coach_client.post(of(session, "remove/"), headers=HTMX)
    assert "Removed 6 × 800 m." in answer.text
    assert ">Undo <" in answer.text
    assert planned(athlete) == []
    answer = undo(coach_client)
    assert "Undone: Ana Sousa: 6 × 800 m removed from Tuesday 1 December." in answer.text
    assert f'id="row-{athlete.pk}"' in answer.text
    assert planned(athlete) == [(2, "6 × 800 m")]


def test_a_session_with_a_result_is_not_removed(coach_client, coach, athlete, now):
    session = make_session(week=make_week(athlete=athlete))
    Result.objects.log(session, outcome="DONE", rpe=5, comment="", splits=[], by=coach, now=now)
    answer = coach_client.post(of(session, "remove/"), headers=HTMX)
    assert answer.status_code == 422
    assert "A result is logged for this session: it stays." in answer.text
    assert planned(athlete) == [(2, "6 × 800 m")]


# Undo


def test_undo_takes_back_one_change_after_the_other(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    drop(coach_client, session, THURSDAY)
    drop(coach_client, session, FRIDAY)
    undo(coach_client)
    assert planned(athlete) == [(4, "6 × 800 m")]
    undo(coach_client)
    assert planned(athlete) == [(2, "6 × 800 m")]
    answer = undo(coach_client)
    assert answer.status_code == 422
    assert "There is nothing to undo." in answer.text


def test_undo_says_what_it_cannot_take_back(coach_client, coach, athlete, now):
    bo = make_athlete(team=athlete.team, name="Bo Lund")
    make_race(athlete=bo)
    group = make_group(athlete, bo, team=athlete.team)
    session = make_session(week=make_week(athlete=athlete))
    drop(coach_client, session, THURSDAY, "copy/", whom=f"group-{group.pk}")
    ana = Session.objects.get(week__athlete=athlete, weekday=4)
    Result.objects.log(ana, outcome="DONE", rpe=5, comment="", splits=[], by=coach, now=now)
    answer = undo(coach_client)
    assert "Undone in part" in answer.text
    assert "Ana Sousa, 6 × 800 m: a result is logged." in answer.text
    assert planned(bo) == []
    assert len(planned(athlete)) == 2


def test_undo_goes_to_the_latest_change_alone(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    drop(coach_client, session, THURSDAY)
    first = Action.objects.get()
    drop(coach_client, session, FRIDAY)
    answer = undo(coach_client, action=first.pk)
    assert answer.status_code == 422
    assert "came after it. Undo that first." in answer.text
    assert planned(athlete) == [(5, "6 × 800 m")]


def test_a_coach_undoes_no_change_of_another(coach_client, team, athlete):
    other = make_user(email="assi@club.example", name="Assi")
    team.memberships.create(user=other, role="ASSISTANT")
    theirs = Client()
    theirs.force_login(other)
    session = make_session(week=make_week(athlete=athlete))
    drop(theirs, session, THURSDAY)
    assert "There is nothing to undo." in undo(coach_client).text
    assert undo(theirs).status_code == 200


# Plain forms


def test_without_javascript_each_verb_is_a_page_with_a_form(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    pages = [of(session, verb) for verb in ("", "move/", "copy/", "remove/")]
    pages += [week_of(athlete, verb) for verb in ("", "add/", "swap/", "copy/")]
    for path in pages:
        page = coach_client.get(path)
        assert page.status_code == 200
        assert "<html" in page.text
        assert "hx-post" not in page.text.partition("<main")[2]
        assert "HX-Request" in page["Vary"]
        assert "<html" not in coach_client.get(path, headers=HTMX).text


def test_without_javascript_a_change_leads_to_the_board_with_its_undo(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    answer = coach_client.post(of(session, "move/"), {"on": THURSDAY}, follow=True)
    action = Action.objects.get()
    assert answer.redirect_chain == [(f"{BOARD}?did={action.pk}", 302)]
    assert "Moved 6 × 800 m to Thursday." in answer.text
    assert f'name="action" value="{action.pk}"' in answer.text
    answer = coach_client.post(
        "/teams/harriers/undo/", {"action": action.pk, "week": MONDAY}, follow=True
    )
    assert "Undone: Ana Sousa: 6 × 800 m from Tuesday" in answer.text
    assert planned(athlete) == [(2, "6 × 800 m")]


def test_more_rows_than_a_page_has_are_not_drawn_one_by_one(coach_client, team, athlete):
    for number in range(51):
        make_race(athlete=make_athlete(team=team, name=f"Runner {number}"))
    session = make_session(week=make_week(athlete=athlete))
    answer = drop(coach_client, session, THURSDAY, "copy/", whom="everyone")
    assert "<tr" not in answer.text
    assert '"reload": true' in answer["HX-Trigger-After-Settle"]
    assert Session.objects.count() == 53


def test_a_drop_costs_as_many_queries_in_a_large_team(
    coach_client, team, athlete, django_assert_max_num_queries
):
    session = make_session(week=make_week(athlete=athlete))
    for number in range(30):
        make_session(week=make_week(athlete=make_athlete(team=team, name=f"Runner {number}")))
    drop(coach_client, session, THURSDAY)
    with django_assert_max_num_queries(28):
        drop(coach_client, session, FRIDAY)


# History


def test_the_history_of_a_team_says_who_when_how_and_what(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    drop(coach_client, session, THURSDAY)
    drop(coach_client, session, FRIDAY, "copy/")
    page = coach_client.get("/teams/harriers/history/").text
    assert "Carla Coach" in page
    assert "Ana Sousa: 6 × 800 m from Tuesday 1 December to Thursday 3 December" in page
    assert page.count(">Undo</button>") == 1  # the latest of one's own
    assert ">board<" in page
    assert ">copy<" in page
    action = Action.objects.undoable(
        team=athlete.team, by=Action.objects.first().by, now=timezone.now()
    ).first()
    answer = coach_client.post("/teams/harriers/undo/", {"action": action.pk}, follow=True)
    assert answer.redirect_chain == [("/teams/harriers/history/", 302)]
    assert "undone" in answer.text
    assert planned(athlete) == [(4, "6 × 800 m")]


def test_the_history_is_narrowed_to_an_athlete_and_a_week(coach_client, athlete):
    bo = make_athlete(team=athlete.team, name="Bo Lund")
    drop(coach_client, make_session(week=make_week(athlete=athlete)), THURSDAY)
    drop(coach_client, make_session(week=make_week(athlete=bo, starts_on=NEXT)), NEXT)
    for query, yes, no in [
        ({"athlete": bo.pk}, "Bo Lund: 6", "Ana Sousa: 6"),
        ({"week": MONDAY}, "Ana Sousa: 6", "Bo Lund: 6"),
    ]:
        page = coach_client.get("/teams/harriers/history/", query).text
        assert yes in page
        assert no not in page
    both = {"athlete": bo.pk, "week": MONDAY}
    assert (
        "Nothing was changed yet for Bo Lund"
        in coach_client.get("/teams/harriers/history/", both).text
    )


@pytest.mark.parametrize("query", [{"athlete": "x"}, {"week": "soon"}, {"page": "nine"}])
def test_a_history_asked_for_in_odd_ways_is_shown_whole(coach_client, athlete, query):
    drop(coach_client, make_session(week=make_week(athlete=athlete)), THURSDAY)
    assert "Ana Sousa: 6" in coach_client.get("/teams/harriers/history/", query).text


def test_the_history_costs_the_same_with_sixty_changes_as_with_one(
    coach_client, athlete, django_assert_num_queries
):
    session = make_session(week=make_week(athlete=athlete))
    drop(coach_client, session, THURSDAY)
    paths = ["/teams/harriers/history/", f"/athletes/{athlete.pk}/weeks/{MONDAY}/history/"]
    few = []
    for path in paths:
        coach_client.get(path)
        with CaptureQueriesContext(connection) as seen:
            coach_client.get(path)
        few.append(len(seen))
    for change in range(60):
        drop(coach_client, session, THURSDAY if change % 2 else FRIDAY)
    for path, count in zip(paths, few, strict=True):
        with django_assert_num_queries(count):
            page = coach_client.get(path).text
        assert "1–50 of 6" in page


def test_the_history_of_a_week_tells_before_and_after(coach_client, athlete):
    week = make_week(athlete=athlete)
    session = make_session(week=week)
    drop(coach_client, session, THURSDAY)
    data = {"notation": "warm-up 1mi\n5 x 800 @ 5k, jog 200", "title": "Fives"}
    coach_client.post(of(session), data, headers=HTMX)
    week.set_track_limit(1)
    coach_client.post(of(session, "remove/"), headers=HTMX)
    page = coach_client.get(f"/athletes/{athlete.pk}/weeks/{MONDAY}/history/").text
    for words in (
        "6 × 800 m, Tuesday 1 December: added",
        "Tuesday 1 December → Thursday 3 December",
        "6 × 800 m → Fives",
        "6 x 800 @ 5k, jog 200 → warm-up 1mi / 5 x 800 @ 5k, jog 200",
        "track limit 2 → 1",
        "Fives, Thursday 3 December: removed",
        "Carla Coach",
    ):
        assert words in page, words


def test_board_and_week_lead_to_the_history(coach_client, athlete):
    make_full_week(athlete=athlete)
    assert 'href="/teams/harriers/history/"' in coach_client.get(BOARD).text
    sheet = coach_client.get(week_of(athlete), headers=HTMX).text
    assert f"/athletes/{athlete.pk}/weeks/{MONDAY}/history/" in sheet
    page = coach_client.get(f"/athletes/{athlete.pk}/weeks/{MONDAY}/").text
    assert f"/athletes/{athlete.pk}/weeks/{MONDAY}/history/" in page


# Sent twice


def test_a_line_that_is_sent_twice_adds_one_session(coach_client, athlete):
    page = coach_client.get(week_of(athlete, "add/"))
    data = {"what": "8km easy", "weekday": "3", "key": page.context["key"]}
    coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
    answer = coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
    assert answer.status_code == 200
    label = "Ana Sousa: 8 km easy added on Wednesday 2 December"
    assert f"Added already: “{label}”. Nothing was done twice." in answer.text
    assert f'id="row-{athlete.pk}"' in answer.text
    assert planned(athlete) == [(3, "8 km easy")]

    undo(coach_client)
    answer = coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
    assert "Added already, and undone since" in answer.text
    assert "open the form anew to do it" in answer.text
    assert planned(athlete) == []
    data["key"] = coach_client.get(week_of(athlete, "add/")).context["key"]
    coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
    assert planned(athlete) == [(3, "8 km easy")]


def test_an_offered_day_that_is_pressed_twice_adds_one_session(coach_client, athlete):
    make_full_week(athlete=athlete)
    typed = {"what": "6 x 400 @ mile, jog 400", "kind": "TRACK"}
    refused = coach_client.post(week_of(athlete, "add/"), typed | {"weekday": "5"}, headers=HTMX)
    assert refused.status_code == 422
    key = refused.context["key"]
    assert f'<input type="hidden" name="key" value="{key}">' in refused.text
    for told in ("Added 6 × 400 m", "Added already"):
        data = typed | {"off_track": FRIDAY, "key": key}
        answer = coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
        assert told in answer.text
    assert [day for day, _ in planned(athlete)] == [2, 4, 5]


def test_an_offered_day_for_a_copy_that_is_pressed_twice_makes_one_copy(coach_client, athlete):
    bo = make_athlete(team=athlete.team, name="Bo Lund")
    make_full_week(athlete=bo)
    session = make_session(week=make_week(athlete=athlete))
    whom = {"whom": f"athlete-{bo.pk}"}
    refused = drop(coach_client, session, FRIDAY, "copy/", **whom)
    assert refused.status_code == 422
    for _ in range(2):
        answer = drop(
            coach_client, session, "", "copy/", off_track=FRIDAY, key=refused.context["key"], **whom
        )
        assert answer.status_code == 200
    assert [day for day, _ in planned(bo)] == [2, 4, 5]


def test_a_swap_that_is_sent_twice_does_not_swap_back(coach_client, athlete):
    make_full_week(athlete=athlete)
    page = coach_client.get(week_of(athlete, "swap/?day=2"), headers=HTMX)
    data = {"one": "2", "other": "7", "key": page.context["key"]}
    for told in ("Swapped Tuesday and Sunday.", "Swapped already"):
        answer = coach_client.post(week_of(athlete, "swap/"), data, headers=HTMX)
        assert told in answer.text
    assert planned(athlete) == [(4, "Pyramid"), (7, "6 × 800 m")]


def test_a_move_that_was_undone_is_not_repeated_by_a_reload(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    key = coach_client.get(of(session, "move/")).context["key"]
    drop(coach_client, session, THURSDAY, key=key)
    undo(coach_client)
    assert "Moved already, and undone since" in drop(coach_client, session, THURSDAY, key=key).text
    assert planned(athlete) == [(2, "6 × 800 m")]


def test_a_form_that_was_refused_can_be_sent_again(coach_client, athlete):
    week = make_full_week(athlete=athlete)
    data = {"what": "6 x 400 @ mile, jog 400", "kind": "TRACK", "weekday": "5", "key": uuid4()}
    assert coach_client.post(week_of(athlete, "add/"), data, headers=HTMX).status_code == 422
    week.sessions.first().remove()
    answer = coach_client.post(week_of(athlete, "add/"), data, headers=HTMX)
    assert "Added 6 × 400 m" in answer.text


def test_the_page_of_a_session_moves_it_by_an_offer_once(coach_client, athlete):
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT), title="400s")
    move = f"/sessions/{session.pk}/move/"
    refused = coach_client.post(move, {"on": FRIDAY})
    assert refused.status_code == 422
    data = {"off_track": FRIDAY, "key": refused.context["key"]}
    coach_client.post(move, data)
    undo(coach_client)
    answer = coach_client.post(move, data, follow=True)
    assert "Changed already, and undone since" in answer.text
    assert planned(athlete, NEXT) == [(2, "400s")]


# Undo, with two tabs


def test_a_tab_that_shows_no_change_is_told_the_last_one_before_it_is_undone(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    drop(coach_client, session, THURSDAY)
    answer = undo(coach_client, action=0)
    assert answer.status_code == 200
    assert "Your last change is “Ana Sousa: 6 × 800 m from Tuesday" in answer.text
    assert f'name="action" value="{Action.objects.get().pk}"' in answer.text
    assert planned(athlete) == [(4, "6 × 800 m")]


def test_a_change_that_another_tab_undid_is_not_mistaken_for_the_one_before_it(
    coach_client, athlete
):
    session = make_session(week=make_week(athlete=athlete))
    drop(coach_client, session, THURSDAY)
    drop(coach_client, session, FRIDAY)
    shown = Action.objects.latest("pk").pk
    assert undo(coach_client, action=shown).status_code == 200
    answer = undo(coach_client, action=shown)
    assert answer.status_code == 422
    assert "to Friday 4 December” was undone already. The change before it is" in answer.text
    assert planned(athlete) == [(4, "6 × 800 m")]


# Injured, ill, busy


def test_a_drop_that_an_injury_refuses_names_it_and_offers_only_days_after_it(
    coach_client, athlete, now, monkeypatch
):
    monkeypatch.setattr(timezone, "now", lambda: now)
    athlete.pauses.create(
        reason="INJURY", starts_on=TUESDAY, ends_on=NEXT - timedelta(days=3), gentle_weeks=1
    )
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT, track_limit=1))
    answer = drop(coach_client, session, FRIDAY)
    assert answer.status_code == 422
    words = "Ana Sousa is injured until 4 December: no track session in the week of 30 November."
    assert words in answer.text
    days = [day.on for day in answer.context["offer"].days]
    assert min(days) == NEXT
    assert 'name="off_track"' not in answer.text  # not while she is injured
    answer = drop(coach_client, session, MONDAY + timedelta(days=5))
    assert 'name="off_track" value="2026-12-05"' in answer.text


def test_an_addition_in_a_gentle_week_names_the_illness_that_is_over(coach_client, athlete):
    athlete.pauses.create(reason="ILLNESS", starts_on=date(2026, 11, 20), ends_on=FRIDAY)
    make_session(week=make_week(athlete=athlete, starts_on=NEXT, track_limit=1))
    data = {"what": "6 x 400 @ mile, jog 400", "weekday": "5"}
    answer = coach_client.post(week_of(athlete, "add/", NEXT), data, headers=HTMX)
    assert (
        "Ana Sousa was ill until 4 December and comes back gently: one track session in the week "
        "of 7 December, which has Tuesday 6 × 800 m." in answer.text
    )


def test_a_line_that_becomes_a_track_session_in_a_paused_week_names_the_pause(
    coach_client, athlete
):
    athlete.pauses.create(reason="INJURY", starts_on=date(2026, 11, 20))
    week = make_week(athlete=athlete, track_limit=0)
    session = make_session(week=week, surface="TRACK", **EASY)
    answer = coach_client.post(
        of(session), {"notation": "6 x 800 @ 5k, jog 200", "title": session.title}, headers=HTMX
    )
    assert answer.status_code == 422
    assert "Ana Sousa is injured from 20 November: no track session" in answer.text


def test_a_session_dropped_on_a_day_without_training_says_so(coach_client, athlete):
    athlete.busy_days = "5"
    athlete.save()
    session = make_session(week=make_week(athlete=athlete), **EASY)
    answer = drop(coach_client, session, FRIDAY, "copy/")
    told = "Friday Easy run is on a day without training: cannot train on Fridays."
    assert f"To think about: {told}" in answer.text


# The ends of the calendar

LAST = date(2099, 12, 28)


def test_a_week_is_copied_to_the_end_of_2099_and_no_further(coach_client, athlete):
    make_session(week=make_week(athlete=athlete, starts_on=LAST - timedelta(weeks=2)))
    copy = week_of(athlete, "copy/", LAST - timedelta(weeks=2))
    page = coach_client.get(copy).text
    assert f'value="{LAST}"' in page
    assert "2100" not in page
    data = {"first": LAST - timedelta(weeks=1), "weeks": "3"}
    answer = coach_client.post(copy, data, headers=HTMX)
    assert answer.status_code == 422
    assert "The last week is that of 28 December 2099: copy to 2 weeks at most." in answer.text
    assert coach_client.post(copy, data | {"weeks": "2"}, headers=HTMX).status_code == 200
    assert TrainingWeek.objects.filter(starts_on__gt=LAST).count() == 0
    assert coach_client.get(week_of(athlete, "copy/", LAST)).status_code == 200


def test_no_day_of_2100_is_offered(coach_client, athlete):
    make_full_week(athlete=athlete, starts_on=LAST)
    session = Session.objects.first()
    page = coach_client.get(of(session, "move/"))
    assert [len(week) for week in page.context["weeks"]] == [7]
    earlier = make_session(week=make_week(athlete=athlete, starts_on=LAST - timedelta(weeks=1)))
    refused = drop(coach_client, earlier, LAST)
    assert refused.status_code == 422
    assert max(day.on for day in refused.context["offer"].days) < LAST


# Gone meanwhile


def test_a_session_that_goes_while_its_days_are_read_is_said_to_be_gone(
    coach_client, athlete, monkeypatch
):
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT), title="400s")
    real = Diary.read.__func__

    def late(cls, athletes, **days):
        Session.objects.filter(pk=session.pk).delete()
        return real(cls, athletes, **days)

    for verb, method in (("move/", "get"), ("copy/", "get"), ("move/", "post")):
        with monkeypatch.context() as patch:
            patch.setattr(Diary, "read", classmethod(late))
            answer = getattr(coach_client, method)(of(session, verb), {"on": FRIDAY}, headers=HTMX)
        assert answer.status_code == 422, verb
        assert "400s was moved or removed by somebody else meanwhile." in answer.text
        session.pk = make_session(week=session.week, title="400s").pk
