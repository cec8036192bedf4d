"""The request as the views get it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from athletes.models import User


class SiteRequest(HttpRequest):
    """A request of somebody logged in (LoginRequiredMiddleware sees to it), by page or by htmx."""

    user: User
    htmx: HtmxDetails
