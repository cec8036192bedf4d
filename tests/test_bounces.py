"""What mail providers tell: mails that bounced, for good or for now, and complaints."""

import base64
import hashlib
import hmac
import importlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from anymail.signals import AnymailTrackingEvent, EventType
from django.core import mail
from django.db import connections
from django.db.models import Value
from django.test import Client
from django.urls import clear_url_caches, reverse

import coachsite.urls
from athletes.models import Athlete, MailStop
from tests.make import EASY, make_athlete, make_plan
from tests.test_access import dump
from workouts import bounces, delivery
from workouts.models import Delivery
from workouts.models.plans import ADDRESS_STOPPED, GUARDIAN_STOPPED
from workouts.views.mail import hear_of_mail

pytestmark = pytest.mark.django_db

State = Delivery.State
SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)
FULL = "smtp;552 5.2.2 mailbox full"


@pytest.fixture
def plan(athlete, now):
    return make_plan(athlete=athlete, now=now)


def send(plan, *, at=SUNDAY_EVENING) -> Delivery:
    delivery.send_plans([plan.delivery.pk], clock=lambda: at)
    plan.delivery.refresh_from_db()
    return plan.delivery


def change(plan, *, at):
    plan.week.schedule(weekday=5, **EASY)
    newer = plan.week.publish(now=at)
    newer.delivery.refresh_from_db()
    return newer


# How final it is ----------------------------------------------------------------------------------


def ses(bounce_type: str, sub_type: str) -> dict:
    return {"eventType": "Bounce", "bounce": {"bounceType": bounce_type, "bounceSubType": sub_type}}


@pytest.mark.parametrize(
    ("news", "reason", "answer", "weight"),
    [
        # Postmark
        ({"RecordType": "Bounce", "Type": "HardBounce"}, "bounced", "", "hard"),
        ({"RecordType": "Bounce", "Type": "SoftBounce"}, "bounced", "", "soft"),
        # Mailgun tells a full mailbox and a server that was away for hours as permanent
        ({"event-data": {"severity": "permanent"}}, "bounced", "5.1.1 no such user", "hard"),
        ({"event-data": {"severity": "permanent"}}, "bounced", "5.2.2 mailbox full", "soft"),
        ({"event-data": {"severity": "permanent"}}, "other", "4.4.1 no answer from host", "soft"),
        # Amazon SES
        (ses("Permanent", "General"), "bounced", "smtp; 550 5.1.1 user unknown", "hard"),
        (ses("Transient", "MailboxFull"), "bounced", "smtp; 554 4.2.2 over quota", "soft"),
        (ses("Transient", "General"), "bounced", "smtp; 451 4.3.0 try later", "soft"),
        (ses("Transient", "General"), "bounced", "", ""),
        (ses("Undetermined", "Undetermined"), "bounced", "", "soft"),
        # SendGrid
        ({"event": "bounce", "type": "bounce"}, None, "550 5.1.1 unknown", "hard"),
        ({"event": "bounce", "type": "blocked"}, None, "554 on a list", "soft"),
        # Brevo and Mandrill
        ({"event": "hard_bounce"}, "bounced", "", "hard"),
        ({"event": "soft_bounce"}, "bounced", "", "soft"),
        # Mailjet
        ({"event": "bounce", "hard_bounce": True}, "bounced", "", "hard"),
        ({"event": "bounce", "hard_bounce": False}, "bounced", "", "soft"),
        # MailerSend
        ({"type": "activity", "data": {"type": "hard_bounced"}}, "bounced", "", "hard"),
        ({"type": "activity", "data": {"type": "soft_bounced"}}, "bounced", "", "soft"),
        # Resend
        ({"data": {"bounce": {"type": "Permanent"}}}, "bounced", "", "hard"),
        ({"data": {"bounce": {"type": "Transient"}}}, "bounced", "", "soft"),
        # SparkPost
        ({"msys": {"message_event": {"bounce_class": "10"}}}, "invalid", "", "hard"),
        ({"msys": {"message_event": {"bounce_class": "22"}}}, "bounced", "", "soft"),
        ({"msys": {"message_event": {"bounce_class": "50"}}}, "blocked", "", "soft"),
        # The words of a server, with addresses of machines and versions in them
        ({}, None, "host 4.2.2.10 said: 550 5.1.1 unknown", "hard"),
        ({}, None, "550 5.1.1 unknown (mailer 14.2.2)", "hard"),
        ({}, None, "over quota, 4.2.2.", "soft"),
        ({}, None, "", "hard"),
    ],
)
def test_a_bounce_is_for_good_or_may_pass_in_the_words_of_each_provider(
    news, reason, answer, weight
):
    assert bounces.weight(news, reason=reason, answer=answer) == weight


# Told by the provider -----------------------------------------------------------------------------

SIGNING_KEY = "key-of-the-provider"
BASIC = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"mailgun:secret").decode()}


@pytest.fixture
def listening(settings):
    """The site as it is where the webhooks of a provider are turned on."""
    settings.ANYMAIL = {
        "WEBHOOK_SECRET": "mailgun:secret",
        "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY,
    }
    importlib.reload(coachsite.urls)
    clear_url_caches()
    yield
    settings.ANYMAIL = {}
    importlib.reload(coachsite.urls)
    clear_url_caches()


def told(delivery_row, *, token="a" * 50, recipient=""):
    """What Mailgun posts of a mail, as its documentation shows it."""
    timestamp = str(int(SUNDAY_EVENING.timestamp()))
    signature = hmac.new(SIGNING_KEY.encode(), f"{timestamp}{token}".encode(), hashlib.sha256)
    return {
        "signature": {
            "timestamp": timestamp,
            "token": token,
            "signature": signature.hexdigest(),
        },
        "event-data": {
            "event": "failed",
            "severity": "permanent",
            "reason": "bounce",
            "id": "G9Bn5sl1TC6nu79C8C0bwg",
            "timestamp": SUNDAY_EVENING.timestamp(),
            "log-level": "error",
            "recipient": recipient or delivery_row.plan.week.athlete.email,
            "recipient-domain": "club.example",
            "delivery-status": {
                "attempt-no": 1,
                "code": 550,
                "description": "",
                "message": "5.1.1 The email account does not exist",
                "session-seconds": 0.4,
            },
            "flags": {"is-routed": False, "is-authenticated": True, "is-test-mode": False},
            "message": {
                "headers": {
                    "to": delivery_row.plan.week.athlete.email,
                    "message-id": f"plan.{delivery_row.message_id}@coachsite.example",
                    "from": "Harriers via Coachsite <plans@coachsite.example>",
                    "subject": "Week of 30 Nov",
                },
                "attachments": [],
                "size": 20112,
            },
            "tags": [],
            "user-variables": {},
        },
    }


def tell(payload, **headers):
    client = Client(enforce_csrf_checks=True)
    url = "/anymail/mailgun/tracking/"
    return client.post(url, payload, content_type="application/json", **headers)


def test_a_hard_bounce_marks_the_mail_and_stops_the_address(plan, athlete, listening):
    send(plan)
    assert tell(told(plan.delivery), **BASIC).status_code == 200
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (
        State.BOUNCED,
        "5.1.1 The email account does not exist",
    )
    found = MailStop.objects.get()
    assert (found.email, found.kind) == (athlete.email, "BOUNCE")
    newer = change(plan, at=SUNDAY_EVENING + timedelta(hours=1))
    assert (newer.delivery.state, newer.delivery.last_error) == (State.SKIPPED, ADDRESS_STOPPED)


def test_a_complaint_stops_the_address_of_a_mail_that_arrived(plan, listening):
    send(plan)
    payload = told(plan.delivery)
    payload["event-data"]["event"] = "complained"
    tell(payload, **BASIC)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, MailStop.objects.get().kind) == (State.SENT, "SPAM")


@pytest.mark.parametrize(
    "more", [{"event": "delivered"}, {"severity": "temporary"}, {"event": "opened"}]
)
def test_what_is_no_bounce_or_only_a_delay_counts_as_nothing(plan, listening, more):
    send(plan)
    payload = told(plan.delivery)
    payload["event-data"] |= more
    assert tell(payload, **BASIC).status_code == 200
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, MailStop.objects.exists()) == (State.SENT, False)


def test_a_bounce_at_the_former_address_leaves_the_mail_as_it_is(plan, listening):
    send(plan)
    tell(told(plan.delivery, recipient="former@club.example"), **BASIC)
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == State.SENT


def test_news_that_is_not_the_providers_changes_nothing(plan, listening):
    send(plan)
    forged = told(plan.delivery)
    forged["signature"]["signature"] = "0" * 64
    wrong = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"mailgun:guess").decode()}
    before = dump()
    assert tell(forged, **BASIC).status_code == 400
    assert tell(told(plan.delivery)).status_code == 400
    assert tell(told(plan.delivery), **wrong).status_code == 400
    assert dump() == before


def test_news_told_again_after_the_address_was_freed_stops_it_no_more(
    plan, athlete, athlete_client, listening
):
    type(athlete).objects.filter(pk=athlete.pk).update(email=athlete.user.email)
    send(plan)
    plan.delivery.plan.week.athlete.refresh_from_db()
    payload = told(plan.delivery)
    tell(payload, **BASIC)
    athlete_client.post(reverse("mail_settings", args=[athlete.pk]), {"again": "1"})
    before = dump()
    assert tell(payload, **BASIC).status_code == 200
    assert dump() == before


def test_no_webhook_listens_where_none_is_set_up(plan):
    assert tell(told(plan.delivery), **BASIC).status_code == 404


# Mailboxes that are full, or away -----------------------------------------------------------------


def soft(email: str, *, days: float = 0, mail: str = "", event: int = 0, kind="SoftBounce"):
    """What Postmark posts of a mail that met a full mailbox so many days after that Sunday."""
    return {
        "RecordType": "Bounce",
        "Type": kind,
        "ID": event or int(days * 24) + 4_323_372_036_854,
        "MessageID": mail or f"mail-of-day-{days}",
        "Email": email,
        "BouncedAt": (SUNDAY_EVENING + timedelta(days=days)).isoformat(),
        "Description": "Unable to temporarily deliver message.",
        "Details": FULL,
    }


def hear(*news: dict) -> None:
    for one in news:
        answer = Client().post(
            "/anymail/postmark/tracking/", one, content_type="application/json", **BASIC
        )
        assert answer.status_code == 200


def is_stopped(athlete: Athlete) -> bool:
    return bool(athlete.why_no_mail())


@pytest.mark.parametrize(
    ("days", "stopped"),
    [
        ([0], False),
        ([0, 7], False),
        ([0, 7, 14], True),
        ([0, 7, 14.1], False),
        ([0, 7, 15, 21], True),
        ([14, 0, 7], True),  # told in another order than they bounced
        ([0, 15, 30, 45, 60], False),
    ],
)
def test_three_mails_that_met_a_full_mailbox_within_14_days_stop_the_address(
    athlete, listening, days, stopped
):
    hear(*(soft(athlete.email, days=day) for day in days))
    assert is_stopped(athlete) == stopped


def test_each_bounce_counts_once_however_often_it_is_told(athlete, listening):
    twice = [soft(athlete.email), soft(athlete.email, days=1)]
    hear(*twice, *twice, *twice)
    assert not is_stopped(athlete)


def test_one_mail_that_bounces_three_times_counts_once(athlete, listening):
    hear(*(soft(athlete.email, mail="the same", event=number) for number in (1, 2, 3)))
    assert not is_stopped(athlete)


def test_delays_count_as_nothing(athlete, listening):
    hear(*(soft(athlete.email, days=day, kind="Transient") for day in (0, 1, 2)))
    assert not MailStop.objects.exists()


def test_the_bounces_of_another_address_are_not_added(athlete, listening):
    mate = make_athlete(team=athlete.team, name="Bo Lund")
    hear(soft(athlete.email), soft(athlete.email, days=1), soft(mate.email, days=2))
    assert not is_stopped(athlete) and not is_stopped(mate)


def test_nothing_goes_to_a_full_mailbox_and_the_coach_sees_why(
    plan, athlete, listening, coach_client
):
    hear(*(soft(athlete.email.upper(), days=day) for day in (-7, -4, -1)))
    mails = coach_client.get(reverse("mails", args=[athlete.team.slug]))
    assert "the address takes no mail: 3 mails bounced" in mails.text
    assert (send(plan).state, plan.delivery.last_error) == (State.SKIPPED, ADDRESS_STOPPED)
    board = coach_client.get(reverse("board", args=[athlete.team.slug, plan.week.starts_on]))
    assert "mail off: 3 mails bounced" in board.text
    page = coach_client.get(reverse("athlete_detail", args=[athlete.pk]))
    assert "Mail off: 3 mails bounced" in page.text and FULL in page.text


def test_the_athlete_empties_the_mailbox_and_the_old_bounces_count_no_more(
    plan, athlete, athlete_client, listening
):
    Athlete.objects.filter(pk=athlete.pk).update(email=athlete.user.email)
    settings_page = reverse("mail_settings", args=[athlete.pk])
    hear(*(soft(athlete.user.email, days=day) for day in (-3, -2, -1)))
    assert "3 mails bounced" in athlete_client.get(settings_page).text
    athlete_client.post(settings_page, {"again": "1"})
    hear(soft(athlete.user.email, days=0), soft(athlete.user.email, days=-1))
    athlete.refresh_from_db()
    assert not is_stopped(athlete)
    assert send(plan).state == State.SENT


def test_a_mail_that_met_a_full_mailbox_did_not_arrive_and_can_be_tried_again(
    plan, athlete, listening, coach_client
):
    send(plan)
    payload = told(plan.delivery)
    payload["event-data"]["delivery-status"]["message"] = "552 5.2.2 mailbox full"
    tell(payload, **BASIC)
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == State.BOUNCED
    page = coach_client.get(reverse("mails", args=[athlete.team.slug]))
    assert "bounced: 552 5.2.2 mailbox full" in page.text and "Try again" in page.text
    board = coach_client.get(reverse("board", args=[athlete.team.slug, plan.week.starts_on]))
    assert 'failed" title="published, mail Bounced: 552 5.2.2 mailbox full"' in board.text
    coach_client.post(reverse("mail_send", args=[plan.delivery.pk]))
    assert send(plan, at=SUNDAY_EVENING + timedelta(hours=1)).state == State.SENT


def test_where_the_address_is_stopped_there_is_no_button_to_try_again(
    plan, athlete, listening, coach_client
):
    send(plan)
    tell(told(plan.delivery), **BASIC)
    for page in (
        reverse("mails", args=[athlete.team.slug]),
        reverse("mail_detail", args=[plan.delivery.pk]),
    ):
        text = coach_client.get(page).text
        assert "bounced" in text and "Try again" not in text


def news(recipient: str, **more) -> AnymailTrackingEvent:
    """What Amazon SES tells of one receiver, all of one notice under its id."""
    facts = {"event_type": EventType.BOUNCED, "event_id": "one notice", "esp_event": {}}
    return AnymailTrackingEvent(recipient=recipient, timestamp=SUNDAY_EVENING, **(facts | more))


def test_one_notice_that_tells_of_two_receivers_stops_both(athlete):
    Athlete.objects.filter(pk=athlete.pk).update(guardian_email="parent@home.example")
    for email in (athlete.email, "parent@home.example"):
        hear_of_mail(news(email))
    stopped = MailStop.objects.order_by("email").values_list("email", flat=True)
    assert list(stopped) == ["ana.sousa@club.example", "parent@home.example"]


def test_a_complaint_under_the_id_of_a_soft_bounce_is_news_and_stops_the_address(athlete):
    soft_words = {"bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull"}}
    hear_of_mail(news(athlete.email, esp_event=soft_words))
    assert not is_stopped(athlete)
    complaint = news(athlete.email, event_type=EventType.COMPLAINED)
    hear_of_mail(complaint)
    assert athlete.why_no_mail() == "marked as spam"
    before = dump()
    hear_of_mail(complaint)
    assert dump() == before


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("ana@läufer.example", "ana@xn--lufer-gra.example"),
        ("Ana@Läufer.example", "ANA@XN--LUFER-GRA.example"),
        ("ana@läufer.example", "ana@läufer.example"),
        ("ana@grün-weiß.example", "ana@xn--grn-weiss-r9a.example"),
        ("ana@weiß.example", "ana@weiss.example"),
    ],
)
@pytest.mark.parametrize("field", ["email", "guardian_email"])
def test_an_address_in_other_letters_is_stopped_by_the_name_that_the_wire_has_for_it(
    plan, athlete, typed, told, field
):
    Athlete.objects.filter(pk=athlete.pk).update(is_minor=True, guardian_email="p@home.example")
    Athlete.objects.filter(pk=athlete.pk).update(**{field: typed})
    mate = make_athlete(team=athlete.team, name="Bo Lund", email="ana@laufer.example")
    sent = delivery.plan_message(
        Delivery.objects.select_related("plan__week__athlete__team").get(plan=plan)
    )
    on_the_wire = [email.lower() for email in sent.envelope]
    assert told.lower() in on_the_wire or told == typed
    hear_of_mail(news(told))
    assert (send(plan).state, mail.outbox) == (State.SKIPPED, [])
    why = ADDRESS_STOPPED if field == "email" else GUARDIAN_STOPPED
    assert plan.delivery.last_error == why
    assert not is_stopped(mate)


def test_the_coach_hears_of_a_stopped_address_before_the_hour_of_the_mail(
    plan, athlete, coach_client
):
    hear_of_mail(news(athlete.email))
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (State.SKIPPED, ADDRESS_STOPPED)
    url = reverse("week_send_now", args=[athlete.team.slug, plan.week.starts_on])
    assert "No mail of this week waits" in coach_client.post(url, follow=True).text


def test_a_mail_that_bounces_at_the_former_address_does_not_stop_the_new_one(
    plan, athlete, listening
):
    send(plan)
    was = athlete.email
    Athlete.objects.filter(pk=athlete.pk).update(email="ana.new@club.example")
    tell(told(plan.delivery, recipient=was), **BASIC)
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == State.BOUNCED
    newer = change(plan, at=SUNDAY_EVENING + timedelta(hours=1))
    assert send(newer, at=SUNDAY_EVENING + timedelta(hours=6)).state == State.SENT
    assert newer.delivery.sent_to == "ana.new@club.example"


@pytest.mark.django_db(transaction=True)
def test_three_bounces_that_are_told_at_the_same_moment_stop_the_address(listening):
    addresses = [f"runner{number}@club.example" for number in range(20)]
    barrier = Barrier(3, timeout=30)

    def hear_all(day: int) -> None:
        try:
            for email in addresses:
                barrier.wait()
                hear(soft(email, days=day))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(hear_all, range(3)))
    assert [one for one in addresses if not MailStop.objects.standing(Value(one))] == []
