"""The clock of the tests: it starts on a Wednesday in November 2026, whatever day it really is.

The pages go by today, and the tests by `MONDAY` of tests/make.py: in another year they would drift
apart. Loaded before Django is set up (see pyproject.toml), because models take the clock for a
default. Tests that start real processes run on real time, as the processes do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.utils import timezone

BEGINS = datetime(2026, 11, 25, 11, tzinfo=UTC)

_really = timezone.now
_ahead = BEGINS - datetime.now(UTC)
_offset = [_ahead]


def now() -> datetime:
    return _really() + _offset[0]


timezone.now = now


@contextmanager
def real_time() -> Iterator[None]:
    """Let the clock be right for a while."""
    _offset[0] = timedelta(0)
    try:
        yield
    finally:
        _offset[0] = _ahead
