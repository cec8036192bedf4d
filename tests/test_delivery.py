"""Publishing and the weekly mail: at the athlete's own hour, once, with the numbers of the plan."""

import smtplib
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from athletes.models import Athlete
from coachsite.celery import Heartbeat as SignOfLife
from tests import sink
from tests.make import EASY, MONDAY, make_athlete, make_full_week, make_plan, make_race, make_week
from workouts import delivery, tasks
from workouts.models import Delivery, Heartbeat, PublishedPlan
from workouts.models.plans import HOLD_UNCLEAR, LEASE, MAX_ATTEMPTS, due_at
from workouts.planning import publish_weeks

pytestmark = pytest.mark.django_db

State = Delivery.State
SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)
AGAIN = "not sent again: too late"


@pytest.fixture
def runner(db):
    """Ana in London, 5K in 22:00, whose mail is due on Sunday at 18:00."""
    athlete = make_athlete()
    make_race(athlete=athlete)
    return athlete


@pytest.fixture
def plan(runner, now) -> PublishedPlan:
    return make_plan(athlete=runner, now=now)


def send(plan: PublishedPlan, *, at: datetime) -> Delivery:
    delivery.send_plans([plan.delivery.pk], clock=lambda: at)
    plan.delivery.refresh_from_db()
    return plan.delivery


# When it is due


@pytest.mark.parametrize(
    ("zone", "weekday", "at", "due"),
    [
        ("Europe/London", 7, time(18), "2026-11-29T18:00+00:00"),
        ("America/New_York", 7, time(18), "2026-11-29T23:00+00:00"),
        ("Asia/Kathmandu", 7, time(18), "2026-11-29T12:15+00:00"),
        ("Pacific/Kiritimati", 7, time(18), "2026-11-29T04:00+00:00"),
        ("Pacific/Auckland", 1, time(5), "2026-11-29T16:00+00:00"),
        ("Europe/London", 1, time(0), "2026-11-30T00:00+00:00"),
        ("Europe/London", 7, time(23, 59), "2026-11-29T23:59+00:00"),
        ("Europe/London", 2, time(18), "2026-11-24T18:00+00:00"),
        ("Europe/London", 6, time(18), "2026-11-28T18:00+00:00"),
    ],
)
def test_a_plan_is_due_at_the_athletes_own_day_and_hour(zone, weekday, at, due):
    athlete = make_athlete(time_zone=zone, send_weekday=weekday, send_time=at)
    assert due_at(athlete, MONDAY) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("zone", "monday", "at", "due"),
    [
        # Clocks go forward at 1:00 on 29 March 2026 in London: 1:30 does not exist.
        ("Europe/London", date(2026, 3, 30), time(1, 30), "2026-03-29T01:30+00:00"),
        # They go back at 2:00 on 25 October: 1:30 comes twice, the first is still summer time.
        ("Europe/London", date(2026, 10, 26), time(1, 30), "2026-10-25T00:30+00:00"),
    ],
)
def test_an_hour_that_a_clock_change_skips_or_repeats_is_due_once(zone, monday, at, due):
    athlete = make_athlete(time_zone=zone, send_time=at)
    assert due_at(athlete, monday) == datetime.fromisoformat(due)


def test_every_zone_and_send_day_falls_on_the_athletes_own_date():
    athlete = make_athlete()
    for zone in zoneinfo.available_timezones() - {"localtime", "Factory"}:
        athlete.time_zone = zone
        for athlete.send_weekday in range(1, 8):
            local = due_at(athlete, MONDAY).astimezone(zoneinfo.ZoneInfo(zone))
            assert local.isoweekday() == athlete.send_weekday, zone
            assert timedelta(-6) <= local.date() - MONDAY <= timedelta(0)


def test_a_plan_published_late_is_due_at_once(runner):
    thursday = datetime(2026, 12, 3, 9, tzinfo=UTC)
    plan = make_plan(athlete=runner, now=thursday)
    assert (plan.delivery.state, plan.delivery.due_at) == (State.DUE, thursday)


def test_a_plan_published_after_its_week_is_not_mailed(runner):
    plan = make_plan(athlete=runner, now=datetime(2026, 12, 7, 9, tzinfo=UTC))
    assert plan.delivery.state == State.SKIPPED
    assert "after the week" in plan.delivery.last_error


# What is frozen


def test_a_published_week_that_says_the_same_is_not_published_again(plan, now):
    assert plan.week.publish(now=now + timedelta(hours=1)) == plan
    assert plan.week.plans.count() == 1


def test_a_changed_week_becomes_a_new_revision_and_the_old_mail_does_not_go_out(plan, now):
    plan.week.schedule(weekday=5, **EASY)
    newer = plan.week.publish(now=now + timedelta(hours=1))

    plan.delivery.refresh_from_db()
    assert newer.revision == 2
    assert (plan.delivery.state, newer.delivery.state) == (State.SKIPPED, State.DUE)
    assert len(plan.content["sessions"]) == 2


def test_a_new_race_does_not_change_a_plan_that_was_published(plan, runner):
    before = plan.content["sessions"][0]["reps"][0]["target_s"]
    make_race(athlete=runner, time_s=1200)
    plan.refresh_from_db()
    assert plan.content["sessions"][0]["reps"][0]["target_s"] == before


# Sending


def test_the_mail_goes_out_once_at_the_hour_and_not_before(plan, mailoutbox):
    send(plan, at=SUNDAY_EVENING - timedelta(minutes=1))
    assert mailoutbox == []

    for _ in range(3):
        sent = send(plan, at=SUNDAY_EVENING)
    assert (sent.state, sent.sent_at, sent.attempts) == (State.SENT, SUNDAY_EVENING, 1)
    assert [message.to for message in mailoutbox] == [["ana.sousa@club.example"]]


def test_the_message_id_is_fixed_before_the_first_try(plan, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    assert mailoutbox[0].extra_headers["Message-ID"] == (
        f"<plan.{plan.delivery.message_id}@coachsite.example>"
    )


def test_of_two_workers_one_sends(plan):
    workers = [Delivery.objects.get(pk=plan.delivery.pk) for _ in range(2)]
    assert [seen.claim(now=SUNDAY_EVENING) for seen in workers] == [True, False]


def test_a_claim_whose_worker_died_is_taken_over_after_the_lease(plan, mailoutbox):
    plan.delivery.claim(now=SUNDAY_EVENING)
    send(plan, at=SUNDAY_EVENING + LEASE)
    assert mailoutbox == []
    assert send(plan, at=SUNDAY_EVENING + LEASE + timedelta(seconds=1)).state == State.SENT


def test_a_worker_that_slept_past_its_lease_does_not_send(plan, mailoutbox):
    def clock():
        slept = Delivery.objects.filter(state=State.CLAIMED).exists()
        return SUNDAY_EVENING + LEASE if slept else SUNDAY_EVENING

    delivery.send_plans([plan.delivery.pk], clock=clock)
    assert mailoutbox == []


class Server(EmailBackend):
    """A mail server that answers as the test says."""

    answer: Exception

    def send_messages(self, messages):
        raise self.answer


def send_to(answer: Exception, plan: PublishedPlan, *, at: datetime = SUNDAY_EVENING) -> Delivery:
    server = Server()
    server.answer = answer
    bag = delivery.Bag.of(Delivery.objects.due(at).filter(plan=plan))
    for one in bag.deliveries.values():
        delivery.send_plan(one, bag=bag, connection=server, clock=lambda: at)
    plan.delivery.refresh_from_db()
    return plan.delivery


def test_an_address_that_does_not_exist_fails_for_good_and_says_why(plan):
    refused = smtplib.SMTPRecipientsRefused({"ana": (550, b"no such mailbox")})
    failed = send_to(refused, plan)
    assert (failed.state, failed.last_error) == (State.FAILED, "550 no such mailbox")
    assert not Delivery.objects.due(SUNDAY_EVENING + timedelta(days=1)).exists()


@pytest.mark.parametrize(
    "answer",
    [
        smtplib.SMTPRecipientsRefused({"ana": (451, b"try later")}),
        smtplib.SMTPDataError(452, b"too full"),
    ],
)
def test_a_server_that_says_later_is_asked_again_later(plan, answer):
    waiting = send_to(answer, plan)
    assert waiting.state == State.DUE
    assert SUNDAY_EVENING <= waiting.next_try_at <= SUNDAY_EVENING + timedelta(minutes=1)
    assert send(plan, at=SUNDAY_EVENING + timedelta(hours=1)).state == State.SENT


def test_tries_are_bounded(plan):
    at = SUNDAY_EVENING
    for _ in range(MAX_ATTEMPTS + 3):
        send_to(smtplib.SMTPDataError(451, b"later"), plan, at=at)
        Delivery.objects.settle_lost(now=at)
        at += timedelta(hours=2)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.attempts) == (State.FAILED, MAX_ATTEMPTS)
    assert "451 later" in plan.delivery.last_error


def test_a_conversation_cut_off_is_unclear_held_and_sent_once_more(plan, mailoutbox):
    unclear = send_to(smtplib.SMTPServerDisconnected("gone"), plan)
    assert unclear.state == State.UNCLEAR

    send(plan, at=SUNDAY_EVENING + HOLD_UNCLEAR - timedelta(seconds=1))
    assert mailoutbox == []
    again = SUNDAY_EVENING + HOLD_UNCLEAR
    send_to(smtplib.SMTPServerDisconnected("gone"), plan, at=again)
    assert send(plan, at=again + timedelta(hours=5)).state == State.UNCLEAR
    assert plan.delivery.resent
    assert mailoutbox == []


def test_a_worker_that_died_on_the_wire_leaves_an_unclear_result(plan):
    plan.delivery.claim(now=SUNDAY_EVENING)
    plan.delivery.onto_the_wire(now=SUNDAY_EVENING, time_left=timedelta(0))
    later = SUNDAY_EVENING + LEASE + timedelta(seconds=1)
    assert not Delivery.objects.due(later).exists()
    Delivery.objects.settle_lost(now=later)
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == State.UNCLEAR


def test_a_mail_a_minute_on_the_wire_shows_as_unclear_until_its_answer_comes(plan):
    mail = plan.delivery
    mail.claim(now=SUNDAY_EVENING)
    mail.onto_the_wire(now=SUNDAY_EVENING, time_left=timedelta(0))
    Delivery.objects.settle_lost(now=SUNDAY_EVENING + timedelta(seconds=59))
    assert Delivery.objects.get().state == State.TRANSMITTING
    later = SUNDAY_EVENING + timedelta(seconds=61)
    Delivery.objects.settle_lost(now=later)
    assert Delivery.objects.get().state == State.UNCLEAR
    assert mail.arrived(to="ana.sousa@club.example", now=later)
    assert Delivery.objects.get().state == State.SENT


def test_a_worker_that_lives_shows_what_a_dead_one_left_while_no_sweep_comes_through(
    plan, monkeypatch
):
    plan.delivery.claim(now=SUNDAY_EVENING)
    plan.delivery.onto_the_wire(now=SUNDAY_EVENING, time_left=timedelta(0))
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(timezone, "now", lambda: SUNDAY_EVENING + timedelta(seconds=61))
    SignOfLife(None).beat()
    assert Delivery.objects.get().state == State.UNCLEAR
    assert Heartbeat.objects.get().part == "worker"


def test_a_mail_server_that_is_away_for_hours_costs_no_try(plan, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    for hours in range(12):
        at = SUNDAY_EVENING + timedelta(hours=hours)
        waiting = send(plan, at=at)
        Delivery.objects.settle_lost(now=at)
    assert (waiting.state, waiting.attempts, waiting.next_try_at) == (State.DUE, 0, None)
    assert "refused" in waiting.last_error


@pytest.mark.parametrize(
    ("setting", "said"),
    [("EMAIL_USE_TLS", "STARTTLS extension not supported"), ("EMAIL_USE_SSL", "SSL")],
)
def test_where_no_safe_connection_comes_about_nothing_goes_and_no_try_is_spent(
    plan, settings, setting, said
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 1
    setattr(settings, setting, True)
    with sink.Server().in_background() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        waiting = send(plan, at=SUNDAY_EVENING)
        server.shutdown()
    assert (waiting.state, waiting.attempts) == (State.DUE, 0)
    assert said in waiting.last_error
    assert server.taken == []


def test_a_plan_that_cannot_be_drawn_does_not_stop_the_others(plan, now, mailoutbox):
    broken = make_plan(now=now, athlete=make_athlete(name="Bo Lund", team=plan.week.athlete.team))
    PublishedPlan.objects.filter(pk=broken.pk).update(content={"starts_on": "2026-11-30"})
    delivery.send_plans([broken.delivery.pk, plan.delivery.pk], clock=lambda: SUNDAY_EVENING)
    broken.delivery.refresh_from_db()
    assert broken.delivery.state == State.DUE
    assert len(mailoutbox) == 1


# The sweep


def test_a_plan_whose_week_is_over_is_not_mailed_any_more(plan):
    Delivery.objects.settle_lost(now=datetime(2026, 12, 7, tzinfo=UTC))
    plan.delivery.refresh_from_db()
    assert plan.delivery.state == State.SKIPPED


@pytest.fixture
def eager(settings):
    """Run a task where it is called; the broker's part is tested with a real one."""
    from coachsite.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_the_sweep_sends_what_is_due_and_says_that_it_lives(runner, eager, mailoutbox):
    make_plan(athlete=runner, now=timezone.now(), starts_on=this_monday())
    make_plan(
        athlete=make_athlete(name="Bo Lund", team=runner.team),
        now=timezone.now(),
        starts_on=this_monday() + timedelta(14),
    )
    tasks.send_due_plans()
    tasks.send_due_plans()
    assert [message.to for message in mailoutbox] == [["ana.sousa@club.example"]]
    assert Heartbeat.ages(now=timezone.now())["sweep"] < 60


def this_monday():
    today = timezone.now().date()
    return today - timedelta(days=today.weekday())


def test_the_command_sends_without_a_worker(plan, mailoutbox, capsys):
    call_command("send_due_plans", now="2026-11-29T17:59+00:00")
    call_command("send_due_plans", now="2026-11-29T18:00+00:00", dry_run=True)
    assert mailoutbox == []
    call_command("send_due_plans", now="2026-11-29T18:00+00:00")
    assert capsys.readouterr().out.splitlines() == [
        "0 of 0 mails sent.",
        "1 mail is due.",
        "Ana Sousa, week of 30 Nov: due 29 Nov 2026, 18:00 UTC",
        "1 of 1 mails sent.",
    ]


def test_the_command_says_what_became_of_mails_that_did_not_go(plan, capsys):
    PublishedPlan.objects.update(content={"starts_on": "2026-11-30"})
    call_command("send_due_plans", now="2026-11-29T18:00+00:00")
    assert capsys.readouterr().out.splitlines() == ["0 of 1 mails sent.", "1 waiting"]


@pytest.mark.parametrize("now", ["soon", "2026-11-29T18:00"])
def test_the_command_asks_for_an_instant_with_its_offset(now):
    with pytest.raises(CommandError, match="write 2026-11-29T18:00"):
        call_command("send_due_plans", now=now)


def test_a_week_of_each_kind_of_session_can_be_mailed(runner, library, now, mailoutbox):
    from workouts.models import Workout

    for offset, workout in enumerate(Workout.objects.order_by("pk")):
        week = make_week(athlete=runner, starts_on=MONDAY + timedelta(weeks=offset))
        week.schedule(kind=workout.kind, weekday=3, title=workout.title, notation=workout.notation)
        plan = week.publish(now=now)
        send(plan, at=plan.delivery.due_at)
    assert len(mailoutbox) == Workout.objects.count()
    assert all("{" not in message.body for message in mailoutbox)


def test_the_seed_example_is_mailed_with_its_corrected_times(runner, library, now, mailoutbox):
    """22:00 for 5K: 800s in 3:21.3 to 3:23.7, laps in 1:40.6 to 1:41.9, and never 1:50 a lap."""
    from workouts.models import Workout

    week = make_week(athlete=runner)
    workout = Workout.objects.get(slug="800s")
    week.schedule(kind=workout.kind, weekday=2, title=workout.title, notation=workout.notation)
    send(week.publish(now=now), at=SUNDAY_EVENING)
    assert "3:21–3:24" in mailoutbox[0].body
    assert "1:41–1:42" in mailoutbox[0].body
    assert "1:50" not in mailoutbox[0].body


def test_a_full_week_has_both_track_sessions_in_the_subject(runner, now, mailoutbox):
    send(make_full_week(athlete=runner).publish(now=now), at=SUNDAY_EVENING)
    assert mailoutbox[0].subject.endswith("2 track sessions")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"state": "DUE"}, ("SKIPPED", "too late")),
        ({"state": "CLAIMED"}, ("SKIPPED", "too late")),
        # It may have arrived: unclear before, and just tried again, or put back after that.
        ({"state": "UNCLEAR"}, ("UNCLEAR", "too late")),
        ({"state": "CLAIMED", "resent": True}, ("UNCLEAR", "too late")),
        ({"state": "DUE", "resent": True}, ("UNCLEAR", "too late")),
        # It was sent, and a second copy was asked for, or is being sent.
        ({"state": "UNCLEAR", "first_sent_at": SUNDAY_EVENING}, ("SENT", AGAIN)),
        (
            {"state": "CLAIMED", "first_sent_at": SUNDAY_EVENING, "resent": True},
            ("SENT", AGAIN),
        ),
    ],
)
def test_of_a_mail_that_goes_out_no_more_it_is_told_whether_it_had_gone(plan, before, after):
    rows = Delivery.objects.filter(pk=plan.delivery.pk)
    rows.update(next_try_at=SUNDAY_EVENING, **before)
    rows.not_sent("too late")
    found = rows.get()
    assert (found.state, found.last_error) == after
    assert found.sent_at == before.get("first_sent_at")
    assert not Delivery.objects.due(SUNDAY_EVENING).exists()


# A plan replaced, withdrawn, or whose athlete moved


def test_a_week_published_again_days_later_is_not_mailed_again(plan, now, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    for days in (1, 5, 8):
        assert plan.week.publish(now=now + timedelta(days=days)) == plan
    assert len(mailoutbox) == 1


def test_a_week_that_was_emptied_is_withdrawn(plan, now, coach):
    for session in plan.week.sessions.all():
        session.remove()
    publication = publish_weeks(
        [plan.week.athlete], starts_on=MONDAY, now=now + timedelta(hours=1), by=coach
    )
    assert publication.published == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.SKIPPED}


def test_a_week_emptied_after_its_mail_is_told_to_the_athlete(plan, now, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    for session in plan.week.sessions.all():
        session.remove()
    emptied = plan.week.publish(now=SUNDAY_EVENING + timedelta(hours=1))
    send(emptied, at=emptied.delivery.due_at)
    assert "Nothing is planned" in mailoutbox[1].body
    assert "Nothing is planned" in mailoutbox[1].alternatives[0].content


def test_an_athlete_with_a_new_address_gets_the_whole_week_and_not_what_changed(plan, runner):
    send(plan, at=SUNDAY_EVENING)
    plan.week.schedule(weekday=5, **EASY)
    newer = plan.week.publish(now=SUNDAY_EVENING)

    def told_as_changed():
        bag = delivery.Bag.of(Delivery.objects.filter(plan=newer))
        return len(bag.changes_in(bag.deliveries[newer.delivery.pk].plan))

    assert told_as_changed() == 1
    Athlete.objects.filter(pk=runner.pk).update(email="ana.new@club.example")
    assert told_as_changed() == 0


def test_who_left_the_plans_gets_none_at_a_new_address_of_a_week_that_was_mailed(
    plan, runner, mailoutbox
):
    send(plan, at=SUNDAY_EVENING)
    runner.unsubscriptions.create(kind="PLAN", at=SUNDAY_EVENING)
    Athlete.objects.filter(pk=runner.pk).update(email="ana.new@club.example")
    plan.week.schedule(weekday=5, **EASY)
    assert send(plan.week.publish(now=SUNDAY_EVENING), at=SUNDAY_EVENING).state == State.SKIPPED


@pytest.mark.parametrize("state", [State.CLAIMED, State.TRANSMITTING, State.UNCLEAR])
def test_an_older_revision_never_arrives_after_the_newer_one(plan, now, state):
    Delivery.objects.filter(pk=plan.delivery.pk).update(
        state=state,
        lease_token=plan.delivery.message_id,
        lease_until=SUNDAY_EVENING + LEASE,
        next_try_at=SUNDAY_EVENING,
    )
    plan.week.schedule(weekday=5, **EASY)
    plan.week.publish(now=SUNDAY_EVENING)
    later = SUNDAY_EVENING + LEASE + HOLD_UNCLEAR + timedelta(minutes=5)
    for at in (SUNDAY_EVENING + timedelta(minutes=1), later - timedelta(minutes=1), later):
        Delivery.objects.settle_lost(now=at)
        assert not Delivery.objects.due(at).filter(plan=plan).exists()


def test_a_plan_replaced_while_a_worker_prepares_it_stops_before_the_wire(plan, now, mailoutbox):
    def clock():
        is_claimed = Delivery.objects.filter(pk=plan.delivery.pk, state=State.CLAIMED).exists()
        if is_claimed and plan.week.plans.count() == 1:
            plan.week.schedule(weekday=5, **EASY)
            plan.week.publish(now=SUNDAY_EVENING)
        return SUNDAY_EVENING

    delivery.send_plans([plan.delivery.pk], clock=clock)
    plan.delivery.refresh_from_db()
    assert mailoutbox == []
    assert plan.delivery.state == State.SKIPPED


def test_an_athlete_who_moves_gets_the_mail_at_the_new_hour(plan, now):
    athlete = plan.week.athlete
    athlete.time_zone, athlete.send_time = "America/Los_Angeles", time(7)
    athlete.save()
    Delivery.objects.reckon_again(now=now)
    plan.delivery.refresh_from_db()
    assert plan.delivery.due_at == datetime(2026, 11, 29, 15, tzinfo=UTC)
    Delivery.objects.reckon_again(now=now)


def test_a_mail_whose_week_has_ended_is_not_sent_whatever_its_state(plan):
    after = datetime(2026, 12, 20, tzinfo=UTC)
    for state in (State.DUE, State.CLAIMED, State.UNCLEAR):
        Delivery.objects.update(state=state, lease_until=SUNDAY_EVENING, next_try_at=SUNDAY_EVENING)
        assert not Delivery.objects.due(after).exists()
        assert not Delivery.objects.get().claim(now=after)


def test_send_now_tries_a_failed_mail_again(plan, mailoutbox):
    send_to(smtplib.SMTPRecipientsRefused({"ana": (550, b"no such mailbox")}), plan)
    assert Delivery.objects.send_now(now=SUNDAY_EVENING) == 1
    assert send(plan, at=SUNDAY_EVENING).state == State.SENT


def test_our_own_address_refused_costs_no_try_and_fails_no_athlete(plan):
    refused = smtplib.SMTPSenderRefused(550, b"sender domain not verified", "plans@x.example")
    waiting = send_to(refused, plan)
    assert (waiting.state, waiting.attempts) == (State.DUE, 0)
    assert "sender domain" in waiting.last_error


def test_a_mail_lost_on_the_wire_is_held_for_half_an_hour_and_sent_once_more(plan, mailoutbox):
    plan.delivery.claim(now=SUNDAY_EVENING)
    plan.delivery.onto_the_wire(now=SUNDAY_EVENING, time_left=timedelta(0))
    found = SUNDAY_EVENING + LEASE + timedelta(seconds=1)
    Delivery.objects.settle_lost(now=found)
    assert send(plan, at=found + HOLD_UNCLEAR - timedelta(seconds=1)).state == State.UNCLEAR
    assert send(plan, at=found + HOLD_UNCLEAR).state == State.SENT
    assert len(mailoutbox) == 1


def test_the_lease_must_outlast_what_the_rest_may_take(plan):
    held = plan.delivery
    held.claim(now=SUNDAY_EVENING)
    late = SUNDAY_EVENING + LEASE - delivery.LONGEST_TEXT
    assert not held.onto_the_wire(now=late, time_left=delivery.LONGEST_TEXT)
    assert held.onto_the_wire(now=late - timedelta(seconds=1), time_left=delivery.LONGEST_TEXT)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_after_the_mail_was_taken_is_asked_again(
    plan, mailoutbox, monkeypatch
):
    monkeypatch.setattr(delivery, "DATABASE_PAUSES_S", (0, 0, 0))
    monkeypatch.setattr(delivery.django_connection, "close", lambda: None)
    refusals = iter([True, True])

    def away(execute, sql, params, many, context):
        if "UPDATE" in sql and "SENT" in params and next(refusals, False):
            raise OperationalError("the server closed the connection")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(away):
        assert send(plan, at=SUNDAY_EVENING).state == State.SENT
    assert next(refusals, None) is None
    assert len(mailoutbox) == 1
