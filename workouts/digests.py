"""A coach's morning mail: what is run today, what was missed, said, and did not arrive.

The ledger (`models/digests.py`) lets one worker send it, once a coach, team and day. A day with
nothing to say brings none.
"""

import logging
import smtplib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import Max, Min
from django.template.loader import render_to_string
from django.urls import reverse

from athletes.models import Team, Unsubscription, monday_of
from workouts import mail_room
from workouts.delivery import (
    BACKENDS,
    LONGEST_TEXT,
    answer_of,
    drop,
    hand_over,
    longest_pause,
    mail_domain,
    sender_of,
    words,
)
from workouts.mails import fold, one_line
from workouts.models import Action, Delivery, Digest, Kind, PublishedPlan, Result, Session
from workouts.models.plans import HELD
from workouts.smtp import HeldBack

log = logging.getLogger(__name__)

# How far the first one looks back for comments.
LOOK_BACK = timedelta(days=1)
NAMES = 6  # that a line tells; the others are counted


@dataclass(frozen=True, slots=True)
class Morning:
    """What the mail tells, section by section: its heading and its lines."""

    on: date
    team: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    board_url: str
    mails_url: str

    @property
    def folded(self) -> list[tuple[str, str]]:
        """Return each section with its lines as they stand in the mail."""
        return [
            (heading, "\n".join(fold(line, "  ", first="- ") for line in lines))
            for heading, lines in self.sections
        ]

    @property
    def subject(self) -> str:
        told = [heading for heading, _ in self.sections]
        day = f"{self.on:%a} {self.on.day} {self.on:%b}"
        return one_line(f"{self.team}, {day}: {', '.join(told).lower()}")


def send_digests(digest_ids: Iterable[int], *, clock: Callable[[], datetime]) -> None:
    """Send each of these morning mails that is still due, over one connection."""
    connection = get_connection(BACKENDS.get(settings.EMAIL_BACKEND))
    for digest_id in digest_ids:
        send_digest(digest_id, connection=connection, clock=clock)
    drop(connection)


def send_digest(digest_id: int, *, connection: Any, clock: Callable[[], datetime]) -> None:
    """Claim one row, write its mail and send it, or note that there is nothing to say."""
    now = clock()
    held = Digest.objects.claim(digest_id, now=now)
    digest = held.select_related("membership__team", "membership__user").first()
    if digest is None:
        return
    try:
        told = morning(digest, now=now)
        message = digest_message(digest, told)
        message.message()  # puts it together now: what is wrong with a header shows here
    except Exception as error:  # a mail that cannot be drawn must not stop the others
        log.exception("the morning mail %s cannot be made", digest.pk)
        put_back(held, digest, error, now=clock())
        return
    if not told.sections:
        held.update(state=Digest.State.EMPTY, told_until=now)
        return

    def may_go() -> bool:
        free = held.filter(state=Digest.State.CLAIMED, lease_until__gt=clock() + LONGEST_TEXT)
        return free.update(state=Digest.State.TRANSMITTING) == 1

    try:
        connection.open()
        hand_over(message, connection=connection, may_go=may_go)
    except HeldBack:
        drop(connection)
    except (smtplib.SMTPException, OSError) as error:
        write_down(held, digest, error, connection=connection, now=clock())
    else:
        held.update(state=Digest.State.SENT, told_until=now, last_error="")


def write_down(
    held: Any, digest: Digest, error: Exception, *, connection: Any, now: datetime
) -> None:
    """Write down why a mail was not taken: for good, for now, or unclear and never sent again."""
    spoken = answer_of(error)
    began = getattr(getattr(connection, "connection", None), "text_began", False)
    drop(connection)
    state = Digest.State.DUE
    if spoken is None and began:
        state = Digest.State.UNCLEAR
    elif spoken and spoken[0] >= 500 and not isinstance(error, smtplib.SMTPSenderRefused):
        state = Digest.State.FAILED
    put_back(held, digest, error, now=now, state=state)


def put_back(
    held: Any, digest: Digest, error: Exception, *, now: datetime, state: str = Digest.State.DUE
) -> None:
    """Write down what went wrong; a mail that is still due is tried again after a while."""
    held.update(
        state=state,
        next_try_at=now + longest_pause(digest.attempts),
        last_error=words(error),
    )


def digest_message(digest: Digest, told: Morning) -> EmailMessage:
    return EmailMessage(
        subject=told.subject,
        body=render_to_string("emails/digest.txt", {"told": told}),
        from_email=sender_of(told.team),
        to=[digest.membership.user.email],
        headers={
            "Message-ID": f"<digest.{digest.message_id}@{mail_domain()}>",
            "Auto-Submitted": "auto-generated",
        },
    )


def morning(digest: Digest, *, now: datetime) -> Morning:
    """Gather what there is to say; nothing of it in `sections` if there is nothing."""
    member, team = digest.membership, digest.membership.team
    ends = Digest.objects.filter(membership=member).aggregate(Max("told_until"), Min("due_at"))
    since = ends["told_until__max"] or ends["due_at__min"] - LOOK_BACK
    sections = (
        ("Today", today(team, digest.on)),
        ("Missed yesterday", missed(team, digest.on - timedelta(days=1))),
        ("Comments", comments(team, since=since, until=now, but_by=member.user_id)),
        ("Moved by athletes", moves(team, since=since, until=now)),
        ("Mails", (*troubled_mails(team, now=now), *turned_off(team, since=since, until=now))),
    )
    address = settings.SITE_URL
    return Morning(
        on=digest.on,
        team=team.name,
        sections=tuple((heading, lines) for heading, found in sections if (lines := tuple(found))),
        board_url=address + reverse("board", args=[team.slug, monday_of(digest.on)]),
        mails_url=address + reverse("mails", args=[team.slug]),
    )


def on_day(team: Team, on: date) -> list[Session]:
    """Return the published sessions of a day, without days of rest."""
    published = PublishedPlan.objects.filter(week__athlete__team=team).values("week")
    found = Session.objects.filter(
        week__in=published,
        week__athlete__team=team,
        week__starts_on=monday_of(on),
        weekday=on.isoweekday(),
    ).exclude(kind=Kind.REST)
    return list(
        found.select_related("week__athlete", "result").order_by("week__athlete__name", "pk")
    )


def today(team: Team, on: date) -> Iterator[str]:
    """Yield each session of the day once, with who runs it: "18:30, Stadium, 6 × 800 m: Ana"."""
    runners: dict[tuple[str, str, str], list[str]] = {}
    for session in on_day(team, on):
        at = f"{session.starts_at:%H:%M}" if session.starts_at else ""
        what = (at, session.place, session.title)
        runners.setdefault(what, []).append(session.week.athlete.name)
    # What has an hour first, in its order; the largest group first among the others.
    for what, names in sorted(
        runners.items(), key=lambda one: (not one[0][0], one[0][0], -len(one[1]))
    ):
        yield f"{', '.join(filter(None, what))}: {listed(names)}"


def missed(team: Team, on: date) -> Iterator[str]:
    """Yield what was told as missed, and in one line how many have told nothing."""
    silent = []
    for session in on_day(team, on):
        result = getattr(session, "result", None)
        if result is None:
            silent.append(session.week.athlete.name)
        elif result.outcome == Result.Outcome.MISSED:
            said = f" “{result.comment}”" if result.comment else ""
            yield f"{session.week.athlete.name}: {session.title}{said}"
    if silent:
        yield f"Not logged: {listed(silent)}"


def comments(team: Team, *, since: datetime, until: datetime, but_by: int) -> Iterator[str]:
    """Yield what athletes, and other coaches, wrote to sessions in that time."""
    found = (
        Result.objects.filter(
            session__week__athlete__team=team, logged_at__gt=since, logged_at__lte=until
        )
        .exclude(comment="")
        .exclude(logged_by=but_by)
        .select_related("session__week__athlete")
        .order_by("logged_at", "pk")
    )
    for result in found:
        felt = f", RPE {result.rpe}" if result.rpe else ""
        session = result.session
        yield f"{session.week.athlete.name}, {session.title}{felt}: “{result.comment}”"


def moves(team: Team, *, since: datetime, until: datetime) -> Iterator[str]:
    """Yield what athletes moved from their mails in that time; none of it is published yet."""
    found = Action.objects.filter(
        team=team, path=Action.Path.MAIL, at__gt=since, at__lte=until, undone_by=None
    )
    yield from found.order_by("at", "pk").values_list("label", flat=True)


def troubled_mails(team: Team, *, now: datetime) -> Iterator[str]:
    """Yield the mails that failed or are unclear, and the weeks whose plan is promised soon."""
    state = Delivery.State
    newer = PublishedPlan.objects.latest_revisions().filter(week__athlete__team=team)
    bad = (
        Delivery.objects.filter(plan__in=newer, not_after__gt=now)
        .filter(state__in=[state.FAILED, state.UNCLEAR, state.BOUNCED, state.SKIPPED])
        .select_related("plan__week__athlete")
        .order_by("plan__week__athlete__name", "pk")
    )
    for one in bad:
        if one.state != state.SKIPPED or one.last_error in HELD:
            line = mail_room.standing(one, now=now).words
            week = one.plan.week
            yield f"{week.athlete.name}, week of {week.starts_on:%-d %B}: {line}"
    if late := [row.athlete.name for row in mail_room.room(team, now=now).in_danger]:
        yield f"No plan published, mail promised within two days: {listed(late)}"


def turned_off(team: Team, *, since: datetime, until: datetime) -> Iterator[str]:
    """Yield which kinds of mail athletes have ended in that time."""
    ended = Unsubscription.objects.filter(athlete__team=team, at__gt=since, at__lte=until)
    for one in ended.select_related("athlete").order_by("at", "pk"):
        yield f"{one.athlete.name} wants no more of: {one.get_kind_display()}"


def listed(names: Sequence[str]) -> str:
    """Return names as one line: the first few, and how many more."""
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")
