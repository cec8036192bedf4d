"""What `predict` and `prescribe` share: options, races as typed, and one JSON object a line.

Neither command touches the database. A value may come from the command line, as text, or from a
line of JSON; both go through the same functions here, and what is wrong is a ValueError whose
message is for the person at the terminal.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from athletes.measures import RACES, format_clock, parse_clock, parse_distance, race_key
from athletes.paces import vdot
from athletes.predictions import (
    DEFAULT_MODEL,
    MODELS,
    AthletePaces,
    Race,
    athlete_paces,
    paces_of_vdot,
)

Options = Mapping[str, Any]
FORMAT = "write a race as 5k=22:00, or with its day as half=1:38:00@2026-03-01"


@dataclass(frozen=True, slots=True)
class Entered:
    """The paces of what was typed, and what each race was typed as, by its own description."""

    paces: AthletePaces | None
    words: Mapping[str, str]

    def sources(self, described: tuple[str, ...]) -> list[str]:
        """Return sources in the words typed: `5k 22:00 as entered`."""
        return [self.words.get(source, source) for source in described]


class TerminalCommand(BaseCommand):
    """A command that answers from its options alone: once, or once a line of standard input."""

    requires_system_checks: list[str] = []
    stealth_options = ("stdin",)
    keys: tuple[str, ...] = ("race", "sex", "age", "model", "vdot", "on")

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--race", action="append", help="a result, 5k=22:00 or 5k=22:00@2026-03-01; repeat")
        add("--vdot", help="a VDOT in place of races")
        add("--model", default=DEFAULT_MODEL, help=", ".join(MODELS))
        add("--sex", help="F or M; read, but no model needs it")
        add("--age", help="in years; read, but no model needs it")
        add("--on", metavar="DATE", help="the day to answer for, as 2026-03-01; today if left out")
        add("--json", action="store_true", help="print one JSON object instead of a table")
        add("--lines", action="store_true", help="one JSON object a line in, one a line out")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["lines"]:
                self.answer_lines(options)
            else:
                self.answer_once(options)
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error

    def answer_once(self, options: Options) -> None:
        raise NotImplementedError

    def answer(self, options: Options) -> dict[str, Any]:
        """Return the answer as plain JSON values.

        :raises ValueError: if an option cannot be read
        """
        raise NotImplementedError

    def answer_lines(self, options: Options) -> None:
        """Answer each line by itself; options of the command hold where a line names none."""
        for line in _lines(options.get("stdin")):
            try:
                text = json.dumps(self.answer({**options, **self.read_line(line)}))
            except (ValueError, RecursionError) as error:
                text = json.dumps({"error": str(error)})
            self.stdout.write(text)
            self.stdout.flush()

    def read_line(self, line: bytes | str) -> dict[str, Any]:
        try:
            read = json.loads(line.decode() if isinstance(line, bytes) else line)
        except ValueError as error:
            raise ValueError(f"this line is no JSON: {error}") from None
        if not isinstance(read, dict):
            raise ValueError("a line holds one JSON object, such as {...}")
        if unknown := set(read) - set(self.keys):
            raise ValueError(
                f"“{min(unknown)[:40]}” is no option; there are {', '.join(self.keys)}"
            )
        return {key: value for key, value in read.items() if value is not None}


def _lines(stdin: Any) -> Iterator[bytes | str]:
    if stdin is None:
        with open(0, "rb", closefd=False) as stdin:
            yield from stdin
    else:
        yield from stdin


def entered(options: Options) -> Entered:
    """Return the paces of the races, or the VDOT, that were typed.

    :raises ValueError: if one of the options is none, a race cannot be, or it has both
    """
    choice(options, "sex", ("F", "M"))
    number(options, "age", 5, 110)
    model = choice(options, "model", tuple(MODELS)) or DEFAULT_MODEL
    today = _day(options["on"]) if options.get("on") else timezone.localdate()
    value = number(options, "vdot", 10, 90)
    typed = options.get("race") or []
    races = [read_race(text, today) for text in (typed if isinstance(typed, list) else [typed])]
    if value is not None:
        if races:
            raise ValueError("give races or a VDOT, not both")
        return Entered(paces_of_vdot(value, today=today), {})
    words = {race.described(today): _as_typed(race) for race in races}
    return Entered(athlete_paces(races, today=today, model=model), words)


def read_race(text: Any, today: date) -> Race:
    """Return the race that `5k=22:00` or `half=1:38:00@2026-03-01` stands for.

    :raises ValueError: if it cannot be read, lies after today, or nobody can have run it
    """
    distance, equals, rest = text.partition("=") if isinstance(text, str) else ("", "", "")
    if not equals:
        raise ValueError(f"“{str(text)[:40]}” is no race: {FORMAT}")
    clock, at, day = rest.partition("@")
    race = Race(parse_distance(distance), parse_clock(clock))
    if at:
        race = replace(race, raced_on=_day(day))
    if race.raced_on and race.raced_on > today:
        raise ValueError(f"{race.name} lies after {today}: check its day, or --on")
    vdot(distance_m=race.distance_m, time_s=race.time_s)
    return race


def name_of(race: Race) -> str:
    """Return the name of a race's distance in the notation: 5k, half; metres where it has none."""
    key = race_key(race.distance_m)
    return key if key and race.distance_m == RACES[key] else f"{float(race.distance_m):g}"


def _as_typed(race: Race) -> str:
    places = 0 if race.time_s % 1 == 0 else 2
    day = f" of {race.raced_on}" if race.raced_on else ""
    return f"{name_of(race)} {format_clock(race.time_s, places=places)}{day} as entered"


def _day(text: Any) -> date:
    try:
        return date.fromisoformat(text.strip())
    except (AttributeError, ValueError):
        raise ValueError(f"“{str(text)[:40]}” is no date; write it as 2026-03-01") from None


def choice(options: Options, key: str, choices: tuple[str, ...]) -> str | None:
    """Return an option that is one of a few words, or None where it is left out.

    :raises ValueError: if it is none of them
    """
    value = options.get(key)
    if value is not None and value not in choices:
        raise ValueError(f"{key} “{str(value)[:40]}” is none of {', '.join(choices)}")
    return value


def number(
    options: Options, key: str, low: float, high: float, *, whole: bool = False
) -> float | None:
    """Return an option that is a number from `low` to `high`, or None where it is left out.

    :raises ValueError: if it is none
    """
    typed = options.get(key)
    if typed is None:
        return None
    kind = "whole number" if whole else "number"
    try:
        value = float(typed) if not isinstance(typed, bool) else float("nan")
    except (TypeError, ValueError, OverflowError):
        value = float("nan")
    if not low <= value <= high or (whole and value % 1):
        raise ValueError(f"{key} “{str(typed)[:40]}” is no {kind} from {low:g} to {high:g}")
    return value
