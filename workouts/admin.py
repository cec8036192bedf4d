"""The back office: weeks and sessions through the same rule, plans and deliveries to read only."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest

from workouts.models import (
    Delivery,
    Kind,
    PublishedPlan,
    Session,
    TrackLimitReached,
    TrainingWeek,
    Workout,
)

admin.site.register(Workout)


class SessionAdminForm(ModelForm):
    """Takes a free slot before the row is checked, so that a full week is refused in words."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        week = cleaned.get("week")
        if week and cleaned.get("kind"):
            self.instance.track_limit = week.track_limit
            self.instance.track_slot = self.free_slot(week, cleaned["kind"])
        return cleaned

    def free_slot(self, week: TrainingWeek, kind: str) -> int | None:
        if kind != Kind.TRACK:
            return None
        taken = set(week.sessions.exclude(pk=self.instance.pk).values_list("track_slot", flat=True))
        for slot in range(1, week.track_limit + 1):
            if slot not in taken:
                return slot
        raise ValidationError(str(TrackLimitReached(week)))


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin):
    form = SessionAdminForm
    list_display = ["week", "weekday", "kind", "title"]
    list_filter = ["kind"]
    raw_id_fields = ["week", "workout"]


@admin.register(TrainingWeek)
class TrainingWeekAdmin(admin.ModelAdmin):
    list_display = ["athlete", "starts_on", "track_limit"]
    raw_id_fields = ["athlete"]


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(PublishedPlan)
class PublishedPlanAdmin(ReadOnlyAdmin):
    list_display = ["week", "revision", "published_at", "published_by"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["plan", "state", "due_at", "sent_at", "attempts", "last_error"]
    list_filter = ["state"]
