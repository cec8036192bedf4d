"""The read side of the editor: a workout as a coach types it, prescribed for a few readers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from athletes.models import Athlete, Team
from athletes.predictions import AthletePaces
from workouts.notation import NotationError, parse_workout
from workouts.prescriptions import prescribe
from workouts.track import STANDARD_LAP_M

WIDTH = 1000
HEIGHT = 60
# Where no pace is known, a rep is drawn as if run at 4 m/s, a recovery at 2.5.
RUN_M_PER_S, JOG_M_PER_S = 4.0, 2.5


# What a button of the editor writes for the coach.
SNIPPETS = [
    ("Warm-up", "warm-up 1-2mi easy\ndrills leg swings, high knees, walking lunges\n"),
    ("Repeats", "6 x 800 @ 5k, jog 200\n"),
    ("Ladder", "1600-1200-800-400-200 @ 5k..mile, jog 400\n"),
    ("Pyramid", "400-800-1200-800-400 @ 5k, jog 200\n"),
    ("Sets", "3 x (4 x 400 @ mile, jog 100), jog 400\n"),
    ("Tempo", "20min @ threshold\n"),
    ("By level", "4-6 | 6-8 | 8-12 x 400 @ mile, jog 400 | 300 | 200\n"),
    ("Cool-down", "cool-down 1-2mi easy\n"),
]


@dataclass(frozen=True)
class Reader:
    """Somebody for whom a workout is worked out; `paces` is None without a race."""

    name: str
    level: str
    units: str
    paces: AthletePaces | None = None
    weekly_volume_m: int | None = None
    lap_m: float = STANDARD_LAP_M
    split_m: float | None = None


@dataclass(frozen=True)
class Bar:
    """One rep in the drawing of a workout's shape: wide as it is long, high as it is fast."""

    x: float
    y: float
    width: float
    height: float
    is_easy: bool


@dataclass(frozen=True)
class Mistake:
    """Where the text cannot be read: the line as typed, cut at the place, and what to write."""

    message: str
    line: int
    column: int
    before: str
    after: str


@dataclass(frozen=True)
class Preview:
    """What the editor shows beside the text: a mistake, or the workout for each reader."""

    sessions: tuple[tuple[Reader, dict[str, Any]], ...] = ()
    bars: tuple[Bar, ...] = ()
    mistake: Mistake | None = None

    @property
    def typical(self) -> dict[str, Any]:
        """The session of the reader in the middle."""
        return self.sessions[len(self.sessions) // 2][1]

    @property
    def rows(self) -> list[tuple[dict[str, Any], ...]]:
        """The reps side by side, one of each reader; none where levels run different reps."""
        reps = [session["reps"] for _, session in self.sessions]
        runs = {tuple((r["distance_m"], r["duration_s"]) for r in one) for one in reps}
        return list(zip(*reps, strict=True)) if len(runs) == 1 else []


def readers(athletes: Iterable[Athlete], team: Team, *, today: date) -> list[Reader]:
    """Return the slowest, the median and the fastest of the athletes; all of them up to three.

    They run on the track of their team. Read them `with_paces`. Athletes without a race come only
    where nobody has one.
    """
    found = [
        Reader(
            name=athlete.name,
            level=athlete.level.lower(),
            units=athlete.units.lower(),
            paces=athlete.paces(today=today),
            weekly_volume_m=athlete.weekly_volume_m,
            lap_m=team.lap_m,
            split_m=team.split_m,
        )
        for athlete in athletes
    ]
    paced = [(reader.paces.vdot, reader.name, reader) for reader in found if reader.paces]
    every = [reader for *_, reader in sorted(paced, key=lambda row: row[:2])] or found[:1]
    return every if len(every) <= 3 else [every[0], every[len(every) // 2], every[-1]]


def preview(text: str, *, readers: Sequence[Reader], lap_m: float | None = None) -> Preview:
    """Work a text out for each reader; a text that cannot be read gives its mistake instead.

    `lap_m` is the lap of this session, where it is not run on the team's track.
    """
    if not text.strip():
        return Preview()
    try:
        workout = parse_workout(text)
    except NotationError as error:
        return Preview(mistake=_mistake(text, error))
    sessions = tuple(
        (
            reader,
            prescribe(
                workout,
                paces=reader.paces,
                level=reader.level,
                lap_m=lap_m or reader.lap_m,
                split_m=reader.split_m,
                units="mi" if reader.units == "mi" else "km",
                weekly_volume_m=reader.weekly_volume_m,
            ).as_json(),
        )
        for reader in readers or [Reader("an intermediate runner", "intermediate", "km")]
    )
    shown = Preview(sessions=sessions)
    return replace(shown, bars=bars(shown.typical))


def _mistake(text: str, error: NotationError) -> Mistake:
    lines = text.splitlines() or [""]
    line = lines[min(error.line, len(lines)) - 1]
    cut = max(error.column - 1, 0)
    return Mistake(str(error), error.line, error.column, before=line[:cut], after=line[cut:])


def bars(session: dict[str, Any]) -> tuple[Bar, ...]:
    """Lay the reps of a prescribed session out as bars on a sheet of `WIDTH` by `HEIGHT`."""
    lengths = [(_metres(rep), _gap_m(rep["recovery"])) for rep in session["reps"]]
    total = sum(run + gap for run, gap in lengths)
    if not total:
        return ()
    speeds = [_speed(rep) for rep in session["reps"]]
    slow, fast = min(speeds) * 0.7, max(speeds)
    drawn, x = [], 0.0
    for rep, speed, (run, gap) in zip(session["reps"], speeds, lengths, strict=True):
        height = HEIGHT * (speed - slow) / (fast - slow)
        width = max(WIDTH * run / total - 2, 1)
        drawn.append(Bar(x, HEIGHT - height, width, height, is_easy=rep["is_easy"]))
        x += WIDTH * (run + gap) / total
    return tuple(drawn)


def _speed(rep: dict[str, Any]) -> float:
    """Return metres a second: the target's, or what its effort looks like."""
    if rep["pace_s_per_km"]:
        return 2000 / sum(rep["pace_s_per_km"])
    return JOG_M_PER_S if rep["is_easy"] else RUN_M_PER_S


def _metres(rep: dict[str, Any]) -> float:
    return rep["distance_m"] or (rep["duration_s"] or 0) * _speed(rep)


def _gap_m(recovery: dict[str, Any] | None) -> float:
    if not recovery:
        return 0
    if recovery["distance_m"]:
        return sum(recovery["distance_m"]) / 2
    return sum(recovery["duration_s"] or [0]) / 2 * JOG_M_PER_S
