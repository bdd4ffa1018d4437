"""OpenAPI: the schema is what the code says, with one path for each route."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer
from rest_framework import serializers

from chatboost.core.api import idempotency
from chatboost.core.api.parsers import documented_media_types
from chatboost.core.api.serializers import StrictMixin

Endpoint = tuple[str, str, str, Callable[..., Any]]

# An id in a path or query: the routers take up to 18 digits.
ID = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}


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


_KEY = OpenApiParameter(
    idempotency.HEADER,
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~](?:[ -~]*[!-~])?$",
    },
    OpenApiParameter.HEADER,
    description="Sent again within 24 hours with the same request: the first answer again, and nothing else.",
)


class Schema(AutoSchema):
    """Adds the problem document to every operation, and Idempotency-Key where it counts."""

    def query_parameters(self, method: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what the document says about an operation's query parameters, by name."""
        self.method, self.path, self.path_regex, self.path_prefix = method, "", "", ""
        self.registry = ComponentRegistry()
        return {
            parameter["name"]: parameter for parameter in self._get_parameters() if parameter["in"] == "query"
        }

    def get_override_parameters(self) -> list[Any]:
        """Return the header of the operations that take keys."""
        parameters: list[Any] = super().get_override_parameters()
        view: Any = self.view
        if self.method != "POST" or not isinstance(view, idempotency.IdempotentView):
            return parameters
        is_unkeyed = getattr(view, "action", None) in view.unkeyed_actions
        return parameters if is_unkeyed else [_KEY, *parameters]

    def map_parsers(self) -> list[Any]:
        """Leave out what is only for the forms of the browsable API."""
        return documented_media_types(self.view)

    def _resolve_path_parameters(self, variables: list[str]) -> list[Any]:
        parameters: list[Any] = super()._resolve_path_parameters(variables)
        for parameter in parameters:
            schema = parameter["schema"]
            if schema.get("type") == "integer" or schema.get("pattern") == "^[0-9]{1,18}$":
                parameter["schema"] = ID
        return parameters

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> Any:
        body = super()._get_request_body(direction)
        # Of several shapes, each has something that it can't do without.
        if body and isinstance(self.get_request_serializer(), PolymorphicProxySerializer):
            body["required"] = True
        return body

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        is_list = isinstance(field, (serializers.ListField, serializers.ListSerializer))
        if direction == "request" and is_list and not field.allow_empty and "items" in schema:
            schema.setdefault("minItems", 1)
        return schema

    def _map_basic_serializer(self, serializer: Any, direction: Literal["request", "response"]) -> Any:
        schema: Any = super()._map_basic_serializer(serializer, direction)
        # Most strict serializers answer, too, and an answer may gain keys.
        if direction == "request" and isinstance(serializer, StrictMixin):
            schema["additionalProperties"] = False
        return schema

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
