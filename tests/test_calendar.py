"""The calendar of an athlete: what an app fetches by a secret address, and whose that is."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from icalendar import Calendar, Event

from athletes.models import Athlete, User
from tests.make import EASY, MONDAY, TRACK, make_athlete, make_plan, make_race, make_team, make_week
from tests.test_access import dump
from tests.world import tokens_of
from workouts.calendars import calendar_address
from workouts.mail_links import LinkAltered, calendar_token, read_calendar
from workouts.models import Delivery, TrainingWeek

pytestmark = pytest.mark.django_db

WEEK = timedelta(weeks=1)
THIS_MONDAY = MONDAY - WEEK  # of `now`, a Wednesday
REST = {"kind": "REST", "title": "Rest", "notation": "rest"}


@pytest.fixture
def app() -> Client:
    """A calendar app: it cannot log in."""
    return Client()


@pytest.fixture
def week(athlete) -> TrainingWeek:
    """A track session at Tuesday 18:30, an easy run on Friday; not published yet."""
    week = make_week(athlete=athlete)
    week.schedule(
        weekday=2, starts_at="18:30", place="Mile End, gate 2", note="Stay relaxed.", **TRACK
    )
    week.schedule(weekday=5, **EASY)
    return week


def address(athlete: Athlete) -> str:
    token = calendar_token(athlete_id=athlete.pk, key=athlete.calendar_key)
    return reverse("calendar_feed", args=[token])


def fetched(athlete: Athlete) -> Calendar:
    return Calendar.from_ical(Client().get(address(athlete)).content)


def events(athlete: Athlete) -> list[Event]:
    return list(fetched(athlete).events)


def shown(athlete: Athlete) -> list[tuple[str, str]]:
    """Return title and day of each event, as they stand in the calendar."""
    return [(str(one["summary"]), f"{one.start:%a %-d %b}") for one in events(athlete)]


# What it says -------------------------------------------------------------------------------------


def test_each_session_of_the_published_plan_is_an_event(athlete, week, now):
    plan = week.publish(now=now)
    track, easy = week.sessions.order_by("weekday")
    found = {str(one["uid"]): one for one in events(athlete)}
    assert list(found) == [f"session-{one.pk}@coachsite.example" for one in (track, easy)]
    for planned, one in zip(plan.content["sessions"], found.values(), strict=True):
        assert one["summary"] == planned["title"]
        assert one.get("location", "") == planned["place"]
        assert f"{one.start:%Y-%m-%d}" == planned["on"]
        assert one["status"] == "CONFIRMED"
        assert one.DTSTAMP == one.LAST_MODIFIED == now
        for block in planned["blocks"]:
            assert block["prose"] in one["description"]


def test_the_calendar_has_a_name_and_says_when_to_come_back(athlete, week, now):
    week.publish(now=now)
    calendar = fetched(athlete)
    assert calendar["name"] == calendar["x-wr-calname"] == "Harriers: training of Ana Sousa"
    assert calendar["version"] == "2.0" and "Coachsite" in calendar["prodid"]
    text = calendar.to_ical().decode()
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT4H\r\n" in text
    assert "X-PUBLISHED-TTL:PT4H\r\n" in text
    # With a method each event would have to name an organizer.
    assert "METHOD" not in text


def test_a_session_is_told_as_in_the_mail_with_own_seconds_per_rep_and_lap(
    athlete, week, now, settings
):
    settings.SITE_URL = "https://coachsite.example"
    week.publish(now=now)
    track, easy = events(athlete)
    # 22:00 for 5K is 4:24.0 a km: 800 m in 3:31.2, a lap in 1:45.6.
    assert str(track["description"]).split("\n\n") == [
        "track · 18:30 · Mile End, gate 2",
        "6 × 800 m at 5K pace (3:31 each, 1:46 a lap), 200 m jog between",
        "1–6: 800 m, 3:31, 1:46 a lap, then 200 m jog",
        "Coach: Stay relaxed.",
        f"See and log it: https://coachsite.example/athletes/{athlete.pk}/weeks/2026-11-30/",
    ]
    assert "8 km" in easy["description"] and "Coach:" not in easy["description"]


def test_the_splits_that_a_coach_wants_told_stand_with_the_first_rep(athlete, team, week, now):
    type(team).objects.update(split_m=200)
    TrainingWeek.objects.get().publish(now=now)
    track, _ = events(athlete)
    told = "1–6: 800 m, 3:31 (200 0:53, 400 1:46, 600 2:38), 1:46 a lap, then 200 m jog"
    assert told in track["description"]


def test_who_has_no_race_yet_is_told_the_effort(team, now):
    newcomer = make_athlete(team=team, name="Cy Wen")
    make_plan(athlete=newcomer, now=now)
    track, _ = events(newcomer)
    assert "1–6: 800 m, 5K pace, then 200 m jog" in track["description"]


def test_a_rest_day_is_no_event(athlete, week, now):
    week.schedule(weekday=1, **REST)
    week.publish(now=now)
    assert shown(athlete) == [("6 × 800 m", "Tue 1 Dec"), ("Easy run", "Fri 4 Dec")]


def test_a_calendar_without_a_plan_is_empty(athlete):
    assert events(athlete) == []
    assert fetched(athlete)["x-wr-calname"]


# When ---------------------------------------------------------------------------------------------


def test_a_session_without_a_time_takes_the_day_and_keeps_it_free(athlete, week, now):
    week.publish(now=now)
    easy = events(athlete)[1]
    text = easy.to_ical().decode()
    assert "DTSTART;VALUE=DATE:20261204\r\n" in text
    assert "DTEND;VALUE=DATE:20261205\r\n" in text
    assert "TRANSP:TRANSPARENT\r\n" in text


@pytest.mark.parametrize(
    ("zone", "on", "at", "starts"),
    [
        ("Europe/London", "2026-10-24", "18:30", "20261024T173000Z"),
        ("Europe/London", "2026-10-25", "00:30", "20261024T233000Z"),
        ("Europe/London", "2026-10-25", "01:30", "20261025T003000Z"),  # twice: the first time
        ("Europe/London", "2026-10-25", "18:30", "20261025T183000Z"),
        ("Europe/London", "2027-03-28", "01:30", "20270328T013000Z"),  # skipped: an hour later
        ("Europe/London", "2027-03-28", "09:00", "20270328T080000Z"),
        ("America/New_York", "2026-10-31", "06:00", "20261031T100000Z"),
        ("America/New_York", "2026-11-01", "06:00", "20261101T110000Z"),
        ("Pacific/Auckland", "2026-11-30", "06:00", "20261129T170000Z"),
        ("Asia/Kolkata", "2026-12-01", "18:30", "20261201T130000Z"),
    ],
)
def test_a_session_stands_at_the_athletes_own_hour_whatever_the_clocks_do(
    athlete, now, zone, on, at, starts
):
    Athlete.objects.update(time_zone=zone)
    day = date.fromisoformat(on)
    athlete.refresh_from_db()
    week = make_week(athlete=athlete, starts_on=day - timedelta(days=day.weekday()))
    week.schedule(weekday=day.isoweekday(), starts_at=at, **TRACK)
    week.publish(now=now)
    (event,) = events(athlete)
    text = event.to_ical().decode()
    assert f"DTSTART:{starts}\r\n" in text
    assert "DURATION:PT1H\r\n" in text
    assert "TRANSP:OPAQUE\r\n" in text


@pytest.mark.parametrize(
    ("notation", "minutes"),
    [
        ("6 x 800 @ 5k, jog 200", 60),  # the jogs have no time
        ("warm-up 1mi\n6 x 800 @ 5k, jog 200\ncool-down 1mi", 60),
        ("45min easy", 45),
        ("90min easy", 90),
        ("8km easy", 50),  # at 6:06 a km, the slow end of easy, in 48:49
        ("26km easy", 160),  # 2:38:39
        ("8 x 3min @ 5k, jog 2min", 40),  # 38 minutes: no recovery after the last
        ("warm-up 1mi\n3 x 25min @ threshold, jog 3min", 85),  # 81 minutes, and a warm-up
        ("10 x 200 @ max, walk 200", 60),
    ],
)
def test_a_session_lasts_as_long_as_its_plan_times_it_else_an_hour(athlete, now, notation, minutes):
    week = make_week(athlete=athlete)
    week.schedule(weekday=2, kind="EASY", title="Run", starts_at="18:30", notation=notation)
    week.publish(now=now)
    (event,) = events(athlete)
    assert event.duration == timedelta(minutes=minutes)


# What of the plans --------------------------------------------------------------------------------


def test_a_draft_is_not_in_it_and_neither_is_an_edit_that_is_not_published(athlete, week, now):
    assert events(athlete) == []
    week.publish(now=now)
    week.edit(week.sessions.get(weekday=5), kind="EASY", title="Secret jog")
    week.schedule(weekday=6, **(EASY | {"title": "Secret run"}))
    assert shown(athlete) == [("6 × 800 m", "Tue 1 Dec"), ("Easy run", "Fri 4 Dec")]


def test_a_week_that_was_emptied_and_published_leaves_the_calendar(athlete, week, now):
    week.publish(now=now)
    for session in week.sessions.all():
        session.remove()
    assert len(events(athlete)) == 2
    week.publish(now=now + timedelta(hours=1))
    assert events(athlete) == []


def test_eight_weeks_back_and_all_weeks_ahead_are_in_it(athlete, now):
    for weeks in (-9, -8, -1, 0, 1, 30):
        week = make_week(athlete=athlete, starts_on=THIS_MONDAY + weeks * WEEK)
        week.schedule(weekday=1, **(EASY | {"title": f"Run {weeks}"}))
        week.publish(now=now)
    titles = [title for title, _ in shown(athlete)]
    assert titles == ["Run -8", "Run -1", "Run 0", "Run 1", "Run 30"]


def test_a_week_that_the_team_holds_back_comes_when_the_athletes_page_shows_it(
    athlete, team, week, now
):
    plan = week.publish(now=now)
    type(team).objects.update(release_weeks=0)
    assert events(athlete) == []
    Delivery.objects.filter(plan=plan).update(state="SENT", sent_at=now)
    assert len(events(athlete)) == 2


def test_the_calendar_turns_to_a_held_back_week_at_the_athletes_own_midnight(
    athlete, team, week, now, monkeypatch
):
    week.publish(now=now)
    type(team).objects.update(release_weeks=0)
    sunday = datetime(2026, 11, 29, 20, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: sunday)
    assert events(athlete) == []
    Athlete.objects.update(time_zone="Pacific/Auckland")
    assert len(events(athlete)) == 2


# What changes -------------------------------------------------------------------------------------


def test_a_session_that_is_moved_moves_in_the_calendar(athlete, week, now):
    week.publish(now=now)
    (before, _) = events(athlete)
    week.move(week.sessions.get(weekday=2), weekday=3)
    assert events(athlete)[0].start == before.start
    week.publish(now=now + timedelta(minutes=1))
    (after, _) = events(athlete)
    assert after["uid"] == before["uid"]
    assert after.start == before.start + timedelta(days=1)
    assert after["sequence"] > before["sequence"]
    assert after.LAST_MODIFIED > before.LAST_MODIFIED


def test_a_session_that_is_edited_stays_one_event(athlete, week, now):
    week.publish(now=now)
    (before, _) = events(athlete)
    week.edit(week.sessions.get(weekday=2), kind="TRACK", title="5 × 800 m", starts_at="19:00")
    week.publish(now=now + timedelta(minutes=1))
    (after, _) = events(athlete)
    assert (after["uid"], after["summary"]) == (before["uid"], "5 × 800 m")
    assert after["sequence"] > before["sequence"]


def test_a_session_that_is_moved_to_another_week_stands_once_in_it(athlete, week, now):
    """Its new week is published first, then the one that it left; and then it goes back."""
    later = make_week(athlete=athlete, starts_on=MONDAY + WEEK)
    session = week.sessions.get(weekday=2)
    week.publish(now=now)
    sequences = [events(athlete)[0]["sequence"]]
    later.move(session, weekday=2)
    later.publish(now=now + timedelta(minutes=1))
    assert shown(athlete) == [("Easy run", "Fri 4 Dec"), ("6 × 800 m", "Tue 8 Dec")]
    sequences.append(events(athlete)[1]["sequence"])
    week.publish(now=now + timedelta(minutes=2))
    assert shown(athlete) == [("Easy run", "Fri 4 Dec"), ("6 × 800 m", "Tue 8 Dec")]
    session.refresh_from_db()
    week.move(session, weekday=4)
    week.publish(now=now + timedelta(minutes=3))
    assert shown(athlete) == [("6 × 800 m", "Thu 3 Dec"), ("Easy run", "Fri 4 Dec")]
    sequences.append(events(athlete)[0]["sequence"])
    assert sequences == sorted(set(sequences))


def test_a_session_that_became_a_rest_day_in_another_week_is_gone(athlete, week, now):
    later = make_week(athlete=athlete, starts_on=MONDAY + WEEK)
    session = week.sessions.get(weekday=2)
    week.publish(now=now)
    later.move(session, weekday=2)
    session.refresh_from_db()
    later.edit(session, **REST)
    later.publish(now=now + timedelta(minutes=1))
    assert shown(athlete) == [("Easy run", "Fri 4 Dec")]


# What people write --------------------------------------------------------------------------------

SMUGGLED = "Laps\r\nATTACH:http://evil.example/x\nEND:VEVENT\rBEGIN:VEVENT\x0b\x0c\x85\u2028X:1"
WRITTEN = [
    'One; two, three\\n \\, “quoted”: "so"\nnew line\n\nparagraph',
    "🏃🏽‍♀️ " * 200,
    "a" * 1000,
    "é" * 1000,
    '\'"><b onload="x">{{7*7}}</script>&lt;&amp;',
    "tab\there, trailing space ",
]


def test_a_line_break_smuggles_nothing_into_the_calendar(athlete, week, now, app):
    week.edit(
        week.sessions.get(weekday=2), kind="TRACK", title=SMUGGLED, place=SMUGGLED, note=SMUGGLED
    )
    type(athlete.team).objects.update(name=SMUGGLED)
    Athlete.objects.update(name=SMUGGLED)
    week.publish(now=now)
    body = app.get(address(athlete)).content.decode()
    lines = body.replace("\r\n ", "").split("\r\n")
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 2
    assert not [line for line in lines if line.startswith(("ATTACH", "X:"))]
    # Some apps take each of these for the end of a line.
    assert lines == body.replace("\r\n ", "").removesuffix("\r\n").splitlines() + [""]
    one_line = "Laps ATTACH:http://evil.example/x END:VEVENT BEGIN:VEVENT X:1"
    track = events(athlete)[0]
    assert track["summary"] == track["location"] == one_line
    assert not set(track) & {"ATTACH", "X"}


@pytest.mark.parametrize("note", WRITTEN)
def test_what_a_coach_writes_is_read_as_it_was_written(athlete, week, now, app, note):
    week.edit(week.sessions.get(weekday=2), kind="TRACK", note=note)
    week.publish(now=now)
    body = app.get(address(athlete)).content
    (track, _) = Calendar.from_ical(body).events
    assert f"\n\nCoach: {note}\n\nSee and log it" in track["description"]
    assert max(len(line) for line in body.split(b"\r\n")) <= 75
    assert body.count(b"\n") == body.count(b"\r") == body.count(b"\r\n")
    body.decode()  # no letter is torn apart


def test_there_is_no_html_in_it(athlete, week, now, app):
    week.publish(now=now)
    body = app.get(address(athlete)).content.decode()
    assert not set(body) & set("<>&")


# Over the wire ------------------------------------------------------------------------------------


def test_an_app_is_told_what_it_gets_and_that_it_is_private(athlete, week, now, app):
    week.publish(now=now)
    answer = app.get(address(athlete))
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert set(answer.headers["Cache-Control"].split(", ")) == {"private", "no-cache"}
    assert "Set-Cookie" not in answer.headers and not answer.cookies


def test_an_app_that_has_the_newest_calendar_is_not_sent_it_again(athlete, week, now, app):
    week.publish(now=now)
    url = address(athlete)
    tag = app.get(url).headers["ETag"]
    answer = app.get(url, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert "private" in answer.headers["Cache-Control"]
    week.move(week.sessions.get(weekday=2), weekday=3)
    assert app.get(url, headers={"If-None-Match": tag}).status_code == 304
    week.publish(now=now + timedelta(minutes=1))
    assert app.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_an_app_that_packs_its_answers_is_told_as_well(athlete, week, now, app):
    week.publish(now=now)
    packed = {"Accept-Encoding": "gzip"}
    answer = app.get(address(athlete), headers=packed)
    assert answer.headers["Content-Encoding"] == "gzip"
    again = app.get(address(athlete), headers=packed | {"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_a_calendar_is_only_read(athlete, week, now, app, method):
    week.publish(now=now)
    before = dump()
    assert getattr(app, method)(address(athlete)).status_code == 405
    assert app.head(address(athlete)).status_code == 200
    assert dump() == before


def test_a_season_takes_no_more_queries_than_a_week(athlete, now, app):
    counts = []
    for weeks in (1, 30):
        for ahead in range(weeks):
            monday = MONDAY + (weeks + ahead) * WEEK
            make_plan(athlete=athlete, now=now, starts_on=monday)
        with CaptureQueriesContext(connection) as asked:
            assert app.get(address(athlete)).status_code == 200
        counts.append(len(asked))
    assert counts == [2, 2]


# Whose it is --------------------------------------------------------------------------------------


def test_two_athletes_see_each_their_own(athlete, team, now):
    bo = make_athlete(team=team, name="Bo Lund")
    make_race(athlete=bo, time_s=1200)
    rival = make_athlete(team=make_team(slug="rivals"), name="Cy Wen")
    people = (athlete, bo, rival)
    for one in people:
        week = make_week(athlete=one)
        week.schedule(weekday=2, **(TRACK | {"title": f"Laps of {one.name}"}))
        week.publish(now=now)
    assert len({address(one) for one in people}) == 3
    for one in people:
        assert shown(one) == [(f"Laps of {one.name}", "Tue 1 Dec")]
        text = fetched(one).to_ical().decode()
        assert not [other for other in people if other != one and other.name in text]


def test_the_address_costs_no_query_and_stands_in_full(
    athlete, settings, django_assert_num_queries
):
    settings.SITE_URL = "https://coachsite.example"
    with django_assert_num_queries(0):
        assert calendar_address(athlete) == f"https://coachsite.example{address(athlete)}"


def test_a_token_of_another_purpose_opens_no_calendar_and_its_own_nothing_else(
    athlete, week, now, app
):
    week.publish(now=now)
    tokens = tokens_of(week.sessions.get(weekday=2), athlete)
    calendar = tokens.pop("calendar")
    assert len(tokens) == 4
    for purpose, token in tokens.items():
        assert app.get(reverse("calendar_feed", args=[token])).status_code == 404, purpose
        assert app.get(reverse(f"mail_{purpose}", args=[token])).status_code == 200, purpose
        assert app.get(reverse(f"mail_{purpose}", args=[calendar])).status_code == 404, purpose
        with pytest.raises(LinkAltered):
            read_calendar(token)


def test_an_altered_unknown_or_outdated_address_opens_nothing_and_tells_nothing(
    athlete, team, week, now, app
):
    week.publish(now=now)
    bo = make_athlete(team=team, name="Bo Lund")
    good = calendar_token(athlete_id=athlete.pk, key=athlete.calendar_key)
    tokens = [
        good[:-1],
        f"{good}A",
        good.swapcase(),
        "x",
        f"{athlete.pk}-{athlete.calendar_key}",
        calendar_token(athlete_id=bo.pk, key=athlete.calendar_key),
        calendar_token(athlete_id=athlete.pk, key="0" * 16),
        calendar_token(athlete_id=10**9, key=athlete.calendar_key),
    ]
    answers = [app.get(reverse("calendar_feed", args=[token])) for token in tokens]
    assert {answer.status_code for answer in answers} == {404}
    texts = {answer.text.replace(answer.wsgi_request.path, "") for answer in answers}
    assert all("This link does not work" in text for text in texts)
    assert not [word for word in ("6 × 800", "Ana Sousa", "Harriers") for t in texts if word in t]


def test_every_athlete_has_a_key_of_their_own(team):
    Athlete.objects.bulk_create(
        Athlete(team=team, name=f"A{number}", email=f"a{number}@club.example")
        for number in range(50)
    )
    assert len(set(Athlete.objects.values_list("calendar_key", flat=True))) == 50


@pytest.mark.django_db(transaction=True)
def test_athletes_of_before_are_given_each_a_key_of_their_own(athlete, team):
    make_athlete(team=team, name="Bo Lund")
    make_athlete(team=team, name="Cy Wen")
    executor = MigrationExecutor(connection)
    ends = executor.loader.graph.leaf_nodes()
    try:
        executor.migrate([("athletes", "0007_minors_paused_mails_and_digests")])
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(ends)
    keys = set(Athlete.objects.values_list("calendar_key", flat=True))
    assert len(keys) == 3
    assert all(len(key) == 16 for key in keys)


# The athlete's page -------------------------------------------------------------------------------


def test_an_athlete_finds_the_address_from_day_week_and_mail(athlete, athlete_client, week, now):
    week.publish(now=now)
    page = reverse("calendar_settings", args=[athlete.pk])
    for where in (
        reverse("today"),
        reverse("athlete_week", args=[athlete.pk, MONDAY]),
        reverse("mail_settings", args=[athlete.pk]),
    ):
        assert f'href="{page}"' in athlete_client.get(where).text, where
    text = athlete_client.get(page).text
    assert f'value="{calendar_address(athlete)}" readonly' in text
    assert f'href="webcal://127.0.0.1:8000{address(athlete)}"' in text


def test_a_new_address_ends_the_old_one(athlete, athlete_client, week, now, app):
    week.publish(now=now)
    old = address(athlete)
    page = reverse("calendar_settings", args=[athlete.pk])
    assert athlete_client.get(page).status_code == 200
    assert app.get(old).status_code == 200
    answer = athlete_client.post(page, follow=True)
    assert "the old one no longer works" in answer.text
    assert old not in answer.text
    assert app.get(old).status_code == 404
    athlete.refresh_from_db()
    assert address(athlete) in answer.text
    assert app.get(address(athlete)).status_code == 200


def test_a_new_address_of_one_athlete_leaves_the_others_theirs(athlete, athlete_client, team, app):
    bo = make_athlete(team=team, name="Bo Lund")
    athlete_client.post(reverse("calendar_settings", args=[athlete.pk]))
    assert app.get(address(bo)).status_code == 200


def test_the_coach_neither_sees_nor_changes_the_address(athlete, coach_client, team, week, now):
    week.publish(now=now)
    page = reverse("calendar_settings", args=[athlete.pk])
    assert coach_client.get(page).status_code == coach_client.post(page).status_code == 404
    for where in (
        reverse("athlete_detail", args=[athlete.pk]),
        reverse("athlete_edit", args=[athlete.pk]),
        reverse("athlete_week", args=[athlete.pk, MONDAY]),
        reverse("roster", args=[team.slug]),
    ):
        text = coach_client.get(where).text
        assert athlete.name in text
        assert athlete.calendar_key not in text and page not in text
    key = athlete.calendar_key
    athlete.refresh_from_db()
    assert athlete.calendar_key == key


# Who leaves ---------------------------------------------------------------------------------------


def test_an_athlete_without_an_account_has_a_calendar_too(athlete, week, now):
    week.publish(now=now)
    Athlete.objects.update(user=None)
    assert len(events(athlete)) == 2


def test_the_calendar_of_an_athlete_who_is_deleted_is_gone(athlete, week, now, app):
    week.publish(now=now)
    url = address(athlete)
    athlete.delete()
    assert app.get(url).status_code == 404


def test_the_calendar_of_a_closed_account_is_closed_until_it_is_opened_again(
    athlete, week, now, app
):
    week.publish(now=now)
    User.objects.filter(pk=athlete.user_id).update(is_active=False)
    assert app.get(address(athlete)).status_code == 404
    User.objects.filter(pk=athlete.user_id).update(is_active=True)
    assert app.get(address(athlete)).status_code == 200


def test_the_calendar_of_an_athlete_who_changed_teams_goes_by_the_new_team(athlete, week, now):
    """As the athlete's pages do: the weeks go along, and are held back as the new team wants it."""
    week.publish(now=now)
    rivals = make_team(slug="rivals")
    Athlete.objects.update(team=rivals)
    assert fetched(athlete)["x-wr-calname"] == "Rivals: training of Ana Sousa"
    assert len(events(athlete)) == 2
    type(rivals).objects.filter(pk=rivals.pk).update(release_weeks=0)
    assert events(athlete) == []
