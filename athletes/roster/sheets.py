"""The two files and their columns: the roster, and the dated results that go with it."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models

from athletes.measures import (
    RACES,
    MeasureError,
    distance_name,
    format_clock,
    parse_clock,
    parse_distance,
)
from athletes.models import Athlete, Group, RacePerformance, time_zones
from athletes.paces import RACED_M, implausible
from athletes.roster.table import (
    CellError,
    CellRefused,
    Column,
    Line,
    Parser,
    Sheet,
    quoted,
    read_table,
)


@dataclass(frozen=True, slots=True)
class Best:
    """A best time without its day: metres and seconds."""

    distance_m: Decimal
    time_s: Decimal


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One athlete of a roster; `facts` holds the fields of `Athlete` that the row gives."""

    row: int
    name: str
    email: str
    facts: Mapping[str, Any]
    groups: tuple[str, ...]
    bests: tuple[Best, ...]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One dated race; `surface` is empty where the cell was blank."""

    row: int
    email: str
    distance_m: Decimal
    time_s: Decimal
    raced_on: date
    surface: str


@dataclass(frozen=True, slots=True)
class RosterFile:
    """What a roster says: the sound rows, every error, and notes on how it was read.

    `emails` also holds the addresses of rows with an error elsewhere.
    """

    rows: tuple[RosterRow, ...]
    errors: tuple[CellError, ...]
    notes: tuple[str, ...]
    emails: frozenset[str]


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """What a results file says: the sound rows, every error, and notes on how it was read."""

    rows: tuple[ResultRow, ...] = ()
    errors: tuple[CellError, ...] = ()
    notes: tuple[str, ...] = ()


def _race_column(header: str) -> Column | None:
    """Return the column of the race that a header names; a bare number must be a known race."""
    try:
        metres = _raced_m(header.replace("_", " "))
    except (MeasureError, CellRefused):
        return None
    if header.strip().isdigit() and metres not in RACES.values():
        return None
    return Column(distance_name(metres), partial(_best, distance_m=metres))


def _limited(text: str, *, of: "models.Field[Any, Any]") -> str:
    """Return a text that fits a model's field and can be seen.

    :raises CellRefused: if it is too long or shows nothing
    """
    if of.max_length is not None and len(text) > of.max_length:
        raise CellRefused(
            f"{quoted(text)} has {len(text)} characters; {of.max_length} are the most."
        )
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in text):
        raise CellRefused(f"The {of.name} is missing.")
    return text


def _email(text: str) -> str:
    """Return an address in lower case.

    :raises CellRefused: if no mail could be sent to it
    """
    try:
        validate_email(text)
        # Quoted names, IP literals and letters beyond ASCII are addresses, but not to every server.
        is_plain = text.isascii() and not set(text) & {'"', "["}
    except ValidationError:
        is_plain = False
    if not is_plain or len(text) > 254 or len(text.rpartition("@")[0]) > 64:
        raise CellRefused(f"{quoted(text)} is no email address; write one, as name@club.example.")
    return text.lower()


def _choice(text: str, *, words: Mapping[str, str], what: str, write: str) -> str:
    try:
        return words[text.casefold()]
    except KeyError:
        raise CellRefused(f"{quoted(text)} is no {what}; write {write}.") from None


def _words(choices: type[models.TextChoices], **more: str) -> dict[str, str]:
    labels = {choice.label.casefold(): choice.value for choice in choices}
    return {**labels, **{choice.value.casefold(): choice.value for choice in choices}, **more}


def _birth_year(text: str, *, today: date) -> int:
    if not re.fullmatch(r"\d{4}", text, re.ASCII) or not 1900 <= int(text) <= today.year:
        raise CellRefused(
            f"{quoted(text)} is no year of birth; write four digits from 1900 to {today.year}."
        )
    return int(text)


def _weekly_m(text: str) -> int:
    """Return the metres of a week written in kilometres.

    :raises CellRefused: if it is no such number or over 400 km
    """
    match = re.fullmatch(r"(\d{1,4}(?:[.,]\d{1,3})?)(?: ?km)?", text, re.ASCII | re.IGNORECASE)
    metres = int(Decimal(match[1].replace(",", ".")) * 1000) if match else -1
    if not 0 <= metres <= 400_000:
        raise CellRefused(f"{quoted(text)} is no week; write kilometres from 0 to 400, as 52.")
    return metres


@lru_cache(maxsize=1)
def _time_zones() -> dict[str, str]:
    names = time_zones()
    return {name.casefold(): name for name in sorted(names)}


def _time_zone(text: str) -> str:
    """Return the IANA name of a time zone written in any case, or with spaces.

    :raises CellRefused: if there is none of that name; the message offers the nearest
    """
    zones, key = _time_zones(), text.casefold().replace(" ", "_")
    if key in zones:
        return zones[key]
    near = _near_zone(key) if len(key) <= 40 else None
    hint = f"did you mean {near}?" if near else "write it as Europe/London."
    raise CellRefused(f"{quoted(text)} is no time zone; {hint}")


@lru_cache(maxsize=1024)
def _near_zone(key: str) -> str | None:
    """Return the time zone of a city, or the one that a name looks like a misspelling of."""
    zones = _time_zones()
    city = [zone for zone in zones if zone.rpartition("/")[2] == key]
    near = city or get_close_matches(key, zones, n=1, cutoff=0.7)
    return zones[near[0]] if near else None


def _groups(text: str) -> tuple[str, ...]:
    """Return the names between semicolons, each once."""
    names: dict[str, str] = {}
    for name in filter(None, map(str.strip, text.split(";"))):
        names.setdefault(name.casefold(), _limited(name, of=Group._meta.get_field("name")))
    return tuple(names.values())


def _best(text: str, *, distance_m: Decimal) -> Best:
    """Return the best time over `distance_m` metres.

    :raises MeasureError: if it is no time
    :raises CellRefused: if nobody runs that distance in that time
    """
    best = Best(distance_m, parse_clock(text))
    if doubt := implausible(distance_m=distance_m, time_s=best.time_s):
        raise CellRefused(doubt)
    return best


def _raced_m(text: str) -> Decimal:
    metres = parse_distance(text)
    if not RACED_M[0] <= metres <= RACED_M[1]:
        raise CellRefused("A race is kept from 100 m to 400 km.")
    return metres


def _raced_on(text: str, *, today: date) -> date:
    """Return the day of a race, from the ISO form alone.

    :raises CellRefused: if it is no date, before 1900 or after `today`
    """
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"[\d-]{10}", text, re.ASCII) else None
    except ValueError:
        day = None
    if day is None or day.year < 1900:
        raise CellRefused(f"{quoted(text)} is no date; write year-month-day, as 2026-05-02.")
    if day > today:
        raise CellRefused(f"{quoted(text)} is a date in the future.")
    return day


def _roster_sheet(today: date) -> Sheet:
    columns: dict[str, Parser] = {
        "name": partial(_limited, of=Athlete._meta.get_field("name")),
        "email": _email,
        "sex": partial(
            _choice,
            words=_words(Athlete.Sex, w="F", woman="F", man="M"),
            what="sex known here",
            write="F or M, or leave it blank",
        ),
        "birth_year": partial(_birth_year, today=today),
        "guardian_email": _email,
        "level": partial(
            _choice,
            words=_words(Athlete.Level),
            what="level",
            write="beginner, intermediate or advanced",
        ),
        "timezone": _time_zone,
        "units": partial(
            _choice,
            words=_words(Athlete.Units, kilometers="KM", mile="MI"),
            what="unit",
            write="km or mi",
        ),
        "weekly_km": _weekly_m,
        "group": _groups,
    }
    return Sheet("roster", columns, required=("name", "email"), race=_race_column)


def _results_sheet(today: date) -> Sheet:
    columns: dict[str, Parser] = {
        "email": _email,
        "distance_m": _raced_m,
        "time": parse_clock,
        "date": partial(_raced_on, today=today),
        "surface": partial(
            _choice,
            words={**_words(RacePerformance.Surface), "unknown": "", "not known": ""},
            what="surface",
            write="road, track, indoor or trail",
        ),
    }
    return Sheet("results", columns, required=("email", "distance_m", "time", "date"))


# The column of a roster, where the field of Athlete has another name.
_FACTS: Final = {
    "sex": "sex",
    "birth_year": "birth_year",
    "guardian_email": "guardian_email",
    "level": "level",
    "timezone": "time_zone",
    "units": "units",
    "weekly_km": "weekly_volume_m",
}


def read_roster(data: bytes, *, today: date) -> RosterFile:
    """Return the athletes of a roster, with every error in it.

    A row with an error is left out of `rows`. `today` bounds the years of birth.
    """
    table = read_table(data, _roster_sheet(today))
    first: dict[str, int] = {}
    for line in table.lines:
        email = line.values.get("email")
        if email and first.setdefault(email, line.row) != line.row:
            message = f"{email} stands in row {first[email]} already; keep one of the two rows."
            table.refuse(message, line=line, column="email")
        if email and line.values.get("guardian_email") == email:
            message = "This is the athlete's own address; write that of a second adult."
            table.refuse(message, line=line, column="guardian_email")
    rows = [_roster_row(line) for line in table.lines if line.is_sound]
    table.notes += [note for row in rows for note in _crossed(row)]
    return RosterFile(tuple(rows), table.sorted_errors(), tuple(table.notes), frozenset(first))


def _roster_row(line: Line) -> RosterRow:
    values = line.values
    return RosterRow(
        row=line.row,
        name=values["name"],
        email=values["email"],
        facts={_FACTS[column]: values[column] for column in _FACTS if column in values},
        groups=values.get("group", ()),
        bests=tuple(value for value in values.values() if isinstance(value, Best)),
    )


def _crossed(row: RosterRow) -> Iterator[str]:
    """Yield a note for each pair of bests of which the longer race took less time."""
    for short, long in pairwise(sorted(row.bests, key=lambda best: best.distance_m)):
        if long.time_s <= short.time_s:
            yield (
                f"row {row.row}: {distance_name(long.distance_m)} in {format_clock(long.time_s)} "
                f"is quicker than {distance_name(short.distance_m)} in "
                f"{format_clock(short.time_s)}; check both"
            )


def read_results(data: bytes, *, today: date) -> ResultsFile:
    """Return the dated races of a results file, with every error in it.

    A row that says the same as an earlier one is noted and left out. `today` is the latest day on
    which a race can have been.
    """
    table = read_table(data, _results_sheet(today))
    rows: dict[tuple[Any, ...], ResultRow] = {}
    for line in table.lines:
        if not line.is_sound:
            continue
        row = _result_row(line)
        if doubt := implausible(distance_m=row.distance_m, time_s=row.time_s):
            table.refuse(doubt, line=line, column="time")
            continue
        earlier = rows.setdefault((row.email, row.distance_m, row.time_s, row.raced_on), row)
        if earlier.surface != row.surface:
            message = f"This race stands in row {earlier.row} already, on another surface."
            table.refuse(message, line=line, column="surface")
        elif earlier is not row:
            table.notes.append(f"results: row {row.row} repeats row {earlier.row}")
    return ResultsFile(tuple(rows.values()), table.sorted_errors(), tuple(table.notes))


def _result_row(line: Line) -> ResultRow:
    values = line.values
    return ResultRow(
        row=line.row,
        email=values["email"],
        distance_m=values["distance_m"],
        time_s=values["time"],
        raced_on=values["date"],
        surface=values.get("surface", ""),
    )
