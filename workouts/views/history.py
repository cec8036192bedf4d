"""Who changed what in the weeks of a team, and of one athlete."""

from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from athletes.models import Athlete
from athletes.requests import SiteRequest, coached_team
from workouts.changes import PAGE, actions_of, changes_of
from workouts.models import Action
from workouts.views.board import shown_week


def team_history(request: SiteRequest, slug: str) -> HttpResponse:
    """Show what was done to the weeks of a team; `athlete` and `week` of the query narrow it."""
    team = coached_team(request, slug)
    chosen = request.GET.get("athlete", "")
    is_id = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
    athlete = team.athletes.filter(pk=int(chosen)).first() if is_id else None
    week = shown_week(request.GET.get("week", ""))
    page = pages(request, actions_of(team, athlete=athlete, starts_on=week))
    mine = Action.objects.undoable(team=team, by=request.user, now=timezone.now())
    context = {
        "team": team,
        "athletes": team.athletes.order_by("name", "pk"),
        "chosen": athlete,
        "week": week,
        "page": page,
        "latest": mine.values_list("pk", flat=True).first(),
    }
    return render(request, "workouts/history.html", context)


def week_history(request: SiteRequest, athlete_id: int, starts_on: date) -> HttpResponse:
    """Show each change to one athlete's week, before and after."""
    athlete = get_object_or_404(
        Athlete.objects.coached_by(request.user).select_related("team"), pk=athlete_id
    )
    page = pages(request, changes_of(athlete, starts_on))
    context = {
        "team": athlete.team,
        "athlete": athlete,
        "starts_on": starts_on,
        "is_coach": True,
        "page": page,
    }
    return render(request, "workouts/week_history.html", context)


def pages(request: SiteRequest, found: Any) -> Any:
    return Paginator(found, PAGE).get_page(request.GET.get("page"))
