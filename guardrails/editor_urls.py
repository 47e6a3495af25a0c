"""Below /guardrails/."""

from __future__ import annotations

from django.urls import URLPattern, path

from guardrails.views import guardrail_draft, guardrail_versions, guardrails

urlpatterns: list[URLPattern] = [
    path("", guardrails.guardrails, name="guardrails"),
    path("new/", guardrails.guardrail_new, name="guardrail_new"),
    path("<slug:slug>/", guardrails.guardrail, name="guardrail"),
    path("<slug:slug>/default/", guardrails.guardrail_default, name="guardrail_default"),
    path("<slug:slug>/delete/", guardrails.guardrail_delete, name="guardrail_delete"),
    path("<slug:slug>/try/", guardrail_draft.guardrail_try, name="guardrail_try"),
    path("<slug:slug>/draft/", guardrail_draft.guardrail_draft, name="guardrail_draft"),
    path("<slug:slug>/draft/import/", guardrails.guardrail_import, name="guardrail_import"),
    path("<slug:slug>/draft/publish/", guardrail_versions.guardrail_publish, name="guardrail_publish"),
    path("<slug:slug>/draft/discard/", guardrail_versions.guardrail_discard, name="guardrail_discard"),
    path("<slug:slug>/compare/", guardrail_versions.guardrail_compare, name="guardrail_compare"),
    path("<slug:slug>/versions/", guardrail_versions.guardrail_versions, name="guardrail_versions"),
    path("<slug:slug>/versions/<int:number>/", guardrail_versions.guardrail_version, name="guardrail_version"),
    path(
        "<slug:slug>/versions/<int:number>/roll-back/",
        guardrail_versions.guardrail_roll_back,
        name="guardrail_roll_back",
    ),
]
