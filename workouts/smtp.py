"""SMTP as the post office needs it: it knows when the text of a mail begins to flow."""

import smtplib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

# How long a server may take to answer the end of a mail (RFC 5321, 4.5.3.2.6): who hangs up before
# sends a second copy.
FINAL_ANSWER_S = 10 * settings.MAIL_MINUTE_S


class HeldBack(Exception):
    """The sender thought better of it after the server had said "go ahead": nothing was sent."""


class Conversation(smtplib.SMTP):
    """A conversation that asks `before_text` before the text of a mail, and marks that it began.

    A break before the text means that the mail was not sent, a break after it that it may have
    been: `text_began` tells which, of the mail that was begun last.
    """

    text_began = False
    before_text: Callable[[], bool] | None = None
    _last_command = ""

    def putcmd(self, cmd: str, args: str = "") -> None:
        self._last_command = cmd.lower()
        if self._last_command == "mail":
            self.text_began = False
        if self.sock:
            self.sock.settimeout(self.timeout)
        super().putcmd(cmd, args)

    def rcpt(self, recip: str, options: Any = ()) -> tuple[int, bytes]:
        """Name a receiver; where one is refused, none gets the mail.

        A minor's mail that the guardian cannot get must not reach the minor alone.
        """
        code, answer = super().rcpt(recip, options)
        if code not in (250, 251, 421):
            self.rset()
            raise smtplib.SMTPRecipientsRefused({recip: (code, answer)})
        return code, answer

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send the text; whatever begins with 2 says that the server has taken it."""
        code, answer = super().data(msg)
        return (250 if 200 <= code < 300 else code), answer

    def getreply(self) -> tuple[int, bytes]:
        code, answer = super().getreply()
        if self._last_command == "data" and code == 354 and not self.text_began:
            if self.before_text and not self.before_text():
                self.close()  # without the final dot, so the server forgets the mail
                raise HeldBack
            self.text_began = True
            if self.sock:
                self.sock.settimeout(FINAL_ANSWER_S)
        return code, answer


class ConversationOverTls(Conversation, smtplib.SMTP_SSL):
    """The same over a connection that is encrypted from its first byte."""


class PlanBackend(EmailBackend):
    """Django's SMTP backend, holding a `Conversation`."""

    @property
    def connection_class(self) -> Any:
        return ConversationOverTls if self.use_ssl else Conversation
