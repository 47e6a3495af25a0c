"""What people were told."""

from __future__ import annotations

from django.urls import URLPattern, path

from observability.views import notices

# /notices/
notice_urls: list[URLPattern] = [
    path("", notices.notices, name="notices"),
    path("seen/", notices.notices_seen, name="notices_seen"),
    path("bell/", notices.notice_bell, name="notice_bell"),
]
