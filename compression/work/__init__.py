"""Work of this room: rows of images, the images themselves, the table by mail, the webhook."""

from chatboost.core.work import kinds
from compression.work.images import ImageKind
from compression.work.reports import ReportKind
from compression.work.spreading import SpreadKind
from compression.work.webhooks import WebhookKind

for kind in (SpreadKind(), ImageKind(), ReportKind(), WebhookKind()):
    kinds.register(kind)
