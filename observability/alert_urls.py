"""Alerts: queries that are asked again and again."""

from __future__ import annotations

from django.urls import path

from observability.views import alerts

alert_urls = [
    path("", alerts.alerts, name="alerts"),
    path("new/", alerts.alert_new, name="alert_new"),
    path("new/sentence/", alerts.alert_sentence, name="alert_sentence"),
    path("<uuid:alert_id>/", alerts.alert, name="alert"),
    path("<uuid:alert_id>/edit/", alerts.alert_edit, name="alert_edit"),
    path("<uuid:alert_id>/try/", alerts.alert_try, name="alert_try"),
    path("<uuid:alert_id>/mute/", alerts.alert_mute, name="alert_mute"),
    path("<uuid:alert_id>/switch/", alerts.alert_switch, name="alert_switch"),
    path("<uuid:alert_id>/delete/", alerts.alert_delete, name="alert_delete"),
]
