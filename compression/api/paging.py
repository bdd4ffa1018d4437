"""Which rows of a table a status document holds."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from chatboost.core.errors import ValidationFailed

PAGE_SIZE, MAX_PAGE_SIZE = 1000, 5000
MAX_PAGE = 100_000

PARAMETERS = [
    OpenApiParameter(
        "page",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1},
        description="Of the table's rows, from 1.",
    ),
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
        description="Rows of an answer.",
    ),
]


def page_of(request: Request) -> tuple[int, int]:
    """Return the page that is asked for, and its size. Raises: ValidationFailed."""
    return _number(request, "page", 1, MAX_PAGE), _number(request, "page_size", PAGE_SIZE, MAX_PAGE_SIZE)


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    if not 1 <= number <= most:
        message = f"A number from 1 to {most} is required."
        raise ValidationFailed(message, code=f"invalid_{name}", errors={name: [message]})
    return number
