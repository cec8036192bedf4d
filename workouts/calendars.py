"""An athlete's calendar as calendar apps fetch it: the published weeks, an event for each session.

It is drawn from the published plans alone, and says of a session what its mail says. It does not
depend on when it is asked for: where nothing changed, its bytes are the same.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.conf import settings
from django.urls import reverse
from icalendar import STATUS, TRANSP, Calendar, Event, vDuration

from athletes.models import Athlete, monday_of
from workouts import mails
from workouts.mail_links import address_of, calendar_token
from workouts.models import Kind, PublishedPlan
from workouts.models.plans import local_instant
from workouts.wording import Planned

PAST: Final = timedelta(weeks=8)  # how much of what is over stays in it
REFRESH: Final = timedelta(hours=4)  # how often an app is asked to come back
HOUR: Final = timedelta(hours=1)
FIVE_MINUTES: Final = timedelta(minutes=5)
# From where the revisions of an event are counted in seconds: 32 bits last to 2088.
COUNTED_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)
# No text of a calendar may hold these; the library takes care of the line breaks.
CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]+")


def calendar_address(athlete: Athlete) -> str:
    """Return the secret address of an athlete's calendar; nothing is fetched for it."""
    token = calendar_token(athlete_id=athlete.pk, key=athlete.calendar_key)
    return address_of("calendar_feed", token)


def calendar_of(athlete: Athlete, *, today: date, domain: str) -> bytes:
    """Return the calendar (RFC 5545 and 7986) of what the athlete may see on that day.

    `domain` ends the ids of its events: with the id of the session they stay, so that one that is
    moved or edited moves, and does not stand there twice. Fetches the plans in one query.
    """
    calendar = Calendar.new(
        prodid="-//Coachsite//Training//EN",
        name=f"{_line(athlete.team.name)}: training of {_line(athlete.name)}",
        uid=f"athlete-{athlete.pk}@{domain}",
    )
    calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH))
    for plan, session in _sessions(athlete, today):
        calendar.add_component(_event(athlete, plan, session, domain))
    return bytes(calendar.to_ical())


def _sessions(athlete: Athlete, today: date) -> Iterator[tuple[PublishedPlan, Planned]]:
    """Yield the sessions of the athlete's published weeks, each with its plan; no rest days."""
    plans = PublishedPlan.objects.filter(
        week__athlete=athlete, week__starts_on__gte=monday_of(today) - PAST
    )
    newest = plans.latest_revisions().released(athlete, today=today)
    found: dict[int, tuple[PublishedPlan, Planned]] = {}
    for plan in newest.order_by("published_at", "pk"):
        for session in plan.content["sessions"]:
            # One that was moved to another week stands in both, until both are published anew.
            found[session["id"]] = plan, session
    for plan, session in sorted(found.values(), key=lambda one: (one[1]["on"], one[1]["id"])):
        if session["kind"] != Kind.REST:
            yield plan, session


def _event(athlete: Athlete, plan: PublishedPlan, session: Planned, domain: str) -> Event:
    on, at = date.fromisoformat(session["on"]), session["starts_at"]
    event = Event.new(
        uid=f"session-{session['id']}@{domain}",
        stamp=plan.published_at,
        last_modified=plan.published_at,
        # Not the revision, which starts anew in another week: a session can be moved there.
        sequence=max(0, int((plan.published_at - COUNTED_FROM).total_seconds())),
        summary=_line(session["title"]),
        location=_line(session["place"]) or None,
        description=_description(session, _week_url(athlete, plan)),
        status=STATUS.CONFIRMED,
        transparency=TRANSP.OPAQUE if at else TRANSP.TRANSPARENT,
        # In UTC an app needs no rules of the clock changes from here.
        start=local_instant(athlete, on, time.fromisoformat(at)) if at else on,
        end=None if at else on + timedelta(days=1),
    )
    if at:
        event.DURATION = _lasts(session)
    return event


def _week_url(athlete: Athlete, plan: PublishedPlan) -> str:
    return settings.SITE_URL + reverse("athlete_week", args=[athlete.pk, plan.content["starts_on"]])


def _lasts(session: Planned) -> timedelta:
    """Return how long to block the day for a session, in steps of five minutes.

    A plan has no time for all of it: warm-up, cool-down and jogs over metres have none. Where it
    times all that is run, as of one easy run, that counts; else an hour, or what is timed if that
    is longer.
    """
    totals, reps = session["totals"], session["reps"]
    timed = [rep["duration_s"] or (rep["target_s"] or [0])[-1] for rep in reps]
    # By the slow end, and rounded up.
    in_all = timedelta(seconds=sum(timed) + totals["recovery_s"][1])
    lasts = -(-in_all // FIVE_MINUTES) * FIVE_MINUTES
    is_all = len(session["blocks"]) == 1 and all(timed) and not totals["recovery_m"][1]
    return lasts if lasts and is_all else max(lasts, HOUR)


# What is said -------------------------------------------------------------------------------------


def _description(session: Planned, url: str) -> str:
    """Tell a session as the plain text of the mail does, in paragraphs."""
    told = mails.told(session, ())
    paragraphs = (
        told.facts,
        "\n".join(told.blocks),
        "\n".join(_reps(one) for one in told.reps),
        told.note and f"Coach: {told.note}",
        f"See and log it: {url}",
    )
    return CONTROLS.sub(" ", "\n\n".join(filter(None, paragraphs)))


def _reps(one: mails.Reps) -> str:
    """Tell what the mail has in columns, for which an app has no font: 1–6: 800 m, 3:31, …"""
    cells = (
        one.run,
        f"{one.target} ({one.marks})" if one.marks else one.target,
        one.lap and f"{one.lap} a lap",
        one.then and f"then {one.then}",
    )
    return f"{one.numbers}: {', '.join(filter(None, cells))}"


def _line(text: str) -> str:
    """Return a text as one line."""
    return " ".join(CONTROLS.sub(" ", text).split())
