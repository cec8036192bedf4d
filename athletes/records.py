"""The read side of the PR page: results by distance and what they are worth; writes nothing."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from athletes.agegrade import AgeGrade, age_grade
from athletes.models import Athlete, RacePerformance
from athletes.predictions import AthletePaces, Pace

TRAINING = ("easy", "marathon", "threshold", "interval", "vo2max", "repetition")
RACES = ("mile", "3k", "5k", "10k", "half", "marathon")


@dataclass(frozen=True)
class RecordRow:
    """One result; `grade` is None where the age or the distance is not known to the table."""

    race: RacePerformance
    is_record: bool
    age: int | None
    grade: AgeGrade | None


@dataclass(frozen=True)
class RaceDistance:
    """The results at one distance in metres, fastest first."""

    distance_m: Decimal
    rows: tuple[RecordRow, ...]


@dataclass(frozen=True)
class Equivalent:
    """What an athlete can race: seconds, the range of four in five, the pace with its source.

    `range_s` is None for a pace that was set by hand.
    """

    name: str
    time_s: float
    range_s: tuple[float, float] | None
    pace: Pace


def by_distance(
    athlete: Athlete, races: Iterable[RacePerformance], *, records: Collection[int]
) -> list[RaceDistance]:
    """Return the races of an athlete by distance; `records` are the ids of the PRs."""
    ordered = sorted(races, key=lambda race: (race.distance_m, race.time_s, race.pk))
    return [
        RaceDistance(
            distance_m,
            tuple(_row(athlete, race, is_record=race.pk in records) for race in group),
        )
        for distance_m, group in groupby(ordered, key=lambda race: race.distance_m)
    ]


def _row(athlete: Athlete, race: RacePerformance, *, is_record: bool) -> RecordRow:
    """Grade a race where that can be done fairly: not a trail, nor a race that shows no form.

    The age is the one reached in the year of the race; only the year of birth is known.
    """
    age, grade = None, None
    if race.raced_on and athlete.birth_year:
        age = race.raced_on.year - athlete.birth_year
        if race.drives_paces and race.surface != RacePerformance.Surface.TRAIL:
            on_track = race.surface in ("TRACK", "INDOOR")
            grade = age_grade(athlete.sex, age, race.distance_m, race.time_s, on_track=on_track)
    return RecordRow(race, is_record, age, grade)


def equivalents(paces: AthletePaces, names: Iterable[str] = RACES) -> list[Equivalent]:
    found = []
    for name in names:
        time_s, pace = paces.race_time(name)
        range_s = None if name in paces.overrides else paces.estimate(name).range_80_s
        found.append(Equivalent(name, time_s, range_s, pace))
    return found
