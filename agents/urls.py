"""The pages of the desk, grouped by prefix; a route bears the name of its view and of its template."""

from __future__ import annotations

from django.urls import include, path

from agents import customer_urls, document_urls, retention_urls
from agents.approval_urls import approval_urls
from agents.budget_urls import budget_urls
from agents.overview_urls import overview_urls
from agents.views import (
    agents,
    conversation,
    home,
    inbox,
    language_models,
    limits,
    live,
    queue,
    stops,
    system,
    targets,
    versions,
)

app_name = "agents"

# /inbox/
inbox_urls = [
    path("", inbox.inbox, name="inbox"),
    path("changes/", inbox.inbox_changes, name="inbox_changes"),
    path("<uuid:session_id>/", conversation.conversation, name="conversation"),
    path("<uuid:session_id>/write/", conversation.conversation_write, name="conversation_write"),
    path("<uuid:session_id>/take-over/", conversation.conversation_take_over, name="conversation_take_over"),
    path("<uuid:session_id>/hand-back/", conversation.conversation_hand_back, name="conversation_hand_back"),
    path("<uuid:session_id>/close/", conversation.conversation_close, name="conversation_close"),
    path("<uuid:session_id>/events/", conversation.conversation_events, name="conversation_events"),
]

# /queue/
queue_urls = [
    path("", queue.queue, name="queue"),
    path("claim-next/", queue.queue_claim_next, name="queue_claim_next"),
    path("<uuid:escalation_id>/", queue.escalation, name="escalation"),
    path("<uuid:escalation_id>/claim/", queue.escalation_claim, name="escalation_claim"),
    path("<uuid:escalation_id>/release/", queue.escalation_release, name="escalation_release"),
    path("<uuid:escalation_id>/take/", queue.escalation_take, name="escalation_take"),
    path("<uuid:escalation_id>/answer/", queue.escalation_answer, name="escalation_answer"),
    path("<uuid:escalation_id>/resolve/", queue.escalation_resolve, name="escalation_resolve"),
]

# /agents/
agent_urls = [
    path("", agents.agents, name="agents"),
    path("new/", agents.agent_new, name="agent_new"),
    path("id/<uuid:agent_id>/", agents.agent_by_id, name="agent_by_id"),
    path("id/<uuid:agent_id>/<int:number>/", agents.agent_by_id, name="agent_by_id"),
    path("<slug:slug>/", agents.agent, name="agent"),
    path("<slug:slug>/window/", agents.agent_window, name="agent_window"),
    path("<slug:slug>/changes/", versions.agent_changes, name="agent_changes"),
    path("<slug:slug>/discard/", agents.agent_discard, name="agent_discard"),
    path("<slug:slug>/pause/", agents.agent_pause, name="agent_pause"),
    path("<slug:slug>/versions/", versions.versions, name="versions"),
    path("<slug:slug>/versions/compare/", versions.version_compare, name="version_compare"),
    path("<slug:slug>/versions/<int:number>/", versions.version, name="version"),
    path("<slug:slug>/versions/<int:number>/roll-back/", versions.version_roll_back, name="version_roll_back"),
]

# /models/
model_urls = [
    path("", language_models.models, name="models"),
    path("new/", language_models.model_new, name="model_new"),
    path("<uuid:model_id>/", language_models.model, name="model"),
    path("<uuid:model_id>/names/", language_models.model_alias_add, name="model_alias_add"),
    path("<uuid:model_id>/names/remove/", language_models.model_alias_remove, name="model_alias_remove"),
    path("<uuid:model_id>/prices/", language_models.model_price_add, name="model_price_add"),
    path(
        "<uuid:model_id>/prices/<int:price_id>/withdraw/",
        language_models.model_price_withdraw,
        name="model_price_withdraw",
    ),
]

# /targets/
target_urls = [
    path("<uuid:target_id>/try/", targets.target_try, name="target_try"),
]

# /limits/
limit_urls = [
    path("", limits.limits, name="limits"),
    path("new/", limits.limit_new, name="limit_new"),
    path("sentence/", limits.limit_sentence, name="limit_sentence"),
    path("recommended/", limits.limits_recommended, name="limits_recommended"),
    path("<uuid:limit_id>/", limits.limit, name="limit"),
    path("<uuid:limit_id>/switch/", limits.limit_switch, name="limit_switch"),
    path("<uuid:limit_id>/delete/", limits.limit_delete, name="limit_delete"),
]

# /live/
live_urls = [
    path("", live.live, name="live"),
    path("changes/", live.desk_changes, name="desk_changes"),
    path("stops/", stops.stops, name="stops"),
    path("stops/<uuid:session_id>/", stops.stops, name="stops"),
    path("stop/<slug:scope>/", stops.stop, name="stop"),
    path("stop/<slug:scope>/<slug:subject>/", stops.stop, name="stop"),
    path("lift/<uuid:stop_id>/", stops.stop_lift, name="stop_lift"),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("inbox/", include(inbox_urls)),
    path("queue/", include(queue_urls)),
    path("agents/", include(agent_urls)),
    path("models/", include(model_urls)),
    path("targets/", include(target_urls)),
    path("limits/", include(limit_urls)),
    path("approvals/", include(approval_urls)),
    path("live/", include(live_urls)),
    path("cost/budgets/", include(budget_urls)),
    path("overview/", include(overview_urls)),
    path("", include(retention_urls)),
    path("customers/", include(customer_urls)),
    path("documents/", include(document_urls)),
    path("chat/", include("agents.channels.chat.urls")),
    path("styleguide/", system.styleguide, name="styleguide"),
    path("healthz", system.healthz, name="healthz"),
    path("readyz", system.readyz, name="readyz"),
]
