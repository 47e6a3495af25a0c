"""The editor of a guardrail's draft, and the panel that tries a text out on it."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from guardrails.claims import DEFAULT_RULES
from guardrails.compiled import guard_for
from guardrails.config import MOST_REGEXES, MOST_TOPICS, Config, ConfigRefused, Problem
from guardrails.draft_posted import Posted, WordGroup, posted
from guardrails.draft_rows import Rows
from guardrails.models import Guardrail
from guardrails.reading import read_config
from guardrails.sentences import notices_of
from guardrails.trying import LONGEST, Try, Whose, try_out
from guardrails.versions import (
    Change,
    Changed,
    changes,
    config_of,
    draft_of,
    editable,
    mark_of,
    newest_version,
    present_judges,
    save_draft,
)
from guardrails.views.guardrail_lines import CONFLICT, INVALID, DeskRequest, frame, get_guardrail, may_configure
from guardrails.views.guardrails import read_out
from observability.access import Role, role_required, staff_required

ADD = re.compile(r"add-(topics|words|regexes|claims)")
REMOVE = re.compile(r"remove-((?:topics|words|regexes|claims)-[0-9]{1,4})")
# What a row that is added begins with.
NEW_TOPIC, NEW_REGEX, NEW_CLAIM = {"inputEnabled": True}, {"action": "ANONYMIZE"}, {"claim": ""}
STRENGTHS = (("LOW", "Low"), ("MEDIUM", "Medium"), ("HIGH", "High"))
BLOCKS = (("OFF", "Off"), ("NONE", "Shadow"), ("BLOCK", "Block"))
MASKS = (("OFF", "Off"), ("NONE", "Note"), ("ANONYMIZE", "Mask"), ("BLOCK", "Block"))
FAILS = (("OPEN", "Let the text through"), ("CLOSED", "Block the text"))
SECTIONS = (
    ("Content", "content"),
    ("Topics", "topics"),
    ("Words", "words"),
    ("Personal data", "pii"),
    ("Patterns", "regexes"),
    ("Grounding", "grounding"),
    ("Claims", "claims"),
    ("Tools", "tools"),
    ("Judge", "judge"),
    ("Messages", "messages"),
)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def guardrail_draft(request: DeskRequest, slug: str) -> HttpResponse:
    found = get_guardrail(slug)
    if request.method != "POST":
        return render(request, "guardrails/guardrail_draft.html", editor(request, found))
    do = request.POST.get("do", "save")
    if ADD.fullmatch(do) or REMOVE.fullmatch(do):
        return render(
            request, "guardrails/guardrail_draft.html", editor(request, found, sent=changed_rows(do, request.POST))
        )
    return save(request, found)


def save(request: DeskRequest, found: Guardrail) -> HttpResponse:
    sent = sent_by(request.POST)
    try:
        save_draft(found, config=sent.data, seen=request.POST.get("seen", ""))
    except ConfigRefused as refused:
        context = editor(request, found, sent=sent, problems=refused.problems)
        return render(request, "guardrails/guardrail_draft.html", context, status=INVALID)
    except Changed as error:
        context = editor(request, found, sent=sent) | conflict(found, sent, str(error))
        return render(request, "guardrails/guardrail_draft.html", context, status=CONFLICT)
    if request.POST.get("do") == "review":
        return redirect("guardrails:guardrail_publish", found.slug)
    messages.success(request, "The draft is saved. Nothing changes for customers before it is published.")
    return redirect("guardrails:guardrail_draft", found.slug)


def conflict(found: Guardrail, sent: Posted, words: str) -> dict[str, Any]:
    """What the reader's form says otherwise than what somebody saved meanwhile; saved again, it takes its place."""
    theirs = editable(found)
    differing: list[Change] = changes(config_of(theirs), read_config(sent.data))
    return {"conflict": words, "conflict_changes": differing, "seen": mark_of(theirs)}


def changed_rows(do: str, form: QueryDict) -> Posted:
    """What was posted, with a row more or less; nothing is saved."""
    removed, added = REMOVE.fullmatch(do), ADD.fullmatch(do)
    sent = sent_by(form, without=removed[1] if removed else "")
    if added and added[1] == "words":
        sent.groups.append(WordGroup())
    elif added and added[1] == "topics":
        sent.data["topicPolicyConfig"]["topicsConfig"].append(NEW_TOPIC)
    elif added and added[1] == "regexes":
        sent.data["sensitiveInformationPolicyConfig"]["regexesConfig"].append(NEW_REGEX)
    elif added:
        sent.data["claimPolicyConfig"]["rulesConfig"].append(NEW_CLAIM)
    return sent


def sent_by(form: QueryDict, *, without: str = "") -> Posted:
    return posted({name: form.get(name, "") for name in form}, without=without)


def editor(
    request: DeskRequest, found: Guardrail, *, sent: Posted | None = None, problems: list[Problem] | None = None
) -> dict[str, Any]:
    """The page: the stored draft, or what was posted, with what is wrong in it."""
    version = editable(found)
    rows = Rows(sent.data, problems or [], sent.groups) if sent else Rows(version.config)
    models = present_judges()
    return {
        **frame(found, request.user, "guardrails:guardrail_draft"),
        "rows": rows,
        "seen": request.POST.get("seen", "") if sent else mark_of(version),
        "notices": notices_of(config_of(version), [model.id for model in models if model.is_ready]),
        "models": models,
        "is_known_model": rows.judge["model"].value in {model.id for model in models},
        "default_rules": DEFAULT_RULES,
        "most_topics": MOST_TOPICS,
        "most_regexes": MOST_REGEXES,
        "strengths": STRENGTHS,
        "blocks": BLOCKS,
        "masks": MASKS,
        "fails": FAILS,
        "sections": [{"name": name, "url": f"#{anchor}", "current": False, "count": None} for name, anchor in SECTIONS],
        "try": try_of(request.POST),
        "whose": list(Whose),
        "tries_draft": True,
    }


# -- trying


@staff_required
@require_POST
def guardrail_try(request: DeskRequest, slug: str) -> HttpResponse:
    """The text on what stands in the editor, saved or not; from the other pages on the version that they show."""
    found = get_guardrail(slug)
    is_editor = "seen" in request.POST and may_configure(request.user)
    tried = try_of(request.POST)
    answer = tried_on(found, tried, request.POST if is_editor else None)
    if request.htmx:
        return render(request, "guardrails/_guardrail_tried.html", answer)
    if not is_editor:
        return render(request, "guardrails/guardrail.html", {**read_out(request, found), **answer, "try": tried})
    context = {**editor(request, found, sent=sent_by(request.POST)), **answer}
    return render(request, "guardrails/guardrail_draft.html", context)


def tried_on(found: Guardrail, tried: Try, form: QueryDict | None) -> dict[str, Any]:
    """`tried`, or `try_problem` where it cannot be told."""
    if not tried.text.strip():
        return {"try_problem": "Write a text to try."}
    if len(tried.text) > LONGEST:
        return {"try_problem": f"The text is longer than {LONGEST:,} characters."}
    try:
        guard = guard_for(config_to_try(found, form))
    except ConfigRefused as refused:
        first = refused.problems[0]
        return {"try_problem": f"What stands in the form is no guardrail yet. {first.path}: {first.message}"}
    return {"tried": try_out(guard, tried), "tried_whose": tried.whose}


def config_to_try(found: Guardrail, form: QueryDict | None) -> Config:
    if form is not None:
        return read_config(sent_by(form).data)
    return config_of(newest_version(found) or draft_of(found))


def try_of(form: QueryDict) -> Try:
    whose = form.get("try_whose", "")
    return Try(
        text=form.get("try_text", "").replace("\r\n", "\n"),
        whose=Whose(whose) if whose in list(Whose) else Whose.MESSAGE,
        query=form.get("try_query", "").strip(),
        sources=form.get("try_sources", "").strip(),
        returned=form.get("try_returned", "").strip(),
    )
