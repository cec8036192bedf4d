"""From the bytes of a CSV file to rows of read cells, with every error by row and column.

Knows encodings, delimiters and headers; what a column means is told by the `Sheet`.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from athletes.measures import RACES, MeasureError

MAX_BYTES: Final = 2_000_000
MAX_ROWS: Final = 5_000

_MAX_COLUMNS: Final = 100
_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
_EXCEL: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
# Letters of UTF-8 inside bytes that are not UTF-8 as a whole: a cut or mixed file.
_UTF8_LETTER: Final = re.compile(rb"\xc3[\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")
_DASHES: Final = {"-", "\u2013", "\u2014"}
_HIDDEN: Final = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}  # turn text round
_ALIASES: Final = {
    "mail": "email",
    "gender": "sex",
    "yearofbirth": "birth_year",
    "tz": "timezone",
    "guardian": "guardian_email",
    "parent": "guardian_email",
    "parentemail": "guardian_email",
    "groups": "group",
    "distance": "distance_m",
}

Parser: TypeAlias = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class CellError:
    """One thing wrong in a file; `row` counts as a spreadsheet does, the header being row 1."""

    sheet: str  # "roster" or "results"
    row: int | None
    column: str | None
    message: str

    def __str__(self) -> str:
        place = [] if self.sheet == "roster" else [self.sheet]
        place += [f"row {self.row}"] if self.row else []
        place += [f"column {self.column}"] if self.column else []
        return f"{', '.join(place)}: {self.message}" if place else self.message


class CellRefused(ValueError):
    """A cell that cannot be read; the message says what to write instead."""


class FileRefused(Exception):
    """The file as a whole cannot be read; `row` is where, if that is known."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True, slots=True)
class Column:
    """One known column: its name in `Line.values`, and what reads its cells."""

    name: str
    parse: Parser


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file may hold: columns by name, and for a roster one column for each raced distance.

    The parsers raise CellRefused or MeasureError; `race` finds the column of a raced distance.
    """

    name: str
    columns: Mapping[str, Parser]
    required: tuple[str, ...]
    race: Callable[[str], Column | None] | None = None

    def column(self, header: str) -> Column | None:
        """Return the column that a header means, or None."""
        key = _key(header)
        name = _ALIASES.get(key) or next((name for name in self.columns if _key(name) == key), "")
        if name in self.columns:
            return Column(name, self.columns[name])
        return self.race(header) if self.race else None

    def nearest(self, header: str) -> str | None:
        """Return the known column that a header looks like a misspelling of, or None."""
        names = {_key(name): name for name in (*self.columns, *(RACES if self.race else ()))}
        close = get_close_matches(_key(header), names, n=1, cutoff=0.75)
        return names[close[0]] if close else None


@dataclass(slots=True)
class Line:
    """One row of a file under the names of its columns; a blank cell has no value."""

    row: int
    values: dict[str, Any] = field(default_factory=dict)
    is_sound: bool = True


@dataclass(slots=True)
class Table:
    """The rows of a file while they are read, with all that is wrong."""

    sheet: str
    lines: list[Line] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)  # as the file spells them

    def refuse(self, message: str, *, line: Line | None, column: str | None = None) -> None:
        """Note an error, and that its line is not to be used."""
        if line:
            line.is_sound = False
        title = self.headers.get(column, column) if column else None
        self.errors.append(CellError(self.sheet, line.row if line else None, title, message))

    def sorted_errors(self) -> tuple[CellError, ...]:
        return tuple(sorted(self.errors, key=lambda error: error.row or 0))


def quoted(text: str) -> str:
    """Return a cell as an error shows it: short, and nothing in it that a terminal obeys."""
    shown = text if len(text) <= 40 else f"{text[:39]}…"
    return f"“{''.join(letter if letter.isprintable() else '·' for letter in shown)}”"


def read_table(data: bytes, sheet: Sheet) -> Table:
    """Return the rows of a file, each cell read by its column, with every error.

    Reads UTF-8, UTF-16 with a byte order mark and Windows-1252, with commas, semicolons or tabs.
    """
    table = Table(sheet.name)
    try:
        text, encoding = _decode(data)
        delimiter = _delimiter(text, sheet)
        (top, headers), *rest = _rows(text, delimiter)
        columns = _columns(headers, sheet, table, top=Line(top))
    except FileRefused as refusal:
        table.refuse(str(refusal), line=Line(refusal.row) if refusal.row else None)
        return table
    if not table.errors and not rest:
        table.refuse("There are no rows below the header.", line=None)
    if table.errors:
        return table
    count = f"{len(rest)} row{'s' * (len(rest) != 1)}"
    table.notes.insert(0, f"{sheet.name}: {count}, {encoding}, {_DELIMITERS[delimiter]}")
    if encoding == "Windows-1252":
        words = (word for word in re.split(r"[\s,;\"]+", text) if not word.isascii())
        example = f", for example {quoted(next(words, ''))}"
        table.notes.append(f"{sheet.name}: check the accents{example}")
    for row, cells in rest:
        line = Line(row)
        table.lines.append(line)
        if _fits(cells, headers, line, table):
            _read_cells(cells, columns, line, table, required=sheet.required)
    return table


def _key(header: str) -> str:
    return re.sub(r"[\s_-]+", "", header.casefold())


def _decode(data: bytes) -> tuple[str, str]:
    """Return the text of a file and the name of its encoding.

    :raises FileRefused: if it is empty, too big, a workbook, or not text in a known encoding
    """
    if len(data) > MAX_BYTES:
        raise FileRefused("The file is larger than 2 MB; split it.")
    if data.startswith(_EXCEL):
        raise FileRefused("This is an Excel workbook, not a CSV file; save it as “CSV UTF-8”.")
    for codec, name in _encodings(data).items():
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            row = text.count("\n", 0, text.index("\0")) + 1
            raise FileRefused("There is a NUL character; this is not a CSV file.", row=row)
        if not text.strip():
            raise FileRefused("The file is empty; its first row must name the columns.")
        # A line that only Excel reads, and does not count as a row.
        return re.sub(r"\A\"?sep=[,;\t]\"?[\r\n]+", "", text, flags=re.IGNORECASE), name
    raise FileRefused("This is not a CSV file in UTF-8, UTF-16 or Windows-1252; save it again.")


def _encodings(data: bytes) -> dict[str, str]:
    """Return the encodings to try in turn, with their names."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return {"utf-16": "UTF-16"}
    if data.startswith(codecs.BOM_UTF8):
        return {"utf-8-sig": "UTF-8"}
    if _UTF8_LETTER.search(data):
        return {"utf-8": "UTF-8"}
    return {"utf-8": "UTF-8", "cp1252": "Windows-1252"}


def _delimiter(text: str, sheet: Sheet) -> str:
    """Return the delimiter under which the first line names the most known columns."""
    first = text.lstrip().splitlines()[0][:10_000]

    def known(delimiter: str) -> tuple[int, int]:
        headers = next(csv.reader([first], delimiter=delimiter), [])
        return sum(1 for header in headers if sheet.column(header)), len(headers)

    return max(_DELIMITERS, key=known)


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and cells of every row that is not blank, the header first.

    :raises FileRefused: if there is no row, there are too many, or the quotes do not match
    """
    row = count = 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for row, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                yield row, cells
                count += 1
            if count > MAX_ROWS + 1:
                raise FileRefused(f"There are more than {MAX_ROWS:,} rows; split the file.")
    except csv.Error as error:
        unclosed = "unexpected end of data" in str(error)
        message = "A quotation mark is opened and never closed." if unclosed else f"{error}."
        raise FileRefused(f"This row cannot be read. {message}", row=row + 1) from error
    if not count:
        raise FileRefused("The file is empty; its first row must name the columns.")


def _columns(
    headers: Sequence[str], sheet: Sheet, table: Table, *, top: Line
) -> list[Column | None]:
    """Return the column of each header, None for one to ignore, and note what is wrong.

    :raises FileRefused: if there are too many columns
    """
    if len(headers) > _MAX_COLUMNS:
        raise FileRefused(f"There are more than {_MAX_COLUMNS} columns.", row=top.row)
    columns = [sheet.column(header) for header in headers]
    unknown = []
    for header, column in zip(headers, columns, strict=True):
        title = " ".join(header.split())
        if column and column.name in table.headers:
            first = table.headers[column.name]
            table.refuse(f"The columns {first} and {title} mean the same; keep one.", line=top)
        elif column:
            table.headers[column.name] = title
        elif title:
            unknown.append(title)
    _judge_headers(unknown, sheet, table, top=top)
    return columns


def _judge_headers(unknown: Sequence[str], sheet: Sheet, table: Table, *, top: Line) -> None:
    """Note each unknown header, as a misspelling or as ignored, and each column that is missing."""
    missing = [name for name in sheet.required if name not in table.headers]
    for title in unknown:
        nearest = sheet.nearest(title)
        if nearest is None:
            table.notes.append(f"{sheet.name}: the column {quoted(title)} is ignored")
            continue
        missing = [name for name in missing if name != nearest]
        table.refuse(f"There is no column {quoted(title)}; did you mean {nearest}?", line=top)
    for name in missing:
        needs = f"it needs {', '.join(sheet.required)}"
        table.refuse(f"This CSV file has no column {name}; {needs}.", line=top)


def _fits(cells: Sequence[str], headers: Sequence[str], line: Line, table: Table) -> bool:
    """Return whether a row has a cell for each header and nothing beyond, and note it if not."""
    filled = [index for index, cell in enumerate(cells) if cell.strip()]
    if len(cells) < len(headers) or filled[-1] >= len(headers):
        amount = "few" if len(cells) < len(headers) else "many"
        table.refuse(
            f"The row has too {amount} cells: {len(cells)} for the {len(headers)} columns of the "
            "header. A cell that holds the delimiter needs quotes.",
            line=line,
        )
        return False
    if any(not headers[index].strip() for index in filled):
        table.refuse("A filled cell stands in a column without a name.", line=line)
        return False
    return True


def _read_cells(
    cells: Sequence[str],
    columns: Sequence[Column | None],
    line: Line,
    table: Table,
    *,
    required: Sequence[str],
) -> None:
    """Put the value of each known cell into `line`, and note each that cannot be read."""
    for cell, column in zip(cells, columns, strict=False):
        if column is None:
            continue
        try:
            text = _clean(cell)
            if text:
                line.values[column.name] = column.parse(text)
            elif column.name in required:
                raise CellRefused(f"The {column.name} is missing.")
        except (CellRefused, MeasureError) as refusal:
            table.refuse(str(refusal), line=line, column=column.name)


def _clean(cell: str) -> str:
    """Return a cell trimmed, its line ends as spaces; a lone dash is blank.

    :raises CellRefused: if it holds characters that nobody sees or that stand for lost ones
    """
    text = " ".join(unicodedata.normalize("NFC", cell).replace("\ufeff", "").split())
    if "\ufffd" in text:
        raise CellRefused(f"{quoted(text)} has lost a letter; save the file as “CSV UTF-8”.")
    if any(unicodedata.category(letter) == "Cc" or letter in _HIDDEN for letter in text):
        raise CellRefused(f"{quoted(text)} has a hidden control character; type it again.")
    return "" if text in _DASHES else text
