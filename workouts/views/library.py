"""The library of workouts, and the editor with its preview."""

from functools import lru_cache

import markdown
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from athletes.models import LAP_M, Athlete, AthleteQuerySet, Team
from athletes.requests import SiteRequest, coached_team, form_page
from workouts.forms import LibraryFilter, WorkoutForm, numbers
from workouts.models import Workout
from workouts.previews import SNIPPETS, preview, readers


def library(request: SiteRequest, slug: str) -> HttpResponse:
    """List the workouts that match what the coach looks for."""
    team = coached_team(request, slug)
    form = LibraryFilter(request.GET)
    chosen = form.chosen()
    archived = chosen.pop("archived")
    found = Workout.objects.of_team(team).matching(**chosen).with_last_use(team)
    workouts = found if archived else found.current()
    context = {
        "team": team,
        "form": form,
        "workouts": workouts.order_by("kind", "title"),
        "moved": team.workouts.filter(pk__in=numbers(request.GET.get("did", ""))).first(),
    }
    template = "workouts/_library.html" if request.htmx else "workouts/library.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def workout_detail(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    """Show a workout, prescribed for an athlete or the range of a group."""
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.of_team(team), pk=workout_id)
    context = editor_context(team, workout.notation, request.GET.get("for", ""))
    return render(request, "workouts/workout_detail.html", context | {"workout": workout})


@require_POST
def workout_preview(request: SiteRequest, slug: str) -> HttpResponse:
    """Answer the editor, as the coach types, with what the text means. Writes nothing."""
    team = coached_team(request, slug)
    text = request.POST.get("notation", "")[:4000]
    whom = request.POST.get("for") or request.POST.get("whom", "")
    lap_m = lap_typed(request.POST.get("lap_m", ""))
    context = editor_context(team, text, whom, lap_m)
    return render(request, "workouts/_preview.html", context | {"is_retyped": True})


def lap_typed(text: str) -> float | None:
    """Return the lap of a session as it is typed so far; None where that is no lap yet."""
    try:
        lap_m = float(text)
    except ValueError:
        return None
    return lap_m if LAP_M[0] <= lap_m <= LAP_M[1] else None


def editor_context(
    team: Team, text: str, whom: str, lap_m: float | None = None
) -> dict[str, object]:
    """Return the preview of a text for whom the coach chose, and the choices there are."""
    chosen = chosen_readers(team, whom).with_paces()
    today = timezone.now().date()
    return {
        "team": team,
        "preview": preview(text, readers=readers(chosen, team, today=today), lap_m=lap_m),
        "whom": whom,
        "groups": team.groups.order_by("name"),
        "athletes": team.athletes.order_by("name", "pk"),
        "snippets": SNIPPETS,
    }


def chosen_readers(team: Team, whom: str) -> AthleteQuerySet:
    """Return the athletes of a choice: group-3, athlete-12, or the whole team for anything else."""
    sort, _, pk = whom.partition("-")
    athletes = Athlete.objects.filter(team=team)
    if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return athletes
    return athletes.filter(groups=int(pk)) if sort == "group" else athletes.filter(pk=int(pk))


def workout_add(request: SiteRequest, slug: str) -> HttpResponse:
    team = coached_team(request, slug)
    form = WorkoutForm(request.POST or None)
    form.instance.team = team
    if request.method == "POST" and form.is_valid():
        workout = form.save()
        return redirect("workout_detail", slug=slug, workout_id=workout.pk)
    text, whom = form["notation"].value() or "", request.POST.get("for", "")
    context = editor_context(team, text, whom) | {"form": form}
    return form_page(request, "workouts/workout_form.html", context)


def workout_edit(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.filter(team=team), pk=workout_id)
    form = WorkoutForm(request.POST or None, instance=workout)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("workout_detail", slug=slug, workout_id=workout_id)
    text, whom = form["notation"].value() or "", request.POST.get("for", "")
    context = editor_context(team, text, whom) | {"form": form, "workout": workout}
    return form_page(request, "workouts/workout_form.html", context)


@require_POST
def workout_copy(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    """Copy a workout into the team's own, to be changed there."""
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.of_team(team), pk=workout_id)
    copy = workout.copy_for(team)
    return redirect("workout_edit", slug=slug, workout_id=copy.pk)


@require_POST
def workout_archive(request: SiteRequest, slug: str, workout_id: int) -> HttpResponse:
    """Put a workout of the team away, or `back`; planned sessions keep their own notation."""
    team = coached_team(request, slug)
    workout = get_object_or_404(Workout.objects.filter(team=team), pk=workout_id)
    workout.archived_at = None if "back" in request.POST else timezone.now()
    workout.save(update_fields=["archived_at"])
    return redirect(f"{reverse('library', args=[slug])}?did={workout.pk}")


def notation_help(request: SiteRequest) -> HttpResponse:
    """Show docs/notation.md: as a page, or as the fragment behind the editor's question mark."""
    template = "workouts/_notation_help.html" if request.htmx else "workouts/notation_help.html"
    response = render(request, template, {"guide": guide()})
    patch_vary_headers(response, ["HX-Request"])
    return response


@lru_cache(maxsize=1)
def guide() -> SafeString:
    """Return the guide to the notation as HTML; the text is the project's own, nobody types it."""
    text = (settings.BASE_DIR / "docs" / "notation.md").read_text("utf-8")
    return SafeString(markdown.markdown(text, extensions=["tables", "fenced_code"]))
