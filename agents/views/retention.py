"""For how long what is kept, what goes tonight, and what went before."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents.retention_words import RetentionForm, changed_by, current, due, nights
from agents.views.requests import StaffRequest
from observability.access import Role, role_required

INVALID = 422


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def retention(request: StaffRequest) -> HttpResponse:
    """A shorter time is saved only by who has seen what it would delete."""
    setting = current()
    form = RetentionForm(request.POST if request.method == "POST" else None, instance=current())
    if request.method == "POST" and form.is_valid():
        if not form.is_confirmed:
            return confirm(request, form)
        form.save_by(request.user)
        messages.success(request, "Saved. It holds from tonight on.")
        return redirect("agents:retention")
    context = {
        "form": form,
        "setting": setting,
        "changed_by": changed_by(setting),
        "due": due(setting, timezone.now()),
        "nights": nights(),
    }
    return render(request, "agents/retention/retention.html", context, status=INVALID if form.errors else None)


def confirm(request: StaffRequest, form: RetentionForm) -> HttpResponse:
    shortened = form.shortened()
    wanted = form.save(commit=False)
    context = {
        "form": form,
        "due": [kind for kind in due(wanted, timezone.now()) if kind.name in shortened],
        "before": form.before,
        "values": {name: form.cleaned_data[name] for name in form.Meta.fields},
        "token": form.token,
    }
    return render(request, "agents/retention/confirm.html", context)
