"""The pages under `/gateways/`; `tools/urls.py` includes them."""

from __future__ import annotations

from django.urls import path

from tools.views import gateways

gateway_urls = [
    path("", gateways.gateways, name="gateways"),
    path("new/", gateways.gateway_new, name="gateway_new"),
    path("<slug:slug>/", gateways.gateway, name="gateway"),
    path("<slug:slug>/switch/", gateways.gateway_switch, name="gateway_switch"),
    path("<slug:slug>/keys/new/", gateways.gateway_key_new, name="gateway_key_new"),
    path("<slug:slug>/keys/<uuid:key_id>/revoke/", gateways.gateway_key_revoke, name="gateway_key_revoke"),
]
