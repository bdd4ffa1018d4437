"""Small coloured words that several pages of this room show."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from chatboost.messaging.models import Channel, ChannelKind

# A list of messages needs its channels' names, not their secrets: those would be decrypted row by row.
SECRETS = ("access_token", "app_secret", "verify_token")
CHANNEL_SECRETS = tuple(f"channel__{name}" for name in SECRETS)

SANDBOX_KINDS = (ChannelKind.WHATSAPP_SANDBOX, ChannelKind.SIMULATOR)


def is_sandbox(channel: Channel) -> bool:
    """Tell whether what happens on the channel reaches nobody outside."""
    return channel.kind in SANDBOX_KINDS


def channel_words(channel: Channel) -> SafeString:
    """Return the channel's name, with a badge when its data is made up."""
    if is_sandbox(channel):
        return format_html('{} <span class="cb-badge cb-badge-sandbox">Sandbox</span>', channel.name)
    return format_html("{}", channel.name)
