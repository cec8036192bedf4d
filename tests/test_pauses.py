"""Injury, illness and days away: what a week may hold then, and how the athlete comes back."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from tests.make import make_athlete, make_full_week, make_team, make_user
from workouts.models import Action, TrackLimitReached, TrainingWeek
from workouts.models.rewriting import write_weeks

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 30)


def weeks_after(count):
    return [MONDAY + timedelta(weeks=week) for week in range(count)]


@pytest.mark.parametrize(
    ("reason", "ends_on", "gentle", "limits"),
    [
        ("INJURY", None, 2, [0, 0, 0, 0, 0]),  # open: nobody knows when
        ("INJURY", date(2026, 12, 9), 2, [0, 0, 1, 1, 2]),
        ("ILLNESS", date(2026, 12, 6), 1, [0, 1, 2, 2, 2]),
        ("ILLNESS", date(2026, 12, 7), 0, [0, 0, 2, 2, 2]),
        ("AWAY", date(2026, 12, 9), 2, [2, 2, 2, 2, 2]),  # away is not unwell
    ],
)
def test_a_pause_leaves_no_track_session_and_the_return_is_gentle(reason, ends_on, gentle, limits):
    athlete = make_athlete()
    athlete.pauses.create(
        reason=reason, starts_on=date(2026, 12, 2), ends_on=ends_on, gentle_weeks=gentle
    )
    assert [athlete.limit_in(monday) for monday in weeks_after(5)] == limits
    assert athlete.limit_in(MONDAY - timedelta(weeks=1)) == 2


def test_a_new_week_in_a_pause_takes_no_track_session():
    athlete = make_athlete()
    athlete.pauses.create(starts_on=MONDAY)
    assert TrainingWeek.objects.open_for(athlete, MONDAY).track_limit == 0


def test_the_return_is_never_wider_than_the_athletes_own_limit():
    athlete = make_athlete(track_limit=1)
    athlete.pauses.create(starts_on=MONDAY, ends_on=MONDAY)
    assert [athlete.limit_in(monday) for monday in weeks_after(5)] == [0, 1, 1, 1, 1]


@pytest.fixture
def coach_page(client):
    team = make_team(coach=make_user())
    client.force_login(team.memberships.get().user)
    return client, make_athlete(team=team, time_zone="UTC")


def post_pause(client, athlete, **more):
    data = {"reason": "INJURY", "starts_on": MONDAY.isoformat(), "gentle_weeks": "2"} | more
    return client.post(reverse("pause_add", args=[athlete.pk]), data, follow=True)


def test_planned_weeks_follow_a_pause_but_for_those_that_hold_more(coach_page):
    client, athlete = coach_page
    empty, planned, by_hand = (
        TrainingWeek.objects.open_for(athlete, monday) for monday in weeks_after(3)
    )
    track = {"kind": "TRACK", "notation": "400 @ mile", "title": "One lap"}
    session = planned.schedule(weekday=2, **track)
    by_hand.set_track_limit(1)

    page = post_pause(client, athlete).content.decode()

    assert "left as planned: week of 7 December." in page
    limits = dict(TrainingWeek.objects.values_list("starts_on", "track_limit"))
    # What is planned stays, but none is added to it; an injury goes before a limit by hand.
    assert [limits[monday] for monday in weeks_after(3)] == [0, 1, 0]
    planned.refresh_from_db()
    with pytest.raises(TrackLimitReached):
        planned.schedule(weekday=4, **track)
    # Once the coach takes the session out, that week follows too.
    planned.sessions.get(pk=session.pk).remove()
    planned.refresh_from_db()
    assert planned.track_limit == 0
    assert Action.objects.get().label == f"Track limit of {athlete.name}"


def test_a_week_over_a_lowered_limit_comes_down_step_by_step(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    track = {"kind": "TRACK", "notation": "400 @ mile", "title": "One lap"}
    first, second = (week.schedule(weekday=day, **track) for day in (2, 4))
    post_pause(client, athlete)
    week.refresh_from_db()
    assert week.track_limit == 2

    later = TrainingWeek.objects.open_for(athlete, MONDAY - timedelta(weeks=1))
    later.move(first, weekday=4)
    week.refresh_from_db()
    assert week.track_limit == 1
    week.edit(second, kind="FARTLEK")
    week.refresh_from_db()
    assert week.track_limit == 0


def test_a_pause_that_was_a_mistake_gives_the_weeks_their_limit_back(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    post_pause(client, athlete)
    week.refresh_from_db()
    assert week.track_limit == 0
    client.post(reverse("pause_remove", args=[athlete.pauses.get().pk]))
    week.refresh_from_db()
    assert (week.track_limit, athlete.pauses.count()) == (2, 0)


def test_a_page_from_before_an_injury_does_not_lift_the_limit_that_came_with_it(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    shown = client.get(reverse("athlete_week", args=[athlete.pk, MONDAY])).context["week_form"]
    post_pause(client, athlete)
    data = {"track_limit": "2", "phase": "", "note": "Rest well"}
    data |= {f"initial-{name}": shown[name].value() for name in data}
    client.post(reverse("week_edit", args=[week.pk]), data)
    week.refresh_from_db()
    assert (week.track_limit, week.own_limit, week.note) == (0, None, "Rest well")


def test_a_week_set_back_to_the_athletes_own_limit_follows_it_again(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    week.set_track_limit(1)
    assert week.own_limit == 1
    week.set_track_limit(2)
    assert week.own_limit is None


def test_a_limit_that_the_week_keeps_to_is_taken_though_an_injury_leaves_less():
    athlete = make_athlete()
    week = make_full_week(athlete=athlete, starts_on=MONDAY)
    athlete.pauses.create(starts_on=MONDAY)
    week.set_track_limit(2)
    assert (TrainingWeek.objects.get().track_limit, week.sessions.on_track().count()) == (2, 2)
    with pytest.raises(TrackLimitReached):
        week.set_track_limit(1)
    week.sessions.first().remove()
    assert TrainingWeek.objects.get().track_limit == 1  # what is held, till it goes too


def test_a_limit_that_cannot_be_lowered_keeps_what_was_typed_beside_it(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    week.schedule(weekday=2, kind="TRACK", notation="400 @ mile", title="One lap")
    data = {"track_limit": "0", "phase": "TAPER", "note": "A long word on the week"}
    response = client.post(reverse("week_edit", args=[week.pk]), data)
    assert response.status_code == 422
    assert "Tuesday One lap" in response.text
    assert "A long word on the week" in response.text
    week.refresh_from_db()
    assert (week.phase, week.note, week.track_limit) == ("", "", 2)


def test_a_pause_that_ends_before_it_starts_is_refused_at_its_place(coach_page):
    client, athlete = coach_page
    page = post_pause(client, athlete, ends_on="2026-11-01")
    assert page.status_code == 422
    assert "The last day lies before the first." in page.content.decode()
    assert not athlete.pauses.exists()


def test_a_lowered_limit_of_an_athlete_is_taken_by_the_weeks_that_have_room(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    url = reverse("athlete_edit", args=[athlete.pk])
    form = client.get(url).context["form"]
    data = {name: form[name].value() for name in form.fields} | {"track_limit": "1"}
    client.post(url, {name: "" if value is None else value for name, value in data.items()})
    week.refresh_from_db()
    assert week.track_limit == 1


@pytest.mark.parametrize(("level", "limit"), [("BEGINNER", 1), ("ADVANCED", 2)])
def test_a_new_athlete_has_the_limit_of_the_level_unless_the_coach_says_so(
    coach_page, level, limit
):
    client, old = coach_page
    data = {
        "name": "New Runner",
        "email": "new@club.example",
        "level": level,
        "track_limit": "",
        "busy_days": ["6", "3"],
        "time_zone": "UTC",
        "units": "KM",
        "send_weekday": "7",
        "send_time": "18:00",
    }
    client.post(reverse("athlete_add", args=[old.team.slug]), data)
    athlete = old.team.athletes.get(email="new@club.example")
    assert (athlete.track_limit, athlete.busy_days) == (limit, "36")
    assert athlete.why_not(date(2026, 12, 2)) == "cannot train on Wednesdays"
    page = client.get(reverse("athlete_detail", args=[athlete.pk])).content.decode()
    assert "cannot train on Wednesday, Saturday" in page


def test_a_limit_set_by_hand_comes_back_after_an_injury(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    week.set_track_limit(1)
    post_pause(client, athlete)
    week.refresh_from_db()
    assert (week.track_limit, week.own_limit) == (0, 1)
    client.post(reverse("pause_remove", args=[athlete.pauses.get().pk]))
    week.refresh_from_db()
    assert (week.track_limit, week.own_limit) == (1, 1)


def test_a_plans_limit_is_no_floor_under_the_athletes_own(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    assert write_weeks({week.pk: {"plan_limit": 1}})[0].track_limit == 1
    athlete.track_limit = 0
    athlete.save()
    athlete.limit_changed(today=MONDAY, by=None)
    week.refresh_from_db()
    assert (week.track_limit, week.plan_limit) == (0, 1)


def test_a_coach_is_told_that_an_injury_holds_a_week_down(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    post_pause(client, athlete)
    data = {"track_limit": "2", "phase": "", "note": "", "initial-track_limit": "0"}
    page = client.post(reverse("week_edit", args=[week.pk]), data, follow=True)
    assert "An injury or illness leaves this week fewer track sessions than that." in page.text
    week.refresh_from_db()
    assert week.track_limit == 0


def test_the_board_says_who_is_injured_in_a_week_without_a_session(coach_page):
    client, athlete = coach_page
    athlete.pauses.create(starts_on=MONDAY, ends_on=MONDAY + timedelta(days=8))
    weeks = [client.get(f"/teams/{athlete.team.slug}/weeks/{day}/").text for day in weeks_after(3)]
    assert ["Injured from 30 November" in week for week in weeks] == [True, True, False]


def test_the_board_shows_an_injury_where_something_is_planned_and_what_it_leaves(coach_page):
    client, athlete = coach_page
    week = TrainingWeek.objects.open_for(athlete, MONDAY)
    week.schedule(weekday=3, kind="EASY", notation="8km easy", title="Easy run")
    athlete.pauses.create(starts_on=MONDAY, ends_on=MONDAY + timedelta(days=3))
    athlete.busy_days = "6"
    athlete.save()
    athlete.limit_changed(today=MONDAY, by=None)
    board = reverse("board", args=[athlete.team.slug, MONDAY])
    text = client.get(board).text
    assert text.count("Injured from 30 November to 3 December.") == 2  # once to see, once to hear
    assert "0 of 0 track sessions used" in text
    assert "Cannot train" not in text
    week.schedule(weekday=6, kind="EASY", notation="8km easy", title="Easy run")
    assert "Cannot train on Saturdays." in client.get(board).text
    # A week that is not opened yet promises no more than the gentle return allows.
    later = reverse("board", args=[athlete.team.slug, MONDAY + timedelta(weeks=1)])
    assert "0 of 1 track sessions used" in client.get(later).text
