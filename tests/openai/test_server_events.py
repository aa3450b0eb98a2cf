import attrs
import openai.types.realtime as official
import pytest
from pydantic import TypeAdapter

from tests.openai.examples import EXAMPLES
from trio_realtime._structure import NOT_GIVEN
from trio_realtime.openai.server_events import SERVER_EVENTS, ServerEvent


def official_types() -> dict[str, type]:
    schema = TypeAdapter(official.RealtimeServerEvent).json_schema()
    types = schema["discriminator"]["mapping"] if "discriminator" in schema else {}
    if not types:
        types = {
            definition["properties"]["type"]["const"]: definition
            for definition in (schema["$defs"][ref["$ref"].rsplit("/", 1)[1]] for ref in schema["anyOf"])
        }
    return types


def test_exactly_the_official_types_are_known():
    assert set(SERVER_EVENTS) == set(official_types())
    assert len(SERVER_EVENTS) == 46


def test_there_is_an_example_of_each():
    assert set(EXAMPLES) == set(SERVER_EVENTS)


@pytest.mark.parametrize("type_", sorted(EXAMPLES))
def test_the_examples_are_what_the_official_types_say(type_):
    event = TypeAdapter(official.RealtimeServerEvent).validate_python(EXAMPLES[type_])
    assert event.type == type_


@pytest.mark.parametrize("type_", sorted(SERVER_EVENTS))
def test_fields_are_named_as_on_the_wire_and_not_required_where_the_service_leaves_them_out(type_):
    cls = SERVER_EVENTS[type_]
    assert issubclass(cls, ServerEvent)
    assert cls.type == type_
    names = {field.name for field in attrs.fields(cls)}
    assert names <= set(EXAMPLES[type_]) | {"event_id", "usage", "received_at"}
    for field in attrs.fields(cls):
        if field.name == "previous_item_id":
            assert field.default is NOT_GIVEN
