"""Every path by which a session can be written, and the rule on each.

The list stands in docs/architecture.md, "Every path that writes a session". A path that is not on
the list, and one on the list that nobody tries here, fails.
"""

import ast
import json
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.serializers import serialize
from django.db import IntegrityError, connection, transaction
from django.urls import resolve, reverse
from django.utils import timezone

from athletes.models import Athlete, monday_of
from tests.make import EASY, TRACK, make_athlete, make_full_week, make_group, make_week
from tests.test_access import addresses, posted
from tests.world import make_world, tokens_of
from workouts.models import Action, SeasonPlan, Session, TrackLimitReached, TrainingWeek, acting
from workouts.undoing import undo

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parent.parent
# The pages go by today: plans begin in weeks to come.
MONDAY = monday_of(timezone.now().date()) + timedelta(weeks=2)
VERBS = {
    "schedule", "move", "edit", "restore", "swap_days", "remove", "set_track_limit", "follow_limit",
    "limit_changed", "place", "schedule_for", "undo", "follow", "bring", "leave",
}  # fmt: skip
# What writes rows past the verbs, in a function that handles sessions or weeks.
RAW = {
    "create", "bulk_create", "get_or_create", "update_or_create", "update", "bulk_update", "save",
    "delete", "raw", "execute", "executemany",
}  # fmt: skip
ROWS = {"Session", "TrainingWeek", "session", "sessions", "week", "weeks"}
INSIDE = {"models", "planning", "undoing", "seasons", "season_edits"}  # where the rule is kept


def listed() -> dict[str, str]:
    """Return the paths of the list by name, and what each is: address, command or code."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    _, _, section = page.partition("## Every path that writes a session")
    section = section.partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \|", section, re.MULTILINE)
    return dict(rows)


# The list is whole --------------------------------------------------------------------------------


def test_every_address_that_writes_a_session_is_on_the_list():
    world = make_world()
    side = world.harriers
    client = world.client("coach")
    writes = set()
    for address in addresses(side):
        if (
            address.name.startswith("admin:")
            or "workouts" not in resolve(address.path).func.__module__
        ):
            continue
        for as_htmx in ({}, {"HTTP_HX_REQUEST": "true"}):
            with transaction.atomic():
                before = Session.history.count() + TrainingWeek.history.count()
                client.post(address.path, posted(address.name, side), **as_htmx)
                if Session.history.count() + TrainingWeek.history.count() != before:
                    writes.add(address.name)
                transaction.set_rollback(True)
    on_the_list = {name for name, sort in listed().items() if sort == "address"}
    assert writes - on_the_list == set()
    # Not all of them change something in this world: a plan may be brought up to date already.
    assert len(writes) > len(on_the_list) / 2


def test_every_change_by_a_page_is_an_action_of_somebody():
    """No row of the history that came through an address is without who did it, and how."""
    world = make_world()
    side = world.harriers
    client = world.client("coach")
    for address in addresses(side):
        if address.name.startswith("admin:"):
            continue
        with transaction.atomic():
            last = [model.history.count() for model in (Session, TrainingWeek)]
            client.post(address.path, posted(address.name, side))
            for model, count in zip((Session, TrainingWeek), last, strict=True):
                for row in model.history.order_by("history_id")[count:]:
                    # A week that is only opened, with nothing in it yet, is nobody's change.
                    is_opened = model is TrainingWeek and row.history_type == "+"
                    who = side.athlete.user if address.name == "mail_move" else side.coach
                    assert is_opened or (row.action and row.action.by == who), address.name
            transaction.set_rollback(True)


def test_every_function_outside_the_models_that_changes_sessions_is_on_the_list():
    """Read from the code: who calls a verb of a week, a whole-squad change, or writes rows."""
    callers = set()
    for path in [*ROOT.glob("workouts/**/*.py"), *ROOT.glob("athletes/**/*.py")]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "migrations" in parts or parts[1] in INSIDE or parts[:2] == ("athletes", "models"):
            continue
        callers |= {f"{parts[-1]}.{name}" for name in writers(path.read_text("utf-8"))}
    named = set(re.findall(r"`(\w+\.\w+)`", architecture_section()))
    assert callers - named == set()
    assert {one for one in named if not exists(one)} == set()


@pytest.mark.parametrize(
    "line",
    [
        "Session.objects.create(week=1)",
        "week.sessions.create(weekday=2)",
        "rows = Session.objects.filter(pk=1); rows.update(kind='TRACK')",
        "session.save()",
        "session.week.athlete.weeks.all().delete()",
        "Session.objects.bulk_create([])",
        "connection.cursor().execute('UPDATE workouts_session')",
        "planning.place(drafts)",
    ],
)
def test_a_function_that_writes_past_the_verbs_is_noticed(line):
    assert writers(f"def view(request):\n    {line}\n") == {"view"}


def writers(code: str) -> set[str]:
    """Return the functions that change sessions: by a verb, or by writing rows themselves.

    What is called on `self` is a form's or a command's own, and stands there under its own name.
    """
    found = set()
    for function in ast.walk(ast.parse(code)):
        if isinstance(function, ast.FunctionDef):
            nodes = list(ast.walk(function))
            calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
            verbs = {call.rpartition(".")[2] for call in calls if not call.startswith("self.")}
            words = {node.id for node in nodes if isinstance(node, ast.Name)}
            words |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            sql = {"execute", "executemany"} & verbs
            if verbs & VERBS or sql or (verbs & RAW and words & ROWS):
                found.add(function.name)
    return found


def architecture_section() -> str:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    return page.partition("## Every path that writes a session")[2].partition("\n## ")[0]


def exists(name: str) -> bool:
    module, _, function = name.partition(".")
    files = [*ROOT.glob(f"workouts/**/{module}.py"), *ROOT.glob(f"athletes/**/{module}.py")]
    return any(f"def {function}(" in file.read_text("utf-8") for file in files)


# The rule on each ---------------------------------------------------------------------------------


class Squad:
    """Ana with a full week and half a next one, Bo with nothing, both in a group."""

    def __init__(self, client: Any, coach: Any, team: Any) -> None:
        self.client, self.coach, self.team = client, coach, team
        self.ana = make_athlete(team=team, name="Ana Sousa")
        self.bo = make_athlete(team=team, name="Bo Lund")
        self.group = make_group(self.ana, self.bo, team=team)
        self.full = make_full_week(athlete=self.ana, starts_on=MONDAY)
        self.easy = self.full.schedule(weekday=6, **EASY)
        self.next = make_week(athlete=self.ana, starts_on=MONDAY + timedelta(days=7))
        self.track = self.next.schedule(weekday=2, **TRACK)

    def post(self, name: str, *args: Any, **data: Any) -> Any:
        return self.client.post(reverse(name, args=args), data)

    def post_session(self, name: str, session: Session, **change: Any) -> Any:
        """Post the form of a session's page with a change."""
        form = self.client.get(reverse("session_detail", args=[session.pk])).context["edit_form"]
        data = {field: form[field].value() for field in form.fields} | change
        data = {field: "" if value is None else value for field, value in data.items()}
        return self.post(name, session.pk, **data)

    def plan(self) -> SeasonPlan:
        """A plan of one week with two track sessions."""
        plan = SeasonPlan.objects.create(team=self.team, title="Two a week")
        plan.set_weeks(1)
        day = {"kind": "TRACK", "surface": "TRACK", "title": "Laps", "notation": "8 x 400 @ mile"}
        plan.weeks.get().fill(
            [day | {"weekday": 1}, day | {"weekday": 5}], phase="BUILD", track_limit=2
        )
        return plan


@pytest.fixture
def squad(coach_client, coach, team):
    return Squad(coach_client, coach, team)


def week_url_args(squad):
    return squad.team.slug, MONDAY


def follow(squad, plan, starts_on=MONDAY):
    return squad.post(
        "season_follow",
        squad.team.slug,
        plan.pk,
        whom=[f"athlete-{squad.ana.pk}"],
        starts_on=starts_on.isoformat(),
        follow="1",
    )


def lower_the_limit(squad):
    url = reverse("athlete_edit", args=[squad.ana.pk])
    form = squad.client.get(url).context["form"]
    data = {name: form[name].value() for name in form.fields} | {"track_limit": "1"}
    return squad.client.post(url, {k: "" if v is None else v for k, v in data.items()})


def pause(squad, name="pause_add"):
    data = {"reason": "INJURY", "starts_on": MONDAY.isoformat(), "gentle_weeks": "2"}
    return squad.post(name, squad.ana.pk, **data)


def undo_a_removal(squad):
    """The slot of what was removed is taken meanwhile."""
    first = squad.full.sessions.get(weekday=2)
    squad.post("board_remove", first.pk)
    squad.full.schedule(weekday=5, **TRACK)
    return squad.post("board_undo", squad.team.slug, week=MONDAY.isoformat())


def bring_an_edit(squad):
    """The plan's edit makes an easy run a track session, in a week that is full by now."""
    plan = squad.plan()
    week = plan.weeks.get()
    easy = {"kind": "EASY", "surface": "", "title": "Jog", "notation": "8km easy", "weekday": 1}
    week.fill([easy], phase="BUILD", track_limit=2)
    follow(squad, plan)
    laps = {"kind": "TRACK", "surface": "TRACK", "title": "Laps", "notation": "8 x 400 @ mile"}
    row = week.sessions.get()
    week.fill([laps | {"weekday": 1, "pk": row.pk}], phase="BUILD", track_limit=2)
    return squad.post("season_changes", squad.team.slug, plan.pk)


def rewrite_what_is_run_on_the_track(squad):
    """Easy laps on the track become fast ones, though the session is still called an easy run."""
    squad.full.edit(squad.easy, kind="EASY", surface="TRACK")
    return squad.post("board_session", squad.easy.pk, notation=TRACK["notation"], title="Easy run")


def leave_a_plan(squad):
    """With one of its sessions placed, in the week that has a slot left."""
    plan = squad.plan()
    follow(squad, plan, starts_on=squad.next.starts_on)
    return squad.post("enrolment_leave", plan.enrolments.get().pk)


def move_by_mail(squad):
    """Back from a week that has room, into the full one before it."""
    squad.next.publish(now=timezone.now())
    token = tokens_of(squad.track, squad.ana)["move"]
    return squad.post("mail_move", token, on=str(MONDAY + timedelta(days=4)))


TRIES: dict[str, Any] = {
    "session_add": lambda s: s.post(
        "session_add", *week_url_args(s), whom=f"group-{s.group.pk}", weekday="5",
        notation=TRACK["notation"], kind="TRACK", action="add",
    ),
    "session_edit": lambda s: s.post_session("session_edit", s.easy, kind="TRACK", surface="TRACK"),
    "session_move": lambda s: s.post("session_move", s.track.pk, on=str(MONDAY)),
    "session_remove": lambda s: s.post("session_remove", s.easy.pk),
    "week_edit": lambda s: s.post("week_edit", s.full.pk, track_limit="3", phase="", note=""),
    "board_session": rewrite_what_is_run_on_the_track,
    "board_move": lambda s: s.post("board_move", s.track.pk, on=str(MONDAY)),
    "board_copy": lambda s: s.post(
        "board_copy", s.track.pk, on=str(MONDAY), whom=f"athlete-{s.ana.pk}"
    ),
    "board_remove": lambda s: s.post("board_remove", s.easy.pk),
    "board_add": lambda s: s.post(
        "board_add", s.ana.pk, MONDAY, what=TRACK["notation"], weekday="5"
    ),
    "board_swap": lambda s: s.post("board_swap", s.ana.pk, MONDAY, one="2", other="6"),
    "board_copy_week": lambda s: s.post(
        "board_copy_week", s.ana.pk, MONDAY, first=str(s.next.starts_on), weeks="1"
    ),
    "board_undo": undo_a_removal,
    "season_follow": lambda s: follow(s, s.plan()),
    "season_changes": bring_an_edit,
    "enrolment_leave": leave_a_plan,
    "athlete_edit": lower_the_limit,
    "pause_add": pause,
    "pause_edit": lambda s: (
        pause(s),
        s.post(
            "pause_edit", s.ana.pauses.get().pk, reason="AWAY", starts_on=str(MONDAY),
            gentle_weeks="0",
        ),
    ),
    "pause_remove": lambda s: (pause(s), s.post("pause_remove", s.ana.pauses.get().pk)),
    "mail_move": move_by_mail,
}  # fmt: skip


def load(rows: Any) -> None:
    data = json.loads(serialize("json", rows))
    for number, row in enumerate(data):
        row["pk"] = 9000 + number
    path = ROOT / "var" / f"third-{timezone.now():%H%M%S%f}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data))
    try:
        call_command("loaddata", str(path), verbosity=0, stdout=StringIO())
    finally:
        path.unlink()


def third(squad: Squad, **more: Any) -> Session:
    return Session(week=squad.full, weekday=5, track_limit=2, **(TRACK | {"track_slot": 2} | more))


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


CODE: dict[str, Any] = {
    "schedule": lambda s: s.full.schedule(weekday=5, **TRACK),
    "move": lambda s: s.full.move(s.track, weekday=5),
    "edit": lambda s: s.full.edit(s.easy, kind="FARTLEK", surface="TRACK"),
    "restore": lambda s: s.full.restore(
        s.easy.pk, kind="RACE", surface="TRACK", weekday=6, title="5000 m", notation="5k @ 5k"
    ),
    "set_track_limit": lambda s: s.full.set_track_limit(1),
    "create": lambda s: third(s).save(),
    "bulk_create": lambda s: Session.objects.bulk_create([third(s, track_slot=1)]),
    "update": lambda s: Session.objects.filter(pk=s.easy.pk).update(kind="TRACK"),
    "update_surface": lambda s: Session.objects.filter(week=s.full).update(
        kind="TEMPO", surface="TRACK"
    ),
    "sql": lambda s: sql(
        "UPDATE workouts_session SET week_id = %s, weekday = 5 WHERE id = %s", s.full.pk, s.track.pk
    ),
    "loaddata": lambda s: load([third(s)]),
    "raise_to_three": lambda s: TrainingWeek.objects.filter(pk=s.full.pk).update(track_limit=3),
    "merge_athletes": lambda s: TrainingWeek.objects.filter(
        pk=make_full_week(athlete=s.bo, starts_on=MONDAY).pk
    ).update(athlete=s.ana),
}


def test_every_path_of_the_list_is_tried_here():
    paths = listed()
    assert {name for name, sort in paths.items() if sort == "address"} == set(TRIES)
    assert {name for name, sort in paths.items() if sort == "code"} == set(CODE)
    assert {name for name, sort in paths.items() if sort == "command"} == {"load_demo"}


@pytest.mark.parametrize("name", TRIES)
def test_no_page_brings_a_third_track_session_into_a_week(name, squad):
    answer = TRIES[name](squad)
    assert Session.objects.filter(week=squad.full).on_track().count() <= 2
    assert not TrainingWeek.objects.over_limit().exists()
    assert set(TrainingWeek.objects.values_list("track_limit", flat=True)) <= {0, 1, 2}
    last = answer[-1] if isinstance(answer, tuple) else answer
    assert last.status_code in (200, 302, 422), name


def days(week: TrainingWeek) -> dict[int, str]:
    return dict(week.sessions.values_list("weekday", "title"))


def limit_of(squad: Squad, week: TrainingWeek) -> int:
    return TrainingWeek.objects.get(pk=week.pk).track_limit


TUESDAY, THURSDAY, EASY_DAY = (2, "6 × 800 m"), (4, "Pyramid"), (6, "Easy run")
# What each does instead, where it is not refused: the third that could have come did not come.
DONE: dict[str, Any] = {
    "session_remove": lambda s: days(s.full) == dict([TUESDAY, THURSDAY]),
    "board_remove": lambda s: days(s.full) == dict([TUESDAY, THURSDAY]),
    "board_swap": lambda s: days(s.full) == {2: "Easy run", 4: "Pyramid", 6: "6 × 800 m"},
    # Three is none of the choices: the form says so, the limit stays.
    "week_edit": lambda s: limit_of(s, s.full) == 2,
    "season_changes": lambda s: s.full.sessions.filter(title="Laps").on_track().count() == 0,
    "enrolment_leave": lambda s: days(s.next) == {2: s.track.title},
    # A week that holds more keeps its limit, one that fits takes the new one.
    "athlete_edit": lambda s: (limit_of(s, s.full), limit_of(s, s.next)) == (2, 1),
    "pause_add": lambda s: (limit_of(s, s.full), limit_of(s, s.next)) == (2, 1),
    # Away is no injury: what is run on the other days may be on the track.
    "pause_edit": lambda s: (limit_of(s, s.full), limit_of(s, s.next)) == (2, 2),
    "pause_remove": lambda s: (limit_of(s, s.full), limit_of(s, s.next)) == (2, 2),
    # The athlete is not told what else the coach has planned.
    "mail_move": lambda s: days(s.next) == {2: s.track.title},
}


@pytest.mark.parametrize("name", DONE)
def test_what_is_not_refused_does_what_it_says_and_no_more(name, squad):
    TRIES[name](squad)
    assert DONE[name](squad), (days(squad.full), days(squad.next))


def test_every_page_is_refused_or_does_what_it_says():
    assert {*REFUSED, *DONE} == set(TRIES)


REFUSED = ["session_add", "session_edit", "session_move", "board_session", "board_move",
           "board_copy", "board_add", "board_copy_week", "board_undo", "season_follow"]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_what_is_in_the_way(name, squad):
    answer = TRIES[name](squad)
    text = (answer if answer.status_code != 302 else squad.client.get(answer.url)).text
    assert "already has" in text, name
    assert "Tuesday 6 × 800 m" in text or "Thursday Pyramid" in text, name


@pytest.mark.parametrize("name", CODE)
def test_no_code_past_the_pages_brings_one_in_either(name, squad):
    with pytest.raises((TrackLimitReached, IntegrityError)), transaction.atomic():
        CODE[name](squad)
        connection.check_constraints()
    assert Session.objects.filter(week=squad.full).on_track().count() == 2
    assert not TrainingWeek.objects.over_limit().exists()


def test_the_demo_keeps_to_the_rule():
    call_command("load_library", stdout=StringIO())
    call_command("load_demo", stdout=StringIO())
    assert Session.objects.on_track().exists()
    assert not TrainingWeek.objects.over_limit().exists()


def test_a_track_session_moves_to_a_week_that_has_one(squad):
    other = make_week(athlete=squad.ana, starts_on=MONDAY + timedelta(days=14))
    other.schedule(weekday=4, **TRACK)
    answer = squad.post("board_move", squad.track.pk, on=str(other.starts_on))
    assert answer.status_code in (200, 302)
    assert other.sessions.on_track().count() == 2


def test_a_change_of_time_zone_moves_no_session_into_another_week(squad):
    sunday = squad.next.schedule(weekday=7, **TRACK)
    Athlete.objects.filter(pk=squad.ana.pk).update(time_zone="Pacific/Auckland")
    sunday.refresh_from_db()
    assert (sunday.week, sunday.weekday) == (squad.next, 7)
    assert not TrainingWeek.objects.over_limit().exists()


def test_what_is_taken_back_twice_does_not_come_back_twice(squad, now):
    with acting(team=squad.team, by=squad.coach, path="FORM", label="Removed"):
        squad.full.sessions.get(weekday=2).remove()
    action = Action.objects.latest("pk")
    undo(action, by=squad.coach, now=now)
    undo(action, by=squad.coach, now=now)
    assert squad.full.sessions.on_track().count() == 2


# The cases of bad_inputs/limit.json ---------------------------------------------------------------


def rows() -> set[tuple[Any, ...]]:
    return set(Session.objects.values_list("pk", "week", "weekday", "kind", "surface"))


def stale_page(squad):
    """A second tab adds a track session while the first shows the form of an easy run."""
    easy = squad.next.schedule(weekday=3, **EASY)
    url = reverse("session_edit", args=[easy.pk])
    form = squad.client.get(reverse("session_detail", args=[easy.pk])).context["edit_form"]
    data = {field: form[field].value() or "" for field in form.fields}
    squad.next.schedule(weekday=5, **TRACK)
    squad.rows = rows()
    return squad.client.post(url, data | {"kind": "TRACK", "surface": "TRACK"})


def none_allowed(squad):
    Athlete.objects.filter(pk=squad.bo.pk).update(track_limit=0)
    return squad.post("board_add", squad.bo.pk, MONDAY, what=TRACK["notation"], weekday="5")


def limit_of_three(squad):
    url = reverse("athlete_edit", args=[squad.ana.pk])
    form = squad.client.get(url).context["form"]
    data = {name: form[name].value() for name in form.fields} | {"track_limit": "3"}
    return squad.client.post(url, {k: "" if v is None else v for k, v in data.items()})


def sunday_and_monday(squad):
    squad.next.schedule(weekday=7, **TRACK)
    after = squad.next.starts_on + timedelta(weeks=1)
    return squad.post("board_add", squad.ana.pk, after, what=TRACK["notation"], weekday="1")


CASES = {
    case["id"]: case
    for case in json.loads((ROOT / "tests/bad_inputs/limit.json").read_text("utf-8"))["cases"]
}
HOW: dict[str, Any] = {
    "limit-001": TRIES["session_add"],
    "limit-002": TRIES["board_move"],
    "limit-003": TRIES["session_edit"],
    "limit-005": TRIES["session_add"],  # for a group: Ana has two, Bo none
    "limit-013": stale_page,
    "limit-021": CODE["loaddata"],
    "limit-023": none_allowed,
    "limit-024": lower_the_limit,
    "limit-025": limit_of_three,
    "limit-026": CODE["merge_athletes"],
    "limit-030": lambda s: s.post("board_move", s.track.pk, on=str(MONDAY + timedelta(weeks=2))),
    "limit-031": sunday_and_monday,
}
# Told elsewhere: what happens at once needs real connections, what moves no row has its own words.
ELSEWHERE = {
    "limit-014": "test_of_eight_coaches_who_add_to_one_empty_week_two_succeed_and_six_are_told_why",
    "limit-015": "test_of_eight_coaches_who_add_to_one_empty_week_two_succeed_and_six_are_told_why",
    "limit-016": "test_of_eight_coaches_who_add_to_one_empty_week_two_succeed_and_six_are_told_why",
    "limit-027": "test_a_change_of_time_zone_moves_no_session_into_another_week",
}


def test_every_case_of_the_file_is_tried():
    assert set(CASES) == {*HOW, *ELSEWHERE}
    tests = "".join(file.read_text("utf-8") for file in (ROOT / "tests").glob("test_*.py"))
    for name in ELSEWHERE.values():
        assert f"def {name}(" in tests


@pytest.mark.parametrize("case", HOW)
def test_a_case_of_the_file_is_answered_as_it_asks(case, squad):
    expected = CASES[case]["expect"]
    make_week(athlete=squad.ana, starts_on=MONDAY + timedelta(weeks=2)).schedule(weekday=4, **TRACK)
    squad.rows = rows()
    try:
        with transaction.atomic():
            answer = HOW[case](squad)
            connection.check_constraints()
    except IntegrityError:
        assert case in (
            "limit-021",
            "limit-026",
        )  # past the pages: the database refuses in its words
        assert rows() == squad.rows
        return
    page = answer if answer.status_code != 302 else squad.client.get(answer.url)
    assert page.status_code < 500
    is_taken = "accept" in expected["outcome"] or expected["outcome"] == ["warn"]
    assert (rows() != squad.rows) == is_taken
    assert not TrainingWeek.objects.over_limit().exists()
    if words := expected.get("message_mentions_one_of"):
        assert any(word in page.text.lower() for word in words)
