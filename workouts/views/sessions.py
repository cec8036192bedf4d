"""One planned session, as its coach sees and changes it."""

from datetime import date
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from athletes.models import monday_of
from athletes.requests import SiteRequest
from workouts.diary import Diary, Planned, around, doubts_of, offer, thought_of
from workouts.forms import AcceptanceForm, MoveForm, SessionEditForm, WeekForm
from workouts.models import (
    Action,
    Result,
    ResultLogged,
    Session,
    TrackLimitReached,
    TrainingWeek,
    acting,
)
from workouts.models.kinds import settle
from workouts.models.sessions import WEEK_IS_FULL
from workouts.planning import off_track, refusal
from workouts.previews import SNIPPETS
from workouts.spacing import Doubt
from workouts.views.athlete import week_context
from workouts.views.once import Once, already


def coached_session(request: SiteRequest, session_id: int) -> Session:
    return get_object_or_404(
        Session.objects.coached_by(request.user).select_related("week__athlete__team"),
        pk=session_id,
    )


def session_detail(request: SiteRequest, session_id: int) -> HttpResponse:
    session = coached_session(request, session_id)
    return render(request, "workouts/session_detail.html", session_context(session))


def session_context(session: Session, **more: Any) -> dict[str, Any]:
    """Return a session with the athlete's targets as they would be published now."""
    athlete = session.week.athlete
    paces = athlete.paces(today=athlete.today(timezone.now()))
    result = Result.objects.filter(session=session).prefetch_related("splits").first()
    return {
        "row": session,
        "session": session.content(athlete, paces),
        "units": athlete.units.lower(),
        "athlete": athlete,
        "team": athlete.team,
        "result": result,
        "splits": {s.rep_index: s.time_s for s in result.splits.all()} if result else {},
        "snippets": SNIPPETS,
        "edit_form": SessionEditForm(instance=session),
        "move_form": MoveForm(initial={"on": session.on}),
    } | more


def refusal_context(
    session: Session, on: date, error: TrackLimitReached, *, edited: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what `_offer.html` shows where the rule keeps a session from a day.

    `edited` is what the session was to become, as `TrainingWeek.edit` takes it, where it was not
    only to be moved. A day of the offer is posted as `on`, the twin as `off_track` with the day
    that was wanted, to `change_url`; the pairs of `typed`, if there are any, go with it.
    """
    athlete = session.week.athlete
    diary = read_diary(session, on)
    found = offer(athlete, wanted=as_edited(session, on, edited), diary=diary, moving=session.pk)
    return {
        "row": session,
        "athlete": athlete,
        "refusal": refusal(error),
        "wanted_on": on,
        "offer": found.since(athlete.today(timezone.now())),
        "change_url": reverse("session_edit" if edited else "session_move", args=[session.pk]),
        "key": uuid4(),
    }


def read_diary(session: Session, on: date) -> Diary:
    athlete = session.week.athlete
    prefetch_related_objects([athlete], "pauses")
    return Diary.read([athlete], **around(monday_of(on)))


def as_edited(session: Session, on: date, edited: dict[str, Any] | None) -> Planned:
    """Return a session as the diary would take it on another day, or rewritten."""
    fields = ["kind", "surface", "title", "notation", "lap_m"]
    wanted = model_to_dict(session, fields=fields)
    if edited:
        wanted |= {"surface": ""} | edited  # a surface that is left out goes with the kind
    kind, surface = settle(wanted["kind"], wanted["surface"], wanted["notation"])
    wanted |= {"kind": kind, "surface": surface}
    return thought_of(wanted, on=on, athlete=session.week.athlete)


def change(
    request: SiteRequest,
    session: Session,
    on: date,
    once: Once,
    *,
    edited: dict[str, Any] | None = None,
) -> list[Doubt]:
    """Rewrite a session, move it, or both in one go; return the doubts that this raises.

    :raises TrackLimitReached: if the rule keeps it from that day; nothing is changed then
    :raises Session.DoesNotExist: if it was moved away or removed meanwhile
    """
    week = session.week
    wanted = as_edited(session, on, edited)
    raised = read_diary(session, on).new_doubts(week.athlete, wanted, instead_of=session.pk)
    verb = "Moved" if on != session.on else "Changed"
    label = f"{verb} {session.title} of {week.athlete.name}"
    path = Action.Path.FORM
    with once.acting(team=week.athlete.team, by=request.user, path=path, label=label):
        target = week
        if monday_of(on) != week.starts_on:
            target = TrainingWeek.objects.open_for(week.athlete, monday_of(on))
        TrainingWeek.objects.lock_in_order(week, target)
        # Taken off the track before it enters a full week, put on the track after it left one.
        if edited and not wanted.on_track:
            week.edit(session, **edited)
        if on != session.on:
            target.move(session, weekday=on.isoweekday())
            week = target
        if edited and wanted.on_track:
            week.edit(session, **edited)
    return raised


def changed(request: SiteRequest, session: Session, done: str, raised: list[Doubt]) -> HttpResponse:
    """Say what was done and what to think about now, on the page of the session."""
    if raised:
        done += " To think about: " + " ".join(doubt.words for doubt in raised)
    messages.success(request, done)
    return redirect("session_detail", session_id=session.pk)


@require_POST
def session_edit(request: SiteRequest, session_id: int) -> HttpResponse:
    """Rewrite a session; after a refusal also on the day, or off the track, that was offered."""
    session = coached_session(request, session_id)
    once = Once.of(request)
    form = SessionEditForm(request.POST, instance=session)
    day = MoveForm({"on": request.POST.get("on") or session.on})
    refused: dict[str, Any] = {}
    if form.is_valid() and day.is_valid():
        edited, on = dict(form.cleaned_data), day.cleaned_data["on"]
        if "off_track" in request.POST:
            edited = off_track(edited)
        if done := once.done():
            return sent_twice(request, session, done)
        try:
            raised = change(request, session, on, once, edited=edited)
            return changed(request, session, "Saved.", raised)
        except TrackLimitReached as error:
            form.add_error("kind", WEEK_IS_FULL)
            refused = refusal_context(session, on, error, edited=edited)
            refused["typed"] = [(name, form[name].value() or "") for name in form.fields]
        except Session.DoesNotExist:
            return session_gone(request, session)
    page = session_context(coached_session(request, session_id), edit_form=form, move_form=day)
    page |= refused
    return render(request, "workouts/session_detail.html", page, status=422)


@require_POST
def session_move(request: SiteRequest, session_id: int) -> HttpResponse:
    """Move a session to a day, or as road intervals to a day where the rule refused it."""
    session = coached_session(request, session_id)
    once = Once.of(request)
    twin_on = request.POST.get("off_track")
    form = MoveForm({"on": twin_on or request.POST.get("on")})
    refused: dict[str, Any] = {}
    if form.is_valid():
        on = form.cleaned_data["on"]
        edited = (
            off_track(model_to_dict(session, ["kind", "title", "notation"])) if twin_on else None
        )
        if done := once.done():
            return sent_twice(request, session, done)
        try:
            raised = change(request, session, on, once, edited=edited)
            return changed(request, session, f"Moved to {on:%A %-d %B}.", raised)
        except TrackLimitReached as error:
            form.add_error("on", WEEK_IS_FULL)
            refused = refusal_context(session, on, error)
        except Session.DoesNotExist:
            return session_gone(request, session)
    page = session_context(session, move_form=form) | refused
    return render(request, "workouts/session_detail.html", page, status=422)


def sent_twice(request: SiteRequest, session: Session, done: Action) -> HttpResponse:
    messages.info(request, already(done, "Changed"))
    return redirect("session_detail", session_id=session.pk)


def session_gone(request: SiteRequest, session: Session) -> HttpResponse:
    """Lead back to the board where somebody else moved or removed the session meanwhile."""
    messages.error(request, f"{session.title} was moved or removed by somebody else meanwhile.")
    week = session.week
    return redirect("board", slug=week.athlete.team.slug, starts_on=week.starts_on)


@require_POST
def session_remove(request: SiteRequest, session_id: int) -> HttpResponse:
    session = coached_session(request, session_id)
    board_url = reverse("board", args=[session.week.athlete.team.slug, session.week.starts_on])
    athlete = session.week.athlete
    label = f"{athlete.name}: removed {session.title}"
    try:
        with acting(team=athlete.team, by=request.user, path=Action.Path.FORM, label=label):
            session.remove()
    except ResultLogged:
        messages.error(request, "A result is logged for this session: it stays. Move it instead.")
        return redirect("session_detail", session_id=session_id)
    except Session.DoesNotExist:
        return session_gone(request, session)
    messages.success(request, f"Removed {session.title}.")
    return redirect(board_url)


@require_POST
def week_edit(request: SiteRequest, week_id: int) -> HttpResponse:
    """Change how many track sessions one week of an athlete allows, and the coach's word on it."""
    week = get_object_or_404(
        TrainingWeek.objects.coached_by(request.user).select_related("athlete__team"),
        pk=week_id,
    )
    form = WeekForm(request.POST, instance=week)
    if form.is_valid():
        try:
            write_week(request, week, form)
            messages.success(request, "Kept. Publish the week to send a new word on it.")
            if week.track_limit < form.cleaned_data["track_limit"]:
                words = "An injury or illness leaves this week fewer track sessions than that."
                messages.warning(request, f"{words} End it on the athlete’s page first.")
            return redirect("athlete_week", athlete_id=week.athlete_id, starts_on=week.starts_on)
        except TrackLimitReached as error:
            limit = form.cleaned_data["track_limit"]
            words = f"{error} Move or remove one, then lower the limit to {limit}."
            form.add_error("track_limit", words)
    context = week_context(request, week.athlete, week.starts_on) | {"week_form": form}
    return render(request, "workouts/athlete_week.html", context, status=422)


def write_week(request: SiteRequest, week: TrainingWeek, form: WeekForm) -> None:
    """Write what the coach changed on the form, all of it or nothing.

    :raises TrackLimitReached: if more track sessions are planned than the new limit allows
    """
    label = f"Limit, phase or note of {week.athlete.name}’s week of {week.starts_on:%-d %B}"
    with acting(team=week.athlete.team, by=request.user, path=Action.Path.FORM, label=label):
        if "track_limit" in form.changed_data:
            week.set_track_limit(form.cleaned_data["track_limit"])
        if "phase" in form.changed_data:
            week.set_phase(form.cleaned_data["phase"])
        if "note" in form.changed_data:
            week.write_note(form.cleaned_data["note"])


@require_POST
def doubt_accept(request: SiteRequest, week_id: int) -> HttpResponse:
    """Let a doubt about a week stand, for a reason; or, without one, ask for it."""
    week = get_object_or_404(
        TrainingWeek.objects.coached_by(request.user).select_related("athlete"), pk=week_id
    )
    form = AcceptanceForm(request.POST)
    known = {one.doubt.key: one.accepted for one in doubts_of(week)}
    if not form.is_valid():
        messages.error(request, "Say in a few words why it may stand: up to 120 characters.")
    elif form.cleaned_data["key"] not in known:
        messages.error(request, "The week has changed: that no longer stands in it.")
    elif known[form.cleaned_data["key"]] is None:
        form.instance.week, form.instance.by = week, request.user
        form.instance.at = timezone.now()
        form.save()
    return redirect("athlete_week", athlete_id=week.athlete_id, starts_on=week.starts_on)
