"""Surfaces, the team's track, doubts and phases: what a coach says of a session and a week."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from tests.make import EASY, MONDAY, TRACK, make_full_week, make_session, make_week
from workouts.models import Kind, Session, Surface, TrackLimitReached
from workouts.models.kinds import settle

pytestmark = pytest.mark.django_db
FARTLEK = {"kind": "FARTLEK", "title": "Fartlek", "notation": "8 x 1min @ 5k, jog 1min"}


@pytest.mark.parametrize(
    ("kind", "surface", "notation", "expected"),
    [
        ("TRACK", "", "6 x 800 @ 5k, jog 200", ("TRACK", "TRACK")),
        ("TRACK", "ROAD", "6 x 800 @ 5k, jog 200", ("INTERVALS", "ROAD")),
        ("FARTLEK", "TRACK", "8 x 1min @ 5k, jog 1min", ("FARTLEK", "TRACK")),
        ("EASY", "TRACK", "8km easy", ("EASY", "TRACK")),  # laps as a warm-up do not count
        ("EASY", "TRACK", "6 x 400 @ mile, jog 400", ("TRACK", "TRACK")),  # whatever it is called
        ("EASY", "", "6 x 400 @ mile, jog 400", ("EASY", "")),
        ("EASY", "TRACK", "8km easy\ncool-down 6 x 400 @ mile", ("TRACK", "TRACK")),
        ("REST", "TRACK", "rest", ("REST", "TRACK")),
    ],
)
def test_kind_and_surface_belong_together(kind, surface, notation, expected):
    assert settle(kind, surface, notation) == expected


def test_a_fartlek_counts_on_the_track_and_nowhere_else():
    week = make_full_week()
    week.schedule(weekday=6, surface=Surface.ROAD, **FARTLEK)
    with pytest.raises(TrackLimitReached, match="Tuesday 6 × 800 m and Thursday Pyramid"):
        week.schedule(weekday=7, surface=Surface.TRACK, **FARTLEK)
    week.sessions.get(weekday=2).remove()
    session = week.schedule(weekday=7, surface=Surface.TRACK, **FARTLEK)
    assert (session.track_slot, session.counts) == (1, True)


def test_a_session_that_is_put_on_the_track_takes_a_slot_and_off_it_frees_one():
    week = make_full_week()
    fartlek = week.schedule(weekday=6, **FARTLEK)
    with pytest.raises(TrackLimitReached):
        week.edit(fartlek, kind="FARTLEK", surface="TRACK")
    track = week.sessions.get(weekday=2)
    week.edit(track, kind="TRACK", surface="GRASS")
    track.refresh_from_db()
    assert (track.kind, track.surface, track.track_slot) == (Kind.INTERVALS, "GRASS", None)
    week.edit(fartlek, kind="FARTLEK", surface="TRACK")
    assert week.sessions.on_track().count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"surface": "TRACK"},
        {"surface": "TRACK", "kind": "RACE"},
        {"surface": "TRACK", "track_slot": 2},
        {"surface": "MOON"},
        {"lap_m": 50},
    ],
)
def test_the_database_itself_refuses_a_surface_that_breaks_the_rule(change):
    week = make_full_week()
    fartlek = week.schedule(weekday=6, **FARTLEK)
    with pytest.raises(IntegrityError), transaction.atomic():
        Session.objects.filter(pk=fartlek.pk).update(**change)
    fartlek.refresh_from_db()
    assert (fartlek.surface, fartlek.track_slot) == ("", None)


def edit(client, session, **change):
    url = reverse("session_detail", args=[session.pk])
    form = client.get(url).context["edit_form"]
    data = {name: form[name].value() for name in form.fields} | change
    return client.post(
        reverse("session_edit", args=[session.pk]),
        {name: "" if value is None else value for name, value in data.items()},
    )


def test_a_coach_takes_a_session_off_the_track_by_its_kind_or_by_its_place(coach_client, athlete):
    week = make_full_week(athlete=athlete)
    tuesday, thursday = week.sessions.order_by("weekday")
    edit(coach_client, tuesday, kind="FARTLEK", surface="")
    edit(coach_client, thursday, surface="ROAD")
    kinds = list(week.sessions.order_by("weekday").values_list("kind", "surface", "track_slot"))
    assert kinds == [("FARTLEK", "", None), ("INTERVALS", "ROAD", None)]


def test_a_tempo_that_stays_on_the_track_keeps_its_slot(coach_client, athlete):
    week = make_full_week(athlete=athlete)
    edit(coach_client, week.sessions.get(weekday=2), kind="TEMPO", surface="TRACK")
    assert week.sessions.on_track().count() == 2


def test_a_track_session_elsewhere_is_asked_about(coach_client, athlete):
    week = make_week(athlete=athlete)
    fartlek = week.schedule(weekday=6, surface="GRASS", **FARTLEK)
    response = edit(coach_client, fartlek, kind="TRACK", surface="GRASS")
    assert response.status_code == 422
    assert "A track session is run on the track: choose Track here too." in response.text


def test_the_teams_track_gives_laps_and_splits_to_page_and_mail(coach_client, team, athlete, now):
    page = reverse("team_edit", args=[team.slug])
    coach_client.post(page, {"name": "Harriers", "lap_m": "200", "split_m": "100"})
    team.refresh_from_db()
    week = make_week(athlete=athlete)
    session = make_session(week=week)
    make_session(week=week, weekday=4, lap_m=400)
    content = week.publish(now=now).content["sessions"]
    assert [rep["at_m"] for rep in content[0]["reps"][0]["splits"]] == [*range(100, 801, 100)]
    assert [content[0]["lap_m"], content[1]["lap_m"]] == [200, 400]
    assert [session["totals"]["laps"] for session in content] == [24, 12]
    text = coach_client.get(reverse("session_detail", args=[session.pk])).text
    # 22:00 over 5 km is 26.4 s for 100 m, rounded half up.
    assert "100 0:26, 200 0:53, 300 1:19, 400 1:46" in text


def test_the_editor_shows_what_the_plan_will_say_on_the_teams_track(coach_client, team, athlete):
    team.lap_m = 200
    team.save()
    page = reverse("workout_preview", args=[team.slug])
    typed = {"notation": "3 x 8laps @ 5k, jog 200", "for": f"athlete-{athlete.pk}"}
    assert "4800 m fast in 24 laps" in coach_client.post(page, typed).text
    # This session is run elsewhere; what is no lap yet is left aside.
    assert "9600 m fast in 24 laps" in coach_client.post(page, typed | {"lap_m": "400"}).text
    assert "4800 m fast in 24 laps" in coach_client.post(page, typed | {"lap_m": "4"}).text


@pytest.mark.parametrize("lap_m", ["50", "1001", "abc", ""])
def test_a_track_that_is_none_is_refused_at_its_place(coach_client, team, lap_m):
    page = reverse("team_edit", args=[team.slug])
    response = coach_client.post(page, {"name": "Harriers", "lap_m": lap_m, "split_m": ""})
    assert response.status_code == 422
    team.refresh_from_db()
    assert team.lap_m == 400


def test_the_athletes_page_names_the_model_behind_its_times(coach_client, athlete):
    page = coach_client.get(reverse("athlete_detail", args=[athlete.pk])).text
    assert "by our model of real runners’ bests" in page


def test_the_board_marks_a_day_that_is_doubtful_until_the_coach_accepts_it(coach_client, athlete):
    week = make_week(athlete=athlete)
    make_session(week=week, weekday=1)
    before = make_week(athlete=athlete, starts_on=date(2026, 11, 23))
    make_session(week=before, weekday=7, title="400s")
    board = reverse("board", args=["harriers", MONDAY])
    words = "Sunday 400s and Monday 6 × 800 m are hard, on days in a row"
    assert words in coach_client.get(board).text

    page = reverse("athlete_week", args=[athlete.pk, MONDAY])
    shown = coach_client.get(page)
    assert words in shown.text
    accept = reverse("doubt_accept", args=[week.pk])
    key = shown.context["doubts"][0].doubt.key
    coach_client.post(accept, {"key": key, "reason": ""})
    assert words in coach_client.get(board).text  # a reason is asked for
    coach_client.post(accept, {"key": key, "reason": "Camp: two easy days follow"})
    assert words not in coach_client.get(board).text
    text = coach_client.get(page).text
    assert "Accepted by Carla Coach: Camp: two easy days follow" in text


def test_a_phase_stands_at_the_week_on_the_board(coach_client, athlete):
    week = make_week(athlete=athlete)
    week.schedule(weekday=1, **EASY)
    data = {"track_limit": "1", "phase": "TAPER", "note": ""}
    coach_client.post(reverse("week_edit", args=[week.pk]), data)
    week.refresh_from_db()
    assert (week.phase, week.track_limit, week.own_limit) == ("TAPER", 1, 1)
    assert "Taper" in coach_client.get(reverse("board", args=["harriers", MONDAY])).text


def test_a_race_on_the_track_takes_a_slot_and_one_on_the_road_none():
    week = make_full_week()
    race = {"kind": "RACE", "title": "5000 m", "notation": "5k @ 5k"}
    week.schedule(weekday=6, surface="ROAD", **race)
    with pytest.raises(TrackLimitReached):
        week.schedule(weekday=7, surface="TRACK", **race)


def test_the_same_plan_of_before_surfaces_is_not_mailed_again(athlete, now):
    week = make_week(athlete=athlete)
    week.schedule(weekday=2, **TRACK)
    plan = week.publish(now=now)
    for session in plan.content["sessions"]:
        del session["surface"], session["split_m"]  # as it was frozen then
    plan.save()
    assert week.publish(now=now).revision == 1
