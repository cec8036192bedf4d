"""Publishing: for one, a group or all, now or weeks ahead; what it changes, and what was sent."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from athletes.models import Athlete, monday_of
from tests.make import (
    EASY,
    MONDAY,
    TRACK,
    make_athlete,
    make_group,
    make_plan,
    make_race,
    make_session,
    make_team,
    make_week,
)
from workouts import planning
from workouts.models import Delivery, PublishedPlan, TrainingWeek
from workouts.models.plans import what_is_planned
from workouts.revisions import brief, changes

WEEK = timedelta(weeks=1)


def url(name: str, team: Any, starts_on: date = MONDAY) -> str:
    return reverse(name, args=[team.slug, starts_on])


def of_athlete(name: str, athlete: Any, starts_on: date = MONDAY, *more: int) -> str:
    return reverse(name, args=[athlete.pk, starts_on, *more])


# What changed, in words ---------------------------------------------------------------------------

WARM = "warm-up 1mi easy\n6 x 800 @ 5k, jog 200\ncool-down 1mi easy"
LADDER = "1600-1200-800-400 @ 5k..mile, jog 400"


def edited(week: TrainingWeek, **fields: Any) -> None:
    session = week.sessions.get()
    week.edit(session, **({"kind": session.kind} | fields))


CASES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {"notation": WARM.replace("6 x", "5 x")}, ["Thursday: 6 × 800 m became 5 × 800 m"]),
    (
        {},
        {"notation": WARM.replace("jog 200", "jog 400")},
        ["Thursday: 200 m jog between became 400 m jog between"],
    ),
    (
        {},
        {"notation": WARM.replace("@ 5k", "@ 10k")},
        [
            "Thursday: 6 × 800 m at 5K pace became 6 × 800 m at 10K pace",
            "Thursday: targets slower: 800 m 3:31 became 3:44",
        ],
    ),
    (
        {},
        {"notation": WARM.replace("1mi easy\n6", "2mi easy\n6")},
        ["Thursday: warm-up 1 mi easy became 2 mi easy"],
    ),
    (
        {"notation": "6 x 800 @ 5k, jog 200"},
        {"notation": "6 x 800 @ 5k, jog 200\ncool-down 1mi easy"},
        ["Thursday: cool-down added: 1 mi easy"],
    ),
    (
        {},
        {"notation": WARM.removesuffix("\ncool-down 1mi easy")},
        ["Thursday: cool-down taken out: 1 mi easy"],
    ),
    ({"title": "800s"}, {"title": "Yasso"}, ["Thursday: 800s is now called Yasso"]),
    (
        {"title": "800s"},
        {"title": "Ladder", "notation": LADDER},
        [
            "Thursday: 800s (6 × 800 m at 5K pace, 200 m jog between) became Ladder "
            "(1600–1200–800–400 m from 5K pace to mile pace, 400 m jog between)"
        ],
    ),
    (
        {},
        {"kind": "INTERVALS", "surface": "ROAD"},
        ["Thursday: now intervals on the road, was track"],
    ),
    ({}, {"starts_at": "18:30"}, ["Thursday: starts at 18:30"]),
    ({"starts_at": "18:00"}, {"starts_at": "18:30"}, ["Thursday: starts at 18:30, was 18:00"]),
    ({"starts_at": "18:00"}, {"starts_at": None}, ["Thursday: no fixed time, was 18:00"]),
    ({"place": "Park"}, {"place": "Track {1}"}, ["Thursday: at Track {1}, was Park"]),
    ({}, {"note": "Bring spikes"}, ["Thursday: the coach’s note says “Bring spikes”"]),
    ({"note": "Bring spikes"}, {"note": ""}, ["Thursday: the coach’s note is taken out"]),
    ({}, {"lap_m": 200}, ["Thursday: laps of 200 m, were 400 m"]),
]


@pytest.mark.parametrize(("before", "after", "words"), CASES)
def test_a_change_to_a_session_is_told_in_a_coachs_words(athlete, now, before, after, words):
    week = make_week(athlete=athlete)
    make_session(week=week, weekday=4, **({"notation": WARM} | before))
    was = TrainingWeek.objects.get(pk=week.pk).content(today=now.date())
    edited(week, **after)
    is_now = TrainingWeek.objects.get(pk=week.pk).content(today=now.date())
    assert [change.words for change in changes(was, is_now)] == words
    assert [change.words for change in changes(is_now, is_now)] == []


def content(week: TrainingWeek, on: date) -> dict[str, Any]:
    return TrainingWeek.objects.get(pk=week.pk).content(today=on)


def test_sessions_moved_added_and_removed_are_told_by_their_day(athlete, now):
    week = make_week(athlete=athlete)
    moved = make_session(week=week, weekday=2, title="400s")
    removed = week.schedule(weekday=5, **EASY)
    was = content(week, now.date())
    week.move(moved, weekday=3)
    removed.remove()
    week.schedule(weekday=3, **(EASY | {"title": "Shake-out"}))
    week.edit(moved, kind="TRACK", place="Mile End")
    week.write_note("An easy one")

    found = changes(was, content(week, now.date()))
    assert [(change.what, change.words) for change in found] == [
        ("week", "The word on the week says “An easy one”"),
        ("moved", "Tuesday 400s moved to Wednesday"),
        # Two sessions stand on that day, so it says which.
        ("place", "Wednesday 400s: at Mile End"),
        ("added", "Wednesday Shake-out added"),
        ("removed", "Friday Easy run removed"),
    ]
    assert (found[1].on, found[1].session_id) == (MONDAY + timedelta(2), moved.pk)


@pytest.mark.parametrize(
    ("time_s", "words"),
    [
        (1290, "Tuesday: targets faster: 800 m 3:31 became 3:26"),
        (1350, "Tuesday: targets slower: 800 m 3:31 became 3:36"),
        ("1320.1", "Tuesday: targets changed by less than a second"),
    ],
)
def test_new_paces_are_told_as_faster_or_slower_targets(athlete, now, time_s, words):
    week = make_week(athlete=athlete)
    make_session(week=week)
    was = content(week, now.date())
    athlete.races.update(time_s=time_s)
    assert [change.words for change in changes(was, content(week, now.date()))] == [words]


def test_an_easy_run_is_told_by_its_pace(athlete, now):
    week = make_week(athlete=athlete)
    week.schedule(weekday=3, **EASY)
    was = content(week, now.date())
    athlete.races.update(time_s=1290)
    (change,) = changes(was, content(week, now.date()))
    assert change.words == "Wednesday: targets faster: 8 km 5:26–6:06/km became 5:19–5:58/km"


def test_a_warm_up_whose_pace_is_new_is_told_where_nothing_else_is(athlete, now):
    week = make_week(athlete=athlete)
    make_session(week=week, notation="warm-up 1mi easy\n6 x 400 @ rpe 8, jog 200")
    was = content(week, now.date())
    athlete.races.update(time_s=1290)
    (change,) = changes(was, content(week, now.date()))
    words = "Tuesday: targets changed: 1 mi easy 5:26–6:06/km became 5:19–5:58/km"
    assert (change.what, change.words) == ("targets", words)


def test_new_targets_in_many_sessions_are_told_in_brief(athlete, now):
    week = make_week(athlete=athlete)
    make_session(week=week)
    for weekday in (3, 5):
        week.schedule(weekday=weekday, **EASY)
    was = content(week, now.date())
    athlete.races.update(time_s=1290)
    week.schedule(weekday=6, **EASY)
    found = changes(was, content(week, now.date()))
    assert [change.words for change in brief(found)] == [
        "Saturday Easy run added",
        "New targets in 3 sessions, such as Tuesday: targets faster: 800 m 3:31 became 3:26",
    ]
    assert brief(found[:2]) == found[:2]


def test_an_athlete_who_reads_miles_now_is_told_once(athlete, now):
    week = make_week(athlete=athlete)
    week.schedule(weekday=3, **EASY)
    make_session(week=week)
    was = content(week, now.date())
    type(athlete).objects.filter(pk=athlete.pk).update(units="MI")
    found = changes(was, content(week, now.date()))
    assert [change.words for change in found] == ["Paces in miles, not kilometres"]


def test_the_age_of_a_race_is_no_change(athlete, now):
    week = make_week(athlete=athlete)
    make_session(week=week)
    was, later = content(week, now.date()), content(week, now.date() + timedelta(28))
    assert was != later
    assert changes(was, later) == ()


def test_whatever_is_news_to_the_athlete_has_words(athlete, library, now):
    """The rule that makes a revision, and the words for it, agree on each workout there is."""
    from workouts.models import Workout

    week = make_week(athlete=athlete)
    session = week.schedule(weekday=3, **EASY)
    was = content(week, now.date())
    for workout in Workout.objects.order_by("pk"):
        week.edit(session, kind=workout.kind, title=workout.title, notation=workout.notation)
        is_now = content(week, now.date())
        is_news = what_is_planned(was) != what_is_planned(is_now)
        assert bool(changes(was, is_now)) is is_news is True, workout
        was = is_now


# Whom and how far ahead ---------------------------------------------------------------------------


@pytest.fixture
def squad(team, athlete) -> dict[str, Any]:
    """Ana changed since published, Bo a draft without a race, Cy as published, Di nothing."""
    now = timezone.now()
    make_plan(athlete=athlete, now=now - timedelta(hours=2))
    athlete.weeks.get().schedule(weekday=5, **EASY)
    bo, cy, di = (make_athlete(team=team, name=name) for name in ("Bo Lund", "Cy Wen", "Di Roy"))
    make_session(week=make_week(athlete=bo))
    make_race(athlete=cy)
    make_plan(athlete=cy, now=now - timedelta(hours=1))
    return {"ana": athlete, "bo": bo, "cy": cy, "di": di}


def test_the_look_before_says_who_gets_what_and_writes_nothing(coach_client, team, squad):
    before = list(TrainingWeek.objects.order_by("pk").values_list())
    response = coach_client.get(url("week_publish", team))
    shown = {
        state: [one.athlete.name for one in response.context[state]]
        for state in ("first", "same", "none")
    }
    shown["again"] = [one.athlete.name for one, _ in response.context["again"]]
    assert shown == {
        "again": ["Ana Sousa"],
        "first": ["Bo Lund"],
        "same": ["Cy Wen"],
        "none": ["Di Roy"],
    }
    assert "Friday Easy run added" in response.text
    assert "Publish 2 weeks" in response.text
    assert [one.name for one in response.context["unpaced"]] == ["Bo Lund"]
    assert PublishedPlan.objects.count() == 2
    assert list(TrainingWeek.objects.order_by("pk").values_list()) == before


def test_the_look_before_does_what_it_says(coach_client, team, squad):
    looked = coach_client.get(url("week_publish", team)).context
    response = coach_client.post(url("week_publish", team), follow=True)
    assert (
        "2 published, 1 unchanged since they were published, 1 without a session" in response.text
    )
    assert looked["count"] == 2
    again = coach_client.get(url("week_publish", team))
    assert "all that is planned is published as it stands" in again.text
    assert "btn-primary" not in again.text


def test_the_look_before_names_weeks_that_are_doubtful_until_a_coach_accepts_it(
    coach, coach_client, team, athlete
):
    week = make_week(athlete=athlete)
    for weekday in (2, 3):
        make_session(week=week, weekday=weekday)
    (doubtful,) = coach_client.get(url("week_publish", team)).context["doubtful"]
    assert doubtful.doubts
    for doubt in coach_client.get(of_athlete("athlete_week", athlete)).context["doubts"]:
        week.acceptances.create(key=doubt.doubt.key, reason="camp", by=coach, at=timezone.now())
    assert not coach_client.get(url("week_publish", team)).context["doubtful"]


def test_a_group_is_published_without_the_others(coach_client, team, squad):
    group = make_group(squad["bo"], squad["di"], team=team)
    where = f"{url('week_publish', team)}?group={group.pk}"
    assert "Ana Sousa" not in coach_client.get(where).text
    coach_client.post(where)
    assert squad["bo"].weeks.get().plans.count() == 1
    assert squad["ana"].weeks.get().plans.count() == 1


def test_one_athlete_is_published_from_the_page_of_the_week(coach_client, squad):
    page = coach_client.get(of_athlete("athlete_week", squad["ana"]))
    assert "Changed since revision 1 was published" in page.text
    assert "Friday Easy run added" in page.text
    assert "Publish revision 2" in page.text
    coach_client.post(of_athlete("athlete_publish", squad["ana"]))
    page = coach_client.get(of_athlete("athlete_week", squad["ana"]))
    assert "Changes are mailed" not in page.text  # nothing has been mailed yet
    assert "Published as it stands, revision 2" in page.text
    assert squad["bo"].weeks.get().plans.count() == 0


def test_the_coach_is_told_how_long_the_changes_of_a_mailed_week_settle(coach_client, athlete):
    this_week = monday_of(timezone.now().date())
    plan = make_plan(athlete=athlete, starts_on=this_week, now=timezone.now())
    Delivery.objects.update(state="SENT", sent_at=timezone.now(), sent_to=athlete.email)
    plan.week.schedule(weekday=5, **EASY)
    url = reverse("athlete_publish", args=[athlete.pk, this_week])
    page = coach_client.post(url, follow=True)
    assert "Changes are mailed 10 minutes after the last edit." in page.text


def test_a_change_that_was_taken_back_is_no_change(coach_client, athlete):
    plan = make_plan(athlete=athlete, now=timezone.now() - timedelta(hours=1))
    extra = plan.week.schedule(weekday=5, **EASY)
    extra.remove()
    page = coach_client.get(of_athlete("athlete_week", athlete))
    assert "Published as it stands, revision 1" in page.text


def test_this_week_and_the_next_two_are_published_in_one_go(coach_client, team, athlete):
    for ahead in range(4):
        make_session(week=make_week(athlete=athlete, starts_on=MONDAY + ahead * WEEK))
    looked = coach_client.get(url("week_publish", team), {"ahead": 2})
    assert [one.starts_on for one in looked.context["first"]] == [
        MONDAY + ahead * WEEK for ahead in range(3)
    ]
    coach_client.post(url("week_publish", team), {"ahead": 2})
    published = PublishedPlan.objects.order_by("week__starts_on").select_related("week", "delivery")
    assert [plan.week.starts_on for plan in published] == [
        MONDAY + ahead * WEEK for ahead in range(3)
    ]
    due = [plan.delivery.due_at for plan in published]
    assert [later - earlier for earlier, later in zip(due, due[1:], strict=False)] == [WEEK, WEEK]


@pytest.mark.parametrize("ahead", ["9", "-1", "soon", "1.5"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_more_weeks_than_eight_are_refused_with_the_limit(
    coach_client, team, squad, ahead, headers
):
    for ask in (coach_client.post, coach_client.get):
        response = ask(url("week_publish", team), {"ahead": ahead}, headers=headers)
        assert response.status_code == 422
        assert "at most eight more" in response.text
        assert response.get("HX-Retarget") == ("#adding" if headers else None)
    assert PublishedPlan.objects.count() == 2


def test_the_look_before_is_a_fragment_to_htmx_and_a_page_without(coach_client, team, squad):
    page = coach_client.get(url("week_publish", team))
    fragment = coach_client.get(url("week_publish", team), headers={"HX-Request": "true"})
    assert "<html" in page.text
    assert fragment.text.lstrip().startswith('<div id="adding"')
    assert "HX-Request" in page.headers["Vary"] and "HX-Request" in fragment.headers["Vary"]


# How far ahead the athlete sees -------------------------------------------------------------------


def this_monday() -> date:
    today = timezone.now().date()
    return today - timedelta(days=today.weekday())


@pytest.fixture
def five_weeks(athlete) -> list[PublishedPlan]:
    """This week and four more, all published; nothing is mailed yet."""
    return [
        make_plan(athlete=athlete, now=timezone.now(), starts_on=this_monday() + ahead * WEEK)
        for ahead in range(5)
    ]


def seen(client: Any, athlete: Any) -> list[bool]:
    pages = [
        client.get(of_athlete("athlete_week", athlete, this_monday() + ahead * WEEK)).text
        for ahead in range(5)
    ]
    assert all(("6 × 800 m" in page) is not ("Not released yet" in page) for page in pages)
    return ["6 × 800 m" in page for page in pages]


@pytest.mark.parametrize(
    ("release_weeks", "visible"), [("", 5), ("0", 1), ("1", 2), ("3", 4), ("8", 5)]
)
def test_an_athlete_sees_as_many_weeks_ahead_as_the_team_releases(
    coach_client, athlete_client, team, athlete, five_weeks, release_weeks, visible
):
    form = {"name": team.name, "lap_m": 400, "split_m": "", "release_weeks": release_weeks}
    coach_client.post(reverse("team_edit", args=[team.slug]), form)
    assert seen(athlete_client, athlete) == [True] * visible + [False] * (5 - visible)
    assert seen(coach_client, athlete) == [True] * 5


def test_a_session_of_a_week_that_is_held_back_cannot_be_opened_by_its_address(
    coach_client, athlete_client, team, athlete, five_weeks
):
    type(team).objects.filter(pk=team.pk).update(release_weeks=1)
    logs = [
        reverse("result_log", args=[plan.content["sessions"][0]["id"]]) for plan in five_weeks[:3]
    ]
    assert [athlete_client.get(log).status_code for log in logs] == [200, 200, 404]
    assert [coach_client.get(log).status_code for log in logs] == [200, 200, 200]


def test_a_week_that_was_mailed_is_held_back_no_more(athlete_client, team, athlete, five_weeks):
    type(team).objects.filter(pk=team.pk).update(release_weeks=0)
    Delivery.objects.filter(plan=five_weeks[1]).update(state="SENT", sent_at=timezone.now())
    assert seen(athlete_client, athlete) == [True, True, False, False, False]


def test_the_week_turns_at_the_athletes_own_midnight(athlete):
    athlete.team.release_weeks = 0
    make_plan(athlete=athlete, now=datetime(2026, 11, 25, tzinfo=UTC))
    sunday = datetime(2026, 11, 29, 20, tzinfo=UTC)
    for zone, is_released in (("Europe/London", False), ("Pacific/Auckland", True)):
        athlete.time_zone = zone
        plans = PublishedPlan.objects.released(athlete, today=athlete.today(sunday))
        assert plans.exists() is is_released, zone


def test_the_coach_reads_from_when_on_the_athlete_sees_a_week(coach_client, team, athlete):
    type(team).objects.filter(pk=team.pk).update(release_weeks=1)
    monday = this_monday() + 3 * WEEK
    make_plan(athlete=athlete, now=timezone.now(), starts_on=monday)
    page = coach_client.get(of_athlete("athlete_week", athlete, monday))
    opens_on = monday - WEEK
    assert f"sees this week from {opens_on:%A} {opens_on.day} {opens_on:%B} on" in page.text


# What was sent stays ------------------------------------------------------------------------------


@pytest.fixture
def revised(athlete, now) -> PublishedPlan:
    """Ana's week of which revision 1 was mailed, and a second one with five 800s."""
    first = make_plan(athlete=athlete, now=now)
    Delivery.objects.filter(plan=first).update(state="SENT", sent_at=now)
    session = first.week.sessions.get(weekday=2)
    first.week.edit(session, kind="TRACK", title="5 × 800 m", notation="5 x 800 @ 5k, jog 200")
    return first.week.publish(now=now + timedelta(hours=1))


def test_coach_and_athlete_read_what_changed_in_the_newest_revision(
    coach_client, athlete_client, athlete, revised
):
    for client in (coach_client, athlete_client):
        page = client.get(of_athlete("athlete_week", athlete)).text
        assert "What changed in revision 2" in page
        assert "Tuesday: 6 × 800 m became 5 × 800 m" in page


def test_an_earlier_revision_is_shown_as_it_was_sent(coach_client, athlete, revised):
    page = coach_client.get(of_athlete("week_revision", athlete, MONDAY, 1)).text
    assert "6 × 800 m" in page and "5 × 800 m" not in page
    assert "Its mail: sent" in page
    assert (
        "Tuesday: 6 × 800 m became 5 × 800 m"
        in coach_client.get(of_athlete("week_revision", athlete, MONDAY, 2)).text
    )
    linked = of_athlete("week_revision", athlete, MONDAY, 1)
    assert linked in coach_client.get(of_athlete("athlete_week", athlete)).text


@pytest.mark.parametrize("revision", [0, 3, 10**12])
def test_a_revision_that_was_never_published_is_not_there(coach_client, athlete, revised, revision):
    response = coach_client.get(of_athlete("week_revision", athlete, MONDAY, revision))
    assert response.status_code == 404


def test_an_athlete_reads_no_earlier_revision(athlete_client, athlete, revised):
    page = athlete_client.get(of_athlete("athlete_week", athlete))
    assert "/revisions/" not in page.text
    response = athlete_client.get(of_athlete("week_revision", athlete, MONDAY, 1))
    assert response.status_code == 404


# In bulk ------------------------------------------------------------------------------------------


def make_squad(slug: str, size: int) -> Any:
    team = make_team(slug=slug)
    for number in range(size):
        runner = make_athlete(team=team, name=f"Runner {number}")
        make_race(athlete=runner, time_s=1200 + number)
        make_session(week=make_week(athlete=runner))
    return team


def queries(work: Any, *args: Any, **more: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        work(*args, **more)
    return len(captured)


def test_looking_and_publishing_take_no_more_queries_for_more_athletes(db, now):
    counts = []
    for size in (2, 40):
        athletes = make_squad(f"t{size}", size).athletes.all()
        ways = {"starts_on": MONDAY, "now": now}
        later = {"starts_on": MONDAY, "now": now + timedelta(hours=1), "by": None}
        look = queries(planning.prospects, athletes, **ways)
        first = queries(planning.publish_weeks, athletes, **ways, by=None)
        same = queries(planning.publish_weeks, athletes, **later)
        for week in TrainingWeek.objects.filter(athlete__in=athletes):
            week.schedule(weekday=6, **EASY)
        again = queries(planning.publish_weeks, athletes, **later)
        counts.append((look, first, same, again))
    assert counts[0] == counts[1], counts


def test_the_page_of_the_look_takes_no_more_queries_for_more_athletes(coach, coach_client):
    counts = []
    for size in (2, 30):
        team = make_squad(f"t{size}", size)
        team.memberships.create(user=coach)
        counts.append(queries(coach_client.get, url("week_publish", team)))
    assert counts[0] == counts[1], counts


def test_weeks_published_together_are_as_each_would_be_alone(athlete, team, now):
    """Emptied with and without a mail before, changed, unchanged, new: one after the other."""
    outcomes = []
    for starts_on, together in ((MONDAY, True), (MONDAY + 4 * WEEK, False)):
        weeks = [make_week(athlete=athlete, starts_on=starts_on + n * WEEK) for n in range(5)]
        for week in weeks:
            make_session(week=week)
        for week in weeks[:4]:
            week.publish(now=now)
        Delivery.objects.filter(plan__week=weeks[1]).update(state="SENT", sent_at=now)
        Delivery.objects.filter(plan__week=weeks[2]).update(state="CLAIMED")
        for week in weeks[:2]:
            week.sessions.get().remove()
        weeks[2].schedule(weekday=5, **EASY)
        later = now + timedelta(hours=1)
        if together:
            rows = TrainingWeek.objects.filter(pk__in=[week.pk for week in weeks])
            PublishedPlan.objects.publish_all(rows, now=later, by=None)
        else:
            for week in weeks:
                week.publish(now=later)
        deliveries = Delivery.objects.filter(plan__week__in=weeks)
        rows = deliveries.order_by("plan__week__starts_on", "plan__revision")
        outcomes.append(
            list(rows.values_list("plan__revision", "state", "is_replaced", "last_error"))
        )
        TrainingWeek.objects.filter(pk__in=[week.pk for week in weeks]).delete()
    assert outcomes[0] == outcomes[1]
    assert [state for _, state, _, _ in outcomes[0]] == [
        *["SKIPPED", "SKIPPED"],  # emptied before it was mailed: nobody is told
        *["SENT", "DUE"],  # emptied after it was: the athlete is told
        *["CLAIMED", "DUE"],  # a worker holds the old one, which is marked
        "DUE",
        "DUE",
    ]
    assert outcomes[0][4][2] is True


def test_a_published_week_is_not_changed_since(athlete, now):
    plan = make_plan(athlete=athlete, now=now)
    other = make_plan(athlete=athlete, now=now + timedelta(hours=1), starts_on=MONDAY + WEEK)
    for week in (plan.week, other.week):
        session = week.sessions.get(weekday=3)
        week.move(session, weekday=4)
        week.move(session, weekday=3)
    done = planning.publish_weeks(
        [athlete], starts_on=MONDAY, ahead=1, now=now + timedelta(hours=2), by=None
    )
    assert (done.published, done.unchanged, done.empty) == (0, 2, 0)
    for kept in (plan, other):
        assert TrainingWeek.objects.get(pk=kept.week_id).changed_at == kept.published_at


def test_publishing_names_those_without_a_race_once(athlete, team, now):
    bo = make_athlete(team=team, name="Bo Lund")
    for ahead in range(2):
        make_session(week=make_week(athlete=bo, starts_on=MONDAY + ahead * WEEK), **TRACK)
    done = planning.publish_weeks(team.athletes.all(), starts_on=MONDAY, ahead=1, now=now, by=None)
    assert (done.published, done.empty, done.without_paces) == (2, 2, ("Bo Lund",))


def test_a_coach_reads_a_draft_as_the_athlete_would_get_it(coach_client, athlete, athlete_client):
    week = make_week(athlete=athlete)
    session = make_session(week=week)
    page = of_athlete("athlete_week", athlete)
    text = coach_client.get(page).text
    assert "A draft: Ana Sousa sees nothing of it yet." in text
    assert "3:31" in text
    assert reverse("session_detail", args=[session.pk]) in text
    assert "3:31" not in athlete_client.get(page).text


# Set back to what was sent ------------------------------------------------------------------------


def sent(plan: PublishedPlan, now: Any) -> None:
    to = plan.week.athlete.email
    Delivery.objects.filter(plan=plan).update(state="SENT", sent_at=now, sent_to=to)


def set_back(plan: PublishedPlan, now: Any, **second: Any) -> PublishedPlan:
    """Edit a week, publish it, with such a mail, and set it back to what `plan` says."""
    easy = plan.week.sessions.get(kind="EASY")
    plan.week.edit(easy, kind="EASY", title="Another")
    between = plan.week.publish(now=now - timedelta(hours=2))
    Delivery.objects.filter(plan=between).update(**(second or {"state": "SKIPPED"}))
    plan.week.edit(easy, kind="EASY", title="Easy run")
    return plan.week.publish(now=now)


def test_a_week_set_back_to_what_was_sent_is_not_mailed_again(coach_client, team, athlete):
    now = timezone.now()
    first = make_plan(athlete=athlete, now=now - timedelta(hours=3))
    sent(first, now)
    easy = first.week.sessions.get(kind="EASY")
    first.week.edit(easy, kind="EASY", title="Another")
    first.week.publish(now=now - timedelta(hours=2))
    first.week.edit(easy, kind="EASY", title="Easy run")

    page = coach_client.post(url("week_publish", team), follow=True)

    assert "0 published, 1 not mailed, as nothing changed since it was sent" in page.text
    states = Delivery.objects.order_by("plan__revision").values_list("state", flat=True)
    assert list(states) == ["SENT", "SKIPPED", "SKIPPED"]
    latest = first.week.plans.latest("revision")
    assert what_is_planned(latest.content) == what_is_planned(first.content)
    assert latest.delivery.last_error == "nothing changed since it was sent"
    again = coach_client.post(url("week_publish", team), follow=True)
    assert "1 unchanged since they were published" in again.text
    assert first.week.plans.count() == 3


def test_a_week_edited_and_edited_back_is_not_published_again(coach_client, team, athlete):
    first = make_plan(athlete=athlete, now=timezone.now() - timedelta(hours=3))
    easy = first.week.sessions.get(kind="EASY")
    for title in ("Another", "Easy run"):
        first.week.edit(easy, kind="EASY", title=title)

    page = coach_client.post(url("week_publish", team), follow=True)

    assert "1 unchanged since they were published" in page.text
    assert first.week.plans.get() == first


def test_a_session_taken_out_and_written_anew_is_not_mailed_again(athlete):
    now = timezone.now()
    first = make_plan(athlete=athlete, now=now - timedelta(hours=3))
    sent(first, now)
    first.week.sessions.get(kind="EASY").remove()
    first.week.schedule(weekday=3, **EASY)

    again = first.week.publish(now=now)

    # A revision all the same: the athlete logs the session that is there.
    assert (again.revision, again.delivery.state) == (2, "SKIPPED")


@pytest.mark.parametrize("state", ["SENT", "CLAIMED", "TRANSMITTING", "UNCLEAR"])
def test_a_week_set_back_is_mailed_where_another_mail_has_or_may_have_gone(athlete, state):
    now = timezone.now()
    first = make_plan(athlete=athlete, now=now - timedelta(hours=3))
    sent(first, now)
    went = {"sent_at": now, "sent_to": athlete.email} if state == "SENT" else {}
    assert set_back(first, now, state=state, **went).delivery.state == "DUE"


@pytest.mark.parametrize(
    ("state", "may_have_gone", "is_mailed"),
    [
        ("FAILED", False, "SKIPPED"),
        ("FAILED", True, "DUE"),  # unclear first, and refused at the second try
        ("SKIPPED", False, "SKIPPED"),
        ("SKIPPED", True, "DUE"),
    ],
)
def test_a_week_set_back_is_mailed_where_a_mail_that_failed_may_have_arrived_before(
    athlete, state, may_have_gone, is_mailed
):
    now = timezone.now()
    first = make_plan(athlete=athlete, now=now - timedelta(hours=3))
    sent(first, now)
    assert set_back(first, now, state=state, resent=may_have_gone).delivery.state == is_mailed


@pytest.mark.parametrize("state", ["FAILED", "UNCLEAR"])
def test_a_week_set_back_to_what_may_not_have_arrived_is_mailed(athlete, state):
    now = timezone.now()
    first = make_plan(athlete=athlete, now=now - timedelta(hours=3))
    Delivery.objects.filter(plan=first).update(state=state)
    assert set_back(first, now).delivery.state == "DUE"


def test_a_week_set_back_is_mailed_to_an_athlete_with_a_new_address(athlete):
    now = timezone.now()
    first = make_plan(athlete=athlete, now=now - timedelta(hours=3))
    sent(first, now)
    Athlete.objects.filter(pk=athlete.pk).update(email="ana.new@club.example")
    assert set_back(first, now).delivery.state == "DUE"


def test_a_week_emptied_is_told_where_a_mail_that_failed_may_have_arrived_before(athlete):
    now = timezone.now()
    first = make_plan(athlete=athlete, now=now - timedelta(hours=3))
    Delivery.objects.filter(plan=first).update(state="FAILED", resent=True)
    for session in first.week.sessions.all():
        session.remove()
    assert first.week.publish(now=now).delivery.state == "DUE"
