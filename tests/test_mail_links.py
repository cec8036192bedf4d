"""What an athlete does from the mail without a log-in, and what its links do not do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.db import connections
from django.test import Client
from django.urls import reverse

from athletes.models import Athlete, monday_of
from tests.make import EASY, TRACK, make_athlete, make_week
from tests.test_access import dump
from workouts import delivery
from workouts.calendars import calendar_address
from workouts.forms import CannotForm
from workouts.mail_links import LOG_WITHIN, Purpose, session_token, unsubscribe_token
from workouts.models import Action, Result, Session, TrainingWeek, acting

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
WEEK_ENDS = MONDAY + timedelta(days=7)
DAY = timedelta(days=1)
POSTED = {
    "done": {"outcome": "DONE", "rpe": "7", "comment": "Windy", "split_1": "3:31"},
    "move": {"on": "2026-12-03"},
    "cannot": {"reason": "Fever"},
    "unsubscribe": {"List-Unsubscribe": "One-Click"},
}


@pytest.fixture
def week(athlete):
    """A track session on Tuesday and an easy run on Friday, published."""
    week = make_week(athlete=athlete)
    week.schedule(weekday=2, **TRACK)
    week.schedule(weekday=5, **EASY)
    week.publish(now=MONDAY - timedelta(days=6))
    return week


@pytest.fixture
def session(week):
    return week.sessions.get(weekday=2)


@pytest.fixture
def reader() -> Client:
    return Client()


def token(session, purpose: str) -> str:
    athlete = session.week.athlete
    if purpose == "unsubscribe":
        return unsubscribe_token(athlete_id=athlete.pk, kind="PLAN", email=athlete.email)
    return session_token(
        Purpose(purpose), session_id=session.pk, email=athlete.email, week_ends=WEEK_ENDS
    )


def link(session, purpose: str, *, of: str = "") -> str:
    return reverse(f"mail_{purpose}", args=[token(session, of or purpose)])


def at(monkeypatch, instant: datetime) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: instant)


# What they do -------------------------------------------------------------------------------------


def test_an_athlete_logs_a_session_from_the_mail_rep_by_rep(session, reader):
    page = reader.get(link(session, "done"))
    assert "Time of rep 6" in page.text
    answer = reader.post(link(session, "done"), POSTED["done"], follow=True)
    result = Result.objects.get()
    assert (result.outcome, result.rpe, result.comment) == ("DONE", 7, "Windy")
    assert list(result.splits.values_list("rep_index", "time_s")) == [(1, 211)]
    assert result.logged_by == session.week.athlete.user
    assert "Logged. Your coach sees it" in answer.text


def test_a_log_that_cannot_be_read_says_how_to_write_it(session, reader):
    answer = reader.post(link(session, "done"), POSTED["done"] | {"split_1": "fast"})
    assert answer.status_code == 422
    assert "mm:ss" in answer.text
    assert not Result.objects.exists()


def test_a_link_used_again_shows_what_was_logged_and_takes_it_anew(session, reader):
    reader.post(link(session, "done"), POSTED["done"])
    page = reader.get(link(session, "done"))
    assert "Done, RPE 7: “Windy”" in page.text
    assert "Change what you logged" in page.text
    reader.post(link(session, "done"), POSTED["done"] | {"rpe": "8"})
    assert Result.objects.get().rpe == 8


def test_an_athlete_moves_a_session_and_the_coach_is_told(session, reader, coach_client):
    answer = reader.post(link(session, "move"), {"on": "2026-12-03"}, follow=True)
    assert session.week.sessions.get(pk=session.pk).weekday == 4
    assert "it was on Tuesday 1 December, and stands on Thursday 3 December" in answer.text
    action = Action.objects.get()
    assert (action.path, action.by) == ("MAIL", session.week.athlete.user)
    assert action.label.startswith("Ana Sousa moved 6 × 800 m from Tuesday 1 December to Thursday")
    team = session.week.athlete.team
    board = coach_client.get(reverse("board", args=[team.slug, session.week.starts_on]))
    assert '<tr id="row-' in board.text and 'class="changed"' in board.text
    history = coach_client.get(reverse("team_history", args=[team.slug]))
    assert action.label in history.text
    assert session.week.plans.count() == 1  # nothing is published by itself


def test_the_history_knows_the_move_of_an_athlete_without_an_account(session, reader, coach_client):
    athlete = session.week.athlete
    Athlete.objects.filter(pk=athlete.pk).update(user=None)
    reader.post(link(session, "move"), {"on": "2026-12-03"})
    history = coach_client.get(reverse("team_history", args=[athlete.team.slug])).text
    of_week = reverse("week_history", args=[athlete.pk, session.week.starts_on])
    for text in (history, coach_client.get(of_week).text):
        assert '<td class="by wide-only">the athlete</td>' in text


def test_days_that_are_free_are_offered_first_and_what_stands_on_the_others_is_told(
    session, week, reader
):
    week.schedule(weekday=6, **(EASY | {"title": "Long run"}))
    week.publish(now=MONDAY - timedelta(days=5))
    week.schedule(weekday=7, **(EASY | {"title": "Secret draft"}))
    page = reader.get(link(session, "move"))
    days = page.context["days"]
    assert [day.is_free for day in days] == sorted((day.is_free for day in days), reverse=True)
    assert {day.beside for day in days if day.on == MONDAY.date() + 5 * DAY} == {"Long run"}
    assert "beside Long run" in page.text and "Secret draft" not in page.text


def test_a_moved_session_can_be_moved_back(session, reader):
    reader.post(link(session, "move"), {"on": "2026-12-03"})
    reader.post(link(session, "move"), {"on": "2026-12-01"})
    assert session.week.sessions.get(pk=session.pk).weekday == 2


def test_only_days_that_the_rule_allows_are_offered_and_taken(session, reader):
    athlete = session.week.athlete
    Athlete.objects.filter(pk=athlete.pk).update(busy_days="4")
    full = make_week(athlete=athlete, starts_on=MONDAY.date() + timedelta(days=7))
    full.schedule(weekday=2, **TRACK)
    full.schedule(weekday=5, **TRACK)
    page = reader.get(link(session, "move"))
    offered = {d.on for d in page.context["days"]}
    assert offered == {MONDAY.date() + timedelta(days=day) for day in (0, 2, 4, 5, 6)}
    for on in ("2026-12-03", "2026-12-10", "2026-11-20", "2026-12-20"):
        answer = reader.post(link(session, "move"), {"on": on})
        assert answer.status_code == 422
        assert "does not fit" in answer.text
    assert session.week.sessions.get(pk=session.pk).weekday == 2
    assert not Action.objects.exists()


def test_a_session_moves_to_its_own_week_or_the_next_however_often_the_link_is_used(
    session, reader
):
    for on, status in (("2026-12-10", 302), ("2026-12-17", 422), ("2026-12-24", 422)):
        assert reader.post(link(session, "move"), {"on": on}).status_code == status
    page = reader.get(link(session, "move"))
    assert "stands on Thursday 10 December" in page.text
    offered = {day.on for day in page.context["days"]}
    assert min(offered) == MONDAY.date() and max(offered) == WEEK_ENDS.date() + timedelta(days=6)
    assert reader.post(link(session, "move"), {"on": "2026-12-01"}).status_code == 302
    assert Session.objects.get(pk=session.pk).on.isoformat() == "2026-12-01"


def test_days_that_are_over_are_not_offered(session, reader, monkeypatch):
    at(monkeypatch, MONDAY + timedelta(days=3, hours=12))
    page = reader.get(link(session, "move"))
    assert min(day.on for day in page.context["days"]).isoformat() == "2026-12-03"


def test_what_was_logged_or_called_off_is_not_moved(session, reader):
    reader.post(link(session, "done"), POSTED["done"])
    assert "You logged this session" in reader.get(link(session, "move")).text
    answer = reader.post(link(session, "move"), {"on": "2026-12-03"})
    assert answer.status_code == 422
    assert session.week.sessions.get(pk=session.pk).weekday == 2


def test_an_athlete_tells_the_coach_why_not(session, reader, coach_client):
    answer = reader.post(link(session, "cannot"), POSTED["cannot"], follow=True)
    assert "Your coach knows" in answer.text
    assert Result.objects.get().outcome == "MISSED"
    page = coach_client.get(reverse("session_detail", args=[session.pk]))
    assert "Missed" in page.text and "Fever" in page.text


def test_who_cannot_train_says_why(session, reader):
    answer = reader.post(link(session, "cannot"), {"reason": " "})
    assert answer.status_code == 422
    assert "in a word or two" in answer.text
    assert not Result.objects.exists()


def test_who_can_train_after_all_takes_it_back(session, reader):
    reader.post(link(session, "cannot"), POSTED["cannot"])
    assert "I can train after all" in reader.get(link(session, "cannot")).text
    answer = reader.post(link(session, "cannot"), {"back": "1"}, follow=True)
    assert "Taken back. Your coach sees that you train." in answer.text
    assert not Result.objects.exists()


def test_a_session_that_is_still_to_come_is_logged_with_a_warning(session, reader, monkeypatch):
    assert "still to come" in reader.get(link(session, "done")).text
    monkeypatch.setattr("django.utils.timezone.now", lambda: MONDAY + DAY)
    assert "still to come" not in reader.get(link(session, "done")).text


def test_what_was_run_is_not_called_off_by_a_late_click(session, reader):
    reader.post(link(session, "done"), POSTED["done"])
    answer = reader.post(link(session, "cannot"), POSTED["cannot"])
    assert answer.status_code == 422
    assert "You logged this session" in answer.text
    reader.post(link(session, "cannot"), {"back": "1"})
    assert Result.objects.get().outcome == "DONE"


@pytest.mark.parametrize("told_before", [None, "MISSED"])
@pytest.mark.django_db(transaction=True)
def test_of_done_and_skip_told_at_the_same_moment_what_was_run_stays(session, told_before):
    def at_once(purpose: str) -> int:
        try:
            barrier.wait()
            return Client().post(link(session, purpose), POSTED[purpose]).status_code
        finally:
            connections.close_all()

    for _ in range(10):
        Result.objects.all().delete()
        if told_before:
            Client().post(link(session, "cannot"), POSTED["cannot"])
        barrier = Barrier(2, timeout=30)
        with ThreadPoolExecutor(2) as pool:
            done, cannot = pool.map(at_once, ["done", "cannot"])
        assert (done, cannot in (302, 422)) == (302, True)
        assert Result.objects.get().outcome == "DONE"


def test_what_is_logged_while_skip_is_being_answered_stays(session, reader, monkeypatch):
    reads = CannotForm.is_valid

    def slowly(form):
        reader.post(link(session, "done"), POSTED["done"])
        return reads(form)

    monkeypatch.setattr(CannotForm, "is_valid", slowly)
    answer = reader.post(link(session, "cannot"), POSTED["cannot"])
    assert (answer.status_code, Result.objects.get().outcome) == (422, "DONE")
    assert "You logged this session" in answer.text


def test_an_athlete_without_an_account_uses_the_links_as_well(session, reader):
    Athlete.objects.update(user=None)
    reader.post(link(session, "move"), {"on": "2026-12-03"})
    assert Action.objects.get().by is None
    reader.post(link(session, "cannot"), POSTED["cannot"])
    assert Result.objects.get().logged_by is None


# What they do not ---------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", POSTED)
def test_a_scanner_that_opens_every_link_changes_nothing(session, reader, purpose):
    before = dump()
    assert reader.get(link(session, purpose)).status_code == 200
    assert reader.head(link(session, purpose)).status_code == 200
    assert dump() == before
    assert "sessionid" not in reader.cookies


@pytest.mark.parametrize("purpose", POSTED)
@pytest.mark.parametrize("signed_for", POSTED)
def test_a_link_is_good_for_its_own_purpose_alone(session, reader, purpose, signed_for):
    before = dump()
    url = link(session, purpose, of=signed_for)
    answer = reader.post(url, POSTED[purpose])
    if purpose == signed_for:
        assert answer.status_code in (200, 302)
        assert dump() != before
    else:
        assert answer.status_code == 404
        assert "This link does not work" in answer.text
        assert dump() == before


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_that_opens_nothing_tells_nothing(session, athlete, reader, purpose, method):
    good = token(session, purpose)
    other = make_athlete(team=athlete.team, name="Bo Lund")
    ids = {"session_id": session.pk, "email": athlete.email}
    signed = [
        session_token(purpose, week_ends=WEEK_ENDS, **(ids | change))
        for change in (
            {"email": other.email},
            {"session_id": 10**9},
            {"email": "former@club.example"},
        )
    ]
    bent = [good[:-1], f"{good}A", good.replace("-", "-9", 1), "x", "1-2-3.x"]
    before = dump()
    answers = [
        getattr(reader, method)(reverse(f"mail_{purpose}", args=[one]), POSTED[purpose])
        for one in (*signed, *bent)
    ]
    assert {answer.status_code for answer in answers} == {404}
    texts = {answer.text.replace(answer.wsgi_request.path, "") for answer in answers}
    assert all("6 × 800" not in text and "Ana Sousa" not in text for text in texts)
    assert dump() == before


@pytest.mark.parametrize("purpose", Purpose)
def test_a_session_that_is_gone_or_another_athletes_opens_no_more(
    session, athlete, reader, purpose
):
    url = link(session, purpose)
    other = make_athlete(team=athlete.team, name="Bo Lund")
    TrainingWeek.objects.filter(pk=session.week_id).update(athlete=other)
    assert reader.post(url, POSTED[purpose]).status_code == 404
    Session.objects.filter(pk=session.pk).delete()
    assert reader.get(url).status_code == 404


@pytest.mark.parametrize("purpose", Purpose)
def test_a_session_that_left_the_published_plan_opens_no_more(session, reader, purpose):
    url = link(session, purpose)
    session.remove()
    session.week.publish(now=MONDAY)
    assert reader.get(url).status_code == 404


@pytest.mark.parametrize("purpose", Purpose)
def test_a_link_that_is_over_says_so_and_does_nothing(session, reader, purpose, monkeypatch):
    ends = WEEK_ENDS + LOG_WITHIN if purpose == Purpose.DONE else WEEK_ENDS
    at(monkeypatch, ends)
    before = dump()
    for answer in (reader.get(link(session, purpose)), reader.post(link(session, purpose))):
        assert answer.status_code == 410
        assert "This link is over" in answer.text
    assert dump() == before
    at(monkeypatch, ends - timedelta(seconds=1))
    assert reader.get(link(session, purpose)).status_code == 200


def test_a_link_logs_nobody_in(session, reader):
    reader.post(link(session, "done"), POSTED["done"])
    assert reader.get(reverse("today")).status_code == 302
    assert reader.get(reverse("result_log", args=[session.pk])).status_code == 302


def test_another_site_cannot_post_in_the_athletes_name(session):
    strict = Client(enforce_csrf_checks=True)
    for purpose in Purpose:
        assert strict.post(link(session, purpose), POSTED[purpose]).status_code == 403


def test_the_athlete_reads_nothing_of_the_coachs_draft(session, reader):
    """The session was renamed, and another one planned beside it; neither is published."""
    session.week.edit(session, kind="TRACK", title="Secret laps")
    session.week.schedule(weekday=4, **(EASY | {"title": "Secret jog"}))
    for purpose in Purpose:
        assert "Secret" not in reader.get(link(session, purpose)).text


@pytest.mark.parametrize("on", ["2026-12-03", "2026-12-10", "2026-12-24"])
def test_the_athlete_reads_the_published_day_while_the_coach_drafts_another(
    session, reader, athlete, on
):
    day = datetime.fromisoformat(on).date()
    drafted = TrainingWeek.objects.open_for(athlete, monday_of(day))
    drafted.move(session, weekday=day.isoweekday())
    page = reader.get(link(session, "move"))
    assert "Planned for Tuesday 1 December. On which day" in page.text
    assert "Moved" not in page.text
    two_weeks = {MONDAY.date() + timedelta(days=ahead) for ahead in range(14)}
    assert {day.on for day in page.context["days"]} == two_weeks - {MONDAY.date() + DAY}


def test_an_athlete_can_ask_for_the_very_day_that_the_coach_has_drafted(session, reader):
    session.week.move(session, weekday=4)
    answer = reader.post(link(session, "move"), {"on": "2026-12-03"}, follow=True)
    assert "it was on Tuesday 1 December, and stands on Thursday 3 December" in answer.text
    assert Action.objects.get().label.endswith("from Tuesday 1 December to Thursday 3 December")


def test_the_athletes_own_move_is_told_until_the_coach_moves_it_on(session, reader, coach):
    reader.post(link(session, "move"), {"on": "2026-12-03"})
    session.refresh_from_db()
    session.week.edit(session, kind="TRACK", title="Secret laps")
    assert "stands on Thursday 3 December" in reader.get(link(session, "move")).text
    with acting(team=session.week.athlete.team, by=coach, path=Action.Path.BOARD, label="Later"):
        session.week.move(session, weekday=6)
    page = reader.get(link(session, "move"))
    assert "Planned for Tuesday 1 December" in page.text and "Moved" not in page.text


@pytest.mark.parametrize("purpose", Purpose)
def test_a_link_to_what_the_coach_took_out_in_a_draft_says_nothing_of_the_plan(
    session, reader, purpose
):
    url, unheard_of = link(session, purpose), reverse(f"mail_{purpose}", args=["1-2-3.x"])
    session.remove()
    answers = [reader.get(url), reader.get(unheard_of)]
    assert [answer.status_code for answer in answers] == [404, 404]
    gone, unknown = (answer.text.partition("<main")[2] for answer in answers)
    assert gone == unknown and "plan" not in gone and "reply to it" in gone


# In the mail --------------------------------------------------------------------------------------


def test_the_mail_holds_the_links_of_each_session_in_text_and_html(week, settings):
    settings.SITE_URL = "https://coachsite.example"
    plan = week.plans.get()
    delivery.send_plans([plan.delivery.pk], clock=lambda: MONDAY - timedelta(hours=6))
    text, html = mail.outbox[0].body, mail.outbox[0].alternatives[0].content
    for session in week.sessions.all():
        for purpose in Purpose:
            url = f"https://coachsite.example{link(session, purpose)}"
            assert f"{url}\n" in text
            assert f'href="{url}"' in html
    stop = f"https://coachsite.example{link(session, 'unsubscribe')}"
    assert f"Unsubscribe\n  {stop}\n" in text
    assert f'href="{stop}"' in html
    assert f"In your calendar\n  {calendar_address(plan.week.athlete)}\n" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_reply_reaches_the_coach(week, coach):
    plan = week.plans.get()
    delivery.send_plans([plan.delivery.pk], clock=lambda: MONDAY - timedelta(hours=6))
    assert coach.email in mail.outbox[0].reply_to[0]
