"""Judge a call of Drive's API as its discovery document does, which the client's package carries."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from googleapiclient.discovery_cache import get_static_doc

_TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


class Wrong(Exception):
    """The document knows no such call."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the API: its id, such as `drive.files.create`, and what stands in its path."""

    id: str
    path: Mapping[str, str]
    is_upload: bool
    spec: Mapping[str, Any] = field(repr=False)


def find(method: str, path: str) -> Call | None:
    """Return which call of the document this is, if any."""
    for spec, pattern, upload in _methods():
        if spec["httpMethod"] != method:
            continue
        if match := pattern.fullmatch(path):
            return Call(spec["id"], match.groupdict(), False, spec)
        if match := upload.fullmatch(path):
            return Call(spec["id"], match.groupdict(), True, spec)
    return None


def check(call: Call, query: Mapping[str, str], body: Any) -> None:
    """Pass a call that the document allows. Raises: Wrong."""
    known = {**_document()["parameters"], **call.spec.get("parameters", {})}
    for name, value in query.items():
        if name not in known and not (call.is_upload and name in ("uploadType", "upload_id")):
            raise Wrong(f"{call.id} knows no parameter {name}")
        if name in known:
            _check_parameter(name, value, known[name])
    request = call.spec.get("request")
    if request and body is not None:
        _check_value(call.id, body, _document()["schemas"][request["$ref"]])
    elif body and not request:
        raise Wrong(f"{call.id} takes no body")


def _check_parameter(name: str, value: str, spec: Mapping[str, Any]) -> None:
    kind = spec["type"]
    if kind == "boolean" and value not in ("true", "false"):
        raise Wrong(f"{name} is a boolean")
    if kind == "integer":
        number = int(value)
        if not int(spec.get("minimum", number)) <= number <= int(spec.get("maximum", number)):
            raise Wrong(f"{name} is out of range")
    if "enum" in spec and value not in spec["enum"]:
        raise Wrong(f"{name} is none of {spec['enum']}")
    if "pattern" in spec and not re.fullmatch(spec["pattern"], value):
        raise Wrong(f"{name} does not match {spec['pattern']}")


def _check_value(where: str, value: Any, spec: Mapping[str, Any]) -> None:
    if "$ref" in spec:
        spec = _document()["schemas"][spec["$ref"]]
    kind = spec.get("type", "object")
    if kind != "any" and not isinstance(value, _TYPES[kind]):  # type: ignore[arg-type]
        raise Wrong(f"{where} is no {kind}")
    if kind == "array":
        for each in value:
            _check_value(where, each, spec["items"])
    if kind == "object":
        known, others = spec.get("properties", {}), spec.get("additionalProperties")
        for name, each in value.items():
            if name not in known and others is None:
                raise Wrong(f"{where} has no field {name}")
            _check_value(f"{where}.{name}", each, known.get(name, others))


@functools.cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get_static_doc("drive", "v3"))
    return found


@functools.cache
def _methods() -> list[tuple[dict[str, Any], re.Pattern[str], re.Pattern[str]]]:
    """Return each method with its path's pattern, and that of uploads. What names no id comes first."""
    base = f"/{_document()['servicePath']}"
    found = []
    for spec in _walk(_document()["resources"]):
        upload = spec.get("mediaUpload", {}).get("protocols", {}).get("simple", {}).get("path", "")
        found.append((spec, _pattern(base + spec["path"]), _pattern(upload)))
    return sorted(found, key=lambda each: each[1].groups)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))


def _walk(resources: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _walk(resource.get("resources", {}))
