"""The customer's pages. Nobody signs in here: each view asks the customer's own cookie who writes."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect, reswap
from django_htmx.middleware import HtmxDetails

from agents.channels import stream
from agents.channels.body_limit import body_limit
from agents.channels.chat.conversation import SESSIONS, get_session_for_customer, own_sessions
from agents.channels.chat.identity import (
    ChatIdentity,
    forget_identity,
    new_identity,
    read_form_token,
    read_identity,
    read_link,
    remember_identity,
)
from agents.channels.chat.live import Updates
from agents.channels.chat.pages import chat_context, compose_context, talk_context
from agents.demo import CUSTOMERS
from agents.errors import Rejected
from agents.handling import confirm_solved
from agents.intake import Inbound, Received, receive
from agents.models import Agent, Session
from agents.models.sessions import Channel
from observability.access import public
from observability.ids import uuid7

# 20,000 characters of four bytes, percent-encoded, and the rest of the form.
MOST_BODY_BYTES = 256_000
# What a refusal means for the address that was asked.
MISSING = {"not_yours", "unknown_agent"}


class ChatRequest(HttpRequest):
    """With what django-htmx's middleware adds."""

    htmx: HtmxDetails


class IdentityForm(forms.Form):
    name = forms.CharField(
        label="Your name", max_length=80, required=False, widget=forms.TextInput({"autocomplete": "name"})
    )
    email = forms.EmailField(label="Your e-mail", max_length=254, widget=forms.EmailInput({"autocomplete": "email"}))


# -- who writes


@public
@require_GET
@never_cache
def chat(request: HttpRequest, slug: str) -> HttpResponse:
    """The way in: a shop's link, the question who writes, or the newest open conversation."""
    agent = get_agent(slug)
    token = request.GET.get("identity")
    if token is not None:
        linked = read_link(token)
        if linked is None:
            return show_identity(request, agent, IdentityForm(), link_is_over=True, status=403)
        return begin_as(linked, slug)
    identity = read_identity(request)
    if identity is None:
        return show_identity(request, agent, IdentityForm())
    session = (
        own_sessions(identity)
        .filter(agent=agent)
        .exclude(controller=Session.Controller.CLOSED)
        .order_by("-last_message_at")
        .first()
    )
    return redirect("agents:chat_session", slug, session.pk) if session else redirect("agents:chat_new", slug)


@public
@require_POST
@body_limit(MOST_BODY_BYTES)
@never_cache
def chat_identity(request: HttpRequest, slug: str) -> HttpResponse:
    """A demo customer, verified because it is a demo; or a name and an address, claimed."""
    agent = get_agent(slug)
    chosen = request.POST.get("demo_customer")
    if chosen is not None:
        name = demo_customers().get(chosen)
        if name is None:
            raise Http404("There is no such demo customer.")
        return begin_as(new_identity(email=chosen, name=name, level=Session.Identity.VERIFIED), slug)
    form = IdentityForm(request.POST)
    if not form.is_valid():
        return show_identity(request, agent, form, status=422)
    email, name = form.cleaned_data["email"], form.cleaned_data["name"]
    return begin_as(new_identity(email=email, name=name, level=Session.Identity.CLAIMED), slug)


@public
@require_POST
@body_limit(MOST_BODY_BYTES)
def chat_leave(request: HttpRequest, slug: str) -> HttpResponse:
    response = redirect("agents:chat", slug)
    forget_identity(response)
    return response


def begin_as(identity: ChatIdentity, slug: str) -> HttpResponse:
    response = redirect("agents:chat", slug)
    remember_identity(response, identity)
    return response


def show_identity(
    request: HttpRequest, agent: Agent, form: IdentityForm, *, link_is_over: bool = False, status: int = 200
) -> HttpResponse:
    customers = [(email, name, about) for email, name, about in CUSTOMERS if email in demo_customers()]
    context = {"agent": agent, "form": form, "customers": customers, "link_is_over": link_is_over}
    return render(request, "agents/chat_identity.html", context, status=status)


def demo_customers() -> dict[str, str]:
    """Addresses and given names; nobody, except in a demo."""
    return {email: name for email, name, _ in CUSTOMERS} if settings.DEMO else {}


def get_agent(slug: str) -> Agent:
    """An agent that can answer. Raises `Http404`."""
    return get_object_or_404(Agent.objects.select_related("live_version"), slug=slug, live_version__isnull=False)


# -- conversations


@public
@require_GET
@never_cache
def chat_new(request: HttpRequest, slug: str) -> HttpResponse:
    identity = read_identity(request)
    if identity is None:
        return redirect("agents:chat", slug)
    return render(request, "agents/chat.html", chat_context(identity, get_agent(slug), None))


@public
@require_GET
@never_cache
def chat_session(request: HttpRequest, slug: str, session_id: UUID) -> HttpResponse:
    identity = read_identity(request)
    if identity is None:
        return redirect("agents:chat", slug)
    session = get_session_for_customer(identity, slug, session_id)
    context = chat_context(identity, session.agent, session, before=number_in(request, "before"))
    return render(request, "agents/chat.html", context)


@public
@require_GET
@never_cache
def chat_sessions(request: HttpRequest, slug: str) -> HttpResponse:
    """The customer's conversations with this agent, the newest first."""
    identity = read_identity(request)
    if identity is None:
        return redirect("agents:chat", slug)
    agent = get_agent(slug)
    sessions = list(own_sessions(identity).filter(agent=agent).order_by("-last_message_at")[:SESSIONS])
    context = {"agent": agent, "slug": slug, "identity": identity, "sessions": sessions}
    return render(request, "agents/chat_sessions.html", context)


@public
@require_GET
async def chat_events(request: HttpRequest, slug: str, session_id: UUID) -> HttpResponseBase:
    """The stream of one own conversation. Async: it checks for itself."""
    identity = read_identity(request)
    if identity is None:
        return HttpResponse("Nobody known writes here.\n", status=403, content_type="text/plain")
    session = await stream.in_thread(get_session_for_customer, identity, slug, session_id)
    updates = Updates(request, identity, session)
    after = stream.resume_after(request)
    return stream.event_stream_response(stream.session_events(session.pk, after, updates.render, updates.is_over))


@public
@require_POST
@body_limit(MOST_BODY_BYTES)
def chat_solved(request: ChatRequest, slug: str, session_id: UUID) -> HttpResponse:
    """The customer says that the matter is solved; a conversation that is closed by now stays as it is."""
    identity = read_identity(request)
    if identity is None:
        return go_to(request, reverse("agents:chat", args=[slug]))
    session = get_session_for_customer(identity, slug, session_id)
    confirm_solved(session)
    if not request.htmx:
        return redirect("agents:chat_session", slug, session_id)
    session.refresh_from_db()
    context = {**compose_context(slug, identity, session), **talk_context(slug, identity, session)}
    return render(request, "agents/chat.html#talk", context)


def number_in(request: HttpRequest, name: str) -> int | None:
    """A positive number of the query. Raises `Http404` for anything else."""
    value = request.GET.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and 0 < int(value) <= stream.LARGEST_SEQ):
        raise Http404(f"{name} is not a number.")
    return int(value)


# -- a message


@public
@require_POST
@body_limit(MOST_BODY_BYTES)
def chat_messages(request: ChatRequest, slug: str) -> HttpResponse:
    """A customer's message, into the conversation that its form names or into a new one."""
    identity = read_identity(request)
    if identity is None:
        return go_to(request, reverse("agents:chat", args=[slug]))
    try:
        inbound = read_message(request, identity, slug)
        received = receive(inbound)
    except Rejected as error:
        if error.code in MISSING:
            raise Http404(str(error)) from error
        return refuse_message(request, identity, slug, error)
    return show_sent(request, identity, slug, received)


def read_message(request: HttpRequest, identity: ChatIdentity, slug: str) -> Inbound:
    """What was posted. Raises `Rejected`, or `Http404` for a conversation that is not this browser's."""
    text, token = request.POST.get("text", ""), request.POST.get("token", "")
    # Without a token, as a program posts, every message is a new one.
    drawn = read_form_token(identity, token) if token else uuid7()
    if drawn is None:
        raise Rejected(
            "stale_form", "This page was opened under another address. Look who you write as, then send it again."
        )
    session_id = read_session_id(request, identity)
    return Inbound(
        agent_slug=slug,
        channel=Channel.CHAT,
        customer_email=identity.email,
        customer_name=identity.name,
        text=text,
        identity=identity.level,
        # The same form twice opens one conversation.
        session_id=session_id or drawn,
        # A form that came back by the browser's "back" and says something else is another message.
        external_id=f"{drawn.hex}:{sha256(text.encode(errors='replace')).hexdigest()[:24]}",
    )


def read_session_id(request: HttpRequest, identity: ChatIdentity) -> UUID | None:
    """The conversation that a form names. Intake compares a verified customer's; a claimed one's is in the cookie."""
    value = request.POST.get("session", "")
    if not value:
        return None
    try:
        session_id = UUID(value)
    except ValueError as error:
        raise Http404("There is no such conversation.") from error
    if not identity.is_verified and session_id not in identity.sessions:
        raise Http404("There is no such conversation.")
    return session_id


def show_sent(request: ChatRequest, identity: ChatIdentity, slug: str, received: Received) -> HttpResponse:
    """The stream shows the message; an open page gets a fresh form, any other is sent to the conversation."""
    response: HttpResponse
    if request.htmx and request.POST.get("session"):
        session = Session(pk=received.session_id, controller=controller_after(received))
        context = {**compose_context(slug, identity, session), **talk_context(slug, identity, session)}
        response = reswap(render(request, "agents/chat.html#chat-sent", {**context, "is_update": True}), "none")
    else:
        response = go_to(request, f"{reverse('agents:chat_session', args=[slug, received.session_id])}#composer-text")
    if not identity.is_verified and received.session_id not in identity.sessions:
        remember_identity(response, identity.with_session(received.session_id))
    return response


def controller_after(received: Received) -> Session.Controller:
    """Who answers this message: where no turn was queued, a person."""
    return Session.Controller.AGENT if received.turn_id else Session.Controller.HUMAN


def refuse_message(request: ChatRequest, identity: ChatIdentity, slug: str, error: Rejected) -> HttpResponse:
    """The composer again, with what was written and what is wrong with it."""
    session_id = read_session_id(request, identity)
    said: dict[str, Any] = {"error": str(error), "text": request.POST.get("text", "")}
    if request.htmx:
        is_closed = error.code == "closed"
        session = Session(pk=session_id) if session_id and not is_closed else None
        context = {**compose_context(slug, identity, session), **said, "is_closed": is_closed}
        return render(request, "agents/chat.html#compose", context, status=422)
    session = get_session_for_customer(identity, slug, session_id) if session_id else None
    context = {**chat_context(identity, session.agent if session else get_agent(slug), session), **said}
    return render(request, "agents/chat.html", context, status=422)


def go_to(request: ChatRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
