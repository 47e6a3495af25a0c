"""Where people are told."""

from __future__ import annotations

from django.urls import URLPattern, path

from observability.views import notifications

# /notifications/
notification_urls: list[URLPattern] = [
    path("", notifications.notifications, name="notifications"),
    # /notifications/channels/
    path("channels/new/", notifications.notification_channel_new, name="notification_channel_new"),
    path("channels/<uuid:channel_id>/", notifications.notification_channel, name="notification_channel"),
    path("channels/<uuid:channel_id>/test/", notifications.notification_channel_test, name="notification_channel_test"),
    path(
        "channels/<uuid:channel_id>/rotate/",
        notifications.notification_channel_rotate,
        name="notification_channel_rotate",
    ),
    path(
        "channels/<uuid:channel_id>/delete/",
        notifications.notification_channel_delete,
        name="notification_channel_delete",
    ),
    # /notifications/deliveries/
    path("deliveries/", notifications.notification_deliveries, name="notification_deliveries"),
    path(
        "deliveries/<uuid:delivery_id>/retry/",
        notifications.notification_delivery_retry,
        name="notification_delivery_retry",
    ),
    path(
        "deliveries/<uuid:delivery_id>/cancel/",
        notifications.notification_delivery_cancel,
        name="notification_delivery_cancel",
    ),
]
