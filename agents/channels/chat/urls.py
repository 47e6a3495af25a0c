"""/chat/<agent's slug>/…"""

from __future__ import annotations

from django.urls import path

from agents.channels.chat import views

urlpatterns = [
    path("<slug:slug>/", views.chat, name="chat"),
    path("<slug:slug>/identity/", views.chat_identity, name="chat_identity"),
    path("<slug:slug>/leave/", views.chat_leave, name="chat_leave"),
    path("<slug:slug>/new/", views.chat_new, name="chat_new"),
    path("<slug:slug>/conversations/", views.chat_sessions, name="chat_sessions"),
    path("<slug:slug>/messages/", views.chat_messages, name="chat_messages"),
    path("<slug:slug>/<uuid:session_id>/", views.chat_session, name="chat_session"),
    path("<slug:slug>/<uuid:session_id>/solved/", views.chat_solved, name="chat_solved"),
    path("<slug:slug>/<uuid:session_id>/events/", views.chat_events, name="chat_events"),
]
