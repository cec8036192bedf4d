"""The coach's and the athlete's pages, through their addresses."""

from datetime import timedelta

import pytest
from django.utils import timezone

from athletes.models import Athlete, RacePerformance
from tests.make import (
    EASY,
    MONDAY,
    make_athlete,
    make_full_week,
    make_group,
    make_plan,
    make_race,
    make_session,
    make_team,
    make_week,
)
from workouts.models import Delivery, PublishedPlan, Result, Session, TrainingWeek, Workout
from workouts.previews import preview as preview_of
from workouts.previews import readers

pytestmark = pytest.mark.django_db

BOARD = f"/teams/harriers/weeks/{MONDAY}/"
HTMX = {"HTTP_HX_REQUEST": "true"}


def add(client, *, whom: str, slug: str = "800s", weekday: int = 2, **more):
    workout = Workout.objects.get(slug=slug)
    data = {"whom": whom, "weekday": weekday, "workout": workout.pk} | more
    headers = {key: more.pop(key) for key in list(more) if key.startswith("HTTP")}
    return client.post(f"{BOARD}sessions/add/", data, **headers)


# The editor's preview


def preview(client, text: str, **more) -> str:
    return client.post("/teams/harriers/library/preview/", {"notation": text} | more).text


@pytest.fixture
def squad(team):
    """Three runners: Al with an old race, Bo with a new one, Di without a date."""
    for name, seconds, on in (
        ("Al", 1500, MONDAY - timedelta(days=500)),
        ("Bo", 1320, MONDAY - timedelta(days=20)),
        ("Di", 1100, None),
    ):
        make_race(athlete=make_athlete(team=team, name=name), time_s=seconds, raced_on=on)
    return team


def test_the_preview_warns_for_all_three_readers_and_says_for_whom(coach_client, squad):
    page = preview(coach_client, "6 x 800 @ 5k, jog 200")
    assert "<strong>Al:</strong> 5K 25:00 is over 12 months old" in page
    assert "<strong>Di:</strong> 5K 18:20 has no date" in page
    assert "Bo:</strong>" not in page
    # What holds for all of them is said once, without names.
    assert page.count("There is no warm-up") == 1
    assert "</strong> There is no warm-up" not in page
    assert "Bo: paces from 5K 22:00" in page


def test_the_preview_shows_the_splits_that_the_team_wants(coach_client, squad):
    assert 'class="marks"' not in preview(coach_client, "6 x 800 @ 5k, jog 200")
    type(squad).objects.update(split_m=100)
    page = preview(coach_client, "6 x 800 @ 5k, jog 200")
    # 22:00 for 5K is 26.4 s a 100 m, 25:00 is 30.0; said at the first of reps alike.
    for mark in ("100 0:26", "300 1:19", "100 0:30", "300 1:30"):
        assert page.count(f"<span>{mark}</span>") == 1


@pytest.mark.parametrize(
    "text",
    [
        "1000 @ 10k; 1000 @ 5k; 1000 @ mile; 600 @ max; 200 @ sprint",
        "1000 @ rpe 5; 1000 @ 5k; 1000 @ rpe 9; 600 @ max",
        "1000 @ 85%hr; 1000 @ 5k; 400 @ 2:00/km; 400 @ max",
    ],
)
def test_an_effort_is_drawn_as_high_as_it_is_hard(squad, text):
    (reader, *_) = readers(squad.athletes.filter(name="Bo").with_paces(), squad, today=MONDAY)
    for someone in ([reader], []):
        heights = [bar.height for bar in preview_of(text, readers=someone).bars]
        if someone or "10k" not in text:  # without a race all paces are drawn alike
            assert heights == sorted(set(heights))
        assert heights[-1] == max(heights)


# The board


def test_the_board_shows_sessions_slots_and_state(coach_client, athlete, now):
    make_plan(athlete=athlete, now=now)
    page = coach_client.get(BOARD).text
    assert "6 × 800 m" in page
    assert "1 of 2 track sessions used" in page
    assert "due Sun 18:00" in page
    assert "Ana Sousa" in page


def test_the_board_says_draft_published_changed(coach_client, athlete):
    week = make_week(athlete=athlete)
    assert 'class="tag' not in coach_client.get(BOARD).text
    make_session(week=week)
    assert ">draft<" in coach_client.get(BOARD).text
    coach_client.post(f"{BOARD}publish/")
    assert 'class="tag published"' in coach_client.get(BOARD).text
    week.schedule(weekday=5, **EASY)
    assert ">changed<" in coach_client.get(BOARD).text


def test_the_board_shows_one_group(coach_client, team):
    make_group(make_athlete(team=team, name="Bo Lund"), team=team, name="Juniors")
    make_athlete(team=team, name="Ana Sousa")
    group = team.groups.get()
    page = coach_client.get(BOARD, {"group": group.pk}).text
    assert "Bo Lund" in page
    assert "Ana Sousa" not in page
    assert "Publish Juniors" in page


def test_the_board_goes_on_after_thirty_athletes(coach_client, team):
    for number in range(60):
        make_athlete(team=team, name=f"Runner {number:02}")
    first, second = (coach_client.get(BOARD, {"page": page}).text for page in (1, 2))
    assert "1–30 of 60" in first
    assert "31–60 of 60" in second
    assert "Runner 29" in first
    assert "Runner 30" in second


def test_the_board_takes_as_many_queries_for_forty_athletes_as_for_one(
    coach_client, team, now, django_assert_num_queries
):
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            athlete = make_athlete(team=team, name=f"Runner {number}")
            make_plan(athlete=athlete, now=now)

    fill(0, 1)
    coach_client.get(BOARD)
    # Session, user, team, groups, athletes with week, plan and mail, and their sessions.
    with django_assert_num_queries(9):
        coach_client.get(BOARD)
    fill(1, 40)
    with django_assert_num_queries(9):
        coach_client.get(BOARD)


def test_a_fragment_is_no_whole_page(coach_client, athlete):
    response = coach_client.get(BOARD, **HTMX)
    assert "<html" not in response.text
    assert response.text.strip().startswith('<section id="board"')
    assert "HX-Request" in response["Vary"]


# Adding sessions


def test_a_coach_adds_a_session_to_a_group(coach_client, team, library):
    group = make_group(*(make_athlete(team=team, name=name) for name in ("Ana", "Bo")), team=team)
    for athlete in (*group.athletes.all(), make_athlete(team=team, name="Cy")):
        make_race(athlete=athlete)
    response = add(coach_client, whom=f"group-{group.pk}")
    assert response.status_code == 302
    assert list(Session.objects.values_list("week__athlete__name", "title").order_by("pk")) == [
        ("Ana", "800s"),
        ("Bo", "800s"),
    ]


def test_a_third_track_session_is_refused_with_the_reason(coach_client, athlete, library):
    make_full_week(athlete=athlete)
    response = add(coach_client, whom=f"athlete-{athlete.pk}", weekday=6)
    assert response.status_code == 422
    assert "already has Tuesday 6 × 800 m and Thursday Pyramid" in response.text
    assert Session.objects.count() == 2


def test_a_group_action_says_for_whom_it_was_not_done_and_why(coach_client, team, library):
    full = make_athlete(team=team, name="Ana")
    make_full_week(athlete=full)
    injured = make_athlete(team=team, name="Bo", track_limit=0)
    make_race(athlete=make_athlete(team=team, name="Cy"))

    response = add(coach_client, whom="everyone", weekday=6, **HTMX)
    assert response.status_code == 200
    assert " to 1 of 3 weeks." in response.text
    assert "Not placed: two at their limit." in response.text
    assert f"{injured}</a></th>" in response.text
    assert "may have no track session" in response.text
    assert Session.objects.filter(weekday=6).get().week.athlete.name == "Cy"


def test_the_refused_form_keeps_what_was_typed(coach_client, athlete, library):
    response = coach_client.post(
        f"{BOARD}sessions/add/",
        {
            "whom": f"athlete-{athlete.pk}",
            "weekday": 2,
            "notation": "6 x 800 @ 5q",
            "kind": "TRACK",
            "place": "The old oval",
        },
    )
    assert response.status_code == 422
    assert "6 x 800 @ 5q" in response.text
    assert "The old oval" in response.text
    assert "line 1, column 11" in response.text


def test_a_coach_writes_a_session_in_one_line(coach_client, athlete):
    coach_client.post(
        f"{BOARD}sessions/add/",
        {
            "whom": f"athlete-{athlete.pk}",
            "weekday": 3,
            "notation": "5 x 1km @ 10k, jog 200",
            "kind": "TRACK",
            "starts_at": "18:30",
            "place": "Oval",
            "note": "Spikes.",
        },
    )
    session = Session.objects.get()
    assert (session.title, session.place, str(session.starts_at)) == (
        "5 × 1 km",
        "Oval",
        "18:30:00",
    )


# Sessions


def test_a_session_moves_to_another_week(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    coach_client.post(f"/sessions/{session.pk}/move/", {"on": "2026-12-09"})
    session.refresh_from_db()
    assert (session.on.isoformat(), session.week.starts_on.isoformat()) == (
        "2026-12-09",
        "2026-12-07",
    )


def test_a_move_into_a_full_week_is_refused_with_the_reason(coach_client, athlete):
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=MONDAY + timedelta(7)))
    response = coach_client.post(f"/sessions/{session.pk}/move/", {"on": "2026-12-05"})
    assert response.status_code == 422
    assert "already has Tuesday" in response.text
    session.refresh_from_db()
    assert session.on == MONDAY + timedelta(8)


def test_an_easy_run_edited_into_a_third_track_session_is_refused(coach_client, athlete):
    week = make_full_week(athlete=athlete)
    easy = week.schedule(weekday=6, **EASY)
    response = coach_client.post(
        f"/sessions/{easy.pk}/edit/", {"kind": "TRACK", "title": "400s", "notation": "4 x 400 @ 5k"}
    )
    assert response.status_code == 422
    assert "already has Tuesday" in response.text
    easy.refresh_from_db()
    assert (easy.kind, easy.title) == ("EASY", "Easy run")


def test_an_edit_is_kept(coach_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    coach_client.post(
        f"/sessions/{session.pk}/edit/",
        {"kind": "TRACK", "title": "Short ones", "notation": "8 x 200 @ 36s, rest 1:00"},
    )
    session.refresh_from_db()
    assert (session.title, session.notation) == ("Short ones", "8 x 200 @ 36s, rest 1:00")


def test_a_removed_session_is_gone_and_one_with_a_result_stays(coach_client, athlete, coach, now):
    week = make_full_week(athlete=athlete)
    tuesday, thursday = week.sessions.order_by("weekday")
    Result.objects.log(tuesday, outcome="DONE", rpe=None, comment="", splits=[], by=coach, now=now)
    coach_client.post(f"/sessions/{thursday.pk}/remove/")
    page = coach_client.post(f"/sessions/{tuesday.pk}/remove/", follow=True).text
    assert list(week.sessions.all()) == [tuesday]
    assert "A result is logged for this session" in page


def test_a_week_edit_below_what_is_planned_is_refused_with_the_reason(coach_client, athlete):
    week = make_full_week(athlete=athlete)
    page = coach_client.post(f"/weeks/{week.pk}/edit/", {"track_limit": "1"}, follow=True).text
    assert "already has Tuesday 6 × 800 m and Thursday Pyramid" in page
    week.sessions.first().remove()
    coach_client.post(f"/weeks/{week.pk}/edit/", {"track_limit": "1"})
    week.refresh_from_db()
    assert week.track_limit == 1


# Publishing


def test_a_group_is_published_in_one_action(coach_client, team):
    athletes = [make_athlete(team=team, name=name) for name in ("Ana", "Bo", "Cy", "Di")]
    group = make_group(*athletes[:3], team=team)
    for athlete in (athletes[0], athletes[1], athletes[3]):
        make_session(week=make_week(athlete=athlete))
    page = coach_client.post(f"{BOARD}publish/?group={group.pk}", follow=True).text
    assert "2 published, 1 without a session" in page
    assert set(PublishedPlan.objects.values_list("week__athlete__name", flat=True)) == {"Ana", "Bo"}
    assert Delivery.objects.count() == 2


def test_publishing_twice_mails_once(coach_client, athlete):
    make_session(week=make_week(athlete=athlete))
    coach_client.post(f"{BOARD}publish/")
    page = coach_client.post(f"{BOARD}publish/", follow=True).text
    assert "0 published, 1 unchanged" in page
    assert Delivery.objects.count() == 1


def test_send_now_makes_waiting_mails_due(coach_client, athlete):
    plan = make_plan(
        athlete=athlete,
        now=timezone.now(),
        starts_on=MONDAY + timedelta(weeks=520),
    )
    address = BOARD.replace(str(MONDAY), str(plan.week.starts_on))
    page = coach_client.post(f"{address}send/", follow=True).text
    assert "1 mail goes out" in page
    assert Delivery.objects.due(timezone.now()).count() == 1


# The library


def test_the_library_shows_a_workout_with_an_athletes_own_targets(coach_client, athlete, library):
    page = coach_client.get("/teams/harriers/library/").text
    assert "Descending ladder" in page
    workout = Workout.objects.get(slug="800s")
    page = coach_client.get(f"/teams/harriers/library/{workout.pk}/").text
    # The founding text's example with its corrections: 3:21.3 to 3:23.7, laps 1:40.6 to 1:41.9.
    assert "3:21–3:24" in page
    assert "1:41–1:42" in page


def test_a_coach_writes_a_workout_and_edits_it(coach_client, team, athlete):
    data = {"title": "Oval tens", "kind": "TRACK", "notation": "10 x 400 @ mile, jog 200"}
    coach_client.post("/teams/harriers/library/add/", data)
    workout = team.workouts.get()
    coach_client.post(
        f"/teams/harriers/library/{workout.pk}/edit/", data | {"notation": "8 x 400 @ mile"}
    )
    workout.refresh_from_db()
    assert workout.notation == "8 x 400 @ mile"


def test_the_common_library_is_not_edited(coach_client, team, library):
    workout = Workout.objects.get(slug="800s")
    assert coach_client.get(f"/teams/harriers/library/{workout.pk}/edit/").status_code == 404


def test_loading_the_library_again_changes_nothing(library):
    before = list(Workout.objects.order_by("pk").values())
    Workout.objects.load_library()
    assert list(Workout.objects.order_by("pk").values()) == before


# Athletes


def test_a_race_typed_in_becomes_a_pr_and_moves_the_paces(coach_client, athlete):
    response = coach_client.post(
        f"/athletes/{athlete.pk}/races/add/",
        {"distance_m": "5k", "time_s": "20:00", "raced_on": "2026-11-15", "surface": "TRACK"},
    )
    assert response.status_code == 302
    page = coach_client.get(f"/athletes/{athlete.pk}/").text
    # 20:00 for 5K is VDOT 49.8 (Daniels & Gilbert).
    assert "VDOT 49.8" in page
    assert list(RacePerformance.objects.personal_records().values_list("time_s", flat=True)) == [
        1200
    ]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"time_s": "2:20"}, "faster than the world record"),
        ({"time_s": "3:60"}, "59"),
        ({"time_s": "2200"}, "did you mean 22:00?"),
        ({"time_s": "22.0"}, "did you mean 22:00?"),
        ({"time_s": ""}, "required"),
        ({"distance_m": "5q"}, "Write the distance"),
        ({"raced_on": "2099-01-01"}, "has not come yet"),
        ({"raced_on": "31/12/2025 noon"}, "valid date"),
    ],
)
def test_a_race_that_cannot_be_is_refused_beside_its_field(coach_client, athlete, typed, words):
    data = {"distance_m": "5k", "time_s": "22:00", "raced_on": "", "surface": "ROAD"} | typed
    response = coach_client.post(f"/athletes/{athlete.pk}/races/add/", data)
    assert response.status_code == 422
    assert words in response.text
    assert 'aria-invalid="true"' in response.text
    assert athlete.races.count() == 1


def test_the_same_race_is_kept_once(coach_client, athlete):
    data = {"distance_m": "5000", "time_s": "22:00", "raced_on": "2026-11-01", "surface": "ROAD"}
    response = coach_client.post(f"/athletes/{athlete.pk}/races/add/", data)
    assert response.status_code == 422
    assert "in the list already" in response.text


def test_an_athlete_is_added_and_edited(coach_client, team):
    data = {
        "name": "Noor Haddad",
        "email": "Noor@Club.example",
        "level": "BEGINNER",
        "track_limit": 1,
        "time_zone": "Asia/Kathmandu",
        "units": "MI",
        "send_weekday": 6,
        "send_time": "07:30",
        "weekly_km": "32.5",
    }
    coach_client.post("/teams/harriers/athletes/add/", data)
    noor = Athlete.objects.get()
    assert (noor.email, noor.weekly_volume_m, noor.track_limit) == ("noor@club.example", 32500, 1)

    response = coach_client.post(
        f"/athletes/{noor.pk}/edit/", data | {"time_zone": "Nepal/Everest"}
    )
    assert response.status_code == 422
    assert "Europe/London" in response.text


def test_a_squad_is_imported_from_the_page(coach_client, team):
    def upload(action: str, text: str):
        from django.core.files.uploadedfile import SimpleUploadedFile

        file = SimpleUploadedFile("squad.csv", text.encode())
        return coach_client.post(
            "/teams/harriers/athletes/import/", {"roster": file, "action": action}
        )

    squad = "name,email,5k\nAna Sousa,ana@club.example,22:00\nBo Lund,bo@club.example,19:30\n"
    assert "2 new" in upload("check", squad).text
    assert Athlete.objects.count() == 0
    assert upload("import", squad).status_code == 302
    assert Athlete.objects.count() == 2

    refused = upload("import", squad.replace("19:30", "19:75"))
    assert refused.status_code == 422
    assert "row 3, column 5k" in refused.text


# The athlete


def test_an_athlete_sees_the_numbers_of_the_mail(athlete_client, athlete, now, mailoutbox):
    from workouts import delivery

    plan = make_plan(athlete=athlete, now=now)
    page = athlete_client.get(f"/athletes/{athlete.pk}/weeks/{MONDAY}/").text
    delivery.send_plans([plan.delivery.pk], clock=lambda: plan.delivery.due_at)
    for fact in ("6 × 800 m", "3:31", "1:46", "200 m jog", "from 5K 22:00"):
        assert fact in page
        assert fact in mailoutbox[0].body


def test_an_athlete_does_not_see_a_draft(athlete_client, athlete):
    make_session(week=make_week(athlete=athlete), title="Secret")
    page = athlete_client.get(f"/athletes/{athlete.pk}/weeks/{MONDAY}/").text
    assert "Secret" not in page
    assert "has not published this week" in page


def test_an_athlete_logs_a_session_rep_by_rep(athlete_client, coach_client, athlete, now):
    plan = make_plan(athlete=athlete, now=now)
    session = plan.week.sessions.get(kind="TRACK")
    splits = {f"split_{rep}": f"3:{30 + rep}.5" for rep in range(1, 6)}
    response = athlete_client.post(
        f"/sessions/{session.pk}/log/",
        {"outcome": "DONE", "rpe": 8, "comment": "Windy"} | splits,
    )
    assert response.status_code == 302
    result = Result.objects.get()
    assert (result.rpe, result.comment, result.logged_by) == (8, "Windy", athlete.user)
    assert [float(s.time_s) for s in result.splits.order_by("rep_index")] == [
        211.5,
        212.5,
        213.5,
        214.5,
        215.5,
    ]
    assert "Windy" in coach_client.get(f"/sessions/{session.pk}/").text
    assert 'class="s TRACK done"' in coach_client.get(BOARD).text


def test_a_mistyped_split_is_shown_at_its_rep_and_nothing_is_stored(athlete_client, athlete, now):
    session = make_plan(athlete=athlete, now=now).week.sessions.get(kind="TRACK")
    response = athlete_client.post(
        f"/sessions/{session.pk}/log/", {"outcome": "DONE", "split_2": "3:75", "rpe": 11}
    )
    assert response.status_code == 422
    assert "3:75" in response.text
    assert not Result.objects.exists()


def test_an_unpublished_session_cannot_be_logged(athlete_client, athlete):
    session = make_session(week=make_week(athlete=athlete))
    assert athlete_client.get(f"/sessions/{session.pk}/log/").status_code == 404


def test_an_athlete_without_a_plan_is_told_what_comes(athlete_client):
    assert "has not published this week" in athlete_client.get("/today/").text


def test_today_shows_todays_session(athlete_client, athlete):
    today = athlete.today(timezone.now())
    week = make_week(athlete=athlete, starts_on=today - timedelta(today.weekday()))
    make_session(week=week, weekday=today.isoweekday(), title="Tonight's eights")
    week.publish(now=timezone.now())
    assert "Tonight&#x27;s eights" in athlete_client.get("/today/").text


def test_home_leads_to_where_one_belongs(coach_client, athlete_client, client, other_coach, team):
    assert coach_client.get("/", follow=True).redirect_chain[0][0] == "/teams/harriers/"
    assert athlete_client.get("/").url == "/today/"
    client.force_login(other_coach)
    assert client.get("/").url == "/teams/add/"


def test_a_new_coach_starts_a_team(client, other_coach):
    make_team(slug="north-side")
    client.force_login(other_coach)
    response = client.post("/teams/add/", {"name": "North Side", "coach": "Robin"})
    assert response.url == "/teams/north-side-2/athletes/"
    other_coach.refresh_from_db()
    assert other_coach.name == "Robin"


def test_the_theme_is_remembered_and_leads_back(client):
    response = client.post("/theme/", {"theme": "dark", "next": "/accounts/login/"})
    assert response.url == "/accounts/login/"
    assert 'data-theme="dark"' in client.get("/accounts/login/").text
    assert client.post("/theme/", {"theme": "", "next": "https://evil.example/"}).url == "/"


def test_races_of_one_athlete_do_not_move_anothers_paces(coach_client, team):
    ana, bo = (make_athlete(team=team, name=name) for name in ("Ana", "Bo"))
    make_race(athlete=ana)
    assert "add a race" in coach_client.get("/teams/harriers/athletes/").text
    assert TrainingWeek.objects.count() == 0
    assert bo.paces(today=MONDAY) is None
