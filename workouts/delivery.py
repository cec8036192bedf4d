"""The post office: claims a due delivery, renders its mail from the published plan, hands it over.

A mail goes out once. The claim is one conditional UPDATE, so of two workers one sends. The lease
of a claim runs out if its worker dies; before the mail is on the wire another worker takes over,
after that the result is unclear and is held for half an hour, then sent once more under the same
Message-ID. No transaction is open while SMTP speaks.
"""

import logging
import random
import smtplib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import formatdate, parseaddr
from functools import cache
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.utils import DNS_NAME
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db import connection as django_connection
from django.db.models import F
from django.urls import reverse

from athletes.models import Athlete, MailKind, Membership, User
from workouts import mails
from workouts.calendars import calendar_address
from workouts.mail_links import Purpose, address_of, session_token, unsubscribe_token
from workouts.models import Delivery, Kind, PublishedPlan, SentMail
from workouts.models.plans import HOLD_UNCLEAR, MINUTE, REPLACED, DeliveryQuerySet
from workouts.revisions import Change, changes
from workouts.smtp import FINAL_ANSWER_S, Conversation, HeldBack

log = logging.getLogger(__name__)

# A batch takes no further mail after this, so that a slow server does not hold up the sweep.
LONGEST_BATCH = MINUTE
# What may still come when the text of a mail begins to flow.
LONGEST_TEXT = timedelta(seconds=FINAL_ANSWER_S) + MINUTE
# How long to wait, again and again, for a database that cannot note a sent mail.
DATABASE_PAUSES_S = (0.5, 1, 2, 4, 8, 16, 32)
# Short words: each stands before its address on a line of the plain text.
LINK_WORDS = {Purpose.DONE: "Done", Purpose.MOVE: "Move", Purpose.CANNOT: "Skip"}
# Where the site speaks SMTP, plans go through a backend that knows when the text began.
BACKENDS = {"django.core.mail.backends.smtp.EmailBackend": "workouts.smtp.PlanBackend"}


@dataclass(frozen=True, slots=True)
class Bag:
    """What the mails of a batch need, read at once: all of it is as it was when the batch began.

    `coaches` are those of each team, the head first; `mailed` the plans of each week that have been
    mailed to the address of today, the newest first, where it was published more than once; `sent`
    gathers what went out.
    """

    deliveries: dict[int, Delivery]
    coaches: dict[int, list[User]]
    mailed: dict[int, list[PublishedPlan]]
    sent: list[tuple[int, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, deliveries: DeliveryQuerySet) -> "Bag":
        found = deliveries.with_stops().order_by("due_at", "pk")
        found = found.select_related("plan__week__athlete__team")
        plans = [delivery.plan for delivery in found]
        bag = cls({one.pk: one for one in found}, defaultdict(list), defaultdict(list))
        teams = {plan.week.athlete.team_id for plan in plans}
        members = Membership.objects.filter(team__in=teams).select_related("user")
        for member in sorted(members, key=lambda member: member.role != member.Role.HEAD):
            bag.coaches[member.team_id].append(member.user)
        if again := [plan.week_id for plan in plans if plan.revision > 1]:
            told = Delivery.objects.filter(sent_to=F("plan__week__athlete__email")).was_sent()
            mailed = PublishedPlan.objects.filter(week__in=again, delivery__in=told)
            for plan in mailed.order_by("-revision"):
                bag.mailed[plan.week_id].append(plan)
        return bag

    def coach_of(self, plan: PublishedPlan) -> User | None:
        """Return who answers for a plan: who published it, and if they left the team, its head."""
        coaches = self.coaches[plan.week.athlete.team_id]
        published_by = [coach for coach in coaches if coach.pk == plan.published_by_id]
        return next(iter(published_by or coaches), None)

    def changes_in(self, plan: PublishedPlan) -> tuple[Change, ...]:
        """Return what changed since the last mail of the week; nothing if this is its first."""
        for mailed in self.mailed[plan.week_id]:
            if mailed.revision < plan.revision:
                return changes(mailed.content, plan.content)
        return ()


def send_plans(delivery_ids: Iterable[int], *, clock: Callable[[], datetime]) -> None:
    """Send each of these deliveries that is still due; one SMTP connection serves them all.

    Where the server cannot be reached the rest is left as it is, due, for the next sweep: only a
    try that reached the server counts as one.
    """
    connection = get_connection(BACKENDS.get(settings.EMAIL_BACKEND))
    began = clock()
    enough = began + LONGEST_BATCH
    asked = Delivery.objects.filter(pk__in=list(delivery_ids))
    asked.drop_unwanted(now=began)
    bag = Bag.of(asked.due(began))
    ids = list(bag.deliveries)
    for position, delivery_id in enumerate(ids):
        if clock() > enough:
            break
        try:
            connection.open()
        except (smtplib.SMTPException, OSError) as error:
            log.error("the mail server cannot be reached: %s", error)
            waiting = Delivery.objects.filter(pk__in=ids[position:], state=Delivery.State.DUE)
            waiting.update(last_error=words(error))
            break
        send_plan(bag.deliveries[delivery_id], bag=bag, connection=connection, clock=clock)
    drop(connection)
    keep_copies(bag)


def send_plan(
    delivery: Delivery, *, bag: Bag, connection: Any, clock: Callable[[], datetime]
) -> None:
    """Claim one delivery, send its mail over the open connection, and write down how that went.

    The mail counts as sent when the server has taken it. Where the conversation breaks off after
    the text began to flow, it is unclear whether the server has: the state says so.
    """
    now = clock()
    if delivery.kept_back(now=now) or not delivery.claim(now=now):
        return
    try:
        message = plan_message(delivery, bag=bag, connection=connection)
    except Exception as error:  # a plan that cannot be drawn must not stop the others
        log.exception("the mail of delivery %s cannot be made", delivery.pk)
        return put_back(delivery, error, now=clock())

    def may_go() -> bool:
        return delivery.onto_the_wire(now=clock(), time_left=LONGEST_TEXT)

    try:
        hand_over(message, connection=connection, may_go=may_go)
    except HeldBack:
        drop(connection)
        delivery.held().filter(is_replaced=True).not_sent(REPLACED)
        # The next sweep reads the athlete anew.
        delivery.held().filter(state="CLAIMED").update(state="DUE", next_try_at=None)
    except (smtplib.SMTPException, OSError) as error:
        write_down(delivery, error, connection=connection, now=clock())
    else:
        bag.sent.append((delivery.pk, message.in_bytes))
        mark_sent(delivery, to=message.to[0], now=clock())


def keep_copies(bag: Bag) -> None:
    """Keep what was sent, for the coach to see; a mail whose copy is lost was sent all the same."""
    sent = Delivery.objects.filter(pk__in=[delivery_id for delivery_id, _ in bag.sent])
    try:
        # An athlete may have been deleted meanwhile.
        there = set(sent.values_list("pk", flat=True))
        SentMail.objects.keep([copy for copy in bag.sent if copy[0] in there])
    except (DatabaseError, InterfaceError) as error:
        log.error("copies of %s sent mails cannot be kept: %s", len(bag.sent), error)


def mark_sent(delivery: Delivery, *, to: str, now: datetime) -> None:
    """Write down that the server has taken a mail, and insist where the database is away just now.

    What is not written down here is held as unclear later, and sent a second time.
    """
    for pause_s in DATABASE_PAUSES_S:
        try:
            delivery.arrived(to=to, now=now)
        except (OperationalError, InterfaceError) as error:
            log.error("a mail was sent and cannot be marked yet: %s", error)
            django_connection.close()
            time.sleep(pause_s)
        else:
            return
    log.error("a mail to %s was sent and could not be marked", to)


def hand_over(message: EmailMessage, *, connection: Any, may_go: Callable[[], bool]) -> None:
    """Send one mail of plans or of the morning; `may_go` has the last word, after "go ahead".

    :raises HeldBack: if it says no
    """
    conversation = getattr(connection, "connection", None)
    if isinstance(conversation, Conversation):
        conversation.before_text = may_go
    elif not may_go():
        raise HeldBack
    if isinstance(conversation, Conversation) and isinstance(message, PlanMail):
        # Not through Django, which takes the addresses apart once more.
        conversation.sendmail(own_address(), message.envelope, message.in_bytes)
    else:
        connection.send_messages([message])


def write_down(delivery: Delivery, error: Exception, *, connection: Any, now: datetime) -> None:
    """Write down a mail that the server did not take, by what it said and when.

    Spoken out by the server: 5xx to the receiver or the text is final, 4xx is tried again, and 5xx
    to the sender is our own fault, so the mail waits until it is mended. Not spoken out: it was not
    sent if the text had not begun, and is unclear if it had.
    """
    conversation = getattr(connection, "connection", None)
    text_began = getattr(conversation, "text_began", True)
    spoken = answer_of(error)
    if spoken is None or spoken[0] == 421:
        drop(connection)
    if spoken is None and text_began:
        delivery.held().update(
            state=Delivery.State.UNCLEAR,
            lease_token=None,
            next_try_at=now + HOLD_UNCLEAR,
            last_error=words(error),
        )
    elif spoken is None or spoken[0] < 500:
        put_back(delivery, error, now=now)
    elif isinstance(error, smtplib.SMTPSenderRefused):
        log.error("the mail server refuses our own address: %s", error)
        delivery.held().update(attempts=F("attempts") - 1)
        put_back(delivery, error, now=now)
    elif delivery.first_sent_at:
        delivery.held().sent_once(words(error))
    else:
        delivery.held().update(state=Delivery.State.FAILED, last_error=words(error))


def answer_of(error: Exception) -> tuple[int, Any] | None:
    """Return code and text of the server's refusal, None where the conversation broke off.

    So it did where an answer is cut short: "25" is none.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return code, text
    if isinstance(error, smtplib.SMTPResponseException) and 400 <= error.smtp_code < 600:
        return error.smtp_code, error.smtp_error
    return None


def put_back(delivery: Delivery, error: Exception, *, now: datetime) -> None:
    """Put a delivery back, to be tried again after 1, 2, 4 … 60 minutes, with full jitter.

    A second copy is not tried again: the coach can ask for it once more.
    """
    if delivery.first_sent_at:
        return delivery.held().sent_once(words(error))
    delivery.held().update(
        state=Delivery.State.DUE,
        next_try_at=now + random.uniform(0, 1) * longest_pause(delivery.attempts),
        last_error=words(error),
    )


def longest_pause(attempts: int) -> timedelta:
    """Return how long to wait at most after so many tries: 1, 2, 4 … 60 minutes."""
    return MINUTE * min(2 ** (attempts - 1), 60)


def drop(connection: Any) -> None:
    """Close a connection, broken or not, so that the next mail opens a new one."""
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        connection.connection = None


def words(error: Exception) -> str:
    """Return an error as people should read it: what the server said, or what went wrong."""
    if spoken := answer_of(error):
        code, text = spoken
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return f"{code} {said}"[:300]
    return (str(error) or type(error).__name__)[:300]


class PlanMail(EmailMultiAlternatives):
    """A mail that brings its bytes along; a backend that speaks no SMTP finds its parts as ever."""

    in_bytes = b""

    @property
    def envelope(self) -> list[str]:
        return [mails.address("", address) for address in self.recipients()]

    def message(self, **_: Any) -> Any:
        return self

    def as_bytes(self, *, linesep: str = "\r\n") -> bytes:
        return self.in_bytes

    def get_charset(self) -> None:
        """Answer what the console's backend asks of a message: the bytes are UTF-8."""


def plan_message(delivery: Delivery, *, bag: Bag | None = None, connection: Any = None) -> PlanMail:
    """Return the mail of a delivery, drawn from its published plan and the team's name."""
    if bag is None:
        bag = Bag.of(Delivery.objects.filter(pk=delivery.pk))
        delivery = bag.deliveries[delivery.pk]
    plan = delivery.plan
    athlete = plan.week.athlete
    coach, changed = bag.coach_of(plan), bag.changes_in(plan)
    guardian = "" if delivery.is_copy_stopped else athlete.guardian_email
    stop = stop_address(athlete, MailKind.CHANGE if changed else MailKind.PLAN)
    letter = mails.write(
        plan.content,
        team=athlete.team.name,
        coach=str(coach or ""),
        footer=footer_of(plan, stop),
        changes=changed,
        links=lambda session: links_of(session, athlete, week_ends=delivery.not_after),
    )
    sender = sender_of(athlete.team.name)
    message = PlanMail(
        subject=letter.subject,
        body=letter.text,
        from_email=sender,
        to=[athlete.email],
        cc=[guardian] if guardian else [],
        reply_to=[mails.address(coach.name, coach.email)] if coach else None,
        headers=headers_of(delivery, stop),
        connection=connection,
    )
    message.attach_alternative(letter.html, "text/html")
    message.in_bytes = mails.in_bytes(
        {
            "From": sender,
            "To": mails.address("", athlete.email),
            **({"Cc": mails.address("", guardian)} if guardian else {}),
            "Reply-To": ", ".join(message.reply_to),
            "Subject": letter.subject,
            "Date": formatdate(),
            **message.extra_headers,
        },
        letter,
    )
    return message


def links_of(session: dict[str, Any], athlete: Athlete, *, week_ends: datetime) -> mails.Links:
    """Return what an athlete can do with a session from the mail, without a log-in."""
    if session["kind"] == Kind.REST:
        return ()
    ids = {"session_id": session["id"], "email": athlete.email, "week_ends": week_ends}
    return tuple(
        (word, address_of(f"mail_{purpose}", session_token(purpose, **ids)))
        for purpose, word in LINK_WORDS.items()
    )


def stop_address(athlete: Athlete, kind: MailKind) -> str:
    """Return the address at which an athlete ends one kind of mail, by one click (RFC 8058)."""
    token = unsubscribe_token(athlete_id=athlete.pk, kind=kind, email=athlete.email)
    return address_of("mail_unsubscribe", token)


def footer_of(plan: PublishedPlan, stop: str) -> mails.Links:
    """Return what a mail leads to as a whole; big mailboxes ask that its end be among it."""
    at = [plan.week.athlete_id, plan.week.starts_on.isoformat()]
    week = settings.SITE_URL + reverse("athlete_week", args=at)
    calendar = calendar_address(plan.week.athlete)
    return ("See and log it", week), ("In your calendar", calendar), ("Unsubscribe", stop)


def headers_of(delivery: Delivery, stop: str) -> dict[str, str]:
    """Return the headers of a mail beside those that every mail has."""
    return {
        "List-Unsubscribe": f"<{stop}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": f"<plan.{delivery.message_id}@{mail_domain()}>",
        "Auto-Submitted": "auto-generated",
    }


def sender_of(team: str) -> str:
    """Return the site's own address under the team's name: Harriers via Coachsite."""
    site = apart(settings.DEFAULT_FROM_EMAIL)[0]
    return mails.address(f"{team} via {site}" if site else team, own_address())


def own_address() -> str:
    return apart(settings.DEFAULT_FROM_EMAIL)[1]


@cache
def apart(address: str) -> tuple[str, str]:
    """Return name and address of "Coachsite <plans@coachsite.example>"."""
    return parseaddr(address)


def mail_domain() -> str:
    return own_address().rpartition("@")[2] or str(DNS_NAME)
