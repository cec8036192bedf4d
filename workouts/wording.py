"""A published plan as page and mail show it: its numbers in an athlete's words, free of HTML."""

from datetime import date
from typing import Any

from athletes.measures import format_clock, format_range
from workouts.models import Kind, counts

METRES = {"km": 1000.0, "mi": 1609.344}
PARTS = ("recovery_m", "warm_up_m", "cool_down_m")
TIMED = ("timed_s", "recovery_s")

Content = dict[str, Any]  # of a published plan, see `TrainingWeek.content`
Planned = dict[str, Any]  # one session of it


def plan_context(content: Content) -> dict[str, Any]:
    """Return what a page shows of a published plan's content."""
    return {
        "plan": content,
        "starts_on": date.fromisoformat(content["starts_on"]),
        "sessions": content["sessions"],
        "units": content["units"],
        "track_sessions": track_count(content["sessions"]),
        "distance_m": content["distance_m"],
    }


# The week -----------------------------------------------------------------------------------------


def week_size(content: Content) -> str:
    """Word the size of a week: 46 km, 2 track sessions. Distances of time-based runs are not in."""
    distance = sum(content["distance_m"]) / 2 / METRES[content["units"]]
    tracks, count = track_count(content["sessions"]), len(content["sessions"])
    size = f"{distance:.0f} {content['units']}" if distance else _several(count, "session")
    return f"{size}, {_several(tracks, 'track session')}" if tracks else size


def _several(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def track_count(sessions: list[Planned]) -> int:
    """Return how many sessions of a plan count as track sessions; old plans tell no surface."""
    return sum(counts(session["kind"], session.get("surface", "")) for session in sessions)


def sources_of(sessions: list[Planned]) -> list[str]:
    """Return where the paces of these sessions come from, each source once."""
    found = (from_source(source) for session in sessions for source in session["sources"])
    return list(dict.fromkeys(found))


def from_source(source: str) -> str:
    return source if source.startswith(("from", "set by")) else f"from {source}"


# A session ----------------------------------------------------------------------------------------


def kind_name(kind: str) -> str:
    return str(Kind(kind).label)


def has_targets(session: Planned) -> bool:
    """Say whether the reps are worth a table: there are several, or one is faster than easy."""
    reps = session["reps"]
    return len(reps) > 1 or any(not rep["is_easy"] for rep in reps)


def session_length(session: Planned) -> str:
    """Word how long a session is in all, in the reader's units: 8 km, 4 km + 20 min, 7.4–9.4 mi."""
    totals, metres = session["totals"], METRES[session["units"]]
    run_m = totals["fast_m"] + totals["easy_m"]
    far = [(run_m + sum(totals[part][end] for part in PARTS)) / metres for end in (0, 1)]
    low, high = (f"{distance:.1f}".removesuffix(".0") for distance in far)
    parts = [f"{format_range(low, high)} {session['units']}"] if far[1] else []
    if totals["timed_s"][1]:
        long = (sum(totals[part][end] for part in TIMED) / 60 for end in (0, 1))
        parts.append(format_range(*(f"{minutes:.0f}" for minutes in long)) + " min")
    return " + ".join(parts)


# A rep --------------------------------------------------------------------------------------------


def rep_lap(rep: dict[str, Any], lap_m: float) -> str:
    """Show the time of one lap of a rep that is longer than a lap."""
    lap = next((split for split in rep["splits"][:-1] if split["at_m"] == lap_m), None)
    return format_range(*(format_clock(value) for value in lap["s"])) if lap else ""


def recovery(rest: dict[str, Any], units: str) -> str:
    """Word a recovery: 200–400 m jog, 1:30 walk."""
    if rest["distance_m"]:
        low, high = (f"{value:.0f}" for value in rest["distance_m"])
        amount = format_range(low, high) + " m"
    elif rest["duration_s"]:
        amount = format_range(*(format_clock(value) for value in rest["duration_s"]))
    else:
        amount = ""
    return f"{amount} {rest['kind']}".strip()


def with_marks(session: Planned) -> list[tuple[dict[str, Any], str]]:
    """Return each rep with the splits on its way, where the team's coach wants them told.

    Reps alike tell them once, at the first.
    """
    shown, before = [], ""
    for rep in session["reps"]:
        marks = ""
        if session.get("split_m"):
            marks = ", ".join(_mark(split) for split in rep["splits"][:-1])
        shown.append((rep, "" if marks == before else marks))
        before = marks
    return shown


def _mark(split: dict[str, Any]) -> str:
    return f"{split['at_m']:.0f} {format_range(*(format_clock(value) for value in split['s']))}"
