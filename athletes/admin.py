"""The back office, for the people who run the site."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from athletes.models import (
    Athlete,
    Group,
    Membership,
    PaceOverride,
    RacePerformance,
    Team,
    User,
)


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "created_at"]
    search_fields = ["name"]
    inlines = [MembershipInline]


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login"]
    readonly_fields = ["last_login"]


@admin.register(Athlete)
class AthleteAdmin(admin.ModelAdmin):
    list_display = ["name", "email", "team", "level", "track_limit", "time_zone"]
    list_filter = ["team", "level"]
    search_fields = ["name", "email"]
    raw_id_fields = ["groups"]

    def save_model(self, request: HttpRequest, obj: Athlete, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "track_limit" in form.changed_data:
            # Nobody but staff gets here; the type of a request does not know of our User.
            obj.limit_changed(today=obj.today(timezone.now()), by=request.user)  # type: ignore[arg-type]


@admin.register(RacePerformance)
class RacePerformanceAdmin(admin.ModelAdmin):
    list_display = ["athlete", "distance_m", "time_s", "raced_on", "surface", "drives_paces"]
    list_filter = ["surface", "timing", "drives_paces"]
    raw_id_fields = ["athlete"]


@admin.register(PaceOverride)
class PaceOverrideAdmin(admin.ModelAdmin):
    """To read only: a pace is set and ended on the athlete's page, and its history stays."""

    list_display = ["athlete", "name", "low_s_per_km", "high_s_per_km", "set_by", "ended_at"]
    list_select_related = ["athlete", "set_by"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.register(Group)
