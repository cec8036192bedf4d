"""How final a bounce is: providers agree on no word for it, and anymail passes theirs on.

A hard bounce says that there is no such mailbox; a soft one that the mailbox is full or away, or
that this one mail was refused. What will be tried again by itself (anymail: deferred) is no bounce.
"""

import re
from collections.abc import Mapping
from typing import Any

HARD = "hard"
SOFT = "soft"
NOTHING = ""

# Where in its news a provider says so, and what it says then.
SAYS_SOFT: tuple[tuple[str, set[Any]], ...] = (
    ("Type", {"SoftBounce"}),  # Postmark
    ("event", {"soft_bounce"}),  # Brevo, Mandrill
    ("type", {"blocked"}),  # SendGrid: the mail was refused, not the address
    ("hard_bounce", {False}),  # Mailjet
    ("data.type", {"soft_bounced"}),  # MailerSend
    ("data.bounce.type", {"Transient", "Undetermined"}),  # Resend
    ("bounce.bounceType", {"Transient", "Undetermined"}),  # Amazon SES
    # SparkPost: not determined, soft, no DNS, full, too large, too late, generic, transient.
    ("msys.message_event.bounce_class", {"1", "20", "21", "22", "23", "24", "40", "70"}),
)
# anymail's reasons that speak of the mail, or of the way to the address, and not of the address.
NOT_THE_ADDRESS = {"blocked", "spam", "timed_out"}
# What the receiving server said (RFC 3463): 4.x.x may pass, and so does a full mailbox.
MAY_PASS = re.compile(r"(?<![\d.])(?:4\.\d{1,3}\.\d{1,3}|5\.2\.2)(?!\.?\d)")


def weight(news: Mapping[str, Any], *, reason: str | None, answer: str) -> str:
    """Return HARD, SOFT or NOTHING for what a provider tells of a bounce.

    `news` is as the provider sent it, `reason` anymail's word for it, `answer` what the receiving
    server said, "" where that is not told.
    """
    if not answer and _told(news, "bounce.bounceSubType") == "General" and _says_soft(news):
        return NOTHING  # Amazon SES tells of a mailbox that answers "I am on holiday" like this
    is_soft = _says_soft(news) or reason in NOT_THE_ADDRESS or MAY_PASS.search(answer)
    return SOFT if is_soft else HARD


def _says_soft(news: Mapping[str, Any]) -> bool:
    return any(_told(news, path) in words for path, words in SAYS_SOFT)


def _told(news: Any, path: str) -> Any:
    for name in path.split("."):
        news = news.get(name) if isinstance(news, Mapping) else None
    return news if isinstance(news, str | bool) else None
