"""The team's mails as its coach sees them: what goes next, how the last went, and the switches."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from athletes.models import MailStop, Team
from tests.make import EASY, MONDAY, make_athlete, make_plan, make_team, make_week
from workouts import delivery, mail_room
from workouts.models import Delivery, SentMail
from workouts.models.plans import ADDRESS_STOPPED, AS_SENT, NO_GUARDIAN, REPLACED

pytestmark = pytest.mark.django_db

State = Delivery.State
PAGE = "/teams/harriers/mails/"
SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
def desk(client, coach, team) -> Client:
    client.force_login(coach)
    return client


@pytest.fixture
def plan(athlete, now):
    return make_plan(athlete=athlete, now=now)


def row_of(team, athlete, *, now) -> mail_room.Row:
    return next(row for row in mail_room.room(team, now=now).rows if row.athlete == athlete)


def send(plan, *, at) -> Delivery:
    delivery.send_plans([plan.delivery.pk], clock=lambda: at)
    plan.delivery.refresh_from_db()
    return plan.delivery


def words(team, athlete, *, now) -> list[list[str]]:
    return [[line.words for line in cell.lines] for cell in row_of(team, athlete, now=now).cells]


# The next run


def test_the_next_run_says_who_gets_a_mail_when_and_who_does_not_and_why(team, athlete, plan, now):
    make_athlete(team=team, name="Nora Noplan")
    draft = make_athlete(team=team, name="Dan Draft")
    make_week(athlete=draft).schedule(weekday=2, **EASY)
    ill = make_athlete(team=team, name="Ill Ida")
    ill.pauses.create(reason="ILLNESS", starts_on=MONDAY)
    make_plan(athlete=make_athlete(team=team, name="Minor Max", is_minor=True), now=now)
    found = mail_room.room(team, now=now)
    assert [(row.athlete, row.local_due) for row in found.going] == [(athlete, "Sun 18:00")]
    assert {why: [one.name for one in athletes] for why, athletes in found.left_out} == {
        "nothing planned": ["Nora Noplan"],
        "nothing planned (ill from 30 November)": ["Ill Ida"],
        "not published yet": ["Dan Draft"],
        NO_GUARDIAN: ["Minor Max"],
    }


def test_who_left_the_mails_or_has_no_address_is_skipped_and_the_page_says_so(
    team, athlete, plan, now
):
    athlete.unsubscriptions.create(kind="PLAN", at=now)
    assert row_of(team, athlete, now=now).why_not == "unsubscribed"
    assert words(team, athlete, now=now)[0] == ["not sent: unsubscribed"]
    athlete.unsubscriptions.all().delete()
    type(athlete).objects.filter(pk=athlete.pk).update(email="")
    assert row_of(team, athlete, now=now).why_not == "no address"


def test_on_monday_morning_the_next_mail_of_a_monday_reader_is_that_of_the_week(team, now):
    reader = make_athlete(team=team, name="Mona Monday", send_weekday=1)
    monday_morning = datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert row_of(team, reader, now=monday_morning).starts_on == MONDAY
    assert row_of(team, reader, now=monday_morning + timedelta(hours=11)).starts_on == MONDAY + WEEK


@pytest.mark.parametrize(
    ("at", "names"),
    [("2026-11-27T17:00", []), ("2026-11-28T09:00", ["Ana Sousa"]), ("2026-11-29T18:00", [])],
)
def test_on_saturday_a_week_without_a_plan_is_told_as_in_danger(team, athlete, at, names):
    found = mail_room.room(team, now=datetime.fromisoformat(f"{at}+00:00"))
    assert [row.athlete.name for row in found.in_danger] == names


@pytest.mark.parametrize(
    ("planned", "hours", "is_told"),
    [
        ("a draft", 0, True),
        ("a draft", 20, True),  # on Monday
        ("a draft", 7 * 24 + 5, True),  # on its last evening
        ("a draft", 7 * 24 + 6, False),
        ("nothing", 0, True),
        ("nothing", 47, True),
        ("nothing", 48, False),
        ("nothing, as she is away", 1, False),
        ("published", 1, False),
        ("a draft, but she left the mails", 1, False),
    ],
)
def test_a_promise_that_was_not_kept_is_told_and_needs_the_coach(
    desk, team, athlete, now, monkeypatch, planned, hours, is_told
):
    if planned == "published":
        make_plan(athlete=athlete, now=now)
    elif planned.startswith("a draft"):
        make_week(athlete=athlete).schedule(weekday=2, **EASY)
    if planned.endswith("away"):
        athlete.pauses.create(reason="AWAY", starts_on=MONDAY)
    if planned.endswith("left the mails"):
        athlete.unsubscriptions.create(kind="PLAN", at=now)
    at = SUNDAY_EVENING + timedelta(hours=hours)
    found = mail_room.room(team, now=at)
    assert (MONDAY in {promise.starts_on for _, promise in found.broken}) == is_told
    assert not is_told or athlete in [row.athlete for row in found.troubled]
    monkeypatch.setattr("django.utils.timezone.now", lambda: at)
    assert ("week of 30 November, mail was due Sun 18:00" in desk.get(PAGE).text) == is_told


def test_the_next_run_counts_who_gets_a_mail_yet_and_who_has_it(
    desk, team, athlete, now, monkeypatch
):
    for name in ("Bo Lund", "Cy Twain"):
        make_plan(athlete=make_athlete(team=team, name=name, send_time="20:00"), now=now)
    plan = make_plan(athlete=athlete, now=now)
    send(plan, at=SUNDAY_EVENING)
    monkeypatch.setattr("django.utils.timezone.now", lambda: SUNDAY_EVENING + timedelta(hours=1))
    assert "<b>2 mails</b>, Sun 29 November, 20:00 UTC" in desk.get(PAGE).text
    assert "1 sent already." in desk.get(PAGE).text
    set_back(plan, at=SUNDAY_EVENING)
    assert "1 sent already." in desk.get(PAGE).text
    Delivery.objects.exclude(plan__week=plan.week).update(state=State.FAILED)
    assert "No other mail goes out. 1 sent already." in desk.get(PAGE).text


def set_back(plan, *, at) -> None:
    """Publish a change of a week that was mailed, and then the week as it was mailed."""
    added = plan.week.schedule(weekday=6, **EASY)
    plan.week.publish(now=at)
    added.remove()
    newest = plan.week.publish(now=at)
    assert (newest.revision, newest.delivery.last_error) == (3, AS_SENT)


def test_a_published_week_is_in_no_danger(team, athlete, plan):
    assert mail_room.room(team, now=SUNDAY_EVENING - timedelta(hours=9)).in_danger == []


# How the last ones went


def test_each_state_of_a_mail_is_told_in_the_athletes_own_time(team, athlete, plan, now):
    assert words(team, athlete, now=now) == [["due Sun 18:00"], ["nothing planned"], ["no mail"]]
    send(plan, at=SUNDAY_EVENING)
    later = SUNDAY_EVENING + timedelta(days=1)
    assert words(team, athlete, now=later)[1] == ["sent Sun 18:00"]
    rows = Delivery.objects.filter(pk=plan.delivery.pk)
    rows.update(state=State.FAILED, sent_at=None, last_error="550 no such user")
    assert words(team, athlete, now=later)[1] == ["failed: 550 no such user"]
    assert row_of(team, athlete, now=later).is_bad
    rows.update(state=State.UNCLEAR, next_try_at=later, last_error="the line was cut off")
    told = "unclear: the line was cut off; once more Mon 18:00"
    assert words(team, athlete, now=later)[1] == [told]
    rows.update(state=State.SKIPPED, last_error="nothing changed since it was sent")
    assert words(team, athlete, now=later)[1] == ["not sent: nothing changed since it was sent"]


def test_a_mail_that_was_sent_stays_in_sight_when_a_change_of_it_is_due(team, athlete, plan):
    send(plan, at=SUNDAY_EVENING)
    session = plan.week.sessions.first()
    plan.week.move(session, weekday=5)
    plan.week.publish(now=SUNDAY_EVENING + timedelta(hours=1))
    told = words(team, athlete, now=SUNDAY_EVENING + timedelta(hours=1))[0]
    assert len(told) == 2
    assert told[0].startswith("due Sun 19:") and told[1] == "sent Sun 18:00"


def test_the_page_shows_each_athlete_and_what_needs_the_coach(desk, team, athlete, plan):
    make_athlete(team=team, name="Nora Noplan")
    Delivery.objects.update(state=State.FAILED, last_error="550 no such user")
    text = desk.get(PAGE).content.decode()
    assert "failed: 550 no such user" in text and "Nora Noplan" in text and "Try again" in text
    text = desk.get(f"{PAGE}?show=trouble").content.decode()
    assert "Ana Sousa" in text and "<small>nora.noplan@club.example" not in text


@pytest.mark.parametrize("size", [10, 500])
def test_the_page_asks_as_few_questions_for_500_as_for_10(
    desk, team, now, size, django_assert_max_num_queries
):
    for number in range(size):
        make_athlete(team=team, name=f"Runner {number:03}")
    for runner in team.athletes.all()[:8]:
        make_plan(athlete=runner, now=now)
    with django_assert_max_num_queries(12):
        text = desk.get(PAGE).content.decode()
    assert text.count("<tr>") == min(size, 30) + 1


# Opening a mail


def test_a_sent_mail_is_shown_as_it_was_sent_whatever_changes_later(desk, team, athlete, plan):
    sent = send(plan, at=SUNDAY_EVENING)
    was = mail.outbox[0].in_bytes
    Team.objects.update(name="Renamed")
    assert SentMail.objects.get(delivery=sent).in_bytes == was
    text = desk.get(f"/mails/{sent.pk}/").content.decode()
    assert "Harriers via Coachsite" in text and "Renamed via" not in text
    assert "to the letter" in text


def test_a_mail_that_waits_is_shown_as_it_would_be_sent(desk, plan):
    text = desk.get(f"/mails/{plan.delivery.pk}/").content.decode()
    assert "what would be sent now" in text and "6 × 800 m" in text
    assert not SentMail.objects.exists()


def test_the_html_of_a_mail_is_shown_in_a_sandbox_and_the_site_stays_as_strict(desk, plan):
    html = desk.get(f"/mails/{plan.delivery.pk}/html/")
    policy = html["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "script-src" not in policy
    assert "frame-ancestors 'self'" in policy and html["X-Frame-Options"] == "SAMEORIGIN"
    page = desk.get(f"/mails/{plan.delivery.pk}/")
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-src" not in desk.get(PAGE)["Content-Security-Policy"]


KEY = "1aZ-17dFE-4JPyU.Xy_-zXy_-zXy_-zXy_-zXy"


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (f"Move  https://a.example/m/move/{KEY}/\n", "Move  https://a.example/m/move/…/\n"),
        (
            f"https://a.example/m/done/{KEY}/\nhttps://a.example/m/skip/{KEY}/",
            "https://a.example/m/done/…/\nhttps://a.example/m/skip/…/",
        ),
        (f"<https://a.example/m/stop/7-PLAN-{KEY}/>", "<https://a.example/m/stop/…/>"),
        (
            f'<a href="http://127.0.0.1:8000/m/done/{KEY}/?from=mail">Done</a>',
            '<a href="http://127.0.0.1:8000/m/done/…/?from=mail">Done</a>',
        ),
        (f"https://a.example/c/7-{KEY}.ics", "https://a.example/c/….ics"),
        *(
            (kept, kept)
            for kept in (
                "https://a.example/athletes/7/weeks/2026-11-30/",
                "https://a.example/athletes/7/mail/ and more",
                "https://club.example/c/summer.ics",
                "Mail/coach: 6 x 800/400",
            )
        ),
    ],
)
def test_links_are_shown_to_others_than_their_reader_without_their_keys(part, shown):
    assert mail_room.without_keys(part) == shown


@pytest.mark.parametrize("is_sent", [True, False])
def test_the_coach_sees_where_the_links_lead_and_holds_no_key_of_the_athlete(desk, plan, is_sent):
    if is_sent:
        send(plan, at=SUNDAY_EVENING)
    mail_page = f"/mails/{plan.delivery.pk}/"
    shown = [desk.get(mail_page).text, desk.get(f"{mail_page}html/").text]
    for text in shown:
        for ending in ("m/done/…/", "m/move/…/", "m/skip/…/", "m/stop/…/", "c/….ics"):
            assert f"/{ending}" in text
        assert re.findall(r"/(?:m/[a-z]+|c)/[^/…]+", text) == []
    assert 'href="' in shown[1]


# Sending


def test_one_mail_can_be_sent_before_its_hour(desk, plan, now):
    desk.post(f"/mails/{plan.delivery.pk}/send/")
    sent = send(plan, at=timezone.now())
    assert (sent.state, len(mail.outbox)) == (State.SENT, 1)


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_mail_that_nobody_may_get_is_not_said_to_go(desk, athlete, plan, is_sent):
    if is_sent:
        send(plan, at=SUNDAY_EVENING)
    type(athlete).objects.filter(pk=athlete.pk).update(is_minor=True)
    answer = desk.post(f"/mails/{plan.delivery.pk}/send/", follow=True)
    assert "Nothing was sent" in answer.text and "out within a minute" not in answer.text
    week = desk.post(f"/teams/harriers/weeks/{MONDAY}/send/", follow=True)
    assert "No mail of this week waits" in week.text


def test_a_sent_mail_is_sent_once_more_under_the_same_message_id_and_no_third_time(desk, plan, now):
    send(plan, at=SUNDAY_EVENING)
    for _ in range(2):
        desk.post(f"/mails/{plan.delivery.pk}/send/")
        again = send(plan, at=timezone.now() + timedelta(minutes=1))
    assert len(mail.outbox) == 2
    assert len({one.extra_headers["Message-ID"] for one in mail.outbox}) == 1
    assert (again.state, again.first_sent_at) == (State.SENT, SUNDAY_EVENING)
    assert "a third cannot be" in desk.get(f"/mails/{again.pk}/").content.decode()


def test_two_clicks_at_once_ask_for_one_second_copy(plan):
    one = send(plan, at=SUNDAY_EVENING)
    other = Delivery.objects.get(pk=one.pk)
    assert one.send_again(now=SUNDAY_EVENING)
    assert not other.send_again(now=SUNDAY_EVENING)


def test_a_second_copy_that_is_refused_leaves_the_mail_sent(plan):
    sent = send(plan, at=SUNDAY_EVENING)
    sent.send_again(now=SUNDAY_EVENING)
    sent.refresh_from_db()
    assert sent.claim(now=SUNDAY_EVENING)
    delivery.put_back(sent, OSError("the server is gone"), now=SUNDAY_EVENING)
    sent.refresh_from_db()
    assert (sent.state, sent.sent_at) == (State.SENT, SUNDAY_EVENING)
    assert sent.last_error == "not sent again: the server is gone"
    assert sent.send_again(now=SUNDAY_EVENING)


def unsubscribe(plan) -> None:
    plan.week.athlete.unsubscriptions.create(kind="PLAN", at=SUNDAY_EVENING)


def bounce(plan) -> None:
    email = plan.week.athlete.email
    MailStop.objects.create(email=email, kind="BOUNCE", at=SUNDAY_EVENING, event_id="e1")


def publish_anew(plan) -> None:
    plan.week.schedule(weekday=6, **EASY)
    plan.week.publish(now=SUNDAY_EVENING)


@pytest.mark.parametrize(
    ("what_comes_between", "why"),
    [(unsubscribe, "unsubscribed"), (bounce, ADDRESS_STOPPED), (publish_anew, REPLACED)],
)
def test_a_second_copy_that_does_not_go_out_leaves_the_mail_sent_and_says_why(
    desk, team, athlete, plan, what_comes_between, why
):
    send(plan, at=SUNDAY_EVENING)
    assert plan.delivery.send_again(now=SUNDAY_EVENING)
    what_comes_between(plan)
    sent = send(plan, at=SUNDAY_EVENING + timedelta(minutes=1))
    assert len(mail.outbox) == 1
    assert (sent.state, sent.sent_at, sent.resent) == (State.SENT, SUNDAY_EVENING, False)
    told = words(team, athlete, now=SUNDAY_EVENING)[0]
    assert f"sent Sun 18:00, not sent again: {why}" in told


def test_a_second_copy_that_is_replaced_at_the_last_moment_leaves_the_mail_sent(plan):
    send(plan, at=SUNDAY_EVENING)
    plan.delivery.send_again(now=SUNDAY_EVENING)

    def clock():
        is_claimed = Delivery.objects.filter(pk=plan.delivery.pk, state=State.CLAIMED).exists()
        if is_claimed and plan.week.plans.count() == 1:
            publish_anew(plan)
        return SUNDAY_EVENING

    delivery.send_plans([plan.delivery.pk], clock=clock)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.sent_at) == (State.SENT, SUNDAY_EVENING)
    assert (plan.delivery.last_error, len(mail.outbox)) == (f"not sent again: {REPLACED}", 1)


@pytest.mark.parametrize("later", [timedelta(days=8), timedelta(hours=1)])
def test_a_second_copy_whose_worker_died_leaves_the_mail_sent_when_it_is_given_up(plan, later):
    send(plan, at=SUNDAY_EVENING)
    plan.delivery.send_again(now=SUNDAY_EVENING)
    Delivery.objects.filter(pk=plan.delivery.pk).update(
        state=State.CLAIMED, lease_until=SUNDAY_EVENING, attempts=8
    )
    Delivery.objects.settle_lost(now=SUNDAY_EVENING + later)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.sent_at) == (State.SENT, SUNDAY_EVENING)
    assert plan.delivery.last_error.startswith("not sent again: ")


def test_no_second_copy_of_a_revision_that_was_replaced(plan):
    sent = send(plan, at=SUNDAY_EVENING)
    plan.week.schedule(weekday=6, **EASY)
    plan.week.publish(now=SUNDAY_EVENING)
    assert not sent.send_again(now=SUNDAY_EVENING)


def test_a_failed_mail_of_an_older_revision_is_not_sent_after_the_newer_one(plan):
    Delivery.objects.update(state=State.FAILED, last_error="550 no such user")
    plan.week.schedule(weekday=6, **EASY)
    newer = plan.week.publish(now=SUNDAY_EVENING)
    Delivery.objects.all().send_now(now=SUNDAY_EVENING)
    assert set(Delivery.objects.due(SUNDAY_EVENING)) == {newer.delivery}


# Pausing all


def test_a_paused_team_gets_no_mail_until_it_goes_again(desk, team, plan):
    desk.post("/teams/harriers/mails/pause/", {"pause": ""})
    assert send(plan, at=SUNDAY_EVENING).state == State.DUE
    assert "paused since" in desk.get(f"/teams/harriers/weeks/{MONDAY}/").content.decode()
    assert "paused since" in desk.get(PAGE).content.decode()
    desk.post("/teams/harriers/mails/pause/", {"go": ""})
    assert send(plan, at=SUNDAY_EVENING + timedelta(hours=2)).state == State.SENT
    assert "paused" not in desk.get(f"/teams/harriers/weeks/{MONDAY}/").content.decode()


@pytest.mark.parametrize("url", [f"/teams/harriers/weeks/{MONDAY}/send/", "/mails/{mail_id}/send/"])
def test_whoever_sends_now_in_a_pause_is_told_that_nothing_goes(desk, plan, url):
    desk.post("/teams/harriers/mails/pause/", {"pause": ""})
    desk.get(PAGE)  # the words of the pause have been read
    due = plan.delivery.due_at
    answer = desk.post(url.format(mail_id=plan.delivery.pk), follow=True)
    assert "Nothing was sent" in answer.text and "all mails are paused" in answer.text
    assert "out within a minute" not in answer.text
    assert Delivery.objects.get().due_at == due


def test_a_pause_stops_the_mails_of_its_team_alone(desk, plan, now):
    other = make_plan(athlete=make_athlete(team=make_team(slug="rivals")), now=now)
    desk.post("/teams/harriers/mails/pause/", {"pause": ""})
    assert set(Delivery.objects.due(SUNDAY_EVENING)) == {other.delivery}


def test_a_week_that_ends_in_the_pause_is_not_mailed(desk, team, plan):
    desk.post("/teams/harriers/mails/pause/", {"pause": ""})
    Delivery.objects.sweep(now=SUNDAY_EVENING + timedelta(days=8))
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == State.SKIPPED


# A run on its way


def test_the_bar_asks_again_while_mails_wait_and_stops_by_itself(desk, plan):
    url = "/teams/harriers/mails/progress/"
    assert "hx-trigger" not in desk.get(url).content.decode()
    Delivery.objects.update(due_at=timezone.now())
    text = desk.get(url).content.decode()
    assert "0 of 1" in text and 'hx-trigger="every 2s"' in text and "<progress" in text
    send(plan, at=timezone.now() + timedelta(seconds=1))
    text = desk.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in text and "1 mail sent" in text


def test_the_page_says_how_far_a_run_is_without_a_script(desk, plan):
    Delivery.objects.update(due_at=timezone.now())
    assert "<b>0 of 1</b> sent" in desk.get(PAGE).content.decode()


def test_the_bar_counts_from_when_the_page_was_opened(desk, plan, now):
    send(plan, at=SUNDAY_EVENING)
    found = mail_room.progress(plan.week.athlete.team, since=SUNDAY_EVENING, now=SUNDAY_EVENING)
    assert (found.sent, found.waiting) == (1, 0)
    later = SUNDAY_EVENING + timedelta(seconds=1)
    assert mail_room.progress(plan.week.athlete.team, since=later, now=later).sent == 0


def test_a_paused_run_is_not_waited_for(desk, team, plan):
    Delivery.objects.update(due_at=timezone.now())
    desk.post("/teams/harriers/mails/pause/", {"pause": ""})
    assert "hx-trigger" not in desk.get(PAGE).content.decode()
