"""The browsable API of this room: every page renders."""

import pytest
from rest_framework.test import APIClient

from chatboost.messaging.services import bots
from teams.models import Organization
from tests import factories


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/bots/", 200),
        ("get", "/bots/{bot}", 200),
        ("get", "/channels/", 200),
        ("get", "/channels/{channel}", 200),
        ("post", "/channels/{channel}/check", 200),
        ("get", "/contacts/", 200),
        ("get", "/contacts/{contact}?include_attributes=true", 200),
        ("get", "/contacts/{contact}/attributes", 200),
        ("get", "/contacts/{contact}/attributes/bulk", 404),
        ("get", "/contacts/search/by-attribute?key=a&value=b", 200),
        ("get", "/contacts/search/by-attribute", 400),
        ("get", "/conversations/", 200),
        ("get", "/conversations/{conversation}", 200),
        ("post", "/conversations/{conversation}/pause-bot", 200),
        ("get", "/whatsapp/messages/{bot}", 200),
        ("get", "/whatsapp/messages/999999", 404),
        ("get", "/whatsapp/send/text", 405),
        ("post", "/whatsapp/send/text?bot_id={bot}", 202),
        ("post", "/whatsapp/send/interactive?bot_id={bot}", 400),
        ("post", "/messages/check", 400),
    ],
)
def test_page_renders_for_a_browser(
    api: APIClient, organization: Organization, method: str, path: str, status: int
) -> None:
    bot = bots.create(organization=organization, name="<b>Shop</b>", phone_number_id="100")
    channel = bot.channels.get(external_id="100")
    contact = factories.contact(organization)
    conversation = factories.conversation(channel, contact)
    url = path.format(bot=bot.pk, channel=channel.pk, contact=contact.pk, conversation=conversation.pk)
    body = {"to": "1234567890", "text": "Hi"}

    response = getattr(api, method)(
        url, body if method == "post" else None, format="json", HTTP_ACCEPT="text/html"
    )

    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert "<b>Shop</b>" not in response.content.decode()
