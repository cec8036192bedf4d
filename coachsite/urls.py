from allauth.account.decorators import secure_admin_login
from django.conf import settings
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
if settings.ANYMAIL.get("WEBHOOK_SECRET"):  # without it anybody could tell of bounces
    urlpatterns.append(path("anymail/", include("anymail.urls")))
