"""The read side of planning: what stands in some athletes' weeks, and what there is room for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Self

from django.db.models import prefetch_related_objects
from django.db.models.functions import Coalesce

from athletes.models import Athlete, monday_of, why_absent
from workouts.models import Acceptance, Kind, Session, TrainingWeek, counts
from workouts.notation import NotationError
from workouts.prescriptions import summary
from workouts.spacing import LONGEST_DAYS, Day, Doubt, doubts
from workouts.track import STANDARD_LAP_M

WEEK = timedelta(days=7)
# The days whose weeks have a page, see MondayConverter.
FIRST_DAY, LAST_DAY = date(2000, 1, 3), date(2100, 1, 3)


@dataclass(frozen=True)
class Planned(Day):
    """A session in the diary; `session_id` is None for one that is only thought of."""

    session_id: int | None = None
    slot: int | None = None

    @property
    def letter(self) -> str:
        return Kind(self.kind).letter


@dataclass
class DiaryWeek:
    """One week of one athlete: its limit, its row if there is one, what is on the track."""

    limit: int
    pk: int | None = None
    tracks: list[Planned] = field(default_factory=list)

    @property
    def free_slot(self) -> int | None:
        taken = {planned.slot for planned in self.tracks}
        return next((slot for slot in range(1, self.limit + 1) if slot not in taken), None)


@dataclass
class Diary:
    """The weeks of some athletes from one Monday to another, read in two queries.

    Athletes come with their `pauses` fetched, else there is one more query for each.
    """

    weeks: dict[tuple[int, date], DiaryWeek]
    days: dict[int, list[Planned]]
    # The doubts of each athlete as the days stand: an offer asks for them once a day.
    _known: dict[int, frozenset[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, athletes: Iterable[Athlete], *, first: date, last: date) -> Self:
        known = {athlete.pk: athlete for athlete in athletes}
        rows = TrainingWeek.objects.filter(
            athlete__in=list(known), starts_on__range=(first, last)
        ).values_list("pk", "athlete_id", "starts_on", "track_limit")
        weeks = {(who, monday): DiaryWeek(limit, pk) for pk, who, monday, limit in rows}
        diary = cls(weeks, {pk: [] for pk in known})
        sessions = (
            Session.objects.filter(
                week__athlete__in=list(known), week__starts_on__range=(first, last)
            )
            .order_by("week__starts_on", "weekday", "pk")
            .values_list(
                "pk",
                "week__athlete_id",
                "week__starts_on",
                "weekday",
                "title",
                "kind",
                "surface",
                "notation",
                "track_slot",
                Coalesce("lap_m", "week__athlete__team__lap_m"),
            )
        )
        for pk, who, monday, weekday, title, kind, surface, notation, slot, lap_m in sessions:
            planned = Planned(
                on=monday + timedelta(days=weekday - 1),
                title=title,
                kind=kind,
                on_track=counts(kind, surface),
                distance_m=distance_m(notation, known[who].level, lap_m),
                session_id=pk,
                slot=slot,
            )
            diary.note(known[who], planned)
        return diary

    def session(self, athlete: Athlete, session_id: int) -> Planned:
        """Return a session as it stood when the diary was read.

        :raises Session.DoesNotExist: if it was moved away or removed before that
        """
        for planned in self.days[athlete.pk]:
            if planned.session_id == session_id:
                return planned
        raise Session.DoesNotExist

    def week(self, athlete: Athlete, monday: date) -> DiaryWeek:
        """Return the athlete's week of that Monday, as it would be made if it is not there."""
        key = athlete.pk, monday
        if key not in self.weeks:
            self.weeks[key] = DiaryWeek(athlete.limit_in(monday))
        return self.weeks[key]

    def note(self, athlete: Athlete, planned: Planned) -> None:
        """Enter a session; one on the track takes its slot."""
        self.days[athlete.pk].append(planned)
        self._known.pop(athlete.pk, None)
        if planned.on_track:
            self.week(athlete, monday_of(planned.on)).tracks.append(planned)

    def doubts(self, athlete: Athlete, *, add: Sequence[Planned] = ()) -> list[Doubt]:
        """Return what is doubtful in the athlete's days, with sessions that are thought of."""
        days = [*self.days[athlete.pk], *add]
        pauses, busy = list(athlete.pauses.all()), athlete.busy_days
        return doubts(
            days,
            level=athlete.level,
            birth_year=athlete.birth_year,
            absent={day.on: why_absent(day.on, pauses, busy) for day in days},
        )

    def new_doubts(
        self, athlete: Athlete, planned: Planned, *, instead_of: int | None = None
    ) -> list[Doubt]:
        """Return the doubts that a session would raise: one more, or one that takes a place."""
        if athlete.pk not in self._known:
            self._known[athlete.pk] = frozenset(one.key for one in self.doubts(athlete))
        known = self._known[athlete.pk]
        rest = self.without(athlete, instead_of) if instead_of else self
        return [d for d in rest.doubts(athlete, add=[planned]) if d.key not in known]

    def without(self, athlete: Athlete, session_id: int | None) -> "Diary":
        """Return the diary as it would be with one session taken out."""
        days = [day for day in self.days[athlete.pk] if day.session_id != session_id]
        weeks = {
            key: DiaryWeek(
                week.limit, week.pk, [t for t in week.tracks if t.session_id != session_id]
            )
            for key, week in self.weeks.items()
        }
        return Diary(weeks, self.days | {athlete.pk: days})


@dataclass(frozen=True)
class OpenDoubt:
    """A doubt about a week, and the reason for which a coach lets it stand, if one does."""

    doubt: Doubt
    accepted: Acceptance | None


def doubts_of(week: TrainingWeek) -> list[OpenDoubt]:
    """Return what is doubtful in a week, beside its neighbours and the 30 days before it."""
    athlete = week.athlete
    prefetch_related_objects([athlete], "pauses")
    diary = Diary.read([athlete], **around(week.starts_on))
    accepted = {one.key: one for one in week.acceptances.select_related("by")}
    return [
        OpenDoubt(doubt, accepted.get(doubt.key))
        for doubt in diary.doubts(athlete)
        if week.starts_on <= doubt.on <= week.ends_on
    ]


def around(monday: date) -> dict[str, date]:
    """Return the weeks to read for one week: 30 days before, and the week after."""
    return {"first": monday_of(monday - timedelta(days=LONGEST_DAYS)), "last": monday + WEEK}


def distance_m(notation: str, level: str, lap_m: float | None = None) -> float | None:
    """Return the metres of a session, at most, or None where it goes by time."""
    try:
        return summary(notation, level.lower(), lap_m or STANDARD_LAP_M).distance_m_high
    except NotationError:
        return None


@dataclass(frozen=True)
class DayOffer:
    """A day on which the rule allows a session; `doubts` say what speaks against it."""

    on: date
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True)
class Offer:
    """What can be done instead: days of this week and the next, and the same off the track.

    There is no twin on a day on which the athlete cannot train.
    """

    in_the_way: tuple[Planned, ...]
    days: tuple[DayOffer, ...]
    has_twin: bool

    @property
    def clear_days(self) -> tuple[DayOffer, ...]:
        return tuple(day for day in self.days if not day.doubts)

    @property
    def doubtful_days(self) -> tuple[DayOffer, ...]:
        return tuple(day for day in self.days if day.doubts)

    def since(self, today: date) -> "Offer":
        """Return the offer without the days that are over."""
        return replace(self, days=tuple(day for day in self.days if day.on >= today))


def offer(athlete: Athlete, *, wanted: Planned, diary: Diary, moving: int | None = None) -> Offer:
    """Return what the rule allows instead of a session on a day where it does not fit.

    `moving` is the id of the session where one is to be moved, not added.
    """
    found = diary.without(athlete, moving) if moving else diary
    monday = monday_of(wanted.on)
    days = []
    for ahead in range(14):
        on = monday + timedelta(days=ahead)
        week = found.week(athlete, monday_of(on))
        is_full = wanted.on_track and week.free_slot is None
        if on > LAST_DAY or athlete.why_not(on) or is_full:
            continue
        moved = Planned(on, wanted.title, wanted.kind, wanted.on_track, wanted.distance_m)
        days.append(DayOffer(on, tuple(found.new_doubts(athlete, moved))))
    return Offer(
        in_the_way=tuple(found.week(athlete, monday).tracks) if wanted.on_track else (),
        days=tuple(days),
        has_twin=wanted.on_track and not athlete.why_not(wanted.on),
    )


def days_to_move(
    session: Session, *, known_on: date | None = None, monday: date | None = None
) -> Offer:
    """Return the days of its week and the next to which a session can be moved.

    To one who knows it to stand on another day, `known_on`, that is the day that is left out, and
    the two weeks are those from `monday` on: where it stands in a draft is not told.

    :raises Session.DoesNotExist: if it was moved to another week or removed meanwhile
    """
    athlete, stands_in = session.week.athlete, session.week.starts_on
    prefetch_related_objects([athlete], "pauses")
    weeks = around(monday or stands_in)
    weeks = {"first": min(weeks["first"], stands_in), "last": max(weeks["last"], stands_in)}
    diary = Diary.read([athlete], **weeks)
    own = replace(diary.session(athlete, session.pk), on=monday or stands_in)
    found = offer(athlete, wanted=own, diary=diary, moving=session.pk)
    left_out = known_on or session.on
    return replace(found, days=tuple(day for day in found.days if day.on != left_out))


def thought_of(session: dict[str, Any], *, on: date, athlete: Athlete) -> Planned:
    """Return a session as the diary takes it, from what `TrainingWeek.schedule` takes."""
    kind, surface = session["kind"], session.get("surface", "")
    return Planned(
        on=on,
        title=session["title"],
        kind=kind,
        on_track=counts(kind, surface),
        distance_m=distance_m(
            session["notation"], athlete.level, session.get("lap_m") or athlete.team.lap_m
        ),
    )
