from django.contrib import admin
from django.urls import include, path

from coachsite.health import healthz

urlpatterns = [
    path("healthz/", healthz, name="healthz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("athletes.urls")),
    path("", include("workouts.urls")),
]
