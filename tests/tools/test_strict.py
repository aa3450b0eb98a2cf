"""The strict form of schemas."""

from __future__ import annotations

import copy

import pytest

from trio_realtime.errors import UserError
from trio_realtime.tools.strict import strict_schema, without_unused_definitions


def obj(**properties) -> dict:
    return {"type": "object", "properties": properties}


def strict(**properties) -> dict:
    return obj(**properties) | {"required": list(properties), "additionalProperties": False}


INT = {"type": "integer"}
TEXT = {"type": "string"}

CASES = [
    ("empty", {}, strict()),
    ("no type", {"properties": {"a": INT}}, strict(a=INT)),
    ("no properties", {"type": "object"}, strict()),
    ("all required", obj(a=INT, b=TEXT) | {"required": ["a"]}, strict(a=INT, b=TEXT)),
    ("nested", obj(a=obj(b=INT)), strict(a=strict(b=INT))),
    ("items", obj(a={"type": "array", "items": obj(b=INT)}), strict(a={"type": "array", "items": strict(b=INT)})),
    ("tuple", obj(a={"prefixItems": [obj(b=INT)]}), strict(a={"prefixItems": [strict(b=INT)]})),
    ("anyOf", obj(a={"anyOf": [obj(b=INT), INT]}), strict(a={"anyOf": [strict(b=INT), INT]})),
    ("oneOf", obj(a={"oneOf": [INT, TEXT], "discriminator": {}}), strict(a={"anyOf": [INT, TEXT]})),
    ("both", obj(a={"anyOf": [INT], "oneOf": [TEXT]}), strict(a={"anyOf": [INT, TEXT]})),
    ("single allOf", obj(a={"allOf": [obj(b=INT)], "description": "d"}), strict(a={"description": "d"} | strict(b=INT))),
    ("two allOf", obj(a={"allOf": [obj(b=INT), INT]}), strict(a={"allOf": [strict(b=INT), INT]})),
    ("allOf of true", obj(a={"allOf": [True]}), strict(a={})),
    ("null default", obj(a=INT | {"default": None}), strict(a=INT)),
    ("default kept", obj(a=INT | {"default": 0}), strict(a=INT | {"default": 0})),
    ("true schema", obj(a=True), strict(a=True)),
    ("nullable object inside", obj(a={"type": ["object", "null"]}),
     strict(a={"type": ["object", "null"], "properties": {}, "required": [], "additionalProperties": False})),
    ("plain ref stays", obj(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": obj(b=INT)}},
     strict(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": strict(b=INT)}}),
    ("ref with siblings", obj(a={"$ref": "#/$defs/A", "description": "d"}) | {"$defs": {"A": obj(b=INT)}},
     strict(a=strict(b=INT) | {"description": "d"}) | {"$defs": {"A": strict(b=INT)}}),
    ("ref to itself with siblings", obj(a={"$ref": "#/$defs/A", "description": "d"})
     | {"$defs": {"A": obj(next={"$ref": "#/$defs/A", "description": "e"})}},
     strict(a=strict(next={"$ref": "#/$defs/A"}) | {"description": "d"})
     | {"$defs": {"A": strict(next={"$ref": "#/$defs/A"})}}),
    ("root ref", {"$ref": "#/definitions/A", "definitions": {"A": obj(b=INT)}},
     strict(b=INT) | {"definitions": {"A": strict(b=INT)}}),
    ("escaped ref", obj(a={"$ref": "#/$defs/x~1y~0z", "title": "t"}) | {"$defs": {"x/y~z": TEXT}},
     strict(a=TEXT | {"title": "t"}) | {"$defs": {"x/y~z": TEXT}}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_conversion(given: dict, expected: dict) -> None:
    before = copy.deepcopy(given)
    result = strict_schema(given, "tool 't'")
    assert result == expected
    assert given == before
    assert strict_schema(result, "tool 't'") == result


OPEN = {"type": "object", "additionalProperties": True}

REFUSED = [
    ("open object", obj(a=OPEN), r"^tool 't', parameter 'a': strict mode takes no object with keys"),
    ("map", obj(a={"type": "object", "additionalProperties": INT}), "parameter 'a'"),
    ("deep inside", obj(a={"items": obj(b=OPEN)}), "parameter 'a'"),
    ("in a definition", obj(a={"$ref": "#/$defs/A"}, b={"items": {"$ref": "#/$defs/B"}}, c=INT, d={"$ref": "#/$defs/C"})
     | {"$defs": {"A": OPEN, "B": {"anyOf": [{"$ref": "#/$defs/A"}]}, "C": INT}}, r"parameter 'a', 'b' \(A\)"),
    ("in an unused definition", obj() | {"$defs": {"A": OPEN}}, "type 'A'"),
    ("open root", OPEN, "^tool 't': strict mode takes no object"),
    ("root anyOf", {"anyOf": [obj(), obj()]}, "one object, not a choice"),
    ("root oneOf", {"oneOf": [obj(), obj()]}, "one object, not a choice"),
    ("root nullable", {"type": ["object", "null"]}, "must be an object, not"),
    ("root scalar", INT, "must be an object, not 'integer'"),
    ("root ref nowhere", {"$ref": "#/$defs/A"}, "leads nowhere"),
    ("ref nowhere", obj(a={"$ref": "#/$defs/A", "title": "x"}), "parameter 'a': '#/.defs/A' leads nowhere"),
    ("ref elsewhere", obj(a={"$ref": "https://example.org", "title": "x"}), "leads nowhere"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "text"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refusals_name_the_tool_and_the_parameter(given: dict, text: str) -> None:
    with pytest.raises(UserError, match=text):
        strict_schema(given, "tool 't'")


def nested(depth: int) -> dict:
    schema: dict = dict(INT)
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return obj(a=schema)


def test_depth_has_a_limit() -> None:
    assert strict_schema(nested(99), "x")
    with pytest.raises(UserError, match="100 levels"):
        strict_schema(nested(100), "x")
    with pytest.raises(UserError, match="nested too deeply"):
        strict_schema(nested(100_000), "x")


def test_the_number_of_nodes_has_a_limit() -> None:
    with pytest.raises(UserError, match="100000 nodes"):
        strict_schema(obj(**{str(i): True for i in range(100_001)}), "x")


def test_unused_definitions_are_dropped():
    used = {"x/y~z": {"$ref": "#/$defs/B"}, "B": {"type": "string"}, "C": {"$ref": "#/$defs/C"}}
    schema = {"type": "object", "properties": {"a": {"items": [{"$ref": "#/$defs/x~1y~0z"}]}}}
    assert without_unused_definitions({**schema, "$defs": used}) == {
        **schema,
        "$defs": {name: used[name] for name in ("x/y~z", "B")},
    }
    assert without_unused_definitions({"type": "object", "$defs": used}) == {"type": "object"}
    assert without_unused_definitions(schema) == schema
