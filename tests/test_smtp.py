"""The conversation with a mail server that breaks off, sends away, or takes its time."""

import socketserver
import threading
import time
from datetime import UTC, datetime

import pytest

from tests.make import make_athlete, make_plan, make_team
from workouts import delivery
from workouts.models import Delivery

pytestmark = pytest.mark.django_db

SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)


class Server(socketserver.ThreadingTCPServer):
    """A mail server that takes mails, and does at one point what the test says."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, **script) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.script = script
        self.taken: list[bytes] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Talk(socketserver.StreamRequestHandler):
    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        script, mails = self.server.script, 0
        self.say("220 ready")
        while line := self.rfile.readline():
            command = line[:4].upper().strip().decode()
            if command == script.get("hang_up_at"):
                return
            if command == "MAIL" and mails == script.get("mails_a_connection"):
                return self.say("421 enough for one connection")
            if command == "DATA":
                self.say("354 go ahead")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                if script.get("hang_up_at") == "text":
                    return
                time.sleep(script.get("slow_s", 0))
                self.server.taken.append(text)
                mails += 1
            if command == "QUIT":
                return self.say("221 bye")
            self.say(script.get(command, "250 ok"))


@pytest.fixture
def server(request, settings):
    script = getattr(request, "param", {})
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 1
    with Server(**script) as server:
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


@pytest.mark.parametrize("server", [{"mails_a_connection": 1}], indirect=True)
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


@pytest.mark.parametrize("server", [{"hang_up_at": "MAIL"}, {"hang_up_at": "DATA"}], indirect=True)
def test_a_break_before_the_text_means_that_nothing_was_sent(server, now):
    assert send(2, now) == ["DUE", "DUE"]
    assert server.taken == []


@pytest.mark.parametrize("server", [{"hang_up_at": "text"}], indirect=True)
def test_a_break_after_the_text_is_unclear(server, now):
    assert send(2, now) == ["UNCLEAR", "UNCLEAR"]


@pytest.mark.parametrize("server", [{"slow_s": 2}], indirect=True)
def test_a_server_that_thinks_long_about_a_mail_gets_it_once(server, now):
    assert send(1, now) == ["SENT"]
    assert len(server.taken) == 1


@pytest.mark.parametrize("server", [{"MAIL": "550 we do not know you"}], indirect=True)
def test_a_server_that_refuses_the_sender_fails_nobodys_mail(server, now):
    assert send(2, now) == ["DUE", "DUE"]


@pytest.mark.parametrize("server", [{"RCPT": "550 no such mailbox"}], indirect=True)
def test_a_server_that_does_not_know_the_receiver_has_the_last_word(server, now):
    assert send(2, now) == ["FAILED", "FAILED"]
    assert Delivery.objects.first().last_error == "550 no such mailbox"


def test_a_plan_held_back_at_the_last_moment_is_not_taken(server, now):
    plan = make_plan(now=now)
    moments = iter([SUNDAY_EVENING] * 3 + [SUNDAY_EVENING.replace(hour=23)] * 9)
    delivery.send_plans([plan.delivery.pk], clock=lambda: next(moments))
    assert server.taken == []
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == "CLAIMED"
