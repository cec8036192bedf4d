"""Pages of training: board, library, sessions, the athlete's week. Access is the first line."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import ProtectedError, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST

from athletes.models import Athlete, Team
from athletes.requests import SiteRequest
from workouts import dashboard, planning
from workouts.delivery import plan_context
from workouts.forms import MoveForm, ResultForm, SessionEditForm, SessionForm, WorkoutForm
from workouts.models import (
    PublishedPlan,
    Result,
    Session,
    TrackLimitReached,
    TrainingWeek,
    Workout,
)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def coached_team(request: SiteRequest, slug: str) -> Team:
    return get_object_or_404(Team.objects.coached_by(request.user), slug=slug)


# The board ----------------------------------------------------------------------------------------


def board_now(request: SiteRequest, slug: str) -> HttpResponse:
    """Send the coach to the week that is planned now: from Friday on the coming one."""
    coached_team(request, slug)
    return redirect("board", slug=slug, starts_on=monday_of(timezone.now().date() + timedelta(3)))


def board(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    team = coached_team(request, slug)
    context = board_context(request, team, starts_on)
    template = "workouts/_board.html" if request.htmx else "workouts/board.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def board_context(request: SiteRequest, team: Team, starts_on: date, **more: Any) -> dict[str, Any]:
    """Return what the board shows; group and page come from the query of the address."""
    groups = list(team.groups.order_by("name"))
    group = next((g for g in groups if str(g.pk) == request.GET.get("group")), None)
    page = request.GET.get("page", "")
    number = max(int(page), 1) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    shown = dashboard.board(
        chosen_athletes(team, group.pk if group else None),
        starts_on=starts_on,
        offset=(number - 1) * dashboard.PAGE_ROWS,
    )
    return {
        "team": team,
        "groups": groups,
        "group": group,
        "starts_on": starts_on,
        "days": [starts_on + timedelta(days=day) for day in range(7)],
        "earlier": starts_on - timedelta(days=7),
        "later": starts_on + timedelta(days=7),
        "this_week": monday_of(timezone.now().date()),
        "rows": shown.rows,
        "total": shown.total,
        "first": (number - 1) * dashboard.PAGE_ROWS + 1,
        "last": (number - 1) * dashboard.PAGE_ROWS + len(shown.rows),
        "previous_page": number - 1,
        "next_page": number + 1 if number * dashboard.PAGE_ROWS < shown.total else 0,
        "query": f"?group={group.pk}" if group else "",
    } | more


def chosen_athletes(team: Team, group_id: int | None) -> QuerySet[Athlete]:
    athletes = Athlete.objects.filter(team=team)
    return athletes.filter(groups=group_id) if group_id else athletes


def group_of(request: SiteRequest, team: Team) -> int | None:
    """Return the group that the posted address filters by; one of another team is not there."""
    text = request.GET.get("group", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404
    return get_object_or_404(team.groups, pk=int(text)).pk


def session_add(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    """Add a session for one athlete, a group or all; say for whom it could not be placed."""
    team = coached_team(request, slug)
    if request.method != "POST":
        form = SessionForm(team=team, initial=request.GET.dict())
        template = "workouts/_session_add.html" if request.htmx else "workouts/session_add.html"
        return render(request, template, add_context(request, team, starts_on, form))
    form = SessionForm(request.POST, team=team)
    verdicts: list[planning.Verdict] = []
    if form.is_valid():
        verdicts = planning.schedule_for(form.athletes(), starts_on=starts_on, **form.session())
    refused = [verdict for verdict in verdicts if verdict.refusal]
    placed = len(verdicts) - len(refused)
    if placed and not refused and not request.htmx:
        messages.success(request, placed_words(placed))
        return redirect(reverse("board", args=[slug, starts_on]) + board_query(request))
    context = add_context(request, team, starts_on, form) | {
        "refused": refused,
        "placed": placed,
        "placed_words": placed_words(placed) if placed else "",
        "nobody": form.is_valid() and not verdicts,
    }
    template = "workouts/_board.html" if request.htmx else "workouts/session_add.html"
    if request.htmx:
        context = board_context(request, team, starts_on) | context
        context["adding"] = bool(form.errors or refused or not verdicts)
    return render(request, template, context, status=200 if placed else 422)


def add_context(
    request: SiteRequest, team: Team, starts_on: date, form: SessionForm
) -> dict[str, Any]:
    return {"team": team, "starts_on": starts_on, "form": form, "query": board_query(request)}


def board_query(request: SiteRequest) -> str:
    group = request.GET.get("group", "")
    return f"?group={group}" if group.isascii() and group.isdigit() else ""


def placed_words(placed: int) -> str:
    return "Added to one week." if placed == 1 else f"Added to {placed} weeks."


@require_POST
def week_publish(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    team = coached_team(request, slug)
    athletes = chosen_athletes(team, group_of(request, team))
    done = planning.publish_weeks(
        athletes, starts_on=starts_on, now=timezone.now(), by=request.user
    )
    parts = [f"{done.published} published"]
    if done.unchanged:
        parts.append(f"{done.unchanged} unchanged since they were published")
    if done.empty:
        parts.append(f"{done.empty} without a session, left alone")
    return board_answer(request, team, starts_on, "Weeks: " + ", ".join(parts) + ".")


@require_POST
def week_send_now(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    team = coached_team(request, slug)
    athletes = chosen_athletes(team, group_of(request, team))
    waiting = planning.send_now(athletes, starts_on=starts_on, now=timezone.now())
    text = f"{waiting} mails go out within a minute." if waiting else "No mail of this week waits."
    return board_answer(request, team, starts_on, text)


def board_answer(request: SiteRequest, team: Team, starts_on: date, text: str) -> HttpResponse:
    if not request.htmx:
        messages.success(request, text)
        return redirect(reverse("board", args=[team.slug, starts_on]) + board_query(request))
    context = board_context(request, team, starts_on, answer=text)
    return render(request, "workouts/_board.html", context)


# The library --------------------------------------------------------------------------------------


def library(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    workouts = Workout.objects.of_team(team).order_by("kind", "title")
    return render(request, "workouts/library.html", {"team": team, "workouts": workouts})


def workout_detail(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    """Show a workout, prescribed for an athlete of the team where one is chosen."""
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.of_team(team), pk=workout_id)
    athletes = list(team.athletes.order_by("name", "pk"))
    chosen = next((a for a in athletes if str(a.pk) == request.GET.get("athlete")), None)
    if chosen is None:
        chosen = next(iter(athletes), None)
    context = {"team": team, "workout": workout, "athletes": athletes, "athlete": chosen}
    if chosen:
        session = Session(
            week=TrainingWeek(athlete=chosen, starts_on=monday_of(timezone.now().date())),
            weekday=1,
            kind=workout.kind,
            title=workout.title,
            notation=workout.notation,
        )
        paces = chosen.paces(today=chosen.today(timezone.now()))
        context |= {"session": session.content(chosen, paces), "units": chosen.units.lower()}
    return render(request, "workouts/workout_detail.html", context)


def workout_add(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    form = WorkoutForm(request.POST or None)
    form.instance.team = team
    if request.method == "POST" and form.is_valid():
        workout = form.save()
        return redirect("workout_detail", slug=slug, workout_id=workout.pk)
    return form_page(request, "workouts/workout_form.html", {"team": team, "form": form})


def workout_edit(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.filter(team=team), pk=workout_id)
    form = WorkoutForm(request.POST or None, instance=workout)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("workout_detail", slug=slug, workout_id=workout_id)
    context = {"team": team, "form": form, "workout": workout}
    return form_page(request, "workouts/workout_form.html", context)


def form_page(request: SiteRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Answer a form's page: 422 where what was posted could not be taken."""
    return render(request, template, context, status=422 if request.method == "POST" else 200)


# One session --------------------------------------------------------------------------------------


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
    except ProtectedError:
        messages.error(request, "A result is logged for this session: it stays. Move it instead.")
        return redirect("session_detail", session_id=session_id)
    messages.success(request, f"Removed {session.title}.")
    return redirect(board_url)


@require_POST
def week_limit(request: SiteRequest, week_id: int) -> HttpResponse:
    """Change how many track sessions one week of an athlete allows."""
    week = get_object_or_404(
        TrainingWeek.objects.coached_by(request.user).select_related("athlete"), pk=week_id
    )
    limit = request.POST.get("track_limit", "")
    if limit not in ("0", "1", "2"):
        messages.error(request, "A week may have two track sessions, one, or none.")
    else:
        try:
            week.set_track_limit(int(limit))
            messages.success(request, f"This week allows {limit} track sessions.")
        except TrackLimitReached as error:
            messages.error(request, f"{error} Move or remove one, then lower the limit to {limit}.")
    return redirect("athlete_week", athlete_id=week.athlete_id, starts_on=week.starts_on)


# The athlete's own pages --------------------------------------------------------------------------


def today(request: SiteRequest) -> HttpResponse:
    """Show the athlete today's session out of the published plan, with the week below."""
    athlete = Athlete.objects.filter(user=request.user).select_related("team").first()
    if athlete is None:
        return redirect("home")
    on = athlete.today(timezone.now())
    return render(request, "workouts/today.html", week_context(request, athlete, monday_of(on)))


def athlete_week(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    athlete = get_object_or_404(
        Athlete.objects.visible_to(request.user).select_related("team"), pk=athlete_id
    )
    context = week_context(request, athlete, starts_on)
    return render(request, "workouts/athlete_week.html", context)


def week_context(request: SiteRequest, athlete: Athlete, starts_on: date) -> dict[str, Any]:
    """Return the week as it was published; the coach's draft stays with the coach."""
    plan = (
        PublishedPlan.objects.latest_revisions()
        .filter(week__athlete=athlete, week__starts_on=starts_on)
        .select_related("week")
        .first()
    )
    on = athlete.today(timezone.now())
    context = plan_context(plan.content) if plan else {}
    sessions = context.get("sessions", [])
    coaching = is_coach(request, athlete)
    week = TrainingWeek.objects.filter(athlete=athlete, starts_on=starts_on).first()
    return context | {
        "athlete": athlete,
        "team": athlete.team,
        "published": plan,
        "on": on.isoformat(),
        "now_sessions": [s for s in sessions if s["on"] == on.isoformat()],
        "results": results_of([session["id"] for session in sessions]),
        "starts_on": starts_on,
        "days": [starts_on + timedelta(days=day) for day in range(7)],
        "earlier": starts_on - timedelta(days=7),
        "later": starts_on + timedelta(days=7),
        "is_coach": coaching,
        "week": week if coaching else None,
    }


def is_coach(request: SiteRequest, athlete: Athlete) -> bool:
    return Athlete.objects.coached_by(request.user).filter(pk=athlete.pk).exists()


def results_of(session_ids: list[int]) -> dict[int, Result]:
    results = Result.objects.filter(session__in=session_ids).prefetch_related("splits")
    return {result.session_id: result for result in results}


def result_log(request: SiteRequest, session_id: int) -> HttpResponse:
    """Log how a session went, against the reps of the plan as it was published."""
    session = get_object_or_404(
        Session.objects.visible_to(request.user).select_related("week__athlete__team"),
        pk=session_id,
    )
    planned = published_session(session)
    result = Result.objects.filter(session=session).first() or Result(session=session)
    form = ResultForm(request.POST or None, instance=result, reps=timed_reps(planned))
    if request.method == "POST" and form.is_valid():
        data = {name: form.cleaned_data[name] for name in ("outcome", "rpe", "comment")}
        Result.objects.log(
            session, **data, splits=form.splits(), by=request.user, now=timezone.now()
        )
        messages.success(request, "Logged. Your coach sees it on the board.")
        return redirect(
            "athlete_week", athlete_id=session.week.athlete_id, starts_on=session.week.starts_on
        )
    context = {
        "row": session,
        "session": planned,
        "form": form,
        "athlete": session.week.athlete,
        "team": session.week.athlete.team,
        "is_coach": is_coach(request, session.week.athlete),
        "units": session.week.athlete.units.lower(),
    }
    return form_page(request, "workouts/result_log.html", context)


def timed_reps(planned: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the reps that an athlete times: those over a distance."""
    return [rep for rep in planned["reps"] if rep["distance_m"]]


def published_session(session: Session) -> dict[str, Any]:
    """Return the session as the newest published revision of its week has it.

    :raises Http404: if it was not published: a draft is not the athlete's yet
    """
    plans = PublishedPlan.objects.latest_revisions().filter(week=session.week)
    for plan in plans:
        for planned in plan.content["sessions"]:
            if planned["id"] == session.pk:
                return planned
    raise Http404
