"""Changes to the weeks of many athletes at once, with a verdict for each."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet, prefetch_related_objects

from athletes.models import Athlete, RacePerformance, User, monday_of
from workouts.constraints import violated_constraint
from workouts.diary import Diary, Offer, around, offer, thought_of
from workouts.models import (
    Acceptance,
    Delivery,
    PublishedPlan,
    Session,
    TrackLimitReached,
    TrainingWeek,
)
from workouts.models.history import record
from workouts.models.kinds import Kind, Surface, settle
from workouts.models.plans import AS_SENT, SETTLING, what_is_planned, with_content
from workouts.models.weeks import LIMIT_WORDS, limit_words
from workouts.notation import format_workout, narrow, parse_workout
from workouts.prescriptions import summary
from workouts.revisions import Change, changes
from workouts.spacing import Doubt

BATCH = 100
# Why an athlete is left out of a group action where the coach does not say otherwise.
LEFT_OUT = ("paused", "busy", "no_race")


@dataclass(frozen=True)
class Draft:
    """A session to be placed; `session` is what `TrainingWeek.schedule` takes but for the day.

    `source` is for who drafted it: the verdict carries it along.
    """

    athlete: Athlete
    on: date
    session: dict[str, Any]
    source: Any = None

    @property
    def starts_on(self) -> date:
        return monday_of(self.on)


@dataclass(frozen=True)
class Verdict:
    """What became, or would become, of one draft: a session, or the reason why not.

    `reason` is limit, paused, busy or no_race where it was not placed, and `refusal` says it in
    words; `offer` is what could be done instead. `doubts` speak against what was placed.
    """

    athlete: Athlete
    on: date
    session: Session | None = None
    refusal: str = ""
    reason: str = ""
    doubts: tuple[Doubt, ...] = ()
    offer: Offer | None = None
    source: Any = None

    @property
    def fits(self) -> bool:
        return not self.refusal


def why_full(athlete: Athlete, starts_on: date, limit: int, in_the_way: Sequence[Any]) -> str:
    """Say why a week takes no more track sessions, by the pause that leaves it so few, if any."""
    pauses = [pause for pause in athlete.pauses.all() if pause.limit_in(starts_on) < 2]
    pause = min(pauses, key=lambda one: one.limit_in(starts_on), default=None)
    if pause is None or pause.limit_in(starts_on) > limit:
        return limit_words(athlete.name, limit, starts_on, in_the_way)
    allowed = LIMIT_WORDS[pause.limit_in(starts_on)]
    reason = pause.get_reason_display().lower()
    until = f"until {pause.ends_on:%-d %B}" if pause.ends_on else f"from {pause.starts_on:%-d %B}"
    is_over = pause.ends_on is not None and pause.ends_on < starts_on
    state = f"was {reason} {until} and comes back gently" if is_over else f"is {reason} {until}"
    text = f"{athlete.name} {state}: {allowed} in the week of {starts_on:%-d %B}"
    if in_the_way:
        text += ", which has " + " and ".join(f"{one.on:%A} {one.title}" for one in in_the_way)
    return text + "."


def refusal(error: TrackLimitReached) -> str:
    """Say what `why_full` says where the database refused a session."""
    week = error.week
    return why_full(week.athlete, week.starts_on, week.track_limit, error.in_the_way)


@lru_cache(maxsize=4096)
def settled(notation: str, level: str) -> str:
    """Return a template as it is scheduled for one of `level`; one without ranges as typed."""
    workout = parse_workout(notation)
    narrowed = narrow(workout, level)
    return notation if narrowed == workout else format_workout(narrowed)


def schedule_for(
    athletes: Iterable[Athlete],
    *,
    starts_on: date,
    weekday: int,
    notation: str,
    skip: Collection[str] = (),
    only_look: bool = False,
    all_or_nothing: bool = False,
    **session: Any,
) -> list[Verdict]:
    """Add the same session to the week of each athlete; return a verdict for each, by name.

    Ranges and levels in the notation are settled for each; `session` is what else
    `TrainingWeek.schedule` takes. See `place` for the rest.
    """
    on = starts_on + timedelta(days=weekday - 1)
    drafts = draft_for(athletes, on=on, notation=notation, **session)
    return place(drafts, skip=skip, only_look=only_look, all_or_nothing=all_or_nothing)


def draft_for(
    athletes: Iterable[Athlete], *, on: date, notation: str, **session: Any
) -> list[Draft]:
    """Return a draft of the same session for each athlete, settled for each one's level."""
    return [
        Draft(one, on, session | {"notation": settled(notation, one.level.lower())})
        for one in athletes
    ]


def place(
    drafts: Iterable[Draft],
    *,
    skip: Collection[str] = (),
    only_look: bool = False,
    all_or_nothing: bool = False,
) -> list[Verdict]:
    """Add sessions to the weeks of many athletes in one transaction; return a verdict for each.

    Those whose track slots are taken are left as they are, and so are those that `skip` names: who
    is paused, busy on that day, or has no race for the paces. `only_look` writes nothing;
    `all_or_nothing` writes nothing unless every draft fits. The number of queries does not grow
    with the athletes, but for one INSERT a batch.
    """
    wanted = sorted(drafts, key=lambda draft: (draft.athlete.pk, draft.on))
    if not wanted:
        return []
    prefetch_related_objects(
        list({d.athlete.pk: d.athlete for d in wanted}.values()), "pauses", "team"
    )
    with transaction.atomic():
        if not only_look:
            open_and_lock(wanted)
        diary = _diary(wanted)
        raced = _raced(wanted) if "no_race" in skip else set()
        looked = [_look(draft, diary, skip, raced) for draft in wanted]
        verdicts = [verdict for verdict, _ in looked]
        is_off = all_or_nothing and any(verdict.refusal for verdict in verdicts)
        if not only_look and not is_off:
            verdicts = _write(looked)
            is_off = all_or_nothing and any(verdict.refusal for verdict in verdicts)
        if is_off or not any(verdict.session for verdict in verdicts):
            # Nothing is kept, nor the weeks that were made for it.
            transaction.set_rollback(True)
            verdicts = [replace(verdict, session=None) for verdict in verdicts]
    return sorted(verdicts, key=lambda verdict: (verdict.athlete.name, verdict.on))


def open_and_lock(drafts: Sequence[Draft]) -> None:
    """Make the weeks that are missing, then lock all in the order of their ids.

    Two coaches at work at once wait for each other in one order and do not deadlock.
    """
    keys = {(draft.athlete.pk, draft.starts_on) for draft in drafts}
    weeks = TrainingWeek.objects.filter(
        athlete__in={who for who, _ in keys}, starts_on__in={monday for _, monday in keys}
    )
    missing = keys - set(weeks.values_list("athlete_id", "starts_on"))
    if missing:
        locked = (
            Athlete.objects.filter(pk__in={who for who, _ in missing})
            .order_by("pk")
            .select_for_update(no_key=True)
            .prefetch_related("pauses")
        )
        fresh = {athlete.pk: athlete for athlete in locked}
        # Who makes a week locks its athlete first: what is missing now, nobody else is making.
        missing -= set(weeks.values_list("athlete_id", "starts_on"))
        made = [
            TrainingWeek(athlete=fresh[who], starts_on=on, track_limit=fresh[who].limit_in(on))
            for who, on in sorted(missing)
            if who in fresh
        ]
        record(TrainingWeek, TrainingWeek.objects.bulk_create(made), new=True)
    list(weeks.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _diary(drafts: Sequence[Draft]) -> Diary:
    mondays = [draft.starts_on for draft in drafts]
    first, last = around(min(mondays))["first"], around(max(mondays))["last"]
    return Diary.read({draft.athlete for draft in drafts}, first=first, last=last)


def _raced(drafts: Sequence[Draft]) -> set[int]:
    races = RacePerformance.objects.filter(
        athlete__in={draft.athlete.pk for draft in drafts}, drives_paces=True
    )
    return set(races.values_list("athlete_id", flat=True).distinct())


def _look(
    draft: Draft, diary: Diary, skip: Collection[str], raced: set[int]
) -> tuple[Verdict, Session | None]:
    """Judge one draft, and enter it into the diary where it fits, with the row to be written."""
    athlete, on = draft.athlete, draft.on
    session = dict(draft.session)
    session["kind"], session["surface"] = settle(
        session["kind"], session.get("surface", ""), session["notation"]
    )
    planned = thought_of(session, on=on, athlete=athlete)
    week = diary.week(athlete, draft.starts_on)
    reason, refusal = _reason(draft, planned.on_track, week, skip, raced)
    if reason:
        instead = offer(athlete, wanted=planned, diary=diary)
        return Verdict(
            athlete, on, refusal=refusal, reason=reason, offer=instead, source=draft.source
        ), None
    raised = tuple(diary.new_doubts(athlete, planned))
    slot = week.free_slot if planned.on_track else None
    diary.note(athlete, replace(planned, slot=slot))
    row = Session(
        week_id=week.pk or 0,  # 0 where one only looks, and the week is not made
        weekday=on.isoweekday(),
        track_limit=week.limit,
        track_slot=slot,
        **session,
    )
    return Verdict(athlete, on, doubts=raised, source=draft.source), row


def _reason(
    draft: Draft, on_track: bool, week: Any, skip: Collection[str], raced: set[int]
) -> tuple[str, str]:
    """Return why a draft does not fit, as a word and in words; two times "" where it does."""
    athlete = draft.athlete
    why_not = athlete.why_not(draft.on)
    absent = "paused" if athlete.is_paused_on(draft.on) else "busy"
    if why_not and absent in skip:
        return absent, f"{athlete.name}: {why_not}."
    if on_track and week.free_slot is None:
        return "limit", why_full(athlete, draft.starts_on, week.limit, week.tracks)
    if (
        "no_race" in skip
        and athlete.pk not in raced
        and summary(draft.session["notation"], athlete.level.lower()).needs_paces
    ):
        return "no_race", f"{athlete.name} has no race yet, and so no target times."
    return "", ""


def _write(looked: Sequence[tuple[Verdict, Session | None]]) -> list[Verdict]:
    """Insert what fits, by the hundred; where the database grants no slot, one by one."""
    verdicts = [verdict for verdict, row in looked if row is None]
    fitting = [(verdict, row) for verdict, row in looked if row is not None]
    for start in range(0, len(fitting), BATCH):
        batch = fitting[start : start + BATCH]
        rows = [row for _, row in batch]
        try:
            with transaction.atomic():
                Session.objects.bulk_create(rows)
                record(Session, rows, new=True)
            verdicts += [replace(verdict, session=row) for verdict, row in batch]
        except IntegrityError as error:
            if violated_constraint(error) != "session_one_per_track_slot":
                raise
            # Somebody wrote past the lock of the week: each row asks for itself.
            verdicts += [_write_one(verdict, row) for verdict, row in batch]
    weeks = {row.week_id for _, row in fitting}
    TrainingWeek.objects.filter(pk__in=weeks).touch()
    return verdicts


def _write_one(verdict: Verdict, row: Session) -> Verdict:
    week = TrainingWeek.objects.select_related("athlete").get(pk=row.week_id)
    names = ("kind", "weekday", "notation", "title", "workout", "surface", "lap_m")
    details = ("starts_at", "place", "note")
    try:
        made = week.schedule(**{name: getattr(row, name) for name in (*names, *details)})
    except TrackLimitReached as error:
        return replace(verdict, refusal=refusal(error), reason="limit")
    return replace(verdict, session=made)


def copy_session(session: Session, *, to: Iterable[tuple[Athlete, date]]) -> list[Draft]:
    """Return drafts of a session for other athletes and days, settled for each one's level."""
    return [Draft(athlete, on, _as_typed(session, athlete.level.lower())) for athlete, on in to]


def copy_week(week: TrainingWeek, *, to: Iterable[tuple[Athlete, date]]) -> list[Draft]:
    """Return drafts of all sessions of a week, for other athletes and the Mondays given."""
    sessions = list(
        week.sessions.select_related("workout", "week__athlete").order_by("weekday", "pk")
    )
    return [
        draft
        for athlete, monday in to
        for session in sessions
        for draft in copy_session(
            session, to=[(athlete, monday + timedelta(days=session.weekday - 1))]
        )
    ]


def _as_typed(session: Session, level: str) -> dict[str, Any]:
    """Return all of a session but for its week and day, as a new one takes it."""
    names = (
        "kind",
        "surface",
        "lap_m",
        "title",
        "notation",
        "workout",
        "starts_at",
        "place",
        "note",
    )
    typed = {name: getattr(session, name) for name in names}
    own = session.week.athlete.level.lower()
    recipe = session.workout.notation if session.workout else ""
    # One that stands as the recipe settled it is settled anew; one that a coach changed stays.
    if recipe and settled(recipe, own) == session.notation:
        typed["notation"] = settled(recipe, level)
    return typed


def off_track(session: dict[str, Any]) -> dict[str, Any]:
    """Return the twin of a session on the track: the same steps on the road, taking no slot."""
    kind = Kind.INTERVALS if session["kind"] == Kind.TRACK else session["kind"]
    return session | {"kind": kind, "surface": Surface.ROAD, "lap_m": None}


@dataclass(frozen=True)
class Publication:
    """How many weeks of a group were published, said the same as before, or hold no session.

    `without_paces` names the athletes whose plan was published without target times; `as_sent`
    counts the weeks that were set back to what had been mailed, and are not mailed once more;
    `settling` those whose changes are mailed only when the edits have settled.
    """

    published: int
    unchanged: int
    empty: int
    as_sent: int = 0
    without_paces: tuple[str, ...] = ()
    settling: int = 0


def publish_weeks(
    athletes: Iterable[Athlete], *, starts_on: date, now: datetime, by: User | None, ahead: int = 0
) -> Publication:
    """Publish what each athlete has in that week and `ahead` more, in one transaction.

    A week with a session is published, and so is one that was published and emptied since: it is
    withdrawn. The number of queries does not grow with the athletes, but for each batch of weeks.
    """
    wanted = list(athletes)
    weeks = weeks_to_publish(wanted, starts_on=starts_on, ahead=ahead)
    plans = PublishedPlan.objects.publish_all(weeks, now=now, by=by)
    fresh = [plan for plan in plans if plan.published_at == now]
    as_sent = sum(plan.delivery.last_error == AS_SENT for plan in fresh)
    new = [plan.week.athlete for plan in fresh]
    return Publication(
        published=len(new) - as_sent,
        unchanged=len(plans) - len(new),
        empty=len(wanted) * (ahead + 1) - len(plans),
        as_sent=as_sent,
        without_paces=tuple(dict.fromkeys(one.name for one in new if not has_race(one))),
        settling=sum(
            plan.delivery.state == Delivery.State.DUE and plan.delivery.due_at == now + SETTLING
            for plan in fresh
        ),
    )


@dataclass(frozen=True)
class Prospect:
    """What publishing would make of one week of one athlete.

    `state` is first (its first revision), again (a new one, `changes` say what is new in it), same
    (as it was published) or none (no session). `revision` is the one that the athlete has then, 0
    without one. `doubts` are those that no coach has accepted.
    """

    athlete: Athlete
    starts_on: date
    state: str = "none"
    revision: int = 0
    changes: tuple[Change, ...] = ()
    without_paces: bool = False
    doubts: tuple[str, ...] = ()


def prospects(
    athletes: Iterable[Athlete], *, starts_on: date, now: datetime, ahead: int = 0
) -> list[Prospect]:
    """Return what `publish_weeks` would do, by name and week; nothing is written.

    The number of queries grows neither with the athletes nor with the weeks.
    """
    wanted = list(athletes)
    rows = weeks_to_publish(wanted, starts_on=starts_on, ahead=ahead)
    weeks = {(week.athlete_id, week.starts_on): week for week in with_content(rows)}
    ids = [week.pk for week in weeks.values()]
    plans = {
        plan.week_id: plan for plan in PublishedPlan.objects.filter(week__in=ids).latest_revisions()
    }
    doubtful = _open_doubts(wanted, list(weeks.values()))
    mondays = [starts_on + timedelta(weeks=number) for number in range(ahead + 1)]
    found = []
    for athlete in sorted(wanted, key=lambda one: (one.name, one.pk)):
        for monday in mondays:
            week = weeks.get((athlete.pk, monday))
            if week is None:
                found.append(Prospect(athlete, monday))
            else:
                one = prospect(week, plans.get(week.pk), now=now)
                found.append(replace(one, doubts=doubtful.get(week.pk, ())))
    return found


def prospect(week: TrainingWeek, plan: PublishedPlan | None, *, now: datetime) -> Prospect:
    """Return what publishing would make of a week whose newest revision is `plan`."""
    athlete, content = week.athlete, week.content(today=week.athlete.today(now))
    if plan and what_is_planned(plan.content) == what_is_planned(content):
        return Prospect(athlete, week.starts_on, "same", plan.revision)
    return Prospect(
        athlete,
        week.starts_on,
        state="again" if plan else "first",
        revision=plan.revision + 1 if plan else 1,
        changes=changes(plan.content, content) if plan else (),
        without_paces=bool(content["sessions"]) and not has_race(athlete),
    )


def _open_doubts(
    athletes: Sequence[Athlete], weeks: Sequence[TrainingWeek]
) -> dict[int, tuple[str, ...]]:
    """Return the words of the doubts about these weeks by the id of the week, if there are any."""
    if not weeks:
        return {}
    mondays = [week.starts_on for week in weeks]
    first, last = around(min(mondays))["first"], around(max(mondays))["last"]
    prefetch_related_objects(athletes, "pauses")
    diary = Diary.read(athletes, first=first, last=last)
    accepted = set(Acceptance.objects.filter(week__in=weeks).values_list("week_id", "key"))
    raised = {athlete.pk: diary.doubts(athlete) for athlete in athletes}
    told = {
        week.pk: tuple(
            doubt.words
            for doubt in raised[week.athlete_id]
            if week.starts_on <= doubt.on <= week.ends_on and (week.pk, doubt.key) not in accepted
        )
        for week in weeks
    }
    return {week_id: words for week_id, words in told.items() if words}


def weeks_to_publish(
    athletes: Sequence[Athlete], *, starts_on: date, ahead: int
) -> QuerySet[TrainingWeek]:
    """Return the weeks of these athletes that hold a session or were published before."""
    return TrainingWeek.objects.filter(
        Exists(Session.objects.filter(week=OuterRef("pk")))
        | Exists(PublishedPlan.objects.filter(week=OuterRef("pk"))),
        athlete__in=[athlete.pk for athlete in athletes],
        starts_on__range=(starts_on, starts_on + timedelta(weeks=ahead)),
    )


def has_race(athlete: Athlete) -> bool:
    """Say whether there is a race that paces can come from; reads `races`."""
    return any(race.drives_paces for race in athlete.races.all())


def send_now(athletes: Iterable[Athlete], *, starts_on: date, now: datetime) -> int:
    """Make the waiting mails of that week due at once, and failed ones again; return how many.

    Not counted are those to an address that takes none, or to a minor alone: they do not go.
    """
    mails = Delivery.objects.filter(
        plan__week__athlete__in=athletes, plan__week__starts_on=starts_on
    )
    mails.drop_unwanted(now=now)
    return mails.send_now(now=now)
