"""The page of races and paces: results, charts, paces set by hand, and what a new race changes."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from athletes.charts import distance_charts, vdot_chart
from athletes.forms import PaceOverrideForm, RaceForm
from athletes.measures import RACES, format_pace
from athletes.models import Athlete, PaceOverride, RacePerformance
from athletes.predictions import Race
from tests.make import EASY, make_athlete, make_race, make_session, make_week
from workouts.models import Delivery
from workouts.retarget import changes, first_change

TODAY = date(2026, 11, 25)
HTMX = {"HTTP_HX_REQUEST": "true"}


def race_at(days: int, time_s: float, distance_m: float = 5000, **more) -> tuple[Race, bool]:
    return Race(distance_m, time_s, TODAY - timedelta(days), **more), False


# Charts


def test_a_chart_of_times_goes_up_as_they_get_faster():
    chart = distance_charts([race_at(700, 1380), race_at(400, 1350), race_at(9, 1320)], today=TODAY)
    (five_k,) = chart
    assert five_k.title == "5K"
    assert [dot.value for dot in five_k.dots] == ["23:00", "22:30", "22:00"]
    heights = [dot.y for dot in five_k.dots]
    assert heights == sorted(heights, reverse=True)  # on a sheet, up is less
    assert [tick.words for tick in five_k.up] == ["22:00", "22:30", "23:00"]
    assert [tick.words for tick in five_k.across] == [
        "Jan 2025",
        "Jul",
        "Jan 2026",
        "Jul",
    ]
    assert five_k.summary.startswith("3 results, from 23:00 on 25 December 2024 to 22:00")


@pytest.mark.parametrize("apart_s", [0, 0.01, 0.4, 1, 3, 7, 29, 61, 333, 1999, 9999])
def test_a_chart_has_its_marks_however_near_or_far_the_times_are(apart_s):
    for first_s in (130.9, 1320, 12_345.67):
        races = [race_at(99, first_s + apart_s), race_at(9, first_s)]
        (chart,) = distance_charts(races, today=TODAY)
        assert 1 <= len(chart.up) <= 4
        assert all(8 <= tick.at <= 108 for tick in chart.up)
        assert all(chart.left <= dot.x <= 246 and 8 <= dot.y <= 108 for dot in chart.dots)
        assert vdot_chart(races, today=TODAY) is None or vdot_chart(races, today=TODAY).up


@pytest.mark.parametrize(
    "races",
    [
        [],
        [race_at(9, 1320)],
        [race_at(9, 1320), race_at(9, 1321)],  # one day is no course
        [race_at(9, 1320), (Race(5000, 1300), False)],  # no day
        [race_at(90, 1320), race_at(9, 1200, representative=False)],
    ],
)
def test_one_day_makes_no_chart(races):
    assert distance_charts(races, today=TODAY) == []
    assert vdot_chart(races, today=TODAY) is None


def test_the_chart_of_vdot_ends_at_the_level_of_today():
    chart = vdot_chart([race_at(200, 1380), race_at(9, 1320), race_at(5, 60, 400)], today=TODAY)
    # 5K in 22:00 is VDOT 44.5 (Daniels & Gilbert); 400 m says nothing of it.
    assert [dot.value for dot in chart.dots] == ["42.3", "44.5"]
    last_x, last_y = chart.line.split()[-1].split(",")
    assert float(last_x) == 246
    assert float(last_y) == pytest.approx(chart.dots[-1].y, abs=0.2)


# What is typed


def override_form(pace: str, *, name: str = "threshold", units: str = "km") -> PaceOverrideForm:
    return PaceOverrideForm({"name": name, "pace": pace, "reason": "Cold"}, units=units)


@pytest.mark.parametrize(
    ("pace", "name", "units", "expected"),
    [
        ("4:05", "threshold", "KM", ("245", "245")),
        ("4:05/km", "5k", "MI", ("245", "245")),
        ("6:35", "threshold", "MI", ("245.442", "245.442")),
        ("6:35/mi", "threshold", "KM", ("245.442", "245.442")),
        ("5:20-6:00", "easy", "KM", ("320", "360")),
        ("6:00 \u2013 5:20", "easy", "KM", ("320", "360")),
        ("5:20 to 6:00", "easy", "KM", ("320", "360")),
    ],
)
def test_a_pace_is_read_as_a_coach_writes_it(pace, name, units, expected):
    form = override_form(pace, name=name, units=units)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["pace"] == tuple(Decimal(end) for end in expected)


@pytest.mark.parametrize(
    ("pace", "words"),
    [
        ("", "required"),
        ("245", "Write it as 4:05"),
        ("4:5", "Write it as 4:05"),
        ("4:65", "seconds go from 00 to 59"),
        ("1:30", "A pace lies in 1:40–20:00/km"),
        ("25:00", "A pace lies in"),
        ("4:00-4:10-4:20", "two with a dash"),
        ("4:00-4:10", "Only easy is a range"),
    ],
)
def test_a_pace_that_cannot_be_says_what_to_write(pace, words):
    form = override_form(pace)
    assert not form.is_valid()
    assert words in str(form.errors["pace"])


@pytest.mark.django_db
def test_an_edited_race_shows_what_was_typed(athlete):
    race = make_race(athlete=athlete, distance_m="1609.344", time_s="414.5")
    form = RaceForm(instance=race, athlete=athlete, today=TODAY)
    assert form["distance_m"].value() == "mile"
    assert 'value="6:54.5"' in str(form["time_s"])
    assert form["keep_out"].value() is False
    odd = make_race(athlete=athlete, distance_m=6437, time_s=1800)
    assert RaceForm(instance=odd, athlete=athlete, today=TODAY)["distance_m"].value() == "6437 m"


# Results


@pytest.fixture
def read(coach_client, athlete):
    """Return the athlete's page as the coach gets it, and as the athlete does."""

    def fetch(client=coach_client) -> str:
        response = client.get(f"/athletes/{athlete.pk}/")
        assert response.status_code == 200
        return response.text

    return fetch


def test_results_stand_by_distance_with_flags_and_age(coach_client, athlete, read):
    data = {"distance_m": "10k", "time_s": "44:59.9", "raced_on": "2025-11-01", "surface": "TRACK"}
    more = {"timing": "HAND", "keep_out": "on", "note": "two laps short"}
    coach_client.post(f"/athletes/{athlete.pk}/races/add/", data | more)
    race = athlete.races.get(distance_m=10_000)
    assert (race.timing, race.drives_paces, race.note) == ("HAND", False, "two laps short")
    text = read()
    for words in ("10K", "44:59.9", "hand timed", "not for paces", "two laps short", "ago"):
        assert words in text
    assert text.count(">PR<") == 2  # it is a PR all the same


def test_a_race_not_for_paces_moves_no_pace(athlete):
    before = athlete.paces(today=TODAY)
    RacePerformance.objects.create(
        athlete=athlete, distance_m=5000, time_s=1200, raced_on=TODAY, drives_paces=False
    )
    after = Athlete.objects.get().paces(today=TODAY)
    assert after == before
    RacePerformance.objects.update(drives_paces=False)
    assert Athlete.objects.get().paces(today=TODAY) is None


def test_a_race_is_edited(coach_client, athlete):
    race = athlete.races.get()
    data = {"distance_m": "5k", "time_s": "21:48", "raced_on": "2026-11-01", "surface": "TRACK"}
    response = coach_client.post(f"/races/{race.pk}/edit/", data)
    assert response.url == f"/athletes/{athlete.pk}/"
    race.refresh_from_db()
    assert (race.time_s, race.surface, race.drives_paces) == (1308, "TRACK", True)
    response = coach_client.post(f"/races/{race.pk}/edit/", data | {"time_s": "2:10"})
    assert response.status_code == 422
    assert "faster than the world record" in response.text
    assert "21:48" in coach_client.get(f"/races/{race.pk}/edit/").text


def test_an_age_grade_names_its_table_and_needs_year_and_sex(athlete, read):
    assert "road 2025" not in read()
    Athlete.objects.update(sex="M", birth_year=1976)
    RacePerformance.objects.update(time_s=1200)
    # Man of 50, 5 km in 20:00: 73.0 % (road table 2025).
    assert "73 % <small>road 2025</small>" in read()
    RacePerformance.objects.update(surface="TRAIL")
    assert "road 2025" not in read()
    RacePerformance.objects.update(surface="ROAD", distance_m=1500, time_s=330)
    assert "road 2025" not in read()


def test_the_page_says_ranges_sources_and_confidence(athlete, read):
    text = read()
    assert "from 5K 22:00, " in text
    assert "Half marathon" in text
    assert '<tr class="high">' in text
    paces = athlete.paces(today=athlete.today(timezone.now()))
    low, high = paces.estimate("half").range_80_s
    assert low < paces.race_time("half")[0] < high
    assert "visually-hidden" in text


def test_an_athlete_without_races_is_told_what_to_do(coach_client, team):
    nobody = make_athlete(team=team, name="Cy Wen")
    text = coach_client.get(f"/athletes/{nobody.pk}/").text
    assert "No race yet. Add one to see paces and target times." in text
    assert "Training paces" not in text


def test_the_page_takes_as_many_queries_for_many_races_as_for_one(
    coach_client, athlete, coach, django_assert_num_queries, now
):
    def fetch() -> None:
        assert coach_client.get(f"/athletes/{athlete.pk}/").status_code == 200

    fetch()
    # Session, user, athlete with team, races, overrides with coaches, is coach, PRs, invitation,
    # and three of the mail: what is not wanted, and what stopped.
    with django_assert_num_queries(12):
        fetch()
    for number in range(1, 20):
        make_race(athlete=athlete, time_s=1320 + number, raced_on=TODAY - timedelta(40 * number))
    for _ in range(3):
        set_pace(athlete, coach, now=now)
    with django_assert_num_queries(12):
        fetch()


def test_strangers_get_404_for_races_and_paces(
    client, other_team, other_coach, athlete, coach, now
):
    client.force_login(other_coach)
    race, override = athlete.races.get(), set_pace(athlete, coach, now=now)
    for name, pk in (("athlete_detail", athlete.pk), ("race_edit", race.pk)):
        assert client.get(reverse(name, args=[pk])).status_code == 404
    for name, pk in (
        ("race_edit", race.pk),
        ("race_preview", athlete.pk),
        ("race_edit_preview", race.pk),
        ("override_add", athlete.pk),
        ("override_end", override.pk),
    ):
        assert client.post(reverse(name, args=[pk]), {}).status_code == 404


# Paces set by hand


def set_pace(athlete, coach, *, now, name="threshold", low=245, high=None, reason="back from flu"):
    return athlete.override_pace(
        name,
        low=Decimal(low),
        high=Decimal(high or low),
        reason=reason,
        by=coach,
        now=now,
    )


def test_a_coach_sets_a_pace_and_everybody_sees_why(coach_client, athlete_client, athlete, read):
    data = {"name": "threshold", "pace": "4:05", "reason": "back from illness"}
    response = coach_client.post(f"/athletes/{athlete.pk}/paces/set/", data)
    assert response.url == f"/athletes/{athlete.pk}/"
    pace = Athlete.objects.get().paces(today=TODAY).pace("threshold")
    assert format_pace(pace.s_per_m_low) == format_pace(pace.s_per_m_high) == "4:05/km"
    assert pace.source == "set by Carla Coach: back from illness"
    assert pace.confidence == "high"
    for text in (read(), read(athlete_client)):
        assert "set by Carla Coach: back from illness" in text
        assert "4:05/km since" in text
    assert "Set a pace by hand" not in read(athlete_client)


def test_a_pace_set_by_hand_is_what_is_prescribed(athlete, coach, now):
    set_pace(athlete, coach, now=now, name="5k", low=300)
    set_pace(athlete, coach, now=now, name="easy", low=400, high=430)
    week = make_week(athlete=Athlete.objects.get())
    make_session(week=week)
    week.schedule(weekday=3, **EASY)
    track, easy = week.content(today=TODAY)["sessions"]
    # 800 m at 5:00/km: 4:00; 8 km at 6:40 to 7:10.
    assert track["reps"][0]["target_s"] == pytest.approx([240, 240])
    assert easy["reps"][0]["pace_s_per_km"] == pytest.approx([400, 430])
    assert "set by Carla Coach: back from flu" in " ".join(track["sources"])


def test_a_race_pace_set_by_hand_gives_the_time_of_the_race(athlete, coach, now):
    set_pace(athlete, coach, now=now, name="10k", low=300)
    paces = Athlete.objects.get().paces(today=TODAY)
    assert paces.race_time("10k")[0] == pytest.approx(3000)
    assert paces.race_time(10_000)[0] == pytest.approx(3000)
    untouched = athlete.paces(today=TODAY)
    assert paces.pace("5k") == untouched.pace("5k")
    assert paces.vdot == untouched.vdot


def test_a_pace_that_is_set_again_or_ended_is_kept(coach_client, athlete, coach, now, read):
    set_pace(athlete, coach, now=now - timedelta(days=20), reason="back from flu")
    second = set_pace(athlete, coach, now=now - timedelta(days=9), low=240, reason="well again")
    assert [o.reason for o in athlete.pace_overrides.current()] == ["well again"]
    coach_client.post(f"/overrides/{second.pk}/end/")
    coach_client.post(f"/overrides/{second.pk}/end/")
    assert athlete.pace_overrides.current().count() == 0
    assert athlete.pace_overrides.count() == 2
    text = read()
    assert "Threshold 4:05/km from 5 Nov to 16 Nov 2026, by Carla Coach: back from flu" in text
    assert "set by Carla" not in text


def test_only_a_coach_sets_or_ends_a_pace(athlete_client, athlete, coach, now):
    override = set_pace(athlete, coach, now=now)
    data = {"name": "easy", "pace": "5:00", "reason": "I feel fast"}
    assert athlete_client.post(f"/athletes/{athlete.pk}/paces/set/", data).status_code == 404
    assert athlete_client.post(f"/overrides/{override.pk}/end/").status_code == 404
    assert PaceOverride.objects.current().get() == override


def test_a_reason_is_asked_for(coach_client, athlete):
    data = {"name": "easy", "pace": "5:00-5:30", "reason": " "}
    response = coach_client.post(f"/athletes/{athlete.pk}/paces/set/", data)
    assert response.status_code == 422
    assert "required" in response.text
    assert 'value="5:00-5:30"' in response.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "4x400"},
        {"low_s_per_km": 250},  # slower than the high end
        {"high_s_per_km": 250},  # a range, and not of easy
        {"low_s_per_km": 0, "high_s_per_km": 0},
        {"reason": ""},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_database_refuses_a_pace_that_cannot_be(athlete, now, wrong):
    right = {
        "name": "threshold",
        "low_s_per_km": 245,
        "high_s_per_km": 245,
        "reason": "back from flu",
        "set_at": now,
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        PaceOverride.objects.create(athlete=athlete, **right | wrong)
    PaceOverride.objects.create(athlete=athlete, **right)
    with pytest.raises(IntegrityError), transaction.atomic():
        PaceOverride.objects.create(athlete=athlete, **right)


def test_a_pace_of_somebody_who_left_stays(athlete, coach, now):
    set_pace(athlete, coach, now=now)
    coach.delete()
    pace = Athlete.objects.get().paces(today=TODAY).pace("threshold")
    assert pace.source == "set by a coach: back from flu"


# What a new race would change


@pytest.fixture
def planned(athlete, now):
    """Ana's weeks from the Monday of `TODAY` on: sent, published, draft."""
    weeks = []
    for number in range(3):
        monday = TODAY - timedelta(TODAY.weekday()) + timedelta(7 * number)
        week = make_week(athlete=athlete, starts_on=monday)
        make_session(week=week, weekday=5, title=f"Track {number}")
        week.schedule(weekday=6, kind="REST", title="Rest", notation="rest")
        weeks.append(week)
    weeks[0].publish(now=now)
    Delivery.objects.update(state="SENT", sent_at=now)
    weeks[1].publish(now=now)
    return weeks


def new_race(athlete, time_s=1260, **more) -> RacePerformance:
    return RacePerformance(athlete=athlete, distance_m=5000, time_s=time_s, raced_on=TODAY, **more)


def test_a_faster_race_changes_what_is_not_sent(athlete, planned):
    found = changes(athlete, new_race(athlete), today=TODAY)
    assert [(s.title, s.is_published) for s in found.sessions] == [
        ("Track 1", True),
        ("Track 2", False),
    ]
    # 800 m at 5K pace: 22:00 gives 3:31.2, 21:00 gives 3:21.6.
    for session in found.sessions:
        assert session.before["target_s"] == pytest.approx([211.2, 211.2])
        assert session.after["target_s"] == pytest.approx([201.6, 201.6])
    assert found.sent_weeks == 1
    assert found.same == 2  # the days of rest
    five_k = next(change for change in found.paces if change.name == "5k")
    assert (five_k.before_s, five_k.after_s) == pytest.approx((1320, 1260))
    assert "threshold" in {change.name for change in found.paces}
    assert athlete.races.count() == 1


def test_days_that_are_over_are_not_counted(athlete, planned):
    found = changes(athlete, new_race(athlete), today=TODAY + timedelta(days=21))
    assert (found.sessions, found.same, found.sent_weeks) == ((), 0, 0)


def test_a_race_not_for_paces_changes_nothing(athlete, planned):
    found = changes(athlete, new_race(athlete, drives_paces=False), today=TODAY)
    assert (found.sessions, found.paces) == ((), ())
    assert found.same == 4


def test_the_first_race_gives_targets_where_there_were_none(team, now):
    athlete = make_athlete(team=team, name="Cy Wen")
    make_session(week=make_week(athlete=athlete))
    found = changes(athlete, new_race(athlete), today=TODAY)
    (session,) = found.sessions
    assert session.before is None
    assert session.after["target_s"] == pytest.approx([201.6, 201.6])
    assert found.paces[0].before is None


def test_an_edited_race_stands_in_for_itself(athlete, planned):
    race = athlete.races.get()
    race.time_s = Decimal(1400)
    found = changes(athlete, race, today=TODAY)
    five_k = next(change for change in found.paces if change.name == "5k")
    assert (five_k.before_s, five_k.after_s) == pytest.approx((1320, 1400))


def test_a_rep_that_shows_the_same_has_not_changed():
    def rep(target_s):
        return {"distance_m": 800, "target_s": target_s, "pace_s_per_km": None}

    assert first_change([rep([201.1, 201.1])], [rep([201.4, 201.4])]) is None
    assert first_change([rep(None)], [rep([201, 201])]) == 0
    easy = {"distance_m": None, "target_s": None, "pace_s_per_km": [300, 330]}
    slower = easy | {"pace_s_per_km": [301, 330]}
    assert first_change([rep(None), easy], [rep(None), slower]) == 1


def test_what_is_stale_anyway_is_not_laid_to_the_race(athlete, coach, planned, now):
    set_pace(athlete, coach, now=now, name="5k", low=270)
    found = changes(Athlete.objects.get(), new_race(athlete), today=TODAY)
    assert found.sessions == ()
    assert found.same == 4


@pytest.mark.parametrize(
    ("distance_m", "time_s", "words"),
    [
        (10_000, 2170, "8:00 faster than the 10K 44:10 of 3 May 2026: check the time"),
        (5000, 1040, " faster than the other results let one expect, 5K in 2"),
        (10_000, 2450, ""),  # 3:20 in half a year is a good season
        (10_000, 2800, ""),
        (400, 50, ""),  # says nothing of paces
    ],
)
def test_a_race_much_faster_than_all_others_is_asked_about(team, distance_m, time_s, words):
    athlete = make_athlete(team=team, name="Bo Lund")
    make_race(athlete=athlete, distance_m=10_000, time_s=2650, raced_on=date(2026, 5, 3))
    race = RacePerformance(
        athlete=athlete, distance_m=Decimal(distance_m), time_s=Decimal(time_s), raced_on=TODAY
    )
    said = changes(athlete, race, today=TODAY).doubt
    assert words in said
    assert bool(said) is bool(words)
    race.drives_paces = False
    assert changes(athlete, race, today=TODAY).doubt == ""


def test_a_first_race_and_a_corrected_one_are_not_compared_with_themselves(team):
    athlete = make_athlete(team=team, name="Bo Lund")
    race = make_race(athlete=athlete, time_s=2200)
    race.time_s = Decimal(1320)
    assert changes(athlete, race, today=TODAY).doubt == ""


RACE = {"distance_m": "5k", "time_s": "21:00", "raced_on": "2026-11-20", "surface": "TRACK"}


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_preview_keeps_nothing_until_saved(coach_client, athlete, headers):
    monday = timezone.now().date() + timedelta(days=14)
    week = make_week(athlete=athlete, starts_on=monday - timedelta(monday.weekday()))
    make_session(week=week)
    response = coach_client.post(f"/athletes/{athlete.pk}/races/preview/", RACE, **headers)
    assert response.status_code == 200
    assert ("<html" in response.text) is (headers == {})
    for words in ("21:00", "3:31", "3:22", "6 × 800 m", "Save race", "Nothing is kept yet"):
        assert words in response.text
    assert athlete.races.count() == 1
    assert 'name="time_s" value="21:00"' in response.text
    assert coach_client.post(f"/athletes/{athlete.pk}/races/add/", RACE).status_code == 302
    assert athlete.races.count() == 2


def test_a_preview_says_to_publish_again_and_what_was_sent(coach_client, athlete):
    now = timezone.now()
    monday = now.date() - timedelta(now.date().weekday())
    for number, state in ((0, "SENT"), (1, "DUE")):
        week = make_week(athlete=athlete, starts_on=monday + timedelta(7 * number))
        make_session(week=week, weekday=7)
        week.publish(now=now)
        if state == "SENT":
            Delivery.objects.update(state="SENT", sent_at=now)
    text = coach_client.post(f"/athletes/{athlete.pk}/races/preview/", RACE, **HTMX).text
    assert text.count("publish again to send the change") == 1
    assert "1 sent week keeps what was sent." in text


def test_the_athlete_sees_paces_but_no_drafts(athlete_client, athlete):
    monday = timezone.now().date() + timedelta(days=14)
    week = make_week(athlete=athlete, starts_on=monday - timedelta(monday.weekday()))
    make_session(week=week, title="A surprise")
    text = athlete_client.post(f"/athletes/{athlete.pk}/races/preview/", RACE).text
    assert "21:00" in text
    assert "A surprise" not in text


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_race_that_cannot_be_comes_back_as_a_form(coach_client, athlete, headers):
    address = f"/athletes/{athlete.pk}/races/preview/"
    response = coach_client.post(address, RACE | {"time_s": "2:10"}, **headers)
    assert response.status_code == 422
    assert "faster than the world record" in response.text
    response = coach_client.post(address, RACE | {"change": "1", "keep_out": "True"}, **headers)
    assert response.status_code == 200
    assert "See what changes" in response.text
    assert 'value="21:00"' in response.text
    assert "checked" in response.text


def test_a_race_wildly_faster_is_confirmed_and_never_blocked(coach_client, athlete):
    wild = RACE | {"time_s": "17:00"}
    text = coach_client.post(f"/athletes/{athlete.pk}/races/preview/", wild, **HTMX).text
    assert "5:00 faster than the 5K 22:00 of 1 November 2026" in text
    assert "17:00 is right: save race" in text
    assert 'name="keep_out" value="on"' in text
    usual = coach_client.post(f"/athletes/{athlete.pk}/races/preview/", RACE, **HTMX).text
    assert "is right" not in usual
    data = wild | {"keep_out": ["False", "on"]}  # the hidden field, then the button
    assert coach_client.post(f"/athletes/{athlete.pk}/races/add/", data).status_code == 302
    assert athlete.races.get(time_s=1020).drives_paces is False
    athlete.races.filter(time_s=1020).delete()
    assert coach_client.post(f"/athletes/{athlete.pk}/races/add/", wild).status_code == 302
    assert athlete.races.get(time_s=1020).drives_paces is True


def test_the_page_says_what_vdot_is_and_from_which_races(athlete, read):
    assert "VDOT is what Daniels&#x27; table gives for 5K 22:00." in read()
    RacePerformance.objects.update(distance_m=10_000, time_s=2650)
    make_race(athlete=athlete, distance_m="21097.5", time_s=5880)
    # By the model of bests both point to a 5K faster than either alone by the table.
    assert "table gives for a 5K in 20:" in read()
    assert "the time to expect from 10K 44:10 and Half marathon 1:38:00; for a race alone" in read()


def test_the_preview_of_an_edit_leaves_the_race_alone(coach_client, athlete):
    race = athlete.races.get()
    response = coach_client.post(f"/races/{race.pk}/preview/", RACE, **HTMX)
    assert response.status_code == 200
    assert f'action="/races/{race.pk}/edit/"' in response.text
    race.refresh_from_db()
    assert race.time_s == 1320


def test_a_preview_takes_as_many_queries_for_many_weeks_as_for_one(coach_client, athlete):
    monday = timezone.now().date() + timedelta(days=7)
    monday -= timedelta(monday.weekday())
    counts = []
    for number in range(8):
        week = make_week(athlete=athlete, starts_on=monday + timedelta(7 * number))
        make_session(week=week)
        week.publish(now=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            coach_client.post(f"/athletes/{athlete.pk}/races/preview/", RACE, **HTMX)
        counts.append(len(queries))
    assert counts == counts[:1] * 8


# The migration


@pytest.mark.django_db(transaction=True)
def test_the_migration_goes_there_and_back_with_its_rows(athlete):
    race = athlete.races.get()
    executor = MigrationExecutor(connection)
    ends = executor.loader.graph.leaf_nodes()
    try:
        executor.migrate([("athletes", "0001_initial")])
        with connection.cursor() as cursor:
            cursor.execute("SELECT time_s FROM athletes_raceperformance")
            assert [float(time_s) for (time_s,) in cursor.fetchall()] == [1320]
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(ends)
    race.refresh_from_db()
    assert (race.drives_paces, race.timing, race.note) == (True, "UNKNOWN", "")


def test_every_race_may_be_set_by_hand():
    names = {name for name, _ in PaceOverride._meta.get_field("name").choices}
    assert set(RACES) <= names
    assert {"easy", "marathon", "threshold", "interval", "repetition", "vo2max"} <= names
