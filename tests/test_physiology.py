"""Critical speed and heart rates against numpy's fit and the published formulas."""

import json
from pathlib import Path

import pytest

from athletes.physiology import (
    HR_MAX_FORMULAS,
    NoCriticalSpeed,
    critical_speed,
    heart_rate_at,
    hr_max,
    vo2max_share,
)

VECTORS = Path(__file__).parent / "vectors"
SPEEDS = json.loads((VECTORS / "critical_speed.json").read_text("utf-8"))
RATES = json.loads((VECTORS / "heart_rate.json").read_text("utf-8"))


def _efforts(case):
    return [(pr["distance_m"], pr["time_s"]) for pr in case["prs"]]


@pytest.mark.parametrize("case", SPEEDS["cases"], ids=lambda c: f"CS {c['cs_m_per_s']}")
def test_efforts_have_their_critical_speed(case):
    speed, d_prime_m = fitted = critical_speed(_efforts(case))
    tolerance = SPEEDS["tolerance"]
    assert speed == pytest.approx(case["cs_m_per_s"], abs=tolerance["cs"])
    assert d_prime_m == pytest.approx(case["d_prime_m"], abs=tolerance["d_prime_m"])
    assert fitted.s_per_km == pytest.approx(case["cs_pace_s_per_km"], abs=0.1)


def test_the_order_of_the_efforts_does_not_matter():
    efforts = _efforts(SPEEDS["cases"][2])
    assert critical_speed(reversed(efforts)) == pytest.approx(critical_speed(efforts))


@pytest.mark.parametrize(
    "efforts",
    [
        [],
        [(1500, 300)],
        [(1500, 300), (1500, 300)],
        [(1500, 300), (1600, 300)],
        [(3000, 300), (1500, 600)],
    ],
)
def test_without_two_efforts_that_fit_there_is_no_critical_speed(efforts):
    with pytest.raises(NoCriticalSpeed):
        critical_speed(efforts)


@pytest.mark.parametrize("case", RATES["cases"], ids=lambda c: f"age {c['age']}")
def test_an_age_has_its_heart_rates(case):
    within = RATES["tolerance"] + 1e-9  # the last printed place may fall on it exactly
    published = {"gulati": case["gulati_women"]} | {
        name: case[name] for name in ("fox", "tanaka", "gellish", "nes")
    }
    assert set(published) == set(HR_MAX_FORMULAS)
    for name, bpm in published.items():
        assert hr_max(case["age"], name) == pytest.approx(bpm, abs=within)
    assert hr_max(case["age"]) == hr_max(case["age"], "tanaka")
    at_85 = heart_rate_at(0.85, hr_max_bpm=hr_max(case["age"]))
    assert at_85 == pytest.approx(case["pct85_of_tanaka_bpm"], abs=within)
    assert 100 * vo2max_share(0.85) == pytest.approx(case["swain_pct_vo2max_at_85"], abs=within)


def test_a_measured_maximum_has_its_shares_too():
    assert heart_rate_at(0.85, hr_max_bpm=200) == 170
    assert heart_rate_at(1, hr_max_bpm=187) == 187


@pytest.mark.parametrize("share", [0, -0.5, 1.01, 85, float("nan")])
def test_a_percentage_is_not_taken_for_a_share(share):
    with pytest.raises(ValueError, match="0.85"):
        heart_rate_at(share, hr_max_bpm=190)


def test_an_unknown_formula_is_refused():
    with pytest.raises(KeyError):
        hr_max(30, "guess")
