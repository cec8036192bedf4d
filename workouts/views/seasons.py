"""Plans of several weeks: written, followed by athletes, edited while they run."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.db.models import Count, F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from athletes.models import Team
from athletes.requests import SiteRequest, coached_team, form_page
from workouts import season_edits, seasons
from workouts.models import (
    Action,
    Enrolment,
    SeasonPlan,
    SeasonWeek,
    SeasonWeekChanged,
    SeasonWeekFull,
    WeeksInUse,
)
from workouts.season_forms import (
    FollowForm,
    SeasonPlanForm,
    SeasonWeekForm,
    SessionFormSet,
    rows_of,
    seen_now,
)


def plan_of(team: Team, plan_id: int, *, own: bool = False) -> SeasonPlan:
    """Return a plan that the team may use, or with `own` one that it may change, else 404."""
    plans = SeasonPlan.objects.filter(team=team) if own else SeasonPlan.objects.of_team(team)
    return get_object_or_404(plans, pk=plan_id)


def season_list(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    archived = bool(request.GET.get("archived"))
    plans = SeasonPlan.objects.of_team(team).annotate(number=Count("weeks"))
    if not archived:
        plans = plans.current()
    ordered = list(plans.order_by(F("team").asc(nulls_last=True), "title", "pk"))
    lengths = {plan.pk: plan.number for plan in ordered}
    following = seasons.following(team, lengths, today=timezone.now().date())
    rows = [(plan, following[plan.pk]) for plan in ordered]
    context = {"team": team, "plans": rows, "archived": archived}
    return render(request, "workouts/season_list.html", context)


def season_detail(request: SiteRequest, slug: str, plan_id: int) -> HttpResponse:
    team = coached_team(request, slug)
    plan = plan_of(team, plan_id)
    now = timezone.now()
    weeks = seasons.weeks_of(plan)
    runs = list(seasons.followers(plan, team, today=now.date()))
    rows = running(runs, weeks, today=now.date())
    is_edited = season_edits.is_edited(plan, runs)
    changes = season_edits.pending(plan, team, now=now) if is_edited else []
    last = Action.objects.undoable(team=team, by=request.user, now=now).first()
    context = {
        "team": team,
        "plan": plan,
        "rows": seasons.table(weeks),
        "runs": rows,
        "newcomers": seasons.newcomers(plan, team, today=now.date()) if runs else [],
        "changes": [change for change in changes if not change.kept],
        "undo": last if last and plan.is_behind(last) else None,
    }
    return render(request, "workouts/season_detail.html", context)


def running(runs: list[Enrolment], weeks: list[SeasonWeek], *, today: date) -> list[dict[str, Any]]:
    """Return of each run the week it is in, the race, and whether its athlete left the group."""
    strays = seasons.strays(runs)
    return [
        {
            "run": run,
            "week": run.week_number(today),
            "of": len(weeks),
            "race_on": seasons.race_day(run, weeks),
            "strayed": run.pk in strays,
        }
        for run in runs
    ]


def season_add(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    form = SeasonPlanForm(request.POST or None, initial={"number": 8})
    form.instance.team = team
    if request.method == "POST" and form.is_valid():
        plan = form.save()
        plan.set_weeks(form.cleaned_data["number"])
        return redirect("season_detail", slug=slug, plan_id=plan.pk)
    return form_page(request, "workouts/season_form.html", {"team": team, "form": form})


def season_edit(request: SiteRequest, slug: str, plan_id: int) -> HttpResponse:
    team = coached_team(request, slug)
    plan = plan_of(team, plan_id, own=True)
    initial = {"number": plan.weeks.count()}
    form = SeasonPlanForm(request.POST or None, instance=plan, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            plan.set_weeks(form.cleaned_data["number"])
            form.save()
            return redirect("season_detail", slug=slug, plan_id=plan_id)
        except WeeksInUse as error:
            form.add_error("number", str(error))
    context = {"team": team, "form": form, "plan": plan}
    return form_page(request, "workouts/season_form.html", context)


def season_week(request: SiteRequest, slug: str, plan_id: int, number: int) -> HttpResponse:
    """Show a week of the team's own plan as a form, and write it anew as a whole."""
    team = coached_team(request, slug)
    plan = plan_of(team, plan_id, own=True)
    week = get_object_or_404(plan.weeks.select_related("changed_by"), number=number)
    about = {"phase": week.phase, "track_limit": week.track_limit, "seen": week.version()}
    typed = request.POST if request.method == "POST" else None
    form = SeasonWeekForm(typed, initial=about)
    sessions = SessionFormSet(typed, initial=rows_of(week, typed), team=team)
    context: dict[str, Any] = {"team": team, "plan": plan, "week": week, "last": plan.weeks.count()}
    if typed is not None and not sessions.management_form.is_valid():
        context["is_torn"] = True
        sessions = SessionFormSet(initial=rows_of(week), team=team)
    elif typed is not None and form.is_valid() and sessions.is_valid():
        try:
            week.fill(sessions.rows(), by=request.user, **form.cleaned_data)
            messages.success(request, f"Week {number} is kept.")
            return redirect("season_detail", slug=slug, plan_id=plan_id)
        except SeasonWeek.DoesNotExist:
            messages.error(request, f"Week {number} is not in the plan any more: nothing was kept.")
            return redirect("season_detail", slug=slug, plan_id=plan_id)
        except SeasonWeekFull as error:
            form.add_error("track_limit", str(error))
        except SeasonWeekChanged as error:
            context |= {"changed": str(error), "now": week.sessions.order_by("weekday", "pk")}
            merged = seen_now(typed, week)
            form = SeasonWeekForm(merged, initial=about)
            sessions = SessionFormSet(merged, initial=rows_of(week, merged), team=team)
    context |= {"form": form, "sessions": sessions}
    return form_page(request, "workouts/season_week.html", context)


@require_POST
def season_copy(request: SiteRequest, slug: str, plan_id: int) -> HttpResponse:
    """Copy a plan into the team's own, to be changed there."""
    team = coached_team(request, slug)
    copy = plan_of(team, plan_id).copy_for(team)
    messages.success(request, f"“{copy.title}” is your team's own now: change what you like.")
    return redirect("season_detail", slug=slug, plan_id=copy.pk)


@require_POST
def season_archive(request: SiteRequest, slug: str, plan_id: int) -> HttpResponse:
    """Put a plan of the team away, or take it back; who follows it goes on."""
    team = coached_team(request, slug)
    plan = plan_of(team, plan_id, own=True)
    plan.archived_at = None if plan.archived_at else timezone.now()
    plan.save(update_fields=["archived_at"])
    where = "is in the archive" if plan.archived_at else "is among the plans again"
    messages.success(request, f"{plan.title} {where}.")
    return redirect("season_list", slug=slug)


def season_follow(request: SiteRequest, slug: str, plan_id: int) -> HttpResponse:
    """Ask who follows the plan from when; show what that would mean; do it."""
    team = coached_team(request, slug)
    plan = plan_of(team, plan_id)
    now = timezone.now()
    initial = {name: request.GET[name] for name in ("starts_on", "race_on") if name in request.GET}
    form = FollowForm(request.POST or None, initial=initial, team=team, today=now.date())
    context: dict[str, Any] = {"team": team, "plan": plan, "form": form}
    if request.method != "POST" or not form.is_valid():
        return form_page(request, "workouts/season_follow.html", context)
    weeks, race_on = plan.weeks.count(), form.cleaned_data["race_on"]
    starts_on = form.cleaned_data["starts_on"] or seasons.first_monday(weeks, race_on)
    is_done = "follow" in request.POST
    done = seasons.follow(
        plan,
        form.athletes(),
        starts_on=starts_on,
        race_on=race_on,
        by=request.user,
        team=team,
        now=now,
        on_road=form.cleaned_data["on_road"],
        only_look=not is_done,
    )
    if is_done and done.placed and not done.refused:
        messages.success(request, followed_words(done))
        return redirect("season_detail", slug=slug, plan_id=plan_id)
    context["is_empty"] = not plan.weeks.filter(sessions__isnull=False).exists()
    context |= {"done": done, "is_done": is_done and done.placed, "words": followed_words(done)}
    status = 200 if done.placed else 422
    return render(request, "workouts/season_follow.html", context, status=status)


def followed_words(done: seasons.Application) -> str:
    people = "1 athlete" if done.following == 1 else f"{done.following} athletes"
    planned = "1 session" if done.placed == 1 else f"{done.placed:,} sessions"
    return f"{planned} for {people}"


def season_changes(request: SiteRequest, slug: str, plan_id: int) -> HttpResponse:
    """Show what edits of the plan change for those who follow it, and bring them there."""
    team = coached_team(request, slug)
    plan = plan_of(team, plan_id)
    now = timezone.now()
    context: dict[str, Any] = {"team": team, "plan": plan}
    if request.method == "POST":
        done = season_edits.bring(plan, team, by=request.user, now=now)
        if not done.refused:
            made = "1 change" if done.made == 1 else f"{done.made} changes"
            messages.success(request, f"{made} made. Publish the weeks to send them.")
            return redirect("season_detail", slug=slug, plan_id=plan_id)
        context["done"] = done
    found = season_edits.pending(plan, team, now=now)
    context["changes"] = [change for change in found if not change.kept]
    context["kept"] = [change for change in found if change.kept]
    return render(request, "workouts/season_changes.html", context)


@require_POST
def enrolment_leave(request: SiteRequest, enrolment_id: int) -> HttpResponse:
    """Take an athlete off a plan; instead of a question there is an undo."""
    runs = Enrolment.objects.coached_by(request.user)
    run = get_object_or_404(runs.select_related("athlete__team", "plan"), pk=enrolment_id)
    left = season_edits.leave(run, by=request.user, now=timezone.now())
    if left is None:
        text = f"{run.athlete} was off the plan already. Nothing was changed."
    else:
        sessions = "1 session" if left.removed == 1 else f"{left.removed} sessions"
        text = f"{run.athlete} is off the plan: {sessions} taken out of the weeks to come."
        if left.kept:
            text += f" Kept: {'; '.join(left.kept)}."
    messages.success(request, text)
    return redirect("season_detail", slug=run.athlete.team.slug, plan_id=run.plan_id)
