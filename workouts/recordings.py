"""A run as a watch recorded it: the laps and the points of a FIT file.

Distances are the watch's own. On a track two watches differ by half a percent on one run, so take
times from a lap, distances from the plan. Positions are not read: nobody needs them here.

A file of an hour takes about half a second: read it in a task, not in a view.
"""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import fitdecode

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_RECORDS: Final = 200_000  # messages of any kind; a point a second for two days

_EPOCH: Final = datetime(1989, 12, 31, tzinfo=UTC)
_DATED_S: Final = 0x10000000  # fewer seconds count from when the watch was switched on
_LAST_S: Final = 0xFFFFFFFF
# What the decoder lets through on bytes that make no sense, besides its own errors.
_SENSELESS: Final = (ValueError, LookupError, TypeError, ArithmeticError, AssertionError)


class RecordingError(ValueError):
    """A file that cannot be taken; the message says why, and what to send instead."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One lap: its start (UTC), the seconds the watch ran, metres, mean beats a minute.

    `elapsed_s` includes the pauses.
    """

    started_at: datetime | None
    timer_s: float | None
    elapsed_s: float | None
    distance_m: float | None
    avg_hr: int | None


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of the run (UTC): metres since the start, beats a minute."""

    at: datetime | None
    distance_m: float | None
    hr: int | None


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded run; laps and points in the order of the file.

    `sport` and `sub_sport` are FIT's own words (`running`, `track`). `is_dated` is False where the
    watch did not know the date: then only the differences between instants mean something.
    `damage` says in a sentence what is wrong with the file, and is empty for a sound one.
    """

    sport: str | None
    sub_sport: str | None
    started_at: datetime | None
    timer_s: float | None
    distance_m: float | None
    laps: tuple[Lap, ...]
    points: tuple[Point, ...]
    is_dated: bool
    damage: str


def read_fit(data: bytes) -> Recording:
    """Return the run that the bytes of a FIT file hold; of a damaged one all that can be read.

    Totals are those of the session; where damage has taken it, those of the laps or the points.

    :raises RecordingError: if the file is no FIT file, too large, or holds no run or several
    """
    if len(data) > MAX_BYTES:
        raise RecordingError("The file is larger than 5 MiB. Send the run on its own.")
    if data[8:12] != b".FIT":
        raise RecordingError("This is no FIT file. Export the run from the watch as FIT.")
    file = _File()
    try:
        file.read(data)
    except RecordingError:
        raise
    except fitdecode.FitEOFError:
        file.damage = f"The file ends too early; {file.kept}"
    except (fitdecode.FitError, *_SENSELESS):
        file.damage = f"The file is damaged; {file.kept}"
    return file.recording()


class _File:
    """What has been read of a file so far."""

    def __init__(self) -> None:
        self.sessions: list[fitdecode.FitDataMessage] = []
        self.laps: list[Lap] = []
        self.points: list[Point] = []
        self.damage = ""

    @property
    def kept(self) -> str:
        laps, points = len(self.laps), len(self.points)
        return (
            f"{laps:,} lap{'s' * (laps != 1)} and {points:,} point{'s' * (points != 1)} "
            "could be read before that."
        )

    def read(self, data: bytes) -> None:
        """Take in the messages one by one.

        Without a processor instants stay whole seconds, which is how undated ones can be told.
        """
        reader = fitdecode.FitReader(
            io.BytesIO(data),
            processor=None,
            check_crc=fitdecode.CrcCheck.READONLY,
            error_handling=fitdecode.ErrorHandling.IGNORE,
        )
        for count, frame in enumerate(reader):
            if count > MAX_RECORDS:
                raise RecordingError("The file has over 200,000 entries. Send one run on its own.")
            if isinstance(frame, fitdecode.FitCRC) and not frame.matched:
                self.damage = "The checksum of the file is wrong, so single values may be too."
            elif isinstance(frame, fitdecode.FitDataMessage):
                self.take(frame)

    def take(self, message: fitdecode.FitDataMessage) -> None:
        if message.name == "record":
            self.points.append(
                Point(
                    at=_instant(message, "timestamp"),
                    distance_m=_number(message, "distance"),
                    hr=_beats(message, "heart_rate"),
                )
            )
        elif message.name == "lap":
            self.laps.append(
                Lap(
                    started_at=_instant(message, "start_time"),
                    timer_s=_number(message, "total_timer_time"),
                    elapsed_s=_number(message, "total_elapsed_time"),
                    distance_m=_number(message, "total_distance"),
                    avg_hr=_beats(message, "avg_heart_rate"),
                )
            )
        elif message.name == "session":
            self.sessions.append(message)

    def recording(self) -> Recording:
        if not (self.sessions or self.laps or self.points):
            raise RecordingError(f"This FIT file holds no recorded run. {self.damage}".strip())
        if len(self.sessions) > 1:
            raise RecordingError("The file holds several activities. Send the run on its own.")
        session = self.sessions[0] if self.sessions else None
        instants = [point.at for point in self.points if point.at]
        started_at = (
            _instant(session, "start_time")
            or next((lap.started_at for lap in self.laps if lap.started_at), None)
            or next(iter(instants), None)
        )
        return Recording(
            sport=_word(session, "sport"),
            sub_sport=_word(session, "sub_sport"),
            started_at=started_at,
            timer_s=_first(
                _number(session, "total_timer_time"),
                _total(lap.timer_s for lap in self.laps),
                (max(instants) - min(instants)).total_seconds() if instants else None,
            ),
            distance_m=_first(
                _number(session, "total_distance"),
                _total(lap.distance_m for lap in self.laps),
                max((p.distance_m for p in self.points if p.distance_m is not None), default=None),
            ),
            laps=tuple(self.laps),
            points=tuple(self.points),
            is_dated=started_at is not None and started_at >= _EPOCH + timedelta(seconds=_DATED_S),
            damage=self.damage,
        )


def _number(message: fitdecode.FitDataMessage | None, name: str) -> float | None:
    """Return a field that is a number from 0 up; a damaged file may hold anything there."""
    value = message.get_value(name, fallback=None) if message else None
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    return None


def _beats(message: fitdecode.FitDataMessage | None, name: str) -> int | None:
    value = _number(message, name)
    return int(value) if value else None


def _instant(message: fitdecode.FitDataMessage | None, name: str) -> datetime | None:
    seconds = _number(message, name)
    if seconds is None or seconds > _LAST_S:
        return None
    return _EPOCH + timedelta(seconds=seconds)


def _word(message: fitdecode.FitDataMessage | None, name: str) -> str | None:
    value = message.get_value(name, fallback=None) if message else None
    return value if isinstance(value, str) else None


def _total(values: Iterable[float | None]) -> float | None:
    """Return the sum, or None where there is nothing or a part is missing."""
    known = list(values)
    return sum(v for v in known if v is not None) if known and None not in known else None


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
