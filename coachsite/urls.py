from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from coachsite.health import healthz

# The back office has no log-in of its own: that would know no limit on wrong passwords.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("healthz/", healthz, name="healthz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("athletes.urls")),
    path("", include("workouts.urls")),
]
