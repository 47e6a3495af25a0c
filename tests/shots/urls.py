"""The desk's addresses, and one that fails."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from observability.access import public


@public
def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("A page that fails, for its picture.")


urlpatterns = [path("broken/", broken), path("", include("config.urls"))]
