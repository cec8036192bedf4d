"""Coming in: log-in by password and by code, sign-up, reset, and the coach's invitation."""

import re
import socket
from datetime import timedelta

import pytest
from django.contrib.auth import get_user
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from athletes.models import Athlete, Invitation, Team, User
from tests.make import make_athlete, make_user
from tests.test_access import dump
from tests.world import PASSWORD, browser

ANA = "ana.sousa@club.example"
NEW_PASSWORD = "along-the-canal"


@pytest.fixture(autouse=True)
def fresh_limits():
    """Forget how often the test before has tried: all of them come from one address."""
    cache.clear()


@pytest.fixture
def visitor() -> Client:
    return browser()


@pytest.fixture
def ana(db) -> User:
    return make_user(email=ANA, name="Ana Sousa", password=PASSWORD)


@pytest.fixture
def runner(team) -> Athlete:
    """Ana on the roster, without an account yet."""
    return make_athlete(team=team, name="Ana Sousa", email=ANA)


@pytest.fixture
def no_mail_server(settings):
    """A mail server that is down: the port is closed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = probe.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"


def who(client: Client) -> str:
    """Return the address of whoever is logged in, "" for nobody."""
    user = get_user(client)
    return user.email if user.is_authenticated else ""


def log_in(client: Client, email: str, password: str, **query):
    return client.post(
        reverse("account_login", query=query), {"login": email, "password": password}
    )


def code_in(mail) -> str:
    """Return the code that stands on a line of its own."""
    return re.search(r"^\s*([A-Z0-9]+(?:-[A-Z0-9]+)*)\s*$", mail.body, re.M)[1]


def link_in(mail) -> str:
    """Return the path of the link in a mail."""
    return re.search(r"https?://[^/\s]+(/\S+)", mail.body)[1]


def plain(response, *words: str) -> str:
    """Return an answer without its tokens, and without what the visitor typed."""
    text = f"{response.status_code} {response.get('Location', '')}\n{response.content.decode()}"
    for word in words:
        text = text.replace(word, "TYPED")
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "TOKEN", text)


# Log-in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [ANA, "Ana.Sousa@Club.Example", f"  {ANA} "])
def test_a_person_logs_in_with_address_and_password(visitor, ana, typed):
    response = log_in(visitor, typed, PASSWORD)
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("home")
    assert who(visitor) == ANA


def test_a_wrong_password_reads_the_same_as_an_unknown_address(visitor, ana):
    known = log_in(visitor, ANA, "wrong-password")
    unknown = log_in(visitor, "nobody@club.example", "wrong-password")
    assert plain(known, ANA) == plain(unknown, "nobody@club.example")
    assert known.status_code == 200
    assert 'aria-invalid="true"' in known.text or 'role="alert"' in known.text
    assert who(visitor) == ""


def test_the_session_gets_a_new_key_at_log_in(visitor, ana):
    visitor.get(reverse("account_login"))
    visitor.session["before"] = True
    before = visitor.session.session_key
    log_in(visitor, ANA, PASSWORD)
    assert visitor.session.session_key != before


def test_log_in_leads_to_the_page_that_was_asked_for_but_never_off_the_site(visitor, ana):
    response = log_in(visitor, ANA, PASSWORD, next="/teams/add/")
    assert response.headers["Location"] == "/teams/add/"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        " //evil.example",
        "/%09/evil.example",
    ],
)
def test_no_log_in_leads_off_the_site(visitor, ana, address):
    response = log_in(visitor, ANA, PASSWORD, next=address)
    assert not re.match(r"(?i)\s*(https?:|javascript:|[/\\]{2})", response.headers["Location"])
    theme = visitor.post(reverse("theme_set"), {"theme": "dark", "next": address})
    assert theme.status_code == 302
    assert not re.match(r"(?i)\s*(https?:|javascript:|[/\\]{2})", theme.headers["Location"])


@pytest.mark.parametrize("back", ["roster", "no-such-name", "athletes.views.home", "x" * 3000, "é"])
def test_the_theme_is_kept_whatever_page_it_came_from(visitor, db, back):
    response = visitor.post(reverse("theme_set"), {"theme": "dark", "next": back})
    assert response.status_code in (302, 400)


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(visitor, ana):
    for _ in range(5):
        log_in(visitor, ANA, "wrong-password")
    response = log_in(visitor, ANA, PASSWORD)
    assert "Too many failed" in response.text
    assert who(visitor) == ""


def test_a_made_up_proxy_header_does_not_lift_the_limit(visitor, ana):
    for n in range(12):
        visitor.post(
            reverse("account_login"),
            {"login": f"runner{n}@club.example", "password": "wrong"},
            headers={"X-Forwarded-For": f"10.0.0.{n}"},
        )
    response = visitor.post(
        reverse("account_login"),
        {"login": ANA, "password": PASSWORD},
        headers={"X-Forwarded-For": "10.0.1.1"},
    )
    assert who(visitor) == "", response.status_code


def test_whoever_asks_for_mails_without_end_gets_a_page_that_says_wait(visitor, ana, mailoutbox):
    for _ in range(8):
        response = visitor.post(reverse("account_reset_password"), {"email": ANA})
    assert response.status_code == 429
    assert "Too many" in response.text
    assert "Coachsite" in response.text
    assert len(mailoutbox) <= 5


def test_the_back_office_has_no_log_in_of_its_own_without_a_limit(visitor, ana):
    User.objects.filter(pk=ana.pk).update(is_staff=True, is_superuser=True)
    page = reverse("admin:login")
    for _ in range(12):
        visitor.post(page, {"username": ANA, "password": "wrong-password"})
    visitor.post(page, {"username": ANA, "password": PASSWORD})
    assert who(visitor) == ""


def test_a_person_logs_in_with_a_code_from_the_mail(visitor, ana, mailoutbox):
    response = visitor.post(reverse("account_request_login_code"), {"email": ANA})
    assert response.headers["Location"] == reverse("account_confirm_login_code")
    (mail,) = mailoutbox
    assert mail.to == [ANA]
    assert who(visitor) == ""

    response = visitor.post(reverse("account_confirm_login_code"), {"code": code_in(mail)})

    assert response.status_code == 302
    assert who(visitor) == ANA


def test_a_code_works_only_in_the_browser_that_asked_for_it(visitor, ana, mailoutbox):
    visitor.post(reverse("account_request_login_code"), {"email": ANA})
    stranger = browser()
    stranger.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])})
    assert who(stranger) == ""


def test_a_guessed_code_is_refused_and_the_guessing_ends(visitor, ana, mailoutbox):
    visitor.post(reverse("account_request_login_code"), {"email": ANA})
    for _ in range(4):
        visitor.post(reverse("account_confirm_login_code"), {"code": "WRONG1"})
    visitor.post(reverse("account_confirm_login_code"), {"code": code_in(mailoutbox[0])})
    assert who(visitor) == ""


@pytest.mark.parametrize(
    ("view", "confirm"),
    [
        ("account_request_login_code", "account_confirm_login_code"),
        ("account_reset_password", "account_reset_password_done"),
    ],
)
def test_nobody_learns_from_reset_or_code_who_has_an_account(ana, mailoutbox, view, confirm):
    answers = []
    for email in (ANA, "nobody@club.example"):
        visitor = browser()
        asked = visitor.post(reverse(view), {"email": email})
        then = visitor.get(reverse(confirm))
        answers.append(plain(asked, email) + plain(then, email))
    assert answers[0] == answers[1]
    assert [mail.to for mail in mailoutbox] == [[ANA], ["nobody@club.example"]]


def test_nobody_learns_from_sign_up_who_has_an_account(ana, mailoutbox):
    answers = []
    for email in (ANA, "nobody@club.example"):
        visitor = browser()
        asked = visitor.post(reverse("account_signup"), {"email": email, "password1": NEW_PASSWORD})
        then = visitor.get(asked.headers["Location"])
        answers.append(plain(asked, email) + plain(then, email))
    assert answers[0] == answers[1]


# Log-out ------------------------------------------------------------------------------------------


def test_log_out_takes_a_post(visitor, ana):
    visitor.force_login(ana)
    visitor.get(reverse("account_logout"))
    assert who(visitor) == ANA
    response = visitor.post(reverse("account_logout"))
    assert response.headers["Location"] == "/"
    assert who(visitor) == ""
    assert visitor.get(reverse("home")).headers["Location"].startswith(reverse("account_login"))


# Sign-up and passwords ----------------------------------------------------------------------------


def test_a_coach_signs_up_confirms_the_address_and_starts_a_team(visitor, db, mailoutbox):
    visitor.post(
        reverse("account_signup"), {"email": "Nora@Club.example", "password1": NEW_PASSWORD}
    )
    assert who(visitor) == ""
    (mail,) = mailoutbox
    visitor.post(reverse("account_email_verification_sent"), {"code": code_in(mail)})
    assert who(visitor) == "nora@club.example"
    assert visitor.get(reverse("home")).headers["Location"] == reverse("team_add")

    response = visitor.post(reverse("team_add"), {"name": "Harriers", "coach": "Nora Nilsen"})

    assert response.headers["Location"] == reverse("roster", args=["harriers"])
    assert visitor.get(response.headers["Location"]).status_code == 200
    assert Team.objects.get().memberships.get().user.name == "Nora Nilsen"


@pytest.mark.parametrize("name", ["Add", "add", "Harriers", "Läufer", "跑步 7", "a" * 80, "--a--"])
def test_whatever_its_name_a_team_has_a_board(visitor, ana, team, name):
    visitor.force_login(ana)
    created = visitor.post(reverse("team_add"), {"name": name, "coach": "Ana"})
    assert created.status_code == 302
    assert visitor.get(created.headers["Location"]).status_code == 200
    board = visitor.get(visitor.get(reverse("home")).headers["Location"])
    assert board.status_code == 302
    assert "/weeks/" in board.headers["Location"]


@pytest.mark.parametrize("password", ["short", "password", "12345678", "ana.sousa@club.example"])
def test_a_weak_password_is_refused_beside_its_field(visitor, db, password):
    response = visitor.post(reverse("account_signup"), {"email": ANA, "password1": password})
    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.text
    assert 'id="id_password1_error"' in response.text
    assert not User.objects.exists()


def test_a_forgotten_password_is_replaced_through_the_mail(visitor, ana, mailoutbox):
    visitor.post(reverse("account_reset_password"), {"email": ANA})
    form = visitor.get(link_in(mailoutbox[0]), follow=True)
    form_url = form.redirect_chain[-1][0] if form.redirect_chain else link_in(mailoutbox[0])
    assert form.status_code == 200
    response = visitor.post(form_url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert response.status_code == 302

    visitor = browser()
    log_in(visitor, ANA, PASSWORD)
    assert who(visitor) == ""
    log_in(visitor, ANA, NEW_PASSWORD)
    assert who(visitor) == ANA

    used = browser().get(link_in(mailoutbox[0]), follow=True)
    assert "password1" not in used.text


def test_a_new_password_ends_the_sessions_elsewhere(visitor, ana):
    elsewhere = browser()
    log_in(elsewhere, ANA, PASSWORD)
    log_in(visitor, ANA, PASSWORD)
    visitor.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )
    assert who(visitor) == ANA
    assert elsewhere.get(reverse("home")).headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("view", ["account_reset_password", "account_request_login_code"])
def test_a_mail_that_cannot_be_sent_is_said_so(visitor, ana, no_mail_server, view):
    response = visitor.post(reverse(view), {"email": ANA})
    assert response.status_code == 503
    assert "could not be sent" in response.text
    assert "Traceback" not in response.text


# Invitation ---------------------------------------------------------------------------------------


def invite(coach_client: Client, runner: Athlete, mailoutbox) -> str:
    """Let the coach invite; return the path of the link in the mail."""
    response = coach_client.post(reverse("athlete_invite", args=[runner.pk]))
    assert response.headers["Location"] == reverse("athlete_detail", args=[runner.pk])
    return link_in(mailoutbox[-1])


def assert_ended(response) -> None:
    assert response.status_code in (404, 409)
    assert "cannot be used" in response.text


def test_a_coach_invites_an_athlete_by_mail(coach_client, runner, mailoutbox, settings):
    link = invite(coach_client, runner, mailoutbox)
    (mail,) = mailoutbox
    assert mail.to == [ANA]
    assert "Carla Coach invites you to Harriers" in mail.subject
    assert settings.SITE_URL + link in mail.body
    assert link.rstrip("/").rpartition("/")[2] not in str(dump())
    assert "open until" in coach_client.get(reverse("athlete_detail", args=[runner.pk])).text


def test_a_look_at_the_link_changes_nothing(coach_client, runner, mailoutbox):
    """Mail scanners open every link before its reader does."""
    link = invite(coach_client, runner, mailoutbox)
    before = dump()
    for _ in range(2):
        page = browser().get(link)
        assert page.status_code == 200
        assert browser().head(link).status_code == 200
    assert dump() == before
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_an_athlete_opens_the_account_and_stands_on_today(
    coach_client, runner, visitor, mailoutbox
):
    link = invite(coach_client, runner, mailoutbox)

    response = visitor.post(link, {"password": NEW_PASSWORD})

    assert response.headers["Location"] == reverse("today")
    assert who(visitor) == ANA
    assert visitor.get(reverse("today")).status_code == 200
    assert visitor.get(reverse("home")).headers["Location"] == reverse("today")
    runner.refresh_from_db()
    assert runner.user.email == ANA
    again = browser()
    log_in(again, ANA, NEW_PASSWORD)  # the address counts as confirmed: no code is asked for
    assert who(again) == ANA


@pytest.mark.parametrize("password", ["", "short", "password", ANA, "long\0password"])
def test_a_password_that_does_not_do_is_refused_beside_its_field(
    coach_client, runner, visitor, mailoutbox, password
):
    link = invite(coach_client, runner, mailoutbox)
    before = dump()
    response = visitor.post(link, {"password": password})
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.text
    assert 'id="id_password_error"' in response.text
    assert dump() == before


def test_the_link_is_good_once(coach_client, runner, visitor, mailoutbox):
    link = invite(coach_client, runner, mailoutbox)
    visitor.post(link, {"password": NEW_PASSWORD})
    before = dump()
    for client in (visitor, browser()):
        assert_ended(client.get(link))
        assert_ended(client.post(link, {"password": "quite-another-one"}))
    assert dump() == before


def test_the_link_ends_after_seven_days(coach_client, runner, visitor, mailoutbox):
    link = invite(coach_client, runner, mailoutbox)
    invitation = Invitation.objects.get()
    assert invitation.expires_at - invitation.created_at == pytest.approx(
        timedelta(days=7), abs=timedelta(minutes=1)
    )
    Invitation.objects.update(expires_at=timezone.now())
    before = dump()
    assert_ended(visitor.get(link))
    assert_ended(visitor.post(link, {"password": NEW_PASSWORD}))
    assert dump() == before


def test_a_newer_invitation_replaces_the_older(coach_client, runner, visitor, mailoutbox):
    older = invite(coach_client, runner, mailoutbox)
    newer = invite(coach_client, runner, mailoutbox)
    assert_ended(visitor.post(older, {"password": NEW_PASSWORD}))
    assert not User.objects.filter(email=ANA).exists()
    assert visitor.post(newer, {"password": NEW_PASSWORD}).status_code == 302


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t.swapcase()])
def test_an_altered_link_opens_nothing(coach_client, runner, visitor, mailoutbox, change):
    link = invite(coach_client, runner, mailoutbox)
    token = link.rstrip("/").rpartition("/")[2]
    before = dump()
    altered = reverse("invitation_accept", args=[change(token)])
    assert_ended(visitor.get(altered))
    assert_ended(visitor.post(altered, {"password": NEW_PASSWORD}))
    assert dump() == before


@pytest.mark.parametrize("has_account", [False, True])
def test_whoever_is_logged_in_with_another_address_is_told_so(
    coach_client, runner, mailoutbox, has_account
):
    """The coach tries the link in the browser at hand; it must not open Ana's account there."""
    if has_account:
        make_user(email=ANA, password=PASSWORD)
    link = invite(coach_client, runner, mailoutbox)
    before = dump()
    page = coach_client.get(link)
    assert "coach@club.example" in page.text
    assert ANA in page.text
    assert "Log out" in page.text
    assert 'name="password"' not in page.text
    assert coach_client.post(link, {"password": NEW_PASSWORD}).status_code == 409
    assert who(coach_client) == "coach@club.example"
    assert dump() == before


def test_a_known_account_logs_in_first_and_then_joins(
    coach_client, runner, ana, visitor, mailoutbox
):
    link = invite(coach_client, runner, mailoutbox)
    page = visitor.get(link)
    assert 'name="password"' not in page.text
    asked = visitor.post(link, {"password": NEW_PASSWORD})
    assert asked.headers["Location"] == f"{reverse('account_login')}?next={link}"
    runner.refresh_from_db()
    assert runner.user is None
    assert log_in(visitor, ANA, PASSWORD, next=link).headers["Location"] == link
    assert "Join" in visitor.get(link).text

    response = visitor.post(link)

    assert response.headers["Location"] == reverse("today")
    runner.refresh_from_db()
    assert runner.user == ana


def test_one_account_is_not_tied_to_two_athletes_of_a_team(
    coach_client, athlete, team, athlete_client, mailoutbox
):
    """The coach has changed Ana's address, then added her a second time under the old one."""
    Athlete.objects.filter(pk=athlete.pk).update(email="ana@elsewhere.example")
    double = make_athlete(team=team, name="Ana again", email=ANA)
    link = invite(coach_client, double, mailoutbox)
    before = dump()
    athlete_client.raise_request_exception = False
    assert_ended(athlete_client.post(link))
    assert dump() == before


def test_a_coach_may_run_in_another_team(coach_client, coach, other_team, visitor, mailoutbox):
    """One account, two hats."""
    runner = make_athlete(team=other_team, name="Carla Coach", email=coach.email)
    rival = browser()
    rival.force_login(other_team.memberships.get().user)
    link = invite(rival, runner, mailoutbox)
    assert coach_client.post(link).headers["Location"] == reverse("today")
    assert coach_client.get(reverse("athlete_detail", args=[runner.pk])).status_code == 200
    assert coach_client.get(reverse("roster", args=[other_team.slug])).status_code == 404


def test_an_invitation_that_cannot_be_mailed_leaves_the_earlier_one_good(
    coach_client, runner, visitor, mailoutbox, request
):
    link = invite(coach_client, runner, mailoutbox)
    before = dump()
    request.getfixturevalue("no_mail_server")

    response = coach_client.post(reverse("athlete_invite", args=[runner.pk]))

    assert response.status_code == 503
    assert "could not be sent" in response.text
    for inside in ("Traceback", "ConnectionRefused", "Errno", "smtplib"):
        assert inside not in response.text
    assert dump() == before
    assert visitor.post(link, {"password": NEW_PASSWORD}).status_code == 302


def test_a_name_with_a_line_break_puts_no_header_into_the_mail(coach_client, runner, mailoutbox):
    Team.objects.update(name="Harriers\r\nBcc: everyone@evil.example")
    cache.clear()
    invite(coach_client, runner, mailoutbox)
    (mail,) = mailoutbox
    assert mail.recipients() == [ANA]
    assert "\n" not in mail.subject and "\r" not in mail.subject
    assert "Bcc" not in mail.message()
