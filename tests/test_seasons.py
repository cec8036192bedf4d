"""Plans of several weeks: written, followed, joined late, left, edited while they run."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from athletes.models import Athlete, monday_of
from tests.make import MONDAY, make_athlete, make_group, make_race, make_user, make_week
from tests.test_access import dump
from workouts import season_edits, seasons, undoing
from workouts.models import (
    Action,
    Delivery,
    Enrolment,
    EnrolmentSession,
    Result,
    SeasonPlan,
    SeasonSession,
    SeasonWeek,
    SeasonWeekFull,
    Session,
    TrainingWeek,
    Workout,
)
from workouts.notation import parse_workout
from workouts.ready_plans import READY_PLANS

EASY = {"kind": "EASY", "surface": "", "title": "Easy run", "notation": "8km easy"}
LAPS = {"kind": "TRACK", "surface": "", "title": "6 × 800 m", "notation": "6 x 800 @ 5k, jog 200"}
RACE = {"kind": "RACE", "surface": "", "title": "5K race", "notation": "5km @ 5k", "priority": "A"}


@pytest.fixture
def plan(team) -> SeasonPlan:
    """Three weeks: two of track on Tuesday and easy on Wednesday, then a race on Sunday."""
    plan = SeasonPlan.objects.create(team=team, title="Three weeks")
    plan.set_weeks(3)
    first, second, last = plan.weeks.order_by("number")
    for week in (first, second):
        week.fill([LAPS | {"weekday": 2}, EASY | {"weekday": 3}], phase="BUILD", track_limit=2)
    last.fill([EASY | {"weekday": 5}, RACE | {"weekday": 7}], phase="RACE", track_limit=1)
    return plan


@pytest.fixture
def start(plan, coach, team, now):
    """Put athletes on the plan from `MONDAY` on."""

    def start(*athletes: Athlete, group=None, now=now, **more) -> seasons.Application:
        more = {"starts_on": MONDAY, "race_on": None, "by": coach, "team": team} | more
        return seasons.follow(plan, dict.fromkeys(athletes, group), now=now, **more)

    return start


def planned(athlete: Athlete) -> list[tuple[str, str]]:
    sessions = Session.objects.filter(week__athlete=athlete).select_related("week")
    return sorted((session.on.isoformat(), session.title) for session in sessions)


def edit_first_week(plan: SeasonPlan, number: int = 2, **fields) -> None:
    """Rewrite the track session of a week, as the form of the week does."""
    week = plan.weeks.get(number=number)
    rows = [
        {
            "pk": one.pk,
            "weekday": one.weekday,
            "kind": one.kind,
            "surface": one.surface,
            "title": one.title,
            "notation": one.notation,
            "priority": one.priority,
        }
        for one in week.sessions.order_by("weekday")
    ]
    rows[0] |= fields
    week.fill(rows, phase=week.phase, track_limit=week.track_limit)


# The ready plans


@pytest.mark.parametrize("slug", ["8-weeks-to-5k", "12-weeks-to-half"])
def test_a_ready_plan_leaves_nothing_to_doubt(library, slug):
    SeasonPlan.objects.load_ready_plans()
    plan = SeasonPlan.objects.get(slug=slug)
    weeks = seasons.weeks_of(plan)
    sessions = [session for week in weeks for session in week.sessions.all()]

    assert seasons.doubts_of_plan(weeks) == {}
    for session in sessions:
        parse_workout(session.notation)
    assert all(session.workout for session in sessions if session.kind != "RACE")
    assert max(sum(s.counts for s in week.sessions.all()) for week in weeks) == 2
    assert [week.phase for week in weeks][-2:] == ["TAPER", "RACE"]
    assert (sessions[-1].kind, sessions[-1].priority, sessions[-1].weekday) == ("RACE", "A", 7)
    assert len(weeks) == int(slug.partition("-")[0])


def test_a_planted_fault_in_a_plan_is_seen(plan):
    plan.weeks.get(number=1).fill(
        [LAPS | {"weekday": 2}, LAPS | {"weekday": 3}], phase="BASE", track_limit=2
    )

    (told,) = seasons.doubts_of_plan(seasons.weeks_of(plan))[1, 3]
    assert "are hard, on days in a row" in told


def test_loading_the_ready_plans_again_keeps_their_rows(library):
    SeasonPlan.objects.load_ready_plans()
    rows = set(SeasonSession.objects.values_list("pk", "title"))

    assert SeasonPlan.objects.load_ready_plans() == len(READY_PLANS)

    assert set(SeasonSession.objects.values_list("pk", "title")) == rows


# The template and its rule


def test_a_plan_holds_no_third_track_session_in_a_week(plan):
    week = plan.weeks.get(number=1)
    before = list(week.sessions.values_list("title", "weekday"))
    road = LAPS | {"kind": "TEMPO", "surface": "TRACK", "title": "Tempo laps"}

    with pytest.raises(SeasonWeekFull, match=r"Tuesday 6 × 800 m and .*Saturday Tempo laps"):
        week.fill(
            [LAPS | {"weekday": 2}, LAPS | {"weekday": 4}, road | {"weekday": 6}],
            phase="BUILD",
            track_limit=2,
        )
    with pytest.raises(SeasonWeekFull, match="may have one track session"):
        week.fill([LAPS | {"weekday": 2}, LAPS | {"weekday": 4}], phase="BUILD", track_limit=1)

    assert list(week.sessions.values_list("title", "weekday")) == before


def as_a_browser_sends(page) -> dict[str, str]:
    """Return what the form of a plan's week posts when nobody typed: lines end with CR LF."""
    forms = page.context["sessions"]
    data = {"phase": "BUILD", "track_limit": "2", "seen": page.context["form"]["seen"].value()}
    data |= {
        f"form-{name}": forms.management_form[name].value()
        for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    for form in forms:
        for field in form:
            if field.name != "DELETE":
                data[field.html_name] = "" if field.value() is None else str(field.value())
    return {name: str(value).replace("\n", "\r\n") for name, value in data.items()}


def test_a_week_that_is_saved_as_it_is_stays_so_and_another_workout_brings_its_reps(
    coach_client, plan, library
):
    week = plan.weeks.get(number=1)
    text = "warm-up 2km easy\n6 x 800 @ 5k, jog 200\ncool-down 2km easy"
    row = {"weekday": 2, "kind": "TRACK", "surface": "TRACK", "title": "Laps", "notation": text}
    week.fill([row], phase="BUILD", track_limit=2)
    url = reverse("season_week", args=["harriers", plan.pk, 1])
    was = week.version()
    form = as_a_browser_sends(coach_client.get(url))
    assert "\r\n" in form["form-0-notation"]
    assert coach_client.post(url, form).status_code == 302
    assert (week.version(), week.sessions.get().notation) == (was, text)

    pyramid = Workout.objects.get(slug="pyramid")
    coach_client.post(url, form | {"form-0-workout": str(pyramid.pk)})
    session = week.sessions.get()
    assert (session.title, session.notation) == ("Pyramid", pyramid.notation)


def test_the_week_of_a_plan_is_edited_in_a_form(coach_client, plan, library):
    week = plan.weeks.get(number=1)
    laps, easy = week.sessions.order_by("weekday")
    url = reverse("season_week", args=["harriers", plan.pk, 1])
    assert "6 x 800 @ 5k, jog 200" in coach_client.get(url).text

    form = {
        "phase": "PEAK",
        "track_limit": "2",
        "form-TOTAL_FORMS": "4",
        "form-INITIAL_FORMS": "2",
        "form-0-pk": laps.pk,
        "form-0-weekday": "2",
        "form-0-notation": "5 x 800 @ 5k, jog 200",
        "form-0-title": "5 × 800 m",
        "form-0-kind": "TRACK",
        "form-0-surface": "TRACK",
        "form-1-pk": easy.pk,
        "form-1-weekday": "3",
        "form-1-notation": "8km easy",
        "form-1-title": "Easy run",
        "form-1-kind": "EASY",
        "form-1-DELETE": "on",
        "form-2-weekday": "7",
        "form-2-workout": Workout.objects.get(slug="long").pk,
        "form-3-weekday": "",
    }
    assert coach_client.post(url, form).status_code == 302

    week.refresh_from_db()
    assert week.phase == "PEAK"
    assert list(week.sessions.order_by("weekday").values_list("pk", "title", "kind"))[0] == (
        laps.pk,
        "5 × 800 m",
        "TRACK",
    )
    assert [s.title for s in week.sessions.order_by("weekday")] == ["5 × 800 m", "Long run"]

    full = form | {
        "form-1-DELETE": "",
        "form-1-kind": "TRACK",
        "form-1-notation": "8 x 400 @ 5k, jog 200",
        "form-2-kind": "TRACK",
        "form-2-notation": "8 x 400 @ 5k, jog 200",
        "form-2-workout": "",
    }
    refused = coach_client.post(url, full)
    assert refused.status_code == 422
    assert "Week 1 may have two track sessions" in refused.text
    assert week.sessions.count() == 2


def test_what_cannot_be_read_in_a_plans_week_is_said_at_its_place(coach_client, plan):
    url = reverse("season_week", args=["harriers", plan.pk, 1])
    form = {
        "phase": "BASE",
        "track_limit": "2",
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-weekday": "2",
        "form-0-notation": "6 x 800 @ 5q",
    }
    for more, words in [
        ({}, "is no pace"),
        ({"form-0-notation": ""}, "Choose a workout of the library, or write one."),
        ({"form-0-notation": "8km easy"}, "Say what kind of session it is"),
        (
            {"form-0-notation": "8km easy", "form-0-kind": "EASY", "form-0-priority": "A"},
            "Only a race is A, B or C",
        ),
    ]:
        answer = coach_client.post(url, form | more)
        assert (answer.status_code, words in answer.text) == (422, True), words
    assert plan.weeks.get(number=1).sessions.count() == 2


def test_a_plan_is_written_copied_and_put_away(coach_client, team, library):
    SeasonPlan.objects.load_ready_plans()
    ready = SeasonPlan.objects.get(slug="8-weeks-to-5k")
    listed = coach_client.get(reverse("season_list", args=["harriers"])).text
    assert "8 weeks to a 5K" in listed and "12 weeks to a half marathon" in listed

    coach_client.post(reverse("season_copy", args=["harriers", ready.pk]))
    own = SeasonPlan.objects.get(team=team)
    assert own.title == "8 weeks to a 5K"
    assert [
        (week.number, week.phase, session.title)
        for week in seasons.weeks_of(own)
        for session in week.sessions.all()
    ] == [
        (week.number, week.phase, session.title)
        for week in seasons.weeks_of(ready)
        for session in week.sessions.all()
    ]

    edit = reverse("season_edit", args=["harriers", own.pk])
    refused = coach_client.post(edit, {"title": "Short", "number": "6"})
    assert "Take the sessions out of week 7, 8 first." in refused.text
    coach_client.post(edit, {"title": "Autumn race", "number": "9"})
    own.refresh_from_db()
    assert (own.title, own.weeks.count()) == ("Autumn race", 9)

    coach_client.post(reverse("season_archive", args=["harriers", own.pk]))
    coach_client.get(reverse("season_list", args=["harriers"]))  # which tells what was done
    assert "Autumn race" not in coach_client.get(reverse("season_list", args=["harriers"])).text
    common = reverse("season_edit", args=["harriers", ready.pk])
    assert coach_client.get(common).status_code == 404


# Following


def test_a_plan_is_looked_at_first_and_then_followed(coach_client, plan, athlete):
    start = monday_of(timezone.now().date()) + timedelta(weeks=1)
    url = reverse("season_follow", args=["harriers", plan.pk])
    form = {"whom": [f"athlete-{athlete.pk}"], "starts_on": start.isoformat()}

    looked = coach_client.post(url, form)
    assert "6 sessions for 1 athlete" in looked.text
    assert not Session.objects.exists() and not TrainingWeek.objects.exists()
    assert not Enrolment.objects.exists() and not Action.objects.exists()

    assert coach_client.post(url, form | {"follow": "1"}).status_code == 302
    assert [title for _, title in planned(athlete)] == [
        "6 × 800 m",
        "Easy run",
        "6 × 800 m",
        "Easy run",
        "Easy run",
        "5K race",
    ]
    phases = athlete.weeks.order_by("starts_on").values_list("phase", "track_limit")
    assert list(phases) == [("BUILD", 2), ("BUILD", 2), ("RACE", 1)]
    detail = coach_client.get(reverse("season_detail", args=["harriers", plan.pk]))
    assert athlete.name in detail.text

    again = coach_client.post(url, form | {"follow": "1"})
    assert again.status_code == 422
    assert "Follows this plan already" in again.text


def test_the_form_says_what_is_missing(coach_client, plan, athlete):
    url = reverse("season_follow", args=["harriers", plan.pk])
    whom = {"whom": [f"athlete-{athlete.pk}"]}
    both = {"starts_on": "2030-01-07", "race_on": "2030-03-03"}
    for form, words in [
        ({}, "Tick who is to follow the plan."),
        (whom, "Write the first Monday or the race day, one of the two."),
        (whom | both, "Write the first Monday or the race day, one of the two."),
        (whom | {"race_on": "2020-01-01"}, "That day is over"),
        (whom | {"starts_on": "30.11.2026"}, "Write the day as 2026-11-30."),
        (whom | {"starts_on": "9999-01-01"}, "Write a day from 2001 to 2098."),
    ]:
        answer = coach_client.post(url, form | {"follow": "1"})
        assert (answer.status_code, words in answer.text) == (422, True), words
    assert not Enrolment.objects.exists()


def test_a_week_without_sessions_gets_its_phase_too(start, athlete, plan):
    plan.weeks.get(number=2).fill([], phase="RECOVERY", track_limit=0)

    start(athlete)

    empty = athlete.weeks.get(starts_on=MONDAY + timedelta(weeks=1))
    assert (empty.phase, empty.track_limit, empty.plan_limit) == ("RECOVERY", 0, 0)


def test_two_plans_at_once_hold_the_rule_together(start, athlete, plan, team, coach, now):
    start(athlete)
    second = plan.copy_for(team)

    done = seasons.follow(
        second,
        {athlete: None},
        starts_on=MONDAY + timedelta(weeks=1),
        race_on=None,
        by=coach,
        team=team,
        now=now,
    )
    third = seasons.follow(
        second.copy_for(team),
        {athlete: None},
        starts_on=MONDAY + timedelta(weeks=1),
        race_on=None,
        by=coach,
        team=team,
        now=now,
    )

    assert (done.placed, done.refused) == (6, 0)
    assert [one.reasons for one in third.outcomes] == ["2 at the track limit"]
    assert not TrainingWeek.objects.over_limit().exists()


def test_a_third_track_session_is_left_out_and_listed(start, athlete):
    week = make_week(athlete=athlete)
    for weekday in (4, 6):
        week.schedule(weekday=weekday, **LAPS)

    done = start(athlete)

    (outcome,) = done.outcomes
    assert (outcome.placed, outcome.reasons) == (5, "1 at the track limit")
    assert "Ana Sousa may have two track sessions in the week of 30 November" in (
        outcome.refused[0].refusal
    )
    assert week.sessions.on_track().count() == 2
    assert week.sessions.filter(title="Easy run").count() == 1


def test_a_track_session_without_a_slot_can_be_run_on_the_road(start, athlete):
    athlete.track_limit = 0
    athlete.save()

    (outcome,) = start(athlete, on_road=True).outcomes

    assert (outcome.placed, outcome.on_road, outcome.refused) == (6, 2, ())
    twins = Session.objects.filter(kind="INTERVALS")
    assert [(twin.surface, twin.track_slot) for twin in twins] == [("ROAD", None)] * 2


def test_pauses_and_busy_days_leave_out_what_falls_into_them(start, athlete):
    athlete.busy_days = "3"
    athlete.save()
    athlete.pauses.create(reason="AWAY", starts_on=date(2026, 12, 8), ends_on=date(2026, 12, 8))

    (outcome,) = start(athlete).outcomes

    assert (outcome.placed, outcome.reasons) == (3, "1 while paused, 2 on a busy day")


def test_a_week_that_holds_more_than_the_plan_allows_keeps_its_limit(start, athlete):
    week = make_week(athlete=athlete, starts_on=MONDAY + timedelta(weeks=2))
    for weekday in (2, 4):
        week.schedule(weekday=weekday, **LAPS)

    (outcome,) = start(athlete).outcomes

    assert "already has Tuesday 6 × 800 m and Thursday 6 × 800 m" in outcome.kept_limits[0]
    week.refresh_from_db()
    assert (week.track_limit, week.phase) == (2, "RACE")


def test_backwards_from_a_race_the_first_weeks_are_cut(start, athlete):
    """The race is on a Saturday, so the race week's days move with it by one."""
    race_on = date(2026, 12, 12)
    starts_on = seasons.first_monday(3, race_on)
    assert starts_on == date(2026, 11, 23)
    after_it = datetime(2026, 11, 30, 9, tzinfo=UTC)

    done = start(athlete, starts_on=starts_on, race_on=race_on, now=after_it)

    assert [week.number for week in done.cut] == [1]
    assert planned(athlete) == [
        ("2026-12-01", "6 × 800 m"),
        ("2026-12-02", "Easy run"),
        ("2026-12-10", "Easy run"),
        ("2026-12-12", "5K race"),
    ]
    assert Session.objects.get(title="5K race").note == "A race: what the plan is for."


def test_what_finds_no_room_before_an_early_race_is_told(start, athlete):
    race_on = date(2026, 12, 15)  # a Tuesday: the easy Friday would be a Wednesday before it

    done = start(athlete, starts_on=seasons.first_monday(3, race_on), race_on=race_on)

    assert [session.title for session in done.dropped] == ["Easy run"]
    assert planned(athlete)[-1] == ("2026-12-15", "5K race")


def test_whoever_joins_late_gets_the_weeks_that_are_left(coach_client, start, plan, team, athlete):
    now = timezone.now()
    starts_on = monday_of(now.date()) - timedelta(weeks=1)
    group = make_group(athlete, team=team)
    start(athlete, group=group, starts_on=starts_on, now=now - timedelta(weeks=2))
    late = make_athlete(team=team, name="Dan Late")
    group.athletes.add(late)
    detail = reverse("season_detail", args=["harriers", plan.pk])
    assert "Dan Late is in Tuesday track and not on the plan" in coach_client.get(detail).text

    coach_client.post(
        reverse("season_follow", args=["harriers", plan.pk]),
        {
            "whom": f"athlete-{late.pk}",
            "group": group.pk,
            "starts_on": starts_on.isoformat(),
            "follow": "1",
        },
    )

    run = Enrolment.objects.get(athlete=late)
    assert (run.first_week, run.group, run.starts_on) == (2, group, starts_on)
    assert planned(late) == [
        (on, title) for on, title in planned(athlete) if on >= now.date().isoformat()
    ]
    assert "Dan Late has come" not in coach_client.get(detail).text


def test_whoever_left_the_group_is_marked(coach_client, start, plan, team, athlete):
    group = make_group(athlete, team=team)
    start(athlete, group=group, starts_on=monday_of(timezone.now().date()), now=timezone.now())
    group.athletes.clear()

    detail = coach_client.get(reverse("season_detail", args=["harriers", plan.pk]))

    assert "left the group" in detail.text


def test_two_athletes_start_the_same_plan_on_mondays_of_their_own(start, team, athlete):
    other = make_athlete(team=team, name="Bo")
    start(athlete)
    start(other, starts_on=MONDAY + timedelta(weeks=4))

    assert planned(athlete)[0][0] == "2026-12-01"
    assert planned(other)[0][0] == "2026-12-29"


# Taking back


def test_an_undo_takes_the_whole_plan_back(start, athlete, plan, team, coach, now):
    start(athlete)
    action = Action.objects.get(path="PLAN")

    undoing.undo(action, by=coach, now=now)

    assert not Session.objects.exists()
    assert not seasons.followers(plan, team, today=now.date()).exists()
    assert set(athlete.weeks.values_list("phase", "track_limit")) == {("", 2)}

    assert start(athlete).placed == 6


def test_a_leaver_keeps_what_is_past_mailed_or_logged(coach_client, start, athlete, coach, plan):
    now = timezone.now()
    this_week = monday_of(now.date())
    start(athlete, starts_on=this_week - timedelta(weeks=1), now=now - timedelta(weeks=2))
    past, current, coming = athlete.weeks.order_by("starts_on")
    own = coming.schedule(weekday=1, **EASY)
    run = Enrolment.objects.get()

    answer = coach_client.post(reverse("enrolment_leave", args=[run.pk]), follow=True)

    assert "2 sessions taken out" in answer.text
    assert (past.sessions.count(), current.sessions.count()) == (2, 2)
    assert list(coming.sessions.all()) == [own]
    coming.refresh_from_db()
    assert (coming.phase, coming.track_limit) == ("", 2)
    assert not Enrolment.objects.current().exists()

    undoing.undo(Action.objects.order_by("-pk")[0], by=coach, now=now)
    assert coming.sessions.count() == 3
    assert Enrolment.objects.current().get() == run


def test_who_takes_an_athlete_off_a_plan_that_was_left_already_is_told_so(
    coach_client, start, athlete
):
    start(athlete)
    url = reverse("enrolment_leave", args=[Enrolment.objects.get().pk])
    coach_client.post(url, follow=True)
    before = dump()
    answer = coach_client.post(url, follow=True)
    assert "Ana Sousa was off the plan already. Nothing was changed." in answer.text
    assert "taken out" not in answer.text
    assert dump() == before


def test_a_leaver_keeps_a_coming_week_that_was_mailed(start, athlete, coach, now):
    start(athlete)
    week = athlete.weeks.get(starts_on=MONDAY)
    Delivery.objects.filter(plan=week.publish(now=now)).update(state="SENT", sent_at=now)
    logged = Session.objects.get(title="5K race")
    Result.objects.log(logged, outcome="DONE", rpe=5, comment="", splits=[], by=coach, now=now)

    left = season_edits.leave(Enrolment.objects.get(), by=coach, now=now)

    assert left.removed == 3
    assert left.kept == (
        "6 × 800 m on 1 December: it was mailed",
        "Easy run on 2 December: it was mailed",
        "5K race on 20 December: a result is logged",
    )


# Edits of a plan that is followed


def words(changes: list[season_edits.Change]) -> list[str]:
    return [f"{c.athlete}, {c.on:%A %-d %B}: {c.kept or c.words}" for c in changes]


def test_an_edit_reaches_who_has_it_unchanged(coach_client, start, athlete, team, plan):
    now = timezone.now()
    bo = make_athlete(team=team, name="Bo")
    starts_on = monday_of(now.date()) + timedelta(weeks=1)
    start(athlete, bo, starts_on=starts_on, now=now)
    tuesday = starts_on + timedelta(days=8)
    changed = Session.objects.get(
        week__athlete=bo, week__starts_on=starts_on + timedelta(7), kind="TRACK"
    )
    changed.week.edit(changed, kind="TRACK", title="Bo's own", notation="3 x 800 @ 5k, jog 200")
    edit_first_week(plan, title="5 × 800 m", notation="5 x 800 @ 5k, jog 200")

    found = season_edits.pending(plan, team, now=now)
    assert words(found) == [
        f"Ana Sousa, {tuesday:%A %-d %B}: 6 × 800 m becomes 5 × 800 m",
        f"Bo, {tuesday:%A %-d %B}: edited by hand",
    ]
    url = reverse("season_changes", args=["harriers", plan.pk])
    page = coach_client.get(url).text
    assert "6 × 800 m becomes 5 × 800 m" in page and "edited by hand" in page
    assert coach_client.post(url).status_code == 302

    titles = Session.objects.filter(kind="TRACK").order_by("week__athlete__name", "week__starts_on")
    assert [s.title for s in titles] == ["6 × 800 m", "5 × 800 m", "6 × 800 m", "Bo's own"]
    assert [c.athlete for c in season_edits.pending(plan, team, now=now)] == ["Bo"]


def test_an_edit_leaves_weeks_alone_that_were_mailed_or_have_begun(start, athlete, team, plan, now):
    start(athlete)
    second = athlete.weeks.get(starts_on=MONDAY + timedelta(weeks=1))
    plan_row = second.publish(now=now)
    edit_first_week(plan, number=1, title="Shorter")
    edit_first_week(plan, number=2, title="Shorter")

    assert len(season_edits.pending(plan, team, now=now)) == 2
    begun = datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert [c.on for c in season_edits.pending(plan, team, now=begun)] == [date(2026, 12, 8)]
    for state, sent_at in (("SENT", now), ("TRANSMITTING", None), ("UNCLEAR", None)):
        Delivery.objects.filter(plan=plan_row).update(state=state, sent_at=sent_at)
        assert season_edits.pending(plan, team, now=begun) == []


def test_an_edit_adds_moves_and_takes_out(start, athlete, team, plan, coach, now):
    start(athlete)
    week = plan.weeks.get(number=2)
    laps, _ = week.sessions.order_by("weekday")
    strides = EASY | {"weekday": 6, "title": "Strides"}
    moved = LAPS | {"pk": laps.pk, "weekday": 4}
    week.fill([moved, strides], phase="PEAK", track_limit=1)

    assert words(season_edits.pending(plan, team, now=now)) == [
        "Ana Sousa, Monday 7 December: the week becomes peak",
        "Ana Sousa, Monday 7 December: the week may have one track session",
        "Ana Sousa, Tuesday 8 December: 6 × 800 m moves to Thursday 10 December",
        "Ana Sousa, Wednesday 9 December: Easy run is taken out",
        "Ana Sousa, Saturday 12 December: Strides is added",
    ]
    done = season_edits.bring(plan, team, by=coach, now=now)

    assert (done.made, done.refused) == (5, ())
    own = athlete.weeks.get(starts_on=date(2026, 12, 7))
    assert (own.phase, own.track_limit) == ("PEAK", 1)
    assert [(s.weekday, s.title) for s in own.sessions.order_by("weekday")] == [
        (4, "6 × 800 m"),
        (6, "Strides"),
    ]
    assert season_edits.pending(plan, team, now=now) == []


def test_an_edit_that_a_full_week_refuses_is_listed(start, athlete, team, plan, coach, now):
    start(athlete)
    second = athlete.weeks.get(starts_on=date(2026, 12, 7))
    second.schedule(weekday=4, **LAPS)
    week = plan.weeks.get(number=2)
    laps, easy = week.sessions.order_by("weekday")
    rows = [
        LAPS | {"pk": laps.pk, "weekday": 2, "title": "Fewer", "notation": "4 x 800 @ 5k, jog 200"},
        LAPS | {"pk": easy.pk, "weekday": 6, "title": "More laps"},
    ]
    week.fill(rows, phase="BUILD", track_limit=2)

    done = season_edits.bring(plan, team, by=coach, now=now)

    assert done.made == 1
    assert "may have two track sessions in the week of 7 December" in done.refused[0]
    assert sorted(s.title for s in second.sessions.all()) == ["6 × 800 m", "Easy run", "Fewer"]
    assert second.sessions.on_track().count() == 2


def test_what_a_coach_took_out_stays_out(start, athlete, team, plan, coach, now):
    start(athlete)
    taken = Session.objects.get(week__starts_on=date(2026, 12, 7), kind="TRACK")
    taken.remove()
    edit_first_week(plan, title="5 × 800 m")

    assert words(season_edits.pending(plan, team, now=now)) == [
        "Ana Sousa, Tuesday 8 December: 6 × 800 m was taken out by hand, and stays out"
    ]
    season_edits.bring(plan, team, by=coach, now=now)
    assert not Session.objects.filter(title="5 × 800 m").exists()


# Whole squads


def test_a_squad_gets_a_plan_in_few_queries(team, coach, library, django_assert_max_num_queries):
    SeasonPlan.objects.load_ready_plans()
    plan = SeasonPlan.objects.get(slug="8-weeks-to-5k")
    squad = [make_athlete(team=team, name=f"Runner {number:02}") for number in range(40)]
    for runner in squad:
        make_race(athlete=runner)
    begin = datetime(2026, 11, 25, 12, tzinfo=UTC)

    with django_assert_max_num_queries(190):
        done = seasons.follow(
            plan,
            dict.fromkeys(squad),
            starts_on=MONDAY,
            race_on=None,
            by=coach,
            team=team,
            now=begin,
        )

    assert (done.following, done.placed, done.refused) == (40, 40 * 43, 0)
    assert not TrainingWeek.objects.over_limit().exists()


def test_a_twin_on_the_road_stays_on_the_road_when_the_plan_is_edited(
    start, athlete, team, plan, coach, now
):
    athlete.track_limit = 0
    athlete.save()
    start(athlete, on_road=True)
    edit_first_week(plan, title="5 × 800 m", notation="5 x 800 @ 5k, jog 200")

    done = season_edits.bring(plan, team, by=coach, now=now)

    twin = Session.objects.get(title="5 × 800 m")
    assert (done.made, done.refused) == (1, ())
    assert (twin.kind, twin.surface, twin.notation) == (
        "INTERVALS",
        "ROAD",
        "5 x 800 @ 5k, jog 200",
    )


def test_the_plans_page_tells_of_edits_until_they_are_brought(
    coach_client, start, athlete, plan, coach, team
):
    now = timezone.now()
    start(athlete, starts_on=monday_of(now.date()), now=now)
    url = reverse("season_detail", args=["harriers", plan.pk])
    assert "This plan was edited" not in coach_client.get(url).text

    edit_first_week(plan, number=3, title="Easy, with strides")
    assert "1 change waits" in coach_client.get(url).text

    season_edits.bring(plan, team, by=coach, now=timezone.now())
    assert "This plan was edited" not in coach_client.get(url).text


def test_the_plans_page_asks_the_same_for_one_as_for_many(
    coach_client, start, team, athlete, django_assert_max_num_queries
):
    now = timezone.now()
    squad = [make_athlete(team=team, name=f"Runner {number:02}") for number in range(20)]
    group = make_group(athlete, *squad, team=team)
    start(athlete, *squad, group=group, starts_on=monday_of(now.date()), now=now)

    with django_assert_max_num_queries(20):
        page = coach_client.get(reverse("season_detail", args=["harriers", plan_of(team)]))

    assert "Runner 19" in page.text


def plan_of(team) -> int:
    return SeasonPlan.objects.get(team=team).pk


def test_an_empty_plan_and_a_doubled_title_are_answered_in_words(coach_client, team, athlete):
    add = reverse("season_add", args=["harriers"])
    assert coach_client.post(add, {"title": "Base", "number": "4"}).status_code == 302
    again = coach_client.post(add, {"title": "base", "number": "4"})
    assert "The team has a plan of that title already." in again.text
    too_long = coach_client.post(add, {"title": "Longer", "number": "31"})
    assert too_long.status_code == 422

    url = reverse("season_follow", args=["harriers", plan_of(team)])
    empty = coach_client.post(url, {"whom": "everyone", "starts_on": "2030-01-07", "follow": "1"})
    assert empty.status_code == 422
    assert "The plan has no session yet" in empty.text


def test_who_stopped_and_began_anew_is_not_on_the_plan_twice(start, athlete, plan, coach, now):
    start(athlete)
    run = plan.enrolments.get()
    season_edits.leave(run, by=coach, now=now)
    run.refresh_from_db()
    start(athlete)
    done = undoing.undo(run.left, by=coach, now=now)
    assert done.refused == ("Ana Sousa is on the plan again since.",)
    assert plan.enrolments.current().count() == 1


def test_a_plan_that_was_stopped_since_is_not_undone_under_it(start, athlete, plan, coach, now):
    start(athlete)
    run = plan.enrolments.get()
    season_edits.leave(run, by=coach, now=now)
    done = undoing.undo(run.joined, by=coach, now=now)
    assert done.refused == ("Ana Sousa was taken off the plan since.",)


def test_a_coachs_own_work_stays_when_an_athlete_stops(start, athlete, plan, coach, now):
    start(athlete)
    run = plan.enrolments.get()
    link = run.sessions.exclude(session=None).order_by("-session__week__starts_on").first()
    session = link.session
    session.week.edit(session, kind=session.kind, title="My own work", notation="9km easy")
    left = season_edits.leave(run, by=coach, now=now)
    assert Session.objects.filter(title="My own work").exists()
    assert any("edited by hand" in words for words in left.kept)


# Two coaches at one week of a plan


def typed(page, **changes) -> dict:
    """Return what a browser would send of the form of a plan's week."""
    form, sessions = page.context["form"], page.context["sessions"]
    fields = [form, sessions.management_form, *sessions.forms]
    data = {bound.html_name: bound.value() for one in fields for bound in one}
    return {k: "" if v is None else v for k, v in data.items() if v is not False} | changes


@pytest.fixture
def assistant_client(team):
    user = make_user(email="al@club.example", name="Al Assistant", password="on-the-track")
    team.memberships.create(user=user, role="ASSISTANT")
    client = Client()
    client.force_login(user)
    return client


def test_a_week_that_another_coach_changed_meanwhile_is_not_written_over(
    coach_client, assistant_client, plan
):
    week = plan.weeks.get(number=1)
    url = reverse("season_week", args=["harriers", plan.pk, 1])
    mine, theirs = coach_client.get(url), assistant_client.get(url)
    new = {"form-2-weekday": "6", "form-2-kind": "EASY", "form-2-notation": "5km easy"}
    assistant_client.post(url, typed(theirs, **new, **{"form-0-title": "Theirs"}))

    refused = coach_client.post(url, typed(mine, **{"form-1-title": "My own words"}))

    assert refused.status_code == 422
    assert "Al Assistant has changed week 1 since you opened it" in refused.text
    for now in ("Tuesday Theirs: 6 x 800", "Saturday 5 km easy: 5km easy"):
        assert now in refused.text
    assert "My own words" in refused.text
    titles = ["Theirs", "Easy run", "5 km easy"]
    assert [one.title for one in week.sessions.order_by("weekday")] == titles

    # Who has seen it may write it: what came meanwhile stands among the rows, and stays.
    assert coach_client.post(url, typed(refused)).status_code == 302
    titles = ["6 × 800 m", "My own words", "5 km easy"]
    assert [one.title for one in week.sessions.order_by("weekday")] == titles


def test_a_limit_or_phase_changed_meanwhile_counts_too_and_no_change_does_not(
    coach_client, assistant_client, plan
):
    url = reverse("season_week", args=["harriers", plan.pk, 1])
    mine, theirs = coach_client.get(url), assistant_client.get(url)
    assistant_client.post(url, typed(theirs))
    assert coach_client.post(url, typed(mine)).status_code == 302
    assistant_client.post(url, typed(theirs, phase="PEAK"))
    assert coach_client.post(url, typed(mine)).status_code == 422
    assert plan.weeks.get(number=1).phase == "PEAK"


def test_two_rows_of_one_session_are_refused(coach_client, plan):
    url = reverse("season_week", args=["harriers", plan.pk, 1])
    page = coach_client.get(url)
    twice = {"form-1-pk": page.context["sessions"].forms[0].initial["pk"]}
    refused = coach_client.post(url, typed(page, **twice))
    assert refused.status_code == 422
    assert "Two rows are one and the same session" in refused.text
    assert [one.title for one in plan.weeks.get(number=1).sessions.all()] == [
        "6 × 800 m",
        "Easy run",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_week_is_cut_off_while_it_is_written_and_nobody_waits_for_ever(plan):
    """Both lock the plan before its weeks: in two orders, one of them would be stopped."""
    barrier = Barrier(2, timeout=60)

    def work(cuts: bool) -> None:
        try:
            own = SeasonPlan.objects.get(pk=plan.pk)
            for _ in range(30):
                if cuts:
                    own.set_weeks(4)
                barrier.wait()
                week = own.weeks.get(number=4)
                barrier.wait()
                # The week may be gone before it is written.
                with suppress(SeasonWeek.DoesNotExist):
                    own.set_weeks(3) if cuts else week.fill([], phase="BASE", track_limit=1)
                barrier.wait()
        except Exception:
            barrier.abort()
            raise
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(work, cuts) for cuts in (True, False)]:
            one.result()
    assert plan.weeks.count() == 3


def test_a_week_that_was_cut_off_meanwhile_is_told(coach_client, plan, monkeypatch):
    plan.set_weeks(4)
    url = reverse("season_week", args=["harriers", plan.pk, 4])
    data = typed(coach_client.get(url))
    fill = SeasonWeek.fill

    def too_late(week, *args, **more):
        SeasonPlan.objects.get(pk=plan.pk).set_weeks(3)
        fill(week, *args, **more)

    monkeypatch.setattr(SeasonWeek, "fill", too_late)
    answer = coach_client.post(url, data, follow=True)
    assert "Week 4 is not in the plan any more: nothing was kept." in answer.text


# Races, groups and who is on a plan


def edit_week_of_race(plan, **fields):
    week = plan.weeks.get(number=3)
    easy, race = week.sessions.order_by("weekday")
    rows = [
        EASY | {"weekday": 5, "pk": easy.pk},
        RACE | {"weekday": 7, "pk": race.pk} | fields,
    ]
    week.fill(rows, phase=week.phase, track_limit=week.track_limit)


def test_a_races_new_priority_reaches_who_follows(start, athlete, plan, team, coach, now):
    start(athlete)
    edit_week_of_race(plan, priority="B")

    assert words(season_edits.pending(plan, team, now=now)) == [
        "Ana Sousa, Sunday 20 December: 5K race becomes a B race"
    ]
    season_edits.bring(plan, team, by=coach, now=now)

    race = Session.objects.get(title="5K race")
    assert race.note == "B race: race it, without resting much for it."
    assert season_edits.pending(plan, team, now=now) == []


def test_a_coachs_own_note_on_a_race_stays(start, athlete, plan, team, coach, now):
    start(athlete)
    race = Session.objects.get(title="5K race")
    race.week.edit(race, kind="RACE", note="Meet at nine")
    edit_week_of_race(plan, priority="C")
    season_edits.bring(plan, team, by=coach, now=now)
    race.refresh_from_db()
    assert race.note == "Meet at nine"


def test_a_newcomer_starts_with_the_group_though_the_plan_is_longer_by_now(
    coach_client, start, plan, team, athlete
):
    now = timezone.now()
    starts_on = monday_of(now.date())
    race_on = starts_on + timedelta(days=19)
    group = make_group(athlete, team=team)
    start(athlete, group=group, starts_on=starts_on, race_on=race_on, now=now)
    plan.set_weeks(5)
    late = make_athlete(team=team, name="Dan Late")
    group.athletes.add(late)
    page = coach_client.get(reverse("season_detail", args=["harriers", plan.pk])).text
    (form,) = re.findall(r'<form [^>]*newcomer">.*?</form>', page, re.DOTALL)
    data = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))

    looked = coach_client.post(reverse("season_follow", args=["harriers", plan.pk]), data)
    data = {bound.html_name: bound.value() or "" for bound in looked.context["form"]}
    coach_client.post(reverse("season_follow", args=["harriers", plan.pk]), data | {"follow": "1"})

    run = Enrolment.objects.get(athlete=late)
    assert (run.starts_on, run.race_on, run.group) == (starts_on, race_on, group)
    assert planned(late) == [one for one in planned(athlete) if one[0] >= str(now.date())]


def test_who_stopped_is_not_offered_as_a_newcomer(coach_client, start, plan, team, athlete, coach):
    now = timezone.now()
    other = make_athlete(team=team, name="Bo")
    group = make_group(athlete, other, team=team)
    start(athlete, other, group=group, starts_on=monday_of(now.date()), now=now)
    run = Enrolment.objects.get(athlete=other)
    season_edits.leave(run, by=coach, now=now)
    assert seasons.newcomers(plan, team, today=now.date()) == []

    run.refresh_from_db()
    undoing.undo(run.left, by=coach, now=now)
    assert seasons.newcomers(plan, team, today=now.date()) == []
    undoing.undo(run.joined, by=coach, now=now)  # and with it the run that could be joined
    assert seasons.newcomers(plan, team, today=now.date()) == []


def test_who_gets_nothing_of_a_plan_is_not_put_on_it(coach_client, plan, team, athlete):
    starts_on = monday_of(timezone.now().date()) + timedelta(weeks=1)
    away = make_athlete(team=team, name="Bo Away")
    away.pauses.create(reason="AWAY", starts_on=starts_on)
    form = {"whom": "everyone", "starts_on": starts_on.isoformat(), "follow": "1"}

    page = coach_client.post(reverse("season_follow", args=["harriers", plan.pk]), form)

    assert "Not on the plan, as none of its sessions can be planned." in page.text
    assert "6 while paused" in page.text
    assert [run.athlete for run in Enrolment.objects.all()] == [athlete]
    assert not away.weeks.exists()
    assert len(planned(athlete)) == 6
    assert Action.objects.get().label.endswith("for 1")


def test_a_run_that_is_over_counts_no_more(coach_client, start, plan, team, athlete):
    now = timezone.now()
    starts_on = monday_of(now.date()) - timedelta(weeks=3)
    start(athlete, starts_on=starts_on, now=now - timedelta(weeks=3, days=1))
    plan.touch()
    listed = reverse("season_list", args=["harriers"])
    assert coach_client.get(listed).context["plans"] == [(plan, 0)]
    detail = coach_client.get(reverse("season_detail", args=["harriers", plan.pk]))
    assert "Nobody follows it now" in detail.text
    assert not seasons.followers(plan, team, today=now.date()).exists()

    start(athlete, starts_on=starts_on + timedelta(weeks=3), now=now)
    assert coach_client.get(listed).context["plans"] == [(plan, 1)]
    yesterday = now.date() - timedelta(days=now.weekday() + 1)
    assert seasons.followers(plan, team, today=yesterday).count() == 2


# Leaving takes what the plan gave


def test_a_phase_that_was_the_coachs_own_stays_when_an_athlete_stops(start, athlete, coach, now):
    """Before the plan came: the plan's own phase in one week, another in the next."""
    for ahead, phase in enumerate(("BUILD", "RECOVERY")):
        make_week(athlete=athlete, starts_on=MONDAY + timedelta(weeks=ahead)).set_phase(phase)
    start(athlete)

    season_edits.leave(Enrolment.objects.get(), by=coach, now=now)

    phases = athlete.weeks.order_by("starts_on").values_list("phase", flat=True)
    assert list(phases) == ["BUILD", "RECOVERY", ""]


def test_a_phase_that_a_coach_set_and_an_edit_asks_for_stays_too(
    start, athlete, plan, team, coach, now
):
    start(athlete)
    athlete.weeks.get(starts_on=MONDAY).set_phase("PEAK")
    first, second = plan.weeks.filter(number__lt=3).order_by("number")
    for week in (first, second):
        rows = [{"pk": s.pk, **LAPS, "weekday": 2} for s in week.sessions.filter(weekday=2)]
        week.fill(rows, phase="PEAK", track_limit=2)
    season_edits.bring(plan, team, by=coach, now=now)

    season_edits.leave(Enrolment.objects.get(), by=coach, now=now)

    phases = athlete.weeks.order_by("starts_on").values_list("phase", flat=True)
    assert list(phases) == ["PEAK", "", ""]


@pytest.mark.parametrize("first_leaves", [True, False])
def test_of_two_plans_at_once_each_takes_its_own_phase_along(
    start, athlete, plan, team, coach, now, first_leaves
):
    start(athlete)
    second = plan.copy_for(team)
    week = second.weeks.get(number=1)
    week.fill([EASY | {"weekday": 6}], phase="PEAK", track_limit=2)
    seasons.follow(
        second,
        {athlete: None},
        starts_on=MONDAY,
        race_on=None,
        by=coach,
        team=team,
        now=now,
    )
    runs = list(Enrolment.objects.order_by("pk"))
    found = []
    for run in runs if first_leaves else reversed(runs):
        season_edits.leave(run, by=coach, now=now)
        phases = athlete.weeks.order_by("starts_on").values_list("phase", flat=True)
        found.append(list(phases))
    assert found == [["PEAK" if first_leaves else "BUILD", "BUILD", "RACE"], ["", "", ""]]


@pytest.fixture
def start_other(plan, coach, team, now):
    """Put athletes on a plan of three easy weeks beside the other, with one track session each."""
    other = SeasonPlan.objects.create(team=team, title="Easy weeks")
    other.set_weeks(3)
    for week in other.weeks.all():
        week.fill([EASY | {"weekday": 6}], phase="BASE", track_limit=1)

    def start_other(*athletes: Athlete) -> seasons.Application:
        more = {"starts_on": MONDAY, "race_on": None, "by": coach, "team": team, "now": now}
        return seasons.follow(other, dict.fromkeys(athletes), **more)

    return start_other


def test_an_edit_of_one_plan_keeps_the_lower_limit_of_another(
    start, start_other, athlete, plan, team, coach, now
):
    start(athlete)
    plan.weeks.get(number=2).fill([EASY | {"weekday": 3}], phase="BUILD", track_limit=0)
    season_edits.bring(plan, team, by=coach, now=now)
    start_other(athlete)

    plan.weeks.get(number=2).fill([EASY | {"weekday": 3}], phase="BUILD", track_limit=2)
    found = words(season_edits.pending(plan, team, now=now))
    season_edits.bring(plan, team, by=coach, now=now)

    assert "Ana Sousa, Monday 7 December: the week may have one track session" in found
    week = athlete.weeks.get(starts_on=MONDAY + timedelta(weeks=1))
    assert (week.plan_limit, week.track_limit) == (1, 1)


def test_a_limit_of_the_plan_that_changes_nothing_yet_holds_once_the_athlete_may_more(
    start, athlete, plan, team, coach, now
):
    Athlete.objects.filter(pk=athlete.pk).update(track_limit=1)
    start(athlete)
    laps, easy = plan.weeks.get(number=2).sessions.order_by("weekday")
    rows = [LAPS | {"weekday": 2, "pk": laps.pk}, EASY | {"weekday": 3, "pk": easy.pk}]
    plan.weeks.get(number=2).fill(rows, phase="BUILD", track_limit=1)

    assert words(season_edits.pending(plan, team, now=now)) == [
        "Ana Sousa, Monday 7 December: the plan allows one track session, the week keeps its limit"
    ]
    done = season_edits.bring(plan, team, by=coach, now=now)
    Athlete.objects.filter(pk=athlete.pk).update(track_limit=2)
    TrainingWeek.objects.follow_limit(athlete, starts_on=MONDAY, by=coach)

    assert (done.made, done.refused) == (1, ())
    assert list(athlete.weeks.order_by("pk").values_list("track_limit", flat=True)) == [2, 1, 1]


def test_a_limit_set_by_hand_stays_when_the_plan_allows_less(
    start, athlete, plan, team, coach, now
):
    athlete.track_limit = 1
    athlete.save()
    start(athlete)
    week = athlete.weeks.get(starts_on=MONDAY + timedelta(weeks=1))
    week.set_track_limit(2)
    week.schedule(weekday=4, **LAPS)
    laps, easy = plan.weeks.get(number=2).sessions.order_by("weekday")
    rows = [LAPS | {"weekday": 2, "pk": laps.pk}, EASY | {"weekday": 3, "pk": easy.pk}]
    plan.weeks.get(number=2).fill(rows, phase="BUILD", track_limit=1)

    done = season_edits.bring(plan, team, by=coach, now=now)

    week.refresh_from_db()
    assert (done.made, done.refused) == (1, ())
    assert (week.plan_limit, week.own_limit, week.track_limit) == (1, 2, 2)


# Several coaches at once


def meanwhile(table: str, do):
    """Do something once, just before that table is asked for the first time."""
    waiting = [do]

    def ask(execute, sql, params, many, context):
        if waiting and f'FROM "{table}"' in sql:
            waiting.pop()()
        return execute(sql, params, many, context)

    return connection.execute_wrapper(ask)


def test_two_coaches_do_not_put_an_athlete_on_a_plan_twice(start, athlete):
    """The second waits for the lock of the athlete, and then sees what the first has done."""
    with meanwhile("athletes_athlete", lambda: start(athlete)):
        done = start(athlete, starts_on=MONDAY + timedelta(weeks=1))

    why_not = [one.why_not for one in done.outcomes]
    assert (done.placed, why_not) == (0, ["follows this plan already, until 20 December"])


def test_who_comes_back_to_a_plan_while_its_edits_are_brought_waits_for_the_next_time(
    start, athlete, plan, team, coach, now, monkeypatch
):
    bo = make_athlete(team=team, name="Bo")
    start(athlete, bo)
    run = plan.enrolments.get(athlete=bo)
    season_edits.leave(run, by=coach, now=now)
    run.refresh_from_db()
    edit_first_week(plan, title="5 × 800 m", notation="5 x 800 @ 5k, jog 200")
    lock = season_edits._lock

    def lock_first(runs):
        lock(runs)
        undoing.undo(run.left, by=coach, now=now)

    monkeypatch.setattr(season_edits, "_lock", lock_first)
    done = season_edits.bring(plan, team, by=coach, now=now)

    assert done.made == 1
    assert words(season_edits.pending(plan, team, now=now)) == [
        "Bo, Tuesday 8 December: 6 × 800 m becomes 5 × 800 m"
    ]


def test_of_two_runs_through_a_plan_the_weeks_of_both_are_locked(start, athlete, plan, team, now):
    start(athlete)
    start(athlete, starts_on=MONDAY + timedelta(weeks=3))
    runs = list(seasons.followers(plan, team, today=now.date()))
    with CaptureQueriesContext(connection) as asked:
        season_edits._lock(runs)

    assert len(runs) == 2
    assert f"\"starts_on\" >= '{MONDAY}'" in asked[-1]["sql"]


def test_an_athlete_whom_two_coaches_take_off_a_plan_comes_back_whole(
    start, athlete, plan, coach, now
):
    start(athlete)
    before = planned(athlete)
    one, other = plan.enrolments.get(), plan.enrolments.get()
    season_edits.leave(one, by=coach, now=now)
    left = season_edits.leave(other, by=coach, now=now + timedelta(seconds=1))
    last = Action.objects.latest("pk")

    assert (left, last.path) == (None, "PLAN")
    assert undoing.undo(last, by=coach, now=now).refused == ()
    assert planned(athlete) == before
    assert plan.enrolments.current().count() == 1


# Taking back what was done to a plan


def test_the_undo_of_a_plan_stands_on_its_own_page_alone(
    coach_client, start, athlete, plan, team, coach, now
):
    other = plan.copy_for(team)
    SeasonPlan.objects.filter(pk=other.pk).update(title="Three weeks, and more")
    start(athlete, starts_on=monday_of(timezone.now().date()), now=timezone.now())

    def undo_on(one) -> Action | None:
        page = coach_client.get(reverse("season_detail", args=["harriers", one.pk]))
        return page.context["undo"]

    joined = Action.objects.get()
    assert (undo_on(plan), undo_on(other)) == (joined, None)
    SeasonPlan.objects.filter(pk=plan.pk).update(title="Renamed")
    SeasonPlan.objects.filter(pk=other.pk).update(title="Three weeks")
    assert (undo_on(plan), undo_on(other)) == (joined, None)
    edit_first_week(plan, number=3, title="With strides")
    season_edits.bring(plan, team, by=coach, now=timezone.now())
    assert (undo_on(plan), undo_on(other)) == (Action.objects.get(path="PLANEDIT"), None)
    season_edits.leave(plan.enrolments.get(), by=coach, now=timezone.now())
    assert (undo_on(plan), undo_on(other)) == (Action.objects.latest("pk"), None)


def links(plan) -> list[tuple]:
    found = EnrolmentSession.objects.filter(enrolment__plan=plan).order_by("session", "pk")
    return list(found.values_list("session", "season_session", "wanted", "on_road"))


def test_the_edits_of_a_plan_are_taken_back_with_the_links_to_it(
    start, athlete, plan, team, coach, now
):
    """One session is rewritten, one taken out, one added; the week gets a phase and a limit."""
    start(athlete)
    week = plan.weeks.get(number=2)
    laps = week.sessions.get(weekday=2)
    strides = EASY | {"weekday": 6, "title": "Strides"}
    week.fill([LAPS | {"pk": laps.pk, "weekday": 4}, strides], phase="PEAK", track_limit=1)
    before, linked = planned(athlete), links(plan)
    weeks = list(athlete.weeks.order_by("pk").values_list("phase", "track_limit", "plan_limit"))
    given = plan.enrolments.get().given
    todo = words(season_edits.pending(plan, team, now=now))
    later = now + timedelta(minutes=1)

    season_edits.bring(plan, team, by=coach, now=later)
    action = Action.objects.undoable(team=team, by=coach, now=later).first()
    done = undoing.undo(action, by=coach, now=later)

    assert (action.path, done.refused) == ("PLANEDIT", ())
    assert planned(athlete) == before
    assert [link[0] for link in links(plan)] == [link[0] for link in linked]
    assert [link[2:] for link in links(plan)] == [link[2:] for link in linked]
    assert weeks == list(
        athlete.weeks.order_by("pk").values_list("phase", "track_limit", "plan_limit")
    )
    run = plan.enrolments.get()
    assert (run.given, run.brought_at) == (given, now)
    assert words(season_edits.pending(plan, team, now=now)) == todo
    season_edits.bring(plan, team, by=coach, now=later)
    assert season_edits.pending(plan, team, now=now) == []


def test_an_edit_that_was_changed_by_hand_since_keeps_its_link(
    start, athlete, plan, team, coach, now
):
    start(athlete)
    edit_first_week(plan, title="5 × 800 m")
    edit_first_week(plan, number=1, title="4 × 800 m")
    season_edits.bring(plan, team, by=coach, now=now)
    changed = Session.objects.get(title="5 × 800 m")
    changed.week.edit(changed, kind="TRACK", note="Bring spikes")

    done = undoing.undo(Action.objects.get(path="PLANEDIT"), by=coach, now=now)

    assert done.refused == ("Ana Sousa, 5 × 800 m: changed since.",)
    asked = {link[2]["title"] for link in links(plan) if link[0] == changed.pk}
    assert asked == {"5 × 800 m"}
    assert Session.objects.filter(title="6 × 800 m").count() == 1


def cost_of_bringing(number, *, plan, team, coach, now, start) -> tuple[int, int]:
    """Return the queries of bringing every sort of edit to that many, and of taking it back."""
    start(*[make_athlete(team=team, name=f"Of {number}: {n}") for n in range(number)])
    first, second = plan.weeks.filter(number__lt=3).order_by("number")
    laps = first.sessions.get(weekday=2)
    rows = [{**LAPS, "pk": laps.pk, "weekday": 4}, EASY | {"weekday": 6, "title": "Strides"}]
    first.fill(rows, phase="PEAK", track_limit=1)
    edit_first_week(plan, title="5 × 800 m")
    with CaptureQueriesContext(connection) as brought:
        done = season_edits.bring(plan, team, by=coach, now=now)
    assert (done.made, done.refused) == (6 * number, ())
    with CaptureQueriesContext(connection) as undone:
        assert undoing.undo(Action.objects.latest("pk"), by=coach, now=now).refused == ()
    return len(brought), len(undone)


def test_edits_of_a_plan_cost_the_same_for_few_as_for_many(plan, team, coach, now, start):
    costs = []
    for number in (3, 12):
        with transaction.atomic():
            more = {"plan": plan, "team": team, "coach": coach, "now": now, "start": start}
            costs.append(cost_of_bringing(number, **more))
            transaction.set_rollback(True)
    assert costs[0] == costs[1]


def test_a_plan_is_taken_back_from_many_in_as_few_queries_as_from_few(
    plan, team, coach, now, start
):
    costs = []
    for number in (2, 6):  # so few that their history goes into one INSERT on SQLite too
        start(*[make_athlete(team=team, name=f"Of {number}: {n}") for n in range(number)])
        with CaptureQueriesContext(connection) as asked:
            assert undoing.undo(Action.objects.latest("pk"), by=coach, now=now).refused == ()
        costs.append(len(asked))
        assert not Session.objects.exists()
    assert costs[0] == costs[1]
