"""The week board under the hand, in a real browser: mouse, keys, finger, and no script at all."""

# ruff: noqa: F811 (the fixtures of another module)

from datetime import date, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from athletes.models import Athlete, Team
from tests.make import (
    EASY,
    make_athlete,
    make_full_week,
    make_group,
    make_race,
    make_session,
    make_week,
)
from tests.test_journey import page, sign_in, site  # noqa: F401
from workouts.models import Session

pytestmark = pytest.mark.django_db(transaction=True)


def coming_monday() -> date:
    today = timezone.now().date()
    return today + timedelta(days=7 - today.weekday())


@pytest.fixture
def monday() -> date:
    return coming_monday()


@pytest.fixture
def squad(team, athlete, library, monday) -> Team:
    """Ana has an easy Monday and two track sessions; Bo one track session; Cy may have none."""
    week = make_full_week(athlete=athlete, starts_on=monday)
    week.schedule(weekday=1, **EASY)
    bo = make_athlete(team=team, name="Bo Lund")
    make_race(athlete=bo)
    make_session(week=make_week(athlete=bo, starts_on=monday), weekday=3, title="400s")
    cy = make_athlete(team=team, name="Cy Wen", track_limit=0)
    make_week(athlete=cy, starts_on=monday, track_limit=0)
    return team


@pytest.fixture
def board(page, site, squad, coach, monday) -> Page:
    sign_in(page, site.url, coach.email)
    page.goto(f"{site.url}/teams/harriers/weeks/{monday}/")
    return page


def cell(page: Page, name: str, day: int) -> Locator:
    row = page.locator(".board tbody tr").filter(has_text=name)
    return row.locator("td").nth(day - 1)


def session(page: Page, name: str, day: int) -> Locator:
    return cell(page, name, day).locator("a.s")


def middle(where: Locator) -> tuple[float, float]:
    box = where.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, what: Locator, where: Locator) -> None:
    page.mouse.move(*middle(what))
    page.mouse.down()
    page.mouse.move(*middle(where), steps=5)
    page.mouse.up()


def told(page: Page, words: str) -> None:
    expect(page.locator("#told")).to_contain_text(words)


def days_of(name: str) -> list[tuple[int, str]]:
    rows = Session.objects.filter(week__athlete__name=name).order_by("week__starts_on", "weekday")
    return list(rows.values_list("weekday", "title"))


def test_a_session_is_dragged_to_a_day_and_keeps_the_focus_and_comes_back(board):
    drag(board, session(board, "Ana", 1), cell(board, "Ana", 6))
    told(board, "Moved Easy run to Saturday.")
    expect(session(board, "Ana", 6)).to_be_focused()
    assert days_of("Ana Sousa") == [(2, "6 × 800 m"), (4, "Pyramid"), (6, "Easy run")]
    board.locator("#told").get_by_role("button", name="Undo").click()
    told(board, "Undone: Ana Sousa: Easy run from Monday")
    expect(session(board, "Ana", 1)).to_contain_text("Easy run")
    assert days_of("Ana Sousa")[0] == (1, "Easy run")


def test_a_session_dropped_on_the_week_link_goes_to_that_week(board, monday):
    drag(board, session(board, "Ana", 2), board.get_by_role("link", name="Week after"))
    told(board, "Moved 6 × 800 m to Tuesday")
    moved = Session.objects.get(title="6 × 800 m")
    assert (moved.week.starts_on, moved.weekday) == (monday + timedelta(days=7), 2)


def test_a_session_dropped_on_another_athlete_is_copied(board):
    drag(board, session(board, "Ana", 2), cell(board, "Bo", 5))
    told(board, "Copied 6 × 800 m to Friday")
    expect(session(board, "Bo", 5)).to_be_focused()
    assert days_of("Bo Lund") == [(3, "400s"), (5, "6 × 800 m")]
    assert len(days_of("Ana Sousa")) == 3


def test_a_refused_drop_snaps_back_says_why_and_lights_the_days_that_are_free(board):
    drag(board, session(board, "Bo", 3), cell(board, "Ana", 6))
    refusal = board.get_by_role("dialog", name="That does not fit")
    expect(refusal).to_contain_text("Ana Sousa may have two track sessions")
    expect(refusal).to_contain_text("Tuesday 6 × 800 m and Thursday Pyramid")
    expect(board.locator(".ghost")).to_have_count(0)
    assert days_of("Bo Lund") == [(3, "400s")]
    assert len(days_of("Ana Sousa")) == 3
    refusal.get_by_role("button", name="Off the track").click()
    told(board, "Copied 400s to Saturday")
    assert Session.objects.get(week__athlete__name="Ana Sousa", weekday=6).kind == "INTERVALS"


def test_legal_days_of_the_week_on_the_board_are_lit(board, squad, monday):
    late = make_week(athlete=Athlete.objects.get(name="Bo Lund"), starts_on=monday + timedelta(7))
    for day, title in ((2, "Hills"), (4, "Ladder")):
        make_session(week=late, weekday=day, title=title)
    drag(board, session(board, "Bo", 3), board.get_by_role("link", name="Week after"))
    expect(board.get_by_role("dialog", name="That does not fit")).to_contain_text("Thursday Ladder")
    lit = board.locator(".board tr").filter(has_text="Bo Lund").locator("td.lit")
    assert lit.count() >= 1
    board.keyboard.press("Escape")
    expect(board.locator(".board td.lit")).to_have_count(0)
    expect(session(board, "Bo", 3)).to_be_focused()


def test_escape_lets_a_dragged_session_go(board):
    board.mouse.move(*middle(session(board, "Ana", 1)))
    board.mouse.down()
    board.mouse.move(*middle(cell(board, "Ana", 6)), steps=5)
    expect(board.locator(".ghost")).to_have_count(1)
    board.keyboard.press("Escape")
    board.mouse.up()
    expect(board.locator(".ghost")).to_have_count(0)
    expect(board.get_by_role("dialog")).to_have_count(0)
    assert days_of("Ana Sousa")[0] == (1, "Easy run")


def test_the_board_is_planned_by_keys_alone(board):
    board.get_by_role("link", name="Ana Sousa", exact=True).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):  # over the menu of the row
        board.keyboard.press(key)
    expect(session(board, "Ana", 2)).to_be_focused()

    board.keyboard.press("m")
    expect(board.get_by_role("dialog", name="Move 6 × 800 m")).to_be_visible()
    board.keyboard.press("5")
    told(board, "Moved 6 × 800 m to Friday.")
    expect(session(board, "Ana", 5)).to_be_focused()

    board.keyboard.press("x")
    expect(board.get_by_role("dialog", name="Swap Friday with")).to_be_visible()
    board.keyboard.press("7")
    told(board, "Swapped Friday and Sunday.")
    assert days_of("Ana Sousa") == [(1, "Easy run"), (4, "Pyramid"), (7, "6 × 800 m")]

    expect(cell(board, "Ana", 5)).to_be_focused()
    board.keyboard.press("a")
    board.get_by_label("Workout").fill("8km easy")
    board.keyboard.press("Enter")
    told(board, "Added 8 km easy on Friday.")
    expect(session(board, "Ana", 5)).to_be_focused()

    board.keyboard.press("Delete")
    told(board, "Removed 8 km easy.")
    board.keyboard.press("u")
    told(board, "Undone: Ana Sousa: 8 km easy removed")
    expect(session(board, "Ana", 5)).to_have_count(1)

    board.keyboard.press("ArrowDown")
    expect(cell(board, "Bo", 5)).to_be_focused()
    board.keyboard.press("?")
    expect(board.get_by_role("dialog", name="Keys of the week board")).to_be_visible()
    board.keyboard.press("Escape")


def test_a_session_is_copied_by_keys_to_an_athlete(board):
    session(board, "Ana", 1).focus()
    board.keyboard.press("c")
    sheet = board.get_by_role("dialog", name="Copy Easy run")
    sheet.get_by_label("For").select_option("Cy Wen")
    sheet.get_by_role("button", name="Wed").first.click()
    told(board, "Copied Easy run to Wednesday")
    assert days_of("Cy Wen") == [(3, "Easy run")]


def test_a_week_is_copied_from_the_menu_of_its_row(board):
    board.get_by_role("link", name="Menu of Ana Sousa").click()
    board.get_by_role("link", name="Copy the week").click()
    sheet = board.get_by_role("dialog", name="Copy the week")
    sheet.get_by_label("For").select_option("Bo Lund")
    sheet.get_by_label("Into the week of").select_option(index=0)
    sheet.get_by_role("button", name="Copy the week").click()
    told(board, "2 of 3 sessions copied; not copied: 1 at the limit.")
    expect(session(board, "Bo", 1)).to_contain_text("Easy run")
    board.keyboard.press("u")
    told(board, "Undone: Ana Sousa: Week of")
    expect(session(board, "Bo", 1)).to_have_count(0)
    assert days_of("Bo Lund") == [(3, "400s")]


def test_a_board_of_a_large_team_is_fetched_anew_after_a_change_for_all(board, squad):
    for number in range(52):
        make_race(athlete=make_athlete(team=squad, name=f"Runner {number:02}"))
    session(board, "Ana", 1).focus()
    board.keyboard.press("c")
    board.get_by_role("dialog").get_by_label("For").select_option("everyone")
    board.get_by_role("dialog").get_by_role("button", name="Sun").first.click()
    expect(session(board, "Runner 00", 7)).to_contain_text("Easy run")
    told(board, "Easy run")
    board.keyboard.press("u")
    expect(session(board, "Runner 00", 7)).to_have_count(0)


def test_one_rep_less_takes_a_click_a_digit_and_a_key(board):
    session(board, "Ana", 2).click()
    text = board.get_by_role("dialog").get_by_label("Session")
    expect(text).to_be_focused()
    board.keyboard.type("5")
    board.keyboard.press("Control+Enter")
    told(board, "5 × 800 m kept.")
    expect(session(board, "Ana", 2)).to_contain_text("5 × 800 m")


def test_a_new_week_of_five_sessions_takes_three_keys_a_day_and_its_text(board):
    cell(board, "Cy", 1).click()
    expect(board.get_by_role("dialog", name="Add a session")).to_be_visible()
    board.keyboard.press("Escape")
    expect(cell(board, "Cy", 1)).to_be_focused()
    week = ["8km easy", "40min easy", "30min easy", "12km easy", "20km easy"]
    for number, line in enumerate(week, start=1):
        board.keyboard.press("a")
        expect(board.get_by_label("Workout")).to_be_focused()
        board.keyboard.type(line)
        board.keyboard.press("Enter")
        expect(session(board, "Cy", number)).to_be_focused()
        board.keyboard.press("ArrowRight")
    assert [day for day, _ in days_of("Cy Wen")] == [1, 2, 3, 4, 5]


def touch(page: Page, kind: str, *at: float) -> None:
    points = [{"x": at[0], "y": at[1]}] if at else []
    page.context.devtools.send(  # type: ignore[attr-defined]
        "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
    )


def test_a_finger_drags_after_a_rest_and_scrolls_at_once(browser, site, squad, coach, monday):
    context = browser.new_context(viewport={"width": 360, "height": 720}, has_touch=True)
    phone = context.new_page()
    context.devtools = context.new_cdp_session(phone)
    sign_in(phone, site.url, coach.email)
    phone.goto(f"{site.url}/teams/harriers/weeks/{monday}/")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    x, y = middle(session(phone, "Ana", 1))
    touch(phone, "touchStart", x, y)
    expect(phone.locator(".ghost")).to_have_count(1)
    to_x, to_y = middle(cell(phone, "Ana", 2))
    for part in range(1, 6):
        touch(phone, "touchMove", x + (to_x - x) * part / 5, y + (to_y - y) * part / 5)
    touch(phone, "touchEnd")
    told(phone, "Moved Easy run to Tuesday.")

    phone.evaluate("document.querySelector('.pane').scrollLeft = 0")
    session(phone, "Ana", 2).first.tap()
    sheet = phone.get_by_role("dialog")
    sheet.get_by_role("link", name="Move to").tap()
    sheet.get_by_role("button", name="Mon").first.tap()
    told(phone, "to Monday.")

    phone.evaluate("document.querySelector('.pane').scrollLeft = 0")
    x, y = middle(session(phone, "Ana", 1))

    touch(phone, "touchStart", x, y)
    for step in range(1, 6):
        touch(phone, "touchMove", x - 20 * step, y)
    touch(phone, "touchEnd")
    phone.wait_for_function("document.querySelector('.pane').scrollLeft > 20")
    expect(phone.locator(".ghost")).to_have_count(0)
    assert days_of("Ana Sousa")[0][0] == 1
    context.close()


@pytest.mark.parametrize("has_script", [True, False], ids=["with script", "without"])
def test_two_track_sessions_for_a_group_of_forty_take_six_clicks(
    browser, site, squad, coach, monday, has_script
):
    forty = [make_athlete(team=squad, name=f"Runner {number:02}") for number in range(40)]
    for one in forty:
        make_race(athlete=one)
    make_group(*forty, team=squad, name="Forty")
    context = browser.new_context(java_script_enabled=has_script)
    page = context.new_page()
    sign_in(page, site.url, coach.email)
    page.goto(site.url)
    clicks = []

    def click(role: str, name: str, **exactly: bool) -> None:
        page.get_by_role(role, name=name, **exactly).click()
        clicks.append(name)

    if not page.url.endswith(f"/weeks/{monday}/"):  # from Friday on it is the coming week's anyway
        click("link", "Week after")
    click("link", "Forty", exact=True)
    expect(page.get_by_role("link", name="Ana Sousa")).to_have_count(0)
    click("link", f"{monday + timedelta(days=1):Tue %-d %b}")
    click("button", "800s", exact=True)
    expect(page.get_by_text("Added 800s to 40 weeks.")).to_be_visible()
    click("link", f"{monday + timedelta(days=3):Thu %-d %b}")
    click("button", "Pyramid", exact=True)
    expect(page.get_by_text("Added Pyramid to 40 weeks.")).to_be_visible()
    assert len(clicks) <= 6
    for one in forty:
        assert days_of(one.name) == [(2, "800s"), (4, "Pyramid")]

    # What was added last is taken back where it says so, and added again.
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: Added Pyramid to 40 weeks.")).to_be_visible()
    assert days_of(forty[0].name) == [(2, "800s")]
    page.goto(f"{site.url}/teams/harriers/weeks/{monday}/?group={forty[0].groups.get().pk}")
    page.get_by_role("link", name=f"{monday + timedelta(days=3):Thu %-d %b}").click()
    page.get_by_role("button", name="Pyramid", exact=True).click()
    expect(page.get_by_text("Added Pyramid to 40 weeks.")).to_be_visible()

    # The third is refused for each, with what is in the way, and what would fit.
    page.get_by_role("link", name=f"{monday + timedelta(days=5):Sat %-d %b}").click()
    page.get_by_role("button", name="400s", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("40 at their limit")
    expect(page.locator(".misses").first).to_contain_text("Tuesday 800s and Thursday Pyramid")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_sheets_of_the_board(board, scheme):
    board.emulate_media(color_scheme=scheme)
    session(board, "Ana", 1).focus()
    found = []
    for key in ("Enter", "m", "c", "x", "a", "?"):
        board.keyboard.press(key)
        expect(board.locator("dialog[open] h2")).to_be_visible()
        report = Axe().run(board)
        if report.violations_count:
            found.append(f"{key}\n{report.generate_report()}")
        board.keyboard.press("Escape")
        expect(board.locator("dialog[open]")).to_have_count(0)
        session(board, "Ana", 1).focus()
    drag(board, session(board, "Bo", 3), cell(board, "Ana", 6))
    expect(board.get_by_role("dialog", name="That does not fit")).to_be_visible()
    report = Axe().run(board)
    assert found + ([report.generate_report()] if report.violations_count else []) == []


def test_without_javascript_a_session_is_moved_copied_and_put_back(
    browser,
    site,
    squad,
    coach,
    monday,
):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, site.url, coach.email)
    plain.goto(f"{site.url}/teams/harriers/weeks/{monday}/")
    plain.get_by_role("link", name="Menu of Ana Sousa").click()
    plain.get_by_role("link", name="Easy run").click()
    plain.get_by_role("link", name="Move to").click()
    plain.get_by_role("button", name="Sat").first.click()
    expect(plain.locator("#messages")).to_contain_text("Moved Easy run to Saturday.")
    assert days_of("Ana Sousa")[-1] == (6, "Easy run")
    plain.get_by_role("button", name="Undo").click()
    assert days_of("Ana Sousa")[0] == (1, "Easy run")
    context.close()
