"""The cast: one coach with a team and an athlete, a coach of another team, a Monday, a now."""

import os
import shutil
from datetime import UTC, datetime

import hypothesis
import pytest
from django.core.cache import cache
from django.test import Client

from athletes.models import Athlete, Team, User
from tests.clock import real_time
from tests.make import make_athlete, make_race, make_team, make_user
from workouts.models import Workout

# For a long look now and then: pytest --hypothesis-profile=long tests/test_notation.py
hypothesis.settings.register_profile("long", max_examples=10_000, deadline=None)

# Playwright's event loop runs in the thread of the test, and Django takes that for async code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what opens a browser: bin/test runs that apart, one at a time."""
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(autouse=True)
def quick_and_alone(settings):
    """Hash passwords fast, and keep rate limits and caches of one test from the next."""
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = [quick, *settings.PASSWORD_HASHERS]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture(autouse=True)
def clock(request):
    """Real processes cannot be told another time than it is."""
    if request.node.get_closest_marker("services"):
        with real_time():
            yield
    else:
        yield


@pytest.fixture
def now() -> datetime:
    """A Wednesday noon, in the week before `MONDAY`."""
    return datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def coach(db) -> User:
    return make_user(email="coach@club.example", name="Carla Coach", password="on-the-track")


@pytest.fixture
def team(coach) -> Team:
    return make_team(coach=coach)


@pytest.fixture
def athlete(team) -> Athlete:
    """Ana, 5K in 22:00, with an account of her own."""
    user = make_user(email="ana.sousa@club.example", name="Ana Sousa", password="on-the-track")
    athlete = make_athlete(team=team, user=user)
    make_race(athlete=athlete)
    return athlete


@pytest.fixture
def other_coach(db) -> User:
    return make_user(email="rival@other.example", name="Rival", password="on-the-track")


@pytest.fixture
def other_team(other_coach) -> Team:
    return make_team(coach=other_coach, slug="rivals")


@pytest.fixture
def library(db) -> None:
    Workout.objects.load_library()


@pytest.fixture
def coach_client(coach) -> Client:
    client = Client()
    client.force_login(coach)
    return client


@pytest.fixture
def athlete_client(athlete) -> Client:
    client = Client()
    client.force_login(athlete.user)
    return client


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Start the Chromium of the machine; Playwright's own is not installed."""
    return {
        **browser_type_launch_args,
        "executable_path": shutil.which("chromium") or shutil.which("chromium-browser"),
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
        ],
    }
