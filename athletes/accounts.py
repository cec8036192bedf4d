"""Mails of the account: allauth's own, and the invitation of an athlete."""

import logging
import smtplib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.urls import reverse

from athletes.models import Athlete, Invitation, User

log = logging.getLogger(__name__)


class MailUnavailable(Exception):
    """The mail server cannot be reached; the person who waits for the mail should be told."""


class AccountAdapter(DefaultAccountAdapter):
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send one mail now, within the request.

        :raises MailUnavailable: if the mail server refuses or cannot be reached
        """
        try:
            super().send_mail(template_prefix, email, context)
        except (smtplib.SMTPException, OSError) as error:
            log.error("account mail to %s failed: %s", email, error)
            raise MailUnavailable from error


def send_invitation(invitation: Invitation, *, athlete: Athlete, token: str, coach: User) -> None:
    """Mail the athlete the link of an invitation.

    :raises MailUnavailable: if the mail server refuses or cannot be reached
    """
    context = {
        "invitation": invitation,
        "athlete": athlete,
        "coach": coach,
        "url": settings.SITE_URL + reverse("invitation_accept", args=[token]),
    }
    AccountAdapter().send_mail("athletes/email/invitation", invitation.email, context)
