"""The pages of a mail's links as a phone shows them: narrow, light and dark, for everybody."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone

from athletes.models import monday_of
from tests.make import EASY, TRACK, make_week
from tests.test_journey import page, site  # noqa: F401
from tests.world import tokens_of

pytestmark = pytest.mark.django_db(transaction=True)
POST = {"done": "Log it", "cannot": "I cannot train", "unsubscribe": "Send me no more of these"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_every_page_of_the_links_whole_and_axe_finds_nothing(
    page,  # noqa: F811
    site,  # noqa: F811
    athlete,
    scheme,
):
    now = timezone.now()
    week = make_week(athlete=athlete, starts_on=monday_of(now.date()) + timedelta(days=7))
    week.schedule(weekday=2, **TRACK)
    week.schedule(weekday=4, **(TRACK | {"title": "Pyramid"}))
    week.schedule(weekday=6, **EASY)
    week.publish(now=now)
    faults = []

    def look(name: str) -> None:
        found = Axe().run(page).response["violations"]
        faults.extend((name, one["id"], one["nodes"][0]["html"]) for one in found)
        if page.evaluate("document.documentElement.scrollWidth") > 360:
            faults.append((name, "wider than the phone"))

    page.set_viewport_size({"width": 360, "height": 760})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    tokens = tokens_of(week.sessions.get(weekday=2), athlete)
    for purpose in ("move", "cannot", "unsubscribe", "done"):
        page.goto(site.url + reverse(f"mail_{purpose}", args=[tokens[purpose]]))
        look(purpose)
        if purpose == "cannot":
            page.get_by_label("Why not?").fill("Fever")
        if purpose == "move":
            page.locator(".pick button").first.click()
        else:
            page.get_by_role("button", name=POST[purpose]).click()
        look(f"{purpose} posted")
        if purpose == "cannot":
            page.get_by_role("button", name="I can train after all").click()
    assert not faults
