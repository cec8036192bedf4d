"""Mails that an athlete does not want, or an address does not take, and the way back."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.signing import b62_encode
from django.test import Client
from django.urls import reverse

from athletes.models import Athlete, MailKind, MailStop, Unsubscription
from tests.make import EASY, make_athlete, make_plan, make_user
from tests.test_access import dump
from workouts import delivery
from workouts.mail_links import unsubscribe_token
from workouts.models import Delivery
from workouts.models.plans import ADDRESS_STOPPED

pytestmark = pytest.mark.django_db

State = Delivery.State
SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)


@pytest.fixture
def plan(athlete, now):
    return make_plan(athlete=athlete, now=now)


@pytest.fixture
def stranger() -> Client:
    """Whoever holds the link: no cookie, no token against forged forms."""
    return Client(enforce_csrf_checks=True)


def link(athlete, kind=MailKind.PLAN) -> str:
    token = unsubscribe_token(athlete_id=athlete.pk, kind=kind, email=athlete.email)
    return reverse("mail_unsubscribe", args=[token])


def send(plan, *, at=SUNDAY_EVENING) -> Delivery:
    delivery.send_plans([plan.delivery.pk], clock=lambda: at)
    plan.delivery.refresh_from_db()
    return plan.delivery


def change(plan, *, at, weekday=5):
    plan.week.schedule(weekday=weekday, **EASY)
    newer = plan.week.publish(now=at)
    newer.delivery.refresh_from_db()
    return newer


# One click ----------------------------------------------------------------------------------------


def test_every_plan_mail_says_where_one_click_ends_it(plan, settings, stranger):
    settings.SITE_URL = "https://coachsite.example"
    send(plan)
    headers = mail.outbox[0].extra_headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(
        r"<https://coachsite\.example(/m/stop/[^>]+/)>", headers["List-Unsubscribe"]
    )
    answer = stranger.post(found[1], {"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, Unsubscription.objects.get().kind) == (200, "PLAN")


def test_one_click_stops_the_mail_at_once_without_log_in_cookie_or_redirect(
    plan, athlete, stranger
):
    answer = stranger.post(link(athlete), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert not answer.cookies.get("sessionid")
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (State.SKIPPED, "unsubscribed")
    assert send(plan).state == State.SKIPPED
    assert mail.outbox == []


def test_who_has_no_account_lets_the_mails_come_again_by_the_same_link(plan, athlete, stranger):
    Athlete.objects.filter(pk=athlete.pk).update(user=None)
    page = stranger.post(link(athlete))
    assert "Send them again after all" in page.text
    again = stranger.post(link(athlete), {"again": "1"})
    assert "Stop these mails?" in again.text
    assert send(plan).state == State.SENT
    # A link that was sent to another address gives nothing back.
    stranger.post(link(athlete))
    old = link(athlete)
    Athlete.objects.filter(pk=athlete.pk).update(email="new@club.example")
    assert "Send them again" not in stranger.post(old, {"again": "1"}).text
    assert athlete.unsubscriptions.exists()


def test_a_second_click_changes_nothing(plan, athlete, stranger):
    stranger.post(link(athlete))
    before = dump()
    assert stranger.post(link(athlete)).status_code == 200
    assert dump() == before


def test_a_scanner_that_opens_the_link_stops_nothing(plan, athlete, stranger):
    before = dump()
    page = stranger.get(link(athlete))
    assert page.status_code == 200
    assert page.text.partition("<main")[2].count("<button") == 1
    assert stranger.head(link(athlete)).status_code == 200
    assert dump() == before


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_altered_link_and_one_of_another_athlete_look_alike(plan, athlete, stranger, method):
    other = make_athlete(team=athlete.team, name="Bo Lund")
    token = unsubscribe_token(athlete_id=athlete.pk, kind="PLAN", email=athlete.email)
    swapped = b62_encode(other.pk) + token.removeprefix(b62_encode(athlete.pk))
    assert swapped != token
    gone = unsubscribe_token(athlete_id=10**9, kind="PLAN", email=athlete.email)
    unheard_of = unsubscribe_token(athlete_id=athlete.pk, kind="NEWS", email=athlete.email)
    before = dump()
    answers = [
        getattr(stranger, method)(reverse("mail_unsubscribe", args=[one]))
        for one in (swapped, token[:-1], f"{token}x", gone, unheard_of, "1-PLAN")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert all("This link does not work" in answer.text for answer in answers)
    assert all("Ana Sousa" not in answer.text for answer in answers)
    assert dump() == before


def test_an_unsubscribe_link_of_years_ago_still_works(plan, athlete, stranger, monkeypatch):
    url = link(athlete)
    later = datetime(2036, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert stranger.post(url).status_code == 200
    assert Unsubscription.objects.get().at == later


def test_a_link_sent_to_a_former_address_stops_nothing_at_the_new_one(plan, athlete, stranger):
    url = link(athlete)
    type(athlete).objects.filter(pk=athlete.pk).update(email="ana.new@club.example")
    assert "These mails are off" in stranger.post(url).text
    assert not Unsubscription.objects.exists()


# Kind by kind -------------------------------------------------------------------------------------


def test_who_left_the_change_mails_gets_the_plan_and_no_changes(plan, athlete, stranger):
    stranger.post(link(athlete, MailKind.CHANGE))
    assert send(plan).state == State.SENT
    newer = change(plan, at=SUNDAY_EVENING + timedelta(hours=1))
    assert (newer.delivery.state, newer.delivery.last_error) == (State.SKIPPED, "unsubscribed")


def test_who_left_the_change_mails_gets_a_plan_that_was_edited_before_it_went_out(
    plan, athlete, stranger, now
):
    stranger.post(link(athlete, MailKind.CHANGE))
    newer = change(plan, at=now + timedelta(hours=1))
    assert send(newer).state == State.SENT


def test_who_left_the_plan_mails_gets_no_plan_that_is_published_later(athlete, stranger, now):
    stranger.post(link(athlete))
    plan = make_plan(athlete=athlete, now=now)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (State.SKIPPED, "unsubscribed")


def test_a_change_mail_names_the_link_of_its_own_kind(plan, athlete):
    send(plan)
    newer = change(plan, at=SUNDAY_EVENING)
    send(newer, at=SUNDAY_EVENING + timedelta(hours=3))
    first, second = (message.extra_headers["List-Unsubscribe"] for message in mail.outbox)
    assert link(athlete) in first
    assert link(athlete, MailKind.CHANGE) in second


def test_who_unsubscribes_while_a_batch_is_made_up_gets_nothing(plan, athlete, monkeypatch):
    """The mail was in the worker's hands already: the claim fails."""
    made = delivery.Bag.of

    def late(deliveries):
        bag = made(deliveries)
        Client().post(link(athlete))
        return bag

    monkeypatch.setattr(delivery.Bag, "of", late)
    assert send(plan).state == State.SKIPPED
    assert mail.outbox == []


def test_an_unclear_mail_is_not_sent_again_to_one_who_left(plan, athlete, stranger):
    Delivery.objects.update(state=State.UNCLEAR, next_try_at=SUNDAY_EVENING)
    stranger.post(link(athlete))
    send(plan)
    assert (plan.delivery.state, mail.outbox) == (State.UNCLEAR, [])


# The way back -------------------------------------------------------------------------------------


def test_the_athlete_switches_mails_on_again_and_this_weeks_comes(plan, athlete, athlete_client):
    athlete_client.post(link(athlete))
    settings_page = reverse("mail_settings", args=[athlete.pk])
    assert settings_page in athlete_client.get(reverse("today")).text
    page = athlete_client.get(settings_page)
    assert 'value="CHANGE" id="id_kinds_1" checked' in page.text
    assert 'value="PLAN" id="id_kinds_0">' in page.text
    athlete_client.post(settings_page, {"kinds": ["PLAN", "CHANGE"]})
    assert not Unsubscription.objects.exists()
    assert send(plan).state == State.SENT


def test_the_athlete_switches_a_kind_off_on_the_own_page(plan, athlete, athlete_client):
    athlete_client.post(reverse("mail_settings", args=[athlete.pk]), {"kinds": ["CHANGE"]})
    assert Unsubscription.objects.get().kind == "PLAN"
    assert send(plan).state == State.SKIPPED


def test_a_mail_replaced_meanwhile_does_not_come_back(plan, athlete, athlete_client, now):
    athlete_client.post(link(athlete))
    newer = change(plan, at=now + timedelta(hours=1))
    athlete_client.post(reverse("mail_settings", args=[athlete.pk]), {"kinds": ["PLAN"]})
    plan.delivery.refresh_from_db()
    newer.delivery.refresh_from_db()
    assert (plan.delivery.state, newer.delivery.state) == (State.SKIPPED, State.DUE)


def test_the_coach_sees_that_mail_is_off_and_cannot_switch_it_on(plan, athlete, coach_client):
    coach_client.post(link(athlete))
    board = coach_client.get(reverse("board", args=[athlete.team.slug, plan.week.starts_on]))
    assert "mail off" in board.text
    page = coach_client.get(reverse("athlete_detail", args=[athlete.pk]))
    assert "Mail off: unsubscribed" in page.text
    answer = coach_client.post(reverse("mail_settings", args=[athlete.pk]), {"kinds": ["PLAN"]})
    assert answer.status_code == 404
    assert Unsubscription.objects.exists()


# An address that takes none -----------------------------------------------------------------------


def stop(email: str, **more) -> MailStop:
    fields = {"kind": "BOUNCE", "at": SUNDAY_EVENING, "said": "550 no such user", "event_id": "e1"}
    return MailStop.objects.create(email=email, **(fields | more))


def test_nothing_goes_to_an_address_that_bounced_and_the_coach_sees_why(
    plan, athlete, coach_client
):
    stop(athlete.email)
    assert (send(plan).state, plan.delivery.last_error) == (State.SKIPPED, ADDRESS_STOPPED)
    board = coach_client.get(reverse("board", args=[athlete.team.slug, plan.week.starts_on]))
    assert "bounced" in board.text
    page = coach_client.get(reverse("athlete_detail", args=[athlete.pk]))
    assert "Mail off: bounced" in page.text
    assert "550 no such user" in page.text


def test_an_athlete_with_a_new_address_is_free_again(plan, athlete):
    stop(athlete.email)
    send(plan)
    type(athlete).objects.filter(pk=athlete.pk).update(email="ana.new@club.example")
    Delivery.objects.send_now(now=SUNDAY_EVENING)
    assert send(plan).state == State.SENT


def test_send_now_leaves_an_address_alone_that_still_takes_no_mail(plan, athlete):
    stop(athlete.email)
    send(plan)
    assert Delivery.objects.send_now(now=SUNDAY_EVENING) == 0


def test_the_athlete_lets_the_own_address_be_tried_again(plan, athlete, athlete_client):
    type(athlete).objects.filter(pk=athlete.pk).update(email=athlete.user.email)
    athlete.refresh_from_db()
    stop(athlete.email)
    athlete_client.post(reverse("mail_settings", args=[athlete.pk]), {"again": "1"})
    assert MailStop.objects.get().lifted_at is not None
    assert send(plan).state == State.SENT


def test_the_mail_that_was_held_back_goes_out_once_the_address_is_tried_again(
    plan, athlete, athlete_client
):
    stop(athlete.email)
    assert send(plan).last_error == ADDRESS_STOPPED
    athlete_client.post(reverse("mail_settings", args=[athlete.pk]), {"again": "1"})
    assert send(plan).state == State.SENT


def test_the_coach_sends_what_was_held_back_once_there_is_a_new_address(
    plan, athlete, coach_client
):
    stop(athlete.email)
    send(plan)
    pages = (reverse("mails", args=[athlete.team.slug]), f"/mails/{plan.delivery.pk}/")
    assert not any("Send now" in coach_client.get(page).text for page in pages)
    type(athlete).objects.filter(pk=athlete.pk).update(email="ana.new@club.example")
    assert all("Send now" in coach_client.get(page).text for page in pages)
    coach_client.post(f"/mails/{plan.delivery.pk}/send/")
    assert send(plan).state == State.SENT


def test_nobody_lifts_the_stop_of_an_address_that_is_not_their_own(plan, athlete, athlete_client):
    stranger = make_user(email="stranger@elsewhere.example")
    type(athlete).objects.filter(pk=athlete.pk).update(email=stranger.email)
    stop(stranger.email, kind="SPAM")
    athlete_client.post(reverse("mail_settings", args=[athlete.pk]), {"again": "1"})
    assert MailStop.objects.get().lifted_at is None
