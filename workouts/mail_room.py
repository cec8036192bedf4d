"""The mails of a team as its coach sees them: which go out next, how the last ones went.

Read side: writes nothing. One reading serves the page, the warnings and the coach's morning mail.
"""

import email.policy
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, Subquery

from athletes.models import (
    UNSUBSCRIBED,
    Athlete,
    MailKind,
    MailStop,
    Pause,
    Team,
    Unsubscription,
    monday_of,
)
from workouts.models import Delivery, TrainingWeek
from workouts.models.plans import (
    ADDRESS_STOPPED,
    AS_SENT,
    HELD,
    NO_GUARDIAN,
    SECOND_COPY,
    due_at,
    why_held,
)

# A week without a plan this long before its mail is promised is told as in danger.
SOON = timedelta(hours=48)
NO_PLAN = "nothing planned"
DRAFT = "not published yet"
PAUSED = "mails are paused"
ALL_PAUSED = "all mails are paused. Let them go again on the page “Mail”."
NO_ADDRESS = "no address"

State = Delivery.State
GOING = (State.DUE, State.CLAIMED, State.TRANSMITTING)


class Posted(NamedTuple):
    """One delivery as the ledger tells it."""

    pk: int
    athlete_id: int
    starts_on: date
    revision: int
    state: str
    due_at: datetime
    not_after: datetime
    next_try_at: datetime | None
    sent_at: datetime | None
    first_sent_at: datetime | None
    resent: bool
    attempts: int
    last_error: str


class Line(NamedTuple):
    """One mail of a week in words; `tone` is good, bad, changed or "", and `mail_id` opens it."""

    words: str
    tone: str
    mail_id: int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """The mails of one athlete's week; `send` words the button that lets the newest one go."""

    lines: tuple[Line, ...]
    send: str = ""
    send_id: int | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """A week's mail whose hour has come, of which there is no plan to send, and why."""

    starts_on: date
    local_due: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Row:
    """One athlete: the weeks of the page, and what stands against the next mail.

    `due_at` is when the next mail is promised, and `why_not` why none goes, "" if one does or went;
    `is_going` tells that it waits, `is_told` that it went. `broken` are the promises not kept.
    """

    athlete: Athlete
    starts_on: date
    due_at: datetime
    why_not: str
    is_going: bool
    is_told: bool
    is_copy_stopped: bool
    is_bad: bool
    cells: tuple[Cell, ...]
    broken: tuple[Promise, ...]

    @property
    def local_due(self) -> str:
        return local(self.due_at, self.athlete.time_zone)

    @property
    def to_do(self) -> str:
        """Return what the coach has to do about the second address, "" if nothing."""
        if self.why_not == NO_GUARDIAN:
            return "add a guardian"
        return "change the guardian's address" if self.is_copy_stopped else ""

    def in_danger(self, now: datetime) -> bool:
        is_open = self.why_not.startswith((NO_PLAN, DRAFT))
        return is_open and now < self.due_at <= now + SOON


@dataclass(frozen=True, slots=True)
class Room:
    mondays: tuple[date, ...]  # of the next week, this one and the last
    rows: tuple[Row, ...]
    now: datetime

    @property
    def going(self) -> list[Row]:
        return sorted((row for row in self.rows if row.is_going), key=lambda row: row.due_at)

    @property
    def told(self) -> int:
        """Return how many have the mail of the next run already."""
        return sum(row.is_told for row in self.rows)

    @property
    def left_out(self) -> list[tuple[str, list[Athlete]]]:
        """Return who gets no mail in the next run, by the reason."""
        found: dict[str, list[Athlete]] = {}
        for row in self.rows:
            if row.why_not:
                found.setdefault(row.why_not, []).append(row.athlete)
        return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))

    @property
    def in_danger(self) -> list[Row]:
        return sorted(
            (row for row in self.rows if row.in_danger(self.now)), key=lambda row: row.due_at
        )

    @property
    def broken(self) -> list[tuple[Row, Promise]]:
        """Return the promises that were not kept, the latest week first."""
        found = [(row, promise) for row in self.rows for promise in row.broken]
        return sorted(found, key=lambda one: one[1].starts_on, reverse=True)

    @property
    def troubled(self) -> list[Row]:
        """Return the rows in which somebody has to do something."""
        return [row for row in self.rows if row.is_bad or row.broken or row.in_danger(self.now)]


def local(instant: datetime, zone: str) -> str:
    """Return an instant as the clock shows it there: Sun 18:00."""
    return f"{instant.astimezone(zoneinfo.ZoneInfo(zone)):%a %H:%M}"


def room(team: Team, *, now: datetime) -> Room:
    """Read the team's mails of three weeks, in four queries however large the team is."""
    this = monday_of(now.date())
    mondays = (this + timedelta(weeks=1), this, this - timedelta(weeks=1))
    athletes = list(
        team.athletes.annotate(
            is_off=Exists(
                Unsubscription.objects.filter(athlete=OuterRef("pk"), kind=MailKind.PLAN)
            ),
            is_copy_stopped=Exists(MailStop.objects.standing(OuterRef("guardian_email"))),
            stop=Subquery(MailStop.objects.standing(OuterRef("email")).values("kind")[:1]),
        ).order_by("name", "pk")
    )
    posted: dict[tuple[int, date], list[Posted]] = {}
    for one in _posted(team, mondays):
        posted.setdefault((one.athlete_id, one.starts_on), []).append(one)
    planned = set(
        TrainingWeek.objects.filter(
            athlete__team=team, starts_on__in=mondays, sessions__isnull=False
        ).values_list("athlete_id", "starts_on")
    )
    paused: dict[int, list[Pause]] = {}
    for pause in Pause.objects.filter(
        Q(ends_on=None) | Q(ends_on__gte=this), athlete__team=team
    ).order_by("pk"):
        paused.setdefault(pause.athlete_id, []).append(pause)
    rows = tuple(
        _row(
            athlete,
            {monday: posted.get((athlete.pk, monday), []) for monday in mondays},
            {monday for monday in mondays if (athlete.pk, monday) in planned},
            paused.get(athlete.pk, []),
            is_paused=team.mails_paused_at is not None,
            now=now,
        )
        for athlete in athletes
    )
    return Room(mondays, rows, now)


def _posted(team: Team, mondays: Sequence[date]) -> Iterable[Posted]:
    found = Delivery.objects.filter(
        plan__week__athlete__team=team, plan__week__starts_on__in=mondays
    ).order_by("-plan__revision")
    fields = [
        {"starts_on": "plan__week__starts_on", "revision": "plan__revision"}.get(name, name)
        for name in Posted._fields
    ]
    fields[1] = "plan__week__athlete_id"
    return (Posted(*row) for row in found.values_list(*fields))


def _row(
    athlete: Any,
    weeks: dict[date, list[Posted]],
    planned: set[date],
    pauses: Iterable[Pause],
    *,
    is_paused: bool,
    now: datetime,
) -> Row:
    later, this, _ = weeks
    # On a Monday whose mail is not due yet, the next mail is that of the week itself.
    upcoming = this if due_at(athlete, this) > now else later
    missing = {
        monday: _missing(monday, monday in planned, pauses)
        for monday in (later, this)
        if not weeks[monday]
    }
    off = _off(athlete, now)
    stopped = PAUSED if is_paused else off
    next_one = weeks[upcoming][0] if weeks[upcoming] else None
    is_told = next_one is not None and _is_told(next_one)
    why_not = stopped or missing.get(upcoming, "")
    if next_one and next_one.state == State.SKIPPED and not is_told:
        why_not = why_not or next_one.last_error
    newest = [posted[0] for posted in weeks.values() if posted]
    is_bad = any(_tone(one, now) == "bad" for one in newest) or why_not in HELD
    return Row(
        athlete=athlete,
        starts_on=upcoming,
        due_at=next_one.due_at if next_one else due_at(athlete, upcoming),
        why_not=why_not,
        is_going=next_one is not None and not why_not and next_one.state in GOING,
        is_told=is_told,
        is_copy_stopped=athlete.is_copy_stopped,
        is_bad=is_bad or athlete.is_copy_stopped,
        cells=tuple(
            _cell(athlete, posted, monday in planned, monday >= this, is_paused, off, now)
            for monday, posted in weeks.items()
        ),
        broken=() if stopped else tuple(_broken(athlete, missing, now)),
    )


def _missing(monday: date, is_planned: bool, pauses: Iterable[Pause]) -> str:
    """Say why there is no plan of a week."""
    if is_planned:
        return DRAFT
    away = [pause for pause in pauses if pause.covers(monday + timedelta(days=3))]
    return f"{NO_PLAN} ({away[0]})" if away else NO_PLAN


def _broken(athlete: Athlete, missing: Mapping[date, str], now: datetime) -> Iterator[Promise]:
    """Yield the promises that were not kept: of a draft until its week is over.

    A week of which nothing is planned may be meant so, and is told as long after as before.
    """
    for monday, why_not in missing.items():
        due = due_at(athlete, monday)
        if due <= now and (why_not == DRAFT or (why_not == NO_PLAN and now < due + SOON)):
            yield Promise(monday, local(due, athlete.time_zone), why_not)


def _is_told(one: Posted) -> bool:
    return one.state == State.SENT or (one.state == State.SKIPPED and one.last_error == AS_SENT)


def _off(athlete: Any, now: datetime) -> str:
    """Say why an athlete gets no mails at all for the time being, "" if they do."""
    if not athlete.email:
        return NO_ADDRESS
    if athlete.stop:
        return f"the address takes no mail: {MailStop.Kind(athlete.stop).label}"
    if athlete.is_off:
        return UNSUBSCRIBED
    today = athlete.today(now)
    return why_held(athlete, today=today, is_copy_stopped=athlete.is_copy_stopped)


def _cell(
    athlete: Athlete,
    posted: Sequence[Posted],
    is_planned: bool,
    is_told: bool,
    is_paused: bool,
    off: str,
    now: datetime,
) -> Cell:
    if not posted:
        words = (DRAFT if is_planned else NO_PLAN) if is_told else "no mail"
        return Cell((Line(words, "", None),))
    newest, *older = posted
    if off and newest.state == State.DUE:
        newest = newest._replace(state=State.SKIPPED, last_error=off)
    went = [one for one in older if one.state in (State.SENT, State.UNCLEAR, State.BOUNCED)]
    # What was mailed stays in sight; that its text is the newest one goes without saying.
    is_as_sent = went and newest.state == State.SKIPPED
    shown = went if is_as_sent else [newest, *went]
    return Cell(
        tuple(
            Line(_words(one, athlete.time_zone, is_paused, now), _tone(one, now), one.pk)
            for one in shown
        ),
        "" if off else _button(newest, is_paused, now),
        newest.pk,
    )


def _words(one: Posted, zone: str, is_paused: bool, now: datetime) -> str:
    """Say where a mail stands, in the athlete's own time."""
    said = one.last_error
    if one.state == State.DUE:
        if said:
            again = one.next_try_at or now
            return f"tried {one.attempts} times: {said}; again {local(max(again, now), zone)}"
        if is_paused:
            return f"waits, was due {local(one.due_at, zone)}" if one.due_at <= now else "waits"
        return f"due {local(one.due_at, zone)}" if one.due_at > now else "being sent"
    if one.state in (State.CLAIMED, State.TRANSMITTING):
        return "being sent"
    if one.state in (State.SENT, State.BOUNCED) and one.sent_at:
        sent = f"sent {local(one.first_sent_at or one.sent_at, zone)}"
        if one.first_sent_at:
            sent += f", again {local(one.sent_at, zone)}"
        if one.state == State.BOUNCED:
            sent += ", bounced"
        return f"{sent}{': ' if one.state == State.BOUNCED else ', '}{said}" if said else sent
    if one.state == State.UNCLEAR:
        if said == SECOND_COPY:
            return "second copy goes out within a minute"
        if one.next_try_at and _goes_again(one):
            said += f"; once more {local(one.next_try_at, zone)}"
        return f"unclear: {said}"
    return f"{'not sent' if one.state == State.SKIPPED else 'failed'}: {said}"


def _goes_again(one: Posted) -> bool:
    return one.state == State.UNCLEAR and one.next_try_at is not None and not one.resent


def _tone(one: Posted, now: datetime) -> str:
    if one.state == State.SENT:
        return "changed" if one.last_error else "good"
    if one.state in (State.FAILED, State.BOUNCED):
        return "bad"
    if one.state == State.UNCLEAR:
        return "changed" if one.last_error == SECOND_COPY else "bad"
    if one.state == State.SKIPPED:
        return "bad" if one.last_error in HELD else ""
    return "changed" if one.last_error else ""


def _button(one: Posted, is_paused: bool, now: datetime) -> str:
    """Return what the button at the newest mail says, "" where there is nothing to do."""
    if is_paused or one.not_after <= now:
        return ""
    if one.state in (State.FAILED, State.BOUNCED):
        return "Try again"
    if one.state == State.DUE and (one.due_at > now or one.next_try_at):
        return "Send now"
    if one.state == State.SKIPPED and one.last_error == ADDRESS_STOPPED:
        return "Send now"  # the address takes mail again, else there is no button
    return ""


def standing(delivery: Delivery, *, now: datetime) -> Line:
    """Say where one mail stands, in its reader's own time."""
    one, zone = _of(delivery), delivery.plan.week.athlete.time_zone
    is_paused = delivery.plan.week.athlete.team.mails_paused_at is not None
    return Line(_words(one, zone, is_paused, now), _tone(one, now), one.pk)


def send_words(delivery: Delivery, *, now: datetime) -> str:
    """Return what the button that lets one mail go says, "" where nothing of it can go."""
    one = _of(delivery)
    if one.state == State.SENT and not one.resent:
        return "Send a second copy"
    if _goes_again(one) and one.last_error != SECOND_COPY:
        return "Send the second copy now"
    return _button(one, False, now)


def _of(delivery: Delivery) -> Posted:
    week = delivery.plan.week
    known: dict[str, Any] = {
        "athlete_id": week.athlete_id,
        "starts_on": week.starts_on,
        "revision": delivery.plan.revision,
    }
    return Posted(
        **{
            name: known[name] if name in known else getattr(delivery, name)
            for name in Posted._fields
        }
    )


# One mail -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A mail as its reader gets it, but for the keys in its links, which are the reader's alone."""

    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str
    html: str


SHOWN_HEADERS = ("From", "To", "Cc", "Reply-To", "Date", "Message-ID")
# What a link does, and its key, as workouts/mail_links.py writes it; the host may be a former one.
KEY = re.compile(r"(/(?:m/[a-z]+|c)/)[\w-]+\.[\w-]{22}")


def without_keys(part: str) -> str:
    """Return the text or HTML of a mail with an ellipsis for the key of each link.

    Whoever holds a key acts as the athlete.
    """
    return KEY.sub(r"\1…", part)


def opened(in_bytes: bytes) -> Opened:
    """Read a mail's bytes."""
    message = email.message_from_bytes(in_bytes, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    return Opened(
        tuple((name, str(message[name])) for name in SHOWN_HEADERS if message[name]),
        str(message["Subject"]),
        without_keys(text.get_content()) if text else "",
        without_keys(html.get_content()) if html else "",
    )


# A run that is on its way -------------------------------------------------------------------------

RUN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the mails that are due by now have come, since an instant."""

    since: datetime
    sent: int
    waiting: int
    trouble: str

    @property
    def total(self) -> int:
        return self.sent + self.waiting


def progress(team: Team, *, since: datetime, now: datetime) -> Progress:
    """Count what is due and not sent, and what was sent since then; nothing waits in a pause."""
    mails = Delivery.objects.filter(plan__week__athlete__team=team)
    at_work = mails.filter(
        state__in=[State.CLAIMED, State.TRANSMITTING], not_after__gt=now, is_replaced=False
    )
    going = mails.due(now) | at_work
    said = [] if team.mails_paused_at else list(going.values_list("last_error", flat=True))
    return Progress(
        since=since,
        sent=mails.filter(state=State.SENT, sent_at__gte=since).count(),
        waiting=len(said),
        trouble=next((words for words in said if words and words != SECOND_COPY), ""),
    )
