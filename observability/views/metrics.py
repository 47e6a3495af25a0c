"""/metrics, for Prometheus."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from observability.access import public
from observability.metrics import exposition

# The text format; Prometheus' parser takes any version of it.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SCHEME = "bearer "


@public
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """With METRICS_TOKEN as a bearer token. Without that setting there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404("METRICS_TOKEN is not set.")
    if not may_read(request.headers.get("Authorization", "")):
        answer = HttpResponse("A bearer token is needed.\n", status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def may_read(authorization: str) -> bool:
    """In constant time, whatever was given."""
    given = authorization[len(SCHEME) :] if authorization.lower().startswith(SCHEME) else ""
    return hmac.compare_digest(given.encode(errors="replace"), settings.METRICS_TOKEN.encode())
