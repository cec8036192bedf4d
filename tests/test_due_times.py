"""Due times over the zones of the world, and a year of weekly mails through the sweep itself."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from athletes.models import Athlete
from tests.due_times import SEND_TIMES, ZONES, around_clock_changes, tally
from tests.make import EASY, make_team, make_week
from workouts import delivery
from workouts.models import Delivery, PublishedPlan, TrainingWeek

FIRST_MONDAY = date(2026, 1, 5)
WEEKS = 52
# By UTC and Monday's midnight: Sunday begins in Kiritimati, and ends in Pago Pago an hour before.
SUNDAY_BEGINS, SUNDAY_ENDS = timedelta(hours=-38), timedelta(hours=12)
HOUR = timedelta(hours=1)
# Clocks forward and back in both hemispheres, by half an hour and by two, and quarters of an hour.
HOMES = [
    "Africa/Casablanca",
    "America/Los_Angeles",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Dublin",
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]
# Beat stands still for 26 hours: over a Sunday when European clocks change, and over one in winter.
OUTAGES = [
    (datetime(2026, 3, 28, 21, tzinfo=UTC), datetime(2026, 3, 29, 23, tzinfo=UTC)),
    (datetime(2026, 7, 4, 22, tzinfo=UTC), datetime(2026, 7, 6, 0, tzinfo=UTC)),
]


def test_in_every_zone_a_plan_is_due_once_on_its_own_date_around_each_clock_change():
    week = [date(2026, 6, 1) + timedelta(n) for n in range(7)]
    found = sum((tally(zone, around_clock_changes(zone) or week) for zone in ZONES), Counter())
    assert found["instants"] > 35_000
    assert found["shifted"] > 100
    for fault in ("lost", "doubled", "on another date", "early or late"):
        assert found[fault] == 0, fault


@pytest.fixture
def squad(db) -> list[Athlete]:
    """An athlete in each zone, with a year of published weeks, mailed on Sundays at odd hours."""
    team = make_team()
    athletes = [
        Athlete(
            team=team,
            name=f"Runner of {zone}",
            email=f"{zone.replace('/', '.')}@club.example",
            time_zone=zone,
            send_time=SEND_TIMES[number % len(SEND_TIMES)],
        )
        for number, zone in enumerate(HOMES)
    ]
    Athlete.objects.bulk_create(athletes)
    easy_week = make_week(athlete=athletes[0], starts_on=FIRST_MONDAY - timedelta(7))
    easy_week.schedule(weekday=3, **EASY)
    content = easy_week.content(today=FIRST_MONDAY)
    mondays = [FIRST_MONDAY + timedelta(weeks=number) for number in range(WEEKS)]
    weeks = TrainingWeek.objects.bulk_create(
        TrainingWeek(athlete=athlete, starts_on=monday, track_limit=2)
        for athlete in athletes
        for monday in mondays
    )
    published_at = datetime(2026, 1, 1, tzinfo=UTC)
    plans = PublishedPlan.objects.bulk_create(
        PublishedPlan(
            week=week,
            revision=1,
            published_at=published_at,
            content=content | {"starts_on": week.starts_on.isoformat()},
        )
        for week in weeks
    )
    Delivery.objects.promise(plans, now=published_at, told=(), held={})
    return athletes


@cache
def turn_of(monday: date) -> timedelta:
    """Return how often beat rings over the Sunday before: each hour where something may go wrong.

    That is where a clock of one of the homes has changed since the Sunday before, or beat stands
    still; on a Sunday like all others it rings three times.
    """
    noon = datetime.combine(monday, time(12), UTC)
    now, before = (
        [day.astimezone(ZoneInfo(home)).utcoffset() for home in HOMES]
        for day in (noon, noon - timedelta(weeks=1))
    )
    stands_still = any(noon - timedelta(days=2) < starts < noon for _, starts in OUTAGES)
    return HOUR if now != before or stands_still else (SUNDAY_ENDS - SUNDAY_BEGINS) / 2


def sweeps() -> list[datetime]:
    """Return when beat rings: while it is Sunday somewhere."""
    found = []
    for number in range(WEEKS):
        monday = FIRST_MONDAY + timedelta(weeks=number)
        midnight, turn = datetime.combine(monday, time(0), UTC), turn_of(monday)
        for n in range((SUNDAY_ENDS - SUNDAY_BEGINS) // turn + 1):
            at = midnight + SUNDAY_BEGINS + n * turn
            if not any(stops <= at < starts for stops, starts in OUTAGES):
                found.append(at)
    return found


def test_over_a_year_of_sundays_each_athlete_gets_one_mail_a_week(squad, mailoutbox):
    for at in sweeps():
        for delivery_ids in Delivery.objects.sweep(now=at):
            delivery.send_plans(delivery_ids, clock=lambda at=at: at)

    mails = Counter((mail.to[0], mail.subject) for mail in mailoutbox)
    assert len(mails) == len(HOMES) * WEEKS
    assert set(mails.values()) == {1}
    late = Counter()
    for sent in Delivery.objects.select_related("plan__week__athlete"):
        athlete, week = sent.plan.week.athlete, sent.plan.week
        local = sent.due_at.astimezone(ZoneInfo(athlete.time_zone))
        assert local.date() == week.starts_on - timedelta(1), athlete.time_zone
        assert athlete.send_time <= local.time() <= later(athlete.send_time), athlete.time_zone
        waited, turn = sent.sent_at - sent.due_at, turn_of(week.starts_on)
        assert timedelta(0) <= waited <= 26 * HOUR + turn
        late[waited >= turn] += 1
    # Those that fell due while beat stood still.
    assert 2 * len(HOMES) >= late[True] > len(HOMES)


def later(at: time) -> time:
    """Return two hours later on the same day: no clock change skips more."""
    return min(time(23, 59), time(min(at.hour + 2, 23), at.minute))
