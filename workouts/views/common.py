"""What views of several pages share: the Monday of a day, a team one coaches, a form's answer."""

from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from athletes.models import Athlete, Team
from athletes.requests import SiteRequest


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def coached_team(request: SiteRequest, slug: str) -> Team:
    return get_object_or_404(Team.objects.coached_by(request.user), slug=slug)


def is_coach(request: SiteRequest, athlete: Athlete) -> bool:
    return Athlete.objects.coached_by(request.user).filter(pk=athlete.pk).exists()


def form_page(request: SiteRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Answer a form's page: 422 where what was posted could not be taken."""
    return render(request, template, context, status=422 if request.method == "POST" else 200)
