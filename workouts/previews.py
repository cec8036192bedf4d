"""The read side of the editor: a workout as a coach types it, prescribed for a few readers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from athletes.models import Athlete, Team
from athletes.predictions import AthletePaces
from workouts.notation import NotationError, parse_workout
from workouts.prescriptions import prescribe
from workouts.track import STANDARD_LAP_M

WIDTH = 1000
HEIGHT = 60
# Where no pace is known, 5K pace is drawn as 4 m/s, a recovery as 2.5.
RUN_M_PER_S, JOG_M_PER_S = 4.0, 2.5
# An effort is drawn as a share of the speed of 5K pace: RPE 8 is like it, and one RPE is 5 %.
ALL_OUT = {"max": 1.15, "sprint": 1.3}
LIKE_5K_RPE, LIKE_5K_PERCENT_HR, A_RPE, A_PERCENT_HR = 8, 95, 0.05, 0.01
ABOVE_ALL = 1.05  # and all out stands above every pace


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
    def is_alike(self) -> bool:
        """Say whether all readers run the same reps; by level they may run different ones."""
        reps = [session["reps"] for _, session in self.sessions]
        return len({tuple((r["distance_m"], r["duration_s"]) for r in one) for one in reps}) == 1

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """What each reader's session is warned of, once, with for whom where not for all."""
        return self._told("warnings")

    @property
    def sources(self) -> list[tuple[str, str]]:
        """What the paces come from, with whose they are."""
        return self._told("sources")

    def _told(self, key: str) -> list[tuple[str, str]]:
        told: dict[str, list[str]] = {}
        for reader, session in self.sessions:
            for words in session[key]:
                told.setdefault(words, []).append(reader.name)
        return [
            ("" if len(names) == len(self.sessions) else ", ".join(names), words)
            for words, names in told.items()
        ]


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
    middle, session = sessions[len(sessions) // 2]
    return Preview(sessions=sessions, bars=bars(session, middle.paces))


def _mistake(text: str, error: NotationError) -> Mistake:
    lines = text.splitlines() or [""]
    line = lines[min(error.line, len(lines)) - 1]
    cut = max(error.column - 1, 0)
    return Mistake(str(error), error.line, error.column, before=line[:cut], after=line[cut:])


def bars(session: dict[str, Any], paces: AthletePaces | None = None) -> tuple[Bar, ...]:
    """Lay the reps of a prescribed session out as bars on a sheet of `WIDTH` by `HEIGHT`."""
    speeds = _speeds(session["reps"], paces)
    lengths = [
        (rep["distance_m"] or (rep["duration_s"] or 0) * speed, _gap_m(rep["recovery"]))
        for rep, speed in zip(session["reps"], speeds, strict=True)
    ]
    total = sum(run + gap for run, gap in lengths)
    if not total:
        return ()
    slow, fast = min(speeds) * 0.7, max(speeds)
    drawn, x = [], 0.0
    for rep, speed, (run, gap) in zip(session["reps"], speeds, lengths, strict=True):
        height = HEIGHT * (speed - slow) / (fast - slow)
        width = max(WIDTH * run / total - 2, 1)
        drawn.append(Bar(x, HEIGHT - height, width, height, is_easy=rep["is_easy"]))
        x += WIDTH * (run + gap) / total
    return tuple(drawn)


def _speeds(reps: Sequence[dict[str, Any]], paces: AthletePaces | None) -> list[float]:
    """Return metres a second of each rep: the target's, or what its effort looks like."""
    like_5k = 1 / paces.pace("5k").s_per_m_low if paces else RUN_M_PER_S
    paced = [2000 / sum(rep["pace_s_per_km"]) for rep in reps if rep["pace_s_per_km"]]
    all_out = max([like_5k, *(speed * ABOVE_ALL / ALL_OUT["max"] for speed in paced)])
    speeds = []
    for rep in reps:
        if rep["pace_s_per_km"]:
            speeds.append(2000 / sum(rep["pace_s_per_km"]))
        elif rep["label"] in ALL_OUT:
            speeds.append(all_out * ALL_OUT[rep["label"]])
        else:
            speeds.append(JOG_M_PER_S if rep["is_easy"] else like_5k * _share(rep["label"]))
    return speeds


def _share(label: str) -> float:
    """Return how fast an effort looks beside 5K pace; a pace that is not known looks like it."""
    if label.startswith("rpe "):
        return 1 + A_RPE * (float(label.split("-")[-1].removeprefix("rpe ")) - LIKE_5K_RPE)
    if "%hr" in label:
        percent = float(label.partition("%")[0].split("-")[-1])
        return 1 + A_PERCENT_HR * (percent - LIKE_5K_PERCENT_HR)
    return 1.0


def _gap_m(recovery: dict[str, Any] | None) -> float:
    if not recovery:
        return 0
    if recovery["distance_m"]:
        return sum(recovery["distance_m"]) / 2
    return sum(recovery["duration_s"] or [0]) / 2 * JOG_M_PER_S
