"""The links in a mail: signed, each good for one purpose, for one athlete, at one address.

Whoever holds a link needs no log-in, so it opens nothing else: a token signed for one purpose is
none for another. Nothing is stored, and reading a token changes nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2s

from django.core.signing import BadSignature, Signer

# How long after its week an athlete can still tell how a session went.
LOG_WITHIN = timedelta(days=21)


class Purpose(StrEnum):
    """What a link is for; the name is part of its signature and of its address."""

    DONE = "done"
    MOVE = "move"
    CANNOT = "cannot"


UNSUBSCRIBE = "unsubscribe"
CALENDAR = "calendar"


class LinkAltered(Exception):
    """The token was not made here, or not for this purpose."""


class LinkExpired(Exception):
    """The token was good once."""


@dataclass(frozen=True, slots=True)
class SessionLink:
    """What a link to a session says; `mark` is that of the address to which it was sent."""

    athlete_id: int
    session_id: int
    mark: str


@dataclass(frozen=True, slots=True)
class UnsubscribeLink:
    athlete_id: int
    kind: str
    mark: str


@dataclass(frozen=True, slots=True)
class CalendarLink:
    """What the address of a calendar says; it is outdated once `key` is the athlete's no more."""

    athlete_id: int
    key: str


def mark_of(email: str) -> str:
    """Return what tells one address from another without saying it: its links end with it."""
    return blake2s(email.lower().encode(), digest_size=5).hexdigest()


def session_token(
    purpose: Purpose, *, athlete_id: int, session_id: int, email: str, week_ends: datetime
) -> str:
    """Return the token of a link to a session; all but *done* end with the week."""
    until = week_ends + LOG_WITHIN if purpose == Purpose.DONE else week_ends
    return _sign(purpose, athlete_id, session_id, int(until.timestamp()), mark_of(email))


def read_session(purpose: Purpose, token: str, *, now: datetime) -> SessionLink:
    """Return what the token of a link to a session says.

    :raises LinkAltered: if it was not made here for this purpose
    :raises LinkExpired: if it is over
    """
    athlete_id, session_id, until, mark = _read(purpose, token, parts=4)
    if now >= datetime.fromtimestamp(int(until), UTC):
        raise LinkExpired
    return SessionLink(int(athlete_id), int(session_id), mark)


def unsubscribe_token(*, athlete_id: int, kind: str, email: str) -> str:
    """Return the token of the link that ends one kind of mail; it never expires."""
    return _sign(UNSUBSCRIBE, athlete_id, kind, mark_of(email))


def read_unsubscribe(token: str) -> UnsubscribeLink:
    """Return what the token of an unsubscribe link says.

    :raises LinkAltered: if it was not made here for this purpose
    """
    athlete_id, kind, mark = _read(UNSUBSCRIBE, token, parts=3)
    return UnsubscribeLink(int(athlete_id), kind, mark)


def calendar_token(*, athlete_id: int, key: str) -> str:
    """Return the token of an athlete's calendar; it never expires, another `key` ends it."""
    return _sign(CALENDAR, athlete_id, key)


def read_calendar(token: str) -> CalendarLink:
    """Return what the token of a calendar says.

    :raises LinkAltered: if it was not made here for this purpose
    """
    athlete_id, key = _read(CALENDAR, token, parts=2)
    return CalendarLink(int(athlete_id), key)


def _signer(purpose: str) -> Signer:
    return Signer(salt=f"workouts.mail_links.{purpose}", sep=".")


def _sign(purpose: str, *parts: object) -> str:
    return _signer(purpose).sign("-".join(str(part) for part in parts))


def _read(purpose: str, token: str, *, parts: int) -> list[str]:
    try:
        said = _signer(purpose).unsign(token).split("-")
    except BadSignature as error:
        raise LinkAltered from error
    if len(said) != parts:
        raise LinkAltered
    return said
