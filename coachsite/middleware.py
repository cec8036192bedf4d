"""What holds for every request, whatever the view."""

import logging
from collections.abc import Callable

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render

from athletes.accounts import MailUnavailable
from workouts.constraints import refusal

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class RefuseNulBytes:
    """Answer 400 to a NUL character in path or query, which PostgreSQL cannot store or compare.

    Posted fields need no such guard: Django's form fields refuse it themselves.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or any(
            "\0" in value for values in request.GET.lists() for value in (values[0], *values[1])
        ):
            return HttpResponseBadRequest("The address holds a character that cannot be used.")
        return self.get_response(request)


class PrivatePages:
    """Keep private pages out of caches, and word the refusals that no view has caught."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Whether somebody is signed in is asked only where the page asked: a page that needs no
        # database, such as /healthz/, must not need one here.
        if request.session.accessed and request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, MailUnavailable):
            message = "The mail could not be sent just now. Try again in a few minutes."
            return render(request, "refused.html", {"message": message}, status=503)
        if isinstance(error, IntegrityError) and (message := refusal(error)):
            log.warning("refused by the database: %s", error)
            template = "_refused.html" if getattr(request, "htmx", False) else "refused.html"
            return render(request, template, {"message": message}, status=409)
        return None
