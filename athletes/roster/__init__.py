"""A squad's CSV files in: a roster row becomes an athlete with best times, a results row a race.

`table` turns bytes into cells, `sheets` cells into frozen rows, each with everything that is wrong;
`ledger` writes both files whole, or nothing.
"""

from athletes.roster.ledger import Report, RosterRefused, import_roster
from athletes.roster.sheets import (
    Best,
    ResultRow,
    ResultsFile,
    RosterFile,
    RosterRow,
    read_results,
    read_roster,
)
from athletes.roster.table import MAX_BYTES, MAX_ROWS, CellError

__all__ = [
    "MAX_BYTES",
    "MAX_ROWS",
    "Best",
    "CellError",
    "Report",
    "ResultRow",
    "ResultsFile",
    "RosterFile",
    "RosterRefused",
    "RosterRow",
    "import_roster",
    "read_results",
    "read_roster",
]
