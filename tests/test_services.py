"""The main job with real processes: broker, beat, worker, SMTP server, and their health."""

import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from athletes.models import Athlete
from coachsite.celery import app
from tests.make import EASY, TRACK, make_athlete, make_race, make_team, make_user, make_week
from tests.processes import post_office, wait_until
from workouts import planning
from workouts.models import Delivery, Heartbeat, TrainingWeek

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

ZONES = ["Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"]


@pytest.fixture
def office(tmp_path, request):
    """Worker, beat and SMTP server; where the test fails, what they said and did."""
    failed = request.session.testsfailed
    with post_office(tmp_path, connection.settings_dict) as office:
        yield office
        if request.session.testsfailed > failed:
            print(Counter(Delivery.objects.values_list("state", "attempts", "last_error")))
            print(dict(Heartbeat.ages(now=datetime.now(UTC))))
            office.print_logs()


@pytest.fixture
def celery_settings():
    """Set options of this process's Celery application until the test ends."""
    before: dict = {}

    def change(**values) -> None:
        for name, value in values.items():
            before.setdefault(name, getattr(app.conf, name))
            setattr(app.conf, name, value)

    yield change
    for name, value in before.items():
        setattr(app.conf, name, value)


def publish_squad(athletes: int) -> None:
    """Publish this week for a squad; in every zone it has begun, so its mails are due at once."""
    coach = make_user()
    team = make_team(coach=coach)
    now = datetime.now(UTC)
    monday = now.date() - timedelta(days=now.date().weekday())
    for number in range(athletes):
        zone = ZONES[number % len(ZONES)]
        athlete = make_athlete(team=team, name=f"Runner {number}", time_zone=zone)
        make_race(athlete=athlete, time_s=1000 + 5 * number)
        week = make_week(athlete=athlete, starts_on=monday)
        week.schedule(weekday=2, **TRACK)
        week.schedule(weekday=4, **TRACK)
        week.schedule(weekday=7, **EASY)
    planning.publish_weeks(team.athletes.all(), starts_on=monday, now=now, by=coach)


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def test_a_published_week_of_120_athletes_is_mailed_to_each_once(office, capsys):
    publish_squad(120)
    wait_until(lambda: states() == {"SENT"}, seconds=180, what="120 mails sent")
    mails = office.mails()
    recipients = {mail["to"] for mail in mails}
    twice = len(mails) - len({mail["message_id"] for mail in mails})
    with capsys.disabled():
        broker = settings.CELERY_BROKER_URL.partition(":")[0]
        print(
            f"\n{connection.vendor}, {broker} broker, beat, worker, SMTP: "
            f"{len(mails)} mails, {len(recipients)} recipients, {twice} twice"
        )
    assert (len(mails), len(recipients), twice) == (120, 120, 0)
    fastest = next(mail for mail in mails if mail["to"] == "runner.0@club.example")
    # 5K in 16:40 is 3:20.0 a km: 800 m in 2:40, a lap in 1:20.
    assert "2:40" in fastest["text"]
    assert "1:20" in fastest["text"]
    assert TrainingWeek.objects.over_limit().count() == 0


def test_a_worker_killed_while_sending_loses_and_doubles_nothing(office):
    publish_squad(60)
    wait_until(lambda: "SENT" in states(), seconds=60, what="the first mail")
    office.stop("worker", signal.SIGKILL)
    Delivery.objects.filter(state__in=["CLAIMED", "TRANSMITTING"]).update(
        lease_until=datetime.now(UTC) - timedelta(seconds=1)
    )
    office.start("worker")
    wait_until(lambda: states() <= {"SENT", "UNCLEAR"}, seconds=180, what="every other mail")
    assert len(office.mails()) == len({mail["to"] for mail in office.mails()})
    # A mail that was on the wire is held as unclear, then sent once more under the same Message-ID.
    unclear = Delivery.objects.filter(state="UNCLEAR").update(next_try_at=datetime.now(UTC))
    wait_until(lambda: states() == {"SENT"}, seconds=60, what="the unclear ones")
    mails = office.mails()
    assert {mail["to"] for mail in mails} == set(Athlete.objects.values_list("email", flat=True))
    assert len({mail["message_id"] for mail in mails}) == 60
    assert len(mails) <= 60 + unclear


def test_the_mail_server_away_for_a_while_loses_nothing(office):
    office.stop("sink")
    publish_squad(5)
    wait_until(
        lambda: Delivery.objects.filter(state="DUE").exclude(last_error="").count() == 5,
        seconds=60,
        what="a try",
    )
    office.start("sink")
    wait_until(office.answers, seconds=30, what="the SMTP server")
    wait_until(lambda: states() == {"SENT"}, seconds=60, what="five mails")
    assert len(office.mails()) == 5


def test_the_health_page_names_the_part_that_is_down(office, client, celery_settings):
    if not settings.REDIS_URL:
        queue, control = (str(office.var / "broker" / part) for part in ("queue", "control"))
        folders = {"data_folder_in": queue, "data_folder_out": queue, "control_folder": control}
        celery_settings(broker_transport_options=folders)

    def health() -> tuple[int, dict]:
        answer = client.get("/healthz/")
        return answer.status_code, answer.json()

    wait_until(lambda: health()[0] == 200, seconds=60, what="a healthy site")
    office.stop("beat")
    office.stop("worker")
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    Heartbeat.objects.filter(part="sweep").update(beat_at=long_ago)
    status, body = health()
    assert (status, body["down"]) == (503, ["sweep"])
    assert body["sweep"].startswith("down: last seen 6")
    Heartbeat.objects.filter(part="worker").update(beat_at=long_ago)
    assert health()[1]["down"] == ["worker", "sweep"]

    office.start("worker")
    wait_until(lambda: health()[1]["worker"] == "up", seconds=30, what="a worker's heartbeat")
    office.start("beat")
    wait_until(lambda: health()[0] == 200, seconds=30, what="a healthy site")

    with connection.execute_wrapper(no_database):
        assert health()[1]["down"] == ["database", "worker", "sweep"]
    celery_settings(broker_read_url="redis://127.0.0.1:9/0")
    status, body = health()
    assert (status, body["down"]) == (503, ["broker"])


def no_database(execute, sql, params, many, context):
    raise OperationalError("the server closed the connection")
