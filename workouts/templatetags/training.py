"""Words and marks of training: sessions, reps, recoveries, and the rows of the week board."""

from datetime import date
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import get_template

from athletes.measures import format_clock, format_range
from workouts.dashboard import DashboardRow
from workouts.overviews import BudgetRow
from workouts.prescriptions import Summary, summary
from workouts.revisions import rep_run, rep_target
from workouts.wording import (
    PARTS,
    from_source,
    has_targets,
    kind_name,
    recovery,
    rep_lap,
    sources_of,
    week_size,
    with_marks,
)

register = template.Library()


@register.filter
def as_date(iso: Any) -> date | None:
    """Read a day out of a plan's content."""
    return date.fromisoformat(iso) if iso else None


for words in (
    kind_name,
    has_targets,
    rep_run,
    rep_target,
    rep_lap,
    recovery,
    with_marks,
    week_size,
    sources_of,
    from_source,
):
    register.filter(words)


@register.filter
def short_distance(metres: Any, units: str) -> str:
    """Show metres in the reader's units without the unit: 7.4, but 11, as a coach would say it."""
    if not metres:
        return ""
    value = metres / (1609.344 if units.lower() == "mi" else 1000)
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"


@register.filter
def main_lines(notation: str) -> str:
    """Leave warm-up, drills and cool-down out: every track session has them."""
    lines = notation.splitlines()
    return "; ".join(
        line for line in lines if not line.startswith(("warm-up", "drills", "cool-down"))
    )


@register.filter
def board_row(row: DashboardRow, starts_on: date) -> str:
    return _board_row(row, starts_on)


@lru_cache(maxsize=4096)
def _board_row(row: DashboardRow, starts_on: date) -> str:
    """Draw one row of the board; equal rows look equal, so none is drawn twice.

    A changed row is another row, so nothing has to be told. The escaping is the template's.
    """
    return get_template("workouts/_board_row.html").render({"row": row, "starts_on": starts_on})


@register.filter
def budget_row(row: BudgetRow) -> str:
    return _budget_row(row)


@lru_cache(maxsize=2048)
def _budget_row(row: BudgetRow) -> str:
    """Draw one row of the track budget, each once, as `_board_row` does."""
    return get_template("workouts/_budget_row.html").render({"row": row})


@register.filter
def measured(seconds: Any) -> str:
    """Show a measured time as it was taken: 3:22.5, but 3:22 where no tenth was typed."""
    if seconds is None:
        return ""
    return format_clock(seconds, places=0 if seconds == int(seconds) else 1)


@register.filter
def rep_splits(rep: dict[str, Any]) -> str:
    """Show the times on the way through a rep of more than two laps: 400 1:46, 800 3:31, …"""
    if len(rep["splits"]) < 3:
        return ""
    return ", ".join(
        f"{split['at_m']:.0f} {format_range(*(format_clock(value) for value in split['s']))}"
        for split in rep["splits"][1:-1]
    )


@register.filter
def side_by_side(sessions: Any) -> list[tuple[tuple[dict[str, Any], list[str]], ...]]:
    """Lay the reps of sessions alike in rows, one cell a reader, each with its splits."""
    columns = (
        [(rep, marks.split(", ") if marks else []) for rep, marks in with_marks(session)]
        for _, session in sessions
    )
    return list(zip(*columns, strict=True))


@register.filter
def session_size(session: dict[str, Any]) -> str:
    """Word how long a session is: 4800 m fast in 12 laps, 1000 m between, 8.8–12 km in all."""
    totals = session["totals"]
    parts = []
    if totals["fast_m"]:
        parts.append(f"{totals['fast_m']:.0f} m fast in {totals['laps']:g} laps")
    if totals["recovery_m"][1]:
        parts.append(_span(totals["recovery_m"], "{:.0f}") + " m between")
    ends = [
        totals["fast_m"] + totals["easy_m"] + sum(totals[part][end] for part in PARTS)
        for end in (0, 1)
    ]
    if ends[1]:
        parts.append(_span([metres / 1000 for metres in ends], "{:.1f}") + " km in all")
    return ", ".join(parts)


def _span(ends: list[float], form: str) -> str:
    return format_range(*(form.format(end) for end in ends))


@register.filter
def summary_of(notation: str, level: str) -> Any:
    """Return the summary of a workout, for its level or, where it has none, an intermediate."""
    return summary(notation, level.lower() or "intermediate")


@register.filter
def metres_of(size: Summary) -> str:
    """Show the metres run fast, or the minutes where a workout goes by time."""
    if size.fast_m:
        return f"{size.fast_m:.0f}"
    if size.distance_m_high:
        return f"{size.distance_m_high:.0f}"
    return f"{size.duration_s_high / 60:.0f} min" if size.duration_s_high else ""


@register.filter
def choice(row: Any, sort: str) -> str:
    """Return the value of a row in a select of several sorts: group-3, athlete-12."""
    return f"{sort}-{row.pk}"
