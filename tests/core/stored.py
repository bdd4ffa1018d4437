"""Files for tests: written through the real store."""

from typing import Any

from chatboost.core import files
from chatboost.core.models import File
from teams.models import Organization

CONTENT = bytes(range(256)) * 400


def write(organization: Organization | None = None, content: bytes = CONTENT, **fields: Any) -> File:
    given: dict[str, Any] = {
        "organization_id": organization.pk if organization else 1,
        "purpose": "exports",
        "permission": "core.view_file",
        "name": "rows.csv",
        "content_type": "text/csv",
        "chunks": [content[:1000], b"", content[1000:]],
        "expires_in": None,
        **fields,
    }
    return files.write(**given)
