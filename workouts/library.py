"""The common library: the workouts of the founding text on track training, and what goes between.

Sources and the corrections made to them stand in docs/sources.md.
"""

from typing import NamedTuple

WARM_UP = "warm-up 1-2mi easy\ndrills leg swings, high knees, walking lunges\n"
COOL_DOWN = "\ncool-down 1-2mi easy"


class Recipe(NamedTuple):
    """One row of the library; `level` is "" where levels stand in the notation itself."""

    slug: str
    title: str
    kind: str
    level: str
    purpose: str
    notation: str


def on_track(main: str) -> str:
    """Put warm-up, drills and cool-down around the main part: every track session has them."""
    return WARM_UP + main + COOL_DOWN


LIBRARY = [
    Recipe(
        "400s",
        "400s",
        "TRACK",
        "",
        "Speed and leg turnover, mile to marathon; the first track session for a beginner.",
        on_track("4-6 | 6-8 | 8-12 x 400 @ 85%hr, jog 400 | 300 | 200"),
    ),
    Recipe(
        "800s",
        "800s",
        "TRACK",
        "",
        "Aerobic power: 15 to 20 seconds a mile faster than 5K pace.",
        on_track("4-8 x 800 @ 5k-15..20s/mi, jog 200-400"),
    ),
    Recipe(
        "6x800-5k",
        "6 × 800 m at 5K pace",
        "TRACK",
        "INTERMEDIATE",
        "The feel of 5K race pace.",
        on_track("6 x 800 @ 5k, jog 200"),
    ),
    Recipe(
        "pyramid",
        "Pyramid",
        "TRACK",
        "ADVANCED",
        "Race-pace endurance: up to 1600 m and down again, all at 5K pace.",
        on_track("600-800-1000-1200-1600-1200-1000-800-600-400 @ 5k, jog 200-400"),
    ),
    Recipe(
        "ascending-ladder",
        "Ascending ladder",
        "TRACK",
        "ADVANCED",
        "The hardest shape: reps grow longer as the legs tire.",
        on_track("2x400 + 2x800 + 2x1000 + 2x1600 + 1x2000 @ 5k or faster, jog 200-400"),
    ),
    Recipe(
        "ascending-ladder-vo2max",
        "Ascending ladder at VO2max pace",
        "TRACK",
        "ADVANCED",
        "The same ladder, every rep at VO2max pace.",
        on_track("2x400 + 2x800 + 2x1000 + 2x1600 + 1x2000 @ vo2max, jog 200-400"),
    ),
    Recipe(
        "descending-ladder",
        "Descending ladder",
        "TRACK",
        "",
        "10K, half and marathon: from 10K pace to a sprint as the reps grow shorter.",
        on_track(
            "3200 @ 10k, jog 400; 1600 @ 5k, jog 400; 1000 @ mile, jog 200; 600 @ max, jog 200; "
            "200 @ sprint"
        ),
    ),
    Recipe(
        "short-descending-ladder",
        "Short descending ladder",
        "TRACK",
        "INTERMEDIATE",
        "Each rep shorter and a little faster than the one before.",
        on_track("1600-1200-800-400-200 @ 5k..mile, jog 400"),
    ),
    Recipe(
        "easy", "Easy run", "EASY", "", "Recovery and volume between the hard days.", "8km @ easy"
    ),
    Recipe("long", "Long run", "LONG", "", "Endurance, at a pace to talk at.", "16km @ easy"),
    Recipe(
        "tempo",
        "Tempo run",
        "TEMPO",
        "",
        "A steady stretch, comfortably hard.",
        "warm-up 2km easy\n20min @ threshold\ncool-down 2km easy",
    ),
    Recipe(
        "threshold",
        "Lactate threshold reps",
        "THRESHOLD",
        "",
        "More time at threshold than one stretch allows.",
        "warm-up 2km easy\n3 x 10min @ threshold, jog 2min\ncool-down 2km easy",
    ),
    Recipe(
        "progression",
        "Progression run",
        "PROGRESSION",
        "",
        "Start easy, finish at half-marathon pace.",
        "8km easy; 4km @ marathon; 2km @ half",
    ),
    Recipe(
        "fartlek",
        "Fartlek",
        "FARTLEK",
        "",
        "Speed play off the track, by feel; takes no track slot.",
        "warm-up 2km easy\n10 x 1min @ rpe 8, jog 1min\ncool-down 2km easy",
    ),
    Recipe(
        "strength",
        "Strength",
        "STRENGTH",
        "",
        "Keeps a runner in one piece.",
        "strength: 3 rounds of squats, calf raises, plank",
    ),
    Recipe(
        "cross-training",
        "Cross-training",
        "CROSS",
        "",
        "An easy day off the feet: bike, pool or elliptical.",
        "45min @ rpe 3-4  # bike, pool or elliptical",
    ),
    Recipe("rest", "Rest", "REST", "", "The day on which training takes effect.", "rest"),
]
