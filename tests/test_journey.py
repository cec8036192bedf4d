"""One story through all nine stages in a real browser, mailed by real processes."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Page, expect

from athletes.models import Athlete, Team
from tests.make import (
    MONDAY,
    make_athlete,
    make_full_week,
    make_race,
    make_session,
    make_week,
)
from tests.processes import post_office, serve, wait_until
from workouts.models import Delivery, SeasonPlan, Workout

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="session")
def site(django_db_setup, tmp_path_factory):
    """The site under the real web server, on the test database."""
    log = tmp_path_factory.mktemp("web") / "web.log"
    with serve(log, connection.settings_dict) as site:
        yield site
    print(log.read_text())


@pytest.fixture
def page(page: Page) -> Page:
    """A page that fails the test when the browser complains: a script error, a CSP violation."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and not is_wanted(message)
            else None
        ),
    )
    page.set_default_timeout(15_000)
    yield page
    assert complaints == []


def is_wanted(message: ConsoleMessage) -> bool:
    """A refused form and a page that is not there are answers, not faults."""
    return "status of 422" in message.text or message.location["url"].endswith("/nowhere/")


def sign_in(page: Page, address: str, email: str, password: str = "on-the-track") -> None:
    page.goto(f"{address}/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign In").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.mark.services
def test_from_a_spreadsheet_to_a_logged_session(page, site, coach, tmp_path):
    Workout.objects.load_library()
    database = connection.settings_dict
    with post_office(tmp_path, database, smtp_port=site.smtp_port) as office:
        sign_in(page, site.url, coach.email)

        # A new coach starts a team and imports the squad (stage 1: race PRs).
        page.get_by_label("Name of the team").fill("Harbour Harriers")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("link", name="Import spreadsheet").click()
        page.get_by_label("Roster (CSV)").set_input_files(EXAMPLES / "roster.csv")
        page.get_by_label("Dated race results").set_input_files(EXAMPLES / "results.csv")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("status").or_(page.locator(".say")).first).to_contain_text("12 new")

        # The week board (stages 2 to 4): a session for a group, from the library.
        page.get_by_role("link", name="Weeks").click()
        board = page.url.rstrip("/")
        today = timezone.now().date()
        monday = today - timedelta(days=today.weekday())
        page.goto(f"{board.rpartition('/')[0]}/{monday}/")
        add_session(page, "Tuesday track", "Tuesday", "800s")
        expect(page.get_by_text("Added 800s to")).to_be_visible()
        expect(page.locator("#adding form")).to_have_count(0)
        add_session(page, "Tuesday track", "Thursday", "6 × 800 m at 5K pace")
        expect(page.locator("#adding form")).to_have_count(0)

        # A third track session is refused for each, and the reason says what is in the way.
        add_session(page, "Tuesday track", "Saturday", "Pyramid")
        expect(page.get_by_role("alert")).to_contain_text("at their limit")
        in_the_way = "Tuesday 800s and Thursday 6 × 800 m at 5K pace"
        expect(page.locator(".misses")).to_contain_text(in_the_way)
        expect(page.get_by_label("Workout")).to_have_value(re.compile(r"\d+"))

        # Publish (5), and the mails go out (6, 7).
        page.get_by_role("button", name="Publish week").click()
        expect(page.get_by_text("published,").first).to_be_visible()
        page.get_by_role("button", name="Send mails now").click()
        tuesday_track = Athlete.objects.filter(groups__name="Tuesday track")
        expected = {athlete.email for athlete in tuesday_track}
        wait_until(
            lambda: {mail["to"] for mail in office.mails()} >= expected,
            seconds=90,
            what="the mails",
        )
        assert len(office.mails()) == len(expected)

        # The coach invites an athlete, who opens an account by the link in the mail.
        athlete = tuesday_track.filter(races__distance_m=5000).first()
        page.goto(f"{site.url}/athletes/{athlete.pk}/")
        page.get_by_role("button", name="Invite by mail").click()
        expect(page.get_by_text("Invitation sent")).to_be_visible()
        mails = [mail for mail in office.mails() if mail["to"] == athlete.email]
        plan = next(mail for mail in mails if mail["subject"].startswith("Week of"))
        invitation = next(mail for mail in mails if "invites you" in mail["subject"])
        page.get_by_role("button", name="Sign out").click()
        page.goto(re.search(r"http\S+/invitations/\S+", invitation["text"])[0])
        page.get_by_label("Choose a password").fill("eight-hundred-metres")
        page.get_by_role("button", name="Open my account").click()
        page.wait_for_url("**/today/")

        # The athlete's week has the numbers of the mail, and takes the result (8).
        page.goto(f"{site.url}/athletes/{athlete.pk}/weeks/{monday}/")
        tuesday = page.locator("section.day").filter(has_text="Tuesday")
        targets = tuesday.locator("td.target").all_inner_texts()
        assert targets
        for target in targets:
            assert target in plan["text"]
        page.goto(f"{site.url}/sessions/{session_of(athlete, weekday=2)}/log/")
        page.get_by_label("Time of rep 1", exact=True).fill("3:22.5")
        page.get_by_label("Effort").fill("8")
        page.get_by_label("Comment").fill("Strong wind on the back straight")
        page.get_by_role("button", name="Log it").click()
        expect(page.get_by_text("Strong wind")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()

        # The coach sees it on the board (9).
        sign_in(page, site.url, coach.email)
        page.goto(f"{board.rpartition('/')[0]}/{monday}/")
        expect(page.locator("a.s.TRACK.done")).to_have_count(1)


def add_session(page: Page, whom: str, day: str, workout: str) -> None:
    """Add a session on the board, and wait until its answer has settled."""
    page.get_by_role("link", name="Add session").click()
    page.get_by_label("For", exact=True).select_option(whom)
    page.get_by_label("Day", exact=True).select_option(day)
    page.get_by_label("Workout").select_option(workout)
    with page.expect_response("**/sessions/add/"):
        page.locator("#adding").get_by_role("button", name="Add session").click()
    for busy in (".htmx-request", ".htmx-swapping", ".htmx-settling"):
        expect(page.locator(busy)).to_have_count(0)


def session_of(athlete: Athlete, *, weekday: int) -> int:
    return athlete.weeks.get().sessions.get(weekday=weekday).pk


@pytest.fixture
def squad(team, athlete, library) -> Team:
    """Ana's full week, published, and Bo's draft; Cy has nothing."""
    SeasonPlan.objects.load_ready_plans()
    week = make_full_week(athlete=athlete)
    week.publish(now=timezone.now())
    today = athlete.today(timezone.now())
    this_week = make_week(athlete=athlete, starts_on=today - timedelta(today.weekday()))
    make_session(week=this_week, weekday=today.isoweekday())
    this_week.publish(now=timezone.now())
    bo = make_athlete(team=team, name="Bo Lund")
    make_race(athlete=bo, raced_on=None)
    make_session(week=make_week(athlete=bo))
    make_athlete(team=team, name="Cy Wen")
    return team


COACH_PAGES = [
    "/teams/harriers/weeks/{monday}/",
    "/teams/harriers/weeks/{monday}/sessions/add/",
    "/teams/harriers/weeks/{monday}/publish/?ahead=1",
    "/athletes/{athlete}/weeks/{monday}/publish/",
    "/athletes/{athlete}/weeks/{monday}/revisions/1/",
    "/teams/harriers/athletes/",
    "/teams/harriers/athletes/add/",
    "/teams/harriers/athletes/import/",
    "/teams/harriers/library/",
    "/teams/harriers/library/add/",
    "/teams/harriers/library/{workout}/",
    "/athletes/{athlete}/",
    "/athletes/{athlete}/edit/",
    "/athletes/{athlete}/pauses/add/",
    "/pauses/{pause}/",
    "/races/{race}/edit/",
    "/notation/",
    "/teams/harriers/library/{own}/edit/",
    "/teams/harriers/plans/",
    "/teams/harriers/plans/add/",
    "/teams/harriers/plans/{plan}/",
    "/teams/harriers/plans/{plan}/edit/",
    "/teams/harriers/plans/{plan}/weeks/3/",
    "/teams/harriers/plans/{plan}/follow/",
    "/teams/harriers/plans/{plan}/changes/",
    "/athletes/{athlete}/weeks/{monday}/",
    "/athletes/{athlete}/months/2026-12/",
    "/teams/harriers/budget/{monday}/",
    "/sessions/{session}/",
    "/sessions/{session}/board/",
    "/sessions/{session}/board/move/",
    "/sessions/{session}/board/copy/",
    "/sessions/{session}/board/remove/",
    "/athletes/{athlete}/weeks/{monday}/board/",
    "/athletes/{athlete}/weeks/{monday}/board/add/",
    "/athletes/{athlete}/weeks/{monday}/board/swap/",
    "/athletes/{athlete}/weeks/{monday}/board/copy/",
    "/athletes/{athlete}/weeks/{monday}/history/",
    "/teams/harriers/history/",
    "/teams/harriers/mails/",
    "/mails/{mail}/",
]
ATHLETE_PAGES = [
    "/today/",
    "/athletes/{athlete}/",
    "/athletes/{athlete}/weeks/{monday}/",
    "/athletes/{athlete}/months/2026-12/",
    "/sessions/{session}/log/",
    "/athletes/{athlete}/mail/",
    "/athletes/{athlete}/calendar/",
]
PUBLIC_PAGES = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("who", "paths"), [("coach", COACH_PAGES), ("athlete", ATHLETE_PAGES), ("", PUBLIC_PAGES)]
)
def test_axe_finds_nothing(page, site, squad, athlete, coach, who, paths, scheme):
    page.emulate_media(color_scheme=scheme)
    if who:
        sign_in(page, site.url, coach.email if who == "coach" else athlete.user.email)
    ids = {
        "monday": MONDAY,
        "athlete": athlete.pk,
        "session": athlete.weeks.get(starts_on=MONDAY).sessions.first().pk,
        "race": athlete.races.get().pk,
        "pause": Athlete.objects.get(name="Cy Wen").pauses.create(starts_on=MONDAY).pk,
        "own": Workout.objects.get(slug="pyramid").copy_for(squad).pk,
        "workout": Workout.objects.get(slug="800s").pk,
        "plan": SeasonPlan.objects.get(slug="8-weeks-to-5k").copy_for(squad).pk,
        "mail": Delivery.objects.filter(plan__week__athlete=athlete).latest("pk").pk,
    }
    found = []
    for path in paths:
        page.goto(site.url + path.format(**ids))
        found += violations(page, path)
    assert found == []


def violations(page: Page, where: str) -> list[str]:
    report = Axe().run(page)
    return [f"{where}\n{report.generate_report()}"] if report.violations_count else []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_answers(page, site, squad, athlete, coach, scheme):
    """What stands on a page only after a button: verdicts, a plan looked at and followed."""
    page.emulate_media(color_scheme=scheme)
    sign_in(page, site.url, coach.email)
    Athlete.objects.get(name="Cy Wen").pauses.create(starts_on=MONDAY)
    board = f"{site.url}/teams/harriers/weeks/{MONDAY}"
    page.goto(f"{board}/sessions/add/?weekday=6")
    page.get_by_label("Workout").select_option("Pyramid")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".misses")).to_contain_text("already has")
    found = violations(page, "verdicts")
    page.goto(f"{board}/")
    page.get_by_role("link", name="Sat 5 Dec").click()
    page.get_by_role("button", name="800s", exact=True).click()
    expect(page.locator(".misses")).to_contain_text("already has")
    found += violations(page, "verdicts on the board")

    plan = SeasonPlan.objects.get(slug="8-weeks-to-5k").copy_for(squad)
    page.goto(f"{site.url}/teams/harriers/plans/{plan.pk}/follow/")
    for name in ("Ana Sousa", "Bo Lund", "Cy Wen"):
        page.get_by_label(name).check()
    page.locator("[name=starts_on]").fill(str(MONDAY + timedelta(weeks=1)))
    page.get_by_role("button", name="See what it means").click()
    expect(page.get_by_role("region", name="What it means")).to_be_visible()
    found += violations(page, "a plan looked at")
    page.get_by_role("button", name=re.compile("^Plan ")).click()
    expect(page.get_by_text("Done:")).to_be_visible()
    found += violations(page, "a plan followed")
    page.goto(f"{site.url}/teams/harriers/plans/{plan.pk}/weeks/3/")
    page.locator("textarea, input[name$=notation]").first.fill("10km easy")
    page.get_by_role("button", name="Save").click()
    page.goto(f"{site.url}/teams/harriers/plans/{plan.pk}/changes/")
    expect(page.locator("main")).to_contain_text("Ana Sousa")
    found += violations(page, "what an edit of the plan changes")
    assert found == []


def test_a_workout_is_worked_out_while_it_is_typed(page, site, squad, coach):
    sign_in(page, site.url, coach.email)
    page.goto(f"{site.url}/teams/harriers/library/add/")
    page.get_by_role("button", name="Warm-up").click()
    page.get_by_role("button", name="Repeats").click()
    preview = page.locator("#preview")
    # Ana runs 5K in 22:00: 800 m at that pace in 3:31.2.
    expect(preview).to_contain_text("3:31")
    expect(preview.locator("svg rect")).to_have_count(6)

    text = page.get_by_label("Notation")
    text.fill("warm-up 1mi\n6 x 800 @ 5q, jog 200")
    expect(preview).to_contain_text("line 2, column 11")
    expect(page.locator(".editor .under u")).to_have_text("5q, jog 200")
    text.fill("warm-up 1mi\n6 x 800 @ 5k, jog 200")
    expect(preview).to_contain_text("4800 m fast in 12 laps")
    expect(page.locator(".editor .under u")).to_have_count(0)

    page.get_by_label("Title").fill("Oval eights")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Oval eights")).to_be_visible()


def test_a_phone_page_is_no_wider_than_the_phone(page, site, squad, athlete):
    page.set_viewport_size({"width": 360, "height": 800})
    sign_in(page, site.url, athlete.user.email)
    own = f"/athletes/{athlete.pk}/"
    for path in ("/today/", own, f"{own}weeks/{MONDAY}/", f"{own}mail/", f"{own}calendar/"):
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_a_touch_selects_the_address_of_the_calendar_and_a_new_one_ends_it(
    page, site, squad, athlete
):
    sign_in(page, site.url, athlete.user.email)
    page.get_by_role("link", name="In your calendar").click()
    field = page.get_by_label("Address of your calendar")
    field.click()
    address = page.evaluate("document.getSelection().toString()")
    assert address == field.input_value()
    path = re.sub(r"^https?://[^/]+", "", address)
    calendar = page.request.get(f"{site.url}{path}")
    assert calendar.headers["content-type"] == "text/calendar; charset=utf-8"
    assert calendar.text().startswith("BEGIN:VCALENDAR\r\n")
    page.get_by_role("button", name="New address").click()
    expect(page.get_by_text("the old one no longer works")).to_be_visible()
    assert page.request.get(f"{site.url}{path}").status == 404


@pytest.mark.parametrize("width", [1280, 360])
def test_three_readers_with_ranges_and_splits_fit_beside_the_editor(
    page, site, squad, team, coach, width
):
    for name, seconds in (("Lucía Benavides", 1500), ("Émile Lefèvre", 1000)):
        make_race(athlete=make_athlete(team=team, name=name), time_s=seconds)
    Team.objects.update(split_m=100)
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, site.url, coach.email)
    page.goto(f"{site.url}/teams/harriers/library/add/")
    page.get_by_label("Notation").fill("4-8 x 800 @ 5k-15..20s/mi, jog 200-400")
    table = page.locator("#preview .scroll")
    expect(table).to_contain_text("Lefèvre")
    expect(table).to_contain_text("700 ")
    assert table.evaluate("box => box.scrollWidth - box.clientWidth") <= 0


def test_without_javascript_a_week_is_planned_and_published(browser, site, squad, coach):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site.url, coach.email)
    page.goto(f"{site.url}/teams/harriers/weeks/{MONDAY}/")
    page.get_by_role("link", name="Add session").click()
    page.get_by_label("For", exact=True).select_option("Cy Wen")
    page.get_by_label("Workout").select_option("Easy run")
    page.get_by_role("button", name="Add session").click()
    assert "Added Easy run to one week." in page.content()
    page.get_by_role("button", name="Publish week").click()
    assert "2 published" in page.content()
    context.close()
