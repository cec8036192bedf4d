"""`prescribe`, `predict` and a look at due mails, as terminals and scripts use them."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from athletes.measures import RACES
from athletes.models import Athlete, MailStop
from athletes.predictions import TRAINING
from tests.make import make_plan
from workouts.models import Delivery

ROOT = Path(__file__).parent.parent
EIGHTS = "4-8 x 800 @ 5k-15..20s/mi, jog 200-400"
# The notation's own examples; docs/notation.md teaches them.
EXAMPLES = [
    "warm-up 1-2mi easy\ndrills leg swings\n6 x 800 @ 5k, jog 200\ncool-down 1-2mi easy",
    "4-6 | 6-8 | 8-12 x 400 @ 85%hr, jog 400 | 300 | 200      # beginner | intermediate | advanced",
    EIGHTS,
    "600-800-1000-1200-1600-1200-1000-800-600-400 @ 5k, jog 200-400",
    "2x400 + 2x800 + 2x1000 + 2x1600 + 1x2000 @ 5k or faster, jog 200",
    "3200 @ 10k, jog 400; 1600 @ 5k, jog 400; 1000 @ mile, jog 200; 600 @ max, jog 200; "
    "200 @ sprint",
    "1600-1200-800-400-200 @ 5k..mile, jog 400                # a little faster each rep",
    "3 x (4 x 400 @ mile, jog 100), jog 400",
    "20min @ threshold; 3 x 10min @ threshold, jog 2min",
    "10 x 1min @ rpe 8, jog 1min                              # fartlek",
    "8mi easy; 4mi @ marathon; 2mi @ half                     # progression run",
    "5 x 1km @ 4:00/km, walk 90s",
    "8 x 200 @ 36s, rest 1:00",
    "strength: 3 rounds of squats, calf raises, plank",
    "rest",
]
REP = {
    "rep", "distance_m", "duration_s", "label", "target_s", "pace_s_per_km", "splits",
    "starts_at_m", "ends_at_m", "recovery",
}  # fmt: skip


def _run(*args, **options):
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def _json(*args):
    return json.loads(_run(*args, "--json"))


def _lines(command, text, **options):
    out = _run(command, lines=True, stdin=io.BytesIO(text), **options)
    return [json.loads(line) for line in out.split("\n")[:-1]]


# prescribe


def test_eights_a_little_faster_than_5k_pace():
    answer = _json("prescribe", EIGHTS, "--race", "5k=22:00")
    assert answer["shape"] == "repeats"
    assert [rep["rep"] for rep in answer["reps"]] == [1, 2, 3, 4]
    first, last = answer["reps"][0], answer["reps"][-1]
    assert set(first) == REP
    assert first["distance_m"] == 800
    assert first["duration_s"] is None
    assert first["label"] == "5k-15..20s/mi"
    assert first["target_s"] == pytest.approx([201.3, 203.7], abs=0.05)
    assert first["pace_s_per_km"] == pytest.approx([251.6, 254.7], abs=0.05)
    assert [at["at_m"] for at in first["splits"]] == [400, 800]
    assert first["splits"][0]["s"] == pytest.approx([100.6, 101.9], abs=0.05)
    assert first["splits"][1]["s"] == first["target_s"]
    assert (first["starts_at_m"], first["ends_at_m"]) == (0, 0)
    assert first["recovery"] == {"kind": "jog", "distance_m": [200, 400], "duration_s": None}
    assert last["recovery"] is None
    assert last["starts_at_m"] is None  # after jogs of 200 or 400 m nobody knows
    assert answer["totals"] == {
        "fast_m": 3200,
        "recovery_m": [600, 1200],
        "warm_up_m": [0, 0],
        "cool_down_m": [0, 0],
        "laps": 8,
    }
    assert answer["sources"] == ["5k 22:00 as entered"]


@pytest.mark.parametrize("notation", EXAMPLES)
def test_each_example_of_the_notation_is_worked_out(notation):
    answer = _json("prescribe", notation, "--race", "5k=22:00", "--level", "beginner")
    assert set(answer) == {"shape", "reps", "totals", "warnings", "sources"}
    assert all(set(rep) == REP for rep in answer["reps"])
    assert _run("prescribe", notation, "--race", "5k=22:00").strip()


def test_an_effort_has_no_target():
    [rep, *_] = _json("prescribe", "4 x 400 @ max, jog 400", "--race", "5k=22:00")["reps"]
    assert (rep["target_s"], rep["pace_s_per_km"], rep["splits"]) == (None, None, [])


def test_level_track_and_lane_are_used():
    notation = "4 | 6 | 8 x 400 @ 5k, jog 200"
    for level, count in (("beginner", 4), ("intermediate", 6), ("advanced", 8)):
        assert len(_json("prescribe", notation, "--level", level)["reps"]) == count
    indoors = _json("prescribe", "600 @ 5k", "--race", "5k=22:00", "--track", "200")
    assert [at["at_m"] for at in indoors["reps"][0]["splits"]] == [200, 400, 600]
    outside = _json("prescribe", "2 laps @ 5k", "--race", "5k=22:00", "--lane", "8")
    assert outside["reps"][0]["distance_m"] == pytest.approx(906.06, abs=0.02)


def test_a_source_says_its_day():
    answer = _json(
        "prescribe", "2mi @ half", "--race", "half=1:38:00@2026-02-01", "--on", "2026-03-01"
    )
    assert answer["sources"] == ["half 1:38:00 of 2026-02-01 as entered"]


def test_without_a_race_there_are_reps_without_targets():
    answer = _json("prescribe", "6 x 800 @ 5k, jog 200")
    assert answer["reps"][0]["target_s"] is None
    assert answer["sources"] == []
    assert any("add a race" in warning for warning in answer["warnings"])


def test_a_table_for_a_coach():
    text = _run("prescribe", EIGHTS, "--race", "5k=22:00", "--units", "mi")
    assert "3:21–3:24" in text
    assert "6:45–6:50/mi" in text
    assert "jog 200–400 m" in text
    assert "From 5k 22:00 as entered" in text


# predict


def test_a_prediction_has_all_times_and_paces():
    answer = _json("predict", "--race", "10k=44:10", "--race", "half=1:38:00")
    assert answer["model"] == "bests"
    assert set(answer["times"]) == set(RACES)
    assert set(answer["paces"]) == set(TRAINING)
    five = answer["times"]["5k"]
    assert set(five) == {"s", "low_s", "high_s", "confidence", "from"}
    assert five["low_s"] < five["s"] < five["high_s"]
    assert five["from"] == ["10k", "half"]
    assert answer["times"]["10k"]["s"] == pytest.approx(2650)
    assert answer["times"]["10k"]["from"] == ["10k"]
    assert answer["paces"]["easy"][0] < answer["paces"]["easy"][1]
    assert answer["paces"]["threshold"][0] == answer["paces"]["threshold"][1]


def test_a_model_can_be_named():
    vdot = _json("predict", "--race", "5k=22:00", "--model", "vdot")
    assert vdot["times"]["10k"]["s"] == pytest.approx(2737.3, abs=0.1)
    riegel = _json("predict", "--race", "5k=22:00", "--model", "riegel")
    assert riegel["times"]["10k"]["s"] == pytest.approx(2752.1, abs=0.1)


def test_a_vdot_stands_in_for_races():
    answer = _json("predict", "--vdot", "50")
    assert answer["vdot"] == 50
    assert answer["times"]["5k"]["s"] == pytest.approx(1197, abs=2)
    assert answer["times"]["5k"]["from"] == []


def test_a_race_in_its_day_is_weighed_by_it():
    race, on = "10k=44:10@2025-06-01", "2026-03-01"
    fresh = _json("predict", "--race", race, "--on", "2025-06-02")
    stale = _json("predict", "--race", race, "--on", on)
    widths = [a["times"]["5k"]["high_s"] - a["times"]["5k"]["low_s"] for a in (fresh, stale)]
    assert fresh["times"]["10k"]["confidence"] == "high"
    assert widths[0] < widths[1]


def test_a_prediction_as_a_table():
    text = _run("predict", "--race", "10k=44:10")
    assert "44:10" in text
    assert "threshold" in text
    assert "/mi" in text


# A file of runners

BATCH = """runner,sex,age,distance_m,seconds,target_m
7,F,41,5000,1320,10000
7,F,41,10000,2400,10000
7,F,41,21097.5,6100,10000
8,M,,5000,1200,5000
9,M,30,5000,1320,10000
9,M,30,5000,1320,42195
9,M,30,10000,2,
"""


def _batch(tmp_path, text, *options):
    path = tmp_path / "runners.csv"
    path.write_text(text)
    return list(csv.reader(io.StringIO(_run("predict", "--batch", str(path), *options))))


def test_a_file_is_predicted_from_the_rows_not_at_the_target(tmp_path):
    head, seven, eight, nine, marathon = _batch(tmp_path, BATCH, "--model", "vdot")
    assert head == ["runner", "target_m", "seconds"]
    assert seven[:2] == ["7", "10000"]
    assert float(seven[2]) > 2600  # the 40:00 at the target is not used
    assert eight == ["8", "5000", ""]
    # The 10 km in two seconds is no result, and the 10 km is predicted from the 5 km alone.
    assert float(nine[2]) == pytest.approx(2737.3, abs=0.1)
    assert marathon[1] == "42195"
    assert float(marathon[2]) == pytest.approx(12_603, abs=3)


def test_one_runner_does_not_change_another(tmp_path):
    alone = "".join(line for line in BATCH.splitlines(keepends=True) if line[0] in "r9")
    assert _batch(tmp_path, alone)[1:] == _batch(tmp_path, BATCH)[3:]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runner,seconds\n1,2\n", "no column distance_m, target_m"),
        ("runner,distance_m,seconds,target_m\n1,five,1200,10000\n", "line 2: no numbers"),
        ("runner,distance_m,seconds,target_m\n1,5000,nan,10000\n", "line 2: no numbers"),
        ("runner,distance_m,seconds,target_m\n1,5000,1200,7\n", "line 2: no numbers"),
        ("runner,distance_m,seconds,target_m\n1,5000\n", "line 2: no numbers"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, text, message):
    with pytest.raises(CommandError, match=message) as refusal:
        _batch(tmp_path, text)
    assert refusal.value.returncode == 2


# What is wrong, and how it is said

WRONG = [
    (["prescribe", "6 x 800 @ 5q"], 'line 1, column 11: "5q" is no pace'),
    (["prescribe"], "write a session"),
    (["prescribe", "rest", "--level", "expert"], "level “expert” is none of beginner"),
    (["prescribe", "rest", "--units", "yards"], "units “yards” is none of km, mi"),
    (["prescribe", "rest", "--track", "5"], "track “5” is no number from 100 to 1000"),
    (["prescribe", "rest", "--lane", "1.5"], "lane “1.5” is no whole number"),
    (["predict"], "give at least one race"),
    (["predict", "--race", "5k"], "write a race as 5k=22:00"),
    (["predict", "--race", "5k=22"], "could be minutes or seconds"),
    (["predict", "--race", "5k=2:00"], "faster than any human"),
    (["predict", "--race", "5q=22:00"], "not a unit of distance"),
    (["predict", "--race", "400=1:00"], "800 m to the marathon"),
    (["predict", "--race", "5k=22:00@yesterday"], "“yesterday” is no date"),
    (["predict", "--race", "5k=22:00@2026-03-02", "--on", "2026-03-01"], "lies after 2026-03-01"),
    (["predict", "--race", "5k=22:00", "--model", "magic"], "none of vdot, riegel, bests"),
    (["predict", "--race", "5k=22:00", "--sex", "X"], "sex “X” is none of F, M"),
    (["predict", "--race", "5k=22:00", "--age", "old"], "age “old” is no number"),
    (["predict", "--race", "5k=22:00", "--vdot", "50"], "not both"),
    (["predict", "--vdot", "nan"], "vdot “nan” is no number"),
    (["predict", "--batch", "no/such/file.csv"], "No such file"),
]


@pytest.mark.parametrize(("args", "message"), WRONG)
def test_what_cannot_be_read_is_refused_with_status_2(args, message):
    with pytest.raises(CommandError) as refusal:
        _run(*args)
    assert message in str(refusal.value)
    assert refusal.value.returncode == 2


@pytest.mark.parametrize(
    "args", [["prescribe", "6 x 800 @ 5q"], ["predict", "--race", "5k=2:00"], ["predict", "--odd"]]
)
def test_the_process_ends_with_2_and_says_why_on_standard_error(args):
    done = subprocess.run(
        [sys.executable, "manage.py", *args], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip()


def test_neither_command_needs_a_database(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "prescribe", "rest", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "DEBUG": "1"},
    )
    assert (done.returncode, json.loads(done.stdout)["shape"]) == (0, "rest")


# One JSON object a line


def test_each_line_is_answered_and_a_bad_one_harms_no_other():
    good = b'{"notation": "6 x 800 @ 5k, jog 200", "race": ["5k=22:00"], "track": 400}'
    lines = [good, b'{"notation": "6 x 800 @ 5q"}', b"not json", b"", b"[1]", b"\xff", good]
    answers = _lines("prescribe", b"\n".join(lines) + b"\n")
    assert len(answers) == len(lines)
    assert answers[0] == answers[-1] == _json(
        "prescribe", "6 x 800 @ 5k, jog 200", "--race", "5k=22:00"
    )  # fmt: skip
    assert answers[1]["error"].startswith("line 1, column 11")
    assert [set(answer) for answer in answers[1:-1]] == [{"error"}] * 5


def test_an_option_of_a_line_is_read_as_on_the_command_line():
    [answer] = _lines("predict", b'{"race": "10k=44:10", "model": "vdot", "age": 41}')
    assert answer == _json("predict", "--race", "10k=44:10", "--model", "vdot")
    [answer] = _lines("predict", b'{"race": ["10k=44:10"]}', model="vdot")
    assert answer["model"] == "vdot"


@pytest.mark.parametrize(
    "line",
    [
        b'{"race": 5}',
        b'{"race": [5]}',
        b'{"race": [null]}',
        b'{"race": []}',
        b'{"vdot": true}',
        b'{"vdot": NaN}',
        b'{"vdot": 1e999}',
        b'{"race": ["5k=22:00"], "model": ["vdot"]}',
        b'{"race": ["5k=22:00"], "on": 20260301}',
        b'{"race": ["5k=22:00"], "speed": 1}',
        b'{"race": ["5k=22:00"], "batch": "x.csv"}',
        b'{"race": ["5k=22:00"], "age": "\\ud800"}',
        b"[" * 100_000,
    ],
)
def test_a_line_of_the_wrong_kind_is_an_error(line):
    [answer] = _lines("predict", line)
    assert set(answer) == {"error"}


def test_thousands_of_lines_in_one_start():
    line = b'{"notation": "12 x 400 @ 5k, jog 200", "race": ["5k=22:00"]}\n'
    assert len(_lines("prescribe", line * 2000)) == 2000


_words = st.sampled_from(["5k=22:00", "half=1:38:00@2025-03-01", "6 x 800 @ 5k", "M", "vdot", "mi"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
_keys = st.sampled_from(
    ["notation", "race", "sex", "age", "model", "vdot", "on", "level", "units", "track", "lane"]
)
_raw = (
    st.dictionaries(_keys, _values).map(lambda line: json.dumps(line).encode())
    | st.binary().map(lambda line: line.replace(b"\n", b""))
    | st.text().map(lambda line: line.replace("\n", "").encode(errors="surrogatepass"))
)


@settings(deadline=None)
@given(st.sampled_from(["prescribe", "predict"]), st.lists(_raw, min_size=1, max_size=3))
def test_whatever_comes_in_one_object_a_line_goes_out(command, lines):
    answers = _lines(command, b"\n".join(lines) + b"\n")
    assert len(answers) == len(lines)
    assert all(isinstance(answer, dict) for answer in answers)


# send_due_plans --dry-run

SUNDAY_EVENING = "2026-11-29T18:00+00:00"


@pytest.fixture
def plan(athlete, now):
    return make_plan(athlete=athlete, now=now)


def stopped_address(athlete):
    MailStop.objects.create(email=athlete.email, kind="BOUNCE", at=timezone.now(), event_id="1")


def minor_alone(athlete):
    Athlete.objects.filter(pk=athlete.pk).update(is_minor=True)


def tried_too_often(athlete):
    Delivery.objects.update(attempts=8)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [stopped_address, minor_alone, tried_too_often])
def test_a_dry_run_counts_what_a_run_would_send_and_changes_nothing(
    plan, athlete, mailoutbox, change
):
    change(athlete)
    before = list(Delivery.objects.values())
    assert _run("send_due_plans", now=SUNDAY_EVENING, dry_run=True) == "0 mails are due.\n"
    assert list(Delivery.objects.values()) == before
    assert _run("send_due_plans", now=SUNDAY_EVENING).startswith("0 of ")
    assert mailoutbox == []


@pytest.mark.django_db
def test_a_dry_run_counts_a_mail_whose_athlete_has_chosen_an_earlier_hour(plan, athlete):
    Athlete.objects.filter(pk=athlete.pk).update(send_time="08:00")
    out = _run("send_due_plans", now="2026-11-29T09:00+00:00", dry_run=True)
    told = "Ana Sousa, week of 30 Nov: due 29 Nov 2026, 08:00 UTC"
    assert out.splitlines() == ["1 mail is due.", told]
