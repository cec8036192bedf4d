"""The ready plans: eight weeks to a 5K, twelve to a half marathon, from the common library.

Both keep the rules of the founding text: at most two track sessions a week, a day without a hard
session after each hard one, no long run on the day after one. See docs/sources.md.
"""

from typing import NamedTuple

from workouts.library import on_track

TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(2, 8)


class Entry(NamedTuple):
    """One session: the day (ISO), the library's recipe by slug, "" for a race.

    `title` and `notation` stand in for the recipe's own where they are not "".
    """

    weekday: int
    slug: str
    title: str = ""
    notation: str = ""
    priority: str = ""


class ReadyWeek(NamedTuple):
    """One week: its phase, see `Phase`, the track sessions it may have, and what is in it."""

    phase: str
    track_limit: int
    sessions: tuple[Entry, ...]


class ReadyPlan(NamedTuple):
    """A plan of the common library."""

    slug: str
    title: str
    purpose: str
    weeks: tuple[ReadyWeek, ...]


def easy(weekday: int, km: int) -> Entry:
    return Entry(weekday, "easy", "", f"{km}km @ easy")


def long(km: int) -> Entry:
    return Entry(SUNDAY, "long", "", f"{km}km @ easy")


def tempo(minutes: int) -> Entry:
    main = f"{minutes}min @ threshold"
    return Entry(
        THURSDAY,
        "tempo",
        f"Tempo {minutes} min",
        f"warm-up 2km easy\n{main}\ncool-down 2km easy",
    )


def reps_800(reps: int) -> Entry:
    main = f"{reps} x 800 @ 5k-15..20s/mi, jog 200-400"
    return Entry(TUESDAY, "800s", f"{reps} × 800 m", on_track(main))


def sharpener(reps: int, metres: int) -> Entry:
    """Return a short session at race pace, for the days in which one only stays awake."""
    main = f"{reps} x {metres} @ 5k, jog 400"
    slug = "400s" if metres == 400 else "800s"
    return Entry(TUESDAY, slug, f"{reps} × {metres} m", on_track(main))


def week(phase: str, *sessions: Entry, limit: int = 2) -> ReadyWeek:
    return ReadyWeek(phase, limit, tuple(sorted(sessions)))


FARTLEK = Entry(TUESDAY, "fartlek")
SHORT_400S = Entry(TUESDAY, "400s", "8 × 400 m", on_track("8 x 400 @ 85%hr, jog 300"))
THRESHOLD = Entry(THURSDAY, "threshold")
STRENGTH = Entry(FRIDAY, "strength")
SHORT_LADDER = Entry(THURSDAY, "short-descending-ladder")
LADDER = Entry(TUESDAY, "descending-ladder")
AT_5K = Entry(TUESDAY, "6x800-5k")

TO_5K = ReadyPlan(
    "8-weeks-to-5k",
    "8 weeks to a 5K",
    "For runners who race 5K already and train five days a week. Track on Tuesdays; the long run "
    "stays under 15 km.",
    (
        week("BASE", FARTLEK, easy(3, 7), tempo(20), STRENGTH, easy(6, 6), long(11)),
        week("BASE", SHORT_400S, easy(3, 8), tempo(20), STRENGTH, easy(6, 6), long(12)),
        week("BUILD", reps_800(5), easy(3, 8), THRESHOLD, STRENGTH, easy(6, 6), long(13)),
        week("RECOVERY", FARTLEK, easy(3, 7), tempo(15), easy(6, 5), long(10)),
        week("BUILD", reps_800(6), easy(3, 8), SHORT_LADDER, STRENGTH, easy(6, 6), long(14)),
        week("PEAK", AT_5K, easy(3, 8), SHORT_LADDER, easy(6, 6), long(14)),
        week("TAPER", sharpener(4, 800), easy(3, 7), tempo(15), easy(6, 5), long(10), limit=1),
        week(
            "RACE",
            sharpener(4, 400),
            easy(3, 6),
            easy(SATURDAY, 4),
            Entry(
                SUNDAY, "", "5K race", "warm-up 2km easy\n5km @ 5k\ncool-down 2km easy", "A"
            ),
            limit=1,
        ),
    ),
)  # fmt: skip

TO_HALF = ReadyPlan(
    "12-weeks-to-half",
    "12 weeks to a half marathon",
    "For runners who can run 14 km now. Long runs grow to 20 km, by a tenth at most; two easier "
    "weeks on the way.",
    (
        week("BASE", FARTLEK, easy(3, 8), tempo(20), STRENGTH, easy(6, 6), long(14)),
        week("BASE", SHORT_400S, easy(3, 8), tempo(20), STRENGTH, easy(6, 6), long(15)),
        week("BASE", reps_800(4), easy(3, 9), THRESHOLD, STRENGTH, easy(6, 6), long(16)),
        week("RECOVERY", FARTLEK, easy(3, 8), tempo(15), easy(6, 6), long(13)),
        week("BUILD", reps_800(5), easy(3, 9), THRESHOLD, STRENGTH, easy(6, 7), long(17)),
        week("BUILD", LADDER, easy(3, 9), tempo(25), STRENGTH, easy(6, 7), long(18)),
        week("BUILD", reps_800(6), easy(3, 9), SHORT_LADDER, STRENGTH, easy(6, 7), long(19)),
        week("RECOVERY", FARTLEK, easy(3, 8), tempo(20), easy(6, 6), long(15)),
        week("PEAK", LADDER, easy(3, 10), THRESHOLD, STRENGTH, easy(6, 7), long(20)),
        week("PEAK", AT_5K, easy(3, 9), Entry(THURSDAY, "progression"), easy(6, 6), long(18)),
        week("TAPER", sharpener(4, 800), easy(3, 8), tempo(15), easy(6, 6), long(13), limit=1),
        week(
            "RACE",
            sharpener(4, 400),
            easy(3, 6),
            easy(SATURDAY, 4),
            Entry(SUNDAY, "", "Half marathon", "warm-up 10min easy\n21.1km @ half", "A"),
            limit=1,
        ),
    ),
)  # fmt: skip

READY_PLANS = (TO_5K, TO_HALF)
