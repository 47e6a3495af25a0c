"""A ceiling on the body of a request, for addresses that anybody may post to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

View = TypeVar("View", bound=Callable[..., HttpResponse])


def body_limit(most_bytes: int) -> Callable[[View], View]:
    """Answers 413 to a larger body and 411 to one of unknown length, before anything reads it.

    Django's own check of the CSRF token reads the form, so it is put off until the length is known; it is not left out.
    """

    def decorate(view: View) -> View:
        protected = csrf_protect(view)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            length = str(request.META.get("CONTENT_LENGTH") or "")
            if not length.isdigit() and request.method == "POST":
                return HttpResponse("The length of the body must be given.\n", status=411, content_type="text/plain")
            if length.isdigit() and int(length) > most_bytes:
                return render(request, "413.html", status=413)
            return protected(request, *args, **kwargs)

        return csrf_exempt(checked)  # type: ignore[return-value]  # same call signature, wrapped

    return decorate
