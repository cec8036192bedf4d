import csv
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils import timezone

from athletes.management.terminal import (
    DEFAULT_MODEL,
    MODELS,
    Options,
    TerminalCommand,
    choice,
    entered,
    name_of,
)
from athletes.measures import RACES, format_clock, format_pace, format_range
from athletes.paces import PaceOutOfRange, vdot
from athletes.predictions import TRAINING, AthletePaces, Race

COLUMNS = {"runner", "distance_m", "seconds", "target_m"}
SAME_M = 0.001  # rows within 0.1 % of the target are a result at the target


@dataclass
class Runner:
    """What a file says of one runner: seconds by metres, and the metres to predict, in order."""

    best_s: dict[float, float] = field(default_factory=dict)
    targets_m: dict[float, None] = field(default_factory=dict)


class Command(TerminalCommand):
    help = "Predict race times and training paces from race results."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--batch",
            type=Path,
            metavar="FILE.csv",
            help="runner, sex, age, distance_m, seconds, target_m: print runner,target_m,seconds",
        )

    def answer_once(self, options: Options) -> None:
        if options["batch"]:
            self.predict_batch(options)
        elif options["json"]:
            self.stdout.write(json.dumps(self.answer(options)))
        else:
            for line in _table(self.paces(options)):
                self.stdout.write(line)

    def answer(self, options: Options) -> dict[str, Any]:
        return _as_json(self.paces(options))

    def paces(self, options: Options) -> AthletePaces:
        paces = entered(options).paces
        if paces is None:
            raise ValueError("give at least one race, such as --race 5k=22:00, or --vdot 45")
        return paces

    def predict_batch(self, options: Options) -> None:
        """Print a prediction for each runner and target, from all other rows of the runner."""
        model = choice(options, "model", tuple(MODELS)) or DEFAULT_MODEL
        runners, today = _read(options["batch"]), timezone.localdate()
        out = csv.writer(self.stdout, lineterminator="\n")
        out.writerow(["runner", "target_m", "seconds"])
        for name, runner in runners.items():
            for target_m in runner.targets_m:
                races = tuple(
                    Race(metres, time_s)
                    for metres, time_s in runner.best_s.items()
                    if abs(metres / target_m - 1) > SAME_M
                )
                time_s = MODELS[model](races, target_m, today).time_s if races else ""
                out.writerow([name, f"{target_m:.12g}", time_s])


def _as_json(paces: AthletePaces) -> dict[str, Any]:
    times = {}
    for name in RACES:
        estimate = paces.estimate(name)
        low_s, high_s = estimate.range_80_s
        times[name] = {
            "s": estimate.time_s,
            "low_s": low_s,
            "high_s": high_s,
            "confidence": estimate.confidence,
            "from": [name_of(race) for race in estimate.races],
        }
    by_name = {name: paces.pace(name) for name in TRAINING}
    return {
        "model": paces.model,
        "vdot": paces.vdot,
        "times": times,
        "paces": {
            name: [pace.s_per_m_low * 1000, pace.s_per_m_high * 1000]
            for name, pace in by_name.items()
        },
    }


def _table(paces: AthletePaces) -> Iterator[str]:
    yield f"Model {paces.model}, VDOT {paces.vdot:.1f}"
    yield ""
    yield f"{'race':<10}{'time':>9}  {'80 % of such races':<20}{'certainty':<11}from"
    for name in RACES:
        estimate = paces.estimate(name)
        low, high = (format_clock(seconds) for seconds in estimate.range_80_s)
        origin = ", ".join(name_of(race) for race in estimate.races) or "the VDOT"
        yield (
            f"{name:<10}{format_clock(estimate.time_s):>9}  {format_range(low, high):<20}"
            f"{estimate.confidence:<11}{origin}"
        )
    yield ""
    yield f"{'pace':<12}{'per km':<16}per mile"
    for name in TRAINING:
        pace = paces.pace(name)
        km, mi = (
            format_range(
                format_pace(pace.s_per_m_low, units=units),
                format_pace(pace.s_per_m_high, units=units),
            )
            for units in ("km", "mi")
        )
        yield f"{name:<12}{km:<16}{mi}"
    yield from ("", *paces.warnings) if paces.warnings else ()


def _read(path: Path) -> dict[str, Runner]:
    """Return the runners of a file by name, in its order.

    :raises ValueError: if it cannot be read, or a row holds no numbers
    """
    runners: dict[str, Runner] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if missing := COLUMNS - set(rows.fieldnames or ()):
                raise ValueError(f"{path}: there is no column {', '.join(sorted(missing))}")
            for row in rows:
                runner = runners.setdefault(row["runner"], Runner())
                try:
                    _add(runner, row)
                except (TypeError, ValueError):
                    raise ValueError(f"{path}, line {rows.line_num}: no numbers there") from None
    except (OSError, csv.Error) as error:
        raise ValueError(f"{path}: {error}") from error
    return runners


def _add(runner: Runner, row: dict[str, str]) -> None:
    if (row["target_m"] or "").strip():
        target_m = float(row["target_m"])
        if not 50 <= target_m <= 100_000:
            raise ValueError
        runner.targets_m[target_m] = None
    if (row["distance_m"] or "").strip():
        metres, seconds = float(row["distance_m"]), float(row["seconds"])
        if not (metres > 0 and 0 < seconds < float("inf")):
            raise ValueError
        try:
            vdot(distance_m=metres, time_s=seconds)
        except PaceOutOfRange:
            return  # such files have rows that nobody has run
        runner.best_s[metres] = min(seconds, runner.best_s.get(metres, seconds))
