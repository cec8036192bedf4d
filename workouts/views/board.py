"""The week board edited in place: each change answers with the rows that it changed.

Each address shows its sheet by GET, in the board's dialog or as a page of its own, and makes the
change by POST; without htmx that leads back to the board.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST
from django_htmx.http import reswap, trigger_client_event

from athletes.models import Athlete, Team, Weekday, monday_of
from athletes.requests import SiteRequest, coached_team
from workouts import dashboard, planning, undoing
from workouts.board_forms import (
    CopyForm,
    DropForm,
    LineForm,
    QuickAddForm,
    SwapForm,
    WeekCopyForm,
    receivers,
)
from workouts.diary import LAST_DAY, Diary, Offer, Planned, around, days_to_move, offer
from workouts.models import (
    Action,
    ResultLogged,
    Session,
    TrackLimitReached,
    TrainingWeek,
)
from workouts.views.once import Once, already
from workouts.views.sessions import coached_session, refusal_context

MOST_COPIES = 5000
WORDS = {"limit": "at the limit", "paused": "paused", "busy": "busy", "no_race": "without a race"}


# One session


def board_session(request: SiteRequest, session_id: int) -> HttpResponse:
    """Show what can be done with a session, its text first; keep the text when it is posted."""
    session = coached_session(request, session_id)
    form = LineForm(request.POST or None, session=session)
    here = reverse("board_session", args=[session_id])
    if request.method == "POST" and form.is_valid():
        level = session.week.athlete.level.lower()
        fields = form.changes(planning.settled(form.cleaned_data["notation"], level))
        if all(getattr(session, name) == value for name, value in fields.items()):
            return changed_session(request, session, f"{session.title} stays as it is.", None)
        try:
            with doing(request, session, f"{session.title} rewritten") as action:
                session.week.edit(session, **fields)
            text = f"{fields['title']} kept."
            return changed_session(request, session, text, action)
        except TrackLimitReached as error:
            form.add_error("notation", planning.refusal(error))
        except Session.DoesNotExist:
            return gone(request, session)
    return sheet(request, "session", session_sheet(session, here) | {"form": form})


def board_move(request: SiteRequest, session_id: int) -> HttpResponse:
    """Move a session to another day of its athlete: by drag and drop, by key, by form."""
    session = coached_session(request, session_id)
    form = DropForm(request.POST or None)
    here = reverse("board_move", args=[session_id])
    context = session_sheet(session, here) | {"form": form}
    if request.method != "POST" or not form.is_valid():
        return day_sheet(request, "move", session, context)
    day, was, once = form.day, session.on, Once.of(request)
    if done := once.done():
        return changed_session(request, session, already(done, "Moved"), None)
    if day == was and not form.cleaned_data["off_track"]:
        text = f"{session.title} is on {day:%A} already."
        return changed_session(request, session, text, None)
    label = f"{session.title} from {day_words(was)} to {day_words(day)}"
    try:
        with doing(request, session, label) as action:
            week = session.week
            if monday_of(day) != week.starts_on:
                week = TrainingWeek.objects.open_for(week.athlete, monday_of(day))
            TrainingWeek.objects.lock_in_order(session.week, week)
            if form.cleaned_data["off_track"]:
                session.week.edit(session, **planning.off_track({"kind": session.kind}))
            week.move(session, weekday=day.isoweekday())
    except TrackLimitReached as error:
        return move_refused(request, session, day, error, context)
    except Session.DoesNotExist:
        return gone(request, session)
    near = f"{day:%A}" if monday_of(day) == monday_of(was) else f"{day:%A %-d %B}"
    return changed_session(request, session, f"Moved {session.title} to {near}.", action)


def board_copy(request: SiteRequest, session_id: int) -> HttpResponse:
    """Copy a session to a day, for its athlete, another one or a group; each gets own reps."""
    session = coached_session(request, session_id)
    athlete, starts_on = session.week.athlete, session.week.starts_on
    form = CopyForm(request.POST or None, own=athlete)
    here = reverse("board_copy", args=[session_id])
    context = session_sheet(session, here) | {"form": form}
    if request.method != "POST" or not form.is_valid():
        return day_sheet(request, "copy", session, context)
    whom, day, once = form.cleaned_data["whom"], form.day, Once.of(request)
    wanted = list(receivers(athlete.team, whom, athlete))
    if done := once.done():
        return changed(request, athlete.team, starts_on, ids_of(wanted), already(done, "Copied"))
    others = [one for one in wanted if whom == "" or one != athlete or day != session.on]
    drafts = planning.copy_session(session, to=[(one, day) for one in others])
    if form.cleaned_data["off_track"]:
        drafts = [planning.Draft(d.athlete, d.on, planning.off_track(d.session)) for d in drafts]
    label = f"{session.title} copied to {day_words(day)}"
    verdicts, action = place(request, athlete, drafts, label, once, whom=whom)
    if len(drafts) == 1 and verdicts[0].refusal:
        return sheet(request, "refused", context | refused_copy(verdicts[0], here), status=422)
    for_whom = "" if whom == "" else f" for {dict(flat_choices(form))[whom]}"
    text = f"Copied {session.title} to {day_words(day)}{for_whom}."
    if any(verdict.refusal for verdict in verdicts) or not verdicts:
        text = copied_words(verdicts)
    return answer_verdicts(request, athlete.team, starts_on, verdicts, text, action)


def board_remove(request: SiteRequest, session_id: int) -> HttpResponse:
    """Take a session out of its week; instead of a question there is an undo."""
    session = coached_session(request, session_id)
    here = reverse("board_remove", args=[session_id])
    context = session_sheet(session, here)
    if request.method != "POST":
        return sheet(request, "remove", context)
    try:
        label = f"{session.title} removed from {day_words(session.on)}"
        with doing(request, session, label) as action:
            session.remove()
    except ResultLogged:
        error = "A result is logged for this session: it stays. Move it instead."
        return sheet(request, "remove", context | {"error": error}, status=422)
    except Session.DoesNotExist:
        return gone(request, session)
    return changed_session(request, session, f"Removed {session.title}.", action)


# One week of one athlete


def board_week(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    """Show what can be done with a whole week of an athlete."""
    athlete = coached_athlete(request, athlete_id)
    week = TrainingWeek.objects.filter(athlete=athlete, starts_on=starts_on).first()
    held = list(week.sessions.order_by("weekday", "pk")) if week else []
    context = week_sheet(athlete, starts_on, reverse("board_week", args=[athlete_id, starts_on]))
    return sheet(request, "week", context | {"held": held})


def board_add(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    """Add a session to a day of one athlete from one line of text."""
    athlete = coached_athlete(request, athlete_id)
    here = reverse("board_add", args=[athlete_id, starts_on])
    initial = {"weekday": request.GET.get("day", "")}
    form = QuickAddForm(request.POST or None, team=athlete.team, initial=initial)
    context = week_sheet(athlete, starts_on, here) | {"form": form}
    if request.method != "POST" or not form.is_valid():
        return sheet(request, "add", context)
    once = Once.of(request)
    if done := once.done():
        return changed(request, athlete.team, starts_on, [athlete.pk], already(done, "Added"))
    day, session = form.day(starts_on), form.session()
    session["notation"] = planning.settled(session["notation"], athlete.level.lower())
    if form.cleaned_data["off_track"]:
        session = planning.off_track(session)
    label = f"{session['title']} added on {day_words(day)}"
    drafts = [planning.Draft(athlete, day, session)]
    path = Action.Path.BOARD
    verdicts, action = place(request, athlete, drafts, label, once, path=path)
    if verdicts[0].refusal:
        typed = [(name, form.data.get(name, "")) for name in ("what", "kind")]
        refused = refused_copy(verdicts[0], here) | {"typed": typed}
        return sheet(request, "refused", context | refused, status=422)
    text = f"Added {session['title']} on {day:%A}."
    return answer_verdicts(request, athlete.team, starts_on, verdicts, text, action)


def board_swap(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    """Exchange what is planned on two days of one athlete's week."""
    athlete = coached_athlete(request, athlete_id)
    here = reverse("board_swap", args=[athlete_id, starts_on])
    form = SwapForm(request.POST or None)
    week = TrainingWeek.objects.filter(athlete=athlete, starts_on=starts_on).first()
    held = list(week.sessions.order_by("weekday", "pk")) if week else []
    if request.method == "POST" and form.is_valid():
        one, other = form.cleaned_data["one"], form.cleaned_data["other"]
        names = f"{Weekday(one).label} and {Weekday(other).label}"
        if week and any(session.weekday in (one, other) for session in held):
            once = Once.of(request)
            if done := once.done():
                text = already(done, "Swapped")
                return changed(request, athlete.team, starts_on, [athlete.pk], text)
            label = f"{athlete.name}: {names} swapped, week of {starts_on:%-d %B}"
            path = Action.Path.BOARD
            with once.acting(team=athlete.team, by=request.user, path=path, label=label) as action:
                week.swap_days(one, other)
            text = f"Swapped {names}."
            return changed(request, athlete.team, starts_on, [athlete.pk], text, undo_id=action.pk)
        form.add_error("other", f"Nothing is planned on {names}.")
    text = request.POST.get("one") or request.GET.get("day", "")
    day = next((day for day in Weekday if text == str(day.value)), None)
    context = week_sheet(athlete, starts_on, here) | {
        "form": form,
        "day": day,
        "title": f"Swap {day.label} with…" if day else "Swap two days",
        "days": [
            (one.value, one.label, [s.title for s in held if s.weekday == one]) for one in Weekday
        ],
    }
    return sheet(request, "swap", context)


def board_copy_week(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    """Copy all sessions of a week to weeks that follow, for its athlete, another, or a group."""
    athlete = coached_athlete(request, athlete_id)
    here = reverse("board_copy_week", args=[athlete_id, starts_on])
    form = WeekCopyForm(request.POST or None, own=athlete, starts_on=starts_on)
    context = week_sheet(athlete, starts_on, here) | {"form": form}
    if request.method != "POST" or not form.is_valid():
        return sheet(request, "copy_week", context)
    whom, once = form.cleaned_data["whom"], Once.of(request)
    wanted = list(receivers(athlete.team, whom, athlete))
    to = [(one, monday) for one in wanted for monday in form.mondays()]
    to = [(one, monday) for one, monday in to if (one, monday) != (athlete, starts_on)]
    week = TrainingWeek.objects.filter(athlete=athlete, starts_on=starts_on).first()
    drafts = planning.copy_week(week, to=to) if week else []
    if error := cannot_copy(drafts, whom):
        form.add_error(None, error)
        return sheet(request, "copy_week", context)
    if done := once.done():
        return changed(request, athlete.team, starts_on, ids_of(wanted), already(done, "Copied"))
    label = f"Week of {starts_on:%-d %B} copied to {len(to)} week{'s' if len(to) != 1 else ''}"
    verdicts, action = place(request, athlete, drafts, label, once, whom=whom)
    return answer_verdicts(
        request, athlete.team, starts_on, verdicts, copied_words(verdicts), action
    )


def cannot_copy(drafts: Sequence[planning.Draft], whom: str) -> str:
    """Return why a week cannot be copied, "" if it can."""
    if len(drafts) > MOST_COPIES:
        return (
            f"That would be {len(drafts):,} sessions, more than {MOST_COPIES:,} at once: "
            "choose fewer weeks, or a group."
        )
    if not drafts and whom == "":
        return "There is nothing to copy: the week is empty, or would be copied onto itself."
    return "" if drafts else "There is nothing to copy: the week is empty, or nobody is there."


# Undo


@require_POST
def board_undo(request: SiteRequest, slug: str) -> HttpResponse:
    """Take back the last thing that this coach did to the weeks of the team."""
    team = coached_team(request, slug)
    now = timezone.now()
    last = Action.objects.undoable(team=team, by=request.user, now=now).first()
    week = shown_week(request.POST.get("week", ""))
    wanted = request.POST.get("action", "")
    if last is None or (wanted and wanted != str(last.pk)):
        text = why_not_undone(team, wanted, last)
        status = 200 if last and wanted == "0" else 422
        undo_id = last.pk if last else None
        return undone_answer(request, team, week, text, status=status, undo_id=undo_id)
    done = undoing.undo(last, by=request.user, now=now)
    last.refresh_from_db()
    text = f"Undone: {last.label}." if done.undone else f"Not undone: {last.label}."
    if done.undone and done.refused:
        text = f"Undone in part: {last.label}."
    ids = touched([last.pk, last.undone_by_id], week) if week else set()
    status = 200 if done.undone else 422
    return undone_answer(request, team, week, text, ids, done.refused, status)


def why_not_undone(team: Team, wanted: str, last: Action | None) -> str:
    """Say why the action that the page shows is not taken back; `last` is what can be.

    A page that shows none asks for "0": nobody takes back what they do not see.
    """
    if wanted == "0" and last:
        return f"Your last change is “{last.label}”. Undo it?"
    is_id = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
    shown = Action.objects.filter(pk=int(wanted), team=team).first() if is_id else None
    if shown and shown.undone_by_id:
        text = f"“{shown.label}” was undone already."
        return f"{text} The change before it is “{last.label}”." if last else text
    if last is None:
        return "There is nothing to undo."
    return f"Not undone: “{last.label}” came after it. Undo that first."


def undone_answer(
    request: SiteRequest,
    team: Team,
    week: date | None,
    text: str,
    ids: Collection[int] = (),
    refused: Sequence[str] = (),
    status: int = 200,
    undo_id: int | None = None,
) -> HttpResponse:
    if week:
        return changed(request, team, week, ids, text, undo_id, refused, status=status)
    told = [text, *refused]
    (messages.success if status == 200 else messages.error)(request, " ".join(told))
    return redirect("team_history", slug=team.slug)


def shown_week(text: str) -> date | None:
    """Read the Monday that the board shows; None where the coach came from elsewhere."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.weekday() == 0 and 2000 <= day.year < 2100 else None


def touched(action_ids: Iterable[int | None], starts_on: date) -> set[int]:
    """Return the athletes whose week of that Monday some actions changed."""
    ids = [pk for pk in action_ids if pk]
    sessions = Session.history.filter(action__in=ids, week__starts_on=starts_on)
    weeks = TrainingWeek.history.filter(action__in=ids, starts_on=starts_on)
    return {
        *sessions.values_list("week__athlete", flat=True),
        *weeks.values_list("athlete", flat=True),
    }


# What the sheets show


@dataclass(frozen=True)
class DayChoice:
    """A day to move or copy to: what stands there, and why the rule does not allow it."""

    on: date
    planned: tuple[Planned, ...]
    refusal: str = ""
    notes: tuple[str, ...] = ()


def day_choices(session: Session) -> list[list[DayChoice]]:
    """Return the days of the session's week and the next; a day with a refusal is not allowed.

    :raises Session.DoesNotExist: if it was moved to another week or removed meanwhile
    """
    athlete, monday = session.week.athlete, session.week.starts_on
    prefetch_related_objects([athlete], "pauses")
    diary = Diary.read([athlete], **around(monday))
    own = diary.session(athlete, session.pk)
    found = offer(athlete, wanted=own, diary=diary, moving=session.pk)
    doubts = {day.on: tuple(doubt.words for doubt in day.doubts) for day in found.days}
    rest = diary.without(athlete, session.pk)
    days = []
    for ahead in range(14):
        on = monday + timedelta(days=ahead)
        if on > LAST_DAY:
            break
        week = rest.week(athlete, monday_of(on))
        full = own.on_track and week.free_slot is None
        used = f"{len(week.tracks)} of {week.limit} track sessions used"
        why_not = athlete.why_not(on)
        notes = (why_not,) if why_not else doubts.get(on, ())
        planned = tuple(one for one in diary.days[athlete.pk] if one.on == on)
        days.append(DayChoice(on, planned, used if full else "", notes))
    return [week for week in (days[:7], days[7:]) if week]


def with_own_days(session: Session, offered: Offer) -> Offer:
    """Add the days of the week that the session stands in to those offered in another one.

    :raises Session.DoesNotExist: if it was moved to another week or removed meanwhile
    """
    farther = [day for day in offered.days if day.on != session.on]
    days = {day.on: day for day in (*days_to_move(session).days, *farther)}
    merged = replace(offered, days=tuple(days[on] for on in sorted(days)))
    return merged.since(session.week.athlete.today(timezone.now()))


def session_sheet(session: Session, here: str) -> dict[str, Any]:
    athlete = session.week.athlete
    return {
        "row": session,
        "athlete": athlete,
        "team": athlete.team,
        "starts_on": session.week.starts_on,
        "here": here,
        "key": uuid4(),
    }


def week_sheet(athlete: Athlete, starts_on: date, here: str) -> dict[str, Any]:
    return {
        "athlete": athlete,
        "team": athlete.team,
        "starts_on": starts_on,
        "here": here,
        "key": uuid4(),
    }


def refused_copy(verdict: planning.Verdict, here: str) -> dict[str, Any]:
    """Return what `_offer.html` shows of a session that could not be placed for one athlete."""
    today = verdict.athlete.today(timezone.now())
    return {
        "refusal": verdict.refusal,
        "offer": verdict.offer.since(today) if verdict.offer else None,
        "wanted_on": verdict.on,
        "change_url": here,
        "refused_for": verdict.athlete,
        "typed": [("whom", f"athlete-{verdict.athlete.pk}")],
    }


def flat_choices(form: CopyForm) -> list[tuple[str, str]]:
    whom: Any = form.fields["whom"]
    _, (_, groups), (_, athletes) = whom.choices
    return [*groups, *athletes]


# What the changes answer


def coached_athlete(request: SiteRequest, athlete_id: int) -> Athlete:
    return get_object_or_404(
        Athlete.objects.coached_by(request.user).select_related("team").prefetch_related("pauses"),
        pk=athlete_id,
    )


def day_words(day: date) -> str:
    return f"{day:%A %-d %B}"


def doing(request: SiteRequest, session: Session, what: str) -> Any:
    athlete = session.week.athlete
    label, path = f"{athlete.name}: {what}", Action.Path.BOARD
    return Once.of(request).acting(team=athlete.team, by=request.user, path=path, label=label)


def place(
    request: SiteRequest,
    athlete: Athlete,
    drafts: Sequence[planning.Draft],
    what: str,
    once: Once,
    *,
    whom: str = "",
    path: str = Action.Path.COPY,
) -> tuple[list[planning.Verdict], Action]:
    """Place drafts as one action; of a group, those who are paused or busy are left out."""
    skip = planning.LEFT_OUT if whom.startswith(("group", "everyone")) else ()
    label = f"{athlete.name}: {what}"
    with once.acting(team=athlete.team, by=request.user, path=path, label=label) as action:
        return planning.place(drafts, skip=skip), action


def copied_words(verdicts: Sequence[planning.Verdict]) -> str:
    """Say how many sessions were placed, and why the others were not, each reason counted."""
    reasons = [verdict.reason for verdict in verdicts if verdict.refusal]
    placed = len(verdicts) - len(reasons)
    if not reasons:
        return f"{placed} session{'s' if placed != 1 else ''} copied."
    counted = [f"{reasons.count(reason)} {WORDS[reason]}" for reason in WORDS if reason in reasons]
    return f"{placed} of {len(verdicts)} sessions copied; not copied: {', '.join(counted)}."


def ids_of(athletes: Iterable[Athlete]) -> set[int]:
    return {athlete.pk for athlete in athletes}


def answer_verdicts(
    request: SiteRequest,
    team: Team,
    starts_on: date,
    verdicts: Sequence[planning.Verdict],
    text: str,
    action: Action,
) -> HttpResponse:
    placed = [verdict for verdict in verdicts if verdict.session]
    ids = {one.athlete.pk for one in placed if monday_of(one.on) == starts_on}
    refused = [verdict.refusal for verdict in verdicts if verdict.refusal]
    refused += [f"To think about: {d.words}" for one in placed for d in one.doubts][:20]
    session = placed[0].session if len(placed) == 1 else None
    at = reverse("session_detail", args=[session.pk]) if session else ""
    undo_id = action.pk if placed else None
    status = 200 if placed else 422
    return changed(request, team, starts_on, ids, text, undo_id, refused, at, status)


def changed_session(
    request: SiteRequest, session: Session, text: str, action: Action | None
) -> HttpResponse:
    week = session.week
    at = reverse("session_detail", args=[session.pk]) if session.pk else ""
    ids = [week.athlete_id]
    undo_id = action.pk if action else None
    return changed(request, week.athlete.team, week.starts_on, ids, text, undo_id, at=at)


def changed(
    request: SiteRequest,
    team: Team,
    starts_on: date,
    athlete_ids: Collection[int],
    text: str,
    undo_id: int | None = None,
    refused: Sequence[str] = (),
    at: str = "",
    status: int = 200,
) -> HttpResponse:
    """Answer with the rows of these athletes in the week on the board, and what was done.

    More rows than a page has are not drawn: the board is told to fetch its page anew. `at` is the
    address of the session that takes the focus.
    """
    if not request.htmx:
        tell = messages.success if status == 200 else messages.error
        tell(request, " ".join([text, *refused]))
        did = f"?did={undo_id}" if undo_id else ""
        return redirect(reverse("board", args=[team.slug, starts_on]) + did)
    is_large = len(athlete_ids) > dashboard.PAGE_ROWS
    shown = Athlete.objects.filter(pk__in=[] if is_large else athlete_ids, team=team)
    context = {
        "team": team,
        "starts_on": starts_on,
        "rows": dashboard.board(shown, starts_on=starts_on).rows if athlete_ids else (),
        "text": text,
        "undo_id": undo_id,
        "refused": refused,
        "is_error": status != 200,
    }
    response = render(request, "workouts/_board_changed.html", context, status=status)
    event = {"at": at, "reload": is_large}
    return reswap(trigger_client_event(response, "board:changed", event, after="settle"), "none")


def day_sheet(
    request: SiteRequest, name: str, session: Session, context: dict[str, Any]
) -> HttpResponse:
    """Answer with the days to move or copy a session to."""
    try:
        return sheet(request, name, context | {"weeks": day_choices(session)})
    except Session.DoesNotExist:
        return gone(request, session)


def move_refused(
    request: SiteRequest,
    session: Session,
    day: date,
    error: TrackLimitReached,
    context: dict[str, Any],
) -> HttpResponse:
    """Answer with why a session cannot move to a day, and the days to which it can."""
    refused = refusal_context(session, day, error) | {"change_url": context["here"]}
    try:
        refused["offer"] = with_own_days(session, refused["offer"])
    except Session.DoesNotExist:
        return gone(request, session)
    return sheet(request, "refused", context | refused, status=422)


def gone(request: SiteRequest, session: Session) -> HttpResponse:
    """Say that somebody else moved or removed the session meanwhile, and show how it is now."""
    text = f"{session.title} was moved or removed by somebody else meanwhile."
    week = session.week
    team, ids = week.athlete.team, [week.athlete_id]
    return changed(request, team, week.starts_on, ids, text, status=422)


def sheet(
    request: SiteRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Answer htmx with a sheet for the board's dialog, and others with a page of its own."""
    form = context.get("form")
    if form is not None and form.errors:
        status = 422
    context["sheet"] = f"workouts/_board_{name}.html"
    template = context["sheet"] if request.htmx else "workouts/board_sheet.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response
