"""Compare the prediction models on the bests of real runners, each held out from the fit.

    python bench/predictions.py PATH.csv

PATH.csv as for bench/fit_bests.py. Five times the model `bests` is fitted to four fifths of the
runners and asked about the rest: each of the mile, 5 km, 10 km, half marathon and marathon from
all other distances of that runner. The other methods have nothing to fit. Printed are the median
error and how many of the 80 % ranges hold, then the same from one or two results only, then times
and pinned predictions of the numbers shipped. Only the standard library is needed.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athletes.bests import Coefficients, Result, form_of
from athletes.measures import RACES, format_clock
from athletes.paces import PaceOutOfRange, race_time_s, vdot
from athletes.predictions import RANGE_80, TRAINING, Race, athlete_paces, vdot_model
from bench.fit_bests import FIRM_M, FOLDS, Runner, fit, fold_of, load
from workouts.notation import parse_workout
from workouts.prescriptions import prescribe

Method = Callable[[list[Result], float], tuple[float, float]]  # seconds, and sigma as a share
NAMES = ("mile", "5k", "10k", "half", "marathon")
TODAY = date(2026, 1, 1)
# Rule B: a joint normal of ln VDOT over five distances with a flat level (docs/sources.md).
RULE_B_MEAN = (3.75, 3.75, 3.75, 3.75, 3.675)
RULE_B = (
    (6251, 3981, 3882, 4010, 3872),
    (3981, 3832, 3471, 3441, 3581),
    (3882, 3471, 4020, 3625, 3791),
    (4010, 3441, 3625, 3998, 3912),
    (3872, 3581, 3791, 3912, 5070),
)
PINNED = (
    {"5k": 1320},
    {"5k": 1200, "half": 5700},
    {"mile": 330, "10k": 2520, "marathon": 12_600},
    {"8k": 2400, "10k": 3060, "15k": 6300, "half": 6780},
)


def riegel(known: list[Result], target_m: float) -> tuple[float, float]:
    near = nearest(known, target_m)
    return near.time_s * (target_m / near.distance_m) ** 1.06, 0.0


def cameron(known: list[Result], target_m: float) -> tuple[float, float]:
    def factor(metres: float) -> float:
        return 13.49681 - 0.000030363 * metres + 835.7114 / metres**0.7905

    near = nearest(known, target_m)
    pace = near.time_s / near.distance_m
    return pace * target_m * factor(near.distance_m) / factor(target_m), 0.0


def nearest(known: list[Result], target_m: float) -> Result:
    return min(known, key=lambda one: abs(math.log(one.distance_m / target_m)))


def rule_a(known: list[Result], target_m: float) -> tuple[float, float]:
    races = tuple(Race(one.distance_m, one.time_s) for one in known if is_raceable(one))
    estimate = vdot_model(races, target_m, TODAY)
    return estimate.time_s, estimate.sigma


def is_raceable(one: Result) -> bool:
    try:
        vdot(distance_m=one.distance_m, time_s=one.time_s)
    except PaceOutOfRange:
        return False
    return True


def rule_b(known: list[Result], target_m: float) -> tuple[float, float]:
    used = [replace(one, years=0.0) for one in known if one.distance_m in FIRM_M]
    used = [one for one in used if is_raceable(one)]
    if not used:
        raise PaceOutOfRange("no result at a distance of rule B")
    form, sd = rule_b_form(used, target_m)
    return race_time_s(vdot=form, distance_m=target_m), 0.8 * 0.9 * sd


def rule_b_form(known: list[Result], target_m: float) -> tuple[float, float]:
    """Return VDOT and SD of ln VDOT at a distance; results and target are of the five distances."""
    at = [FIRM_M.index(one.distance_m) for one in known]
    target = FIRM_M.index(target_m)
    over = [
        math.log(vdot(distance_m=one.distance_m, time_s=one.time_s)) - RULE_B_MEAN[i]
        for one, i in zip(known, at, strict=True)
    ]
    # 100 everywhere: a flat prior on the runner's level. An old result is less certain.
    among = [[RULE_B[i][j] / 1e5 + 100 for j in at] for i in at]
    for row, one in enumerate(known):
        among[row][row] += (0.015 * one.years) ** 2
    towards = [RULE_B[target][i] / 1e5 + 100 for i in at]
    share = solved(among, towards)
    mean = RULE_B_MEAN[target] + sum(w * x for w, x in zip(share, over, strict=True))
    variance = RULE_B[target][target] / 1e5 + 100
    variance -= sum(w * x for w, x in zip(share, towards, strict=True))
    return math.exp(mean), math.sqrt(max(variance, 0.0))


def solved(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Return x of matrix x = right, by Gauss with pivots."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        pivot = max(range(i, len(rows)), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for j in range(len(rows)):
            if j != i:
                factor = rows[j][i] / rows[i][i]
                rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


def bests(coefficients: Coefficients) -> Method:
    def predict(known: list[Result], target_m: float) -> tuple[float, float]:
        return form_of(known, coefficients).predict(target_m)

    return predict


Row = tuple[float, float, bool]  # target, miss as a share of the time, whether in the range


def judged(method: Method, runners: Sequence[Runner], most: int) -> Iterator[Row]:
    """Yield each best of the runners against its prediction from at most so many others."""
    for index, runner in enumerate(runners):
        for target_m in FIRM_M:
            others = [Result(m, s) for m, s in sorted(runner.items()) if m != target_m]
            if target_m not in runner or not others:
                continue
            start = (7 * index + int(target_m)) % len(others)
            known = (others[start:] + others[:start])[:most]
            try:
                time_s, sigma = method(known, target_m)
            except (PaceOutOfRange, ZeroDivisionError):
                continue
            miss = runner[target_m] / time_s - 1
            yield target_m, time_s / runner[target_m] - 1, abs(miss) <= RANGE_80 * sigma


def table(title: str, rows: dict[str, list[Row]]) -> None:
    print(f"\n{title}\nmedian error % (80 % ranges that hold %; n)")
    print(f"{'':22}" + "".join(f"{name:>18}" for name in NAMES))
    for name, found in rows.items():
        cells = []
        for target_m in FIRM_M:
            here = [row for row in found if row[0] == target_m]
            error = 100 * statistics.median(abs(miss) for _, miss, _ in here)
            held = 100 * statistics.fmean(inside for *_, inside in here)
            ranged = f"{held:.0f}" if held else "-"
            cells.append(f"{error:.2f} ({ranged}; {len(here)})")
        print(f"{name:22}" + "".join(f"{cell:>18}" for cell in cells))


def compare(runners: Sequence[Runner]) -> None:
    fixed: dict[str, Method] = {
        "Riegel, nearest": riegel,
        "Cameron, nearest": cameron,
        "VDOT, rule A": rule_a,
        "VDOT, rule B": rule_b,
    }
    folds = [fold_of(runners, fold) for fold in range(FOLDS)]
    fitted = [(bests(fit(fit_to)), held_out) for fit_to, held_out in folds]
    titles = {99: "From all other results", 1: "From one result", 2: "From two results"}
    for most, title in titles.items():
        rows = {name: list(judged(one, runners, most)) for name, one in fixed.items()}
        rows["bests, held out"] = [
            row for one, held_out in fitted for row in judged(one, held_out, most)
        ]
        table(title, rows)


def times() -> None:
    """Print how long one prediction with all paces and one prescription take, nothing cached."""
    took = []
    for index in range(400):
        races = [
            Race(5000, 1200 + index / 7), Race(10_000, 2520 + index / 3), Race(21_097.5, 5700)
        ]  # fmt: skip
        start = time.perf_counter()
        paces = athlete_paces(races, today=TODAY)
        assert paces
        for name in RACES:
            paces.estimate(name)
        for name in TRAINING:
            paces.pace(name)
        took.append(time.perf_counter() - start)
    print(f"\none prediction, 11 distances and 6 paces: {1000 * statistics.median(took):.3f} ms")
    workout, took = parse_workout("12 x 400 @ 5k-15..20s/mi, jog 200"), []
    for index in range(400):
        paces = athlete_paces([Race(5000, 1300 + index / 7, TODAY)], today=TODAY)
        start = time.perf_counter()
        prescribe(workout, paces=paces)
        took.append(time.perf_counter() - start)
    print(f"one prescription of 12 reps: {1000 * statistics.median(took):.3f} ms")


def pinned() -> None:
    print(f"\npinned for tests/test_bests.py, printed {datetime.now(UTC).date()}:")
    for known in PINNED:
        form = form_of([Result(float(RACES[name]), seconds) for name, seconds in known.items()])
        words = ", ".join(f"{name} {format_clock(time_s)}" for name, time_s in known.items())
        found = [form.predict(metres) for metres in FIRM_M]
        print(f"{words}:", ", ".join(f"({time_s:.1f}, {sigma:.4f})" for time_s, sigma in found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    compare(load(parser.parse_args().path))
    times()
    pinned()
    return 0


if __name__ == "__main__":
    sys.exit(main())
