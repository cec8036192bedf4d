"""A session for a group: looked at first, added for whom it fits, and what fits the others."""

import html
import re
from datetime import date, timedelta

import pytest
from django.urls import reverse

from tests.make import (
    EASY,
    MONDAY,
    TRACK,
    make_athlete,
    make_full_week,
    make_group,
    make_race,
    make_session,
    make_team,
    make_week,
)
from workouts.models import Action, Session, TrainingWeek

pytestmark = pytest.mark.django_db

HTMX = {"headers": {"HX-Request": "true"}}
FOUR = {"notation": "8 x 400 @ mile, jog 400", "kind": "TRACK", "weekday": "6"}
NEXT = MONDAY + timedelta(days=7)


def post(client, whom, *, monday=MONDAY, htmx=False, **more):
    url = reverse("session_add", args=["harriers", monday])
    return client.post(url, FOUR | {"whom": whom} | more, **(HTMX if htmx else {}))


def preview(client, whom="everyone", **more):
    return post(client, whom, preview="1", **more)


def words(response):
    """Return the text of the page, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", response.text)).split())


def who_has(weekday=6, **more):
    rows = Session.objects.filter(weekday=weekday, **more).order_by("week__athlete__name")
    return list(rows.values_list("week__athlete__name", flat=True))


@pytest.fixture
def squad(team):
    """Seven athletes: three whom a track session on Saturday fits, and one for each reason."""
    names = ("Ana", "Bo", "Cy", "Full", "Hurt", "Late")
    squad = {name: make_athlete(team=team, name=name) for name in names}
    squad["New"] = make_athlete(team=team, name="New")
    for name in names:
        make_race(athlete=squad[name])
    make_full_week(athlete=squad["Full"])
    squad["Hurt"].pauses.create(reason="INJURY", starts_on=date(2026, 11, 20))
    squad["Late"].busy_days = "6"
    squad["Late"].save()
    return squad


@pytest.mark.parametrize("htmx", [False, True])
def test_a_preview_counts_up_for_whom_it_fits_and_writes_nothing(coach_client, squad, htmx):
    before = TrainingWeek.objects.count(), Session.objects.count(), Action.objects.count()
    response = preview(coach_client, htmx=htmx)
    assert response.status_code == 200
    assert (
        "3 of 7 can be placed, 4 not: one at their limit, one injured, one busy on that day, "
        "one without a race." in words(response)
    )
    assert "Add to 3 weeks" in response.text
    assert ("<html" in response.text) is not htmx
    assert before == (
        TrainingWeek.objects.count(),
        Session.objects.count(),
        Action.objects.count(),
    )


def test_a_preview_tells_each_reason_and_what_fits_instead(coach_client, squad):
    text = words(preview(coach_client))
    full = "Full may have two track sessions and already has Tuesday 6 × 800 m and Thursday Pyramid"
    assert full in text
    assert re.search("Hurt injured [a-z]+ 20 November No day of this week or the next", text)
    assert "Late cannot train on Saturdays Mon 30" in text
    assert "New has no race yet, and so no target times Add a race" in text


def test_a_preview_shows_the_own_target_of_the_first_rep(coach_client, team):
    for name, time_s in (("Ana", 1320), ("Bo", 1080)):
        make_race(athlete=make_athlete(team=team, name=name), time_s=time_s)
    response = preview(coach_client, notation="warm-up 1mi easy\n6 x 800 @ 5k, jog 200")
    # 800 m at the pace of 22:00 and of 18:00 over 5 km.
    assert "All 2 can be placed." in words(response)
    assert re.findall(r"(\w+)800 m(\d:\d\d)", words(response)) == [("Ana", "3:31"), ("Bo", "2:53")]


def test_a_preview_marks_whom_it_fits_with_a_doubt(coach_client, athlete):
    make_session(week=make_week(athlete=athlete), weekday=5, title="Hills")
    text = words(preview(coach_client))
    assert "with the target of the first rep, 1 with something to think about" in text
    assert "Friday Hills and Saturday 8 × 400 m are hard, on days in a row" in text
    assert not Session.objects.filter(weekday=6).exists()


@pytest.mark.parametrize("htmx", [False, True])
def test_those_whom_it_fits_get_it_and_the_others_are_told_why(coach_client, squad, htmx):
    response = post(coach_client, "everyone", htmx=htmx)
    assert response.status_code == 200
    assert who_has() == ["Ana", "Bo", "Cy"]
    text = words(response)
    assert "Added 8 × 400 m to 3 of 7 weeks." in text
    assert "Not placed: one at their limit, one injured, one busy on that day" in text
    action = Action.objects.latest("pk")
    assert (action.label, action.path) == ("Added 8 × 400 m to 3 weeks", Action.Path.GROUP)


def test_only_if_all_fit_adds_it_for_all_or_for_nobody(coach_client, squad, team):
    response = post(coach_client, "everyone", all_or_nothing="1")
    assert response.status_code == 422
    assert "Nothing was added. 3 of 7 can be placed" in words(response)
    assert who_has() == []
    assert not TrainingWeek.objects.filter(athlete=squad["Ana"]).exists()
    assert not Action.objects.filter(label__startswith="Added").exists()

    group = make_group(squad["Ana"], squad["Bo"], team=team)
    post(coach_client, f"group-{group.pk}", all_or_nothing="1")
    assert who_has() == ["Ana", "Bo"]


@pytest.mark.parametrize(
    ("box", "who", "counted"),
    [("busy", "Late", "4 of 7"), ("no_race", "New", "4 of 7")],
)
def test_a_box_takes_in_those_who_were_left_out(coach_client, squad, box, who, counted):
    text = words(preview(coach_client, include=box))
    assert f"{counted} can be placed, 3 not" in text
    post(coach_client, "everyone", include=box)
    assert who in who_has()
    assert len(who_has()) == 4


def test_an_injured_athlete_may_be_taken_in_and_still_gets_no_track_session(coach_client, squad):
    text = words(preview(coach_client, include="paused"))
    assert "3 of 7 can be placed, 4 not: two at their limit" in text
    post(coach_client, "everyone", include="paused", kind="EASY", notation="5km easy")
    assert "Hurt" in who_has()


def test_all_boxes_together_leave_only_the_limit(coach_client, squad):
    post(coach_client, "everyone", include=["paused", "busy", "no_race"])
    assert who_has() == ["Ana", "Bo", "Cy", "Late", "New"]


def pressed(response, name):
    """Return the value of the first button of that name on the page."""
    return re.search(rf'name="{name}" value="([^"]*)"', response.text)[1]


def test_the_twin_goes_to_exactly_those_at_their_limit(coach_client, squad, team):
    second = make_athlete(team=team, name="Full too")
    make_race(athlete=second)
    make_full_week(athlete=second)
    # After this the others have one session and are free to get another: they must not.
    answer = post(coach_client, "everyone")
    assert who_has() == ["Ana", "Bo", "Cy"]
    twin, only = pressed(answer, "twin"), pressed(answer, "only")
    assert {int(pk) for pk in twin.split(",")} == {squad["Full"].pk, second.pk}

    answer = post(coach_client, "everyone", twin=twin, only=only)
    assert answer.status_code == 200
    assert who_has(kind="INTERVALS", surface="ROAD", track_slot=None) == ["Full", "Full too"]
    assert "Placed off the track for two" in words(answer)
    assert "Not placed: one injured, one busy on that day, one without a race." in words(answer)
    assert 'name="twin"' not in answer.text
    assert TrainingWeek.objects.over_limit().count() == 0


def test_the_twin_of_a_preview_leaves_the_others_to_be_added(coach_client, squad):
    looked = preview(coach_client)
    answer = post(
        coach_client, "everyone", twin=pressed(looked, "twin"), only=pressed(looked, "only")
    )
    assert who_has() == ["Full"]
    assert "3 of 6 can be placed, 3 not" in words(answer)
    post(coach_client, "everyone", only=pressed(answer, "only"))
    assert who_has() == ["Ana", "Bo", "Cy", "Full"]
    assert Session.objects.filter(weekday=6, week__athlete=squad["Full"]).count() == 1


def test_a_legal_day_places_it_there_for_that_athlete_alone(coach_client, squad):
    answer = post(coach_client, "everyone")
    days = re.findall(rf'value="{squad["Full"].pk} ([\d-]+)"', answer.text)
    # Her week is full, so only days of the next are offered: all of them.
    assert sorted(days) == [str(NEXT + timedelta(days=ahead)) for ahead in range(7)]
    answer = post(
        coach_client,
        "everyone",
        day=f"{squad['Full'].pk} {days[0]}",
        only=pressed(answer, "only"),
    )
    placed = Session.objects.get(week__starts_on=NEXT)
    assert (placed.week.athlete, str(placed.on)) == (squad["Full"], days[0])
    assert f"Placed for Full on {placed.on:%A %-d %B}." in words(answer)
    assert who_has() == ["Ana", "Bo", "Cy"]
    assert TrainingWeek.objects.over_limit().count() == 0


def test_days_with_a_doubt_stand_last_and_are_marked(coach_client, athlete):
    make_full_week(athlete=athlete)
    make_session(week=make_week(athlete=athlete, starts_on=NEXT), weekday=2, title="Hills")
    answer = post(coach_client, f"athlete-{athlete.pk}")
    days = re.findall(rf'(doubtful)?" name="day" value="{athlete.pk} 2026-12-(\d\d)"', answer.text)
    assert [day for doubt, day in days if not doubt] == ["10", "11", "12", "13"]
    assert [day for doubt, day in days if doubt] == ["07", "08", "09"]
    assert days == sorted(days, key=lambda day: bool(day[0]))


def test_days_that_are_over_are_not_offered(coach_client, squad):
    past = date(2020, 1, 6)
    make_full_week(athlete=squad["Ana"], starts_on=past)
    answer = preview(coach_client, f"athlete-{squad['Ana'].pk}", monday=past)
    assert 'name="day"' not in answer.text
    assert "No day of this week or the next" in words(answer)


@pytest.mark.parametrize(
    "day",
    ["{full} 2026-12-21", "{full} 2026-13-01", "{full}", "x 2026-12-08", "", "999 2026-12-08"],
)
def test_a_day_that_was_not_offered_places_nothing(coach_client, squad, day):
    answer = post(coach_client, "everyone", day=day.format(full=squad["Full"].pk))
    assert answer.status_code == 422
    assert who_has() == []
    assert not Session.objects.filter(week__starts_on__gt=MONDAY).exists()


def test_a_week_filled_between_preview_and_add_is_refused_then(coach_client, squad, team):
    looked = preview(coach_client)
    assert "Add to 3 weeks" in looked.text
    make_full_week(athlete=squad["Ana"])
    answer = post(coach_client, "everyone", only=pressed(looked, "only"))
    assert who_has() == ["Bo", "Cy"]
    assert "two at their limit" in words(answer)
    assert TrainingWeek.objects.over_limit().count() == 0


def test_a_day_filled_since_it_was_offered_is_refused_in_words(coach_client, squad):
    make_full_week(athlete=squad["Full"], starts_on=NEXT)
    answer = post(coach_client, "everyone", day=f"{squad['Full'].pk} {NEXT}")
    assert answer.status_code == 422
    assert "in the week of 7 December and already has" in words(answer)


def test_one_athlete_is_told_in_a_sentence(coach_client, athlete):
    looked = preview(coach_client, f"athlete-{athlete.pk}")
    assert "Ana Sousa: Saturday 5 December fits." in words(looked)
    assert "Add it" in looked.text

    make_full_week(athlete=athlete)
    answer = post(coach_client, f"athlete-{athlete.pk}")
    assert answer.status_code == 422
    assert "Ana Sousa may have two track sessions in the week of 30 November" in words(answer)
    assert "can be placed" not in answer.text
    assert f'value="{athlete.pk}"' in answer.text  # the twin, for one


def test_one_athlete_without_a_race_gets_it_all_the_same(coach_client, squad):
    answer = post(coach_client, f"athlete-{squad['New'].pk}")
    assert answer.status_code == 302
    assert who_has() == ["New"]
    assert Action.objects.latest("pk").path == Action.Path.FORM


def test_what_to_think_about_is_said_after_it_was_placed(coach_client, athlete):
    make_session(week=make_week(athlete=athlete), weekday=5, title="Hills")
    url = reverse("session_add", args=["harriers", MONDAY])
    page = coach_client.post(url, FOUR | {"whom": "everyone"}, follow=True)
    told = "Friday Hills and Saturday 8 × 400 m are hard, on days in a row"
    assert f"Added 8 × 400 m to one week. To think about for Ana Sousa: {told}" in words(page)

    Session.objects.filter(weekday=6).delete()
    board = post(coach_client, "everyone", htmx=True)
    assert told in words(board)
    assert board.text.count('id="adding"') == 1
    assert 'name="weekday"' not in board.text  # the form is done with


def test_nobody_of_another_team_is_placed_or_named(coach_client, squad, other_coach):
    rivals = make_team(coach=other_coach, slug="rivals")
    stranger = make_athlete(team=rivals, name="Stranger")
    make_full_week(athlete=stranger)
    everybody = ",".join(str(one.pk) for one in [stranger, squad["Ana"]])
    for more in (
        {"twin": everybody},
        {"only": everybody},
        {"day": f"{stranger.pk} {NEXT}"},
        {"preview": "1", "only": everybody},
    ):
        answer = post(coach_client, "everyone", **more)
        assert "Stranger" not in answer.text, more
    assert stranger.weeks.get().sessions.count() == 2
    assert post(coach_client, f"athlete-{stranger.pk}").status_code == 422


def test_a_group_of_nobody_is_said_to_be_one(coach_client, team):
    group = make_group(team=team)
    for more in ({}, {"preview": "1"}):
        answer = post(coach_client, f"group-{group.pk}", **more)
        assert answer.status_code == 422
        assert "Nobody is in that group yet" in words(answer)


@pytest.mark.parametrize("button", ["preview", "add"])
@pytest.mark.parametrize("is_full", [False, True])
def test_the_number_of_queries_does_not_grow_with_the_group(
    coach_client, team, django_assert_max_num_queries, button, is_full
):
    counts = []
    for size in (5, 20):
        for number in range(size):
            athlete = make_athlete(team=team, name=f"Runner {size}.{number}")
            make_race(athlete=athlete)
            if is_full:
                make_full_week(athlete=athlete)
        with django_assert_max_num_queries(45) as queries:
            post(coach_client, "everyone", **({"preview": "1"} if button == "preview" else {}))
        counts.append(len(queries))
        Session.objects.filter(weekday=6).delete()
    assert counts[1] <= counts[0]


# One session, on its own page


@pytest.fixture
def refused(coach_client, athlete):
    """A track session of the next week that is moved into a full one; the answer, and its row."""
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT), title="Hills")
    move = reverse("session_move", args=[session.pk])
    return coach_client.post(move, {"on": "2026-12-05"}), session


def test_a_refused_move_names_and_links_what_is_in_the_way_and_offers_days(refused, athlete):
    answer, session = refused
    assert answer.status_code == 422
    assert "already has Tuesday 6 × 800 m and Thursday Pyramid" in words(answer)
    for other in Session.objects.filter(week__starts_on=MONDAY):
        assert reverse("session_detail", args=[other.pk]) in answer.text
    offer = answer.context["offer"]
    assert {day.on for day in offer.days} == {NEXT + timedelta(days=ahead) for ahead in range(7)}


def test_an_offered_day_moves_it_there(refused, coach_client):
    answer, session = refused
    on = answer.context["offer"].clear_days[-1].on
    coach_client.post(answer.context["change_url"], {"on": str(on)})
    session.refresh_from_db()
    assert session.on == on
    assert Action.objects.latest("pk").label == "Moved Hills of Ana Sousa"


def test_off_the_track_it_goes_to_the_day_that_was_refused(refused, coach_client):
    answer, session = refused
    page = coach_client.post(
        answer.context["change_url"], {"off_track": pressed(answer, "off_track")}, follow=True
    )
    session = Session.objects.get(pk=session.pk)
    assert (str(session.on), session.kind, session.surface) == ("2026-12-05", "INTERVALS", "ROAD")
    assert (session.notation, session.title) == (TRACK["notation"], "Hills")
    assert "Moved to Saturday 5 December." in words(page)
    assert TrainingWeek.objects.over_limit().count() == 0


def test_a_move_says_what_to_think_about(coach_client, athlete):
    week = make_week(athlete=athlete)
    make_session(week=week, weekday=2, title="Hills")
    session = make_session(week=week, weekday=5, title="Pyramid")
    move = reverse("session_move", args=[session.pk])
    page = coach_client.post(move, {"on": "2026-12-02"}, follow=True)
    assert (
        "Moved to Wednesday 2 December. To think about: Tuesday Hills and Wednesday Pyramid are "
        "hard, on days in a row" in words(page)
    )
    # Moved on, it raises nothing more; and a doubt that stood before is not told again.
    page = coach_client.post(move, {"on": "2026-12-06"}, follow=True)
    assert "To think about" not in words(page)


@pytest.fixture
def unedited(coach_client, athlete):
    """An easy run in a full week that was to become a track session; the answer, and its row."""
    week = make_full_week(athlete=athlete)
    make_week(athlete=athlete, starts_on=NEXT)
    easy = week.schedule(weekday=6, **EASY)
    data = {"kind": "TRACK", "title": "400s", "notation": "4 x 400 @ 5k", "note": "Spikes"}
    return coach_client.post(reverse("session_edit", args=[easy.pk]), data), easy


def typed(answer):
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text)) | dict(
        answer.context["typed"]
    )


def test_a_refused_edit_offers_the_next_week_and_keeps_what_was_typed(unedited, coach_client):
    answer, easy = unedited
    assert answer.status_code == 422
    days = answer.context["offer"].days
    assert {day.on for day in days} == {NEXT + timedelta(days=ahead) for ahead in range(7)}
    coach_client.post(answer.context["change_url"], typed(answer) | {"on": str(days[3].on)})
    easy = Session.objects.get(pk=easy.pk)
    assert (easy.on, easy.kind, easy.title, easy.note) == (days[3].on, "TRACK", "400s", "Spikes")
    assert easy.track_slot == 1


def test_a_refused_edit_becomes_road_intervals_on_its_day(unedited, coach_client):
    answer, easy = unedited
    twin = {"off_track": pressed(answer, "off_track")}
    coach_client.post(answer.context["change_url"], typed(answer) | twin)
    easy = Session.objects.get(pk=easy.pk)
    assert (str(easy.on), easy.kind, easy.title) == ("2026-12-05", "INTERVALS", "400s")
    assert TrainingWeek.objects.over_limit().count() == 0


@pytest.mark.parametrize("on", ["soon", "1066-10-14", "2026-02-30"])
def test_a_day_that_is_none_changes_nothing(coach_client, athlete, on):
    session = make_session(week=make_week(athlete=athlete))
    for view in ("session_move", "session_edit"):
        data = {"kind": "EASY", "title": "x", "notation": "5km easy", "on": on, "off_track": on}
        answer = coach_client.post(reverse(view, args=[session.pk]), data)
        assert answer.status_code == 422
    session.refresh_from_db()
    assert (session.weekday, session.title) == (2, TRACK["title"])


def test_of_a_refused_move_only_the_athletes_own_days_are_offered(coach_client, athlete):
    athlete.busy_days = "35"
    athlete.save()
    make_full_week(athlete=athlete)
    session = make_session(week=make_week(athlete=athlete, starts_on=NEXT))
    answer = coach_client.post(reverse("session_move", args=[session.pk]), {"on": "2026-12-05"})
    assert [day.on.isoweekday() for day in answer.context["offer"].days] == [1, 2, 4, 6, 7]


# Sent twice


def key_of(client, monday=MONDAY):
    return str(client.get(reverse("session_add", args=["harriers", monday])).context["key"])


@pytest.mark.parametrize("htmx", [False, True])
def test_a_form_that_is_sent_twice_adds_one_session_each(coach_client, squad, team, htmx):
    group = make_group(squad["Ana"], squad["Bo"], team=team)
    key = key_of(coach_client)
    for _ in range(2):
        answer = post(coach_client, f"group-{group.pk}", key=key, htmx=htmx)
    if not htmx:
        assert answer.status_code == 302
        answer = coach_client.get(answer.url)
    assert "Added already: “Added 8 × 400 m to 2 weeks”. Nothing was done twice." in words(answer)
    assert who_has() == ["Ana", "Bo"]


def test_a_form_that_is_sent_twice_still_tells_who_did_not_get_it(coach_client, squad):
    key = key_of(coach_client)
    for _ in range(2):
        answer = post(coach_client, "everyone", key=key)
    assert answer.status_code == 200
    assert who_has() == ["Ana", "Bo", "Cy"]
    assert "Added already: “Added 8 × 400 m to 3 weeks”" in words(answer)
    assert "Not placed: one at their limit, one injured" in words(answer)
    assert {int(pk) for pk in pressed(answer, "only").split(",")} == {
        squad[name].pk for name in ("Full", "Hurt", "Late", "New")
    }


def test_a_form_that_is_sent_again_after_an_undo_adds_nothing_and_offers_to(coach_client, squad):
    key = key_of(coach_client)
    post(coach_client, "everyone", key=key)
    coach_client.post("/teams/harriers/undo/", {"action": Action.objects.latest("pk").pk})
    assert who_has() == []
    answer = post(coach_client, "everyone", key=key)
    assert who_has() == []
    assert "Added already, and undone since: “Added 8 × 400 m to 3 weeks”." in words(answer)
    assert "3 of 7 can be placed" in words(answer)
    post(coach_client, "everyone", key=pressed(answer, "key"), only=pressed(answer, "only"))
    assert who_has() == ["Ana", "Bo", "Cy"]


def test_the_twin_that_is_pressed_twice_is_placed_once(coach_client, squad):
    answer = post(coach_client, "everyone", key=key_of(coach_client))
    pressed_once = {name: pressed(answer, name) for name in ("twin", "only", "key")}
    for _ in range(2):
        post(coach_client, "everyone", **pressed_once)
    assert who_has(kind="INTERVALS") == ["Full"]


def test_another_day_of_the_same_page_is_another_session(coach_client, squad):
    key, one = key_of(coach_client), f"athlete-{squad['Ana'].pk}"
    post(coach_client, one, key=key)
    post(coach_client, one, key=key, weekday="7", notation="8km easy", kind="EASY")
    assert (who_has(6), who_has(7)) == (["Ana"], ["Ana"])


def test_what_was_refused_can_be_sent_again_as_it_is(coach_client, athlete):
    full, key = make_full_week(athlete=athlete), key_of(coach_client)
    assert post(coach_client, "everyone", key=key).status_code == 422
    full.sessions.first().remove()
    post(coach_client, "everyone", key=key)
    assert who_has() == ["Ana Sousa"]


# Injured, ill, busy


def test_a_day_without_training_is_something_to_think_about(coach_client, squad):
    told = "Late: Saturday 8 × 400 m is on a day without training: cannot train on Saturdays."
    assert told in words(preview(coach_client, include="busy"))
    assert told in words(post(coach_client, "everyone", include="busy"))


def test_a_day_without_training_is_told_before_the_week_is_published(coach_client, squad):
    for name, kind in (("Hurt", "EASY"), ("Late", "REST")):
        make_session(week=make_week(athlete=squad[name]), weekday=6, **(EASY | {"kind": kind}))
    page = coach_client.get(reverse("week_publish", args=["harriers", MONDAY]))
    told = "Saturday Easy run is on a day without training: injured from 20 November."
    assert f"Hurt: {told}" in words(page)
    assert "To think about in 1 week" in words(page)  # a day of rest suits a busy day


def test_an_injury_is_named_where_it_leaves_no_track_session(coach_client, squad):
    answer = post(coach_client, f"athlete-{squad['Hurt'].pk}", include="paused")
    assert "Hurt is injured from 20 November: no track session" in words(answer)
    assert 'name="twin"' not in answer.text
