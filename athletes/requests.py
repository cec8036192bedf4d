"""The request as the views get it, and what the views of both apps ask of it."""

import logging
from typing import Any

from allauth.core.ratelimit import consume_or_429
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django_htmx.middleware import HtmxDetails
from redis.exceptions import RedisError

from athletes.models import Athlete, Team, User

log = logging.getLogger(__name__)


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


def guesses_refused(request: HttpRequest, *, is_guess: bool = False) -> HttpResponse | None:
    """Answer 429 where too many links that open nothing were tried from one address, else None.

    A page that a link opens without a log-in asks before it reads the link, so that one that works
    looks like the others then; `is_guess` counts one that does not. Without a cache to count in,
    nobody is refused.
    """
    try:
        refused: HttpResponse | None = consume_or_429(
            request, action="unknown_link", limit_get=True, dry_run=not is_guess
        )
    except (OSError, RedisError) as error:
        log.error("guessed links cannot be counted: %s", error)
        return None
    return refused
