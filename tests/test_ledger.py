"""The ledger of the mails while things change under it: athletes, addresses, zones, revisions."""

import smtplib
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from athletes.models import Athlete, MailStop
from tests.make import EASY, make_athlete, make_plan
from workouts import delivery
from workouts.models import Delivery, PublishedPlan, SentMail
from workouts.models.plans import ADDRESS_STOPPED, AS_SENT, LEASE, SETTLING

pytestmark = pytest.mark.django_db

State = Delivery.State
SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def plan(athlete, now) -> PublishedPlan:
    return make_plan(athlete=athlete, now=now)


def sweep(at: datetime) -> None:
    """Send what is due, as beat and a worker would."""
    for ids in Delivery.objects.sweep(now=at):
        delivery.send_plans(ids, clock=lambda: at)


def stop(email: str) -> None:
    MailStop.objects.create(
        email=email, kind=MailStop.Kind.BOUNCE, event_id=email, at=SUNDAY_EVENING, said="550"
    )


def publish_more(plan: PublishedPlan, *, at: datetime) -> PublishedPlan:
    plan.week.schedule(weekday=5, **EASY)
    return plan.week.publish(now=at)


def break_off(monkeypatch) -> None:
    """Let the conversation with the server break off after the text."""

    def gone(self, messages):
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(EmailBackend, "send_messages", gone)


# While a batch is at work


@pytest.mark.parametrize(
    ("change", "goes_to"),
    [
        ({"email": "right@club.example"}, ["right@club.example"]),
        ({"is_minor": True}, None),
        ({"birth_year": 2012}, None),
        ({"guardian_email": "dad@club.example"}, ["bo@club.example", "dad@club.example"]),
    ],
)
def test_who_changes_while_a_batch_is_at_work_is_mailed_as_they_are_by_then(
    team, now, monkeypatch, change, goes_to
):
    bo = make_athlete(team=team, name="Bo Lund", email="bo@club.example")
    ids = [make_plan(athlete=one, now=now).delivery.pk for one in (make_athlete(team=team), bo)]
    mark_sent = delivery.mark_sent

    def meanwhile(*args, **more):
        Athlete.objects.filter(pk=bo.pk).update(**change)
        mark_sent(*args, **more)

    monkeypatch.setattr(delivery, "mark_sent", meanwhile)
    delivery.send_plans(ids, clock=lambda: SUNDAY_EVENING)
    assert len(mail.outbox) == 1
    sweep(SUNDAY_EVENING + MINUTE)
    later = [message.recipients() for message in mail.outbox[1:]]
    assert later == ([goes_to] if goes_to else [])


@pytest.mark.django_db(transaction=True)
def test_an_athlete_who_is_deleted_meanwhile_costs_the_others_no_copy(team, now, monkeypatch):
    runners = [make_athlete(team=team, name=f"Runner {n}") for n in range(3)]
    ids = [make_plan(athlete=one, now=now).delivery.pk for one in runners]
    mark_sent = delivery.mark_sent

    def meanwhile(one, **more):
        mark_sent(one, **more)
        if one.pk == ids[1]:
            runners[0].delete()

    monkeypatch.setattr(delivery, "mark_sent", meanwhile)
    delivery.send_plans(ids, clock=lambda: SUNDAY_EVENING)
    assert set(SentMail.objects.values_list("pk", flat=True)) == set(ids[1:])


# Older revisions


@pytest.mark.parametrize("ended", ["bounced", "bounced after the newer one", "address stopped"])
def test_an_older_revision_is_never_sent_after_the_newer_one(plan, athlete, ended):
    if ended == "address stopped":
        stop(athlete.email)
    sweep(SUNDAY_EVENING)
    bounced = {"state": State.BOUNCED}
    if ended == "bounced":
        Delivery.objects.filter(state=State.SENT).update(**bounced)
    athlete.email = "right@club.example"
    athlete.save()
    at = SUNDAY_EVENING + timedelta(hours=1)
    publish_more(plan, at=at)
    sweep(at + SETTLING)
    if ended == "bounced after the newer one":
        Delivery.objects.filter(plan=plan).update(**bounced)
    sent = len(mail.outbox)

    Delivery.objects.send_now(now=at + SETTLING + MINUTE)
    sweep(at + SETTLING + MINUTE)
    assert len(mail.outbox) == sent
    assert mail.outbox[-1].to == ["right@club.example"]


def test_while_a_second_copy_is_asked_for_the_mail_counts_as_sent(plan, athlete, team):
    sweep(SUNDAY_EVENING)
    assert Delivery.objects.get().send_again(now=SUNDAY_EVENING)
    publish_more(plan, at=SUNDAY_EVENING)
    sweep(SUNDAY_EVENING + SETTLING)
    assert "1 change" in mail.outbox[-1].subject


def set_back(plan: PublishedPlan, *, at: datetime) -> None:
    """Publish an edit, and then the week as it was before."""
    publish_more(plan, at=at)
    plan.week.sessions.get(weekday=5).remove()
    plan.week.publish(now=at + MINUTE)
    assert plan.week.plans.latest("revision").delivery.last_error == AS_SENT


def test_a_week_that_was_edited_and_set_back_is_sent_a_second_time_as_the_athlete_has_it(
    plan, coach_client
):
    sweep(SUNDAY_EVENING)
    set_back(plan, at=SUNDAY_EVENING)
    page = coach_client.get(f"/mails/{plan.delivery.pk}/")
    assert "Send" in page.context["send"]
    assert Delivery.objects.get(plan=plan).send_again(now=SUNDAY_EVENING + 2 * MINUTE)
    sweep(SUNDAY_EVENING + 2 * MINUTE)
    assert [message.subject for message in mail.outbox] == [mail.outbox[0].subject] * 2


def test_an_edit_that_was_held_back_and_then_set_back_never_goes(plan, athlete):
    sweep(SUNDAY_EVENING)
    stop(athlete.email)
    set_back(plan, at=SUNDAY_EVENING)
    MailStop.objects.lift(athlete.email, now=SUNDAY_EVENING)
    Delivery.objects.wanted_again(athlete, now=SUNDAY_EVENING + 2 * MINUTE)
    sweep(SUNDAY_EVENING + SETTLING + 2 * MINUTE)
    assert len(mail.outbox) == 1


def test_a_second_copy_that_was_paused_until_the_week_was_over_leaves_the_mail_sent(plan, team):
    sweep(SUNDAY_EVENING)
    assert Delivery.objects.get().send_again(now=SUNDAY_EVENING)
    team.mails_paused_at = SUNDAY_EVENING
    team.save()
    sweep(SUNDAY_EVENING + timedelta(days=9))
    sent = Delivery.objects.get()
    assert (sent.state, sent.sent_at) == (State.SENT, SUNDAY_EVENING)
    assert sent.last_error == "not sent again: the week was over"


def test_a_second_copy_waits_for_the_worker_that_may_still_hear_the_answer(plan):
    plan.delivery.claim(now=SUNDAY_EVENING)
    plan.delivery.onto_the_wire(now=SUNDAY_EVENING, time_left=timedelta(0))
    Delivery.objects.settle_lost(now=SUNDAY_EVENING + 2 * MINUTE)
    assert Delivery.objects.get().state == State.UNCLEAR
    assert not Delivery.objects.get().send_again(now=SUNDAY_EVENING + 2 * MINUTE)
    assert Delivery.objects.get().send_again(now=SUNDAY_EVENING + LEASE)


def test_an_unclear_mail_whose_worker_is_done_goes_again_as_soon_as_the_coach_asks(
    plan, monkeypatch
):
    with monkeypatch.context() as broken:
        break_off(broken)
        sweep(SUNDAY_EVENING)
    assert Delivery.objects.get().state == State.UNCLEAR
    assert Delivery.objects.get().send_again(now=SUNDAY_EVENING + MINUTE)
    sweep(SUNDAY_EVENING + MINUTE)
    assert Delivery.objects.get().state == State.SENT


def test_a_week_that_may_have_arrived_is_held_back_no_more(plan, athlete, team, monkeypatch):
    team.release_weeks = 0
    team.save()
    today = SUNDAY_EVENING.date()
    assert not PublishedPlan.objects.released(athlete, today=today).exists()
    break_off(monkeypatch)
    sweep(SUNDAY_EVENING)
    assert PublishedPlan.objects.released(athlete, today=today).exists()


# Addresses and zones


@pytest.mark.parametrize("way", ["the stop is lifted", "the coach corrects the address"])
def test_a_mail_that_was_stopped_for_its_address_goes_once_the_address_takes_mail(
    plan, athlete, way
):
    stop(athlete.email)
    sweep(SUNDAY_EVENING)
    stopped = Delivery.objects.get()
    assert (stopped.state, stopped.last_error) == (State.SKIPPED, ADDRESS_STOPPED)
    if way == "the stop is lifted":
        MailStop.objects.lift(athlete.email, now=SUNDAY_EVENING)
    else:
        Athlete.objects.filter(pk=athlete.pk).update(email="right@club.example")
    sweep(SUNDAY_EVENING + MINUTE)
    assert len(mail.outbox) == 1
    assert Delivery.objects.get().state == State.SENT


def test_a_stopped_address_stays_without_mail_however_often_the_sweep_comes(plan, athlete):
    stop(athlete.email)
    for minutes in range(5):
        sweep(SUNDAY_EVENING + minutes * MINUTE)
    assert mail.outbox == []


def test_who_flies_west_gets_mail_until_their_own_week_is_over(athlete, now):
    Athlete.objects.filter(pk=athlete.pk).update(time_zone="Pacific/Auckland")
    athlete.refresh_from_db()
    make_plan(athlete=athlete, now=now)
    Athlete.objects.filter(pk=athlete.pk).update(time_zone="America/Los_Angeles")
    Delivery.objects.sweep(now=now)
    assert Delivery.objects.get().not_after == datetime(2026, 12, 7, 8, tzinfo=UTC)


def test_a_change_settles_also_where_the_first_mail_is_unclear_and_the_zone_changes(
    plan, athlete, monkeypatch
):
    break_off(monkeypatch)
    sweep(SUNDAY_EVENING)
    newer = publish_more(plan, at=SUNDAY_EVENING + MINUTE)
    assert newer.delivery.due_at == SUNDAY_EVENING + MINUTE + SETTLING
    Athlete.objects.filter(pk=athlete.pk).update(time_zone="Europe/Berlin")
    Delivery.objects.sweep(now=SUNDAY_EVENING + 2 * MINUTE)
    newer.delivery.refresh_from_db()
    assert newer.delivery.due_at == SUNDAY_EVENING + MINUTE + SETTLING
