"""The athlete's own pages: today, the week as it was published, and how it went."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from athletes.models import Athlete, User, monday_of
from athletes.requests import SiteRequest, form_page, is_coach
from workouts import planning
from workouts.diary import doubts_of
from workouts.forms import ResultForm, WeekForm
from workouts.models import (
    PublishedPlan,
    Result,
    Session,
    TrainingWeek,
)
from workouts.models.plans import with_content
from workouts.revisions import changes
from workouts.wording import plan_context


def today(request: SiteRequest) -> HttpResponse:
    """Show the athlete today's session out of the published plan, with the week below."""
    athlete = Athlete.objects.filter(user=request.user).select_related("team").first()
    if athlete is None:
        return redirect("home")
    on = athlete.today(timezone.now())
    context = week_context(request, athlete, monday_of(on)) | {"mail_off": athlete.why_no_mail()}
    return render(request, "workouts/today.html", context)


def athlete_week(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    athlete = get_object_or_404(
        Athlete.objects.visible_to(request.user).select_related("team"), pk=athlete_id
    )
    context = week_context(request, athlete, starts_on)
    return render(request, "workouts/athlete_week.html", context)


def week_context(request: SiteRequest, athlete: Athlete, starts_on: date) -> dict[str, Any]:
    """Return the week as it was published; the coach's draft stays with the coach.

    So does a week that the team holds back: to its athlete it is not there yet.
    """
    on = athlete.today(timezone.now())
    coaching = is_coach(request, athlete)
    plans = PublishedPlan.objects.filter(week__athlete=athlete, week__starts_on=starts_on)
    newest = plans.latest_revisions().select_related("week")
    released = newest.released(athlete, today=on)
    plan = (newest if coaching else released).first()
    before = plans.filter(revision=plan.revision - 1).first() if plan else None
    context = plan_context(plan.content) if plan else {}
    sessions = context.get("sessions", [])
    opens_on = athlete.team.opens_on(starts_on)
    return context | {
        "athlete": athlete,
        "team": athlete.team,
        "published": plan,
        "changes": changes(before.content, plan.content) if plan and before else (),
        # To the athlete a week that is held back says when it opens, published or not.
        "opens_on": opens_on if opens_on and opens_on > on and not released.exists() else None,
        "on": on.isoformat(),
        "now_sessions": [s for s in sessions if s["on"] == on.isoformat()],
        "results": results_of([session["id"] for session in sessions]),
        "starts_on": starts_on,
        "days": [starts_on + timedelta(days=day) for day in range(7)],
        "earlier": starts_on - timedelta(days=7),
        "later": starts_on + timedelta(days=7),
        "is_coach": coaching,
        **(coach_context(athlete, starts_on, plan) if coaching else {}),
    }


def coach_context(athlete: Athlete, starts_on: date, plan: PublishedPlan | None) -> dict[str, Any]:
    """Return what of a week is the coach's alone: the draft, its doubts, and what was sent."""
    weeks = with_content(TrainingWeek.objects.filter(athlete=athlete, starts_on=starts_on))
    week = weeks.prefetch_related("athlete__pauses").first()
    if week is None:
        return {}
    would_be = planning.prospect(week, plan, now=timezone.now())
    is_draft = plan is None and bool(week.sessions.all())
    draft = week.content(today=athlete.today(timezone.now())) if is_draft else None
    return (plan_context(draft) if draft else {}) | {
        "week": week,
        "week_form": WeekForm(instance=week),
        "doubts": doubts_of(week),
        "prospect": would_be if plan or week.sessions.all() else None,
        "revisions": list(range(plan.revision - 1, 0, -1)) if plan else [],
    }


def results_of(session_ids: list[int]) -> dict[int, Result]:
    results = Result.objects.filter(session__in=session_ids).prefetch_related("splits")
    return {result.session_id: result for result in results}


def result_log(request: SiteRequest, session_id: int) -> HttpResponse:
    """Log how a session went, against the reps of the plan as it was published."""
    session = get_object_or_404(
        Session.objects.visible_to(request.user).select_related("week__athlete__team"),
        pk=session_id,
    )
    athlete, on = session.week.athlete, session.week.athlete.today(timezone.now())
    coaching = is_coach(request, athlete)
    planned = published_session(session, released_on=None if coaching else on)
    form = result_form(request, session, planned)
    if request.method == "POST" and form.is_valid():
        keep_result(form, by=request.user)
        messages.success(request, "Logged. Your coach sees it on the board.")
        return redirect(
            "athlete_week", athlete_id=session.week.athlete_id, starts_on=session.week.starts_on
        )
    context = {
        "row": session,
        "session": planned,
        "form": form,
        "athlete": athlete,
        "team": athlete.team,
        "is_coach": coaching,
        "units": athlete.units.lower(),
    }
    return form_page(request, "workouts/result_log.html", context)


def result_form(request: SiteRequest, session: Session, planned: dict[str, Any]) -> ResultForm:
    result = Result.objects.filter(session=session).first() or Result(session=session)
    return ResultForm(request.POST or None, instance=result, reps=timed_reps(planned))


def keep_result(form: ResultForm, *, by: User | None) -> None:
    data = {name: form.cleaned_data[name] for name in ("outcome", "rpe", "comment")}
    session = form.instance.session
    Result.objects.log(session, **data, splits=form.splits(), by=by, now=timezone.now())


RECENT_PLANS = 20


def timed_reps(planned: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the reps that an athlete times: those over a distance."""
    return [rep for rep in planned["reps"] if rep["distance_m"]]


def published_session(session: Session, *, released_on: date | None) -> dict[str, Any]:
    """Return the session as the athlete's newest published weeks have it.

    With `released_on` only weeks that the athlete may see on that day are looked at.

    :raises Http404: if it was not published: a draft is not the athlete's yet
    """
    athlete = session.week.athlete
    # The athlete may know it from another week: it was moved, and that was not published yet.
    plans = PublishedPlan.objects.latest_revisions().filter(week__athlete=athlete)
    if released_on:
        plans = plans.released(athlete, today=released_on)
    for plan in plans.order_by("-week__starts_on")[:RECENT_PLANS]:
        for planned in plan.content["sessions"]:
            if planned["id"] == session.pk:
                return planned
    raise Http404
