"""The pages of the customers and of what is remembered of them, under /customers/."""

from __future__ import annotations

from django.urls import path

from agents.views import customers, memories

# /customers/
urlpatterns = [
    path("", customers.customers, name="customers"),
    path("held/", memories.memories_held, name="memories_held"),
    path("memories/<uuid:memory_id>/", memories.memory_by_id, name="memory_by_id"),
    path("<uuid:customer_id>/", customers.customer, name="customer"),
    path("<uuid:customer_id>/conversations/", customers.customer_conversations, name="customer_conversations"),
    path("<uuid:customer_id>/remembered/", customers.customer_remembered, name="customer_remembered"),
    path("<uuid:customer_id>/export/", customers.customer_export, name="customer_export"),
    path("<uuid:customer_id>/memories/new/", memories.memory_add, name="memory_add"),
    path("<uuid:customer_id>/memories/<uuid:memory_id>/", memories.memory, name="memory"),
    path("<uuid:customer_id>/memories/<uuid:memory_id>/edit/", memories.memory_edit, name="memory_edit"),
    path("<uuid:customer_id>/memories/<uuid:memory_id>/pin/", memories.memory_pin, name="memory_pin"),
    path("<uuid:customer_id>/memories/<uuid:memory_id>/wrong/", memories.memory_wrong, name="memory_wrong"),
    path("<uuid:customer_id>/memories/<uuid:memory_id>/forget/", memories.memory_forget, name="memory_forget"),
    path("<uuid:customer_id>/memories/<uuid:memory_id>/accept/", memories.memory_accept, name="memory_accept"),
    path("<uuid:customer_id>/memories/<uuid:memory_id>/reject/", memories.memory_reject, name="memory_reject"),
]
