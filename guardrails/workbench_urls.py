"""The pages under `/workbench/`; `guardrails/urls.py` includes them."""

from __future__ import annotations

from django.urls import path

from guardrails.views import labelled_sets, workbench

urlpatterns = [
    path("", workbench.workbench, name="workbench"),
    path("sets/", labelled_sets.labelled_sets, name="labelled_sets"),
    path("sets/new/", labelled_sets.labelled_set_new, name="labelled_set_new"),
    path("sets/<uuid:set_id>/", labelled_sets.labelled_set, name="labelled_set"),
    path("sets/<uuid:set_id>/add/", labelled_sets.labelled_set_add, name="labelled_set_add"),
    path("sets/<uuid:set_id>/download/", labelled_sets.labelled_set_download, name="labelled_set_download"),
    path("sets/<uuid:set_id>/delete/", labelled_sets.labelled_set_delete, name="labelled_set_delete"),
    path("sets/<uuid:set_id>/measure/", workbench.measure, name="measure"),
    path("sets/<uuid:set_id>/compare/", workbench.measurement_compare, name="measurement_compare"),
    path("cases/<uuid:case_id>/delete/", labelled_sets.labelled_case_delete, name="labelled_case_delete"),
    path("measurements/<uuid:measurement_id>/", workbench.measurement, name="measurement"),
    path("backtest/", workbench.backtest, name="backtest"),
]
