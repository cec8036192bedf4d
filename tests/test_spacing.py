"""What a coach is told of hard days that stand too close, over the edge of the week too."""

from datetime import date, timedelta

import pytest

from workouts.spacing import Day, doubts, rest_days

MONDAY = date(2026, 11, 30)
NAMES = {"Mon": 0, "Tue": 1, "Wed": 2, "Thu": 3, "Fri": 4, "Sat": 5, "Sun": 6}


def day(text, distance_m=None):
    """Read "Tue TRACK", or "Tue+1 TRACK" for the week after."""
    when, kind = text.split()
    name, _, weeks = when.partition("+")
    on = MONDAY + timedelta(days=NAMES[name], weeks=int(weeks or 0))
    return Day(on, kind.capitalize(), kind, kind == "TRACK", distance_m)


def keys(*texts, **more):
    return [doubt.key.partition(":")[0] for doubt in doubts(map(day, texts), **more)]


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        (["Tue TRACK", "Thu TRACK"], []),  # an easy day between: 48 hours
        (["Tue TRACK", "Wed TRACK"], ["hard"]),
        (["Tue TRACK", "Wed EASY", "Thu TRACK"], []),
        (["Tue TRACK", "Wed TEMPO"], ["hard"]),
        (["Tue TRACK", "Tue TEMPO"], ["hard"]),  # morning and evening of one day
        (["Sun TRACK", "Mon+1 TRACK"], ["hard"]),  # S41: over the edge of the week
        (["Sun RACE", "Mon+1 TRACK"], ["hard"]),  # S43: a race is a hard day
        (["Tue TRACK", "Wed CROSS"], []),  # S42: easy running, cross-training or rest
        (["Tue TRACK", "Wed REST", "Wed STRENGTH"], []),
        (["Tue TRACK", "Wed LONG"], ["long"]),
        (["Wed LONG", "Thu TRACK"], []),  # it is the run after that suffers
        # S44: two in each calendar week, and yet three in five days
        (["Fri TRACK", "Sun TRACK", "Tue+1 TRACK"], ["seven"]),
        (["Tue TRACK", "Fri TRACK", "Mon+1 TRACK"], ["seven"]),
        (["Tue TRACK", "Fri TRACK", "Tue+1 TRACK"], []),  # eight days
    ],
)
def test_hard_days_too_close_are_told(sessions, expected):
    assert keys(*sessions) == expected


def test_a_beginner_and_a_runner_over_50_have_two_days_between():
    assert keys("Tue TRACK", "Thu TRACK", level="BEGINNER") == ["hard"]
    assert keys("Tue TRACK", "Fri TRACK", level="BEGINNER") == []
    assert keys("Tue TRACK", "Thu TRACK", birth_year=1975) == ["hard"]
    assert keys("Tue TRACK", "Thu TRACK", birth_year=1976) == []
    assert [rest_days("BEGINNER", None), rest_days("ADVANCED", 51), rest_days("ADVANCED", 50)] == [
        2,
        2,
        1,
    ]
    assert rest_days("intermediate", None) == 1


def test_a_doubt_names_both_days_and_what_may_stand_between():
    (doubt,) = doubts([day("Sun TRACK"), day("Mon+1 TEMPO")])
    assert doubt.on == date(2026, 12, 7)
    assert doubt.words == (
        "Sunday Track and Monday Tempo are hard, on days in a row: leave a day of easy running, "
        "cross-training or rest between."
    )


@pytest.mark.parametrize(
    ("km", "expected"), [(17.6, []), (17.7, ["longest"]), (30, ["longest"]), (None, [])]
)
def test_a_run_over_110_percent_of_the_longest_in_30_days_is_told(km, expected):
    before = [day("Tue EASY", 8000), day("Thu EASY", 10_000), day("Sun LONG", 16_000)]
    found = doubts([*before, day("Sun+1 LONG", km and km * 1000)])
    assert [doubt.key.partition(":")[0] for doubt in found] == expected


def test_a_longer_run_of_31_days_ago_is_forgotten():
    old = Day(MONDAY - timedelta(days=31), "Long", "LONG", False, 30_000)
    recent = [Day(MONDAY - timedelta(days=n), "Easy", "EASY", False, 10_000) for n in (2, 4, 6)]
    new = Day(MONDAY, "Long", "LONG", False, 12_000)
    (doubt,) = doubts([old, *recent, new])
    assert doubt.words == (
        "Monday Long is 12.0 km, 20 % over the longest run of the 30 days before (10.0 km)."
    )
    kept = Day(MONDAY - timedelta(days=30), "Long", "LONG", False, 30_000)
    assert doubts([kept, *recent, new]) == []


def test_a_first_long_run_after_two_runs_is_no_doubt():
    assert doubts([day("Tue EASY", 5000), day("Thu EASY", 5000), day("Sun LONG", 16_000)]) == []


def test_the_longest_run_is_not_known_where_one_goes_by_time():
    before = [day("Tue EASY", 8000), day("Thu EASY", 10_000), day("Sat EASY", 10_000)]
    assert doubts([*before, day("Sun EASY"), day("Sun+1 LONG", 30_000)]) == []


def test_a_race_and_what_is_no_run_are_not_held_against_the_longest_run():
    before = [day("Tue EASY", 8000), day("Thu EASY", 10_000), day("Sat CROSS", 60_000)]
    others = [day("Fri EASY", 10_000), day("Sat CROSS")]
    assert keys_of([*before, *others, day("Sun+1 RACE", 42_195)]) == []
    assert keys_of([*before, *others, day("Sun+1 LONG", 20_000)]) == ["longest"]


def keys_of(days):
    return [doubt.key.partition(":")[0] for doubt in doubts(days)]


def test_an_acceptance_does_not_cover_another_doubt_of_the_same_day():
    before = [day(f"{name} EASY", 10_000) for name in ("Tue", "Thu", "Sat")]
    (eighteen,) = doubts([*before, day("Sun LONG", 18_000)])
    (forty,) = doubts([*before, day("Sun LONG", 40_000)])
    assert eighteen.key != forty.key
    two = doubts([day("Tue TRACK"), day("Tue TEMPO"), day("Wed LONG")])
    assert len({doubt.key for doubt in two}) == 3


def test_a_session_on_a_day_without_training_is_doubtful_and_a_rest_is_not():
    days = [day("Mon EASY"), day("Mon REST")]
    (doubt,) = doubts(days, absent={MONDAY: "cannot train on Mondays"})
    words = "Monday Easy is on a day without training: cannot train on Mondays."
    assert (doubt.on, doubt.words) == (MONDAY, words)
    assert doubts(days, absent={MONDAY: ""}) == doubts(days) == []
