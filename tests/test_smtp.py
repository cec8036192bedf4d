"""The conversation with a mail server that breaks off, sends away, or takes its time."""

import itertools
from datetime import UTC, datetime

import pytest

from tests.make import make_athlete, make_plan, make_team
from tests.sink import Server
from workouts import delivery
from workouts.models import Delivery

pytestmark = pytest.mark.django_db

SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)


@pytest.fixture
def server(request, settings):
    """A mail server that does what the test says with every mail, or every so many mails."""
    order, every = getattr(request, "param", ("", 1))
    asked = itertools.count()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 1

    def next_order(where: str) -> str:
        return order if where == "MAIL" and next(asked) % every == every - 1 else ""

    with Server(next_order).in_background() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server
        server.shutdown()


def send(count: int, now) -> list[str]:
    """Send as many plans in one batch; return the states they end in."""
    team = make_team()
    ids = [
        make_plan(athlete=make_athlete(team=team, name=f"Runner {n}"), now=now).delivery.pk
        for n in range(count)
    ]
    delivery.send_plans(ids, clock=lambda: SUNDAY_EVENING)
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_one_connection_serves_a_batch(server, now):
    assert send(5, now) == ["SENT"] * 5
    assert len(server.taken) == 5


@pytest.mark.parametrize("server", [("MAIL 421 enough for one connection", 2)], indirect=True)
def test_a_server_that_sends_away_after_each_mail_gets_all_of_them_in_time(server, now):
    states = send(6, now)
    # Every second one meets "enough for one connection" and is tried again, none is unclear.
    assert set(states) == {"SENT", "DUE"}
    Delivery.objects.filter(state="DUE").update(next_try_at=None)
    for _ in range(6):
        due = Delivery.objects.due(SUNDAY_EVENING).values_list("pk", flat=True)
        delivery.send_plans(list(due), clock=lambda: SUNDAY_EVENING)
        Delivery.objects.filter(state="DUE").update(next_try_at=None)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"SENT"}
    assert len(server.taken) == 6


@pytest.mark.parametrize("server", [("MAIL hang up", 1), ("DATA hang up", 1)], indirect=True)
def test_a_break_before_the_text_means_that_nothing_was_sent(server, now):
    assert send(2, now) == ["DUE", "DUE"]
    assert server.taken == []


@pytest.mark.parametrize("server", [("TEXT hang up", 1), ("DOT hang up", 1)], indirect=True)
def test_a_break_after_the_text_is_unclear(server, now):
    assert send(2, now) == ["UNCLEAR", "UNCLEAR"]


@pytest.mark.parametrize("server", [("DOT slow 2", 1)], indirect=True)
def test_a_server_that_thinks_long_about_a_mail_gets_it_once(server, now):
    assert send(1, now) == ["SENT"]
    assert len(server.taken) == 1


@pytest.mark.parametrize("server", [("MAIL 550 we do not know you", 1)], indirect=True)
def test_a_server_that_refuses_the_sender_fails_nobodys_mail(server, now):
    assert send(2, now) == ["DUE", "DUE"]


@pytest.mark.parametrize("server", [("RCPT 550 no such mailbox", 1)], indirect=True)
def test_a_server_that_does_not_know_the_receiver_has_the_last_word(server, now):
    assert send(2, now) == ["FAILED", "FAILED"]
    assert Delivery.objects.first().last_error == "550 no such mailbox"


# Two receivers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "state", "error", "conversations"),
    [
        ("RCPT 550 no such mailbox", "FAILED", "550 no such mailbox", 1),
        ("RCPT2 550 no such mailbox", "FAILED", "550 no such mailbox", 1),
        ("RCPT 450 busy, try later", "DUE", "450 busy, try later", 1),
        ("RCPT2 450 busy, try later", "DUE", "450 busy, try later", 1),
        ("RCPT 421 going down", "DUE", "421 going down", 2),
        ("RCPT2 421 going down", "DUE", "421 going down", 2),
        ("RCPT2 hang up", "DUE", "Connection unexpectedly closed", 2),
    ],
)
def test_a_mail_that_one_of_two_receivers_cannot_get_reaches_neither_and_the_next_one_goes(
    settings, now, order, state, error, conversations
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    orders, asked = iter([order]), []

    def next_order(where: str) -> str:
        asked.append(where)
        return next(orders, "") if where == "MAIL" else ""

    team = make_team()
    minor = make_athlete(
        team=team, name="Max Minor", is_minor=True, guardian_email="parent@home.example"
    )
    mails = [make_plan(athlete=one, now=now).delivery for one in (minor, make_athlete(team=team))]
    with Server(next_order).in_background() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        delivery.send_plans([one.pk for one in mails], clock=lambda: SUNDAY_EVENING)
        server.shutdown()

    for one in mails:
        one.refresh_from_db()
    assert (mails[0].state, mails[0].last_error) == (state, error)
    assert mails[1].state == "SENT"
    assert [b"parent@home.example" in text for text in server.taken] == [False]
    assert asked.count("HELLO") == conversations


def test_a_plan_held_back_at_the_last_moment_is_not_taken(server, now):
    plan = make_plan(now=now)
    moments = iter([SUNDAY_EVENING] * 3 + [SUNDAY_EVENING.replace(hour=23)] * 9)
    delivery.send_plans([plan.delivery.pk], clock=lambda: next(moments))
    assert server.taken == []
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == "DUE"  # another worker may try


@pytest.mark.parametrize(
    ("server", "state"),
    [
        (("DOT 25", 1), "UNCLEAR"),
        (("DOT taken", 1), "UNCLEAR"),
        (("DOT 251 taken, and passed on", 1), "SENT"),
    ],
    indirect=["server"],
)
def test_a_final_answer_that_is_cut_short_says_nothing_and_any_that_begins_with_2_says_yes(
    server, now, state
):
    assert send(1, now) == [state]
    assert len(server.taken) == 1
