"""The back office, for the people who run the site."""

from django.contrib import admin

from athletes.models import Athlete, Group, Membership, RacePerformance, Team, User


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


@admin.register(RacePerformance)
class RacePerformanceAdmin(admin.ModelAdmin):
    list_display = ["athlete", "distance_m", "time_s", "raced_on", "surface"]
    raw_id_fields = ["athlete"]


admin.site.register(Group)
