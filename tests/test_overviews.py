"""Views over several weeks: an athlete's month, and the track budget of a team."""

from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from tests.make import (
    EASY,
    MONDAY,
    make_athlete,
    make_full_week,
    make_group,
    make_plan,
    make_race,
    make_session,
    make_week,
)
from workouts.models import Kind, Phase, Result
from workouts.overviews import month_weeks, track_budget

pytestmark = pytest.mark.django_db

BUDGET = f"/teams/harriers/budget/{MONDAY}/"
WEEK = timedelta(weeks=1)
TEMPO = {"kind": Kind.TEMPO, "title": "Tempo", "notation": "8km @ threshold"}


def month_of(athlete, month: str = "2026-12") -> str:
    return f"/athletes/{athlete.pk}/months/{month}/"


def month(athlete, first: date = date(2026, 12, 1), *, with_drafts: bool = True):
    return month_weeks(athlete, month=first, today=MONDAY, with_drafts=with_drafts)


def budget(team, *, starts_on: date = MONDAY, this_week: date = MONDAY, **more):
    return track_budget(team.athletes.all(), starts_on=starts_on, this_week=this_week, **more)


def cells(team, **more):
    """The twelve cells of the only athlete."""
    (row,) = budget(team, **more).rows
    return row.cells


# The month of one athlete


def test_a_month_is_shown_in_whole_weeks(athlete):
    weeks = month(athlete)
    assert [week.starts_on.isoformat() for week in weeks] == [
        "2026-11-30",
        "2026-12-07",
        "2026-12-14",
        "2026-12-21",
        "2026-12-28",
    ]
    assert weeks[0].dates == "30 Nov – 6 Dec"
    assert weeks[1].dates == "7–13 Dec"
    # February 2027 begins on a Monday and has four weeks: nothing of its neighbours is shown.
    assert len(month(athlete, date(2027, 2, 1))) == 4


def test_a_coach_sees_drafts_with_distance_slots_and_phase(coach_client, athlete):
    athlete.weekly_volume_m = 50_000
    athlete.save()
    week = make_week(athlete=athlete)
    make_session(week=week, title="Six of eight hundred")
    week.schedule(weekday=3, **EASY)
    week.set_phase(Phase.BUILD)
    page = coach_client.get(month_of(athlete)).text
    assert "Six of eight hundred" in page
    assert "Track session: Six of eight hundred" in page
    assert "1 of 2" in page
    assert "Build" in page
    assert ">draft<" in page
    # 4.8 km in reps, five jogs of 200 m and 8 km easy, of 50 km.
    assert "<b>14</b>" in page
    assert " / 50" in page
    assert f"/athletes/{athlete.pk}/weeks/{MONDAY}/" in page
    assert f"/sessions/{week.sessions.first().pk}/" in page


def test_a_week_that_changed_since_it_was_published_says_so(coach_client, athlete):
    plan = make_plan(athlete=athlete, now=timezone.now() - timedelta(hours=1))
    assert ">changed<" not in coach_client.get(month_of(athlete)).text
    plan.week.schedule(weekday=5, **EASY)
    assert ">changed<" in coach_client.get(month_of(athlete)).text


def test_an_athlete_sees_what_is_published_as_it_was_published(athlete_client, athlete, now):
    published = make_plan(athlete=athlete, now=now).week
    published.schedule(weekday=6, **EASY | {"title": "Added since"})
    draft = make_week(athlete=athlete, starts_on=MONDAY + WEEK)
    make_session(week=draft, title="Not yet told")
    draft.set_phase(Phase.PEAK)
    page = athlete_client.get(month_of(athlete)).text
    assert "6 × 800 m" in page
    assert "Added since" not in page
    assert "Not yet told" not in page
    assert "Peak" not in page
    assert "track session</span>" in page
    assert "1 of 2" not in page  # what was allowed is the coach's
    assert "/sessions/" not in page
    assert month(athlete, with_drafts=False)[0].planned_m == 13_800


def test_an_athlete_sees_no_week_that_is_not_released_yet(athlete, team, now):
    team.release_weeks = 1
    team.save()
    for number in range(3):
        make_plan(week=make_full_week(athlete=athlete, starts_on=MONDAY + number * WEEK), now=now)
    released = month(athlete, with_drafts=False)
    assert [week.track_used for week in released] == [2, 2, 0, 0, 0]
    assert [week.track_used for week in month(athlete)] == [2, 2, 2, 0, 0]


def test_how_a_session_went_is_marked(coach_client, athlete_client, athlete, coach, now):
    session = make_plan(athlete=athlete, now=now).week.sessions.get(kind=Kind.TRACK)
    Result.objects.log(
        session, outcome="PARTLY", rpe=None, comment="", splits=[], by=coach, now=now
    )
    for client in (coach_client, athlete_client):
        assert "Track session: 6 × 800 m, partly" in client.get(month_of(athlete)).text


def test_pauses_busy_days_and_races_stand_on_their_days(coach_client, athlete):
    athlete.busy_days = "6"
    athlete.save()
    athlete.pauses.create(reason="ILLNESS", starts_on="2026-12-08", ends_on="2026-12-09")
    athlete.pauses.create(reason="AWAY", starts_on="2026-12-23", note="With the in-laws")
    make_race(athlete=athlete, raced_on=date(2026, 12, 6))
    race = {"kind": Kind.RACE, "title": "Cross relay", "notation": "5km @ 5k"}
    make_week(athlete=athlete, starts_on=date(2026, 12, 14)).schedule(weekday=7, **race)
    days = {day.on.isoformat()[5:]: day for week in month(athlete) for day in week.days}
    assert [on for on, day in days.items() if day.pause == "ill"] == ["12-08", "12-09"]
    away = [on for on, day in days.items() if day.pause == "away"]
    assert (away[0], away[-1], len(away)) == ("12-23", "01-03", 12)
    assert [on for on, day in days.items() if day.is_busy][:2] == ["12-05", "12-12"]
    assert [on for on, day in days.items() if day.is_race_day] == ["12-06", "12-20"]
    assert days["12-06"].races == ("5K in 22:00",)
    page = coach_client.get(month_of(athlete)).text
    assert ">ill<" in page
    assert ">busy<" in page
    assert "5K in 22:00" in page
    assert "in-laws" not in page


def test_a_week_in_an_injury_has_no_track_session_and_the_next_ones_have_one(athlete):
    athlete.pauses.create(starts_on="2026-12-01", ends_on="2026-12-02", gentle_weeks=2)
    assert [week.track_limit for week in month(athlete)] == [0, 1, 1, 2, 2]


def test_a_month_in_miles_is_told_in_miles(coach_client, athlete):
    athlete.units = "MI"
    athlete.save()
    make_week(athlete=athlete).schedule(weekday=3, **EASY | {"notation": "10mi easy"})
    page = coach_client.get(month_of(athlete)).text
    assert '<b>10</b> <span class="quiet">mi</span>' in page


def test_months_lead_to_their_neighbours_over_the_new_year(coach_client, athlete):
    page = coach_client.get(month_of(athlete)).text
    assert month_of(athlete, "2026-11") in page
    assert month_of(athlete, "2027-01") in page


def test_an_empty_month_says_what_to_do(coach_client, athlete_client, athlete):
    assert f"?whom=athlete-{athlete.pk}" in coach_client.get(month_of(athlete)).text
    assert "has not published" in athlete_client.get(month_of(athlete)).text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("2000-01", 200),
        ("2099-12", 200),
        ("1999-12", 404),
        ("2100-01", 404),
        ("2026-13", 404),
        ("2026-00", 404),
        ("2026-1", 404),
    ],
)
def test_a_month_that_has_no_page_is_not_there(coach_client, athlete, address, status):
    assert coach_client.get(month_of(athlete, address)).status_code == status


def test_athlete_and_week_lead_to_the_month(coach_client, athlete):
    week = coach_client.get(f"/athletes/{athlete.pk}/weeks/{MONDAY}/").text
    assert month_of(athlete, "2026-11") in week
    assert f"/athletes/{athlete.pk}/months/" in coach_client.get(f"/athletes/{athlete.pk}/").text


def test_the_month_takes_as_many_queries_for_a_full_one_as_for_one_session(
    coach_client, athlete_client, athlete, now, django_assert_num_queries
):
    make_plan(athlete=athlete, now=now)
    for client in (coach_client, athlete_client):
        client.get(month_of(athlete))
    # Session, user, athlete with team, pauses, is coach, weeks or plans, sessions or results,
    # races.
    with django_assert_num_queries(8):
        coach_client.get(month_of(athlete))
    with django_assert_num_queries(8):
        athlete_client.get(month_of(athlete))
    athlete.pauses.create(reason="AWAY", starts_on="2026-12-28")
    for number in range(1, 4):
        make_full_week(athlete=athlete, starts_on=MONDAY + number * WEEK).publish(now=now)
        make_race(athlete=athlete, time_s=1320 - number, raced_on=MONDAY + number * WEEK)
    with django_assert_num_queries(8):
        coach_client.get(month_of(athlete))
    with django_assert_num_queries(8):
        athlete_client.get(month_of(athlete))


# The track budget of a team


def test_each_week_shows_the_slots_used_of_those_it_has(coach_client, team, athlete):
    make_full_week(athlete=athlete)
    make_session(week=make_week(athlete=athlete, starts_on=MONDAY + WEEK))
    make_week(athlete=athlete, starts_on=MONDAY + 2 * WEEK, track_limit=0)
    found = cells(team)
    assert [(cell.used, cell.limit, cell.shade) for cell in found[:4]] == [
        (2, 2, "full"),
        (1, 2, "part"),
        (0, 0, "closed"),
        (0, 2, "none"),
    ]
    assert len(found) == 12
    page = coach_client.get(BUDGET).text
    for words in ("2 of 2", "1 of 2", "0 of 0", "0 of 2", "3 of 22"):
        assert f"<b>{words}</b>" in page
    assert f"/athletes/{athlete.pk}/weeks/{MONDAY}/" in page


def test_a_fast_session_on_the_track_counts_and_one_on_the_road_does_not(team, athlete):
    week = make_week(athlete=athlete)
    week.schedule(weekday=2, **TEMPO)
    week.schedule(weekday=5, **TEMPO, surface="TRACK")
    assert cells(team)[0].used == 1


@pytest.mark.parametrize(
    ("first", "second", "hours"),
    [
        ((2, None), (3, None), 24),
        ((2, time(18)), (3, time(6, 30)), 12.5),
        ((2, time(19)), (4, None), 41),
        ((2, None), (2, None), 0),
        ((2, time(7)), (2, time(17)), 10),
        ((2, None), (4, None), None),
        ((2, time(7)), (4, time(8)), None),
    ],
)
def test_hard_days_under_48_hours_apart_are_told(team, athlete, first, second, hours):
    week = make_week(athlete=athlete)
    (day, at), (later, at_later) = first, second
    make_session(week=week, weekday=day, starts_at=at)
    week.schedule(weekday=later, starts_at=at_later, **TEMPO)
    apart = cells(team)[0].apart
    assert (apart and apart.hours) == hours


def test_a_hard_sunday_and_monday_show_in_both_weeks(coach_client, team, athlete):
    make_session(week=make_week(athlete=athlete), weekday=7, title="Hills")
    make_session(week=make_week(athlete=athlete, starts_on=MONDAY + WEEK), weekday=1, title="400s")
    first, second, third, *_ = cells(team)
    assert first.apart == second.apart
    assert third.apart is None
    words = "Sunday Hills and Monday 400s, both hard, 24 hours apart"
    assert first.apart.words == words
    assert coach_client.get(BUDGET).text.count(f'title="{words}"') == 2
    # Also where the budget begins between the two.
    assert cells(team, starts_on=MONDAY + WEEK)[0].apart == first.apart


def test_two_hard_sessions_a_few_minutes_under_48_hours_apart_never_read_48(coach_client, athlete):
    week = make_week(athlete=athlete)
    make_session(week=week, weekday=2, starts_at=time(19))
    week.schedule(weekday=4, starts_at=time(18, 45), **TEMPO)
    page = coach_client.get(BUDGET).text
    assert "47 h<" in page
    assert "both hard, 47 hours apart" in page


def test_the_closest_of_several_pairs_is_told(team, athlete):
    week = make_week(athlete=athlete)
    for weekday, starts_at in ((1, time(18)), (2, time(18)), (3, time(7))):
        week.schedule(weekday=weekday, starts_at=starts_at, **TEMPO)
    assert cells(team)[0].apart.hours == 13


def test_phase_pause_and_unplanned_weeks_are_told_in_words(coach_client, team, athlete):
    make_full_week(athlete=athlete).set_phase(Phase.RECOVERY)
    athlete.pauses.create(starts_on="2026-12-09", ends_on="2026-12-10", gentle_weeks=1)
    planned, paused, gentle, after, *_ = cells(team)
    assert (planned.phase_mark, planned.words) == ("Re", "Recovery")
    assert (paused.limit, paused.pause) == (0, "injured")
    assert paused.words == "Nothing planned yet. Injured from 9 December to 10 December"
    assert (gentle.limit, gentle.pause) == (1, "")
    assert after.limit == 2
    page = coach_client.get(BUDGET).text
    assert paused.words in page
    assert 'class="closed paused unplanned"' in page


def test_two_letters_tell_all_phases_apart():
    assert len({phase.label[:2] for phase in Phase}) == len(Phase)


def test_a_week_planned_before_the_limit_was_lowered_stands_out(coach_client, team, athlete, coach):
    make_full_week(athlete=athlete)
    athlete.track_limit = 1
    athlete.save()
    by_hand = make_week(athlete=athlete, starts_on=MONDAY + WEEK, track_limit=1)
    by_hand.set_track_limit(2)
    for weekday in (2, 5):
        make_session(week=by_hand, weekday=weekday)
    athlete.limit_changed(today=MONDAY, by=coach)
    kept, chosen, free, *_ = cells(team)
    assert (kept.used, kept.limit, kept.over) == (2, 2, 1)
    assert (chosen.used, chosen.limit, chosen.over) == (2, 2, None)
    assert (free.used, free.limit, free.over) == (0, 1, None)
    page = coach_client.get(BUDGET).text
    assert page.count("2 of 2 !") == 1
    assert "Planned before the limit was lowered to 1" in page
    # An injury takes the slots of a week whose limit was set by hand too.
    athlete.pauses.create(starts_on=MONDAY + WEEK)
    assert [cell.over for cell in cells(team)[:2]] == [1, 0]


def test_slots_of_weeks_gone_by_are_lost_and_later_ones_free(coach_client, team, athlete):
    make_session(week=make_week(athlete=athlete))
    found = budget(team, this_week=MONDAY + 2 * WEEK)
    total = found.rows[0].total
    assert (total.used, total.allowed, total.lost, total.free) == (1, 24, 3, 20)
    assert [week.lost for week in found.weeks[:3]] == [1, 2, 0]
    assert found.whole == total
    # Who was away has wasted nothing.
    athlete.pauses.create(reason="AWAY", starts_on=MONDAY + WEEK, ends_on=MONDAY + WEEK)
    assert budget(team, this_week=MONDAY + 2 * WEEK).whole.lost == 1


def test_an_athlete_with_fewer_track_sessions_than_the_others_stands_out(coach_client, team):
    for name, sessions in (("Ana Sousa", 2), ("Bo Lund", 2), ("Cy Young", 1)):
        athlete = make_athlete(team=team, name=name)
        for number in range(6):
            week = make_week(athlete=athlete, starts_on=MONDAY + number * WEEK)
            for weekday in (2, 5)[:sessions]:
                make_session(week=week, weekday=weekday)
    # A beginner with one slot a week uses the same share as Ana and Bo.
    beginner = make_athlete(team=team, name="Di Oduya", track_limit=1)
    for number in range(6):
        week = make_week(athlete=beginner, starts_on=MONDAY + number * WEEK, track_limit=1)
        make_session(week=week)
    # 36 of 84 slots are used: 10.3 of 24, 5.1 of 12.
    uneven = {row.name: row.uneven for row in budget(team).rows}
    assert uneven == {"Ana Sousa": 0, "Bo Lund": 0, "Cy Young": -4, "Di Oduya": 0}
    page = coach_client.get(BUDGET).text
    assert "4 fewer than the others" in page
    assert ">−4<" in page


def test_the_sums_of_a_week_are_of_the_athletes_shown(coach_client, team):
    make_full_week(athlete=make_athlete(team=team, name="Ana Sousa"))
    juniors = make_athlete(team=team, name="Bo Lund")
    make_session(week=make_week(athlete=juniors, track_limit=1))
    group = make_group(juniors, team=team, name="Juniors")
    assert "<b>3 of 3</b>" in coach_client.get(BUDGET).text
    page = coach_client.get(BUDGET, {"group": group.pk}).text
    assert "Ana Sousa" not in page
    assert "<b>1 of 1</b>" in page
    assert "<b>3 of 3</b>" not in page
    # Who steps on keeps the group.
    assert f"/budget/{MONDAY + 4 * WEEK}/?group={group.pk}" in page


def test_days_on_which_somebody_cannot_train_stand_beside_the_name(coach_client, athlete):
    athlete.busy_days = "36"
    athlete.save()
    page = coach_client.get(BUDGET).text
    assert "not Wed, Sat" in page
    assert "Cannot train on Wednesday, Saturday" in page


def test_the_budget_is_a_table_that_can_be_heard(coach_client, athlete):
    page = coach_client.get(BUDGET).text
    assert page.count('scope="col"') == 14  # athlete, twelve weeks, total
    assert page.count('scope="row"') == 2  # Ana and the sums
    assert "<caption" in page
    assert 'role="region"' in page


def test_the_budget_goes_on_after_fifty_athletes(coach_client, team):
    for number in range(60):
        make_athlete(team=team, name=f"Runner {number:02}")
    first, second, beyond = (coach_client.get(BUDGET, {"page": n}).text for n in (1, 2, 9))
    assert "1–50 of 60" in first
    assert "These 50" in first
    assert "Runner 50" not in first
    assert "51–60 of 60" in second
    assert "Runner 59" in second
    assert "Back to the first" in beyond


def test_a_budget_of_nobody_says_what_to_do(coach_client, team):
    assert "Import your spreadsheet" in coach_client.get(BUDGET).text
    group = make_group(team=team, name="Juniors")
    assert "Nobody is in Juniors" in coach_client.get(BUDGET, {"group": group.pk}).text


def test_the_short_address_leads_to_the_twelve_weeks_from_now_on(coach_client, team):
    response = coach_client.get("/teams/harriers/budget/")
    monday = date.fromisoformat(response.headers["Location"].rstrip("/").rpartition("/")[2])
    assert monday.weekday() == 0


@pytest.mark.parametrize("monday", ["2000-01-03", "2099-12-28"])
def test_the_first_and_the_last_week_have_a_budget(coach_client, athlete, monday):
    assert coach_client.get(f"/teams/harriers/budget/{monday}/").status_code == 200


def test_the_budget_takes_as_many_queries_for_forty_athletes_as_for_one(
    coach_client, team, django_assert_num_queries
):
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            athlete = make_athlete(team=team, name=f"Runner {number}")
            athlete.pauses.create(starts_on="2026-12-09", ends_on="2026-12-10")
            make_full_week(athlete=athlete)
            make_full_week(athlete=athlete, starts_on=MONDAY + 4 * WEEK)

    fill(0, 1)
    coach_client.get(BUDGET)
    # Session, user, team, groups, athletes with their number, pauses, weeks, hard sessions.
    with django_assert_num_queries(8):
        coach_client.get(BUDGET)
    fill(1, 40)
    with django_assert_num_queries(8):
        coach_client.get(BUDGET)


def test_a_coach_of_another_team_sees_neither(client, other_coach, other_team, athlete):
    client.force_login(other_coach)
    for address in (BUDGET, "/teams/harriers/budget/", month_of(athlete)):
        assert client.get(address).status_code == 404


def test_an_athlete_sees_no_budget(athlete_client):
    assert athlete_client.get(BUDGET).status_code == 404
