"""The pages of the tools' side of the desk, grouped by prefix; a route bears the name of its view and template."""

from __future__ import annotations

from django.urls import include, path

from tools.gateway_urls import gateway_urls
from tools.target_urls import target_urls, tool_urls
from tools.views import policies, policy_rules, policy_trials, policy_versions

app_name = "tools"

# /policies/
policy_urls = [
    path("", policies.policies, name="policies"),
    path("mode/", policies.policy_mode, name="policy_mode"),
    path("mode/confirm/", policies.policy_mode_confirm, name="policy_mode_confirm"),
    path("mode/withdraw/", policies.policy_mode_withdraw, name="policy_mode_withdraw"),
    path("draft/", policy_versions.policy_draft, name="policy_draft"),
    path("draft/discard/", policy_versions.policy_discard, name="policy_discard"),
    path("draft/new/", policy_rules.policy_rule_new, name="policy_rule_new"),
    path("draft/preview/", policy_rules.policy_rule_preview, name="policy_rule_preview"),
    path("draft/check/", policy_rules.policy_rule_check, name="policy_rule_check"),
    path("draft/rules/<slug:name>/", policy_rules.policy_rule, name="policy_rule"),
    path("draft/rules/<slug:name>/delete/", policy_rules.policy_rule_delete, name="policy_rule_delete"),
    path("versions/", policy_versions.policy_versions, name="policy_versions"),
    path("versions/<int:number>/", policy_versions.policy_version, name="policy_version"),
    path("versions/<int:number>/roll-back/", policy_versions.policy_roll_back, name="policy_roll_back"),
    path("try/", policy_trials.policy_try, name="policy_try"),
    path("backtest/", policy_trials.policy_backtest, name="policy_backtest"),
    path("matrix/", policy_trials.policy_matrix, name="policy_matrix"),
]

urlpatterns = [
    path("policies/", include(policy_urls)),
    path("targets/", include(target_urls)),
    path("tools/", include(tool_urls)),
    path("gateways/", include(gateway_urls)),
]
