"""One planned session, as its coach sees and changes it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from athletes.models import LIMIT_IS_0_TO_2
from athletes.requests import SiteRequest, monday_of
from workouts.diary import doubts_of
from workouts.forms import AcceptanceForm, MoveForm, SessionEditForm, WeekForm
from workouts.models import (
    Result,
    ResultLogged,
    Session,
    TrackLimitReached,
    TrainingWeek,
)
from workouts.previews import SNIPPETS


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


@require_POST
def session_edit(request: SiteRequest, session_id: int) -> HttpResponse:
    session = coached_session(request, session_id)
    form = SessionEditForm(request.POST, instance=session)
    if form.is_valid():
        try:
            session.week.edit(session, **form.cleaned_data)
            return redirect("session_detail", session_id=session_id)
        except TrackLimitReached as error:
            form.add_error("kind", str(error))
        except Session.DoesNotExist:
            return session_gone(request, session)
    context = session_context(coached_session(request, session_id), edit_form=form)
    return render(request, "workouts/session_detail.html", context, status=422)


@require_POST
def session_move(request: SiteRequest, session_id: int) -> HttpResponse:
    session = coached_session(request, session_id)
    form = MoveForm(request.POST)
    if form.is_valid():
        on, athlete = form.cleaned_data["on"], session.week.athlete
        week = session.week
        if monday_of(on) != week.starts_on:
            week = TrainingWeek.objects.open_for(athlete, monday_of(on))
        try:
            week.move(session, weekday=on.isoweekday())
            messages.success(request, f"Moved to {on:%A %-d %B}.")
            return redirect("session_detail", session_id=session_id)
        except TrackLimitReached as error:
            form.add_error("on", str(error))
        except Session.DoesNotExist:
            return session_gone(request, session)
    context = session_context(session, move_form=form)
    return render(request, "workouts/session_detail.html", context, status=422)


def session_gone(request: SiteRequest, session: Session) -> HttpResponse:
    """Lead back to the board where somebody else moved or removed the session meanwhile."""
    messages.error(request, f"{session.title} was moved or removed by somebody else meanwhile.")
    week = session.week
    return redirect("board", slug=week.athlete.team.slug, starts_on=week.starts_on)


@require_POST
def session_remove(request: SiteRequest, session_id: int) -> HttpResponse:
    session = coached_session(request, session_id)
    board_url = reverse("board", args=[session.week.athlete.team.slug, session.week.starts_on])
    try:
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
        TrainingWeek.objects.coached_by(request.user).select_related("athlete"), pk=week_id
    )
    form = WeekForm(request.POST)
    limit = form.cleaned_data.get("track_limit") if form.is_valid() else None
    if limit not in (0, 1, 2):
        messages.error(request, f"{LIMIT_IS_0_TO_2} The word on it may have 1,000 characters.")
    else:
        try:
            if limit != week.track_limit:
                week.set_track_limit(limit)
            week.set_phase(form.cleaned_data["phase"])
            week.write_note(form.cleaned_data["note"])
            messages.success(request, "Kept. Publish the week to send a new word on it.")
        except TrackLimitReached as error:
            messages.error(request, f"{error} Move or remove one, then lower the limit to {limit}.")
    return redirect("athlete_week", athlete_id=week.athlete_id, starts_on=week.starts_on)


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
