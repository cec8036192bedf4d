"""A race before it is kept: what it would change, so that nobody is surprised by new targets."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from athletes.forms import RaceForm
from athletes.models import Athlete, RacePerformance
from athletes.requests import SiteRequest, is_coach
from workouts import retarget


@require_POST
def race_preview(request: SiteRequest, athlete_id: int) -> HttpResponse:
    """Show what a new race would change; keep nothing."""
    visible = Athlete.objects.visible_to(request.user).with_paces().select_related("team")
    return preview(request, get_object_or_404(visible, pk=athlete_id), race=None)


@require_POST
def race_edit_preview(request: SiteRequest, race_id: int) -> HttpResponse:
    """Show what it would change to correct a race; keep nothing."""
    races = RacePerformance.objects.visible_to(request.user)
    race = get_object_or_404(races.select_related("athlete__team"), pk=race_id)
    return preview(request, race.athlete, race=race)


def preview(
    request: SiteRequest, athlete: Athlete, *, race: RacePerformance | None
) -> HttpResponse:
    """Answer with the changes, or with the form where it was asked back or cannot be taken."""
    today = athlete.today(timezone.now())
    form = RaceForm(request.POST, instance=race, athlete=athlete, today=today)
    is_valid = form.is_valid()
    context = {
        "athlete": athlete,
        "team": athlete.team,
        "is_coach": is_coach(request, athlete),
        "race": race,
        "race_form": form,
    }
    if is_valid and "change" not in request.POST:
        context["race_new"] = form.instance
        context["changes"] = retarget.changes(athlete, form.instance, today=today)
    template = "athletes/_race.html" if request.htmx else "athletes/race_form.html"
    return render(request, template, context, status=200 if is_valid else 422)
