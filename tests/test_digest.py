"""The coach's morning mail: once a day, at the coach's own hour, and only with something to say."""

import email
import smtplib
from datetime import UTC, date, datetime, time, timedelta
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from athletes.models import MailStop, Membership, Team, Unsubscription, User
from tests.make import EASY, MONDAY, make_athlete, make_plan, make_team, make_user, make_week
from tests.sink import Server
from workouts import digests, tasks
from workouts.models import Action, Delivery, Digest, Result, acting
from workouts.models.plans import LEASE

pytestmark = pytest.mark.django_db

State = Digest.State
TUESDAY = date(2026, 12, 1)
MORNING = datetime(2026, 12, 1, 6, 30, tzinfo=UTC)


@pytest.fixture
def member(coach, team) -> Membership:
    member = team.memberships.get(user=coach)
    member.digest_at = time(6, 30)
    member.save()
    return member


@pytest.fixture
def week(athlete, now):
    """Track on Tuesday, an easy run on Monday; published."""
    week = make_week(athlete=athlete)
    week.schedule(
        kind="TRACK",
        weekday=2,
        title="6 × 800 m",
        notation="6 x 800 @ 5k, jog 200",
        starts_at=time(18, 30),
        place="Stadium",
    )
    week.schedule(weekday=1, **EASY)
    week.publish(now=now)
    return week


def ring(*, at: datetime) -> None:
    digests.send_digests(Digest.objects.sweep(now=at), clock=lambda: at)


def text(*, at: datetime = MORNING) -> str:
    ring(at=at)
    return mail.outbox[-1].body


def log(week, weekday: int, *, by: User, now: datetime = MORNING, **more) -> Result:
    facts = {"outcome": "DONE", "rpe": 5, "comment": "", "splits": []} | more
    return Result.objects.log(week.sessions.get(weekday=weekday), by=by, now=now, **facts)


def test_it_tells_what_athletes_moved_and_which_mails_they_ended(member, week, client):
    athlete = week.athlete
    early = MORNING - timedelta(hours=2)
    for at, day in ((early, 5), (MORNING + timedelta(hours=2), 6)):
        with acting(
            team=athlete.team, by=None, path=Action.Path.MAIL, label=f"Ana moved it to day {day}"
        ):
            week.move(week.sessions.get(title="6 × 800 m"), weekday=day)
        Action.objects.filter(label__endswith=str(day)).update(at=at)
    Unsubscription.objects.note(athlete, "PLAN", now=early)
    told = text()
    assert "MOVED BY ATHLETES\n\n- Ana moved it to day 5\n" in told
    assert "day 6" not in told
    assert "- Ana Sousa wants no more of: " in told


# When


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("UTC", "2026-12-01T06:30+00:00"),
        ("America/New_York", "2026-12-01T11:30+00:00"),
        ("Asia/Kathmandu", "2026-12-01T00:45+00:00"),
    ],
)
def test_it_comes_at_the_coachs_own_hour_and_not_before(member, week, zone, first):
    User.objects.filter(pk=member.user_id).update(time_zone=zone)
    first = datetime.fromisoformat(first)
    ring(at=first - timedelta(seconds=1))
    assert mail.outbox == []
    ring(at=first)
    assert [one.to for one in mail.outbox] == [["coach@club.example"]]


def test_it_comes_once_a_day_however_often_the_sweep_rings(member, week):
    for minutes in range(0, 240, 20):
        ring(at=MORNING + timedelta(minutes=minutes))
    assert len(mail.outbox) == 1
    ring(at=MORNING + timedelta(days=1, hours=0))
    assert Digest.objects.count() == 2


def test_a_day_has_one_row_even_where_two_sweeps_write_it(member, week):
    for _ in range(2):
        Digest.objects.promise(now=MORNING)
    assert Digest.objects.count() == 1


def test_of_two_workers_one_sends(member, week):
    (pk,) = Digest.objects.sweep(now=MORNING)
    assert Digest.objects.claim(pk, now=MORNING).exists()
    assert not Digest.objects.claim(pk, now=MORNING).exists()
    digests.send_digests([pk], clock=lambda: MORNING)
    assert mail.outbox == []
    late = MORNING + LEASE + timedelta(seconds=1)
    digests.send_digests([pk], clock=lambda: late)
    assert len(mail.outbox) == 1


def test_it_is_off_until_a_coach_asks_for_it(coach, team, week):
    ring(at=MORNING)
    assert not Digest.objects.exists()


def test_what_was_not_sent_in_the_morning_is_not_sent_in_the_afternoon(member, week):
    ring(at=MORNING + timedelta(hours=3))
    assert mail.outbox == []
    Digest.objects.create(membership=member, on=TUESDAY, due_at=MORNING)
    ring(at=MORNING + timedelta(hours=4))
    assert Digest.objects.get().state == State.FAILED


def test_each_coach_of_a_team_gets_their_own(member, team, week):
    other = make_user(email="assi@club.example")
    team.memberships.create(user=other, digest_at=time(6, 30))
    make_team(coach=make_user(email="quiet@club.example"), slug="quiet")
    ring(at=MORNING)
    assert sorted(one.to[0] for one in mail.outbox) == ["assi@club.example", "coach@club.example"]


def cannot_log_in(member: Membership) -> None:
    User.objects.filter(pk=member.user_id).update(is_active=False)


def complained(member: Membership) -> None:
    MailStop.objects.create(email=member.user.email, kind="SPAM", at=MORNING, event_id="1")


def wants_none(member: Membership) -> None:
    Membership.objects.filter(pk=member.pk).update(digest_at=None)


UNWANTED = [cannot_log_in, complained, wants_none]


@pytest.mark.parametrize("happens", UNWANTED)
def test_a_coach_who_is_gone_or_marked_it_as_spam_gets_none(member, week, happens):
    happens(member)
    ring(at=MORNING)
    assert mail.outbox == []
    assert not Digest.objects.exists()


@pytest.mark.parametrize("happens", UNWANTED)
def test_nor_does_one_whose_mail_waits_for_another_try(member, week, happens):
    Digest.objects.promise(now=MORNING)
    happens(member)
    ring(at=MORNING + timedelta(minutes=10))
    assert mail.outbox == []


def test_a_coach_whose_address_takes_mail_again_gets_the_next_one(member, week):
    complained(member)
    ring(at=MORNING)
    MailStop.objects.lift(member.user.email, now=MORNING)
    ring(at=MORNING + timedelta(minutes=10))
    assert len(mail.outbox) == 1


def test_one_soft_bounce_does_not_end_it(member, week):
    MailStop.objects.create(email=member.user.email, kind="SOFT", at=MORNING, event_id="1")
    ring(at=MORNING)
    assert len(mail.outbox) == 1


# What


def test_a_day_with_nothing_to_say_brings_no_mail(member, athlete):
    ring(at=MORNING)
    assert mail.outbox == []
    assert Digest.objects.get().state == State.EMPTY


def test_today_tells_who_runs_what_where_and_when(member, week, team, now):
    bea = make_week(athlete=make_athlete(team=team, name="Bea Berg"))
    bea.schedule(kind="REST", weekday=2, title="Rest", notation="rest")
    bea.publish(now=now)
    assert "- 18:30, Stadium, 6 × 800 m: Ana Sousa" in text()
    assert "Bea" not in mail.outbox[0].body
    assert mail.outbox[0].subject.startswith("Harriers, Tue 1 Dec: today")


def test_a_large_group_is_one_line_with_a_count(member, team, now):
    for number in range(9):
        one = make_week(athlete=make_athlete(team=team, name=f"Runner {number}"))
        one.schedule(weekday=2, **EASY)
        one.publish(now=now)
    told = " ".join(text().split())
    assert "Easy run: Runner 0, Runner 1, Runner 2, Runner 3, Runner 4, Runner 5 and 3 more" in told


def test_a_draft_is_not_told(member, athlete):
    make_week(athlete=athlete).schedule(weekday=2, **EASY)
    ring(at=MORNING)
    assert mail.outbox == []


def test_what_was_missed_yesterday_is_told_and_what_nobody_logged_is_counted(
    member, week, team, now
):
    log(week, 1, by=member.user, outcome="MISSED", comment="Sore calf")
    bea = make_week(athlete=make_athlete(team=team, name="Bea Berg"))
    bea.schedule(weekday=1, **EASY)
    bea.publish(now=now)
    told = text()
    assert "- Ana Sousa: Easy run “Sore calf”" in told
    assert "- Not logged: Bea Berg" in told


def test_comments_are_told_once_and_not_the_coachs_own(member, week, athlete):
    ana = make_user(email="ana@club.example")
    log(week, 1, by=ana, comment="Felt strong", now=MORNING - timedelta(hours=12))
    log(week, 2, by=member.user, comment="my own words", now=MORNING - timedelta(hours=11))
    told = text()
    assert "Ana Sousa, Easy run, RPE 5: “Felt strong”" in told
    assert "my own words" not in told
    Result.objects.filter(comment="Felt strong").update(outcome="PARTLY")
    ring(at=MORNING + timedelta(days=1))
    assert not [one for one in mail.outbox[1:] if "Felt strong" in one.body]


def test_mails_that_failed_or_are_unclear_are_told(member, week):
    Delivery.objects.update(state="FAILED", last_error="550 no such user")
    assert "- Ana Sousa, week of 30 November: failed: 550 no such user" in " ".join(text().split())


def test_a_minors_week_that_is_kept_back_is_told(member, team, now):
    max_ = make_athlete(team=team, name="Minor Max", is_minor=True)
    week = make_week(athlete=max_)
    week.schedule(weekday=5, **EASY)
    week.publish(now=now)
    assert "Minor Max, week of 30 November: not sent: no guardian's address" in " ".join(
        text().split()
    )


def test_a_minors_week_that_waits_as_the_guardian_bounced_is_told(member, team, now):
    parent = "parent@home.example"
    MailStop.objects.create(email=parent, kind="BOUNCE", at=now, event_id="e1")
    max_ = make_athlete(team=team, name="Minor Max", is_minor=True, guardian_email=parent)
    week = make_week(athlete=max_)
    week.schedule(weekday=5, **EASY)
    week.publish(now=now)
    assert "30 November: not sent: the guardian's address bounced" in " ".join(text().split())


def test_nothing_of_another_team_is_told(member, week, now):
    other = make_week(athlete=make_athlete(team=make_team(slug="rivals"), name="Rita Rival"))
    other.schedule(weekday=2, **EASY)
    other.publish(now=now)
    assert "Rita" not in text()


def test_no_line_is_longer_than_80_columns(member, week):
    log(week, 1, by=make_user(email="ana@club.example"), comment="up the long hill " * 30)
    lines = [line for line in text().splitlines() if "http" not in line]
    assert max(len(line) for line in lines) <= 80


# What goes wrong


def test_an_unclear_end_is_not_sent_again_and_its_comments_are_told_tomorrow(member, week):
    log(week, 1, by=make_user(email="ana@club.example"), comment="Felt strong")
    (pk,) = Digest.objects.sweep(now=MORNING)
    Digest.objects.filter(pk=pk).update(state=State.TRANSMITTING, lease_until=MORNING + LEASE)
    ring(at=MORNING + LEASE + timedelta(seconds=1))
    assert Digest.objects.get().state == State.UNCLEAR
    assert mail.outbox == []
    assert "Felt strong" in text(at=MORNING + timedelta(days=1))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"no such user")}), State.FAILED),
        (smtplib.SMTPRecipientsRefused({"a@b.example": (451, b"later")}), State.DUE),
        (smtplib.SMTPSenderRefused(550, b"not you", "plans@club.example"), State.DUE),
        (ConnectionRefusedError("nobody listens"), State.DUE),
    ],
)
def test_a_refusal_is_final_and_a_server_that_is_away_is_asked_again(
    member, week, monkeypatch, answer, state
):
    def refuse(self, messages):
        raise answer

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    ring(at=MORNING)
    assert Digest.objects.get().state == state
    monkeypatch.undo()
    ring(at=MORNING + timedelta(minutes=10))
    assert len(mail.outbox) == (state == State.DUE)


@pytest.fixture
def rivals(other_coach, now) -> Membership:
    """A second team, whose mail comes after that of the first one in the same batch."""
    team = make_team(coach=other_coach, slug="rivals", name="Rivals")
    make_plan(athlete=make_athlete(team=team, name="Rita Rival"), now=now)
    member = team.memberships.get()
    member.digest_at = time(6, 30)
    member.save()
    return member


@pytest.mark.parametrize(
    "name",
    [
        "Läuferverein Köln-Süd 1899",
        "Беговой клуб Спартак имени братьев Знаменских",
        "東京走友会陸上競技部長距離",
        "a" * 80,
        "Two\r\nlines",
    ],
)
def test_a_team_with_a_long_name_in_any_script_gets_its_mail(member, week, rivals, settings, name):
    Team.objects.filter(pk=member.team_id).update(name=name)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with Server().in_background() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        ring(at=MORNING)
        server.shutdown()
    assert [one.state for one in Digest.objects.all()] == [State.SENT, State.SENT]
    sent = email.message_from_bytes(server.taken[0])
    found, _ = parseaddr(sent["From"].replace("\r\n", ""))
    assert str(make_header(decode_header(found))) == f"{' '.join(name.split())} via Coachsite"
    subject = str(make_header(decode_header(sent["Subject"].replace("\r\n", ""))))
    assert subject.strip().startswith(f"{' '.join(name.split())}, Tue 1 Dec: today")


@pytest.mark.parametrize("broken", ["morning", "digest_message", "sender_of"])
def test_a_mail_that_cannot_be_drawn_stops_no_other_and_is_tried_again(
    member, week, rivals, monkeypatch, broken
):
    real, calls = getattr(digests, broken), []

    def break_once(*args, **more):
        calls.append(args)
        if len(calls) == 1:
            raise ValueError("cannot be drawn")
        return real(*args, **more)

    monkeypatch.setattr(digests, broken, break_once)
    ring(at=MORNING)
    first, second = Digest.objects.order_by("pk")
    assert (first.state, first.last_error) == (State.DUE, "cannot be drawn")
    assert second.state == State.SENT
    ring(at=MORNING + timedelta(minutes=1))
    assert len(mail.outbox) == 2


def test_a_header_that_django_refuses_is_found_before_the_mail_is_on_the_wire(
    member, week, rivals, monkeypatch
):
    bad = [f"plans@club.example{end}" for end in ("\nBcc: all@club.example", "")]
    monkeypatch.setattr(digests, "sender_of", lambda team: bad.pop(0))
    ring(at=MORNING)
    assert [one.state for one in Digest.objects.order_by("pk")] == [State.DUE, State.SENT]


# The switch


def test_a_coach_sets_the_hour_on_the_mail_page_and_ends_it_there(client, coach, team):
    client.force_login(coach)
    url = "/teams/harriers/mails/digest/"
    client.post(url, {"digest_at": "07:15", "time_zone": "Europe/London"})
    member = Membership.objects.select_related("user").get(team=team)
    assert (member.digest_at, member.user.time_zone) == (time(7, 15), "Europe/London")
    client.post(url, {"digest_at": "", "time_zone": "Europe/London"})
    member.refresh_from_db()
    assert member.digest_at is None
    refused = client.post(url, {"digest_at": "07:15", "time_zone": "Mars"})
    assert refused.status_code == 422 and "is no time zone" in refused.content.decode()


def test_the_sweep_rings_for_the_morning_mail(member, week, monkeypatch):
    for task in (tasks.send_plans, tasks.send_digests):
        monkeypatch.setattr(task, "apply_async", lambda **_: None)
    at = timezone.now()
    Membership.objects.update(digest_at=at.time().replace(microsecond=0))
    make = make_week(athlete=week.athlete, starts_on=MONDAY - timedelta(weeks=1))
    make.schedule(weekday=at.isoweekday(), **EASY)
    make.publish(now=at)
    tasks.send_due_plans()
    assert Digest.objects.filter(on=at.date()).exists()
