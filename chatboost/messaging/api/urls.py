"""Routes of this room's API."""

from django.urls import URLPattern, URLResolver, re_path

from chatboost.core.api.routers import Router
from chatboost.messaging.api.bots import BotViewSet, ChannelViewSet
from chatboost.messaging.api.contacts import (
    AttributeViewSet,
    BulkNameViewSet,
    ContactAliasViewSet,
    ContactViewSet,
)
from chatboost.messaging.api.conversations import ConversationViewSet, HistoryViewSet, SendViewSet
from chatboost.messaging.api.exchange import ContactExportView, ContactImportView, UserImportView
from chatboost.messaging.attribute_values import KEY_PATTERN

router = Router()
router.register("bots", BotViewSet, basename="bot")
router.register("channels", ChannelViewSet, basename="channel")
router.register("contacts", ContactViewSet, basename="contact")
router.register("flows/contacts", ContactAliasViewSet, basename="contact-alias")
router.register("conversations", ConversationViewSet, basename="conversation")

_ATTRIBUTES = r"^contacts/(?P<contact_id>[0-9]{1,18})/attributes"

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^contacts/import/?$", ContactImportView.as_view(), name="contact-import"),
    re_path(r"^contacts/export/?$", ContactExportView.as_view(), name="contact-export"),
    re_path(r"^users/import/?$", UserImportView.as_view(), name="user-import"),
    re_path(
        rf"{_ATTRIBUTES}/?$",
        AttributeViewSet.as_view({"get": "list", "post": "create"}),
        name="contact-attribute-list",
    ),
    re_path(
        rf"{_ATTRIBUTES}/bulk/?$",
        BulkNameViewSet.as_view({"post": "bulk", "get": "retrieve", "delete": "destroy"}),
        {"key": "bulk"},
        name="contact-attribute-bulk",
    ),
    re_path(
        rf"{_ATTRIBUTES}/(?P<key>{KEY_PATTERN})/?$",
        AttributeViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="contact-attribute-detail",
    ),
    re_path(r"^whatsapp/send/text/?$", SendViewSet.as_view({"post": "text"}), name="whatsapp-send-text"),
    re_path(
        r"^whatsapp/send/interactive/?$",
        SendViewSet.as_view({"post": "interactive"}),
        name="whatsapp-send-interactive",
    ),
    re_path(
        r"^whatsapp/messages/(?P<bot_id>[0-9]{1,18})/?$",
        HistoryViewSet.as_view({"get": "list"}),
        name="whatsapp-messages",
    ),
    re_path(r"^messages/check/?$", SendViewSet.as_view({"post": "check"}), name="message-check"),
    *router.urls,
]
