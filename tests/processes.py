"""Real processes for a test: web server, SMTP server, Celery worker, Celery beat."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from django.conf import settings

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def database_url(config: dict[str, Any]) -> str:
    """Return the address of a database that is open in this process, for another one."""
    if config["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{config['NAME']}"
    user = quote(config["USER"], safe="")
    password = f":{quote(config['PASSWORD'], safe='')}" if config["PASSWORD"] else ""
    host, port = quote(config["HOST"], safe=""), config["PORT"] or 5432
    return f"postgres://{user}{password}@{host}:{port}/{config['NAME']}"


def wait_until(is_so: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Return the first true answer; fail after `seconds` with what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := is_so():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} not within {seconds:.0f} s")


def spawn(
    arguments: list[str], *, log: Path, database: dict[str, Any], **environment: str
) -> subprocess.Popen[bytes]:
    """Start a process of the site on a database, in a session of its own."""
    known = {"DATABASE_URL": database_url(database), "SECRET_KEY": settings.SECRET_KEY}
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=os.environ | known | environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """Stop a process and those it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Site:
    """The site under gunicorn; it mails to `smtp_port`, where a test may run a post office."""

    url: str
    smtp_port: int


@contextlib.contextmanager
def serve(log: Path, database: dict[str, Any]) -> Iterator[Site]:
    """Serve the site as bin/up does; the static files lie in COACHSITE_VAR."""
    port, smtp_port = free_port(), free_port()
    site = Site(f"http://127.0.0.1:{port}", smtp_port)
    arguments = ["gunicorn", "coachsite.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    process = spawn(
        arguments,
        log=log,
        database=database,
        SITE_URL=site.url,
        EMAIL_URL=f"smtp://127.0.0.1:{smtp_port}",
    )

    def answers() -> bool:
        # Not for ever: should another process have got the port, it may never answer.
        with (
            contextlib.suppress(OSError),
            urlopen(f"{site.url}/accounts/login/", timeout=10) as page,
        ):
            return page.status == 200
        return False

    try:
        wait_until(answers, seconds=30, what="the web server")
        yield site
    finally:
        end(process)


@dataclass
class PostOffice:
    """Worker, beat and SMTP server at work on one database; `var` holds broker, mails and logs."""

    var: Path
    database: dict[str, Any]
    smtp_port: int
    sweep_seconds: int = 4
    page_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        commands = {
            "sink": ["coachsite.mailsink", "--smtp-port", str(self.smtp_port)]
            + ["--http-port", str(self.page_port), "--maildir", str(self.var / "mail")],
            "worker": ["celery", "-A", "coachsite", "worker", "--concurrency", "2"],
            "beat": ["celery", "-A", "coachsite", "beat"],
        }
        (self.var / "broker" / "queue").mkdir(parents=True, exist_ok=True)
        (self.var / "broker" / "control").mkdir(parents=True, exist_ok=True)
        self.processes[name] = spawn(
            commands[name],
            log=self.var / f"{name}.log",
            database=self.database,
            EMAIL_URL=f"smtp://127.0.0.1:{self.smtp_port}",
            COACHSITE_VAR=str(self.var),
            SWEEP_SECONDS=str(self.sweep_seconds),
        )

    def stop(self, name: str, how: int = signal.SIGTERM) -> None:
        end(self.processes.pop(name), how)

    def mails(self) -> list[dict[str, str]]:
        """Return every mail that the SMTP server has taken, each with `to` and `message_id`."""
        with urlopen(f"http://127.0.0.1:{self.page_port}/mails.json", timeout=10) as answer:
            return json.load(answer)

    def print_logs(self) -> None:
        for log in sorted(self.var.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-3000:]}")

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return isinstance(self.mails(), list)
        return False


@contextlib.contextmanager
def post_office(
    var: Path, database: dict[str, Any], *, smtp_port: int | None = None
) -> Iterator[PostOffice]:
    """Run all three until the block ends; what they said is shown where the block fails."""
    office = PostOffice(var=var, database=database, smtp_port=smtp_port or free_port())
    try:
        for name in ("sink", "worker", "beat"):
            office.start(name)
        wait_until(office.answers, seconds=30, what="the SMTP server")
        yield office
    except BaseException:
        office.print_logs()
        raise
    finally:
        for name in list(office.processes):
            office.stop(name)
