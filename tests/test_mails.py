"""What is in the mail: the week with the athlete's own numbers, and later only what changed."""

import copy
import email
import email.policy
import re
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.utils import getaddresses
from html import unescape
from html.parser import HTMLParser

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from athletes.models import Team, User
from tests.make import (
    EASY,
    MONDAY,
    TRACK,
    make_athlete,
    make_plan,
    make_race,
    make_session,
    make_team,
    make_user,
    make_week,
)
from workouts import delivery, mails
from workouts.models import Delivery, PublishedPlan, Workout
from workouts.models.plans import SETTLING
from workouts.revisions import changes

pytestmark = pytest.mark.django_db

SUNDAY_EVENING = datetime(2026, 11, 29, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FOOTER = (("Week", "https://coachsite.example/a"),)
SENDER = {"team": "Harriers", "coach": "Carla", "footer": FOOTER}


class Words(HTMLParser):
    """The words of an HTML mail as a reader sees them: no styles, no title of the window."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hidden = 0
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)

    def __str__(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def runner(team):
    """Ana in London, 5K in 22:00, whose mail is due on Sunday at 18:00."""
    athlete = make_athlete(team=team)
    make_race(athlete=athlete)
    return athlete


@pytest.fixture
def plan(runner, now, coach) -> PublishedPlan:
    week = make_week(athlete=runner)
    make_session(week=week, starts_at="18:30", place="Mile End", note="Stay relaxed.")
    week.schedule(weekday=3, **EASY)
    week.write_note("A light week.\nKeep the easy days easy.")
    return week.publish(now=now, by=coach)


def send(plan: PublishedPlan, *, at: datetime) -> Delivery:
    delivery.send_plans([plan.delivery.pk], clock=lambda: at)
    plan.delivery.refresh_from_db()
    return plan.delivery


def letter_of(plan: PublishedPlan) -> mails.Letter:
    return mails.write(plan.content, **SENDER)


# The week -----------------------------------------------------------------------------------------


def test_the_subject_says_the_week(plan):
    assert letter_of(plan).subject == "Week of 30 Nov: 14 km, 1 track session"


def test_text_and_html_hold_the_week_with_own_targets(plan):
    letter = letter_of(plan)
    # 22:00 for 5K is 4:24.0 a km: 800 m in 3:31.2, a lap in 1:45.6.
    facts = ("Tuesday 1 December", "6 × 800 m", "18:30", "Mile End", "3:31", "1:46", "200 m jog")
    facts += ("Easy run", "5K pace 4:24/km", "from 5K 22:00", "Stay relaxed.", "A light week.")
    for part in (letter.text, str(Words(letter.html))):
        for fact in facts:
            assert fact.lower() in part.lower(), fact


def test_the_week_at_a_glance_has_all_seven_days_and_comes_first(plan):
    lines = letter_of(plan).text.splitlines()
    start = lines.index("AT A GLANCE")
    glance = [" ".join(line.split()) for line in lines[start + 1 : start + 8]]
    assert glance == [
        "Mon 30 –",
        "Tue 1 6 × 800 m, track, 18:30, Mile End 5.8 km",
        "Wed 2 Easy run 8 km",
        *(f"{day} –" for day in ("Thu 3", "Fri 4", "Sat 5", "Sun 6")),
    ]
    assert start < 8


def test_reps_that_are_run_alike_stand_in_one_line_with_their_recovery(plan):
    assert re.search(r"1–6 +800 m +3:31 +1:46 +200 m jog\n", letter_of(plan).text)


@pytest.mark.parametrize(
    ("notation", "rows"),
    [
        ("4 x 400 @ 5k, jog 200", ["1–4 400 m 1:46 200 m jog"]),
        (
            "1600-1200-800 @ 5k, jog 400",
            ["1 1600 m 7:02 1:46 400 m jog", "2 1200 m 5:17 1:46 400 m jog", "3 800 m 3:31 1:46"],
        ),
        (
            "3 x 400 @ 5k, jog 200\n400 @ mile",
            ["1–3 400 m 1:46 200 m jog", "4 400 m 1:39"],
        ),
    ],
)
def test_only_reps_that_differ_stand_apart(runner, now, notation, rows):
    week = make_week(athlete=runner)
    make_session(week=week, notation=notation)
    text = letter_of(week.publish(now=now)).text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    head = next(number for number, line in enumerate(lines) if line.startswith("Rep Run"))
    assert lines[head + 1 : head + 1 + len(rows)] == rows


def test_splits_inside_the_reps_are_told_where_the_team_wants_them(runner, now):
    runner.team.split_m = 200
    runner.team.save()
    letter = letter_of(make_plan(athlete=runner, now=now))
    for part in (letter.text, str(Words(letter.html))):
        assert "200 0:53, 400 1:46, 600 2:38" in part


def test_an_athlete_who_runs_in_miles_reads_miles(runner, now):
    runner.units = "MI"
    runner.save()
    letter = letter_of(make_plan(athlete=runner, now=now))
    assert letter.subject == "Week of 30 Nov: 9 mi, 1 track session"
    assert "5K pace 7:05/mi" in letter.text


def test_a_week_of_each_workout_says_the_same_in_text_and_html(runner, library, now):
    """All times and all titles, one for one; in lines that fit a terminal; nothing from afar."""
    numbers = re.compile(r"\d+:\d\d(?:–\d+:\d\d)?|\d+(?:–\d+)?(?: m| km| mi)\b")
    workouts = list(Workout.objects.order_by("pk"))
    for offset, workout in enumerate(workouts):
        week = make_week(athlete=runner, starts_on=MONDAY + timedelta(weeks=offset))
        week.schedule(kind=workout.kind, weekday=3, title=workout.title, notation=workout.notation)
        letter = letter_of(week.publish(now=now))
        text, html = " ".join(letter.text.split()), str(Words(letter.html))
        assert sorted(numbers.findall(text)) == sorted(numbers.findall(html))
        assert text.count(workout.title) == html.count(workout.title) >= 2
        assert max(len(line) for line in letter.text.splitlines()) <= 80
        assert "{" not in text
        assert not re.search(r"<img|<link|src=|url\(|@import", letter.html)
    assert len(workouts) > 10


def test_long_words_and_titles_keep_to_the_width_of_a_terminal(runner, now):
    week = make_week(athlete=runner)
    words = "A rather long title that a coach has typed without a thought"
    make_session(week=week, title=words, place="Queen Elizabeth Olympic Park, the small track")
    week.write_note("Some words, " * 30)
    text = letter_of(week.publish(now=now)).text
    assert max(len(line) for line in text.splitlines()) <= 80


LONG = ["long " * 13 + "long", "long " * 5 + "long"]


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("one\ntwo\n\nthree", ["one", "two", "", "three"]),
        ("one\r\ntwo\r\n\r\nthree\r\n", ["one", "two", "", "three"]),
        ("one\rtwo", ["one", "two"]),
        ("short\r", ["short"]),
        ("", [""]),
        ("Stop.\n\n" + " ".join(LONG) + "\nSleep.", ["Stop.", "", *LONG, "Sleep."]),
        ("x" * 80 + " y", ["x" * 80, "y"]),
    ],
)
def test_the_lines_of_a_note_stay_as_the_coach_wrote_them(said, lines):
    assert mails.fold(said).split("\n") == lines
    assert mails.fold(said, "  ", first="- ") == "- " + "\n  ".join(lines)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_note_is_read_line_by_line_in_text_and_html(runner, now, end):
    week = make_week(athlete=runner)
    make_session(week=week, note=end.join(["Spikes.", "No watch."]))
    week.write_note(end.join(["Easy week.", "", "Sleep well."]))
    raw = delivery.plan_message(week.publish(now=now).delivery).in_bytes
    assert b"\r" not in raw.replace(b"\r\n", b"")
    for kind in ("plain", "html"):
        said = read(raw).get_body((kind,)).get_content().replace("\r\n", "\n")
        assert "Easy week.\n\nSleep well." in said
        assert "Spikes.\nNo watch." in said


def test_what_a_coach_types_is_text_in_the_html(runner, now):
    week = make_week(athlete=runner)
    make_session(week=week, title="<b>&800s", note="{{ 7*7 }}", place="<img src=x>")
    letter = letter_of(week.publish(now=now))
    assert "&lt;b&gt;&amp;800s" in letter.html
    assert "<img" not in letter.html
    assert "{{ 7*7 }}" in letter.html
    assert "<b>&800s" in letter.text


def test_styles_stand_in_the_elements_and_dark_narrow_and_print_in_the_head(plan):
    html = letter_of(plan).html
    assert re.search(r"<td[^>]* style=", html)
    for rule in ("prefers-color-scheme: dark", "max-width: 480px", "@media print"):
        assert rule in html
    assert len(html) < 60 * 1024


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_week_on_its_first_screen_and_a_printer_on_one_page(
    runner, library, now, page, scheme
):
    week = make_week(athlete=runner)
    slugs = ["easy", "pyramid", "tempo", "ascending-ladder", "fartlek", "progression", "long"]
    for weekday, slug in enumerate(slugs, start=1):
        recipe = Workout.objects.get(slug=slug)
        fields = {name: getattr(recipe, name) for name in ("kind", "title", "notation")}
        week.schedule(weekday=weekday, starts_at="18:30", place="Mile End Stadium", **fields)
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)
    page.set_content(letter_of(week.publish(now=now)).html)

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    glance = page.locator("table").first.bounding_box()
    assert glance["y"] + glance["height"] <= 740
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(251, 250, 248)", "dark": "rgb(22, 24, 27)"}[scheme]
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1


# Its bytes ----------------------------------------------------------------------------------------


def read(in_bytes: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(in_bytes, policy=email.policy.default)


SAID = ".\n..\nFrom here\n =_plan\n--=_plan--\nZoë runs 3:21–3:24 " + "long " * 40 + "\n\ttab \n"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("7bit", "<p>.\n.\n..\nZoë runs 3:21–3:24 &lt; 4:00\n"),
        ("7bit", "<p>" + "x" * 995),
        ("quoted-printable", "<p>" + "x" * 996),
        ("quoted-printable", "<p>é" + "x" * 990),
        ("quoted-printable", f"<p>{SAID}"),
        ("7bit", "<p>\r"),
        ("7bit", "<p>one\r\ntwo\rthree"),
    ],
)
def test_the_email_package_reads_what_we_wrote(plan, encoding, said):
    letter = mails.Letter(
        "Week of 30 Nov, 1 change: Thursday: 6 × 800 m became 5 × 800 m, and more of the like",
        f"one\r\ntwo\rthree{SAID}",
        f"{letter_of(plan).html}\n{said}",
    )
    sender = mails.address("Läufer “A, B” via Coachsite", "plans@coachsite.example")
    raw = mails.in_bytes({"From": sender, "Subject": letter.subject, "To": "a@b.example"}, letter)
    message = read(raw)

    assert message["Subject"] == letter.subject
    assert message["From"].addresses[0].display_name == "Läufer “A, B” via Coachsite"
    assert message["From"].addresses[0].addr_spec == "plans@coachsite.example"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == f"one\ntwo\nthree{SAID}"
    assert html["Content-Transfer-Encoding"] == encoding
    written = letter.html.replace("\r\n", "\n").replace("\r", "\n")
    assert unescape(html.get_content()).replace("\r\n", "\n") == unescape(written)
    assert not message.defects and not text.defects and not html.defects
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert not re.search(rb"[\r\n]", raw.replace(b"\r\n", b""))


NAMES = [
    "Harriers",
    "Läuferverein Köln-Süd 1899",
    "TSV Grün-Weiß Düsseldorf Laufgruppe",
    "Český běžecký klub Praha",
    "Беговой клуб Спартак",
    "Николай Александрович Петров",
    "שלום רץ",
    "走" * 30,
    "👟" * 20,
    "e\u0301" * 40,
    "Ana 走 Ж 👟 é, “q” and 6 × 800 m",
    "a" * 80,
    "ж" * 80,
    ("Old Town Runners " * 5)[:79],
    ("Köln " * 16).strip(),
    'A "b" <c@d.example>, e',
    'Ä "b" <c@d.example>, e',
    ("“x”, y " * 11).strip(),
    'x, "y" ' * 11 + "z",
    "O'Neill, Pat (coach) \\ co.",
    ";:@[]",
    "=?utf-8?q?x?=",
    "Club =?utf-8?q?x?= =?",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("header", ["From", "Reply-To"])
@pytest.mark.parametrize("at", ["plans@coachsite.example", f"{'x' * 64}@{'y' * 60}.example"])
def test_a_name_or_subject_in_any_script_is_read_as_it_was_written(name, header, at):
    subject = f"Week of 30 Nov, 1 change: Tuesday: at {name}"
    names = {header: mails.address(name, at), "Subject": subject, "To": "a@b.example"}
    raw = mails.in_bytes(names, mails.Letter("", "", ""))
    # The older parser: before Python 3.12.9 the newer one keeps the space between encoded words.
    message = email.message_from_bytes(raw)
    [(found, found_at)] = getaddresses([message[header].replace("\r\n", "")])
    assert (str(make_header(decode_header(found))), found_at) == (name, at)
    assert read(raw)[header].addresses[0].addr_spec == at
    assert read(raw)["Subject"] == subject
    assert message.keys() == [*names, "MIME-Version", "Content-Type"]

    lines = raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    for line in lines:
        assert len(line) <= 78 or " " not in line.strip()
        assert len(line) <= 998
    assert all(len(word) <= 75 for word in raw.split() if word.startswith(b"=?"))


@pytest.mark.parametrize("name", ["Läuferverein Köln-Süd 1899", "Беговой клуб", "a" * 80])
def test_a_name_that_needs_at_most_one_encoded_word_is_read_by_every_parser(name):
    sender = mails.address(f"{name} via Coachsite", "plans@coachsite.example")
    message = read(mails.in_bytes({"From": sender}, mails.Letter("", "", "")))
    assert message["From"].addresses[0].display_name == f"{name} via Coachsite"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("name", ["Week", "Wöche", "Week, “1”", "w" * 80])
def test_no_header_is_smuggled_in(end, name):
    bad = f"{name}{end}Bcc: all@club.example"
    letter = mails.Letter("s", "t", "h")
    for header in ("Subject", "From", "List-Unsubscribe"):
        with pytest.raises(ValueError, match="line break"):
            mails.in_bytes({header: bad}, letter)
    # A name is flattened, as it may be stored so; an address with a line break is none.
    message = read(mails.in_bytes({"From": mails.address(bad, "a@b.example")}, letter))
    assert message.keys() == ["From", "MIME-Version", "Content-Type"]
    assert len(message["From"].addresses) == 1
    for at in (f"a@b.example{end}Bcc: c@d.example", f"a{end}b@c.example", f"a@b{end}ä.example"):
        with pytest.raises(ValueError, match="address"):
            mails.address(name, at)


def test_an_address_that_servers_do_not_take_is_refused():
    for name in ("", "Ana", "Ána"):
        with pytest.raises(ValueError, match="zoë@club"):
            mails.address(name, "zoë@club.example")


def test_an_address_with_letters_beyond_ascii_is_written_as_servers_take_it():
    assert mails.address("", "ana@läufer.example") == "ana@xn--lufer-gra.example"


# From whom, to whom -------------------------------------------------------------------------------


def sent_headers(plan: PublishedPlan) -> email.message.EmailMessage:
    return read(delivery.plan_message(plan.delivery).in_bytes)


def test_the_mail_comes_from_the_team_and_an_answer_reaches_the_coach(plan):
    message = sent_headers(plan)
    assert str(message["From"]) == "Harriers via Coachsite <plans@coachsite.example>"
    assert str(message["Reply-To"]) == "Carla Coach <coach@club.example>"
    assert str(message["To"]) == "ana.sousa@club.example"
    assert message["Message-ID"] == f"<plan.{plan.delivery.message_id}@coachsite.example>"
    assert message["Date"].datetime
    assert "Reply to this mail to reach Carla Coach." in message.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("team_name", "coach_name"),
    [
        ("Läuferverein Köln-Süd 1899", "José María Fernández-Núñez"),
        ("Беговой клуб Спартак имени Знаменских", "Николай Александрович Петров"),
        ("東京走友会陸上競技部長距離", "山田 太郎"),
        ("Two\r\nlines", "Two\nlines"),
    ],
)
def test_a_team_with_a_long_name_in_any_script_gets_its_mail_out(
    plan, mailoutbox, team_name, coach_name
):
    Team.objects.update(name=team_name)
    User.objects.update(name=coach_name)
    assert send(plan, at=SUNDAY_EVENING).state == "SENT"
    message = email.message_from_bytes(mailoutbox[0].in_bytes)
    for header, words in (("From", f"{team_name} via Coachsite"), ("Reply-To", coach_name)):
        [(found, _)] = getaddresses([message[header].replace("\r\n", "")])
        assert str(make_header(decode_header(found))) == " ".join(words.split())


@pytest.mark.parametrize("who", ["nobody", "somebody who left the team"])
def test_without_the_coach_who_published_an_answer_reaches_the_head_coach(runner, now, who):
    by = make_user(email="left@club.example") if who != "nobody" else None
    week = make_week(athlete=runner)
    make_session(week=week)
    message = sent_headers(week.publish(now=now, by=by))
    assert message["Reply-To"].addresses[0].addr_spec == "coach@club.example"


def test_an_assistant_who_published_gets_the_answers(plan, team):
    assistant = make_user(email="sam@club.example", name="Sam")
    team.memberships.create(user=assistant, role="ASSISTANT")
    PublishedPlan.objects.update(published_by=assistant)
    plan.refresh_from_db()
    assert str(sent_headers(plan)["Reply-To"]) == "Sam <sam@club.example>"


def test_a_team_without_a_coach_has_no_address_to_answer_to(now):
    plan = make_plan(now=now, athlete=make_athlete(team=make_team(slug="alone")))
    message = sent_headers(plan)
    assert message["Reply-To"] is None
    assert "Reply to this mail" not in message.get_body(("plain",)).get_content()


# A change -----------------------------------------------------------------------------------------


def republish(plan: PublishedPlan, *, at: datetime, **edit: object) -> PublishedPlan:
    session = plan.week.sessions.get(kind="TRACK")
    plan.week.edit(session, kind="TRACK", **edit)
    return plan.week.publish(now=at)


FIVE = {"title": "5 × 800 m", "notation": TRACK["notation"].replace("6 x", "5 x")}


def test_after_a_change_the_mail_begins_with_what_changed(plan, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    newer = republish(plan, at=SUNDAY_EVENING, **FIVE, starts_at="19:00")
    send(newer, at=SUNDAY_EVENING + SETTLING)
    message = mailoutbox[1]

    assert message.subject.startswith("Week of 30 Nov")
    assert "2 changes" in message.subject
    for part in (message.body, str(Words(message.alternatives[0].content))):
        assert part.index("2 changes") < part.index("Tuesday: 6 × 800 m became 5 × 800 m")
        assert part.index("19:00, was 18:30") < part.lower().index("the week as it is now")
        # The week at a glance; in full only what changed.
        assert "Easy run" in part
        assert "TUESDAY 1 DECEMBER" in part.upper()
        assert "WEDNESDAY 2 DECEMBER" not in part.upper()


def test_the_subject_of_one_change_says_it(plan, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    send(republish(plan, at=SUNDAY_EVENING, place="Park"), at=SUNDAY_EVENING + SETTLING)
    assert mailoutbox[1].subject == "Week of 30 Nov, 1 change: Tuesday: at Park, was Mile End"


@pytest.mark.parametrize("field", ["title", "place"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_line_break_in_a_title_or_place_does_not_keep_its_change_from_the_athlete(
    plan, mailoutbox, field, end
):
    send(plan, at=SUNDAY_EVENING)
    newer = republish(plan, at=SUNDAY_EVENING, **{field: f"Meet{end}here"})
    assert send(newer, at=SUNDAY_EVENING + SETTLING).state == "SENT"
    message = read(mailoutbox[1].in_bytes)
    assert "Meet here" in message["Subject"] == mailoutbox[1].subject
    assert b"\r" not in mailoutbox[1].in_bytes.replace(b"\r\n", b"")


@pytest.mark.parametrize("field", ["title", "place"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028"])
def test_a_pasted_line_break_becomes_a_space_in_a_title_or_place(plan, coach_client, field, end):
    session = plan.week.sessions.get(kind="TRACK")
    names = ("kind", "title", "notation", "place", "note")
    typed = {name: getattr(session, name) for name in names} | {field: f"Meet{end}here"}
    coach_client.post(reverse("session_edit", args=[session.pk]), typed)
    session.refresh_from_db()
    assert getattr(session, field) == "Meet here"


def test_a_change_is_not_mailed_before_the_edits_have_settled(plan, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    newer = republish(plan, at=SUNDAY_EVENING, **FIVE)
    assert newer.delivery.due_at == SUNDAY_EVENING + SETTLING
    send(newer, at=SUNDAY_EVENING + SETTLING - MINUTE)
    assert len(mailoutbox) == 1
    send(newer, at=SUNDAY_EVENING + SETTLING)
    assert len(mailoutbox) == 2


def test_an_athlete_who_moves_meanwhile_does_not_hasten_a_change(plan):
    send(plan, at=SUNDAY_EVENING)
    newer = republish(plan, at=SUNDAY_EVENING, **FIVE)
    athlete = plan.week.athlete
    athlete.time_zone = "Asia/Tokyo"
    athlete.save()
    Delivery.objects.reckon_again(now=SUNDAY_EVENING)
    newer.delivery.refresh_from_db()
    assert newer.delivery.due_at == SUNDAY_EVENING + SETTLING


def test_many_edits_make_one_mail_against_what_was_really_mailed(plan, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    for minutes, place in enumerate(("Park", "Beach", "Forest")):
        newer = republish(plan, at=SUNDAY_EVENING + minutes * MINUTE, place=place)
    ids = Delivery.objects.order_by("pk").values_list("pk", flat=True)
    delivery.send_plans(ids, clock=lambda: newer.delivery.due_at)
    assert len(mailoutbox) == 2
    assert "Tuesday: at Forest, was Mile End" in mailoutbox[1].body
    assert "Park" not in mailoutbox[1].body
    assert "Beach" not in mailoutbox[1].body


def test_a_week_that_went_back_to_what_was_mailed_makes_no_mail(plan, mailoutbox):
    send(plan, at=SUNDAY_EVENING)
    republish(plan, at=SUNDAY_EVENING + MINUTE, place="Park")
    back = republish(plan, at=SUNDAY_EVENING + 2 * MINUTE, place="Mile End")
    ids = Delivery.objects.order_by("pk").values_list("pk", flat=True)
    delivery.send_plans(ids, clock=lambda: SUNDAY_EVENING + timedelta(hours=1))
    assert len(mailoutbox) == 1
    assert back.delivery.state == "SKIPPED"


def test_a_week_that_was_never_mailed_is_told_whole_however_often_it_was_published(
    plan, now, mailoutbox
):
    newer = republish(plan, at=now + MINUTE, place="Park")
    send(newer, at=SUNDAY_EVENING)
    assert mailoutbox[0].subject == "Week of 30 Nov: 14 km, 1 track session"
    assert "change" not in mailoutbox[0].body


def test_many_new_targets_are_told_as_one_and_their_sessions_in_full(runner, now):
    week = make_week(athlete=runner)
    for weekday in (1, 3, 5):
        week.schedule(
            kind="INTERVALS", weekday=weekday, title=f"Run {weekday}", notation="6 x 800 @ 5k"
        )
    was = week.publish(now=now).content
    make_race(athlete=runner, time_s=1260, raced_on=now.date())
    is_now = week.publish(now=now + MINUTE).content
    letter = mails.write(is_now, **SENDER, changes=changes(was, is_now))
    assert "1 change" in letter.subject
    assert letter.text.count("Rep  Run") == 3


def test_a_change_of_the_week_alone_tells_no_session_in_full(plan):
    is_now = copy.deepcopy(plan.content) | {"note": "Rain on Tuesday"}
    letter = mails.write(is_now, **SENDER, changes=changes(plan.content, is_now))
    assert "Rain on Tuesday" in letter.text
    assert "TUESDAY" not in letter.text


def test_each_mail_of_a_batch_takes_three_statements(team, now):
    """It is claimed, on the wire, sent; what else they need is read at once."""
    plans = [
        make_plan(athlete=make_athlete(team=team, name=f"Runner {number}"), now=now)
        for number in range(4)
    ]

    def statements(batch: list[PublishedPlan]) -> int:
        with CaptureQueriesContext(connection) as captured:
            delivery.send_plans([plan.delivery.pk for plan in batch], clock=lambda: SUNDAY_EVENING)
        return len(captured)

    assert statements(plans[:3]) - statements(plans[3:]) == 2 * 3
    assert Delivery.objects.filter(state="SENT").count() == 4


def test_the_demo_is_mailed(mailoutbox):
    call_command("load_library", verbosity=0)
    call_command("load_demo")
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    for one in Delivery.objects.filter(state="DUE"):
        delivery.send_plans([one.pk], clock=lambda: max(one.due_at, now))  # noqa: B023
    assert mailoutbox
