"""Minors: no mail goes to one alone, a guardian or second adult gets every one of them too."""

from datetime import UTC, date, datetime, timedelta

import pytest
from anymail.signals import AnymailTrackingEvent
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.urls import reverse

from athletes.models import Athlete, MailStop
from athletes.roster import RosterRefused, import_roster
from tests.make import EASY, make_athlete, make_plan, make_week
from workouts import delivery
from workouts.models import Delivery, SentMail
from workouts.models.plans import GUARDIAN_STOPPED, NO_GUARDIAN, DeliveryQuerySet
from workouts.views.mail import hear_of_mail

pytestmark = pytest.mark.django_db

State = Delivery.State
SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)
PARENT = "parent@home.example"


@pytest.fixture
def minor(team) -> Athlete:
    return make_athlete(team=team, name="Max Minor", is_minor=True)


def send(plan, *, at=SUNDAY_EVENING) -> Delivery:
    delivery.send_plans([plan.delivery.pk], clock=lambda: at)
    plan.delivery.refresh_from_db()
    return plan.delivery


def sweep_and_send(*, at) -> None:
    for ids in Delivery.objects.sweep(now=at):
        delivery.send_plans(ids, clock=lambda: at)


# Who is one


@pytest.mark.parametrize(
    ("birth_year", "is_one"), [(2007, False), (2008, True), (2012, True), (None, False)]
)
def test_by_the_year_of_birth_whoever_may_still_be_under_18_is_a_minor(birth_year, is_one):
    athlete = make_athlete(birth_year=birth_year)
    assert athlete.needs_guardian(date(2026, 11, 25)) == is_one


def test_who_turns_18_in_a_year_is_grown_up_from_the_next_new_year(athlete):
    athlete.birth_year = 2008
    assert athlete.needs_guardian(date(2026, 12, 31))
    assert not athlete.needs_guardian(date(2027, 1, 1))


def test_a_coach_can_mark_a_minor_whose_year_is_not_known(minor):
    assert minor.needs_guardian(date(2026, 11, 25))


@pytest.mark.parametrize(("guardian", "is_warned"), [("", True), ("parent@home.example", False)])
def test_whoever_makes_an_athlete_a_minor_is_told_that_no_mail_goes_without_a_guardian(
    coach_client, athlete, guardian, is_warned
):
    url = reverse("athlete_edit", args=[athlete.pk])
    form = coach_client.get(url).context["form"]
    data = {name: "" if value is None else value for name, value in form.initial.items()}
    data |= {"birth_year": 2012, "guardian_email": guardian}
    page = coach_client.post(url, data, follow=True)
    assert Athlete.objects.get(pk=athlete.pk).birth_year == 2012
    assert ("until a guardian&#x27;s address" in page.text) == is_warned


# The copy


def test_the_guardian_gets_a_copy_of_the_mail_in_sight_of_the_athlete(minor, now):
    minor.guardian_email = PARENT
    minor.save()
    sent = send(make_plan(athlete=minor, now=now))
    assert sent.state == State.SENT
    assert mail.outbox[0].recipients() == [minor.email, PARENT]
    assert b"Cc: parent@home.example\r\n" in SentMail.objects.get().in_bytes


def test_a_grown_up_with_a_second_address_has_it_copied_too(athlete, now):
    Athlete.objects.filter(pk=athlete.pk).update(guardian_email=PARENT)
    athlete.refresh_from_db()
    send(make_plan(athlete=athlete, now=now))
    assert mail.outbox[0].cc == [PARENT]


def test_a_change_mail_has_the_guardian_copied_too(minor, now):
    Athlete.objects.filter(pk=minor.pk).update(guardian_email=PARENT)
    minor.refresh_from_db()
    plan = make_plan(athlete=minor, now=now)
    send(plan)
    plan.week.schedule(weekday=6, **EASY)
    newer = plan.week.publish(now=SUNDAY_EVENING)
    send(newer, at=SUNDAY_EVENING + timedelta(hours=6))
    assert [one.cc for one in mail.outbox] == [[PARENT], [PARENT]]


# Without one


def test_without_a_guardian_nothing_is_promised_and_nothing_sent(minor, now):
    plan = make_plan(athlete=minor, now=now)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (State.SKIPPED, NO_GUARDIAN)
    assert send(plan).state == State.SKIPPED
    assert mail.outbox == []


def test_an_athlete_marked_as_a_minor_after_the_promise_gets_no_mail_without_a_guardian(
    athlete, now
):
    plan = make_plan(athlete=athlete, now=now)
    assert plan.delivery.state == State.DUE
    Athlete.objects.filter(pk=athlete.pk).update(is_minor=True)
    sent = send(plan)
    assert (sent.state, sent.last_error, mail.outbox) == (State.SKIPPED, NO_GUARDIAN, [])


def test_once_there_is_a_guardian_the_mail_goes_at_its_hour(minor, now):
    plan = make_plan(athlete=minor, now=now)
    sweep_and_send(at=now)
    Athlete.objects.filter(pk=minor.pk).update(guardian_email=PARENT)
    sweep_and_send(at=now)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.due_at) == (State.DUE, SUNDAY_EVENING)
    sweep_and_send(at=SUNDAY_EVENING)
    assert [one.recipients() for one in mail.outbox] == [[minor.email, PARENT]]


def test_of_two_revisions_kept_back_the_newest_goes_when_there_is_a_guardian(minor, now):
    plan = make_plan(athlete=minor, now=now)
    plan.week.schedule(weekday=6, **EASY)
    newer = plan.week.publish(now=now)
    Athlete.objects.filter(pk=minor.pk).update(guardian_email=PARENT)
    sweep_and_send(at=SUNDAY_EVENING)
    newer.delivery.refresh_from_db()
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, newer.delivery.state) == (State.SKIPPED, State.SENT)
    assert len(mail.outbox) == 1


def test_a_week_that_is_over_is_not_sent_when_a_guardian_comes(minor, now):
    make_plan(athlete=minor, now=now)
    Athlete.objects.filter(pk=minor.pk).update(guardian_email=PARENT)
    sweep_and_send(at=SUNDAY_EVENING + timedelta(days=8))
    assert mail.outbox == []


# A guardian's address that takes no mail


@pytest.fixture
def guarded(minor) -> Athlete:
    Athlete.objects.filter(pk=minor.pk).update(guardian_email=PARENT)
    minor.refresh_from_db()
    return minor


def stop(email: str = PARENT, **more) -> MailStop:
    fields = {"kind": "BOUNCE", "at": SUNDAY_EVENING, "said": "550 no such user", "event_id": "e1"}
    return MailStop.objects.create(email=email, **(fields | more))


@pytest.mark.parametrize("kind", ["BOUNCE", "FULL", "SPAM"])
def test_a_minors_mail_waits_where_the_guardians_address_takes_none(guarded, now, kind):
    plan = make_plan(athlete=guarded, now=now)
    stop(kind=kind)
    assert (send(plan).state, plan.delivery.last_error) == (State.SKIPPED, GUARDIAN_STOPPED)
    assert mail.outbox == []


def test_one_soft_bounce_of_a_guardian_holds_nothing(guarded, now):
    stop(kind="SOFT")
    assert send(make_plan(athlete=guarded, now=now)).state == State.SENT


def test_nothing_is_promised_to_a_minor_whose_guardians_address_takes_no_mail(guarded, now):
    stop()
    plan = make_plan(athlete=guarded, now=now)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (State.SKIPPED, GUARDIAN_STOPPED)


def test_with_another_guardians_address_the_mail_goes_at_its_hour(guarded, now):
    stop()
    make_plan(athlete=guarded, now=now)
    sweep_and_send(at=SUNDAY_EVENING - timedelta(hours=1))
    Athlete.objects.filter(pk=guarded.pk).update(guardian_email="other@home.example")
    sweep_and_send(at=SUNDAY_EVENING)
    assert [one.recipients() for one in mail.outbox] == [[guarded.email, "other@home.example"]]


def test_a_guardians_address_that_is_taken_away_after_it_bounced_is_told_as_missing(guarded, now):
    stop()
    plan = make_plan(athlete=guarded, now=now)
    Athlete.objects.filter(pk=guarded.pk).update(guardian_email="")
    sweep_and_send(at=SUNDAY_EVENING)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (State.SKIPPED, NO_GUARDIAN)


def test_who_grows_up_gets_the_mail_that_waited_for_a_guardian(guarded, now):
    stop()
    make_plan(athlete=guarded, now=now)
    Athlete.objects.filter(pk=guarded.pk).update(is_minor=False)
    sweep_and_send(at=SUNDAY_EVENING)
    assert [one.recipients() for one in mail.outbox] == [[guarded.email]]


def test_a_guardian_who_bounces_while_a_batch_is_made_up_holds_the_mail(guarded, now, monkeypatch):
    """Asked for the last time of the very rows that the mail is drawn from."""
    drop = DeliveryQuerySet.drop_unwanted

    def and_then_it_bounces(self, **known):
        drop(self, **known)
        stop()

    plan = make_plan(athlete=guarded, now=now)
    monkeypatch.setattr(DeliveryQuerySet, "drop_unwanted", and_then_it_bounces)
    assert (send(plan).state, plan.delivery.last_error) == (State.SKIPPED, GUARDIAN_STOPPED)
    assert mail.outbox == []


def test_a_grown_up_gets_the_mail_without_the_copy_and_it_names_nobody_else(athlete, now):
    Athlete.objects.filter(pk=athlete.pk).update(guardian_email=PARENT)
    athlete.refresh_from_db()
    stop()
    assert send(make_plan(athlete=athlete, now=now)).state == State.SENT
    assert mail.outbox[0].recipients() == [athlete.email]
    assert PARENT.encode() not in SentMail.objects.get().in_bytes


def test_the_mail_as_it_would_be_sent_now_names_no_address_that_takes_none(
    client, coach, athlete, now
):
    Athlete.objects.filter(pk=athlete.pk).update(guardian_email=PARENT)
    stop()
    plan = make_plan(athlete=athlete, now=now)
    client.force_login(coach)
    assert PARENT not in client.get(f"/mails/{plan.delivery.pk}/").text


def test_the_coach_is_told_at_once_why_a_minors_mail_waits_and_what_to_do(
    client, coach, guarded, now
):
    plan = make_plan(athlete=guarded, now=now)
    event = AnymailTrackingEvent(
        event_type="bounced",
        recipient=PARENT.title(),
        esp_event={},
        event_id="1",
        mta_response="550 5.1.1 no such user",
    )
    hear_of_mail(event)
    client.force_login(coach)
    board = client.get(f"/teams/harriers/weeks/{plan.week.starts_on}/").text
    assert 'failed" title="published, mail Not sent: the guardian&#x27;s address bounced' in board
    page = client.get("/teams/harriers/mails/?show=trouble").text
    assert "not sent: the guardian&#x27;s address bounced" in page
    assert "no copy to parent@home.example" in page
    assert "change the guardian&#x27;s address" in page
    own = client.get(f"/athletes/{guarded.pk}/").text
    assert "No copy goes to parent@home.example: bounced (“550 5.1.1 no such user”)" in own
    assert "the mails to Max Minor wait" in own and "#id_guardian_email" in own


def test_the_coach_is_told_that_a_grown_up_gets_the_mail_alone(client, coach, athlete, now):
    Athlete.objects.filter(pk=athlete.pk).update(guardian_email=PARENT)
    stop()
    make_plan(athlete=athlete, now=now)
    client.force_login(coach)
    page = client.get("/teams/harriers/mails/?show=trouble").text
    assert "no copy to parent@home.example" in page and "due Sun 18:00" in page
    assert "The mails go to Ana Sousa alone" in client.get(f"/athletes/{athlete.pk}/").text


# A second copy


def second_copy(plan, *, at) -> Delivery:
    plan.delivery.refresh_from_db()
    assert plan.delivery.send_again(now=at)
    return send(plan, at=at)


def test_a_second_copy_does_not_go_to_a_minor_alone_and_the_first_one_stays_sent(
    client, coach, guarded, now
):
    plan = make_plan(athlete=guarded, now=now)
    send(plan)
    Athlete.objects.filter(pk=guarded.pk).update(guardian_email="")
    later = SUNDAY_EVENING + timedelta(hours=1)
    sent = second_copy(plan, at=later)
    assert (sent.state, sent.sent_at) == (State.SENT, SUNDAY_EVENING)
    assert sent.last_error == "not sent again: no guardian's address"
    assert len(mail.outbox) == 1
    client.force_login(coach)
    page = client.get(f"/mails/{sent.pk}/").text
    assert "sent Sun 18:00, not sent again: no guardian&#x27;s address" in page
    assert "Send a second copy" not in page
    # With a guardian it can be asked for once more.
    Athlete.objects.filter(pk=guarded.pk).update(guardian_email=PARENT)
    assert "Send a second copy" in client.get(f"/mails/{sent.pk}/").text
    assert second_copy(plan, at=later + timedelta(hours=1)).resent
    assert len(mail.outbox) == 2


def test_a_mail_that_may_have_arrived_is_not_sent_once_more_to_a_minor_alone(guarded, now):
    plan = make_plan(athlete=guarded, now=now)
    Delivery.objects.update(state=State.UNCLEAR, next_try_at=SUNDAY_EVENING)
    Athlete.objects.filter(pk=guarded.pk).update(guardian_email="")
    sweep_and_send(at=SUNDAY_EVENING)
    plan.delivery.refresh_from_db()
    assert (plan.delivery.state, plan.delivery.last_error) == (State.UNCLEAR, NO_GUARDIAN)
    assert (plan.delivery.resent, mail.outbox) == (False, [])


# The coach


def test_the_coach_is_told_on_the_board_and_on_the_mail_page(client, coach, minor, now):
    plan = make_plan(athlete=minor, now=now)
    client.force_login(coach)
    board = client.get(f"/teams/harriers/weeks/{plan.week.starts_on}/").content.decode()
    assert "no guardian&#x27;s address" in board
    page = client.get("/teams/harriers/mails/?show=trouble").content.decode()
    assert "add a guardian" in page and "no guardian&#x27;s address" in page


def test_a_coach_writes_the_guardians_address_on_the_athletes_form(client, coach, minor):
    client.force_login(coach)
    form = {
        "name": minor.name,
        "email": minor.email,
        "level": "BEGINNER",
        "track_limit": "1",
        "time_zone": "UTC",
        "units": "KM",
        "send_weekday": "7",
        "send_time": "18:00",
        "is_minor": "on",
    }
    url = f"/athletes/{minor.pk}/edit/"
    refused = client.post(url, form | {"guardian_email": minor.email.upper()})
    assert refused.status_code == 422
    assert "athlete&#x27;s own address" in refused.content.decode()
    client.post(url, form | {"guardian_email": "Parent@Home.example"})
    minor.refresh_from_db()
    assert (minor.guardian_email, minor.is_minor) == (PARENT, True)


def test_the_athletes_own_address_is_no_guardians(minor):
    with pytest.raises(IntegrityError):
        Athlete.objects.filter(pk=minor.pk).update(guardian_email=minor.email)


def test_an_own_address_as_guardian_is_refused_in_words(minor):
    minor.guardian_email = minor.email
    with pytest.raises(ValidationError, match="own address"):
        minor.full_clean()


@pytest.mark.parametrize("title", ["guardian_email", "Guardian", "parent email"])
def test_a_roster_brings_guardians_along(team, title):
    roster = f"name,email,birth_year,{title}\nMax,max@club.example,2011,Parent@Home.example\n"
    import_roster(team, roster.encode(), today=date(2026, 11, 25))
    assert team.athletes.get().guardian_email == PARENT


def test_a_roster_whose_guardian_is_the_athlete_is_refused(team):
    roster = b"name,email,guardian\nMax,max@club.example,max@club.example\n"
    with pytest.raises(RosterRefused, match="own address"):
        import_roster(team, roster, today=date(2026, 11, 25))


def test_a_week_without_a_session_is_nobodys_matter(minor, now):
    week = make_week(athlete=minor)
    week.publish(now=now)
    assert Delivery.objects.get().last_error != NO_GUARDIAN
