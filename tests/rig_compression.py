"""What the proof of compression asks of the installation's database; see `tests.rig_tasks`."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Sum

from chatboost.core.models import File, FileState, Mail, WorkItem
from compression.models import CompletionDelivery, CompressionRequest, Image
from compression.services import requests
from tests import factories
from tests.compression import batches


def hand_in(urls: str, webhook_url: str) -> dict[str, Any]:
    """Hand a table in, a product for each URL."""
    organization = factories.organization(name="Rig", slug="rig")
    request = requests.create(
        organization=organization,
        email="rig@example.com",
        file=batches.products(*json.loads(urls)),
        webhook_url=webhook_url,
    )
    return {"request_id": request.pk}


def compression() -> dict[str, Any]:
    """Say where the request is, what its counts should be, and what is left of its work."""
    request = CompressionRequest.objects.get()
    images = Image.objects.filter(request=request)
    done = images.filter(state="completed")
    sums = done.aggregate(before=Sum("bytes_before"), after=Sum("bytes_after"))
    ready = File.objects.filter(purpose="compressed", state=FileState.READY)
    paths = dict(ready.values_list("uuid", "path"))
    return {
        "state": request.state,
        "counts": [request.done_count, request.failed_count, request.bytes_before, request.bytes_after],
        "counted": [
            done.count(),
            images.filter(state="failed").count(),
            sums["before"] or 0,
            sums["after"] or 0,
        ],
        "errors": Counter(images.values_list("error_code", flat=True)),
        "without_file": sum(
            image.file_uuid not in paths or not default_storage.exists(paths[image.file_uuid])
            for image in done
        ),
        "files": len(paths),
        "unfinished_files": File.objects.filter(state=FileState.WRITING).count(),
        "mails": Mail.objects.filter(template="compression_completed").count(),
        "deliveries": list(CompletionDelivery.objects.values_list("state", flat=True)),
        "open_work": WorkItem.objects.exclude(state="dead").count(),
        "dead_work": list(WorkItem.objects.filter(state="dead").values_list("kind", "last_error")),
    }


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"hand_in": hand_in, "compression": compression}
