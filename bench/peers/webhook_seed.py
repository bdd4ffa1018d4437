"""Makes the number that deliveries are about; prints its id. Runs in the product's environment."""

import django

django.setup()

from chatboost.messaging.models import ChannelKind  # noqa: E402
from tests import factories  # noqa: E402

if __name__ == "__main__":
    bot = factories.bot(factories.organization(name="Bench", slug="bench"))
    print(factories.channel(bot, kind=ChannelKind.WHATSAPP, external_id="100000000000009").external_id)
