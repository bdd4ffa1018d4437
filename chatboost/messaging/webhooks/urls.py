"""Routes that vendors call."""

from django.urls import path, re_path

from chatboost.messaging.webhooks import views

urlpatterns = [
    re_path(r"^whatsapp/webhook/?$", views.whatsapp_webhook, name="whatsapp-webhook"),
    path("whatsapp/webhook/<uuid:channel_uuid>", views.whatsapp_webhook, name="whatsapp-webhook-channel"),
    path("whatsapp/webhook/<uuid:channel_uuid>/", views.whatsapp_webhook),
]
