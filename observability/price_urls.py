"""The pages under `/prices/`; `observability/urls.py` includes them."""

from __future__ import annotations

from django.urls import URLPattern, path

from observability.views import price_import, prices

price_urls: list[URLPattern] = [
    path("", prices.prices, name="prices"),
    path("new/", prices.price_new, name="price_new"),
    path("import/", price_import.price_import, name="price_import"),
    path("export/", price_import.price_export, name="price_export"),
    path("lists/<slug:key>/", price_import.price_list, name="price_list"),
    path("<int:price_id>/withdraw/", prices.price_withdraw, name="price_withdraw"),
    path("units/<int:price_id>/withdraw/", prices.price_unit_withdraw, name="price_unit_withdraw"),
]
