"""Many weeks and sessions written at once, each by the rule, in queries that do not grow with them.

Whoever calls these has locked the weeks.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from workouts.constraints import violated_constraint
from workouts.models.history import current_action, record
from workouts.models.kinds import Kind
from workouts.models.results import Result
from workouts.models.sessions import Session
from workouts.models.weeks import TrackLimitReached, TrainingWeek, limit_words

BATCH = 100
# What a session is, but for its place in a week and the slot that the rule gives it.
OWN = ("kind", "surface", "lap_m", "title", "notation", "starts_at", "place", "note", "workout_id")
STATE = (*OWN, "week_id", "weekday")
LIMITS = {"own_limit", "plan_limit"}


def write_weeks(wanted: Mapping[int, Mapping[str, Any]]) -> list[TrainingWeek]:
    """Write these fields of weeks, by id: `own_limit`, `plan_limit`, `phase` and `note`.

    What a week allows comes as near to its limit as the track sessions in it let it; where no
    limit is among the fields it can only come down.

    :returns: the weeks, as they are then
    """
    weeks = list(
        TrainingWeek.objects.filter(pk__in=list(wanted))
        .select_related("athlete")
        .prefetch_related("athlete__pauses")
        .order_by("pk")
    )
    on_track = Session.objects.on_track().filter(week__in=weeks)
    held = Counter(on_track.values_list("week_id", flat=True))
    alike: dict[tuple[tuple[str, Any], ...], list[TrainingWeek]] = {}
    for week in weeks:
        fields = dict(wanted[week.pk])
        for name, value in fields.items():
            setattr(week, name, value)
        nearest = max(week._limit_of(week.athlete), min(held[week.pk], week.track_limit))
        if nearest < week.track_limit or fields.keys() & LIMITS:
            fields["track_limit"] = week.track_limit = nearest
        if fields:
            alike.setdefault(tuple(sorted(fields.items())), []).append(week)
    ones = [week.pk for week in weeks if week.track_limit == 1 and held[week.pk] == 1]
    # A lone track session may sit in slot 2 with slot 1 free.
    on_track.filter(week__in=ones, track_slot=2).update(track_slot=1)
    for values, rows in alike.items():
        TrainingWeek.objects.filter(pk__in=[week.pk for week in rows]).update(**dict(values))
    noted = [week.pk for week in weeks if "note" in wanted[week.pk]]
    TrainingWeek.objects.filter(pk__in=noted).touch()
    record(TrainingWeek, [week for rows in alike.values() for week in rows])
    return weeks


def full_words(weeks: Iterable[TrainingWeek]) -> list[str]:
    """Say of each of these weeks how many track sessions it may have, and which it has."""
    held: dict[int, list[Session]] = {week.pk: [] for week in weeks}
    tracks = Session.objects.on_track().filter(week__in=held).select_related("week")
    for session in tracks.order_by("weekday", "pk"):
        held[session.week_id].append(session)
    return [
        limit_words(week.athlete.name, week.track_limit, week.starts_on, held[week.pk])
        for week in weeks
    ]


def remove(session_ids: Collection[int]) -> set[int]:
    """Take sessions out of their weeks; return the ids of those that stay, as a result is logged.

    The limits of the weeks stay as they are, see `write_weeks`.
    """
    rows = Session.objects.filter(pk__in=session_ids).order_by("pk")
    found = list(rows.select_for_update(of=("self",)))
    results = Result.objects.filter(session__in=[session.pk for session in found])
    logged = set(results.values_list("session_id", flat=True))
    gone = [session for session in found if session.pk not in logged]
    kept: Any = Session.history.model
    kept.objects.bulk_create(
        [
            kept(
                history_type="-",
                history_date=timezone.now(),
                history_user=kept.get_default_history_user(session),
                action_id=current_action(),
                **{f.attname: getattr(session, f.attname) for f in kept.tracked_fields},
            )
            for session in gone
        ],
        batch_size=BATCH,
    )
    # Past the signals, which would keep the history of each by a query of its own. A result that
    # is logged at this moment makes the database refuse.
    Session.objects.filter(pk__in=[session.pk for session in gone])._raw_delete("default")
    TrainingWeek.objects.filter(pk__in={session.week_id for session in gone}).touch()
    return logged


def rewrite(states: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """Write sessions as these fields say, by id; one that is not there is made under its id.

    :returns: why sessions could not be written, by id: their week has no slot left
    """
    rows = Session.objects.filter(pk__in=list(states)).order_by("pk")
    before = {session.pk: session for session in rows.select_for_update(of=("self",))}
    weeks = _weeks_of(states, before)
    fitting, full = _fit(list(_after(states, before)), before, weeks)
    try:
        with transaction.atomic():
            _write(fitting, before)
    except IntegrityError as error:
        if violated_constraint(error) != "session_one_per_track_slot":
            raise
        # Somebody wrote past the lock of the week: each row asks for itself.
        full |= _write_each(fitting)
    touched = {after.week_id for after in fitting}
    touched |= {before[after.pk].week_id for after in fitting if after.pk in before}
    TrainingWeek.objects.filter(pk__in=touched).touch()
    return full


def _weeks_of(
    states: Mapping[int, Mapping[str, Any]], before: Mapping[int, Session]
) -> dict[int, TrainingWeek]:
    ids = {state["week_id"] for state in states.values() if "week_id" in state}
    ids |= {session.week_id for session in before.values()}
    weeks = TrainingWeek.objects.filter(pk__in=ids).select_related("athlete")
    return {week.pk: week for week in weeks}


def _taken(weeks: Mapping[int, TrainingWeek]) -> dict[int, dict[int, Session]]:
    """Return what stands in the track slots of these weeks, by week and slot."""
    taken: dict[int, dict[int, Session]] = {pk: {} for pk in weeks}
    for session in Session.objects.on_track().filter(week__in=list(weeks)):
        assert session.track_slot is not None
        session.week = weeks[session.week_id]
        taken[session.week_id][session.track_slot] = session
    return taken


def _after(
    states: Mapping[int, Mapping[str, Any]], before: Mapping[int, Session]
) -> Iterable[Session]:
    for pk, state in states.items():
        old = {name: getattr(before[pk], name) for name in STATE} if pk in before else {}
        yield Session(pk=pk, **(old | dict(state)))


def _fit(
    waiting: list[Session], before: Mapping[int, Session], weeks: Mapping[int, TrainingWeek]
) -> tuple[list[Session], dict[int, str]]:
    """Give sessions the slots that they need, in the order in which they can have them.

    Each waits for those that free a slot. Those for which none is left are returned with the words.
    """
    taken, fitting = _taken(weeks), []
    while waiting:
        full = []
        for after in waiting:
            old = before.get(after.pk)
            after.week = weeks[after.week_id]
            after.track_limit = after.week.track_limit
            after.track_slot = _slot(old, after, taken[after.week_id])
            if after.counts and not after.track_slot:
                full.append(after)
                continue
            if old and old.track_slot:
                del taken[old.week_id][old.track_slot]
            if after.track_slot:
                taken[after.week_id][after.track_slot] = after
            fitting.append(after)
        if len(full) == len(waiting):
            return fitting, {after.pk: _why_full(after.week, taken) for after in full}
        waiting = full
    return fitting, {}


def _slot(before: Session | None, after: Session, taken: Mapping[int, Session]) -> int | None:
    """Return the slot for a session: the one that it has in that week, or a free one."""
    if not after.counts:
        return None
    if before and before.week_id == after.week_id and before.track_slot:
        return before.track_slot
    free = (slot for slot in range(1, after.track_limit + 1) if slot not in taken)
    return next(free, None)


def _why_full(week: TrainingWeek, taken: Mapping[int, Mapping[int, Session]]) -> str:
    in_the_way = sorted(taken[week.pk].values(), key=lambda one: (one.weekday, one.pk))
    return limit_words(week.athlete.name, week.track_limit, week.starts_on, in_the_way)


def _write(rows: list[Session], before: Mapping[int, Session]) -> None:
    changed = [row for row in rows if row.pk in before]
    made = [row for row in rows if row.pk not in before]
    # Off the track for a moment, so that no two of them want one slot on the way.
    on_track = [row.pk for row in changed if before[row.pk].track_slot]
    Session.objects.filter(pk__in=on_track).update(kind=Kind.REST, surface="", track_slot=None)
    always = {"kind", "surface", "track_limit", "track_slot"}
    names = always | {
        name for name in STATE for r in changed if getattr(r, name) != getattr(before[r.pk], name)
    }
    fields = sorted(name.removesuffix("_id") for name in names)
    Session.objects.bulk_update(changed, fields, batch_size=BATCH)
    Session.objects.bulk_create(made, batch_size=BATCH)
    record(Session, changed)
    record(Session, made, new=True)


def _write_each(rows: Iterable[Session]) -> dict[int, str]:
    refused = {}
    for row in rows:
        fields = {name: getattr(row, name) for name in STATE if name != "week_id"}
        try:
            row.week.restore(row.pk, **fields)
        except TrackLimitReached as error:
            refused[row.pk] = str(error)
    return refused
