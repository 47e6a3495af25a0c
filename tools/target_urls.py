"""The pages of targets and their tools, grouped by prefix."""

from __future__ import annotations

from django.urls import path

from tools.views import target_tools, targets, tool_tests, tools

# /targets/
target_urls = [
    path("", targets.targets, name="targets"),
    path("new/", targets.target_kinds, name="target_kinds"),
    path("new/<slug:kind>/", targets.target_new, name="target_new"),
    path("<slug:name>/", targets.target, name="target"),
    path("<slug:name>/change/", targets.target_change, name="target_change"),
    path("<slug:name>/switch/", targets.target_switch, name="target_switch"),
    path("<slug:name>/delete/", targets.target_delete, name="target_delete"),
    path("<slug:name>/credential/", targets.target_credential, name="target_credential"),
    path("<slug:name>/credential/remove/", targets.target_credential_remove, name="target_credential_remove"),
    path("<slug:name>/list/", target_tools.target_list, name="target_list"),
    path("<slug:name>/review/", target_tools.target_review, name="target_review"),
    path("<slug:name>/paste/", target_tools.target_paste, name="target_paste"),
]

# /tools/
tool_urls = [
    path("<slug:target>/<slug:name>/", tools.tool, name="tool"),
    path("<slug:target>/<slug:name>/switch/", tools.tool_switch, name="tool_switch"),
    path("<slug:target>/<slug:name>/delete/", tools.tool_delete, name="tool_delete"),
    path("<slug:target>/<slug:name>/customer/", tools.tool_binding, name="tool_binding"),
    path("<slug:target>/<slug:name>/test/", tool_tests.tool_test, name="tool_test"),
    path("<slug:target>/<slug:name>/calls/", tools.tool_calls, name="tool_calls"),
]
