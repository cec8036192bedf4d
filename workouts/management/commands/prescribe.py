import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from athletes.management.terminal import Options, TerminalCommand, choice, entered, number
from athletes.measures import Units, format_clock, format_distance, format_pace, format_range
from workouts.notation import LEVELS, parse_workout
from workouts.prescriptions import Band, Prescription, Rep, prescribe
from workouts.track import STANDARD_LAP_M

REP = (
    "rep", "distance_m", "duration_s", "label", "target_s", "pace_s_per_km", "splits",
    "starts_at_m", "ends_at_m", "recovery",
)  # fmt: skip
TOTALS = ("fast_m", "recovery_m", "warm_up_m", "cool_down_m", "laps")


class Command(TerminalCommand):
    help = "Work out a session in the workout notation for one athlete."
    keys = (*TerminalCommand.keys, "notation", "level", "units", "track", "lane")

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("notation", nargs="?", help="the session, such as “6 x 800 @ 5k, jog 200”")
        super().add_arguments(parser)
        add("--level", help=f"{', '.join(LEVELS)}; intermediate if left out")
        add("--units", help="km or mi; km if left out")
        add("--track", help=f"metres of a lap; {STANDARD_LAP_M:g} if left out")
        add("--lane", help="the lane run in; 1 if left out")

    def answer_once(self, options: Options) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(self.answer(options)))
            return
        for line in _table(*self.prescription(options)):
            self.stdout.write(line)

    def answer(self, options: Options) -> dict[str, Any]:
        prescription, sources = self.prescription(options)
        whole = prescription.as_json()
        return {
            "shape": whole["shape"],
            "reps": [{key: rep[key] for key in REP} for rep in whole["reps"]],
            "totals": {key: whole["totals"][key] for key in TOTALS},
            "warnings": whole["warnings"],
            "sources": sources,
        }

    def prescription(self, options: Options) -> tuple[Prescription, list[str]]:
        """Return the session worked out, and what its paces are from in the words typed."""
        notation = options.get("notation")
        if not isinstance(notation, str):
            raise ValueError("write a session, such as “6 x 800 @ 5k, jog 200”")
        workout, known = parse_workout(notation), entered(options)
        lane = number(options, "lane", 1, 12, whole=True)
        units: Units = "mi" if choice(options, "units", ("km", "mi")) == "mi" else "km"
        prescription = prescribe(
            workout,
            paces=known.paces,
            level=choice(options, "level", LEVELS) or "intermediate",
            lap_m=number(options, "track", 100, 1000) or STANDARD_LAP_M,
            lane=int(lane or 1),
            units=units,
        )
        return prescription, known.sources(prescription.sources)


def _table(session: Prescription, sources: list[str]) -> Iterator[str]:
    yield session.title
    yield from (f"  {block.prose}" for block in session.blocks)
    if session.reps:
        yield ""
        yield f"{'rep':>3}  {'distance':<10}{'time':<18}{'pace':<18}{'from–to on the lap':<20}then"
        yield from (_row(rep, session) for rep in session.reps)
        for rep in dict.fromkeys(_splits(rep) for rep in session.reps if len(rep.splits) > 1):
            yield f"     {rep}"
    fast = format_distance(session.totals.fast_m, units=session.units)
    yield ""
    yield f"{fast} fast, {session.totals.laps:.2f} laps"
    yield from (f"From {source}" for source in sources)
    yield from (f"Note: {warning}" for warning in session.warnings)


def _row(rep: Rep, session: Prescription) -> str:
    length = format_distance(rep.distance_m, units="km") if rep.distance_m else "by time"
    time = _clocks(rep.target_s) if rep.target_s else rep.label
    pace = ""
    if rep.pace_s_per_km:
        ends = (format_pace(end / 1000, units=session.units) for end in rep.pace_s_per_km)
        pace = format_range(*ends)
    ends_m = (rep.starts_at_m, rep.ends_at_m)
    where = "–".join("?" if at_m is None else f"{at_m:.0f} m" for at_m in ends_m)
    return f"{rep.rep:>3}  {length:<10}{time:<18}{pace:<18}{where:<20}{_then(rep)}".rstrip()


def _then(rep: Rep) -> str:
    """Return what follows a rep: `jog 200–400 m`, `walk 1:30`."""
    rest = rep.recovery
    if rest is None:
        return ""
    if rest.distance_m:
        low, high = (format_distance(metres) for metres in rest.distance_m)
        return f"{rest.kind} {format_range(low, high)}"
    return f"{rest.kind} {_clocks(rest.duration_s)}" if rest.duration_s else rest.kind


def _splits(rep: Rep) -> str:
    """Return the passing times of a rep in one line."""
    length = format_distance(rep.distance_m or 0)
    return f"{length}: " + ", ".join(f"{at.at_m:g} m {_clocks(at.s)}" for at in rep.splits)


def _clocks(band: Band) -> str:
    low, high = (format_clock(seconds) for seconds in band)
    return format_range(low, high)
