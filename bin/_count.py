"""A pytest plugin for bin/test: count what the passed tests really used, and write it as JSON.

A run that says "PostgreSQL" must have asked PostgreSQL something. So it counts the tests for which
Django made a database, those during which the Redis server of the run worked off commands, and
those that spoke with an SMTP server: one in the test's process, or one in a process of its own
that has shown the mails it took (tests/processes.py).
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_setup"}


class Usage:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.databases: set[str] = set()
        url = os.environ.get("REDIS_URL")
        self.redis: Any = None
        if url:
            import redis

            self.redis = redis.Redis.from_url(url)
        self.smtp_connections = 0
        self.watch_smtp()

    def watch_smtp(self) -> None:
        from aiosmtpd.smtp import SMTP

        connection_made = SMTP.connection_made

        def counted(server: SMTP, transport: Any) -> None:
            self.smtp_connections += 1
            connection_made(server, transport)

        SMTP.connection_made = counted  # type: ignore[method-assign, assignment]

        import tests.processes

        mails = tests.processes.PostOffice.mails

        def shown(office: Any) -> list[dict[str, str]]:
            taken = mails(office)
            self.smtp_connections += bool(taken)
            return taken

        tests.processes.PostOffice.mails = shown  # type: ignore[method-assign]

    def commands(self) -> int:
        """Return how many commands the Redis server has worked off, this one left out."""
        if self.redis is None:
            return 0
        self.asked = getattr(self, "asked", 0) + 1
        return int(self.redis.info("stats")["total_commands_processed"]) - self.asked

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        commands, connections = self.commands(), self.smtp_connections
        self.passed = False
        result = yield
        if self.passed:
            self.counts["tests"] += 1
            self.count_passed(item)
            self.counts["redis"] += self.commands() > commands
            self.counts["smtp"] += self.smtp_connections > connections
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed = True

    def count_passed(self, item: pytest.Item) -> None:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
            from django.db import connection

            self.counts[connection.vendor] += 1
        self.counts["browser"] += item.get_closest_marker("browser") is not None

    def pytest_sessionfinish(self) -> None:
        path = os.environ.get("COACHSITE_TEST_COUNTS")
        if path:
            Path(path).write_text(json.dumps(self.counts))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Usage(), "coachsite-usage")
