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
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.utils import DNS_NAME
from django.db import InterfaceError, OperationalError
from django.db import connection as django_connection
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from workouts.models import Delivery, counts
from workouts.models.plans import HOLD_UNCLEAR, REPLACED
from workouts.smtp import FINAL_ANSWER_S, Conversation, HeldBack

log = logging.getLogger(__name__)

# A batch takes no further mail after this, so that a slow server does not hold up the sweep.
LONGEST_BATCH = timedelta(seconds=60)
# What may still come when the text of a mail begins to flow.
LONGEST_TEXT = timedelta(seconds=FINAL_ANSWER_S + 60)
# How long to wait, again and again, for a database that cannot note a sent mail.
DATABASE_PAUSES_S = (0.5, 1, 2, 4, 8, 16, 32)
# Where the site speaks SMTP, plans go through a backend that knows when the text began.
BACKENDS = {"django.core.mail.backends.smtp.EmailBackend": "workouts.smtp.PlanBackend"}

inliner = css_inline.CSSInliner(keep_style_tags=True, keep_at_rules=True)


def send_plans(delivery_ids: Iterable[int], *, clock: Callable[[], datetime]) -> None:
    """Send each of these deliveries that is still due; one SMTP connection serves them all.

    Where the server cannot be reached the rest is left as it is, due, for the next sweep: only a
    try that reached the server counts as one.
    """
    connection = get_connection(BACKENDS.get(settings.EMAIL_BACKEND))
    enough = clock() + LONGEST_BATCH
    ids = list(delivery_ids)
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
        send_plan(delivery_id, connection=connection, clock=clock)
    drop(connection)


def send_plan(delivery_id: int, *, connection: Any, clock: Callable[[], datetime]) -> None:
    """Claim one delivery, send its mail over the open connection, and write down how that went.

    The mail counts as sent when the server has taken it. Where the conversation breaks off after
    the text began to flow, it is unclear whether the server has: the state says so.
    """
    token = Delivery.objects.claim(delivery_id, now=clock())
    if token is None:
        return
    held = Delivery.objects.held_by(token)
    delivery = held.select_related("plan__week__athlete__team").get()
    try:
        message = plan_message(delivery, connection=connection)
    except Exception as error:  # a plan that cannot be drawn must not stop the others
        log.exception("the mail of delivery %s cannot be made", delivery_id)
        return put_back(held, delivery, error, now=clock())

    def may_go() -> bool:
        return held.onto_the_wire(now=clock(), time_left=LONGEST_TEXT)

    try:
        hand_over(message, connection=connection, may_go=may_go)
    except HeldBack:
        drop(connection)
        held.filter(is_replaced=True).update(state=Delivery.State.SKIPPED, last_error=REPLACED)
    except (smtplib.SMTPException, OSError) as error:
        write_down(held, delivery, error, connection=connection, now=clock())
    else:
        mark_sent(held, to=message.to[0], now=clock())


def mark_sent(held: Any, *, to: str, now: datetime) -> None:
    """Write down that the server has taken a mail, and insist where the database is away just now.

    What is not written down here is held as unclear later, and sent a second time.
    """
    for pause_s in DATABASE_PAUSES_S:
        try:
            held.update(
                state=Delivery.State.SENT,
                sent_at=now,
                sent_to=to,
                lease_token=None,
                last_error="",
            )
        except (OperationalError, InterfaceError) as error:
            log.error("a mail was sent and cannot be marked yet: %s", error)
            django_connection.close()
            time.sleep(pause_s)
        else:
            return
    log.error("a mail to %s was sent and could not be marked", to)


def hand_over(
    message: EmailMultiAlternatives, *, connection: Any, may_go: Callable[[], bool]
) -> None:
    """Send one mail; `may_go` has the last word, after the server's "go ahead".

    :raises HeldBack: if it says no
    """
    conversation = getattr(connection, "connection", None)
    if isinstance(conversation, Conversation):
        conversation.before_text = may_go
    elif not may_go():
        raise HeldBack
    connection.send_messages([message])


def write_down(
    held: Any, delivery: Delivery, error: Exception, *, connection: Any, now: datetime
) -> None:
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
        held.update(
            state=Delivery.State.UNCLEAR,
            next_try_at=now + HOLD_UNCLEAR,
            last_error=words(error),
        )
    elif spoken is None or spoken[0] < 500:
        put_back(held, delivery, error, now=now)
    elif isinstance(error, smtplib.SMTPSenderRefused):
        log.error("the mail server refuses our own address: %s", error)
        held.update(attempts=F("attempts") - 1)
        put_back(held, delivery, error, now=now)
    else:
        held.update(state=Delivery.State.FAILED, last_error=words(error))


def answer_of(error: Exception) -> tuple[int, Any] | None:
    """Return code and text of what the server said, None where the conversation broke off."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return code, text
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        return error.smtp_code, error.smtp_error
    return None


def put_back(held: Any, delivery: Delivery, error: Exception, *, now: datetime) -> None:
    """Put a delivery back, to be tried again after 1, 2, 4 … 60 minutes, with full jitter."""
    longest_s = 60 * min(2 ** (delivery.attempts - 1), 60)
    held.update(
        state=Delivery.State.DUE,
        next_try_at=now + timedelta(seconds=random.uniform(0, longest_s)),
        last_error=words(error),
    )


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


def plan_message(delivery: Delivery, *, connection: Any = None) -> EmailMultiAlternatives:
    """Return the mail of a delivery, drawn from its published plan and the team's name."""
    plan = delivery.plan
    athlete = plan.week.athlete
    context = plan_context(plan.content) | {
        "team": athlete.team.name,
        "revision": plan.revision,
        "url": settings.SITE_URL
        + reverse("athlete_week", args=[athlete.pk, plan.week.starts_on.isoformat()]),
    }
    html = inliner.inline(render_to_string("emails/plan.html", context))
    message = EmailMultiAlternatives(
        subject=render_to_string("emails/plan_subject.txt", context).strip(),
        body=render_to_string("emails/plan.txt", context),
        to=[athlete.email],
        headers={
            "Message-ID": f"<plan.{delivery.message_id}@{mail_domain()}>",
            "Auto-Submitted": "auto-generated",
        },
        connection=connection,
    )
    message.attach_alternative(html, "text/html")
    return message


def mail_domain() -> str:
    address = settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip(">")
    return address.rpartition("@")[2] or str(DNS_NAME)


def plan_context(content: dict[str, Any]) -> dict[str, Any]:
    """Return what page and mail show of a published plan's content."""
    return {
        "plan": content,
        "starts_on": date.fromisoformat(content["starts_on"]),
        "sessions": content["sessions"],
        "units": content["units"],
        "track_sessions": sum(
            counts(session["kind"], session.get("surface", "")) for session in content["sessions"]
        ),
        "distance_m": content["distance_m"],
    }
