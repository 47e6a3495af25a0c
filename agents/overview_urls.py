"""How the desk is doing."""

from __future__ import annotations

from django.urls import URLPattern, path

from agents.views import overview

overview_urls: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("conversations/<slug:kind>/", overview.overview_list, name="overview_list"),
]
