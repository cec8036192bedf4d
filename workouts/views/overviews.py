"""Views over several weeks: one athlete's month, and the track budget of a team."""

from datetime import date, timedelta

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from athletes.models import Athlete, monday_of
from athletes.requests import SiteRequest, coached_team, is_coach
from workouts import overviews
from workouts.models import Kind, Phase
from workouts.views.weeks import chosen_athletes

# A step of the budget; it shows three times as many, so that each step shows what went before.
STEP = timedelta(weeks=4)


def athlete_month(request: SiteRequest, athlete_id: int, month: date) -> HttpResponse:
    """Show a month of whole weeks: to a coach as it is planned, to the athlete as published."""
    athlete = get_object_or_404(
        Athlete.objects.visible_to(request.user).select_related("team").prefetch_related("pauses"),
        pk=athlete_id,
    )
    coaching = is_coach(request, athlete)
    today = athlete.today(timezone.now())
    weeks = overviews.month_weeks(athlete, month=month, today=today, with_drafts=coaching)
    context = {
        "athlete": athlete,
        "team": athlete.team,
        "units": athlete.units.lower(),
        "is_coach": coaching,
        "month": month,
        "weeks": weeks,
        "has_sessions": any(day.sessions for week in weeks for day in week.days),
        "today": today,
        "earlier": month - timedelta(days=1),
        "later": month + timedelta(days=31),
        "monday": monday_of(today if today.replace(day=1) == month else month),
        "legend": [(kind.letter, kind.label.lower()) for kind in Kind],
    }
    return render(request, "workouts/month.html", context)


def budget_now(request: SiteRequest, slug: str) -> HttpResponse:
    """Send the coach to the twelve weeks from the current one on."""
    coached_team(request, slug)
    return redirect("track_budget", slug=slug, starts_on=monday_of(timezone.now().date()))


def track_budget(request: SiteRequest, slug: str, starts_on: date) -> HttpResponse:
    """Show who uses how many track slots in twelve weeks; group and page come from the query."""
    team = coached_team(request, slug)
    groups = list(team.groups.order_by("name"))
    group = next((g for g in groups if str(g.pk) == request.GET.get("group")), None)
    page = request.GET.get("page", "")
    number = max(int(page), 1) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    offset = (number - 1) * overviews.PAGE_ROWS
    this_week = monday_of(timezone.now().date())
    budget = overviews.track_budget(
        chosen_athletes(team, group.pk if group else None),
        starts_on=starts_on,
        this_week=this_week,
        offset=offset,
    )
    shown = offset + len(budget.rows)
    context = {
        "team": team,
        "groups": groups,
        "group": group,
        "query": f"?group={group.pk}" if group else "",
        "starts_on": starts_on,
        "ends_on": budget.mondays[-1] + timedelta(days=6),
        "this_week": this_week,
        "earlier": starts_on - STEP,
        "later": starts_on + STEP,
        "budget": budget,
        "first": offset + 1,
        "last": shown,
        "page": number,
        "previous_page": number - 1,
        "next_page": number + 1 if shown < budget.total else 0,
        "legend": [(phase.label[:2], phase.label.lower()) for phase in Phase],
    }
    return render(request, "workouts/budget.html", context)
