"""The links in a mail: signed, each good for one purpose, for one athlete, at one address.

Whoever holds a link needs no log-in, so it opens nothing else: a token signed for one purpose is
none for another. Nothing is stored, and reading a token changes nothing. Tokens are short, so that
a link fits on a line of a plain text mail.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import blake2s, sha256

from django.conf import settings
from django.core.signing import BadSignature, Signer, b62_decode, b62_encode
from django.urls import reverse
from django.utils.encoding import force_bytes

# How long after its week an athlete can still tell how a session went.
LOG_WITHIN = timedelta(days=21)
HOUR_S = 3600


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


@lru_cache(maxsize=256)
def mark_of(email: str) -> str:
    """Return what tells one address from another without saying it: its links end with it."""
    return b62_encode(int.from_bytes(blake2s(email.lower().encode(), digest_size=3).digest()))


def session_token(purpose: Purpose, *, session_id: int, email: str, week_ends: datetime) -> str:
    """Return the token of a link to a session; all but *done* end with the week."""
    until = week_ends + LOG_WITHIN if purpose == Purpose.DONE else week_ends
    hours = -(-int(until.timestamp()) // HOUR_S)
    return _sign(purpose, b62_encode(session_id), b62_encode(hours), mark_of(email))


def read_session(purpose: Purpose, token: str, *, now: datetime) -> SessionLink:
    """Return what the token of a link to a session says.

    :raises LinkAltered: if it was not made here for this purpose
    :raises LinkExpired: if it is over
    """
    session_id, until, mark = _read(purpose, token, parts=3)
    if now >= datetime.fromtimestamp(b62_decode(until) * HOUR_S, UTC):
        raise LinkExpired
    return SessionLink(b62_decode(session_id), mark)


def unsubscribe_token(*, athlete_id: int, kind: str, email: str) -> str:
    """Return the token of the link that ends one kind of mail; it never expires."""
    return _sign(UNSUBSCRIBE, b62_encode(athlete_id), kind, mark_of(email))


def read_unsubscribe(token: str) -> UnsubscribeLink:
    """Return what the token of an unsubscribe link says.

    :raises LinkAltered: if it was not made here for this purpose
    """
    athlete_id, kind, mark = _read(UNSUBSCRIBE, token, parts=3)
    return UnsubscribeLink(b62_decode(athlete_id), kind, mark)


def calendar_token(*, athlete_id: int, key: str) -> str:
    """Return the token of an athlete's calendar; it never expires, another `key` ends it."""
    return _sign(CALENDAR, b62_encode(athlete_id), key)


def read_calendar(token: str) -> CalendarLink:
    """Return what the token of a calendar says.

    :raises LinkAltered: if it was not made here for this purpose
    """
    athlete_id, key = _read(CALENDAR, token, parts=2)
    return CalendarLink(b62_decode(athlete_id), key)


def address_of(page: str, token: str) -> str:
    """Return the full address of a page that a token opens."""
    return f"{settings.SITE_URL}{_path_of(page).replace('TOKEN', token)}"


@cache
def _path_of(page: str) -> str:
    # For any token: to look up the URL takes longer than to sign.
    return reverse(page, args=["TOKEN"])


class ShortSigner(Signer):
    """Signs with the first 128 of the 256 bits, which is more than anybody can try out.

    As Django does, with a key derived from salt and secret; derived once, not for each of the
    twenty links of a mail.
    """

    def signature(self, value: str | bytes, key: str | bytes | None = None) -> str:
        secret = _derived(force_bytes(self.salt) + b"signer", force_bytes(key or self.key))
        digest = hmac.digest(secret, force_bytes(value), "sha256")
        return urlsafe_b64encode(digest[:16]).decode()[:22]


@lru_cache(maxsize=16)
def _derived(salt: bytes, key: bytes) -> bytes:
    return sha256(salt + key).digest()


@lru_cache(maxsize=16)
def _signer(purpose: str, key: str, *old_keys: str) -> Signer:
    salt = f"workouts.mail_links.{purpose}"
    return ShortSigner(key=key, fallback_keys=list(old_keys), salt=salt, sep=".")


def _signer_of(purpose: str) -> Signer:
    return _signer(purpose, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def _sign(purpose: str, *parts: object) -> str:
    return _signer_of(purpose).sign("-".join(str(part) for part in parts))


def _read(purpose: str, token: str, *, parts: int) -> list[str]:
    try:
        said = _signer_of(purpose).unsign(token).split("-")
    except BadSignature as error:
        raise LinkAltered from error
    if len(said) != parts:
        raise LinkAltered
    return said
