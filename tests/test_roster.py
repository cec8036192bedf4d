"""A coach's CSV files: what is read, what is refused and how that is worded, what is written."""

import base64
import codecs
import json
import re
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from athletes.models import Athlete, Group, RacePerformance, Team, User
from athletes.paces import implausible
from athletes.roster import (
    MAX_BYTES,
    MAX_ROWS,
    RosterRefused,
    import_roster,
    read_results,
    read_roster,
)

TODAY = date(2026, 11, 24)
EXAMPLES = Path(__file__).parent.parent / "examples"
CASES = json.loads((Path(__file__).parent / "bad_inputs" / "csv.json").read_text())["cases"]
ZOE = "zoe@club.example"


def make_team(*, slug="harbour"):
    return Team.objects.create(name=slug.title(), slug=slug)


def make_csv(header, *rows):
    return "\n".join([header, *rows, ""]).encode()


def roster_errors(data):
    return [str(error) for error in read_roster(data, today=TODAY).errors]


def results_errors(data):
    return [str(error) for error in read_results(data, today=TODAY).errors]


def races_of(email):
    races = RacePerformance.objects.filter(athlete__email=email)
    return sorted((str(race), race.raced_on, race.surface) for race in races)


def run(*args, team="harbour"):
    out = StringIO()
    call_command("import_roster", *args, "--team", team, stdout=out, stderr=out)
    return out.getvalue()


# What is read


def test_a_full_row_is_read_into_every_field():
    data = make_csv(
        "name,email,sex,birth_year,level,timezone,units,weekly_km,group,mile,5k,half",
        '"Zoë  O\'Hara",Zoe@Club.example,f,1994,Advanced,asia/kathmandu,MI,"52,5",'
        "Track; Marathon; track,5:31.2,,1h24m05s",
    )

    (row,) = read_roster(data, today=TODAY).rows

    assert (row.row, row.name, row.email) == (2, "Zoë O'Hara", ZOE)
    assert row.facts == {
        "sex": "F",
        "birth_year": 1994,
        "level": "ADVANCED",
        "time_zone": "Asia/Kathmandu",
        "units": "MI",
        "weekly_volume_m": 52_500,
    }
    assert row.groups == ("Track", "Marathon")
    assert [(best.distance_m, best.time_s) for best in row.bests] == [
        (Decimal("1609.344"), Decimal("331.2")),
        (Decimal("21097.5"), Decimal(5045)),
    ]


def test_columns_come_in_any_order_case_and_spacing():
    data = make_csv(
        " E-Mail ,Half Marathon,Birth Year,NAME,10 km,20k", f"{ZOE},1:24:05,,Zoë,,1:19:30"
    )

    (row,) = read_roster(data, today=TODAY).rows

    assert row.name == "Zoë"
    assert {best.distance_m for best in row.bests} == {Decimal("21097.5"), Decimal(20_000)}


def test_only_name_and_email_are_needed():
    (row,) = read_roster(make_csv("name,email", f"Zoë,{ZOE}"), today=TODAY).rows

    assert (row.facts, row.groups, row.bests) == ({}, (), ())


@pytest.mark.parametrize(
    ("encode", "name"),
    [
        (lambda text: text.encode(), "UTF-8"),
        (lambda text: codecs.BOM_UTF8 + text.encode(), "UTF-8"),
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"), "UTF-16"),
        (lambda text: text.encode("cp1252"), "Windows-1252"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16", "utf-16 big-endian", "windows-1252"],
)
def test_the_name_is_right_in_every_encoding(encode, name):
    roster = read_roster(encode(f"name,email\r\nZoë Ångström,{ZOE}\r\n"), today=TODAY)

    assert [row.name for row in roster.rows] == ["Zoë Ångström"]
    assert any(name in note for note in roster.notes)


def test_a_coach_is_asked_to_check_the_accents_of_an_old_encoding():
    roster = read_roster(f"name,email\nZoë,{ZOE}\n".encode("cp1252"), today=TODAY)

    assert "roster: check the accents, for example “Zoë”" in roster.notes


def test_letters_apart_from_their_accents_are_the_same_name():
    data = make_csv("name,email", f"Zoe\u0308,{ZOE}")

    assert read_roster(data, today=TODAY).rows[0].name == "Zoë"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_is_read(delimiter, end):
    lines = [
        ["name", "email", "5k"],
        ["Zoë", ZOE, "18:24"],
        ["", "", ""],
        ["Bo", "bo@b.example", ""],
    ]
    data = end.join(delimiter.join(line) for line in lines).encode()

    roster = read_roster(data, today=TODAY)

    assert not roster.errors
    assert [(row.row, row.name) for row in roster.rows] == [(2, "Zoë"), (4, "Bo")]


def test_the_line_that_excel_puts_first_is_no_row():
    data = make_csv("sep=;", "name;email", f"Zoë;{ZOE}")

    assert [row.row for row in read_roster(data, today=TODAY).rows] == [2]


def test_a_line_end_inside_quotes_is_one_row_and_a_space():
    data = make_csv("name,email", f'"Zoë\nÅngström",{ZOE}', "Bo,bo@b.example")

    assert [(row.row, row.name) for row in read_roster(data, today=TODAY).rows] == [
        (2, "Zoë Ångström"),
        (3, "Bo"),
    ]


def test_a_name_like_a_formula_is_kept_as_text():
    data = make_csv("name,email", f"=1+1,{ZOE}")

    assert read_roster(data, today=TODAY).rows[0].name == "=1+1"


def test_a_dash_means_never_raced():
    data = make_csv("name,email,5k,10k", f"Zoë,{ZOE},-,–")

    assert read_roster(data, today=TODAY).rows[0].bests == ()


def test_a_column_of_another_kind_is_ignored_and_named():
    roster = read_roster(make_csv("name,email,phone", f"Zoë,{ZOE},123"), today=TODAY)

    assert not roster.errors
    assert "roster: the column “phone” is ignored" in roster.notes


def test_a_longer_race_in_less_time_is_noted():
    roster = read_roster(make_csv("name,email,5k,10k", f"Zoë,{ZOE},44:38,40:00"), today=TODAY)

    assert "row 2: 10K in 40:00 is quicker than 5K in 44:38; check both" in roster.notes


# What is refused


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("name", " ", "row 2, column name: The name is missing"),
        ("name", "\u200b\u200b", "The name is missing"),
        ("name", "A" * 81, "has 81 characters; 80 are the most"),
        ("name", "\u202eevil", "hidden control character"),
        ("name", "Zo\ufffd", "has lost a letter"),
        ("email", "", "row 2, column email: The email is missing"),
        ("email", "not-an-address", "“not-an-address” is no email address; write one, as name@"),
        ("email", "Zoë <zoe@club.example>", "is no email address"),
        ("email", "a@b.example;c@d.example", "is no email address"),
        ("email", "a@[127.0.0.1]", "is no email address"),
        ("email", f"{'x' * 65}@b.example", "is no email address"),
        ("email", "a@пример.рф", "is no email address"),
        ("sex", "x", "“x” is no sex known here; write F or M"),
        ("birth_year", "94", "“94” is no year of birth; write four digits from 1900 to 2026"),
        ("birth_year", "2027", "is no year of birth"),
        ("birth_year", "1_994", "is no year of birth"),
        ("birth_year", "١٩٩٤", "is no year of birth"),
        ("level", "pro", "“pro” is no level; write beginner, intermediate or advanced"),
        ("timezone", "Berlin", "“Berlin” is no time zone; did you mean Europe/Berlin?"),
        ("timezone", "Europe/Lundon", "did you mean Europe/London?"),
        ("timezone", "CEST", "“CEST” is no time zone; "),
        ("timezone", "../../etc/passwd", "is no time zone; write it as Europe/London"),
        ("timezone", "localtime", "is no time zone"),
        ("units", "yards", "“yards” is no unit; write km or mi"),
        ("weekly_km", "-5", "“-5” is no week; write kilometres from 0 to 400"),
        ("weekly_km", "401", "is no week"),
        ("weekly_km", "1e3", "is no week"),
        ("group", "A" * 81, "has 81 characters; 80 are the most"),
        ("5k", "22.5.1", "row 2, column 5k: “22.5.1” is not a time. Write the time as mm:ss"),
        ("5k", "18:75", "seconds go from 00 to 59"),
        (
            "5k",
            "2:20",
            "2 min 20 s for 5K would be faster than the world record; did you mean 22:00?",
        ),
        ("Half", "1:35", "column Half: 1 min 35 s for Half marathon would be faster"),
        ("Half", "1:35", "did you mean 1:35:00?"),
        (
            "10k",
            "44:38:00",
            "44 h 38 min for 10K would be slower than walking; did you mean 44:38?",
        ),
        ("mile", "3:10.5", "3 min 10.5 s for Mile would be faster than the world record; check"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(column, cell, message):
    cells = {"name": "Zoë", "email": ZOE} | {column: cell}

    errors = roster_errors(make_csv("\t".join(cells), "\t".join(cells.values())))

    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("email", "", "results, row 2, column email: The email is missing"),
        ("distance_m", "far", "results, row 2, column distance_m: “far” is not a distance"),
        ("distance_m", "60", "A race is kept from 100 m to 400 km"),
        ("distance_m", "4999.99999999999", "is not a distance"),
        ("time", "20", "column time: “20” could be minutes or seconds"),
        ("time", "2:20", "column time: 2 min 20 s for 5K would be faster than the world record"),
        ("date", "", "column date: The date is missing"),
        ("date", "03/04/2026", "“03/04/2026” is no date; write year-month-day, as 2026-05-02"),
        ("date", "2026-02-29", "is no date"),
        ("date", "2026-W19-1", "is no date"),
        ("date", "1899-12-31", "is no date"),
        ("date", "2026-11-25", "“2026-11-25” is a date in the future"),
        ("surface", "sand", "“sand” is no surface; write road, track, indoor or trail"),
    ],
)
def test_a_bad_cell_of_a_result_is_named_by_row_and_column(column, cell, message):
    cells = {"email": ZOE, "distance_m": "5k", "time": "18:24", "date": "2026-11-24", "surface": ""}
    cells |= {column: cell}

    errors = results_errors(make_csv("\t".join(cells), "\t".join(cells.values())))

    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty"),
        (codecs.BOM_UTF16_LE + " \n".encode("utf-16-le"), "The file is empty"),
        (b"PK\x03\x04 and more", "This is an Excel workbook, not a CSV file"),
        (b"\xff\xd8\xff\xe0JFIF", "This CSV file has no column name; it needs name, email"),
        (b"name,email\nZo\x81,zoe@club.example\n", "not a CSV file in UTF-8, UTF-16 or Windows"),
        ("name,email\nZoë Å".encode()[:-1], "not a CSV file in UTF-8"),
        (b"name,email\nZoe\x00,zoe@club.example\n", "row 2: There is a NUL character"),
        (b"x" * (MAX_BYTES + 1), "The file is larger than 2 MB"),
        (make_csv("name,email"), "There are no rows below the header"),
        (make_csv("name,emial", "Zoe,a@b.example"), "row 1: There is no column “emial”; did you"),
        (make_csv("name,email,marathn", "Zoe,a@b.example,"), "did you mean marathon?"),
        (
            make_csv("name,e-mail,email", "Zoe,a@b.example,"),
            "The columns e-mail and email mean the",
        ),
        (make_csv("name,email,5k,5 km", "Zoe,a@b.example,,"), "The columns 5k and 5 km mean the"),
        (make_csv("name,5k", "Zoe,18:24"), "This CSV file has no column email"),
        (make_csv("name,email,5k", "Zoe,a@b.example"), "row 2: The row has too few cells: 2 for"),
        (make_csv("name,email", "O, Zoe,a@b.example"), "row 2: The row has too many cells: 3 for"),
        (make_csv("name,email,", "Zoe,a@b.example,x"), "row 2: A filled cell stands in a column"),
        (make_csv("name,email", '"Zoe,a@b.example'), "quotation mark is opened and never closed"),
        (make_csv("name,email", f"{'x' * 200_000},a@b.example"), "This row cannot be read"),
        (make_csv("name,email" + ",x" * 200, "a"), "There are more than 100 columns"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(data, message):
    assert any(message in error for error in roster_errors(data)), roster_errors(data)


def test_a_file_may_have_so_many_rows_and_no_more():
    rows = [f"Runner {i},r{i}@club.example" for i in range(MAX_ROWS)]

    assert len(read_roster(make_csv("name,email", *rows), today=TODAY).rows) == MAX_ROWS
    too_many = roster_errors(make_csv("name,email", *rows, "One more,more@club.example"))
    assert too_many == ["There are more than 5,000 rows; split the file."]


def test_an_address_given_twice_is_named_with_both_rows():
    data = make_csv("name,email", f"Zoë,{ZOE}", "Bo,bo@b.example", f"Zoë,{ZOE.upper()}")

    assert roster_errors(data) == [
        f"row 4, column email: {ZOE} stands in row 2 already; keep one of the two rows."
    ]


def test_all_errors_come_at_once_in_the_order_of_the_file():
    data = make_csv("name,email,5k,level", f",{ZOE},2220,x", "Bo,bo,18:24,", f"Cy,{ZOE},,")

    assert [error.split(":")[0] for error in roster_errors(data)] == [
        "row 2, column name",
        "row 2, column 5k",
        "row 2, column level",
        "row 3, column email",
        "row 4, column email",
    ]


def test_the_same_result_twice_is_one_race_and_on_two_surfaces_an_error():
    header, row = "email,distance,time,date,surface", f"{ZOE},5k,18:24,2026-05-02,"

    repeated = read_results(make_csv(header, row + "road", row + "road"), today=TODAY)

    assert len(repeated.rows) == 1
    assert "results: row 3 repeats row 2" in repeated.notes
    assert (
        "stands in row 2 already"
        in results_errors(make_csv(header, row + "road", row + "track"))[0]
    )


@pytest.mark.parametrize(
    ("distance_m", "time_s"),
    [(100, "9.6"), (400, "43.1"), (800, "100.91"), (5000, "755.4"), (42195, 7170), (42195, 28_000)],
)
def test_the_fastest_and_slowest_races_ever_are_plausible(distance_m, time_s):
    assert implausible(distance_m=Decimal(distance_m), time_s=Decimal(time_s)) is None


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_odd_files_get_the_expected_answer(db, case):
    team = make_team()
    data = base64.b64decode(case["input_gen"]["file_base64"])
    is_results = data.startswith(b"email,distance")
    roster = make_csv("name,email", "Anna,anna@example.org") if is_results else data
    expected = case["expect"]
    try:
        import_roster(team, roster, data if is_results else None, today=TODAY)
    except RosterRefused as refusal:
        assert "reject" in expected["outcome"], str(refusal)
        words = expected.get("message_mentions_one_of", [""])
        assert any(word.lower() in str(refusal).lower() for word in words)
        assert not Athlete.objects.exists()
    else:
        assert {"accept", "normalise"} & {*expected["outcome"]}
        name = Athlete.objects.get().name
        assert name in {"Anna", "Zoë", "=1+1", "+1", "=1", "=cmd|' /C calc'!A0", "\uff1d1+1"}


# What is written


def test_a_new_athlete_has_the_limits_of_the_level(db):
    data = make_csv("name,email,level", f"Zoë,{ZOE},beginner", "Bo,bo@b.example,")

    import_roster(make_team(), data, today=TODAY)

    assert Athlete.objects.get(email=ZOE).track_limit == 1
    bo = Athlete.objects.get(email="bo@b.example")
    assert (bo.track_limit, bo.level, bo.time_zone) == (2, "INTERMEDIATE", "UTC")


def test_a_filled_cell_changes_an_athlete_and_a_blank_one_does_not(db):
    team = make_team()
    athlete = Athlete.objects.create(
        team=team,
        name="Zoe",
        email="Zoe@Club.example",
        level="BEGINNER",
        track_limit=0,
        time_zone="Asia/Tokyo",
        weekly_volume_m=30_000,
    )
    data = make_csv("name,email,level,timezone,weekly_km", f"Zoë,{ZOE},advanced,,40")

    report = import_roster(team, data, today=TODAY)

    athlete.refresh_from_db()
    assert (report.athletes_new, report.athletes_changed) == (0, 1)
    assert (athlete.name, athlete.level, athlete.weekly_volume_m) == ("Zoë", "ADVANCED", 40_000)
    assert (athlete.time_zone, athlete.track_limit) == ("Asia/Tokyo", 0)


def test_a_group_cell_is_the_groups_of_the_athlete(db):
    team = make_team()
    track = Group.objects.create(team=team, name="Tuesday track")
    zoe = Athlete.objects.create(team=team, name="Zoë", email=ZOE)
    bo = Athlete.objects.create(team=team, name="Bo", email="bo@b.example")
    zoe.groups.add(track)
    bo.groups.add(track)
    data = make_csv("name,email,group", f"Zoë,{ZOE},Hills; marathon", "Bo,bo@b.example,")

    report = import_roster(team, data, today=TODAY)

    assert report.groups_new == ("Hills", "marathon")
    assert (report.athletes_changed, report.athletes_unchanged) == (1, 1)
    assert {group.name for group in zoe.groups.all()} == {"Hills", "marathon"}
    assert list(bo.groups.all()) == [track]


def test_a_group_of_that_name_in_other_letters_is_the_same_group(db):
    team = make_team()
    Group.objects.create(team=team, name="Tuesday track")

    report = import_roster(
        team, make_csv("name,email,group", f"Zoë,{ZOE},TUESDAY TRACK"), today=TODAY
    )

    assert report.groups_new == ()
    assert Athlete.objects.get().groups.get().name == "Tuesday track"


def test_an_athlete_of_another_team_is_neither_changed_nor_known(db):
    other = Athlete.objects.create(team=make_team(slug="other"), name="Theirs", email=ZOE)
    team = make_team()
    roster = make_csv("name,email", "Bo,bo@b.example")
    results = make_csv("email,distance,time,date", f"{ZOE},5k,18:24,2026-05-02")

    with pytest.raises(RosterRefused, match=f"results, row 2, column email: {ZOE} is not on this"):
        import_roster(team, roster, results, today=TODAY)
    import_roster(team, make_csv("name,email", f"Ours,{ZOE}"), today=TODAY)

    other.refresh_from_db()
    assert other.name == "Theirs"
    assert team.athletes.get().name == "Ours"


def test_a_result_before_the_athlete_was_born_is_refused(db):
    roster = make_csv("name,email,birth_year", f"Zoë,{ZOE},2004")
    results = make_csv("email,distance,time,date", f"{ZOE},5k,18:24,2001-06-01")

    with pytest.raises(RosterRefused, match="before the athlete was born, in 2004"):
        import_roster(make_team(), roster, results, today=TODAY)


def test_every_race_is_kept_and_a_date_completes_an_undated_one(db):
    team = make_team()
    roster = make_csv("name,email,5k,mile", f"Zoë,{ZOE},18:24,5:31.2")
    results = make_csv(
        "email,distance_m,time,date,surface",
        f"{ZOE},5000,18:24,2026-05-02,road",
        f"{ZOE},1609.344,5:31.20,2026-06-10,track",
        f"{ZOE},5000,19:01,2026-03-07,",
    )
    import_roster(team, roster, today=TODAY)

    report = import_roster(team, roster, results, today=TODAY)

    assert (report.races_new, report.races_dated, report.lost) == (1, 2, 0)
    assert races_of(ZOE) == [
        ("5K 18:24", date(2026, 5, 2), "ROAD"),
        ("5K 19:01", date(2026, 3, 7), "UNKNOWN"),
        ("Mile 5:31", date(2026, 6, 10), "TRACK"),
    ]


def test_a_better_best_is_added_beside_the_old_one(db):
    team = make_team()
    import_roster(team, make_csv("name,email,5k", f"Zoë,{ZOE},18:24"), today=TODAY)

    import_roster(team, make_csv("name,email,5k", f"Zoë,{ZOE},18:10"), today=TODAY)

    assert races_of(ZOE) == [("5K 18:10", None, "UNKNOWN"), ("5K 18:24", None, "UNKNOWN")]


def test_the_order_of_the_results_does_not_matter(db):
    roster = make_csv("name,email", f"Zoë,{ZOE}")
    rows = [f"{ZOE},5k,18:24,2026-05-02,road", f"{ZOE},5k,18:24,2026-03-07,"]
    header = "email,distance,time,date,surface"

    for slug, order in {"there": rows, "back": rows[::-1]}.items():
        team = make_team(slug=slug)
        athlete = Athlete.objects.create(team=team, name="Zoë", email=ZOE)
        athlete.races.create(distance_m=5000, time_s=1104, surface="TRACK")
        import_roster(team, roster, make_csv(header, *order), today=TODAY)
        assert races_of(ZOE) == [
            ("5K 18:24", date(2026, 3, 7), "TRACK"),
            ("5K 18:24", date(2026, 5, 2), "ROAD"),
        ]
        team.delete()


def test_dated_results_first_and_best_times_later_add_nothing(db):
    team = make_team()
    results = make_csv("email,distance,time,date", f"{ZOE},5k,18:24,2026-05-02")
    import_roster(team, make_csv("name,email", f"Zoë,{ZOE}"), results, today=TODAY)

    report = import_roster(team, make_csv("name,email,5k", f"Zoë,{ZOE},18:24"), today=TODAY)

    assert (report.races_new, report.races_unchanged) == (0, 1)
    assert races_of(ZOE) == [("5K 18:24", date(2026, 5, 2), "UNKNOWN")]


def test_a_surface_is_corrected_and_a_blank_one_leaves_it(db):
    team = make_team()
    roster = make_csv("name,email", f"Zoë,{ZOE}")
    header, row = "email,distance,time,date,surface", f"{ZOE},5k,18:24,2026-05-02,"
    import_roster(team, roster, make_csv(header, row + "road"), today=TODAY)

    report = import_roster(team, roster, make_csv(header, row + "track"), today=TODAY)
    import_roster(team, roster, make_csv(header, row), today=TODAY)

    assert report.races_corrected == 1
    assert races_of(ZOE) == [("5K 18:24", date(2026, 5, 2), "TRACK")]


def test_one_bad_cell_and_nothing_is_written(db):
    team = make_team()
    roster = make_csv("name,email,group,5k", f"Zoë,{ZOE},Hills,18:24", "Bo,bo@b.example,,2220")
    good = make_csv("name,email,group,5k", f"Zoë,{ZOE},Hills,18:24")
    results = make_csv("email,distance,time,date", f"{ZOE},5k,18:24,tomorrow")

    for files in ((roster, None), (good, results), (roster, results)):
        with pytest.raises(RosterRefused):
            import_roster(team, *files, today=TODAY)

    assert not Athlete.objects.exists()
    assert not Group.objects.exists()


def test_the_errors_of_both_files_come_together(db):
    roster = make_csv("name,email,5k", f"Zoë,{ZOE},2220")
    results = make_csv(
        "email,distance,time,date", f"{ZOE},5k,18:24,tomorrow", "x@y.example,5k,20:00,2026-01-01"
    )

    with pytest.raises(RosterRefused) as refused:
        import_roster(make_team(), roster, results, today=TODAY)

    assert [str(error).split(":")[0] for error in refused.value.errors] == [
        "row 2, column 5k",
        "results, row 2, column date",
        "results, row 3, column email",
    ]


def test_those_who_are_not_in_the_roster_stay(db):
    team = make_team()
    Athlete.objects.create(team=team, name="Bo", email="bo@b.example")

    report = import_roster(team, make_csv("name,email", f"Zoë,{ZOE}"), today=TODAY)

    assert team.athletes.count() == 2
    assert report.notes[-1] == "1 athlete of the team is not in the roster and stays as before"


def test_a_squad_of_ten_costs_as_many_queries_as_one(db):
    def queries(slug, size):
        team = make_team(slug=slug)
        emails = [f"r{i}@club.example" for i in range(size)]
        roster = make_csv(
            "name,email,group,5k,10k", *(f"R,{e},G{e[1]},18:24,38:12" for e in emails)
        )
        results = make_csv(
            "email,distance,time,date", *(f"{e},5k,18:24,2026-05-02" for e in emails)
        )
        with CaptureQueriesContext(connection) as first:
            import_roster(team, roster, today=TODAY)
        with CaptureQueriesContext(connection) as second:
            import_roster(
                team, roster.replace(b"R,", b"Q,").replace(b"G", b"H"), results, today=TODAY
            )
        return len(first), len(second)

    assert queries("ten", 10) == queries("one", 1)


# The command


def test_the_examples_are_imported_and_a_second_run_changes_nothing(db):
    files = [EXAMPLES / "roster.csv", "--results", EXAMPLES / "results.csv"]

    first, second = run(*files), run(*files)

    assert "team: Harbour, new" in first
    assert "new groups: Marathon squad, New runners, Tuesday track" in first
    counts = r"12 athletes: 12 new, 0 changed, 0 unchanged; (\d+) races: \1 new, .*; 0 lost\n\Z"
    races = re.search(counts, first)[1]
    assert second.endswith(
        "12 athletes: 0 new, 0 changed, 12 unchanged; "
        f"{races} races: 0 new, 0 dated, {races} unchanged; 0 lost\n"
    )
    assert RacePerformance.objects.count() == int(races)


def test_the_examples_raise_no_doubts_and_hold_every_kind_of_athlete(db):
    first = run(EXAMPLES / "roster.csv", "--results", EXAMPLES / "results.csv")

    assert "check" not in first
    assert "ignored" not in first
    assert Athlete.objects.filter(races=None).count() == 1
    assert Athlete.objects.filter(track_limit=1).count() == 1
    assert all(athlete.email.endswith(".example") for athlete in Athlete.objects.all())
    assert {"KM", "MI"} == {athlete.units for athlete in Athlete.objects.all()}


def test_a_dry_run_says_what_would_come_and_leaves_nothing(db):
    out = run(EXAMPLES / "roster.csv", "--results", EXAMPLES / "results.csv", "--dry-run")

    assert "This was a dry run: nothing was written." in out
    assert "12 athletes: 12 new" in out
    assert not Team.objects.exists()
    assert not Athlete.objects.exists()


def test_a_dry_run_of_a_team_that_is_there_changes_nothing_in_it(db):
    team = make_team()
    athlete = Athlete.objects.create(team=team, name="Zoe", email=ZOE)
    data = make_csv("name,email,group,5k", f"Zoë,{ZOE},Hills,18:24", "Bo,bo@b.example,,")

    report = import_roster(team, data, today=TODAY, dry_run=True)

    athlete.refresh_from_db()
    assert (report.athletes_new, report.athletes_changed, report.races_new) == (1, 1, 1)
    assert (athlete.name, team.athletes.count(), team.groups.count()) == ("Zoe", 1, 0)
    assert not RacePerformance.objects.exists()


def test_errors_are_listed_and_nothing_is_imported(db, tmp_path):
    path = tmp_path / "roster.csv"
    path.write_bytes(make_csv("name,email,5k", f"Zoë,{ZOE},22.5.1", "Bo,bo,18:24"))
    err = StringIO()

    with pytest.raises(CommandError, match=r"Nothing was imported: 2 errors\."):
        call_command("import_roster", path, "--team", "harbour", stderr=err)

    assert [line.split(":")[0] for line in err.getvalue().splitlines()] == [
        "row 2, column 5k",
        "row 3, column email",
    ]
    assert not Team.objects.exists()


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_is_not_there_is_a_clear_line(tmp_path, name):
    with pytest.raises(CommandError, match=r"Cannot read .+: .+\."):
        run(tmp_path / name)


@pytest.mark.parametrize("slug", ["two words", "", "a" * 41, "né"])
def test_a_team_needs_a_short_plain_name(slug):
    with pytest.raises(CommandError, match="--team takes letters"):
        run(EXAMPLES / "roster.csv", team=slug)


def test_a_team_that_is_there_keeps_its_name(db):
    Team.objects.create(name="Harbour Harriers", slug="harbour")

    assert "team: Harbour Harriers\n" in run(EXAMPLES / "roster.csv")


def test_the_command_lets_a_coach_into_the_team_it_makes(tmp_path, db, capsys):
    roster = tmp_path / "squad.csv"
    roster.write_text("name,email\nAna Sousa,ana@club.example\n")
    call_command("import_roster", str(roster), team="north")
    assert "Nobody coaches this team yet" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no account of carla@club.example"):
        call_command("import_roster", str(roster), team="north", coach="carla@club.example")

    for email, role in (("carla@club.example", "HEAD"), ("dan@club.example", "ASSISTANT")):
        User.objects.create_user(email)
        for _ in range(2):
            call_command("import_roster", str(roster), team="north", coach=email.upper())
        assert Team.objects.get().memberships.get(user__email=email).role == role
