"""The library of workouts."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from athletes.requests import SiteRequest
from workouts.forms import WorkoutForm
from workouts.models import (
    Session,
    TrainingWeek,
    Workout,
)
from workouts.views.common import coached_team, form_page, monday_of


def library(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    workouts = Workout.objects.of_team(team).order_by("kind", "title")
    return render(request, "workouts/library.html", {"team": team, "workouts": workouts})


def workout_detail(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    """Show a workout, prescribed for an athlete of the team where one is chosen."""
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.of_team(team), pk=workout_id)
    athletes = list(team.athletes.order_by("name", "pk"))
    chosen = next((a for a in athletes if str(a.pk) == request.GET.get("athlete")), None)
    if chosen is None:
        chosen = next(iter(athletes), None)
    context = {"team": team, "workout": workout, "athletes": athletes, "athlete": chosen}
    if chosen:
        session = Session(
            week=TrainingWeek(athlete=chosen, starts_on=monday_of(timezone.now().date())),
            weekday=1,
            kind=workout.kind,
            title=workout.title,
            notation=workout.notation,
        )
        paces = chosen.paces(today=chosen.today(timezone.now()))
        context |= {"session": session.content(chosen, paces), "units": chosen.units.lower()}
    return render(request, "workouts/workout_detail.html", context)


def workout_add(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    form = WorkoutForm(request.POST or None)
    form.instance.team = team
    if request.method == "POST" and form.is_valid():
        workout = form.save()
        return redirect("workout_detail", slug=slug, workout_id=workout.pk)
    return form_page(request, "workouts/workout_form.html", {"team": team, "form": form})


def workout_edit(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.filter(team=team), pk=workout_id)
    form = WorkoutForm(request.POST or None, instance=workout)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("workout_detail", slug=slug, workout_id=workout_id)
    context = {"team": team, "form": form, "workout": workout}
    return form_page(request, "workouts/workout_form.html", context)
