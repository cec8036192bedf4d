"""Links of mails need no log-in: whoever tries them out is told to wait, and learns nothing."""

import time
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from athletes.models import Unsubscription
from tests.make import EASY, make_athlete, make_week
from tests.world import tokens_of

pytestmark = pytest.mark.django_db

PURPOSES = ("done", "move", "cannot", "unsubscribe")
LIMIT = 60


@pytest.fixture
def links(athlete) -> dict[str, str]:
    """Working links of one session, by what they are for."""
    today = timezone.now().date()
    week = make_week(athlete=athlete, starts_on=today - timedelta(days=today.weekday()))
    session = week.schedule(weekday=7, **EASY)
    week.publish(now=timezone.now())
    tokens = tokens_of(session, athlete)
    return {one: reverse(f"mail_{one}", args=[tokens[one]]) for one in PURPOSES}


def guess(
    client: Client, number: int, *, purpose: str = "done", method: str = "get", **more
) -> int:
    url = reverse(f"mail_{purpose}", args=[f"1-{number}-1.guessed"])
    return getattr(client, method)(url, **more).status_code


def guess_all(client: Client, **more) -> None:
    assert {guess(client, number, **more) for number in range(LIMIT)} == {404}


@pytest.mark.parametrize("method", ["get", "head", "post"])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_after_sixty_guesses_in_a_minute_every_other_one_is_told_to_wait(
    client, links, purpose, method
):
    guess_all(client, purpose=purpose, method=method)
    assert guess(client, LIMIT, purpose=purpose, method=method) == 429


def test_guesses_at_all_kinds_of_links_are_counted_together(client, links):
    for number in range(LIMIT):
        assert guess(client, number, purpose=PURPOSES[number % 4]) == 404
    assert {guess(client, LIMIT, purpose=one) for one in PURPOSES} == {429}


def test_who_guesses_too_much_learns_no_more_from_a_link_that_works(client, links):
    guess_all(client)
    urls = [*links.values(), reverse("mail_done", args=["guessed"])]
    answers = [client.get(url) for url in urls]
    assert {answer.status_code for answer in answers} == {429}
    assert len({answer.text.partition("<main")[2] for answer in answers}) == 1
    assert "Too many tries" in answers[0].text
    assert client.post(links["cannot"], {"reason": "Fever"}).status_code == 429


def test_after_a_minute_the_link_works_again(client, links, monkeypatch):
    guess_all(client)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.get(links["done"]).status_code == 200


def test_links_that_work_or_are_over_are_opened_as_often_as_one_likes(client, links, monkeypatch):
    for _ in range(LIMIT + 5):
        assert client.get(links["move"]).status_code == 200
    over = timezone.now() + timedelta(days=60)
    monkeypatch.setattr("django.utils.timezone.now", lambda: over)
    assert {client.get(links["move"]).status_code for _ in range(LIMIT + 5)} == {410}


def test_a_provider_ends_the_mails_of_a_hundred_readers_from_one_address(client, team):
    readers = [make_athlete(team=team, name=f"Runner {number}") for number in range(100)]
    guess_all(client)
    for one in readers:
        url = reverse("mail_unsubscribe", args=[tokens_of(make_session(one), one)["unsubscribe"]])
        assert client.post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Unsubscription.objects.count() == 100


def make_session(athlete):
    return make_week(athlete=athlete).schedule(weekday=2, **EASY)


def test_another_address_is_not_made_to_wait(client, links):
    guess_all(client)
    assert client.get(links["done"], REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.parametrize(("proxies", "status"), [(0, 429), (1, 200)])
def test_behind_a_proxy_readers_are_told_apart_and_elsewhere_a_header_is_not_believed(
    client, links, settings, proxies, status
):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies  # what BEHIND_PROXY sets
    guess_all(client, headers={"X-Forwarded-For": "192.0.2.66"})
    answer = client.get(links["done"], headers={"X-Forwarded-For": "192.0.2.7"})
    assert answer.status_code == status


def test_where_the_cache_is_away_the_links_work_and_guesses_open_nothing(client, links, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }
    assert client.get(links["done"]).status_code == 200
    assert guess(client, 1) == 404
