"""What changed from one revision of a week to the next, in words; pure, and free of HTML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from textwrap import shorten
from typing import Any, Final

from athletes.measures import Units, format_clock, format_distance, format_pace, format_range

LONGEST_NOTE: Final = 160
MOST_TARGETS: Final = 4  # in one sentence
MANY_TARGETS: Final = 3  # sessions, from which on one stands for all
UNITS: Final = {"km": "kilometres", "mi": "miles"}
WHERE: Final = {
    "": "",
    "TRACK": "on the track",
    "ROAD": "on the road",
    "TRAIL": "on trails",
    "GRASS": "on grass",
    "TREADMILL": "on a treadmill",
}
# Times and paces in a sentence: "(3:31 each, 1:46 a lap)". They are compared rep by rep instead.
TIMES: Final = re.compile(r" \([^()]*\d:\d\d[^()]*\)")

Content = dict[str, Any]  # of a published plan, see `TrainingWeek.content`
Planned = dict[str, Any]  # one session of it


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed.

    `what` is week, added, removed, moved, workout, kind, time, place, note, targets or details;
    `words` say it in a sentence that stands alone. `on` is the day it shows at now, or showed at
    if the session was removed; it and `session_id` are None where it is about the week.
    """

    what: str
    words: str
    on: date | None = None
    session_id: int | None = None


def changes(old: Content, new: Content) -> tuple[Change, ...]:
    """Return what changed from one content of a week to another, the week first, then by day.

    Sessions are matched by their id. What changes by itself from day to day, the age of a race and
    the coach's warnings, is no change. Empty where both say the same to the athlete.
    """
    before = {session["id"]: session for session in old["sessions"]}
    after = {session["id"]: session for session in new["sessions"]}
    gone = [session for key, session in before.items() if key not in after]
    found = [Change("removed", f"{_name(one)} removed", *_place(one)) for one in gone]
    for key, session in after.items():
        if key not in before:
            found.append(Change("added", f"{_name(session)} added", *_place(session)))
            continue
        if before[key]["on"] != session["on"]:
            words = f"{_name(before[key])} moved to {_day(session)}"
            found.append(Change("moved", words, *_place(session)))
        label = _label(session, (old, new))
        found += [
            Change(what, f"{label}: {words}", *_place(session))
            for what, words in _session(before[key], session)
        ]
    found.sort(key=lambda change: change.on or date.min)
    return (*_week(old, new), *found)


def brief(found: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes with several new targets told as one, by the shortest: new paces."""
    targets = [change for change in found if change.what == "targets"]
    if len(targets) < MANY_TARGETS:
        return tuple(found)
    example = min(targets, key=lambda change: len(change.words)).words
    words = f"New targets in {len(targets)} sessions, such as {example}"
    return (*(change for change in found if change.what != "targets"), Change("targets", words))


def _week(old: Content, new: Content) -> Iterator[Change]:
    if old["note"] != new["note"]:
        yield Change("week", _note("The word on the week", new["note"]))
    if old["units"] != new["units"]:
        yield Change("week", f"Paces in {UNITS[new['units']]}, not {UNITS[old['units']]}")


def _place(session: Planned) -> tuple[date, int]:
    return date.fromisoformat(session["on"]), session["id"]


def _day(session: Planned) -> str:
    return f"{date.fromisoformat(session['on']):%A}"


def _name(session: Planned) -> str:
    return f"{_day(session)} {session['title']}"


def _label(session: Planned, weeks: Sequence[Content]) -> str:
    """Return the day, with the title where the day has, or had, another session too."""
    alone = all(
        other["id"] == session["id"] or other["on"] != session["on"]
        for week in weeks
        for other in week["sessions"]
    )
    return _day(session) if alone else _name(session)


def _session(old: Planned, new: Planned) -> Iterator[tuple[str, str]]:
    """Yield what changed in a session that both have, but for its day, and the words for it."""
    exchanged = _exchanged(old, new)
    said = [*_workout(old, new, exchanged), *_around(old, new)]
    if not exchanged and (words := _targets(old, new)):
        said.append(("targets", words))
    if not said and old["units"] == new["units"]:
        said += _details(old, new)
    yield from said


def _around(old: Planned, new: Planned) -> Iterator[tuple[str, str]]:
    """Yield what changed in sort, time, place, track and note."""
    was, is_now = _sort(old), _sort(new)
    if was != is_now:
        yield "kind", f"now {is_now or 'anywhere'}, was {was}"
    if old["starts_at"] != new["starts_at"]:
        yield "time", _was("starts at", "no fixed time", old["starts_at"], new["starts_at"])
    if old["place"] != new["place"]:
        yield "place", _was("at", "no fixed place", old["place"], new["place"])
    if old["lap_m"] != new["lap_m"]:
        yield "details", f"laps of {new['lap_m']:g} m, were {old['lap_m']:g} m"
    if old.get("split_m") != new.get("split_m"):
        often = f"every {new['split_m']:g} m" if new.get("split_m") else "at every lap"
        yield "details", f"splits {often}"
    if old["note"] != new["note"]:
        yield "note", _note("the coach’s note", new["note"])


def _details(old: Planned, new: Planned) -> Iterator[tuple[str, str]]:
    """Yield what is left: a pace in a sentence, or targets that differ by less than is shown."""
    pairs = zip(old["blocks"], new["blocks"], strict=False)
    differing = [(a["prose"], b["prose"]) for a, b in pairs if a["prose"] != b["prose"]]
    if differing:
        was, is_now = ([one.strip(" ()") for one in TIMES.findall(prose)] for prose in differing[0])
        run = _bare(TIMES.sub("", differing[0][1]))
        yield "targets", f"targets changed: {run} {'; '.join(was)} became {'; '.join(is_now)}"
    elif old["reps"] != new["reps"]:
        yield "targets", "targets changed by less than a second"


def _note(whose: str, note: str) -> str:
    if not note:
        return f"{whose} is taken out"
    return f"{whose} says “{shorten(note, LONGEST_NOTE, placeholder=' …')}”"


def _was(words: str, none: str, old: str | None, new: str | None) -> str:
    """Return "starts at 18:30, was 18:00", or the half of it that there is."""
    now = f"{words} {new}" if new else none
    return f"{now}, was {old}" if old else now


def _surface(session: Planned) -> str:
    return str(session.get("surface", "TRACK" if session["kind"] == "TRACK" else ""))


def _sort(session: Planned) -> str:
    """Return what sort of session it is: "track", "intervals on the road"."""
    where = "" if session["kind"] == "TRACK" else WHERE[_surface(session)]
    return f"{session['kind'].lower()} {where}".strip()


# What is run --------------------------------------------------------------------------------------


def _workout(old: Planned, new: Planned, exchanged: str) -> Iterator[tuple[str, str]]:
    """Yield what changed in the title and in what is run."""
    if exchanged:
        yield "workout", exchanged
        return
    if old["title"] != new["title"] and not _says_title(old, new):
        yield "workout", f"{old['title']} is now called {new['title']}"
    yield from (("workout", words) for words in _blocks(old, new))


def _prose(session: Planned, role: str) -> str:
    """Return the sentences of one role, without the times that depend on the athlete."""
    said = [block["prose"] for block in session["blocks"] if block["role"] == role]
    return TIMES.sub("", "; ".join(said))


def _says_title(old: Planned, new: Planned) -> bool:
    """Say whether both titles only repeat the workout: "6 × 800 m"."""
    return all(session["title"] in _prose(session, "main") for session in (old, new))


def _exchanged(old: Planned, new: Planned) -> str:
    """Return "800s became Pyramid" where both the title and the main part are others, else ""."""
    same = old["title"] == new["title"] or _prose(old, "main") == _prose(new, "main")
    if same or _says_title(old, new):
        return ""
    names = [
        one["title"]
        if one["title"] in _prose(one, "main")
        else f"{one['title']} ({_prose(one, 'main')})"
        for one in (old, new)
    ]
    return f"{names[0]} became {names[1]}"


def _blocks(old: Planned, new: Planned) -> Iterator[str]:
    """Yield what differs in the sentences: "6 × 800 m became 5 × 800 m"."""
    roles = [block["role"] for session in (old, new) for block in session["blocks"]]
    for role in dict.fromkeys(["main", *roles]):
        one, other = (_prose(session, role) for session in (old, new))
        if one == other:
            continue
        head = "" if role == "main" else role.replace("_", "-")
        if not one or not other:
            yield f"{head or 'main part'} {'taken out' if one else 'added'}: {_bare(one or other)}"
        else:
            was, is_now = _differing(_bare(one), _bare(other))
            yield f"{head} {was} became {is_now}".strip()


def _bare(prose: str) -> str:
    """Leave the name of the block out: "Warm-up: 1 mi easy"."""
    return re.sub(r"^(Warm-up|Drills|Cool-down|Strides): ", "", prose)


def _differing(one: str, other: str) -> tuple[str, str]:
    """Return the clauses of both that are not in the other; all where one has none of its own."""
    clauses = [re.split(r"[,;] ", text) for text in (one, other)]
    own = [
        [clause for clause in mine if clause not in theirs]
        for mine, theirs in (clauses, reversed(clauses))
    ]
    if not all(own):
        return one, other
    if len(own[0]) == len(own[1]) == 1:
        (was, _, pace), (is_now, _, other_pace) = (clause[0].partition(" at ") for clause in own)
        if pace == other_pace and was != is_now:
            return was, is_now
    return ", ".join(own[0]), ", ".join(own[1])


# How fast -----------------------------------------------------------------------------------------


def rep_run(rep: dict[str, Any], units: Units) -> str:
    """Show what a rep is: 800 m on the track, from 5 km on in the reader's units, or a time."""
    metres = rep["distance_m"]
    if not metres:
        return format_clock(rep["duration_s"])
    return f"{metres:.0f} m" if metres < 5000 else format_distance(metres, units=units)


def rep_target(rep: dict[str, Any], units: Units) -> str:
    """Show what to run a rep in: seconds over a distance, a pace over a time, else the effort."""
    if rep["distance_m"] and rep["target_s"]:
        return format_range(*(format_clock(value) for value in rep["target_s"]))
    if rep["pace_s_per_km"]:
        low, high = (format_pace(value / 1000, units=units) for value in rep["pace_s_per_km"])
        return low if low == high else format_range(low.partition("/")[0], high)
    return effort(rep)


def effort(rep: dict[str, Any]) -> str:
    """Word a target that has no seconds: an effort, or a pace that no race tells yet."""
    label = rep["label"]
    if label in ("max", "sprint") or label.startswith("rpe") or "%hr" in label:
        return {"max": "all out"}.get(label, label.replace("%hr", " % HRmax").replace("rpe", "RPE"))
    return str(rep["words"]).removeprefix("at ")


def _targets(old: Planned, new: Planned) -> str:
    """Return "targets faster: 800 m 3:24–3:26 became 3:21–3:24" for the reps that both have."""
    was, is_now = (_shown(session["reps"], new["units"]) for session in (old, new))
    parts: list[str] = []
    senses: set[str] = set()
    for run, targets in was.items():
        others = is_now.get(run, targets)
        if list(targets) == list(others):
            continue
        parts.append(f"{run} {', '.join(targets)} became {', '.join(others)}")
        senses |= {_sense(*pair) for pair in zip(targets.values(), others.values(), strict=False)}
    if not parts:
        return ""
    sense = senses.pop() if len(senses) == 1 else "changed"
    more = f" and {len(parts) - MOST_TARGETS} more" if len(parts) > MOST_TARGETS else ""
    return f"targets {sense}: {'; '.join(parts[:MOST_TARGETS])}{more}"


def _shown(reps: Sequence[dict[str, Any]], units: Units) -> dict[str, dict[str, Any]]:
    """Return, for each sort of rep, a rep for each target that it has; all by what is shown."""
    shown: dict[str, dict[str, Any]] = {}
    for rep in reps:
        # An easy run is run by its pace; nobody times the whole of it.
        timed = rep | {"target_s": None} if rep["is_easy"] else rep
        shown.setdefault(rep_run(rep, units), {})[rep_target(timed, units)] = rep
    return shown


def _sense(old: dict[str, Any], new: dict[str, Any]) -> str:
    paces = [rep["pace_s_per_km"] for rep in (old, new)]
    if not all(paces) or sum(paces[0]) == sum(paces[1]):
        return "changed"
    return "faster" if sum(paces[1]) < sum(paces[0]) else "slower"
