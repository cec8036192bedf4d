"""What holds on every page: safe headers, nothing inline, and an answer to all that is typed."""

import os
import re
import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import path, reverse

from athletes.models import Athlete, Group, RacePerformance, Team, User
from coachsite.urls import urlpatterns as site_urls
from tests.make import EASY, MONDAY, TRACK, make_athlete, make_session, make_week
from tests.test_access import addresses, dump, posted, undone
from tests.world import HARRIERS, RIVALS, World, browser, make_world
from workouts.delivery import plan_message
from workouts.models import Delivery, Result, Session, TrainingWeek, Workout

ROOT = Path(site.BASE_DIR)


def broken(request):
    raise RuntimeError("the innermost secret")


# With the marker `urls`, this module is the URLconf: the site's own, and a page that fails.
urlpatterns = [path("broken/", broken), *site_urls]


@pytest.fixture
def world(db) -> World:
    cache.clear()
    return make_world()


class Page(HTMLParser):
    """The elements of a page: (tag, attributes, text directly inside)."""

    VOID = ("input", "link", "meta", "br", "img", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        element = (tag, {name: value or "" for name, value in attrs}, [])
        self.elements.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element[2].append(data)

    def with_attribute(self, name: str) -> list[tuple[str, dict[str, str]]]:
        return [(tag, attrs) for tag, attrs, _ in self.elements if name in attrs]

    def text_of(self, element_id: str) -> str:
        return "".join(
            "".join(text) for _, attrs, text in self.elements if attrs.get("id") == element_id
        ).strip()


# Headers and pages --------------------------------------------------------------------------------


def unsafe_headers(response: Any, *, is_private: bool) -> list[str]:
    """Return what is wrong with the headers of an answer."""
    headers = response.headers
    policy = headers.get("Content-Security-Policy", "")
    wanted = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    wrong = [f"{name}: {headers.get(name)}" for name in wanted if headers.get(name) != wanted[name]]
    if "unsafe" in policy or "default-src 'none'" not in policy:
        wrong.append(f"Content-Security-Policy: {policy}")
    if "frame-ancestors 'none'" not in policy or "base-uri 'none'" not in policy:
        wrong.append(f"Content-Security-Policy: {policy}")
    if is_private and "no-store" not in headers.get("Cache-Control", ""):
        wrong.append(f"Cache-Control: {headers.get('Cache-Control')}")
    for cookie in response.cookies.values():
        if not (cookie["httponly"] and cookie["samesite"] == "Lax") and cookie.value:
            wrong.append(f"cookie: {cookie.OutputString()}")
    return wrong


def inline_code(html: str) -> list[str]:
    """Return what the Content-Security-Policy would block, or what htmx would have to evaluate."""
    wrong = []
    for tag, attrs, text in Page(html).elements:
        # A block of JSON is data; browsers do not run it.
        if tag == "script" and attrs.get("type") != "application/json" and "".join(text).strip():
            wrong.append(f"<script>{''.join(text)[:80]}")
        if tag in ("style", "base", "iframe", "object", "embed"):
            wrong.append(f"<{tag}>")
        for name, value in attrs.items():
            if name == "style" or name.startswith(("on", "hx-on")):
                wrong.append(f"<{tag} {name}={value!r}>")
            if re.match(r"\s*(javascript|js|data)\s*:", value, re.I):
                wrong.append(f"<{tag} {name}={value!r}>")
    return wrong


def unsafe_frame(response: Any) -> list[str]:
    """Return what is wrong with a mail in a frame of the page about it.

    It has styles of its own, as every mail; nothing in it may run, load, or be framed elsewhere.
    """
    policy = response.headers["Content-Security-Policy"]
    parts = {"sandbox", "default-src 'none'", "form-action 'none'", "frame-ancestors 'self'"}
    wrong = sorted(parts - {part.strip() for part in policy.split(";")})
    wrong += ["script-src"] if "script-src" in policy else []
    wrong += [code for code in inline_code(response.text) if "script" in code]
    if "no-store" not in response.headers["Cache-Control"]:
        wrong.append("Cache-Control")
    return [f"mail_html: {one}" for one in wrong]


@pytest.mark.parametrize("person", ["nobody", "coach", "athlete", "staff"])
@pytest.mark.parametrize("htmx", [False, True], ids=["page", "htmx"])
def test_every_answer_has_safe_headers_and_no_code_in_its_page(world, person, htmx):
    client = world.client(person)
    headers = {"HX-Request": "true"} if htmx else {}
    faults = []
    for address in addresses(world.harriers):
        is_admin = address.name.startswith("admin:")
        if is_admin and htmx:
            continue
        response = client.get(address.path, headers=headers)
        if address.name == "mail_html" and response.status_code == 200:
            faults += unsafe_frame(response)
            continue
        private = person != "nobody" or address.name == "invitation_accept"
        # An app keeps what it fetched; tests/test_calendar.py looks at its headers.
        private = private and address.name != "calendar_feed"
        faults += [f"{address.name}: {f}" for f in unsafe_headers(response, is_private=private)]
        if response.headers["Content-Type"].startswith("text/html") and not is_admin:
            code = inline_code(response.text)
            if address.name == "mail_detail" and response.status_code == 200:
                code.remove("<iframe>")  # the mail as it went out, see `unsafe_frame`
            faults += [f"{address.name}: {f}" for f in code]
            ids = [attrs["id"] for _, attrs in Page(response.text).with_attribute("id")]
            faults += [f"{address.name}: id {i} twice" for i in set(ids) if ids.count(i) > 1]
            if htmx and response.status_code == 200 and "HX-Request" in response.get("Vary", ""):
                assert "<html" not in response.text
    assert not faults, "\n".join(faults)


def test_a_page_for_htmx_and_for_people_under_one_address_says_so_to_caches(world):
    """Else a browser shows the fragment where the page should be, after Back."""
    client = world.client("coach")
    for view in ("board", "session_add"):
        address = reverse(view, args=["harriers", world.harriers.monday])
        whole = client.get(address)
        part = client.get(address, headers={"HX-Request": "true"})
        assert "<html" in whole.text
        assert "<html" not in part.text
        assert "HX-Request" in whole.headers["Vary"], view
        assert "HX-Request" in part.headers["Vary"], view


INTERNALS = ("Traceback", "innermost", "RuntimeError", "site-packages", "SECRET_KEY", "urlpatterns")


@pytest.mark.urls("tests.test_safety")
@pytest.mark.parametrize("person", ["nobody", "coach"])
@pytest.mark.parametrize(
    ("address", "status"), [("/broken/", 500), ("/no/such/page/", 404), ("/teams/x/%00/", 400)]
)
def test_a_page_of_a_fault_shows_nothing_of_the_inside(world, person, address, status):
    response = world.client(person).get(address)
    if person == "nobody" and address == "/broken/":
        assert response.status_code == 302  # to the log-in, before anything is run
        return
    assert response.status_code == status
    assert not [word for word in INTERNALS if word in response.text]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert not inline_code(response.text)


def test_a_host_that_is_not_ours_is_refused(world):
    response = world.client("nobody").get("/accounts/login/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert not [word for word in (*INTERNALS, "ALLOWED_HOSTS") if word in response.text]


def test_a_form_without_its_token_says_that_the_page_was_out_of_date(world):
    client = world.client("coach", strict=True)
    response = client.post(reverse("group_add", args=["harriers"]), {"name": "Milers"})
    assert response.status_code == 403
    assert "out of date" in response.text
    assert not Group.objects.filter(name="Milers").exists()


def run_manage(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "COACHSITE_VAR": str(tmp_path), **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_deployment_check_finds_nothing(tmp_path):
    done = run_manage(
        tmp_path,
        *("check", "--deploy", "--fail-level", "WARNING"),
        SITE_URL="https://coach.example",
        SECRET_KEY=secrets.token_urlsafe(50),
    )
    assert "no issues" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "secret_key").exists()


def test_over_https_the_cookies_are_bound_to_the_host(tmp_path):
    done = run_manage(
        tmp_path,
        *("shell", "-v0", "-c"),
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME,"
        " s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS >= 31536000)",
        SITE_URL="https://coach.example",
        SECRET_KEY="not-used",
    )
    assert done.stdout.split() == ["__Host-sessionid", "__Host-csrftoken", "True", "True", "True"]


def test_the_key_that_the_site_makes_for_itself_is_for_its_owner_alone(tmp_path):
    done = run_manage(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    key = tmp_path / "secret_key"
    assert key.stat().st_mode & 0o077 == 0
    assert len(key.read_text()) >= 50


# Sources ------------------------------------------------------------------------------------------

FORBIDDEN_IN_TEMPLATES = [
    r"\|\s*safe(seq)?\b",
    r"autoescape\s+off",
    r"\bhx-on\b",
    r"['\"]\s*js:",
    r"javascript:",
    r"\son[a-z]+=",
    r"\sstyle=",
    r"\shx-vals=['\"]js",
    r"hx-trigger=\"[^\"]*\[",
    r"\s[\w-]+=\{\{",  # an attribute without quotes: a space in the value begins another one
]
FORBIDDEN_IN_CODE = [
    r"\bmark_safe\b",
    r"\bSafeString\b",
    r"\bcsrf_exempt\b",
    r"fields\s*=\s*[\"']__all__",
    r"\*\*request\.(POST|GET)",
    r"\.extra\(",
    r"\beval\(",
    r"\bpickle\b",
]
FORBIDDEN_IN_SCRIPTS = [
    r"(inner|outer|insertAdjacent)HTML",
    r"\beval\(|new Function",
    r"document\.write",
    r"(local|session)Storage",
]


def found(patterns: list[str], files: list[Path]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        for pattern in patterns
        if re.search(pattern, line)
    ]


def test_no_template_lets_text_through_unescaped():
    templates = [
        file
        for folder in ("templates", "athletes", "workouts", "coachsite")
        for file in (ROOT / folder).rglob("*.html")
        if "emails" not in file.parts
    ]
    assert len(templates) > 20
    assert not found(FORBIDDEN_IN_TEMPLATES, templates)
    mails = list((ROOT / "templates" / "emails").glob("*.html"))
    assert mails
    assert not found(FORBIDDEN_IN_TEMPLATES[:2], mails)


def test_no_code_steps_round_the_escaping_the_tokens_or_the_forms():
    code = [f for app in ("athletes", "workouts", "coachsite") for f in (ROOT / app).rglob("*.py")]
    assert len(code) > 20
    # The guide to the notation is a file of ours, docs/notation.md; nobody types it.
    guide = ("import SafeString", "return SafeString(markdown.markdown(text", "-> SafeString:")
    # One-click unsubscribing comes from the mail program, without a cookie (RFC 8058).
    one_click = ("import csrf_exempt", "@csrf_exempt")
    allowed = {"workouts/views/library.py": guide, "workouts/views/mail.py": one_click}
    faults = found(FORBIDDEN_IN_CODE, code)
    assert not [
        fault
        for fault in faults
        if not any(word in fault for word in allowed.get(fault.partition(":")[0], ()))
    ]
    assert sum("@csrf_exempt" in fault for fault in faults) == 1
    scripts = list((ROOT / "static" / "js").glob("*.js"))
    assert scripts
    assert not found(FORBIDDEN_IN_SCRIPTS, scripts)


# Odd addresses ------------------------------------------------------------------------------------

ODD = {
    "empty": "",
    "zero": "0",
    "negative": "-1",
    "past bigint": "9223372036854775808",
    "huge": "99999999999999999999",
    "endless": "9" * 5000,
    "float": "1e3",
    "not a number": "NaN",
    "words": "abc",
    "nul": "%00",
    "nul inside": "1%00",
    "emoji": "%F0%9F%98%80",
    "not utf-8": "%ff%fe",
    "right to left": "%E2%80%AE1",
    "arabic figure": "%D9%A1",
    "superscript": "%C2%B2",
    "quote": "1'%20OR%20'1'='1",
    "markup": "%3Cscript%3Ealert(1)%3C/script%3E",
    "line break": "1%0d%0aSet-Cookie:%20a=b",
    "long": "x" * 3000,
}

QUERIES = [
    "/teams/harriers/weeks/{monday}/?group={odd}",
    "/teams/harriers/weeks/{monday}/?page={odd}",
    "/teams/harriers/budget/{monday}/?group={odd}&page={odd}",
    "/teams/harriers/athletes/?page={odd}",
    "/teams/harriers/library/{workout}/?athlete={odd}",
    "/teams/harriers/weeks/{monday}/sessions/add/?group={odd}",
    "/teams/harriers/weeks/{monday}/sessions/add/?whom={odd}&weekday={odd}&workout={odd}",
    "/teams/harriers/weeks/{monday}/sessions/add/?notation={odd}&note={odd}&starts_at={odd}",
    "/accounts/login/?next={odd}",
    "/accounts/signup/?next={odd}&email={odd}",
    "/accounts/logout/?next={odd}",
    "/today/?{odd}={odd}",
    "/accounts/password/reset/key/{odd}-{odd}/",
    "/athletes/{odd}/",
    "/athletes/{odd}/edit/",
    "/athletes/{odd}/weeks/{monday}/",
    "/athletes/{odd}/months/2026-12/",
    "/teams/harriers/plans/?archived={odd}",
    "/teams/harriers/plans/{odd}/",
    "/teams/harriers/plans/{odd}/weeks/{odd}/",
    "/teams/harriers/plans/{plan}/weeks/{odd}/",
    "/teams/harriers/plans/{plan}/follow/?starts_on={odd}&race_on={odd}",
    "/sessions/{odd}/",
    "/sessions/{odd}/log/",
    "/teams/{odd}/",
    "/teams/harriers/library/{odd}/",
    "/invitations/{odd}/",
    "/{odd}",
]
POSTS = [
    "/races/{odd}/remove/",
    "/weeks/{odd}/edit/",
    "/sessions/{odd}/move/",
    "/sessions/{odd}/remove/",
    "/athletes/{odd}/invite/",
    "/teams/harriers/weeks/{monday}/publish/?group={odd}",
    "/teams/harriers/weeks/{monday}/send/?group={odd}",
    "/teams/harriers/weeks/{monday}/sessions/add/?group={odd}",
]


def filled(address: str, world: World, odd: str) -> str:
    side = world.harriers
    return address.format(odd=odd, monday=side.monday, workout=side.workout.pk, plan=side.plan.pk)


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_an_odd_address_gets_an_answer_and_never_a_fault(world, odd):
    faults = []
    for person in ("coach", "athlete", "nobody"):
        client = world.client(person)
        for address in QUERIES:
            response = client.get(filled(address, world, odd))
            if response.status_code not in (200, 302, 400, 404, 405):
                faults.append(f"GET {address} as {person}: {response.status_code}")
            if "alert(1)</script>" in response.text:
                faults.append(f"GET {address} as {person}: not escaped")
    client = world.client("coach")
    for address in POSTS:
        with undone():
            response = client.post(filled(address, world, odd))
        if response.status_code not in (302, 400, 404, 422):
            faults.append(f"POST {address}: {response.status_code}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("day", "status"),
    [
        ("2026-13-45", 404),
        ("2026-11-31", 404),
        ("2026-11-24", 404),  # a Tuesday
        ("2026-02-29", 404),
        ("0000-00-00", 404),
        ("0001-01-01", 404),
        ("9999-12-27", 404),
        ("20२६-११-३०", 404),
        ("2026-W48-1", 404),
        ("20261130", 404),
        ("1999-12-27", 404),
        ("2100-01-04", 404),
        # The first and the last week: one neighbour of each has no page.
        ("2000-01-03", 200),
        ("2099-12-28", 200),
        ("2028-02-28", 200),
    ],
)
def test_a_week_that_does_not_begin_on_a_monday_is_not_there(world, day, status):
    client = world.client("coach")
    for address in (
        "/teams/harriers/weeks/{day}/",
        "/teams/harriers/weeks/{day}/sessions/add/",
        f"/athletes/{world.harriers.athlete.pk}/weeks/{{day}}/",
        "/teams/harriers/budget/{day}/",
    ):
        assert client.get(address.format(day=day)).status_code == status, address


@pytest.mark.parametrize(
    "on", ["0001-01-01", "1999-12-31", "2000-01-01", "2099-12-31", "2100-01-04", "9999-12-31"]
)
def test_a_session_is_not_moved_into_a_week_that_has_no_page(world, on):
    client = world.client("coach")
    before = dump()
    response = client.post(f"/sessions/{world.harriers.session.pk}/move/", {"on": on})
    if response.status_code == 302:
        assert client.get(response.headers["Location"]).status_code == 200
    else:
        assert response.status_code == 422
        assert 'aria-invalid="true"' in response.text
        assert dump() == before


@pytest.mark.parametrize("value", ["x", "a" * 5000, "abcdefgh\u00e9", "../../etc/passwd", '"'])
def test_an_odd_cookie_is_nobodys(world, value):
    raw = value.encode().decode("latin-1")
    client = browser()
    response = client.get("/today/", headers={"Cookie": f"sessionid={raw}; csrftoken={raw}"})
    assert response.status_code == 302
    page = client.get("/accounts/login/", headers={"Cookie": f"theme={raw}; messages={raw}"})
    assert page.status_code == 200


# Odd forms ----------------------------------------------------------------------------------------

TYPED = {
    "missing": None,
    "empty": "",
    "long": "x" * 5000,
    "emoji": "😀" * 20,
    "right to left": "\u202eabc\u2066",
    "nul": "a\0b",
    "markup": "<script>alert(1)</script>",
    "template": "{{7*7}}{% now 'Y' %}",
    "formula": "=1+1",
    "huge": "99999999999999999999",
    "not a number": "NaN",
    "infinite": "Infinity",
    "line break": "a\r\nBcc: everyone@evil.example",
    "arabic figure": "٣",
}

# What every form of a page carries; here nobody looks at it.
TOKEN = {"csrfmiddlewaretoken": "x"}

FORMS = [
    "team_add",
    "athlete_add",
    "athlete_edit",
    "group_add",
    "race_add",
    "session_add",
    "workout_add",
    "workout_edit",
    "season_add",
    "season_edit",
    "season_follow",
    "season_week",
    "session_edit",
    "session_move",
    "week_edit",
    "result_log",
    "theme_set",
    "invitation_accept",
    "roster_import",
]
EXTRA_FIELDS = {
    "athlete_add": ["sex", "birth_year", "weekly_km", "hr_max", "groups"],
    "race_add": ["raced_on"],
    "session_add": ["notation", "kind", "starts_at", "place", "note"],
    "workout_add": ["level", "purpose"],
    "season_add": ["purpose"],
    "season_follow": ["race_on", "on_road", "group"],
    "season_week": [f"form-0-{name}" for name in ("pk", "workout", "title", "surface", "priority")],
    "session_edit": ["starts_at", "place", "note"],
    "result_log": ["split_1", "split_7"],
    "theme_set": ["next"],
}


SENDERS = {"result_log": "athlete", "invitation_accept": "nobody", "account_signup": "nobody"}


def address_of(name: str, world: World) -> str:
    return next(a.path for a in addresses(world.harriers) if a.name == name)


def sender_of(name: str, world: World) -> Client:
    return world.client(SENDERS.get(name, "coach"))


def rows_of_rivals() -> dict[str, list[Any]]:
    """Return what the other team has."""
    team = Team.objects.get(slug="rivals")
    chosen = {
        Team: {"pk": team.pk},
        Athlete: {"team": team},
        Group: {"team": team},
        Workout: {"team": team},
        RacePerformance: {"athlete__team": team},
        TrainingWeek: {"athlete__team": team},
        Session: {"week__athlete__team": team},
        Result: {"session__week__athlete__team": team},
        Delivery: {"plan__week__athlete__team": team},
        Group.athletes.through: {"group__team": team},
    }
    return {
        str(model): list(model.objects.filter(**which).order_by("pk").values_list())
        for model, which in chosen.items()
    }


@pytest.mark.parametrize("name", [n for n in FORMS if n not in ("athlete_edit", "workout_edit")])
def test_whatever_is_typed_into_a_form_gets_an_answer_and_never_a_fault(world, name):
    address = address_of(name, world)
    client = sender_of(name, world)
    before = rows_of_rivals()
    faults = []
    for field in [*posted(name, world.harriers), *EXTRA_FIELDS.get(name, [])]:
        for kind, value in TYPED.items():
            data = posted(name, world.harriers) | TOKEN
            data.pop(field, None)
            if value is not None:
                data[field] = value
            with undone():
                response = client.post(address, data)
                shown = response
                if response.status_code == 302 and name != "theme_set":
                    shown = client.get(response.headers["Location"])
            where = f"{field}, {kind}"
            if response.status_code not in (200, 302, 400, 422):
                faults.append(f"{where}: {response.status_code}")
            elif shown.status_code >= 400 and shown is not response:
                faults.append(f"{where}: taken, and then {shown.status_code} on the next page")
            if "<script>alert" in shown.text:
                faults.append(f"{where}: not escaped")
            if response.status_code == 422:
                faults += [f"{where}: {fault}" for fault in unexplained(response.text)]
    assert rows_of_rivals() == before
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults)


def unexplained(html: str) -> list[str]:
    """Return which errors of a form do not stand with their field, or not with the form."""
    page = Page(html)
    invalid = [attrs for _, attrs in page.with_attribute("aria-invalid")]
    faults, told = [], set()
    for attrs in invalid:
        ids = attrs.get("aria-describedby", "").split()
        if attrs.get("type") in ("radio", "checkbox"):
            ids = [
                one
                for tag, owner in page.with_attribute("aria-describedby")
                if tag == "fieldset"
                for one in owner["aria-describedby"].split()
            ]
        told |= {one for one in ids if page.text_of(one)}
        if not any(one.endswith("_error") and page.text_of(one) for one in ids):
            faults.append(f"{attrs.get('name')} is wrong, and is not told why")
    lists = [
        attrs
        for tag, attrs, _ in page.elements
        if tag == "ul" and "errorlist" in attrs.get("class", "")
    ]
    for attrs in lists:
        if "nonfield" not in attrs["class"] and attrs.get("id") not in told:
            faults.append(f"the error {attrs.get('id')} is told of no field")
    alerts = [attrs for _, attrs in page.with_attribute("role") if attrs["role"] == "alert"]
    if not invalid and not lists and not [a for a in alerts if a.get("id") != "fault"]:
        faults.append("refused without a word")
    return faults


@pytest.mark.parametrize("name", [n for n in FORMS if n not in ("theme_set", "week_edit")])
def test_an_empty_form_is_refused_with_a_word_beside_each_field(world, name):
    response = sender_of(name, world).post(address_of(name, world), TOKEN)
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.text
    assert not unexplained(response.text)


def test_nothing_of_another_team_can_be_posted_into_ones_own(world):
    ours, theirs = world.harriers, world.rivals
    client = world.client("coach")
    add = f"/teams/harriers/weeks/{ours.monday}/sessions/add/"
    good = posted("session_add", ours)
    runner = posted("athlete_edit", ours)
    before = dump()
    attempts = [
        (add, good | {"whom": f"athlete-{theirs.athlete.pk}"}),
        (add, good | {"whom": f"group-{theirs.group.pk}"}),
        (add, good | {"whom": "everyone-else"}),
        (add, good | {"workout": theirs.workout.pk}),
        (f"/athletes/{ours.athlete.pk}/edit/", runner | {"groups": [theirs.group.pk]}),
        ("/teams/harriers/athletes/add/", runner | {"email": "x@y.zz", "groups": theirs.group.pk}),
    ]
    for address, data in attempts:
        response = client.post(address, data)
        assert response.status_code == 422, data
        assert RIVALS not in response.text
        assert not unexplained(response.text)
    for address in ("publish", "send"):
        week = f"/teams/harriers/weeks/{ours.monday}/{address}/?group={theirs.group.pk}"
        assert client.post(week).status_code == 404
    for address in (
        f"/teams/harriers/weeks/{ours.monday}/?group={theirs.group.pk}",
        f"/teams/harriers/library/{ours.workout.pk}/?athlete={theirs.athlete.pk}",
        f"/teams/harriers/library/{theirs.workout.pk}/",
        f"/teams/harriers/library/{theirs.workout.pk}/edit/",
    ):
        assert RIVALS not in client.get(address).text
    assert dump() == before


def test_fields_that_a_form_does_not_have_are_not_taken(world):
    ours, theirs = world.harriers, world.rivals
    extra = {
        "team": theirs.team.pk,
        "team_id": theirs.team.pk,
        "user": world.people["staff"].pk,
        "athlete": theirs.athlete.pk,
        "week": theirs.week.pk,
        "id": 1,
        "slug": "taken-over",
        "is_staff": "on",
        "is_superuser": "on",
        "role": "HEAD",
        "track_slot": "2",
        "logged_by": world.people["staff"].pk,
    }
    before = rows_of_rivals()
    owner = ours.athlete.user_id
    for name in FORMS:
        data = posted(name, ours) | extra
        if name == "workout_edit":
            data["title"] = "Another title than the one that was just added"
        response = sender_of(name, world).post(address_of(name, world), data)
        assert response.status_code == 302, name
    assert rows_of_rivals() == before
    ours.athlete.refresh_from_db()
    assert ours.athlete.user_id == owner
    assert User.objects.filter(is_staff=True).get() == world.people["staff"]


EVIL = '"\'><evil-tag onload="x">{{7*7}}{% x %}</textarea></script>&lt;'


def test_what_people_write_is_shown_as_they_wrote_it_everywhere(world):
    """Page by page, fragment by fragment, and in the mail."""
    side = world.harriers
    Team.objects.filter(pk=side.team.pk).update(name=EVIL)
    Athlete.objects.filter(team=side.team).update(name=EVIL)
    User.objects.filter(email__endswith=f"@{HARRIERS}.example").update(name=EVIL)
    Group.objects.filter(team=side.team).update(name=EVIL)
    Workout.objects.filter(team=side.team).update(title=EVIL, purpose=EVIL)
    week = {"title": EVIL, "place": EVIL, "note": EVIL}
    Session.objects.filter(week__athlete__team=side.team).update(**week)
    TrainingWeek.objects.filter(athlete__team=side.team).update(note=EVIL)
    Result.objects.filter(session__week__athlete__team=side.team).update(comment=EVIL)
    TrainingWeek.objects.get(pk=side.week.pk).publish(now=side.invitation.created_at)
    seen = 0
    for person in ("coach", "athlete", "staff"):
        client = world.client(person)
        for address in addresses(side):
            is_admin = address.name.startswith("admin:")
            if is_admin != (person == "staff"):
                continue
            if address.name == "calendar_feed":  # plain text, in which nothing is to be escaped
                assert "<evil-tag" in client.get(address.path).text
                continue
            for headers in ({},) if is_admin else ({}, {"HX-Request": "true"}):
                html = client.get(address.path, headers=headers).text
                assert not [t for t, _, _ in Page(html).elements if t == "evil-tag"], address
                assert "<evil-tag" not in html, address
                assert "49" not in html or "{{7*7}}" in html or "evil" not in html, address
                seen += "&lt;evil-tag" in html
    assert seen > 20
    mail = plan_message(Delivery.objects.filter(plan__week=side.week).latest("pk"))
    (html, _), *_ = mail.alternatives
    assert "<evil-tag" not in html
    assert "evil-tag" in html
    assert EVIL in mail.body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"name,email\n\0,\0\n",
        "name,email\nAna,ana@x.example\n".encode("utf-16"),
        b"\xff\xfe\xff",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"PK\x03\x04" + bytes(500),
        b"," * 100_000,
        b'"' * 10_001,
        b"name,email\n" + b"x" * 200_000 + b",a@b.cc\n",
        b"name,email,weekly_km,birth_year\nAna,a@b.cc,1e400,99999999999999999999\n",
        b"name,email,5k\nAna,a@b.cc,NaN\n",
        "name,email\n\u202eAna,a@b.cc\n=1+1,=cmd@b.cc\n".encode(),
    ],
)
def test_any_file_for_a_roster_gets_an_answer(world, content):
    client = world.client("coach")
    for action in ("check", "import"):
        file = SimpleUploadedFile("r.csv", content)
        with undone():
            response = client.post(
                "/teams/harriers/athletes/import/", {"roster": file, "action": action}
            )
        assert response.status_code in (200, 302, 422)
        if response.status_code == 422:
            assert not unexplained(response.text)


@pytest.mark.parametrize(
    ("body", "content_type", "statuses"),
    [
        (b"name=%ff%fe", "application/x-www-form-urlencoded", (302, 422)),
        (b"name=\xed\xa0\x80", "application/x-www-form-urlencoded", (302, 422)),
        (b'{"name": "Milers"}', "application/json", (422,)),
        (b"<name/>", "text/xml", (422,)),
        (b"no boundary at all", "multipart/form-data", (400, 422)),
        (b"--x\r\nContent-Disp", "multipart/form-data; boundary=x", (400, 422)),
        (b"a=1&" * 2001, "application/x-www-form-urlencoded", (400,)),
        (b"name=" + b"x" * 2_600_000, "application/x-www-form-urlencoded", (400,)),
        (b"name=x", "application/x-www-form-urlencoded; charset=no-such", (302, 400, 422)),
    ],
)
def test_a_body_that_no_browser_sends_gets_an_answer(world, body, content_type, statuses):
    client = world.client("coach")
    response = client.generic("POST", "/teams/harriers/groups/add/", body, content_type)
    assert response.status_code in statuses


# What only the database can refuse ----------------------------------------------------------------


def test_a_second_one_of_the_same_name_is_refused_beside_its_field(world):
    side = world.harriers
    client = world.client("coach")
    runner = posted("athlete_add", side)
    recipe = posted("workout_add", side)
    race = {"distance_m": "5k", "time_s": "22:00", "surface": "ROAD"}
    for address, data in [
        ("/teams/harriers/groups/add/", {"name": side.group.name.upper()}),
        ("/teams/harriers/library/add/", recipe | {"title": side.workout.title.upper()}),
        ("/teams/harriers/athletes/add/", runner | {"email": side.mate.email.upper()}),
        (f"/athletes/{side.mate.pk}/edit/", runner | {"email": side.athlete.email}),
        (f"/athletes/{side.athlete.pk}/races/add/", race),
    ]:
        with undone():
            response = client.post(address, data)
        assert response.status_code == 422, address
        assert "already" in response.text, address
        assert 'aria-invalid="true"' in response.text, address
        assert not unexplained(response.text), address


def test_a_track_session_for_an_athlete_who_may_have_none_is_refused_in_words(
    team, coach_client, db
):
    injured = make_athlete(team=team, track_limit=0)
    address = reverse("session_add", args=[team.slug, MONDAY])
    data = {"whom": f"athlete-{injured.pk}", "weekday": "2", **TRACK}
    for headers in ({}, {"HX-Request": "true"}):
        response = coach_client.post(address, data, headers=headers)
        assert response.status_code == 422
        assert "may have no track session" in response.text
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_limit_that_was_lowered_meanwhile_is_never_a_fault(team, coach_client):
    """The coach has the page of the week open while the other coach lowers its limit."""
    ana = make_athlete(team=team)
    week = make_week(athlete=ana)
    easy = week.schedule(weekday=3, **EASY)
    track = make_session(week=make_week(athlete=ana, starts_on=MONDAY.replace(day=23)))
    week.set_track_limit(0)

    edited = coach_client.post(f"/sessions/{easy.pk}/edit/", TRACK)
    moved = coach_client.post(f"/sessions/{track.pk}/move/", {"on": MONDAY.isoformat()})
    added = coach_client.post(
        reverse("session_add", args=[team.slug, MONDAY]),
        {"whom": "everyone", "weekday": "1", **TRACK},
    )

    for response in (edited, moved, added):
        assert response.status_code == 422
        assert "may have no track session" in response.text
        assert not unexplained(response.text)
    assert not week.sessions.filter(kind="TRACK").exists()


@pytest.mark.django_db(transaction=True)
def test_the_back_office_reads_weeks_and_sessions_and_writes_none(client, db):
    User.objects.create_superuser("staff@coachsite.example", "on-the-track")
    client.force_login(User.objects.get())
    week = make_week()
    make_session(week=week, weekday=2)
    session = {"week": week.pk, "weekday": 6, **TRACK}
    assert client.post(reverse("admin:workouts_session_add"), session).status_code == 403
    change = reverse("admin:workouts_trainingweek_change", args=[week.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"track_limit": 0}).status_code == 403
    assert week.sessions.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "name",
    [
        *("group_add", "workout_add", "athlete_add", "race_add", "team_add"),
        *("invitation_accept", "account_signup"),
    ],
)
def test_a_form_that_is_sent_twice_at_once_is_taken_once(name):
    """A double click: both requests have looked before either has written."""
    world = make_world()
    address, data = address_of(name, world), posted(name, world.harriers)
    if name == "account_signup":
        data = {"email": "nora@club.example", "password1": "along-the-canal"}
    both_have_looked = threading.Barrier(2)
    statuses: list[int] = []

    def send(client: Client) -> None:
        waited = False

        def meet(execute: Any, sql: str, *arguments: Any) -> Any:
            nonlocal waited
            if sql.startswith(("BEGIN", "INSERT")) and not waited:
                waited = True
                with suppress(threading.BrokenBarrierError):
                    both_have_looked.wait(5)
            return execute(sql, *arguments)

        with connection.execute_wrapper(meet):
            statuses.append(client.post(address, data).status_code)
        connection.close()

    senders = [sender_of(name, world) for _ in range(2)]
    threads = [threading.Thread(target=send, args=[client]) for client in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(statuses) == 2
    assert set(statuses) <= {302, 404, 409, 422}
    # Two teams may have one name; who signs up twice is told to look into the mail, twice.
    if name not in ("team_add", "account_signup"):
        assert statuses.count(302) == 1
