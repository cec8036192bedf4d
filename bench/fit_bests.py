"""Find the numbers of the model `bests` from the best times of real runners.

    python bench/fit_bests.py PATH.csv [--on DATE]

writes athletes/bests.json. PATH.csv has the columns runner, distance_m and seconds, one row a
runner and distance; no row of it goes into the file. Only the standard library is needed, and the
same rows give the same numbers.
"""

import argparse
import csv
import json
import math
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from athletes.bests import Coefficients, Form, Knot, Result, form_of  # noqa: E402

Runner = dict[float, float]  # metres: seconds
# Distances raced in earnest; a best at any other is soft, and no curve goes through it.
FIRM_M = (1609.344, 5000.0, 10_000.0, 21_097.5, 42_195.0)
SOFT_M = (6437.376, 8000.0, 8046.72, 15_000.0, 16_093.44, 20_000.0, 25_000.0)
TILT = 0.02  # found by cross-validation; 0.012 to 0.03 do as well
ROUNDS = 40
FOLDS = 5
# What the fit is drawn to, and how many runners' worth of it: level 1 and noise 3 %.
LEVEL_PULL, NOISE_PULL, USUAL_NOISE = 5.0, 10.0, 0.03
# 800 m was not in the data: Daniels and Gilbert's slope from the mile, and a judgement of the rest.
SHORT_M, SHORT_SLOPE, SHORT_NOISE, SHORT_SPREAD = 800.0, 1.095, 0.06, 0.12
RANGE_80 = 1.28
SUBSETS = (1, 2, 3, 99)  # the ranges must hold from this many results too


def load(path: Path) -> list[Runner]:
    """Return the bests of each runner of a file."""
    runners: dict[str, Runner] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            runners.setdefault(row["runner"], {})[float(row["distance_m"])] = float(row["seconds"])
    return list(runners.values())


def fold_of(runners: Sequence[Runner], fold: int, folds: int = FOLDS) -> tuple[list, list]:
    """Return the runners to fit to, and those held out."""
    fit_to = [one for index, one in enumerate(runners) if index % folds != fold]
    return fit_to, [one for index, one in enumerate(runners) if index % folds == fold]


def fit(runners: Sequence[Runner]) -> Coefficients:
    """Return the coefficients: curve, levels and noise by EM, spread by cross-validation."""
    tries = []
    for fold in range(FOLDS):
        fit_to, held_out = fold_of(runners, fold)
        tries += attempts(centre(fit_to), held_out)
    return with_ranges(centre(runners), tries)


def centre(runners: Sequence[Runner]) -> Coefficients:
    """Return the coefficients but for the spread, by expectation-maximisation.

    The hidden part is each runner's level and tilt, and the weight of each result.
    """
    ln_time = {
        metres: statistics.median(math.log(one[metres]) for one in runners if metres in one)
        for metres in (*FIRM_M, *SOFT_M)
    }
    level = dict.fromkeys(ln_time, 1.0)
    noise = dict.fromkeys(ln_time, USUAL_NOISE)
    for _ in range(ROUNDS):
        now = coefficients(ln_time, level, noise)
        forms = [form_of(results(one), now) for one in runners if one]
        maximise(forms, now, ln_time, level, noise)
        recentre(forms, ln_time, level)
    return coefficients(ln_time, level, noise)


def results(runner: Runner, *, without: float = 0.0) -> list[Result]:
    return [Result(metres, time) for metres, time in sorted(runner.items()) if metres != without]


def coefficients(ln_time: Runner, level: Runner, noise: Runner) -> Coefficients:
    """Return the coefficients with soft distances measured against the curve of the firm ones."""
    firm = [Knot(m, math.exp(ln_time[m]), level[m], 0.0, noise[m], noise[m]) for m in FIRM_M]
    curve = Coefficients(firm, tilt=TILT, widening=1.0)
    knots = list(firm)
    for metres in SOFT_M:
        place = curve.at(metres)
        softness = ln_time[metres] - place.ln_time
        level[metres] = place.level
        spread = noise[metres]
        knots.append(
            Knot(metres, math.exp(place.ln_time), place.level, softness, noise[metres], spread)
        )
    return Coefficients(knots, tilt=TILT, widening=1.0)


def maximise(
    forms: Sequence[Form], now: Coefficients, ln_time: Runner, level: Runner, noise: Runner
) -> None:
    """Set time, level and noise at each distance to what fits the forms best."""
    for metres in ln_time:
        place = now.at(metres)
        rows = []  # weight over the noise, level, ln(time) less the tilt's part, variance parts
        for form in forms:
            for result, weight in zip(form.results, form.weights, strict=True):
                if result.distance_m == metres:
                    y = math.log(result.time_s) - place.tilt * form.tilt
                    rows.append((weight * place.noise**2, form, y))
        total = sum(w for w, _, _ in rows)
        if metres in FIRM_M:
            level[metres] = fitted_level(rows, place.tilt, total)
        fits = level[metres]
        ln_time[metres] = sum(w * (y - fits * form.level) for w, form, y in rows) / total
        squares = sum(
            w * ((y - fits * form.level - ln_time[metres]) ** 2 + form.open_variance(metres))
            for w, form, y in rows
        )
        pulled = squares + NOISE_PULL * USUAL_NOISE**2
        noise[metres] = math.sqrt(pulled / (len(rows) + NOISE_PULL))


def fitted_level(rows: Sequence[tuple[float, Form, float]], tilt: float, total: float) -> float:
    """Return the slope of ln(time) on the runners' levels, drawn to 1."""
    mean_x = sum(w * form.level for w, form, _ in rows) / total
    mean_y = sum(w * y for w, _, y in rows) / total
    xx = sum(w * ((form.level - mean_x) ** 2 + form.variance[0]) for w, form, _ in rows)
    xy = sum(
        w * ((form.level - mean_x) * (y - mean_y) - form.variance[1] * tilt) for w, form, y in rows
    )
    return (xy + LEVEL_PULL) / (xx + LEVEL_PULL)


def recentre(forms: Sequence[Form], ln_time: Runner, level: Runner) -> None:
    """Keep the mean of the levels of runners at 0, and of the distances at 1."""
    scale = statistics.fmean(level[metres] for metres in FIRM_M)
    middle = statistics.fmean(form.level for form in forms)
    for metres in ln_time:
        ln_time[metres] += level[metres] * middle
        level[metres] /= scale


Attempt = tuple[int, float, float, float]  # results known, target, miss squared, variance left


def attempts(now: Coefficients, held_out: Sequence[Runner]) -> list[Attempt]:
    """Return each best of runners held out as predicted from some, or all, of their others."""
    made = []
    for index, runner in enumerate(held_out):
        for metres, seconds in runner.items():
            known = results(runner, without=metres)
            for count in SUBSETS:
                if count > len(known) and (count != SUBSETS[-1] or not known):
                    continue
                start = (7 * index + int(metres)) % len(known)  # any, but the same each time
                some = (known[start:] + known[:start])[:: max(len(known) // count, 1)][:count]
                form = form_of(some, now)
                miss = seconds / predicted_best(form, metres) - 1
                made.append((count, metres, miss**2, form.open_variance(metres)))
    return made


def predicted_best(form: Form, metres: float) -> float:
    """Return the best that would be found: the predicted time, soft where bests are."""
    return form.predict(metres)[0] * math.exp(form.coefficients.at(metres).softness)


def with_ranges(now: Coefficients, tries: Sequence[Attempt]) -> Coefficients:
    """Return the coefficients with the spread and widening whose 80 % ranges hold 80 %."""
    best: tuple[float, float, dict[float, float]] | None = None
    for widening in (step / 4 for step in range(2, 33)):
        spread = {m: spread_at(m, now, tries, widening) for m in FIRM_M}
        ratio = statistics.median(spread[m] / now.at(m).noise for m in FIRM_M)
        spread |= {m: now.at(m).noise * ratio for m in SOFT_M}
        off = 0.0
        for count in SUBSETS[:-1]:
            chosen = [row for row in tries if row[0] == count and row[1] in FIRM_M]
            held = sum(
                miss2 <= RANGE_80**2 * (spread[metres] ** 2 + widening * left)
                for _, metres, miss2, left in chosen
            )
            off += abs(held / len(chosen) - 0.8)
        if best is None or off < best[0]:
            best = off, widening, spread
    assert best
    _, widening, spread = best
    knots = [
        Knot(k.distance_m, k.time_s, k.level, k.softness, k.noise, spread[k.distance_m])
        for k in now.knots
    ]
    return Coefficients([short(knots[0]), *knots], tilt=now.tilt, widening=widening)


def spread_at(metres: float, now: Coefficients, tries: Sequence[Attempt], widening: float) -> float:
    """Return the spread with which four of five of the times at a distance are in their range."""
    left_over = sorted(
        miss2 / RANGE_80**2 - widening * left
        for count, target, miss2, left in tries
        if count == SUBSETS[-1] and target == metres
    )
    at = left_over[min(math.ceil(0.8 * (len(left_over) + 1)), len(left_over)) - 1]
    return math.sqrt(max(at, (now.at(metres).noise / 2) ** 2))


def short(mile: Knot) -> Knot:
    """Return the knot of 800 m, which is not in the data."""
    time_s = mile.time_s * (SHORT_M / mile.distance_m) ** SHORT_SLOPE
    return Knot(SHORT_M, time_s, mile.level, 0.0, SHORT_NOISE, SHORT_SPREAD)


def as_json(now: Coefficients, runners: Sequence[Runner], on: str) -> str:
    """Return the text of the file: where the numbers are from, then the numbers, to 5 places."""
    rows = ",\n    ".join(
        json.dumps(
            {
                "distance_m": k.distance_m,
                "time_s": round(k.time_s, 2),
                "level": round(k.level, 4),
                "softness": round(k.softness, 4),
                "noise": round(k.noise, 4),
                "spread": round(k.spread, 4),
            }
        )
        for k in now.knots
    )
    about = (
        "Coefficients of athletes/bests.py, found by bench/fit_bests.py; docs/sources.md says what "
        "they mean. Population figures only: no runner's time is in here."
    )
    head = {
        "about": about,
        "fitted_on": on,
        "runners": len(runners),
        "results": sum(len(one) for one in runners),
        "tilt": now.tilt,
        "widening": now.widening,
    }
    body = json.dumps(head, indent=2)[:-2]
    return f'{body},\n  "knots": [\n    {rows}\n  ]\n}}\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--on", default=datetime.now(UTC).date().isoformat(), help="the day noted")
    options = parser.parse_args()
    runners = load(options.path)
    text = as_json(fit(runners), runners, options.on)
    (ROOT / "athletes" / "bests.json").write_text(text, "utf-8")
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
