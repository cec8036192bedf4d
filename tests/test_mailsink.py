"""The mail server and page of bin/up, spoken to over real sockets."""

import http.client
import json
import smtplib
import socket
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest

from coachsite.mailsink import MailSink, linked

pytestmark = pytest.mark.services
Get = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[MailSink]:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        smtp_port = trial.getsockname()[1]
    with MailSink(maildir=tmp_path / "mail", smtp_port=smtp_port, http_port=0) as running:
        yield running


@pytest.fixture
def get(sink: MailSink) -> Get:
    def ask(path: str, *, host: str = "127.0.0.1", method: str = "GET"):
        connection = http.client.HTTPConnection("127.0.0.1", sink.http_port, timeout=30)
        try:
            connection.request(method, path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    return ask


def send(sink: MailSink, raw: bytes | EmailMessage, *, to: str = "ana@example.org") -> None:
    body = raw.as_bytes() if isinstance(raw, EmailMessage) else raw
    with smtplib.SMTP("127.0.0.1", sink.smtp.port, timeout=30) as smtp:
        smtp.sendmail("coach@example.org", [to], body)


def plan_mail(*, to: str = "ana@example.org", subject: str = "Your week") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Coach <coach@example.org>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = "<plan.1@example.org>"
    message.set_content("Tuesday: 5 x 1000 m. See http://127.0.0.1:8000/today/.\n")
    message.add_alternative("<html><head></head><body><p>Tuesday</p></body></html>", subtype="html")
    return message


def the_id(get: Get) -> str:
    return quote(json.loads(get("/mails.json")[2])[0]["id"])


def test_a_sent_mail_is_in_the_list_and_in_the_json(sink: MailSink, get: Get):
    send(sink, plan_mail(subject="Änas week"))

    (mail,) = json.loads(get("/mails.json")[2])
    status, _, page = get("/")

    assert mail["to"] == "ana@example.org"
    assert mail["from"] == "Coach <coach@example.org>"
    assert mail["subject"] == "Änas week"
    assert mail["message_id"] == "<plan.1@example.org>"
    assert "5 x 1000 m" in mail["text"]
    assert status == 200
    assert "Änas week" in page


def test_the_newest_mail_comes_first_and_the_search_is_by_recipient(sink: MailSink, get: Get):
    send(sink, plan_mail(subject="First"))
    send(sink, plan_mail(to="ben@example.org", subject="Second"), to="ben@example.org")
    send(sink, plan_mail(subject="Third"))

    everyone = [mail["subject"] for mail in json.loads(get("/mails.json")[2])]
    anas = [mail["subject"] for mail in json.loads(get("/mails.json?to=ANA@example")[2])]

    assert everyone == ["Third", "Second", "First"]
    assert anas == ["Third", "First"]
    assert "Second" not in get("/?to=ana%40example.org")[2]


def test_a_mail_opens_with_its_text_its_html_and_its_source(sink: MailSink, get: Get):
    send(sink, plan_mail())
    address = f"/mail/{the_id(get)}"

    _, page_headers, page = get(address)
    _, html_headers, body = get(f"{address}/html")
    _, source_headers, source = get(f"{address}/source")

    link = "http://127.0.0.1:8000/today/"
    assert f'<a href="{link}" target="_blank" rel="noopener noreferrer">{link}</a>.' in page
    assert "script" not in page_headers["Content-Security-Policy"]
    assert "<p>Tuesday</p>" in body
    assert html_headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    )
    assert "allow-scripts" not in html_headers["Content-Security-Policy"]
    assert source_headers["Content-Type"].startswith("text/plain")
    assert "Subject: Your week" in source


ODD_MAILS = {
    "no header": b"\r\njust text\r\n",
    "empty": b"",
    "unknown charset": (
        b"Subject: x\r\nContent-Type: text/plain; charset=klingon-8\r\n\r\n\xff\xfe text\r\n"
    ),
    "raw bytes in headers": b"Subject: caf\xe9 \xff\r\nTo: \xc3\xa4 <a@b.example>\r\n\r\nx\r\n",
    "broken encoded word": b"Subject: =?utf-8?b?!!!?= =?nope?q?=E4?=\r\n\r\ntext\r\n",
    "script in a header": b"Subject: <script>alert(1)</script>\r\n\r\n<script>1</script>\r\n",
    "multipart without an end": (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n???=\r\n"
    ),
    "odd types": b'Content-Type: /;=;"\r\nContent-Disposition: ;;=\r\nFrom: ,,<>\r\n\r\ntext\r\n',
    "long": b"Subject: " + b"long " * 150 + b"\r\n\r\n" + b"x" * 70 + b"\r\n" * 50_000,
}


@pytest.mark.parametrize("raw", ODD_MAILS.values(), ids=ODD_MAILS.keys())
def test_an_odd_mail_is_shown_and_no_script_gets_through(sink: MailSink, get: Get, raw: bytes):
    send(sink, raw)
    address = f"/mail/{the_id(get)}"

    assert "<script" not in get("/")[2]
    for path in (address, f"{address}/source"):
        status, headers, page = get(path)
        assert status == 200
        assert "<script" not in page or headers["Content-Type"].startswith("text/plain")
    assert get(f"{address}/html")[0] in (200, 404)


def test_a_stranger_by_another_name_is_refused(sink: MailSink, get: Get):
    send(sink, plan_mail())

    status, _, page = get("/", host="evil.example.org:8001")

    assert status == 421
    assert "Your week" not in page
    assert get("/", host="localhost:8001")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_page_only_reads(get: Get, method: str):
    assert get("/", method=method)[0] == 501


@pytest.mark.parametrize("path", ["/mail/../../etc/passwd", "/mail/..%2Fcur", "/mail/x", "/other"])
def test_what_is_not_there_is_not_found(get: Get, path: str):
    assert get(path)[0] == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", "²", "9" * 5000])
def test_an_odd_page_number_is_no_error(get: Get, number: str):
    assert get(f"/?page={quote(number)}")[0] == 200


def test_an_address_in_brackets_is_linked_without_them():
    assert linked('(http://a.example/x?b=1&c="2")') == (
        '(<a href="http://a.example/x?b=1&amp;c=" target="_blank" rel="noopener noreferrer">'
        "http://a.example/x?b=1&amp;c=</a>&quot;2&quot;)"
    )
