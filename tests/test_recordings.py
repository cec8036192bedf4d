"""Real files from watches, sound and damaged, against what two other decoders read from them."""

import json
import random
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workouts import recordings
from workouts.recordings import MAX_BYTES, RecordingError, read_fit

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "vectors/activity_import.json").read_text("utf-8"))
TOLERANCE = float(VECTORS["tolerance"])
TRACK_RUN = "track_run_2021-06-04_garmin_fenix6.fit"
SHORT_RUN = "corrupt_unexpected_eof.fit"  # lacks one byte, the last of its checksum
UNDATED_RUN = "run_10km_compressed_timestamps_garmin_fr70.fit"
HEADER_BYTES = 14


def _sample(name):
    return (HERE / "samples" / name).read_bytes()


def _fit(body):
    """Return a FIT file around messages, with a checksum of 0, which is wrong."""
    return struct.pack("<BBHI4sH", HEADER_BYTES, 0x10, 100, len(body), b".FIT", 0) + body + b"\0\0"


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["file"])
def test_a_file_is_read_as_others_read_it(case):
    run = read_fit(_sample(case["file"]))

    assert (run.sport, run.sub_sport) == (case["sport"], case["sub_sport"])
    assert run.started_at == datetime.fromisoformat(case["start_utc"])
    assert run.distance_m == pytest.approx(case["total_distance_m"], abs=TOLERANCE)
    assert run.timer_s == pytest.approx(case["total_timer_s"], abs=TOLERANCE)
    assert len(run.points) == case["records_fitdecode"]
    assert len(run.laps) == case["laps_fitdecode"] == len(case["laps"])
    for lap, expected in zip(run.laps, case["laps"], strict=True):
        assert lap.distance_m == pytest.approx(expected["distance_m"], abs=TOLERANCE)
        assert lap.timer_s == pytest.approx(expected["timer_s"], abs=TOLERANCE)
        assert lap.avg_hr == expected["avg_hr"]
    assert bool(run.damage) == (case["fitdecode_error"] is not None)


def test_laps_follow_each_other_and_points_rise():
    run = read_fit(_sample(TRACK_RUN))
    assert run.laps[0].started_at == run.started_at
    for lap, following in zip(run.laps, run.laps[1:], strict=False):
        ends_at = lap.started_at + timedelta(seconds=lap.elapsed_s)
        assert abs((following.started_at - ends_at).total_seconds()) <= 1
    distances = [point.distance_m for point in run.points]
    assert distances == sorted(distances)
    assert run.points[0].hr == 100
    assert run.points[0].at == run.started_at


def test_a_watch_that_did_not_know_the_date_is_told():
    assert read_fit(_sample(TRACK_RUN)).is_dated
    undated = read_fit(_sample(UNDATED_RUN))
    assert not undated.is_dated
    seconds = (undated.points[-1].at - undated.points[0].at).total_seconds()
    assert seconds == pytest.approx(3883, abs=5)  # elapsed, by the watch's own session


def test_of_a_file_that_ends_too_early_the_laps_before_are_kept():
    run = read_fit(_sample(TRACK_RUN)[:60_000])
    assert [lap.distance_m for lap in run.laps] == [1600, 1600]
    assert run.damage.startswith("The file ends too early; 2 laps and ")
    assert run.distance_m == 3200
    assert run.timer_s == pytest.approx(394.515 + 405.716)
    assert run.started_at == datetime(2021, 6, 4, 10, 48, 40, tzinfo=UTC)


def test_of_a_file_that_ends_before_the_first_lap_the_points_are_kept():
    run = read_fit(_sample(TRACK_RUN)[:10_000])
    assert run.laps == ()
    assert run.sport is None
    assert run.distance_m == run.points[-1].distance_m > 0
    assert run.timer_s == (run.points[-1].at - run.points[0].at).total_seconds() > 0


def test_a_wrong_checksum_is_told_and_nothing_is_lost():
    sound = _sample(TRACK_RUN)
    run = read_fit(sound[:-1] + bytes([sound[-1] ^ 1]))
    assert "checksum" in run.damage
    assert len(run.laps) == 5


def test_a_file_that_turns_into_nonsense_keeps_what_stood_before():
    sound = _sample(TRACK_RUN)
    run = read_fit(sound[:60_000] + b"\x0f" * (len(sound) - 60_000))
    assert run.laps[0].distance_m == 1600
    assert run.damage.startswith("The file is damaged; 2 laps")


@pytest.mark.parametrize("seed", range(150))
def test_damage_never_brings_the_reader_down(seed):
    chance = random.Random(seed)
    data = bytearray(_sample(chance.choice([SHORT_RUN, UNDATED_RUN])))
    for _ in range(chance.choice((1, 3, 20))):
        data[chance.randrange(12, len(data))] = chance.randrange(256)
    if chance.random() < 0.3:
        del data[chance.randrange(len(data)) :]
    try:
        run = read_fit(bytes(data))
    except RecordingError as error:
        assert str(error).endswith(".")
    else:
        assert run.laps or run.points or run.damage


@pytest.mark.parametrize("data", [b"", b"FIT", b"<gpx></gpx>", b"PK\3\4" + b"\0" * 500])
def test_what_is_no_fit_file_is_refused(data):
    with pytest.raises(RecordingError, match="no FIT file"):
        read_fit(data)


def test_a_fit_file_without_a_run_is_refused():
    with pytest.raises(RecordingError, match="no recorded run"):
        read_fit(_fit(b""))


def test_several_activities_in_one_file_are_refused():
    with pytest.raises(RecordingError, match="several activities"):
        read_fit(_sample(TRACK_RUN) + _sample(UNDATED_RUN))


def test_a_file_over_5_mib_is_refused():
    assert MAX_BYTES == 5 * 1024 * 1024
    with pytest.raises(RecordingError, match="5 MiB"):
        read_fit(_sample(TRACK_RUN).ljust(MAX_BYTES + 1, b"\0"))


def test_a_file_with_too_many_entries_is_refused(monkeypatch):
    assert recordings.MAX_RECORDS == 200_000
    monkeypatch.setattr(recordings, "MAX_RECORDS", 500)
    with pytest.raises(RecordingError, match="200,000 entries"):
        read_fit(_sample(TRACK_RUN))


def test_an_instant_beyond_all_calendars_is_no_instant():
    """Damage can make a float of a time: message 18 is a session, its field 2 the start."""
    definition = struct.pack("<BBBHBBBB", 0x40, 0, 0, 18, 1, 2, 8, 0x89)
    run = read_fit(_fit(definition + b"\0" + struct.pack("<d", 1e300)))
    assert run.started_at is None
    assert not run.is_dated
