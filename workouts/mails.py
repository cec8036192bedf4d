"""The mail of a published plan: its words, from the plan alone, and its bytes.

Text and HTML are drawn from one `Week`, so that they say the same. The templates are Jinja2, which
is five times as fast here as Django's; styles are inlined into their source, once, not into every
mail. The bytes are put together here too, because the email package takes longer over a mail than
everything else does; tests/test_mails.py reads them with it.
"""

import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from email.header import Header
from email.utils import formataddr
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import css_inline
from django.conf import settings
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from athletes.measures import Units, format_pace, format_range
from workouts.revisions import Change, brief, rep_run, rep_target
from workouts.wording import (
    Content,
    Planned,
    has_targets,
    kind_name,
    recovery,
    rep_lap,
    session_length,
    sources_of,
    week_size,
    with_marks,
)

LONGEST_SUBJECT: Final = 90
NOTHING: Final = "–"
# What of a rep tells that it is run as another one is.
RUN: Final = ("distance_m", "duration_s", "label", "target_s", "pace_s_per_km")
WIDTH: Final = 72  # of the plain text; a reply that quotes it still has 80 columns
DAY: Final = " " * 8  # the columns at both ends of the week at a glance
LENGTH: Final = 16
AS_IT_IS: Final = re.compile(rb"(?:(?!From |--)[^\n\r\0]{0,998}(?:\n|\Z))*")
# A line of a header, where its words let it (RFC 5322, 2.1.1): it is folded before a space.
HEADER_WIDTH: Final = 78
HEADER_LINE: Final = re.compile(r".{0,77}[^ ](?= |$)| *[^ ]+")
ENCODED_WORD: Final = 68  # a line holds it beside the name of any header; RFC 2047 allows 75
# Words that stand as they are in a subject, but none that reads as encoded; and beside encoded ones
# in a name, where nothing may be quoted.
PLAIN: Final = re.compile(r"(?!.*=\?)[!-~]*")
PLAIN_IN_NAME: Final = re.compile(r"[A-Za-z0-9!&'*+/-]+")


# What is said -------------------------------------------------------------------------------------


class Glance(NamedTuple):
    """One line of the week at a glance; a day without a session has a line too."""

    day: str
    title: str
    details: str
    length: str


class Reps(NamedTuple):
    """Reps that are run alike, one after the other: "1–6". `marks` are the splits on their way."""

    numbers: str
    run: str
    target: str
    lap: str
    then: str
    marks: str


Links = tuple[tuple[str, str], ...]  # what a link says, and where it leads


@dataclass(frozen=True, slots=True)
class Told:
    """One session in full; `details` are its kind, if the title does not say it, time and place."""

    on: date
    day: str
    title: str
    details: tuple[str, ...]
    length: str
    blocks: tuple[str, ...]
    reps: tuple[Reps, ...]
    note: str
    links: Links

    @property
    def facts(self) -> str:
        """What is known of it beside the title; one block says itself how long it is."""
        length = (self.length,) if self.length and len(self.blocks) > 1 else ()
        return " · ".join((*self.details, *length))

    @property
    def has_laps(self) -> bool:
        return any(one.lap for one in self.reps)

    @property
    def has_recovery(self) -> bool:
        return any(one.then for one in self.reps)


@dataclass(frozen=True, slots=True)
class Week:
    """What a mail says. Without `changes` it is the first of its week, and tells all of it."""

    team: str
    starts_on: date
    size: str
    note: str
    changes: tuple[str, ...]
    glance: tuple[Glance, ...]
    sessions: tuple[Told, ...]
    paces: tuple[str, ...]
    sources: tuple[str, ...]
    coach: str
    footer: Links

    @property
    def title(self) -> str:
        return f"week of {self.starts_on.day} {self.starts_on:%B}"

    @property
    def is_empty(self) -> bool:
        return all(one.title == NOTHING for one in self.glance)

    @property
    def count(self) -> str:
        return "1 change" if len(self.changes) == 1 else f"{len(self.changes)} changes"


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    html: str


def write(
    content: Content,
    *,
    team: str,
    coach: str,
    footer: Links,
    changes: Sequence[Change] = (),
    links: Callable[[Planned], Links] = lambda session: (),
) -> Letter:
    """Return the mail of a published plan's content.

    With `changes`, what changed since the last mail of the week, it begins with these, and tells
    in full only the sessions that changed. `links` gives those of a session, `footer` those of
    the whole mail.
    """
    week = _week(content, team=team, coach=coach, footer=footer, changes=changes, links=links)
    text, html = (
        _environment().get_template(f"plan.{kind}").render(week=week) for kind in ("txt", "html")
    )
    return Letter(_subject(week), text, html)


def _subject(week: Week) -> str:
    head = f"Week of {week.starts_on.day} {week.starts_on:%b}"
    if not week.changes:
        return f"{head}: {week.size}"
    subject = one_line(f"{head}, {week.count}: {'; '.join(week.changes)}")
    return subject if len(subject) <= LONGEST_SUBJECT else f"{head}: {week.count}"


def _week(
    content: Content,
    *,
    team: str,
    coach: str,
    footer: Links,
    changes: Sequence[Change],
    links: Callable[[Planned], Links],
) -> Week:
    planned = content["sessions"]
    worded = [told(session, links(session)) for session in planned]
    shown = list(range(len(planned)))
    if changes:
        concerned = {change.session_id for change in changes}
        shown = [number for number in shown if planned[number]["id"] in concerned]
    starts_on = date.fromisoformat(content["starts_on"])
    return Week(
        team=team,
        starts_on=starts_on,
        size=week_size(content),
        note=content["note"],
        changes=tuple(one.words for one in brief(changes)),
        glance=tuple(_glance(starts_on, worded)),
        sessions=tuple(worded[number] for number in shown),
        paces=tuple(_paces([planned[number] for number in shown])),
        sources=tuple(sources_of([planned[number] for number in shown])),
        coach=coach,
        footer=footer,
    )


def _glance(starts_on: date, sessions: Sequence[Told]) -> Iterator[Glance]:
    """Yield a line for each session, and one for each day without."""
    for on in (starts_on + timedelta(days=number) for number in range(7)):
        held = [session for session in sessions if session.on == on]
        if not held:
            yield Glance(f"{on:%a} {on.day}", NOTHING, "", "")
        for session in held:
            day = f"{on:%a} {on.day}" if session is held[0] else ""
            yield Glance(day, session.title, ", ".join(session.details), session.length)


def told(session: Planned, links: Links) -> Told:
    """Return a session in the words of mail and calendar."""
    kind = kind_name(session["kind"]).lower()
    sort = "" if session["title"].lower().startswith(kind) else kind.removesuffix(" session")
    on = date.fromisoformat(session["on"])
    return Told(
        on=on,
        day=f"{on:%A} {on.day} {on:%B}",
        title=session["title"],
        details=tuple(filter(None, (sort, session["starts_at"], session["place"]))),
        length=session_length(session),
        blocks=tuple(block["prose"] for block in session["blocks"]),
        reps=tuple(_reps(session)) if _needs_table(session) else (),
        note=session["note"],
        links=links,
    )


def _needs_table(session: Planned) -> bool:
    """Say whether reps are worth a table: what a single one is to be run in, its sentence says."""
    return has_targets(session) and bool(len(session["reps"]) > 1 or session.get("split_m"))


def _reps(session: Planned) -> list[Reps]:
    """Return the reps of a session, those that are run alike as one.

    The last rep has no recovery after it; that alone sets it apart from none.
    """
    units, last, rows = session["units"], session["reps"][-1], list[Reps]()
    before, first = None, 0
    for rep, marks in with_marks(session):
        rest = rep["recovery"]
        alike = before and not marks and all(rep[part] == before[part] for part in RUN)
        if alike and (rest == before["recovery"] or (rest is None and rep is last)):
            rows[-1] = rows[-1]._replace(numbers=f"{first}–{rep['rep']}")
            continue
        before, first = rep, rep["rep"]
        rows.append(
            Reps(
                numbers=str(first),
                run=rep_run(rep, units),
                target=rep_target(rep, units),
                lap=rep_lap(rep, session["lap_m"]),
                then=recovery(rest, units) if rest else "",
                marks=marks,
            )
        )
    return rows


def _paces(sessions: Sequence[Planned]) -> Iterator[str]:
    """Yield each named pace that is run, once: "5K pace 4:24/km"."""
    found: dict[str, list[Any]] = {}
    for session in sessions:
        for rep in session["reps"]:
            pace = (rep["pace_s_per_km"], session["units"])
            if pace[0] and pace not in (known := found.setdefault(rep["words"], [])):
                known.append(pace)
    for words, paces in found.items():
        # One that changes from rep to rep is told there.
        if len(paces) == 1:
            yield f"{words.removeprefix('at ')} {_pace(*paces[0])}"


def _pace(ends: Sequence[float], units: Units) -> str:
    return format_range(*(format_pace(end / 1000, units=units) for end in ends))


# How it is set ------------------------------------------------------------------------------------


class Inlined(FileSystemLoader):
    """Loads templates with the styles of their <style> in the elements themselves.

    Rules that cannot stand there (dark, narrow, print) stay. The tags of the template are written
    as comments: an HTML parser would take bare ones out of a table.
    """

    inliner = css_inline.CSSInliner(keep_style_tags=False, keep_at_rules=True)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Any]:
        source, path, is_fresh = super().get_source(environment, template)
        if path.endswith(".html"):
            source = re.sub(r"\n\s+", "\n", self.inliner.inline(source))
        return source, path, is_fresh


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=Inlined(Path(settings.BASE_DIR) / "templates" / "emails"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        block_start_string="<!--%",
        block_end_string="%-->",
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=settings.DEBUG,
    )
    environment.filters |= {"fold": fold, "glance": _glance_line, "reps": _reps_line}
    return environment


def fold(text: str, indent: str = "", first: str | None = None, width: int = WIDTH) -> str:
    """Break text into lines of the plain text; what the coach put on lines of its own stays.

    `first` goes before the first line, `indent` before the others.
    """
    first = indent if first is None else first
    width -= len(indent)
    if len(text) <= width and text.isprintable():  # one line, which nothing breaks
        return first + text
    lines = [part for line in text.splitlines() for part in _parts(line, width)]
    return first + f"\n{indent}".join(lines)


def _parts(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    return re.sub(rf"(.{{1,{width}}})(?: +|$)", r"\1\n", line).splitlines()


def one_line(words: str) -> str:
    """Return words with one space for each gap: a title or name may hold line breaks, no header."""
    return " ".join(words.split())


def _glance_line(one: Glance) -> str:
    what = f"{one.title}, {one.details}" if one.details else one.title
    lines = fold(what, DAY, first="", width=WIDTH - LENGTH - 2).splitlines()
    lines[0] = lines[0].ljust(WIDTH - len(DAY) - LENGTH) + one.length.rjust(LENGTH)
    lines[0] = f"{one.day:<{len(DAY)}}{lines[0]}".rstrip()
    return "\n".join(lines)


def _reps_line(one: Reps, has_laps: bool) -> str:
    cells = f"{one.numbers:>6}  {one.run:<7}  {one.target:<11}"
    return (
        f"{cells}  {one.lap:<11}  {one.then}".rstrip()
        if has_laps
        else f"{cells}  {one.then}".rstrip()
    )


# Its bytes ----------------------------------------------------------------------------------------


def in_bytes(headers: Mapping[str, str], letter: Letter) -> bytes:
    """Return a mail as it goes over the wire: text and HTML, in lines that end in CR LF.

    :raises ValueError: if a header holds a line break, through which others could be smuggled in
    """
    # Neither a line of quoted-printable nor a tag of ours begins so: no text is taken for it.
    boundary = "=_plan"
    lines = [_header(name, value) for name, value in headers.items() if value]
    lines += ["MIME-Version: 1.0", f'Content-Type: multipart/alternative; boundary="{boundary}"']
    parts = ["\r\n".join([*lines, "", ""]).encode("ascii")]
    for kind, (encoding, body) in (
        ("plain", _printable(letter.text)),
        ("html", _plain_html(letter.html)),
    ):
        head = (
            f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        parts += [head.encode("ascii"), body.replace(b"\n", b"\r\n"), b"\r\n"]
    return b"".join((*parts, f"--{boundary}--\r\n".encode("ascii")))


def _lines(body: bytes) -> bytes:
    """Return a body whose lines end in LF alone: browsers post CR LF, and no CR may go out bare."""
    if b"\r" not in body:
        return body
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _printable(text: str) -> tuple[str, bytes]:
    return "quoted-printable", binascii.b2a_qp(_lines(text.encode()))


def _plain_html(html: str) -> tuple[str, bytes]:
    """Return HTML in ASCII, in which each "=" need not be written as three characters.

    Lines that are longer than a server must take (RFC 5322, 2.1.1), or that a mailbox would write
    differently, go as quoted-printable.
    """
    body = _lines(html.encode("ascii", "xmlcharrefreplace"))
    if AS_IT_IS.fullmatch(body):
        return "7bit", body
    return _printable(html)


def _header(name: str, value: str) -> str:
    """Return a header in lines that are as short as its words let them be."""
    if "\n" in value or "\r" in value:
        raise ValueError(f"the header {name} holds a line break")
    if name == "Subject" or not value.isascii():
        value = in_words(value)
    line = f"{name}: {value}"
    return line if len(line) <= HEADER_WIDTH else "\r\n".join(HEADER_LINE.findall(line))


@lru_cache(maxsize=256)
def address(name: str, email: str) -> str:
    """Return a name and an address as a header holds them: "Harriers via Coachsite" <a@b.c>.

    It is one line, which `in_bytes` folds.

    :raises ValueError: if the address holds a line break or what else no server takes
    """
    mailbox, _, domain = email.rpartition("@")
    if not domain.isascii():
        email = f"{mailbox}@{domain.encode('idna').decode('ascii')}"
    if not (email.isascii() and email.isprintable()):
        raise ValueError(f"no mail can go to the address {email!r}")
    name = one_line(name)
    if in_words(name) == name:
        return formataddr((name, email))
    return f"{in_words(name, PLAIN_IN_NAME)} <{email}>"


@lru_cache(maxsize=256)
def in_words(text: str, plain: re.Pattern[str] = PLAIN) -> str:
    """Return text in ASCII on one line: `plain` words as they are, the others encoded (RFC 2047).

    Neighbours are encoded as one, as the space between two encoded words is not read.
    """
    runs = groupby(text.split(" "), key=lambda word: bool(plain.fullmatch(word)))
    return " ".join(
        " ".join(run)
        if is_plain
        else Header(" ".join(run), "utf-8", maxlinelen=ENCODED_WORD).encode(linesep="")
        for is_plain, run in runs
    )
