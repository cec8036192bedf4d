"""When plans fall due, in every zone of the world; bench/due_times.py goes through three years."""

import zoneinfo
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from athletes.models import Athlete
from workouts.models.plans import due_at

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
# Midnight, the hours that clock changes skip and repeat, the usual one, the last of the day.
SEND_TIMES = (time(0), time(1, 30), time(2, 30), time(18), time(23, 59))
FIRST_DAY = date(2026, 1, 1)
LAST_DAY = date(2028, 12, 31)


def every_day() -> list[date]:
    return [FIRST_DAY + timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]


def around_clock_changes(zone: str) -> list[date]:
    """Return the days around each change of the zone's clocks."""
    tz = zoneinfo.ZoneInfo(zone)
    days = every_day()
    offsets = [datetime.combine(day, time(12), tz).utcoffset() for day in days]
    changes = {n for n in range(1, len(days)) if offsets[n] != offsets[n - 1]}
    return [days[n] for n in range(len(days)) if changes & set(range(n - 1, n + 3))]


def tally(zone: str, days: Iterable[date]) -> Counter[str]:
    """Count the send days that are due never, twice, on another local date, or far from the hour.

    For an hour that the clocks skip it is up to two hours later, at the end of a day one earlier.
    """
    tz = zoneinfo.ZoneInfo(zone)
    found: Counter[str] = Counter()
    days = list(days)
    for at in SEND_TIMES:
        local = [due_on(day, zone, at).astimezone(tz) for day in days]
        dates = Counter(moment.date() for moment in local)
        shifts = [
            datetime.combine(moment.date(), moment.time()) - datetime.combine(day, at)
            for day, moment in zip(days, local, strict=True)
        ]
        found["instants"] += len(days)
        found["lost"] += sum(day not in dates for day in days)
        found["doubled"] += sum(count - 1 for count in dates.values())
        found["on another date"] += sum(
            moment.date() != day for day, moment in zip(days, local, strict=True)
        )
        found["shifted"] += sum(by != timedelta(0) for by in shifts)
        found["early or late"] += sum(
            not timedelta(hours=-1) <= by <= timedelta(hours=2) for by in shifts
        )
    return found


def due_on(day: date, zone: str, at: time) -> datetime:
    """Return when a plan is due that is to be sent on that day."""
    athlete = Athlete(time_zone=zone, send_weekday=day.isoweekday(), send_time=at)
    monday = day + timedelta(days=-day.weekday() % 7)
    return due_at(athlete, monday)
