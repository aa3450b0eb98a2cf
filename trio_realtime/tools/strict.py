"""The strict form of a JSON Schema: the subset for which a service can guarantee that the model keeps to it.

Every object is closed and requires all its properties, ``oneOf`` is written as ``anyOf``, a single ``allOf`` is merged,
defaults of null are dropped, and a ``$ref`` with other keys beside it is replaced by what it refers to.
"""

from __future__ import annotations

import copy
from typing import Any

from trio_realtime.errors import UserError
from trio_realtime.tools._shape import is_array, is_object

__all__ = ["strict_schema", "without_unused_definitions"]

_MAX_DEPTH = 100
_MAX_NODES = 100_000
_DEFINITIONS = ("$defs", "definitions")

Schema = dict[str, Any]


class _RefusedError(Exception):
    """A schema has no strict form; internal, with the path of the place."""

    def __init__(self, path: tuple[str, ...], text: str) -> None:
        super().__init__(path, text)
        self.path = path
        self.text = text


def strict_schema(schema: Schema, owner: str) -> Schema:
    """Give the strict form of the schema of a tool's arguments.

    Args:
        schema: the schema of an object; left as it is. An empty one means an object without properties.
        owner: whose schema it is, for error texts: ``"tool 'add'"``.

    Returns:
        A new schema.

    Raises:
        UserError: it has no strict form: an object that may have any keys, a root that is not just an object, or more
            than 100 levels or 100,000 nodes. The message names the parameter.
    """
    if not schema:
        return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    try:
        root = _Strict(schema).convert()
    except _RefusedError as exc:
        where = _describe(exc.path, schema)
        raise UserError(f"{owner}{where}: {exc.text}; change it or turn strict mode off") from None
    except RecursionError:
        raise UserError(f"{owner}: the schema is nested too deeply for strict mode") from None
    return root


def without_unused_definitions(schema: Schema) -> Schema:
    """Give a schema without the definitions that nothing in it refers to: the model pays for every word."""
    definitions: Any = schema.get("$defs", {})
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    used = {name: value for name, value in definitions.items() if _uses(rest, name, schema, set())}
    return {**rest, "$defs": used} if used else rest


def _describe(path: tuple[str, ...], schema: Schema) -> str:
    """Name the parameter in which a path lies; for a definition, the parameters that use it."""
    if len(path) >= 2 and path[0] == "properties":
        return f", parameter {path[1]!r}"
    if len(path) >= 2 and path[0] in _DEFINITIONS:
        users = [name for name, inner in schema.get("properties", {}).items() if _uses(inner, path[1], schema, set())]
        if users:
            return f", parameter {', '.join(map(repr, users))} ({path[1]})"
        return f", type {path[1]!r}"
    return ""


def _uses(value: Any, definition: str, root: Schema, seen: set[str]) -> bool:
    """Tell whether a schema refers to a definition, directly or through others."""
    if is_array(value):
        return any(_uses(inner, definition, root, seen) for inner in value)
    if not is_object(value):
        return False
    ref = value.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        seen.add(ref)
        name = ref.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        if name == definition or _uses(_resolve(root, ref), definition, root, seen):
            return True
    return any(_uses(inner, definition, root, seen) for inner in value.values())


def _resolve(root: Schema, ref: str) -> Any:
    """Follow a local ``$ref``; None if it leads nowhere."""
    if not ref.startswith("#/"):
        return None
    target: Any = root
    for part in ref[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not is_object(target) or key not in target:
            return None
        target = target[key]
    return target


class _Strict:
    """One conversion; works on a copy."""

    def __init__(self, schema: Schema) -> None:
        self._source = schema
        self._nodes = 0

    def convert(self) -> Schema:
        root = copy.deepcopy(self._source)
        root = self._inline_root(root)
        if "anyOf" in root or "oneOf" in root:
            raise _RefusedError((), "the arguments must be one object, not a choice between several")
        if root.get("type", "object") != "object":
            raise _RefusedError((), f"the arguments must be an object, not {root['type']!r}")
        root["type"] = "object"
        result: Schema = self._walk(root, (), ())
        return result

    def _inline_root(self, root: Schema) -> Schema:
        if "$ref" in root:
            target = _resolve(self._source, root["$ref"])
            if not is_object(target):
                raise _RefusedError((), f"{root['$ref']!r} leads nowhere")
            rest = {key: value for key, value in root.items() if key != "$ref"}
            return copy.deepcopy(target) | rest
        return root

    def _walk(self, node: Any, path: tuple[str, ...], open_refs: tuple[str, ...]) -> Any:
        self._nodes += 1
        if len(path) > 2 * _MAX_DEPTH or self._nodes > _MAX_NODES:
            raise _RefusedError(path, f"strict mode takes {_MAX_DEPTH} levels and {_MAX_NODES} nodes at most")
        if not is_object(node):
            return node  # true and false are schemas too
        schema = node
        ref = schema.get("$ref")
        if isinstance(ref, str) and len(schema) > 1 and path:
            return self._inline(schema, ref, path, open_refs)
        self._choices(schema, path, open_refs)
        self._children(schema, path, open_refs)
        self._object(schema, path)
        if "default" in schema and schema["default"] is None:
            del schema["default"]
        return schema

    def _inline(self, schema: Schema, ref: str, path: tuple[str, ...], open_refs: tuple[str, ...]) -> Any:
        """Replace a ``$ref`` that has other keys beside it; within itself, the other keys go."""
        if ref in open_refs or (path[0] in _DEFINITIONS and ref.rpartition("/")[2] == path[1]):
            return {"$ref": ref}
        target = _resolve(self._source, ref)
        if not is_object(target):
            raise _RefusedError(path, f"{ref!r} leads nowhere")
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return self._walk(copy.deepcopy(target) | rest, path, (*open_refs, ref))

    def _choices(self, schema: Schema, path: tuple[str, ...], open_refs: tuple[str, ...]) -> None:
        if isinstance(schema.get("oneOf"), list):
            schema["anyOf"] = [*schema.get("anyOf", []), *schema.pop("oneOf")]
            schema.pop("discriminator", None)
        every = schema.get("allOf")
        if is_array(every) and len(every) == 1:
            del schema["allOf"]
            only = self._walk(every[0], (*path, "allOf", "0"), open_refs)
            if is_object(only):
                for key, value in only.items():
                    schema.setdefault(key, value)

    def _children(self, schema: Schema, path: tuple[str, ...], open_refs: tuple[str, ...]) -> None:
        for keyword in ("properties", *_DEFINITIONS):
            inner = schema.get(keyword)
            if is_object(inner):
                schema[keyword] = {
                    key: self._walk(value, (*path, keyword, key), open_refs) for key, value in inner.items()
                }
        for keyword in ("anyOf", "allOf", "prefixItems"):
            inner = schema.get(keyword)
            if is_array(inner):
                schema[keyword] = [
                    self._walk(value, (*path, keyword, str(i)), open_refs) for i, value in enumerate(inner)
                ]
        if "items" in schema:
            schema["items"] = self._walk(schema["items"], (*path, "items", "*"), open_refs)

    def _object(self, schema: Schema, path: tuple[str, ...]) -> None:
        kind = schema.get("type")
        if kind == "object" or (isinstance(kind, list) and "object" in kind):
            if schema.setdefault("additionalProperties", False) is not False:
                raise _RefusedError(path, "strict mode takes no object with keys of the model's own choice")
            schema.setdefault("properties", {})
        if isinstance(schema.get("properties"), dict):
            schema["required"] = list(schema["properties"])
