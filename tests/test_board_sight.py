"""The board and the editor as they are seen in a real browser: what is cut, shown, cleared."""
# ruff: noqa: F811 (the fixtures of another module)

import pytest
from playwright.sync_api import Page, expect

from tests.make import MONDAY, make_athlete, make_race, make_session, make_week
from tests.test_journey import page, sign_in, site  # noqa: F401
from workouts.models import Session

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "12 × 400 m at mile pace"
NAME = "Maximiliana Featherstonehaugh"
CUT = """() => [...document.querySelectorAll(".board .s span, .board .who a:not(.more)")]
    .filter((one) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight + 2)
    .map((one) => one.textContent)"""


@pytest.fixture
def board(page, site, team, coach) -> Page:
    ana = make_athlete(team=team, name=NAME)
    make_race(athlete=ana)
    make_session(week=make_week(athlete=ana), weekday=2, title=LONG)
    sign_in(page, site.url, coach.email)
    page.goto(f"{site.url}/teams/harriers/weeks/{MONDAY}/")
    return page


@pytest.mark.parametrize("width", [1280, 360])
def test_a_long_title_and_a_long_name_are_read_in_full(board, width):
    board.set_viewport_size({"width": width, "height": 800})
    expect(board.get_by_text(LONG)).to_be_visible()
    assert board.evaluate(CUT) == []


def test_the_undo_key_takes_back_what_the_tab_shows_and_nothing_else(board):
    other = board.context.new_page()
    other.goto(board.url)
    for tab, day in ((board, "4"), (other, "5")):
        tab.locator(".board a.s").first.focus()
        tab.keyboard.press("m")
        tab.locator(f'#sheet [data-key="{day}"]').click()
        expect(tab.locator("#told")).to_contain_text("Moved")
    board.keyboard.press("u")
    expect(board.locator("#told")).to_contain_text("came after it. Undo that first.")
    assert Session.objects.get().weekday == 5
    board.keyboard.press("u")  # the later one is shown now
    expect(board.locator("#told")).to_contain_text("Undone")
    assert Session.objects.get().weekday == 4

    board.reload()
    board.keyboard.press("u")
    expect(board.locator("#told")).to_contain_text("Your last change is")
    assert Session.objects.get().weekday == 4


def test_the_mistake_beside_a_text_goes_while_it_is_corrected(board, site):
    board.goto(f"{site.url}/teams/harriers/library/add/")
    text = board.locator("#id_notation")
    text.fill("6 x")
    board.get_by_label("Title").fill("Hills")
    board.get_by_role("button", name="Save").click()
    expect(board.locator("#notation-errors")).to_contain_text("a distance or time is missing")
    text.press("End")
    text.press_sequentially(" 400 @ mile, jog 400")
    expect(board.locator("#notation-errors")).to_be_empty()
