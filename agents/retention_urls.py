"""The pages of retention and erasure, below the root of the desk."""

from __future__ import annotations

from django.urls import path

from agents.views import erasure, retention

urlpatterns = [
    path("retention/", retention.retention, name="retention"),
    # /erasures/
    path("erasures/", erasure.erasures, name="erasures"),
    path("erasures/<uuid:erasure_id>/", erasure.erasure, name="erasure"),
    # /customers/
    path("customers/<uuid:customer_id>/erase/", erasure.customer_erase, name="customer_erase"),
]
