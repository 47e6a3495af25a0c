"""The whole URL tree."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("", include("observability.urls")),
    path("", include("agents.urls")),
    path("", include("tools.urls")),
    path("", include("guardrails.urls")),
]
