"""Every address of the site, asked for by everybody, in every way; nobody gets more than their own.

The addresses come from the URLconf, the answers from one table. An address that the table does not
know fails the test: see `test_every_address_is_in_the_table`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.urls import get_resolver, resolve, reverse

from tests.world import HARRIERS, RIVALS, Side, World, make_world

PEOPLE = [
    "nobody",
    "coach",
    "assistant",
    "athlete",
    "mate",
    "rival_coach",
    "rival_athlete",
    "staff",
]

# Who gets what from the Harriers' own addresses. A number is a status; a word is the name of the
# page that the answer leads on to (302). GET and POST stand for the request by page and by htmx,
# unless a line of its own says otherwise. The POSTs carry what `posted` returns: with the right
# person they succeed.
TABLE = """
address            method   nobody     coach      assistant  athlete    mate       rival_coach rival_athlete staff

healthz            GET      503        503        503        503        503        503        503        503
healthz            POST     405        405        405        405        405        405        405        405
home               ANY      login      board_now  board_now  today      today      board_now  today      team_add
theme_set          GET      405        405        405        405        405        405        405        405
theme_set          POST     home       home       home       home       home       home       home       home
team_add           GET      login      200        200        200        200        200        200        200
team_add           POST     login      roster     roster     roster     roster     roster     roster     roster
team_edit          GET      login      200        200        404        404        404        404        404
team_edit          POST     login      team_edit  team_edit  404        404        404        404        404
roster             ANY      login      200        200        404        404        404        404        404
athlete_add        GET      login      200        200        404        404        404        404        404
athlete_add        POST     login      athlete_detail athlete_detail 404 404       404        404        404
roster_import      GET      login      200        200        404        404        404        404        404
roster_import      POST     login      roster     roster     404        404        404        404        404
group_add          GET      login      405        405        405        405        405        405        405
group_add          POST     login      roster     roster     404        404        404        404        404
athlete_detail     ANY      login      200        200        200        404        404        404        404
athlete_edit       GET      login      200        200        404        404        404        404        404
athlete_edit       POST     login      athlete_detail athlete_detail 404 404       404        404        404
athlete_invite     GET      login      405        405        405        405        405        405        405
athlete_invite     POST     login      athlete_detail athlete_detail 404 404       404        404        404
race_add           GET      login      405        405        405        405        405        405        405
race_add           POST     login      athlete_detail athlete_detail athlete_detail 404 404   404        404
race_edit          GET      login      200        200        200        404        404        404        404
race_edit          POST     login      athlete_detail athlete_detail athlete_detail 404 404   404        404
race_preview       GET      login      405        405        405        405        405        405        405
race_preview       POST     login      200        200        200        404        404        404        404
race_edit_preview  GET      login      405        405        405        405        405        405        405
race_edit_preview  POST     login      200        200        200        404        404        404        404
pause_add          GET      login      200        200        404        404        404        404        404
pause_add          POST     login      athlete_detail athlete_detail 404 404       404        404        404
pause_edit         GET      login      200        200        404        404        404        404        404
pause_edit         POST     login      athlete_detail athlete_detail 404 404       404        404        404
pause_remove       GET      login      405        405        405        405        405        405        405
pause_remove       POST     login      athlete_detail athlete_detail 404 404       404        404        404
override_add       GET      login      405        405        405        405        405        405        405
override_add       POST     login      athlete_detail athlete_detail 404 404       404        404        404
override_end       GET      login      405        405        405        405        405        405        405
override_end       POST     login      athlete_detail athlete_detail 404 404       404        404        404
race_remove        GET      login      405        405        405        405        405        405        405
race_remove        POST     login      athlete_detail athlete_detail athlete_detail 404 404   404        404
invitation_accept  GET      200        200        200        200        200        200        200        200
invitation_accept  POST     today      409        409        409        409        409        409        409
today              ANY      login      home       home       200        200        home       200        home
board_now          ANY      login      board      board      404        404        404        404        404
board              ANY      login      200        200        404        404        404        404        404
session_add        GET      login      200        200        404        404        404        404        404
session_add        POST     login      board      board      404        404        404        404        404
session_add        HX-POST  login      200        200        404        404        404        404        404
week_publish       GET      login      200        200        404        404        404        404        404
week_publish       POST     login      board      board      404        404        404        404        404
week_publish       HX-POST  login      200        200        404        404        404        404        404
athlete_publish    GET      login      200        200        404        404        404        404        404
athlete_publish    POST     login      athlete_week athlete_week 404        404        404        404        404
week_revision      ANY      login      200        200        404        404        404        404        404
week_send_now      GET      login      405        405        405        405        405        405        405
week_send_now      POST     login      board      board      404        404        404        404        404
week_send_now      HX-POST  login      200        200        404        404        404        404        404
budget_now         ANY      login      track_budget track_budget 404   404        404        404        404
track_budget       ANY      login      200        200        404        404        404        404        404
library            ANY      login      200        200        404        404        404        404        404
workout_add        GET      login      200        200        404        404        404        404        404
workout_add        POST     login      workout_detail workout_detail 404 404       404        404        404
workout_detail     ANY      login      200        200        404        404        404        404        404
workout_edit       GET      login      200        200        404        404        404        404        404
workout_edit       POST     login      workout_detail workout_detail 404 404       404        404        404
workout_preview    GET      login      405        405        405        405        405        405        405
workout_preview    POST     login      200        200        404        404        404        404        404
workout_copy       GET      login      405        405        405        405        405        405        405
workout_copy       POST     login      workout_edit workout_edit 404 404          404        404        404
workout_archive    GET      login      405        405        405        405        405        405        405
workout_archive    POST     login      library    library    404        404        404        404        404
season_list        ANY      login      200        200        404        404        404        404        404
season_add         GET      login      200        200        404        404        404        404        404
season_add         POST     login      season_detail season_detail 404 404         404        404        404
season_detail      ANY      login      200        200        404        404        404        404        404
season_edit        GET      login      200        200        404        404        404        404        404
season_edit        POST     login      season_detail season_detail 404 404         404        404        404
season_week        GET      login      200        200        404        404        404        404        404
season_week        POST     login      season_detail season_detail 404 404         404        404        404
season_copy        GET      login      405        405        405        405        405        405        405
season_copy        POST     login      season_detail season_detail 404 404         404        404        404
season_archive     GET      login      405        405        405        405        405        405        405
season_archive     POST     login      season_list season_list 404     404         404        404        404
season_follow      GET      login      200        200        404        404        404        404        404
season_follow      POST     login      season_detail season_detail 404 404         404        404        404
season_changes     GET      login      200        200        404        404        404        404        404
season_changes     POST     login      season_detail season_detail 404 404         404        404        404
enrolment_leave    GET      login      405        405        405        405        405        405        405
enrolment_leave    POST     login      season_detail season_detail 404 404         404        404        404
notation_help      ANY      login      200        200        200        200        200        200        200
athlete_week       ANY      login      200        200        200        404        404        404        404
athlete_month      ANY      login      200        200        200        404        404        404        404
week_edit         GET      login      405        405        405        405        405        405        405
week_edit         POST     login      athlete_week athlete_week 404    404        404        404        404
doubt_accept      GET      login      405        405        405        405        405        405        405
doubt_accept      POST     login      athlete_week athlete_week 404    404        404        404        404
session_detail     ANY      login      200        200        404        404        404        404        404
session_edit       GET      login      405        405        405        405        405        405        405
session_edit       POST     login      session_detail session_detail 404 404       404        404        404
session_move       GET      login      405        405        405        405        405        405        405
session_move       POST     login      session_detail session_detail 404 404       404        404        404
session_remove     GET      login      405        405        405        405        405        405        405
session_remove     POST     login      board      board      404        404        404        404        404
result_log         GET      login      200        200        200        404        404        404        404
result_log         POST     login      athlete_week athlete_week athlete_week 404  404        404        404
board_session      GET      login      200        200        404        404        404        404        404
board_session      POST     login      board      board      404        404        404        404        404
board_session      HX-POST  login      200        200        404        404        404        404        404
board_move         GET      login      200        200        404        404        404        404        404
board_move         POST     login      board      board      404        404        404        404        404
board_move         HX-POST  login      200        200        404        404        404        404        404
board_copy         GET      login      200        200        404        404        404        404        404
board_copy         POST     login      board      board      404        404        404        404        404
board_copy         HX-POST  login      200        200        404        404        404        404        404
board_remove       GET      login      200        200        404        404        404        404        404
board_remove       POST     login      board      board      404        404        404        404        404
board_remove       HX-POST  login      200        200        404        404        404        404        404
board_add          GET      login      200        200        404        404        404        404        404
board_add          POST     login      board      board      404        404        404        404        404
board_add          HX-POST  login      200        200        404        404        404        404        404
board_swap         GET      login      200        200        404        404        404        404        404
board_swap         POST     login      board      board      404        404        404        404        404
board_swap         HX-POST  login      200        200        404        404        404        404        404
board_copy_week    GET      login      200        200        404        404        404        404        404
board_copy_week    POST     login      board      board      404        404        404        404        404
board_copy_week    HX-POST  login      200        200        404        404        404        404        404
board_week         GET      login      200        200        404        404        404        404        404
board_week         POST     login      200        200        404        404        404        404        404
board_undo         GET      login      405        405        405        405        405        405        405
board_undo         POST     login      board      board      404        404        404        404        404
board_undo         HX-POST  login      200        422        404        404        404        404        404
mail_done          GET      200        200        200        200        200        200        200        200
mail_done          POST     mail_done  mail_done  mail_done  mail_done  mail_done  mail_done  mail_done  mail_done
mail_move          GET      200        200        200        200        200        200        200        200
mail_move          POST     mail_move  mail_move  mail_move  mail_move  mail_move  mail_move  mail_move  mail_move
mail_cannot        GET      200        200        200        200        200        200        200        200
mail_cannot        POST     mail_cannot mail_cannot mail_cannot mail_cannot mail_cannot mail_cannot mail_cannot mail_cannot
mail_unsubscribe   ANY      200        200        200        200        200        200        200        200
mail_settings      GET      login      404        404        200        404        404        404        404
mail_settings      POST     login      404        404        mail_settings 404 404        404        404
calendar_settings  GET      login      404        404        200        404        404        404        404
calendar_settings  POST     login      404        404        calendar_settings 404 404    404        404
calendar_feed      GET      200        200        200        200        200        200        200        200
calendar_feed      POST     405        405        405        405        405        405        405        405
team_history       ANY      login      200        200        404        404        404        404        404
week_history       ANY      login      200        200        404        404        404        404        404
mails              ANY      login      200        200        404        404        404        404        404
mails_progress     ANY      login      200        200        404        404        404        404        404
mails_pause        GET      login      405        405        405        405        405        405        405
mails_pause        POST     login      mails      mails      404        404        404        404        404
digest_set         GET      login      405        405        405        405        405        405        405
digest_set         POST     login      mails      mails      404        404        404        404        404
mail_detail        ANY      login      200        200        404        404        404        404        404
mail_html          ANY      login      200        200        404        404        404        404        404
mail_send          GET      login      405        405        405        405        405        405        405
mail_send          POST     login      mails      mails      404        404        404        404        404
"""  # noqa: E501

# Pages of the account, allauth's. They hold nothing of a team: all who are logged in get the same.
ACCOUNT_TABLE = """
address                               method  nobody                  logged_in

account_login                         ANY     200                     home
account_logout                        GET     home                    200
account_logout                        POST    home                    home
account_inactive                      GET     200                     200
account_inactive                      POST    405                     405
account_signup                        ANY     200                     home
account_reauthenticate                ANY     login                   200
account_email                         GET     login                   200
account_email                         POST    login                   account_email
account_email_verification_sent       ANY     login                   account_email
account_change_password               ANY     login                   200
account_set_password                  ANY     login                   account_change_password
account_reset_password                ANY     200                     200
account_reset_password_done           GET     200                     200
account_reset_password_done           POST    405                     405
account_reset_password_from_key       ANY     200                     200
account_reset_password_from_key_done  GET     200                     200
account_reset_password_from_key_done  POST    405                     405
account_request_login_code            ANY     200                     home
account_confirm_login_code            ANY     account_request_login_code home
"""

# The back office: staff alone. What staff gets is known by the end of the name.
STAFF_GETS = {
    "index": "200",
    "login": "admin:index",
    "logout": "405",
    "password_change": "200",
    "password_change_done": "200",
    "autocomplete": "403",
    "jsi18n": "200",
    "view_on_site": "404",
    "app_list": "200",
    "changelist": "200",
    "add": "200",
    "history": "200",
    "delete": "200",
    "change": "200",
    "redirect": "302",
    "catch_all": "404",
}
STAFF_POSTS = {
    "login": "200",
    "logout": "200",
    "password_change_done": "405",
    "jsi18n": "405",
    "autocomplete": "405",
}
READ_ONLY = (
    "publishedplan",
    "delivery",
    "paceoverride",
    "trainingweek",
    "workouts_session",
    "workouts_result",
)

MAIL_LINKS = ("mail_done", "mail_move", "mail_cannot", "mail_unsubscribe", "calendar_feed")
METHODS = ("GET", "HX-GET", "POST", "HX-POST")


@dataclass(frozen=True)
class Address:
    name: str
    path: str
    absent: str = ""  # the same address with an id that is not there, "" where it holds no id


def expectations() -> dict[tuple[str, str, str], str]:
    """Return what is expected, by address, method and person."""
    expected: dict[tuple[str, str, str], str] = {}
    for line in TABLE.strip().splitlines()[2:]:
        name, method, *answers = line.split()
        for person, answer in zip(PEOPLE, answers, strict=True):
            fill(expected, name, method, person, answer)
    for line in ACCOUNT_TABLE.strip().splitlines()[2:]:
        name, method, nobody, logged_in = line.split()
        for person in PEOPLE:
            fill(expected, name, method, person, nobody if person == "nobody" else logged_in)
    return expected


def fill(expected: dict[Any, str], name: str, method: str, person: str, answer: str) -> None:
    methods = {"ANY": METHODS, "GET": METHODS[:2], "POST": METHODS[2:]}.get(method, (method,))
    for one in methods:
        expected[name, one, person] = answer


def arguments(side: Side) -> dict[str, dict[str, Any]]:
    """Return the arguments of each address of a team, by the kinds of id that it holds."""
    return {
        "slug": {"slug": side.team.slug},
        "athlete_id": {"athlete_id": side.athlete.pk},
        "race_id": {"race_id": side.race.pk},
        "override_id": {"override_id": side.override.pk},
        "pause_id": {"pause_id": side.pause.pk},
        "token": {"token": side.token},
        **{
            f"{purpose}_token": {f"{purpose}_token": token}
            for purpose, token in side.mail_tokens.items()
        },
        "starts_on": {"starts_on": side.monday},
        "month": {"month": side.monday.replace(day=1)},
        "workout_id": {"workout_id": side.workout.pk},
        "plan_id": {"plan_id": side.plan.pk},
        "number": {"number": 1},
        "enrolment_id": {"enrolment_id": side.enrolment.pk},
        "week_id": {"week_id": side.week.pk},
        "session_id": {"session_id": side.session.pk},
        "mail_id": {"mail_id": side.week.plans.get(revision=1).delivery.pk},
        "revision": {"revision": 1},
        "uidb36": {"uidb36": "1", "key": "not-a-key"},
        "key": {},
        "app_label": {"app_label": "workouts"},
        "content_type_id": {"content_type_id": 1, "object_id": 1},
    }


ABSENT = {
    "slug": "no-such-team",
    "token": "no-such-token",
    **dict.fromkeys(
        ["done_token", "move_token", "cannot_token", "unsubscribe_token", "calendar_token"],
        "no-such-token",
    ),
    **dict.fromkeys(
        [
            "athlete_id",
            "race_id",
            "override_id",
            "pause_id",
            "workout_id",
            "week_id",
            "session_id",
            "mail_id",
            "plan_id",
            "enrolment_id",
        ],
        10**9,
    ),
}


def posted(name: str, side: Side) -> dict[str, Any]:
    """Return what the page at this address would send, filled in well."""
    roster = b"name,email\nNew Runner,new.runner@club.example\n"
    athlete = {
        "name": "Ana Anew",
        "email": side.athlete.email,
        "level": "ADVANCED",
        "track_limit": "1",
        "time_zone": "UTC",
        "units": "KM",
        "send_weekday": "7",
        "send_time": "18:00",
    }
    sessions: dict[str, Any] = {"whom": f"athlete-{side.mate.pk}", "weekday": "3"}
    race = {"distance_m": "10k", "time_s": "46:30", "surface": "ROAD", "drives_paces": "on"}
    workout = {"title": "Fresh", "kind": "TRACK", "notation": "6 x 800 @ 5k, jog 200"}
    return {
        "theme_set": {"theme": "dark"},
        "team_add": {"name": "Newcomers", "coach": "Nora"},
        "athlete_add": athlete | {"email": "fresh@club.example"},
        "athlete_edit": athlete,
        "team_edit": {"name": "Harriers Too", "lap_m": "200", "split_m": "100"},
        **dict.fromkeys(
            ("pause_add", "pause_edit"),
            {"reason": "ILLNESS", "starts_on": "2026-10-01", "gentle_weeks": "1"},
        ),
        "group_add": {"name": "Milers"},
        "roster_import": {
            "action": "import",
            "roster": SimpleUploadedFile("roster.csv", roster, "text/csv"),
        },
        **dict.fromkeys(("race_add", "race_edit", "race_preview", "race_edit_preview"), race),
        "override_add": {"name": "5k", "pace": "4:05", "reason": "Back from illness"},
        "invitation_accept": {"password": "along-the-canal"},
        "session_add": sessions | {"workout": side.workout.pk},
        "workout_add": workout,
        "workout_edit": workout,
        "season_add": {"title": "Fresh", "number": "2"},
        "season_edit": {"title": "Fresher", "number": "2"},
        "season_week": {
            "phase": "BUILD",
            "track_limit": "1",
            "form-TOTAL_FORMS": "1",
            "form-INITIAL_FORMS": "0",
            "form-0-weekday": "2",
            "form-0-kind": "TRACK",
            "form-0-notation": "6 x 800 @ 5k, jog 200",
        },
        "season_follow": {
            "whom": f"athlete-{side.mate.pk}",
            "starts_on": (side.monday + timedelta(days=14)).isoformat(),
            "follow": "1",
        },
        "week_edit": {"track_limit": "1"},
        "session_edit": workout,
        "session_move": {"on": side.monday.isoformat()},
        "board_session": {"notation": "5 x 800 @ 5k, jog 200", "title": "Fives"},
        "board_move": {"on": side.monday.isoformat()},
        "board_copy": {"on": side.monday.isoformat(), "whom": f"athlete-{side.mate.pk}"},
        "board_add": {"what": "8km easy", "weekday": "3"},
        "board_swap": {"one": "6", "other": "7"},
        "board_copy_week": {
            "first": (side.monday + timedelta(days=7)).isoformat(),
            "weeks": "1",
            "whom": f"athlete-{side.mate.pk}",
        },
        "digest_set": {"digest_at": "07:00", "time_zone": "UTC"},
        "board_undo": {"week": (side.monday + timedelta(days=7)).isoformat()},
        "result_log": {"outcome": "PARTLY", "rpe": "7", "comment": "Windy"},
        "mail_done": {"outcome": "PARTLY", "rpe": "7", "comment": "Windy"},
        "mail_move": {"on": (side.monday + timedelta(days=9)).isoformat()},
        "mail_cannot": {"reason": "Fever"},
        "mail_settings": {"kinds": ["PLAN"]},
    }.get(name, {})


def addresses(side: Side) -> list[Address]:
    """Return every address of the URLconf, with the ids of this team in it."""
    return list(_addresses(get_resolver().url_patterns, arguments(side)))


def _addresses(
    patterns: list[Any], known: dict[str, Any], namespace: str = "", prefix: str = "/"
) -> Iterator[Address]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _addresses(pattern.url_patterns, known, inner, route)
        elif namespace == "admin:":
            yield _admin_address(pattern, route)
        else:
            holes = list(pattern.pattern.regex.groupindex)
            kwargs: dict[str, Any] = {}
            for hole in holes:
                assert hole in known, f"tests/test_access.py: `arguments` knows no value for {hole}"
                kwargs |= known[hole]
            absent = {hole: ABSENT[hole] for hole in holes if hole in ABSENT}
            yield Address(
                pattern.name,
                reverse(pattern.name, kwargs=kwargs),
                reverse(pattern.name, kwargs=kwargs | absent) if absent else "",
            )


def _admin_address(pattern: Any, route: str) -> Address:
    name = pattern.name
    if name is None:
        name = "catch_all" if "url" in pattern.pattern.regex.groupindex else "redirect"
    words = route.split("/")
    if "<path:object_id>" in route and "content_type_id" not in route:
        first = apps.get_model(words[2], words[3]).objects.order_by("pk").first()
        route = route.replace("<path:object_id>", str(first.pk if first else 1))
        if not first:
            name += "_absent"
    route = route.replace("<path:content_type_id>", "1").replace("<path:object_id>", "1")
    route = re.sub(r"\^?\(\?P<app_label>.*", "workouts/", route)
    return Address(f"admin:{name}", re.sub(r"\(\?P<url>.*", "no-such-page", route))


def expected_answer(
    expected: dict[tuple[str, str, str], str], address: Address, method: str, person: str
) -> str | None:
    """Return what the tables say, or None where they do not know the address."""
    if not address.name.startswith("admin:"):
        return expected.get((address.name, method, person))
    _, _, name = address.name.partition(":")
    kind = name if name in STAFF_GETS else name.rpartition("_")[2]
    if kind == "absent":
        kind, absent = name.split("_")[-2], True
    else:
        absent = False
    if kind not in STAFF_GETS:
        return None
    if person == "nobody":
        return "login"
    if person != "staff":
        return {"login": "403", "logout": "admin:index"}.get(kind, "login")
    if "POST" in method and kind in STAFF_POSTS:
        return STAFF_POSTS[kind]
    if kind == "redirect":
        return "admin:" + "_".join([*address.path.split("/")[2:4], "change"])
    if any(f"{model}_" in name for model in READ_ONLY):
        changes = kind in ("add", "delete") or (kind, method) == ("change", "POST")
        return "403" if changes else "200"
    if absent:
        return "admin:index"
    return STAFF_GETS[kind]


def ask(client: Client, method: str, path: str, data: dict[str, Any]) -> Any:
    headers = {"HX-Request": "true"} if method.startswith("HX") else {}
    if method.endswith("GET"):
        return client.get(path, headers=headers)
    return client.post(path, data, headers=headers)


def answered(response: Any) -> str:
    """Word an answer as the tables do."""
    if response.status_code != 302:
        return str(response.status_code)
    name = resolve(response.headers["Location"].partition("?")[0]).view_name or "302"
    return "login" if name in ("account_login", "admin:login") else name


def text_of(response: Any) -> str:
    """Return an answer as one text, without what differs by request: its own path, the token."""
    body = response.content.decode().replace(response.wsgi_request.get_full_path(), "PATH")
    headers = "\n".join(
        f"{name}: {value}" for name, value in response.items() if name != "Content-Length"
    )
    headers = headers.replace(response.wsgi_request.path, "PATH")
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "TOKEN", f"{headers}\n{body}")


def body_of(response: Any) -> str:
    return text_of(response).partition("<!doctype")[2]


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collect what is written to the database; sessions (the log-in's own) are not counted."""
    writes: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and "django_session" not in sql:
            writes.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield writes


@contextmanager
def undone() -> Iterator[None]:
    """Take back all that is done to the database inside."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def dump() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table but the sessions'."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label != "sessions"
    }


@pytest.fixture
def world(db) -> World:
    return make_world()


def test_every_address_is_in_the_table(world):
    expected = expectations()
    unknown = [
        f"{method} {address.name} ({address.path})"
        for address in addresses(world.harriers)
        for method in METHODS
        if expected_answer(expected, address, method, "staff") is None
    ]
    assert not unknown, (
        "Say in TABLE of tests/test_access.py who gets what from these, and in `posted` what the "
        "page sends:\n" + "\n".join(unknown)
    )


@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_gets_their_own_and_no_more(world, person):
    """Walk every address by every method, and collect all that is not as the tables say."""
    expected = expectations()
    faults: list[str] = []
    client = world.client(person)
    cookies = deepcopy(client.cookies)

    def visit(path: str, name: str) -> tuple[Any, list[str]]:
        """Ask, and take back what that did; return answer and writes."""
        cache.clear()  # the rate limits of one request are not the next one's
        client.cookies = deepcopy(cookies)
        with watched() as writes, undone():
            response = ask(client, method, path, posted(name, world.harriers))
        return response, writes

    for method in METHODS:
        before = dump()
        for address in addresses(world.harriers):
            if address.name.startswith("admin:") and method.startswith("HX"):
                continue
            wanted = expected_answer(expected, address, method, person)
            response, writes = visit(address.path, address.name)
            got = answered(response)
            where = f"{method} {address.path} ({address.name})"
            if got != wanted:
                faults.append(f"{where}: {got}, not {wanted}")
            if method.endswith("GET") and writes:
                faults.append(f"{where} changed the database: {writes}")
            refused = got in ("404", "403", "405", "409", "422", "login")
            if refused and writes:
                faults.append(f"{where} was refused, and changed the database: {writes}")
            if got == "404" and address.absent:
                absent, _ = visit(address.absent, address.name)
                if (absent.status_code, text_of(absent)) != (404, text_of(response)):
                    faults.append(f"{where}: the answer tells that the id exists")
            faults += [f"{where}: shows {word}" for word in forbidden(person, address, response)]
        assert dump() == before
    assert not faults, f"{len(faults)} wrong answers to {person}:\n" + "\n".join(faults)


def forbidden(person: str, address: Address, response: Any) -> list[str]:
    """Return the words in an answer that this person must not read."""
    if address.name.startswith("admin:") and person == "staff":
        return []
    hidden = [RIVALS, "817 m", "817 @"]
    if person in ("nobody", "rival_coach", "rival_athlete", "staff"):
        hidden = [HARRIERS, "813 m", "813 @"]
    elif person == "mate":
        hidden += ["for-ana-alone"]
    if person not in ("coach", "assistant"):
        hidden += ["a-draft-only"]
    if address.name == "invitation_accept":
        # Whoever holds the token reads the mail of the newcomer; it names team and coach.
        hidden = ["for-ana-alone", "a-draft-only"]
    if address.name in MAIL_LINKS:
        # Whoever holds the link reads Ana's mail.
        hidden = ["817 m", "817 @", "a-draft-only"]
    text = text_of(response).lower()
    return [word for word in hidden if word in text]


def test_the_words_that_are_kept_from_others_stand_on_ones_own_pages(world):
    """Without this, the walk could look for words that no page shows to anybody."""
    read = {"coach": "", "athlete": "", "rival_coach": ""}
    for person in read:
        client = world.client(person)
        for address in addresses(world.harriers):
            if not address.name.startswith("admin:"):
                read[person] += text_of(client.get(address.path)).lower()
    assert {w for w in (HARRIERS, "813 m", "813 @", "for-ana-alone") if w in read["coach"]} == {
        HARRIERS,
        "813 m",
        "813 @",
        "for-ana-alone",
    }
    assert "for-ana-alone" in read["athlete"]
    assert "kingfisher" in read["rival_coach"]


def test_no_form_is_taken_without_its_token(world):
    taken = []
    for address in addresses(world.harriers):
        person = "staff" if address.name.startswith("admin:") else "coach"
        client = world.client(person, strict=True)
        with undone():
            response = client.post(address.path, posted(address.name, world.harriers))
        # One click in a mail programme must do (RFC 8058): its token is in the address.
        if response.status_code != 403 and address.name != "mail_unsubscribe":
            taken.append(f"{address.name}: {response.status_code}")
    assert not taken


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
def test_other_methods_change_nothing_and_break_nothing(world, method):
    faults = []
    client = world.client("coach")
    for address in addresses(world.harriers):
        if address.name.startswith("admin:"):
            continue
        with watched() as writes:
            response = client.generic(method, address.path)
        if writes or (response.status_code >= 500 and address.name != "healthz"):
            faults.append(f"{address.name}: {response.status_code} {writes}")
    assert not faults


def test_an_athlete_who_changed_teams_is_gone_for_the_former_coach(world):
    athlete = world.harriers.athlete
    coach = world.client("coach")
    pages = [
        reverse("athlete_detail", args=[athlete.pk]),
        reverse("athlete_week", args=[athlete.pk, world.harriers.monday]),
        reverse("session_detail", args=[world.harriers.session.pk]),
        reverse("result_log", args=[world.harriers.session.pk]),
    ]
    assert [coach.get(page).status_code for page in pages] == [200] * 4

    athlete.groups.clear()
    type(athlete).objects.filter(pk=athlete.pk).update(team=world.rivals.team)

    assert [coach.get(page).status_code for page in pages] == [404] * 4
    assert "Ana sparrowhawk" not in coach.get(reverse("roster", args=["harriers"])).text
    assert (
        "Ana sparrowhawk"
        not in coach.get(reverse("board", args=["harriers", world.harriers.monday])).text
    )


def test_a_coach_who_left_the_team_sees_nothing_of_it(world):
    client = world.client("assistant")
    world.harriers.team.memberships.get(user=world.people["assistant"]).delete()
    for address in addresses(world.harriers):
        if address.absent and address.name not in ("invitation_accept", *MAIL_LINKS):
            assert client.get(address.path).status_code in (404, 405), address.name


def test_a_deactivated_person_is_logged_out_at_once(world):
    client = world.client("coach")
    type(world.people["coach"]).objects.filter(pk=world.people["coach"].pk).update(is_active=False)
    response = client.get(reverse("roster", args=["harriers"]))
    assert answered(response) == "login"
