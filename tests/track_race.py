"""The race for the track slots: every way into a week at once, seeded, and what came of it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import IntegrityError, connection

from athletes.models import Athlete
from tests.make import EASY, MONDAY, TRACK, make_team
from tests.racing import Meet, Racers
from workouts import planning
from workouts.constraints import violated_constraint
from workouts.models import Kind, Session, TrackLimitReached, TrainingWeek

RULE = (
    "session_one_per_track_slot",
    "session_track_slot_within_limit",
    "session_mirrors_week_limit",
)
ACCEPTED, REFUSED = "accepted", "refused"


@dataclass(frozen=True)
class Attempt:
    """One racer's turn at one week. Each way reads of it what it needs."""

    way: str
    week_id: int
    session_id: int
    weekday: int
    slot: int | None
    limit: int


# Each of these reads what a page or a script would have read, and returns the write. Between the
# two the racers meet, so that all write at once what they know from before.
Write = Callable[[], object]


def schedule(attempt: Attempt) -> Write:
    week = TrainingWeek.objects.get(pk=attempt.week_id)
    return lambda: week.schedule(weekday=attempt.weekday, **TRACK)


def move(attempt: Attempt) -> Write:
    week = TrainingWeek.objects.get(pk=attempt.week_id)
    session = Session.objects.select_related("week").get(pk=attempt.session_id)
    return lambda: week.move(session, weekday=attempt.weekday)


def edit(attempt: Attempt) -> Write:
    session = Session.objects.select_related("week").get(pk=attempt.session_id)
    return lambda: session.week.edit(session, kind=Kind.TRACK, title="400s")


def schedule_for(attempt: Attempt) -> Write:
    athletes = [Athlete.objects.get(weeks=attempt.week_id)]

    def write() -> bool:
        (verdict,) = planning.schedule_for(
            athletes, starts_on=MONDAY, weekday=attempt.weekday, **TRACK
        )
        return not verdict.refusal

    return write


def set_track_limit(attempt: Attempt) -> Write:
    week = TrainingWeek.objects.get(pk=attempt.week_id)
    return lambda: week.set_track_limit(attempt.limit)


def bulk_create(attempt: Attempt) -> Write:
    week = TrainingWeek.objects.get(pk=attempt.week_id)
    session = Session(
        week=week,
        weekday=attempt.weekday,
        track_limit=week.track_limit,
        track_slot=attempt.slot,
        **TRACK,
    )
    return lambda: Session.objects.bulk_create([session])


def raw_insert(attempt: Attempt) -> Write:
    sql = (
        "INSERT INTO workouts_session (week_id, weekday, kind, surface, title, notation, place,"
        " note, track_limit, track_slot)"
        " VALUES (%s, %s, 'TRACK', 'TRACK', 't', 'rest', '', '', %s, %s)"
    )
    return lambda: execute(sql, attempt.week_id, attempt.weekday, attempt.limit, attempt.slot)


def raw_update(attempt: Attempt) -> Write:
    sql = "UPDATE workouts_session SET kind = 'TRACK', track_slot = %s WHERE id = %s"
    return lambda: execute(sql, attempt.slot, attempt.session_id)


def execute(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


POLITE = {"schedule": schedule, "move": move, "edit": edit, "schedule_for": schedule_for}
LIMITS = {"set_track_limit": set_track_limit}
BY_FORCE = {"bulk_create": bulk_create, "raw_insert": raw_insert, "raw_update": raw_update}
WAYS = POLITE | LIMITS | BY_FORCE
SHARES = {"schedule": 5, "move": 3, "edit": 3, "schedule_for": 3} | dict.fromkeys(BY_FORCE, 2)


def run_attempts(racer: int, meet: Meet, attempts: list[Attempt]) -> list[str]:
    """Make each attempt together with the other racers; return its outcome, or what went wrong."""
    return [outcome(meet, attempt) for attempt in attempts]


def outcome(meet: Meet, attempt: Attempt) -> str:
    write = WAYS[attempt.way](attempt)
    meet()
    try:
        return REFUSED if write() is False else ACCEPTED
    except (TrackLimitReached, Session.DoesNotExist):
        return REFUSED  # in words: the week is full, or the session was taken away meanwhile
    except IntegrityError as error:
        if attempt.way in BY_FORCE and refusing_constraint(error) in RULE:
            return REFUSED
        return f"{attempt}: {error!r}"
    except Exception as error:
        return f"{attempt}: {error!r}"


def refusing_constraint(error: IntegrityError) -> str:
    """Return the name of the constraint; SQLite tells none of a foreign key, so it is the rule's:
    every other one points at rows that nobody deletes here.
    """
    if str(error) == "FOREIGN KEY constraint failed":
        return "session_mirrors_week_limit"
    return violated_constraint(error)


@dataclass
class Tally:
    """What came of a race; `errors` and `unfilled` hold a line each for a person to read."""

    seed: int
    attempts: int = 0
    accepted: int = 0
    refused: int = 0
    over_two: int = 0
    over_limit: int = 0
    errors: list[str] = field(default_factory=list)
    unfilled: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"seed={self.seed} attempts={self.attempts} accepted={self.accepted}"
            f" refused={self.refused} over_two={self.over_two} over_limit={self.over_limit}"
            f" errors={len(self.errors)}"
        )


def race_for_slots(racers: Racers, *, seed: int, weeks: int) -> Tally:
    """Let all racers at `weeks` new weeks, one after the other, in ways drawn by the seed."""
    count = len(racers.processes)
    by_week = draw_attempts(random.Random(seed), make_weeks(weeks), count)
    by_racer = [[attempts[racer] for attempts in by_week] for racer in range(count)]
    outcomes = [one for made in racers.run(run_attempts, *by_racer) for one in made]
    sorts = Counter(outcomes)
    tally = Tally(seed, len(outcomes), sorts[ACCEPTED], sorts[REFUSED])
    tally.errors = [one for one in outcomes if one not in (ACCEPTED, REFUSED)]
    held = track_sessions()
    tally.over_two = sum(tracks > 2 for _, tracks in held.values())
    tally.over_limit = sum(tracks > limit for limit, tracks in held.values())
    tally.unfilled = [
        f"{tracks} of {limit} in week {attempts[0].week_id}: {attempts}"
        for attempts in by_week
        for limit, tracks in [held[attempts[0].week_id]]
        if tracks != limit
        and not any(attempt.way in LIMITS for attempt in attempts)
        and sum(attempt.way in POLITE for attempt in attempts) >= limit
    ]
    return tally


def track_sessions() -> dict[int, tuple[int, int]]:
    """Return limit and number of track sessions of each week, counted in plain SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.id, w.track_limit, count(s.id) FROM workouts_trainingweek w"
            " LEFT JOIN workouts_session s ON s.week_id = w.id AND s.kind = 'TRACK'"
            " GROUP BY w.id, w.track_limit"
        )
        return {week: (limit, tracks) for week, limit, tracks in cursor.fetchall()}


def make_weeks(count: int) -> list[TrainingWeek]:
    """Make empty weeks that allow two track sessions, each of an athlete of its own."""
    team = make_team()
    athletes = Athlete.objects.bulk_create(
        Athlete(team=team, name=f"Runner {number}", email=f"runner{number}@club.example")
        for number in range(count)
    )
    return make_weeks_of(athletes)


def make_weeks_of(athletes: Iterable[Athlete], *, later: int = 0) -> list[TrainingWeek]:
    return TrainingWeek.objects.bulk_create(
        TrainingWeek(athlete=athlete, starts_on=MONDAY + timedelta(7 * later), track_limit=2)
        for athlete in athletes
    )


def draw_attempts(rng: random.Random, weeks: list[TrainingWeek], count: int) -> list[list[Attempt]]:
    """Draw `count` attempts for each week, and write the sessions that they move or change."""
    next_weeks = make_weeks_of((week.athlete for week in weeks), later=1)
    drawn, sessions = [], []
    for week, next_week in zip(weeks, next_weeks, strict=True):
        week.track_limit = rng.choices([2, 1, 0], [8, 2, 1])[0]
        ways = draw_ways(rng, count)
        slots = iter((1, 2))
        for way in ways:
            if way == "move":
                origin = {"week": next_week, "track_slot": next(slots), "track_limit": 2} | TRACK
                sessions.append(Session(weekday=3, **origin))
            else:
                sessions.append(Session(week=week, weekday=3, track_limit=week.track_limit, **EASY))
        drawn.append(ways)
    TrainingWeek.objects.bulk_update(weeks, ["track_limit"], batch_size=300)
    rows = iter(Session.objects.bulk_create(sessions, batch_size=500))
    return [
        [
            Attempt(
                way=way,
                week_id=week.pk,
                session_id=next(rows).pk,
                weekday=rng.randint(1, 7),
                slot=rng.choice([1, 2, 3, None] if way.startswith("raw") else [1, 2]),
                limit=rng.choice([2, 2, 3] if way == "raw_insert" else [0, 1, 2]),
            )
            for way in ways
        ]
        for week, ways in zip(weeks, drawn, strict=True)
    ]


def draw_ways(rng: random.Random, count: int) -> list[str]:
    ways = rng.choices(list(SHARES), list(SHARES.values()), k=count)
    if rng.random() < 0.4:  # in these weeks the limit moves too
        for place in rng.sample(range(count), k=2):
            ways[place] = "set_track_limit"
    # The next week holds two track sessions, so no more can come from there.
    moves = [place for place, way in enumerate(ways) if way == "move"]
    for place in moves[2:]:
        ways[place] = "schedule"
    return ways


# The negative control -----------------------------------------------------------------------------


@contextmanager
def without_the_rule() -> Iterator[None]:
    """Drop the constraints of the rule from the live table; afterwards empty it, and put them back.

    SQLite's table is made anew from `Meta`, so that has to forget them for the while.
    """
    kept = Session._meta.constraints
    rule = [constraint for constraint in kept if constraint.name in RULE]
    Session._meta.constraints = [constraint for constraint in kept if constraint not in rule]
    try:
        with connection.schema_editor() as editor:
            for constraint in rule:
                editor.remove_constraint(Session, constraint)
        yield
    finally:
        Session.objects.all().delete()
        Session._meta.constraints = kept
        with connection.schema_editor() as editor:
            for constraint in rule:
                editor.add_constraint(Session, constraint)


def count_then_insert(racer: int, meet: Meet, week_ids: list[int]) -> list[bool]:
    """Do what the rule is there to make harmless: look whether there is room, then write."""
    written = []
    for week_id in week_ids:
        week = TrainingWeek.objects.get(pk=week_id)
        meet()
        tracks = week.sessions.filter(kind=Kind.TRACK).count()
        # What a page does between looking and writing: a few more queries, a form to check.
        time.sleep(0.005)
        if tracks < week.track_limit:
            slot = {"track_limit": week.track_limit, "track_slot": tracks + 1}
            Session.objects.create(week=week, weekday=2, **TRACK, **slot)
        written.append(tracks < week.track_limit)
    return written


def weeks_broken_by_counting(racers: Racers, weeks: list[TrainingWeek]) -> int:
    """Race `count_then_insert` for these weeks; return how many hold more than two."""
    ids = [week.pk for week in weeks]
    racers.run(count_then_insert, *([ids] * len(racers.processes)))
    return sum(tracks > 2 for _, tracks in track_sessions().values())
