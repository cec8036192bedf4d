"""The library and its editor: what a coach types is worked out beside the text."""

import pytest

from tests.make import make_athlete, make_group, make_race, make_session, make_week
from workouts.models import Session, Workout
from workouts.planning import schedule_for
from workouts.previews import HEIGHT, WIDTH, Reader, preview

pytestmark = pytest.mark.django_db

LIBRARY = "/teams/harriers/library/"


def typed(client, text: str, **more):
    return client.post(f"{LIBRARY}preview/", {"notation": text} | more).text


def test_the_preview_is_a_fragment_with_the_seeds_corrected_times(coach_client, athlete):
    page = typed(coach_client, "4-8 x 800 @ 5k-15..20s/mi, jog 200-400")
    assert page.strip().startswith('<div id="preview"')
    # 22:00 for 5K: 3:21.3 to 3:23.7, laps 1:40.6 to 1:41.9.
    assert "3:21–3:24" in page
    assert "1:41–1:42" in page
    assert "1:50" not in page


def test_a_mistake_is_shown_at_its_place_with_what_to_write(coach_client, team):
    page = typed(coach_client, "warm-up 1mi\n6 x 800 @ 5q")
    assert "line 2, column 11" in page
    assert "did you mean 5k" in page
    assert 'data-line="2" data-column="11"' in page
    assert "6 x 800 @ <mark>5q</mark>" in page


def test_the_preview_of_a_group_shows_its_slowest_median_and_fastest(coach_client, team):
    runners = []
    for name, seconds in (("Al", 1500), ("Bo", 1400), ("Cy", 1300), ("Di", 1200), ("Ed", 1100)):
        runner = make_athlete(team=team, name=name)
        make_race(athlete=runner, time_s=seconds)
        runners.append(runner)
    group = make_group(*runners, make_athlete(team=team, name="Zoe no race"), team=team)
    page = typed(coach_client, "6 x 800 @ 5k, jog 200", **{"for": f"group-{group.pk}"})
    # 25:00, 21:40 and 18:20 for 5K: 800s in 4:00, 3:28 and 2:56.
    for shown in ("Al", "4:00", "Cy", "3:28", "Ed", "2:56"):
        assert shown in page
    for hidden in ("Bo", "Di", "Zoe"):
        assert f">{hidden}" not in page


def test_levels_that_run_different_reps_are_shown_one_by_one(coach_client, team):
    for name, level, seconds in (("Al", "BEGINNER", 1500), ("Bo", "ADVANCED", 1100)):
        make_race(athlete=make_athlete(team=team, name=name, level=level), time_s=seconds)
    page = typed(coach_client, "4 | 6 | 8 x 400 @ mile, jog 200")
    assert "Al, beginner" in page
    assert "Bo, advanced" in page


def test_a_stranger_is_nobodys_reader(coach_client, team, other_team):
    stranger = make_athlete(team=other_team, name="Secret Runner")
    make_race(athlete=stranger)
    assert "Secret" not in typed(coach_client, "8km easy", **{"for": f"athlete-{stranger.pk}"})


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "x" * 9000, "(((((", "6 x 800 @", "\x00"])
def test_whatever_is_typed_gets_an_answer(coach_client, team, text):
    response = coach_client.post(f"{LIBRARY}preview/", {"notation": text, "for": "group-zero"})
    assert response.status_code == 200
    assert 'id="preview"' in response.text


def test_the_preview_takes_as_many_queries_for_forty_athletes_as_for_three(
    coach_client, team, django_assert_num_queries
):
    for number in range(3):
        make_race(athlete=make_athlete(team=team, name=f"Runner {number}"))
    typed(coach_client, "6 x 800 @ 5k")
    with django_assert_num_queries(6):
        typed(coach_client, "6 x 800 @ 5k")
    for number in range(3, 40):
        make_race(athlete=make_athlete(team=team, name=f"Runner {number}"))
    with django_assert_num_queries(6):
        typed(coach_client, "6 x 800 @ 5k")


def test_the_shape_is_as_wide_as_the_reps_are_long():
    drawn = preview("400-800-1200-800-400 @ 4:00/km, jog 200", readers=[]).bars
    assert [round(bar.width / drawn[0].width) for bar in drawn] == [1, 2, 3, 2, 1]
    assert {round(bar.height) for bar in drawn} == {HEIGHT}
    assert drawn[-1].x + drawn[-1].width <= WIDTH


def test_faster_reps_stand_higher_in_the_shape():
    drawn = preview("1000 @ 5:00/km; 1000 @ 4:00/km; 1000 @ 3:00/km", readers=[]).bars
    heights = [bar.height for bar in drawn]
    assert heights == sorted(heights)
    assert heights[0] < heights[2]


def test_a_reader_without_a_race_is_told_what_to_do():
    shown = preview("6 x 800 @ 5k", readers=[Reader("Al", "beginner", "km")])
    assert any("add a race" in warning.lower() for warning in shown.typical["warnings"])


# Finding, copying, putting away


def titles(client, **query) -> list[str]:
    page = client.get(LIBRARY, query).text
    every = Workout.objects.values_list("title", flat=True)
    return [title for title in every if f">{title}</a>" in page]


def test_the_library_is_searched_by_words_kind_and_level(coach_client, team, library):
    assert set(titles(coach_client, words="ladder 1600")) == {
        "Ascending ladder",
        "Ascending ladder at VO2max pace",
        "Descending ladder",
        "Short descending ladder",
    }
    assert titles(coach_client, kind="FARTLEK") == ["Fartlek"]
    assert "Pyramid" not in titles(coach_client, level="BEGINNER")
    assert "400s" in titles(coach_client, level="BEGINNER")
    assert titles(coach_client, words="no such words") == []
    assert len(titles(coach_client, kind="nonsense")) == Workout.objects.count()


def test_the_library_says_when_a_workout_was_last_used_by_this_team(
    coach_client, team, other_team, library
):
    workout = Workout.objects.get(slug="pyramid")
    week = make_week(athlete=make_athlete(team=other_team))
    make_session(week=week, workout=workout)
    assert "30 Nov" not in coach_client.get(LIBRARY, {"words": "pyramid"}).text
    make_session(week=make_week(athlete=make_athlete(team=team)), workout=workout)
    assert "30 Nov" in coach_client.get(LIBRARY, {"words": "pyramid"}).text


def test_a_library_workout_is_copied_and_the_copy_changed(coach_client, team, library):
    workout = Workout.objects.get(slug="pyramid")
    for _ in range(2):
        coach_client.post(f"{LIBRARY}{workout.pk}/copy/")
    assert sorted(team.workouts.values_list("title", flat=True)) == [
        "Pyramid (copy)",
        "Pyramid (copy2)",
    ]
    copy = team.workouts.first()
    assert copy.notation == workout.notation
    assert coach_client.get(f"{LIBRARY}{copy.pk}/edit/").status_code == 200


def test_an_archived_workout_leaves_the_lists_and_keeps_its_sessions(coach_client, team, library):
    own = Workout.objects.get(slug="pyramid").copy_for(team)
    session = make_session(week=make_week(athlete=make_athlete(team=team)), workout=own)
    coach_client.post(f"{LIBRARY}{own.pk}/archive/")
    assert own.title not in titles(coach_client)
    assert own.title in titles(coach_client, archived="on")
    page = coach_client.get(f"/teams/harriers/weeks/{session.week.starts_on}/sessions/add/").text
    assert own.title not in page
    session.refresh_from_db()
    assert session.workout == own
    coach_client.post(f"{LIBRARY}{own.pk}/archive/", {"back": "1"})
    assert own.title in titles(coach_client)


def test_what_was_archived_is_brought_back_by_the_undo_beside_the_message(coach_client, team):
    own = team.workouts.create(title="Hills", kind="TRACK", notation="6 x 400 @ mile, jog 400")
    archive = f"{LIBRARY}{own.pk}/archive/"
    for _ in range(2):  # a double click does not bring it back
        page = coach_client.post(archive, follow=True)
        assert "Hills is in the archive." in page.text
    form = page.text.partition(f'action="{archive}"')[2].partition("</form>")[0]
    assert 'name="back" value="1">Undo' in form
    page = coach_client.post(archive, {"back": "1"}, follow=True)
    assert "Hills is in the library again." in page.text
    form = page.text.partition(f'action="{archive}"')[2].partition("</form>")[0]
    assert ">Undo" in form
    assert "back" not in form


def test_a_message_about_a_workout_of_another_team_is_not_shown(coach_client, team, other_team):
    theirs = other_team.workouts.create(title="Secret", notation="6 x 400 @ mile, jog 400")
    for did in (theirs.pk, "x", 10**20):
        page = coach_client.get(LIBRARY, {"did": did})
        assert page.status_code == 200
        assert "Secret" not in page.text


def test_a_copy_finds_a_free_title_whatever_the_case_of_those_taken(team, library):
    workout = Workout.objects.get(slug="pyramid")
    for title in ("PYRAMID (COPY)", "pyramid (Copy2)"):
        team.workouts.create(title=title, notation=workout.notation)
    assert workout.copy_for(team).title == "Pyramid (copy3)"


def test_the_mistake_beside_a_text_goes_once_it_is_typed_anew(coach_client, team):
    page = coach_client.post(f"{LIBRARY}add/", {"title": "Hills", "notation": "6 x"})
    assert page.status_code == 422
    beside = page.text.partition('<div id="notation-errors">')[2].partition("</div>")[0]
    assert "errorlist" in beside
    answer = coach_client.post(f"{LIBRARY}preview/", {"notation": "6 x 400 @ mile, jog 400"})
    assert '<div id="notation-errors" hx-swap-oob="true"></div>' in answer.text
    assert "hx-swap-oob" not in page.text


def test_the_common_library_is_not_archived(coach_client, team, library):
    workout = Workout.objects.get(slug="pyramid")
    assert coach_client.post(f"{LIBRARY}{workout.pk}/archive/").status_code == 404


def test_a_template_is_settled_for_each_athlete_of_a_group(team, library):
    workout = Workout.objects.get(slug="400s")
    for name, level in (("Al", "BEGINNER"), ("Bo", "INTERMEDIATE"), ("Cy", "ADVANCED")):
        make_athlete(team=team, name=name, level=level)
    week = make_week(athlete=make_athlete(team=team, name="Old hand"))
    schedule_for(
        team.athletes.all(),
        starts_on=week.starts_on,
        weekday=2,
        kind=workout.kind,
        title=workout.title,
        notation=workout.notation,
        workout=workout,
    )
    main = {
        session.week.athlete.name: session.notation.splitlines()[2]
        for session in Session.objects.select_related("week__athlete")
    }
    # The founding text: beginners 4 to 6 with a 400 m jog, advanced up to 12 with 200 m.
    assert main["Al"] == "4 x 400 @ 85%hr, jog 400"
    assert main["Bo"] == "7 x 400 @ 85%hr, jog 300"
    assert main["Cy"] == "12 x 400 @ 85%hr, jog 200"


def test_the_guide_stands_behind_the_question_mark(coach_client, team):
    page = coach_client.get("/notation/").text
    assert "The workout notation in five minutes" in page
    fragment = coach_client.get("/notation/", HTTP_HX_REQUEST="true").text
    assert fragment.strip().startswith('<div id="notation-help"')
