"""The post office: claims a due delivery, renders its mail from the published plan, hands it over.

A mail goes out once. The claim is one conditional UPDATE, so of two workers one sends. The lease
of a claim runs out if its worker dies; before the mail is on the wire another worker takes over,
after that the result is unclear and is held for half an hour, then sent once more under the same
Message-ID. No transaction is open while SMTP speaks.
"""

import logging
import random
import smtplib
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.utils import DNS_NAME
from django.template.loader import render_to_string
from django.urls import reverse

from workouts.models import Delivery, Kind

log = logging.getLogger(__name__)

inliner = css_inline.CSSInliner(keep_style_tags=True, keep_at_rules=True)


def send_plans(delivery_ids: Iterable[int], *, clock: Callable[[], datetime]) -> None:
    """Send each of these deliveries that is still due; one SMTP connection serves them all."""
    connection = get_connection()
    try:
        for delivery_id in delivery_ids:
            send_plan(delivery_id, connection=connection, clock=clock)
    finally:
        try:
            connection.close()
        except (smtplib.SMTPException, OSError) as error:
            log.warning("the mail server did not take leave: %s", error)


def send_plan(delivery_id: int, *, connection: Any, clock: Callable[[], datetime]) -> None:
    """Claim one delivery, send its mail, and write down how that went.

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
        connection.open()
    except (smtplib.SMTPException, OSError) as error:
        return retry(held, delivery, error, now=clock())
    except Exception as error:  # a plan that cannot be drawn must not stop the others
        log.exception("the mail of delivery %s cannot be made", delivery_id)
        return retry(held, delivery, error, now=clock())
    now = clock()
    # The last look before the wire: a worker that slept past its lease stops here.
    if not held.filter(lease_until__gt=now + timedelta(minutes=11)).update(
        state=Delivery.State.TRANSMITTING
    ):
        return
    try:
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        answered(held, delivery, code, reason, now=clock())
    except smtplib.SMTPResponseException as error:
        answered(held, delivery, error.smtp_code, error.smtp_error, now=clock())
    except (smtplib.SMTPException, OSError) as error:
        drop(connection)
        held.update(
            state=Delivery.State.UNCLEAR,
            next_try_at=clock() + timedelta(minutes=30),
            last_error=words(error),
        )
    else:
        held.update(
            state=Delivery.State.SENT,
            sent_at=clock(),
            sent_to=message.to[0],
            lease_token=None,
            last_error="",
        )


def answered(held: Any, delivery: Delivery, code: int, reason: Any, *, now: datetime) -> None:
    """Write down a refusal that the server spoke out: 5xx is final, 4xx is tried again."""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    error = RuntimeError(f"{code} {text}")
    if 500 <= code < 600:
        held.update(state=Delivery.State.FAILED, last_error=words(error))
    else:
        retry(held, delivery, error, now=now)


def retry(held: Any, delivery: Delivery, error: Exception, *, now: datetime) -> None:
    """Put a delivery back, to be tried again after 1, 2, 4 … 60 minutes, with full jitter."""
    longest_s = 60 * min(2 ** (delivery.attempts - 1), 60)
    held.update(
        state=Delivery.State.DUE,
        next_try_at=now + timedelta(seconds=random.uniform(0, longest_s)),
        last_error=words(error),
    )


def drop(connection: Any) -> None:
    """Forget a broken connection, so that the next mail opens a new one."""
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        connection.connection = None


def words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]


def plan_message(delivery: Delivery, *, connection: Any = None) -> EmailMultiAlternatives:
    """Return the mail of a delivery, drawn from its published plan alone (and the address)."""
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
        "track_sessions": sum(session["kind"] == Kind.TRACK for session in content["sessions"]),
        "distance_m": content["distance_m"],
    }
