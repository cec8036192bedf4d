"""The back office: the common library to edit, weeks, plans and mails to read.

Sessions are changed on the site, through the verbs of `TrainingWeek`: a second door would need the
rule a second time.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from workouts.models import Delivery, PublishedPlan, Result, Session, TrainingWeek, Workout

admin.site.register(Workout)


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TrainingWeek)
class TrainingWeekAdmin(ReadOnlyAdmin):
    list_display = ["athlete", "starts_on", "track_limit"]
    list_select_related = ["athlete"]


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["week", "weekday", "kind", "title"]
    list_filter = ["kind"]
    list_select_related = ["week__athlete"]


@admin.register(Result)
class ResultAdmin(ReadOnlyAdmin):
    list_display = ["session", "outcome", "rpe", "logged_at"]
    list_select_related = ["session__week__athlete"]


@admin.register(PublishedPlan)
class PublishedPlanAdmin(ReadOnlyAdmin):
    list_display = ["week", "revision", "published_at", "published_by"]
    list_select_related = ["week__athlete", "published_by"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["plan", "state", "due_at", "sent_at", "attempts", "last_error"]
    list_filter = ["state"]
    list_select_related = ["plan__week__athlete"]
