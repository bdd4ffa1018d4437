"""OpenAPI: the schema is what the code says, with one path for each route."""

from collections.abc import Callable
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

Endpoint = tuple[str, str, str, Callable[..., Any]]


class ProblemSerializer(serializers.Serializer[Any]):
    """An RFC 9457 problem document."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="A stable word for machines.")
    request_id = serializers.CharField(allow_blank=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `errors`, whose name the class itself uses for something else."""
        messages = serializers.ListField(child=serializers.CharField())
        return super().get_fields() | {"errors": serializers.DictField(child=messages)}


class Schema(AutoSchema):
    """Adds the problem document to every operation."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        responses = super()._get_response_bodies(direction)
        component = self.resolve_serializer(ProblemSerializer, "response")
        responses["default"] = {
            "content": {"application/problem+json": {"schema": component.ref}},
            "description": "A problem document.",
        }
        return responses


def strip_optional_slash(endpoints: list[Endpoint]) -> list[Endpoint]:
    """List each route once, without the slash that it also answers to."""
    return [
        (path.removesuffix("?").rstrip("/") or "/", regex, method, callback)
        for path, regex, method, callback in endpoints
    ]
