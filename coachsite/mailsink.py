"""A mail server that keeps every mail, and a page to read them: python -m coachsite.mailsink.

bin/up starts it where EMAIL_URL names no real server. The site speaks real SMTP to it. The page is
for the person at this machine: it listens on loopback, only reads, and runs no script. It knows
nothing of Django, so that it starts in a fraction of a second.
"""

import argparse
import errno
import html
import json
import logging
import mailbox
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK = "127.0.0.1"
# Whoever asks under another name was sent here by a page of a stranger (DNS rebinding).
OWN_NAMES = {"127.0.0.1", "localhost", "[::1]"}
PAGE_SIZE = 100
SENDER_HEADER = "X-Envelope-From"
RECIPIENTS_HEADER = "X-Envelope-To"
log = logging.getLogger(__name__)


# Keeping ------------------------------------------------------------------------------------------
class Keeper:
    """Take mails over SMTP into a Maildir (aiosmtpd calls the method by its name)."""

    def __init__(self, maildir: Path) -> None:
        self.maildir = mailbox.Maildir(maildir, create=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipients = ", ".join(envelope.rcpt_tos)
        stamp = f"{SENDER_HEADER}: {envelope.mail_from}\r\n{RECIPIENTS_HEADER}: {recipients}\r\n"
        content = envelope.content or b""
        body = content.encode("utf-8", "replace") if isinstance(content, str) else content
        try:
            self.maildir.add(stamp.encode("utf-8", "replace") + body)
        except OSError as error:
            log.error("a mail could not be kept: %s", error)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return "452 4.3.1 Insufficient system storage"
            return "451 4.3.0 The mail could not be stored"
        return "250 2.0.0 Kept"


# Reading ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Mail:
    """What a list shows of one mail; `recipients` are those of the envelope, in lower case."""

    id: str
    at: datetime
    sender: str
    to: str
    subject: str
    message_id: str
    recipients: tuple[str, ...]

    def is_for(self, address: str) -> bool:
        wanted = address.strip().lower()
        return wanted in self.to.lower() or any(wanted in one for one in self.recipients)


class Shelf:
    """The mails of one Maildir. A mail never changes, so each is read for the list once."""

    def __init__(self, maildir: Path) -> None:
        self.folder = maildir / "new"
        self.known: dict[str, Mail] = {}
        self.lock = threading.Lock()

    def mails(self, to: str = "") -> list[Mail]:
        """Return the mails to `to`, or all of them, newest first."""
        with self.lock:
            names = set(os.listdir(self.folder)) if self.folder.is_dir() else set()
            self.known = {name: mail for name, mail in self.known.items() if name in names}
            for name in names - self.known.keys():
                self.known[name] = read_summary(self.folder / name)
            found = [mail for mail in self.known.values() if not to or mail.is_for(to)]
        return sorted(found, key=lambda mail: (mail.at, mail.id), reverse=True)

    def raw(self, mail_id: str) -> bytes | None:
        """Return the mail as it came. The id is looked up, never joined to a path unseen."""
        if not self.folder.is_dir() or mail_id not in os.listdir(self.folder):
            return None
        return (self.folder / mail_id).read_bytes()


def read_summary(path: Path) -> Mail:
    with path.open("rb") as file:
        message = BytesHeaderParser().parse(file)
    recipients = header(message, RECIPIENTS_HEADER).lower().split(", ")
    return Mail(
        id=path.name,
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        sender=header(message, "From") or header(message, SENDER_HEADER),
        to=header(message, "To") or ", ".join(recipients),
        subject=header(message, "Subject"),
        message_id=header(message, "Message-ID"),
        recipients=tuple(recipients),
    )


def header(message: Message, name: str) -> str:
    return next((value for key, value in headers(message) if key.lower() == name.lower()), "")


def headers(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each header, decoded.

    Not by email.policy.default, which raises on some headers that are merely odd.
    """
    for name, raw in message.raw_items():
        # The parser keeps undecodable bytes as lone surrogates, which no answer could encode.
        text = str(raw).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        yield name, " ".join(decoded_words(text).split())


def decoded_words(text: str) -> str:
    try:
        words = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return "".join(
        decoded(word, charset) if isinstance(word, bytes) else word for word, charset in words
    )


def decoded(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def part(message: Message, content_type: str) -> str | None:
    """Return the first part of that type which is no attachment, decoded as well as it can be."""
    for candidate in message.walk():
        if candidate.get_content_type() != content_type or candidate.is_multipart():
            continue
        if header(candidate, "Content-Disposition").lower().startswith("attachment"):
            continue
        payload = candidate.get_payload(decode=True)
        body = payload if isinstance(payload, bytes) else str(payload or "").encode()
        return decoded(body, candidate.get_content_charset())
    return None


# Showing ------------------------------------------------------------------------------------------
STYLE = """
:root { color-scheme: light dark; --line: light-dark(#ddd, #3a3a3a);
  --soft: light-dark(#666, #a5a5a5); --link: light-dark(#0b57a4, #8ab8ee);
  --over: light-dark(#f3f6f9, #23282e); }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif;
  background: light-dark(#fff, #191a1c); color: light-dark(#1c1c1c, #e6e6e6); }
header, main { max-width: 70rem; margin: 0 auto; padding: .75rem 1rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline;
  border-bottom: 1px solid var(--line); }
h1 { font-size: 1rem; margin: 0; } h2 { font-size: 1.15rem; margin: .5rem 0; }
header form { margin-left: auto; }
input, button { font: inherit; padding: .2rem .5rem; }
a { color: var(--link); } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; }
th, td { padding: .3rem .75rem .3rem 0; vertical-align: top; overflow-wrap: anywhere; }
tr { border-bottom: 1px solid var(--line); } tbody tr:hover { background: var(--over); }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
.headers th { width: 10rem; font-weight: 400; color: var(--soft); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .75rem;
  border: 1px solid var(--line); font: 13px/1.5 ui-monospace, monospace; }
iframe { width: 100%; height: 70vh; border: 1px solid var(--line); background: #fff; }
details { margin: .5rem 0; }
"""

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# The mail's own page: no script, no picture from elsewhere; a link opens beside it when clicked.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox {SANDBOX}"
ADDRESS = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True)
class Answer:
    body: str
    content_type: str = "text/html"
    policy: str = PAGE_POLICY
    status: int = 200


def page(title: str, content: str, *, to: str = "") -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/style.css"></head><body>
<header><h1><a href="/">Mail sent by Coachsite</a></h1>
<span class="soft">kept on this machine, delivered to nobody</span>
<form><label>To <input type="search" name="to" value="{html.escape(to)}"></label>
<button>Search</button></form></header><main>{content}</main></body></html>"""


def list_page(shelf: Shelf, to: str, number: int) -> Answer:
    mails = shelf.mails(to)
    start = (number - 1) * PAGE_SIZE
    rows = "".join(
        f'<tr><td class="time">{mail.at.astimezone():%a %d %b %Y, %H:%M:%S}</td>'
        f"<td>{html.escape(mail.sender)}</td><td>{html.escape(mail.to)}</td>"
        f'<td><a href="/mail/{quote(mail.id)}">{html.escape(mail.subject) or "(no subject)"}</a>'
        "</td></tr>"
        for mail in mails[start : start + PAGE_SIZE]
    )
    if not mails:
        text = f"No mail to {html.escape(to)}." if to else "No mail yet."
        return Answer(page("Mail", f"<p>{text}</p>", to=to))
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Time", "From", "To", "Subject"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return Answer(page("Mail", table + pager(len(mails), to, number), to=to))


def pager(count: int, to: str, number: int) -> str:
    links = []
    if number > 1:
        links.append(f'<a href="/?to={quote(to)}&amp;page={number - 1}">Newer</a>')
    if number * PAGE_SIZE < count:
        links.append(f'<a href="/?to={quote(to)}&amp;page={number + 1}">Older</a>')
    plural = "" if count == 1 else "s"
    return f'<p class="soft">{count} mail{plural} {" ".join(links)}</p>'


def mail_page(mail_id: str, raw: bytes) -> Answer:
    message = message_from_bytes(raw)
    shown = {"from", "to", "date", "subject", "reply-to", "message-id"}
    rows: dict[bool, str] = {True: "", False: ""}
    for name, value in headers(message):
        row = f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
        rows[name.lower() in shown] += row
    subject = header(message, "Subject") or "(no subject)"
    content = f"<h2>{html.escape(subject)}</h2>"
    content += f'<table class="headers"><tbody>{rows[True]}</tbody></table>'
    content += "<details><summary>All headers</summary>"
    content += f'<table class="headers"><tbody>{rows[False]}</tbody></table></details>'
    address = f"/mail/{quote(mail_id)}"
    if part(message, "text/html") is not None:
        content += (
            f'<h2>HTML</h2><iframe sandbox="{SANDBOX}" title="The HTML part" '
            f'src="{address}/html"></iframe>'
        )
    if (text := part(message, "text/plain")) is not None:
        content += f"<h2>Text</h2><pre>{linked(text)}</pre>"
    if files := attachments(message):
        content += f"<p>Attached: {html.escape(', '.join(files))}</p>"
    content += f'<p><a href="{address}/source">The mail as it was sent</a></p>'
    return Answer(page(subject, content))


def attachments(message: Message) -> list[str]:
    names = []
    for candidate in message.walk():
        try:
            name = candidate.get_filename()
        except (ValueError, LookupError, TypeError):
            name = "(unreadable name)"
        if name:
            names.append(name.encode("utf-8", "replace").decode())
    return names


def linked(text: str) -> str:
    """Return `text` as HTML in which its web addresses can be clicked."""
    result, position = "", 0
    for match in ADDRESS.finditer(text):
        # A full stop or bracket after an address belongs to the sentence.
        address = match[0].rstrip(".,;:!?)]'")
        result += html.escape(text[position : match.start()])
        safe = html.escape(address)
        result += f'<a href="{safe}" target="_blank" rel="noopener noreferrer">{safe}</a>'
        position = match.start() + len(address)
    return result + html.escape(text[position:])


def html_page(raw: bytes) -> Answer | None:
    """Return the mail's HTML part alone; its links open beside it, not in its frame."""
    body = part(message_from_bytes(raw), "text/html")
    if body is None:
        return None
    base = '<base target="_blank">'
    with_base, count = re.subn(
        r"(?i)(<head(?:\s[^>]*)?>)", lambda head: head[0] + base, body, count=1
    )
    return Answer(with_base if count else base + body, policy=MAIL_POLICY)


def json_list(shelf: Shelf, to: str) -> Answer:
    found = []
    for mail in shelf.mails(to):
        raw = shelf.raw(mail.id)
        text = part(message_from_bytes(raw), "text/plain") if raw else ""
        found.append(
            {
                "id": mail.id,
                "to": mail.to,
                "from": mail.sender,
                "subject": mail.subject,
                "date": mail.at.isoformat(),
                "message_id": mail.message_id,
                "text": (text or "").encode("utf-8", "replace").decode(),
            }
        )
    return Answer(json.dumps(found), content_type="application/json")


# Serving ------------------------------------------------------------------------------------------
def answer(shelf: Shelf, target: str) -> Answer:
    """Return what stands at `target`, a path with its query."""
    url = urlsplit(target)
    query = parse_qs(url.query)
    to = query.get("to", [""])[0]
    number = query.get("page", ["1"])[0]
    if url.path == "/":
        is_number = number.isascii() and number.isdigit() and len(number) < 7
        return list_page(shelf, to, max(1, int(number)) if is_number else 1)
    if url.path == "/style.css":
        return Answer(STYLE, content_type="text/css")
    if url.path == "/mails.json":
        return json_list(shelf, to)
    if found := re.fullmatch(r"/mail/([^/]+)(?:/(html|source))?", url.path):
        mail_id = unquote(found[1])
        raw = shelf.raw(mail_id)
        if raw is not None:
            views: dict[str | None, Callable[[bytes], Answer | None]] = {
                None: lambda raw: mail_page(mail_id, raw),
                "html": html_page,
                "source": lambda raw: Answer(raw.decode("utf-8", "replace"), "text/plain"),
            }
            if (result := views[found[2]](raw)) is not None:
                return result
    return Answer(page("Not found", "<p>There is no such page.</p>"), status=404)


class MailPage(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, maildir: Path) -> None:
        self.shelf = Shelf(maildir)
        super().__init__((LOOPBACK, port), Handler)


class Handler(BaseHTTPRequestHandler):
    server: MailPage
    # A client that connects and says nothing keeps its thread no longer than this.
    timeout = 10

    def do_GET(self) -> None:
        name = re.sub(r":\d*$", "", self.headers.get("Host", ""))
        if name.lower() not in OWN_NAMES:
            self.reply(Answer("This page answers to 127.0.0.1 and localhost only.", status=421))
            return
        try:
            self.reply(answer(self.server.shelf, self.path))
        except FileNotFoundError:
            self.reply(Answer("The mail is gone.", status=404))

    def reply(self, answer: Answer) -> None:
        # Decoded charsets can hold lone surrogates.
        body = answer.body.encode("utf-8", "replace")
        self.send_response(answer.status)
        self.send_header("Content-Type", f"{answer.content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", answer.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a line for each look at the page would bury what matters."""


class MailSink:
    """Mail server and page together; `with` starts and stops both."""

    def __init__(self, *, maildir: Path, smtp_port: int, http_port: int) -> None:
        maildir.parent.mkdir(parents=True, exist_ok=True)
        self.smtp = Controller(Keeper(maildir), hostname=LOOPBACK, port=smtp_port, ready_timeout=30)
        self.page = MailPage(http_port, maildir)
        self.http_port = int(self.page.server_address[1])

    def __enter__(self) -> "MailSink":
        self.smtp.start()
        threading.Thread(target=self.page.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.page.shutdown()
        self.page.server_close()
        self.smtp.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=8002)
    parser.add_argument("--http-port", type=int, default=8001)
    parser.add_argument("--maildir", type=Path, default=Path("var/mail"))
    options = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    # aiosmtpd reports each clumsy client as an error of its own.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with MailSink(
            maildir=options.maildir, smtp_port=options.smtp_port, http_port=options.http_port
        ):
            stop.wait()
    except OSError as error:
        sys.exit(f"mail sink: {error.strerror or error} (maildir {options.maildir})")


if __name__ == "__main__":
    main()
