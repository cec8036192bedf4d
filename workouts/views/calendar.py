"""An athlete's training in their own calendar: what the apps fetch, and the page of its address."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from athletes.models import Athlete
from athletes.requests import SiteRequest
from workouts.calendars import calendar_address, calendar_of
from workouts.delivery import mail_domain
from workouts.mail_links import LinkAltered, read_calendar
from workouts.views.mail import unknown


@login_not_required
@require_safe
@conditional_page
@cache_control(private=True, no_cache=True)
def calendar_feed(request: SiteRequest, calendar_token: str) -> HttpResponse:
    """Answer a calendar app, which cannot log in: the address is the key."""
    try:
        link = read_calendar(calendar_token)
        open_to_it = Athlete.objects.with_calendar(link.key).select_related("team")
        athlete = open_to_it.get(pk=link.athlete_id)
    except (LinkAltered, Athlete.DoesNotExist):
        return unknown(request)
    today = athlete.today(timezone.now())
    calendar = calendar_of(athlete, today=today, domain=mail_domain())
    return HttpResponse(calendar, content_type="text/calendar; charset=utf-8")


def calendar_settings(request: SiteRequest, athlete_id: int) -> HttpResponse:
    """Show athletes the address of their calendar, and change it. It is theirs, not the coach's."""
    own = Athlete.objects.filter(user=request.user).select_related("team")
    athlete = get_object_or_404(own, pk=athlete_id)
    if request.method == "POST":
        athlete.renew_calendar()
        messages.success(
            request,
            "The calendar has a new address; the old one no longer works. "
            "Take the old calendar out of your apps, and add this one.",
        )
        return redirect(request.path)
    address = calendar_address(athlete)
    context = {
        "athlete": athlete,
        "is_coach": False,
        "address": address,
        "subscribe": f"webcal://{address.partition('://')[2]}",
    }
    return render(request, "workouts/calendar_settings.html", context)
