"""The request as the views get it, and what the views of both apps ask of it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django_htmx.middleware import HtmxDetails

from athletes.models import Athlete, Team, User


class SiteRequest(HttpRequest):
    """A request of somebody logged in (LoginRequiredMiddleware sees to it), by page or by htmx."""

    user: User
    htmx: HtmxDetails


def coached_team(request: SiteRequest, slug: str) -> Team:
    return get_object_or_404(Team.objects.coached_by(request.user), slug=slug)


def is_coach(request: SiteRequest, athlete: Athlete) -> bool:
    return Athlete.objects.coached_by(request.user).filter(pk=athlete.pk).exists()


def form_page(request: SiteRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Answer a form's page: 422 where what was posted could not be taken."""
    return render(request, template, context, status=422 if request.method == "POST" else 200)
