"""What an import writes: athletes, groups and races of one team, all of it or nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from django.db import transaction

from athletes.models import Athlete, Group, RacePerformance, Team
from athletes.roster.sheets import (
    Best,
    ResultRow,
    ResultsFile,
    RosterFile,
    RosterRow,
    read_results,
    read_roster,
)
from athletes.roster.table import CellError


class RosterRefused(Exception):
    """Files with errors; nothing of them was written, and `errors` names every one."""

    def __init__(self, errors: Sequence[CellError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


_Raced: TypeAlias = tuple[int, Decimal, Decimal]  # athlete id, metres, seconds


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, in rows of the database.

    A race is `dated` when a result gave its day to a best time, `corrected` when it gave another
    surface. `lost` counts athletes and races of the files that are not in the database afterwards.
    """

    athletes_new: int
    athletes_changed: int
    athletes_unchanged: int
    races_new: int
    races_dated: int
    races_corrected: int
    races_unchanged: int
    groups_new: tuple[str, ...]
    lost: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        athletes = self.athletes_new + self.athletes_changed + self.athletes_unchanged
        kept = self.races_dated + self.races_corrected + self.races_unchanged
        corrected = f"{self.races_corrected} corrected, " if self.races_corrected else ""
        return (
            f"{athletes} athletes: {self.athletes_new} new, {self.athletes_changed} changed, "
            f"{self.athletes_unchanged} unchanged; "
            f"{self.races_new + kept} races: {self.races_new} new, {self.races_dated} dated, "
            f"{corrected}{self.races_unchanged} unchanged; {self.lost} lost"
        )


def import_roster(
    team: Team, roster: bytes, results: bytes | None = None, *, today: date, dry_run: bool = False
) -> Report:
    """Write a roster, and the results that go with it, into a team: all of it or nothing.

    An athlete is known by the address. A cell that is filled in is what the athlete has from then
    on (for groups: exactly those); a blank one changes nothing. Every race is kept: a best time is
    added undated unless a race of that distance and time is there, and a result gives its date to
    such an undated race before it becomes a race of its own. So a second run changes nothing.

    With `dry_run` all is done and then undone. `today` is the latest day a race can have been on.

    :raises RosterRefused: if anything in either file is wrong; nothing is written
    """
    people = read_roster(roster, today=today)
    dated = ResultsFile() if results is None else read_results(results, today=today)
    with transaction.atomic():
        # Two imports into one team take turns; the second sees what the first one wrote.
        Team.objects.select_for_update().get(pk=team.pk)
        athletes = {athlete.email.lower(): athlete for athlete in team.athletes.all()}
        errors = [*people.errors, *dated.errors]
        if people.emails or not people.errors:
            errors += _misplaced(dated.rows, people=people, athletes=athletes)
        if errors:
            raise RosterRefused(errors)
        report = _write(team, athletes, people, dated)
        if dry_run:
            transaction.set_rollback(True)
    return report


def _misplaced(
    rows: Iterable[ResultRow], *, people: RosterFile, athletes: Mapping[str, Athlete]
) -> Iterator[CellError]:
    """Yield an error for each result of someone not on the team, or not born yet."""
    born = {email: athlete.birth_year for email, athlete in athletes.items()}
    born |= {row.email: row.facts["birth_year"] for row in people.rows if "birth_year" in row.facts}
    for row in rows:
        if row.email not in athletes and row.email not in people.emails:
            message = f"{row.email} is not on this team; add a row for the athlete to the roster."
            yield CellError("results", row.row, "email", message)
        elif row.raced_on.year < (born.get(row.email) or 0):
            message = f"{row.raced_on} is before the athlete was born, in {born[row.email]}."
            yield CellError("results", row.row, "date", message)


def _write(
    team: Team, athletes: dict[str, Athlete], people: RosterFile, dated: ResultsFile
) -> Report:
    """Write the sound rows of both files; `athletes` are those of the team, by address."""
    absent = len(athletes.keys() - people.emails)
    new, changed = _write_athletes(team, athletes, people.rows)
    groups_new, regrouped = _write_groups(team, athletes, people.rows)
    changed = (changed | regrouped) - new
    races = _Races(team)
    for row in people.rows:
        for best in row.bests:
            races.keep_best(athletes[row.email], best)
    # The oldest first, so that the order of the file does not matter.
    for result in sorted(dated.rows, key=lambda result: result.raced_on):
        races.keep_result(athletes[result.email], result)
    races.save()
    are = "athlete of the team is" if absent == 1 else "athletes of the team are"
    stay = f"{absent} {are} not in the roster and stay{'s' * (absent == 1)} as before"
    return Report(
        athletes_new=len(new),
        athletes_changed=len(changed),
        athletes_unchanged=len(people.rows) - len(new) - len(changed),
        races_new=len(races.new),
        races_dated=len(races.dated),
        races_corrected=len(races.corrected),
        races_unchanged=races.unchanged,
        groups_new=groups_new,
        lost=_lost(team, people, dated),
        notes=(*people.notes, *dated.notes, *([stay] if absent else ())),
    )


def _write_athletes(
    team: Team, athletes: dict[str, Athlete], rows: Sequence[RosterRow]
) -> tuple[set[int], set[int]]:
    """Make or change an athlete for each row, add the new ones to `athletes`; return both's ids."""
    new: list[Athlete] = []
    changed: list[Athlete] = []
    fields: set[str] = set()
    for row in rows:
        athlete = athletes.get(row.email)
        if athlete is None:
            limit = Athlete.usual_limit(row.facts.get("level", ""))
            new.append(
                Athlete(team=team, name=row.name, email=row.email, track_limit=limit, **row.facts)
            )
            continue
        facts = {"name": row.name, **row.facts}
        differing = {name for name, value in facts.items() if getattr(athlete, name) != value}
        for name in differing:
            setattr(athlete, name, facts[name])
        if differing:
            changed.append(athlete)
            fields |= differing
    Athlete.objects.bulk_create(new)
    if changed:
        Athlete.objects.bulk_update(changed, sorted(fields))
    athletes.update((athlete.email, athlete) for athlete in new)
    return {athlete.pk for athlete in new}, {athlete.pk for athlete in changed}


def _write_groups(
    team: Team, athletes: Mapping[str, Athlete], rows: Sequence[RosterRow]
) -> tuple[tuple[str, ...], set[int]]:
    """Put each athlete with a group cell into exactly those groups.

    Returns the names of the groups that were made and the ids of the athletes that moved.
    """
    groups = {group.name.casefold(): group for group in team.groups.all()}
    names = {name.casefold(): name for row in reversed(rows) for name in row.groups}
    made = [Group(team=team, name=name) for key, name in names.items() if key not in groups]
    made.sort(key=lambda group: group.name.casefold())
    Group.objects.bulk_create(made)
    groups.update((group.name.casefold(), group) for group in made)

    through = Athlete.groups.through
    links = through.objects.filter(athlete__team=team)
    held: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for link in links:
        held[link.athlete_id][link.group_id] = link.pk
    fresh, stale, moved = [], [], set()
    for row in rows:
        if not row.groups:
            continue
        athlete_id = athletes[row.email].pk
        wanted = {groups[name.casefold()].pk for name in row.groups}
        has = held[athlete_id]
        fresh += [through(athlete_id=athlete_id, group_id=pk) for pk in sorted(wanted - has.keys())]
        stale += [has[group_id] for group_id in has.keys() - wanted]
        if wanted != has.keys():
            moved.add(athlete_id)
    through.objects.bulk_create(fresh)
    if stale:
        links.filter(pk__in=stale).delete()
    return tuple(group.name for group in made), moved


class _Races:
    """The races of a team in an import: those stored, and what the files make of them."""

    def __init__(self, team: Team) -> None:
        self.new: list[RacePerformance] = []
        self.dated: list[RacePerformance] = []
        self.corrected: list[RacePerformance] = []
        self._met: set[int] = set()  # id() of the rows that the files speak of; rows live in _rows
        self._rows: defaultdict[_Raced, list[RacePerformance]] = defaultdict(list)
        for race in RacePerformance.objects.filter(athlete__team=team).order_by("pk"):
            self._rows[race.athlete_id, race.distance_m, race.time_s].append(race)

    @property
    def unchanged(self) -> int:
        return len(self._met) - len(self.new) - len(self.dated) - len(self.corrected)

    def keep_best(self, athlete: Athlete, best: Best) -> None:
        rows = self._rows[athlete.pk, best.distance_m, best.time_s]
        race = rows[0] if rows else self._add(athlete, best.distance_m, best.time_s)
        self._met.add(id(race))

    def keep_result(self, athlete: Athlete, result: ResultRow) -> None:
        rows = self._rows[athlete.pk, result.distance_m, result.time_s]
        race = next((race for race in rows if race.raced_on == result.raced_on), None)
        race = race or next((race for race in rows if race.raced_on is None), None)
        race = race or self._add(athlete, result.distance_m, result.time_s)
        changed = self.corrected if race.raced_on else self.dated
        differs = race.raced_on is None or result.surface not in ("", race.surface)
        if race.pk and differs:
            changed.append(race)
        race.raced_on = result.raced_on
        race.surface = result.surface or race.surface
        self._met.add(id(race))

    def _add(self, athlete: Athlete, distance_m: Decimal, time_s: Decimal) -> RacePerformance:
        race = RacePerformance(athlete=athlete, distance_m=distance_m, time_s=time_s)
        self.new.append(race)
        self._rows[athlete.pk, distance_m, time_s].append(race)
        return race

    def save(self) -> None:
        RacePerformance.objects.bulk_create(self.new)
        if changed := [*self.dated, *self.corrected]:
            RacePerformance.objects.bulk_update(changed, ["raced_on", "surface"])


def _lost(team: Team, people: RosterFile, dated: ResultsFile) -> int:
    """Return how many athletes and races of the files the database does not hold."""
    emails = {email.lower() for email in team.athletes.values_list("email", flat=True)}
    stored = {
        (email.lower(), *race)
        for email, *race in RacePerformance.objects.filter(athlete__team=team).values_list(
            "athlete__email", "distance_m", "time_s", "raced_on"
        )
    }
    raced = {race[:3] for race in stored}
    bests = {(row.email, best.distance_m, best.time_s) for row in people.rows for best in row.bests}
    results = {(row.email, row.distance_m, row.time_s, row.raced_on) for row in dated.rows}
    return len(people.emails - emails) + len(bests - raced) + len(results - stored)
