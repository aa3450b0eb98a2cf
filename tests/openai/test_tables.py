import json
import runpy
from typing import get_args

import pytest

from tests.conformance.official_types import Generator
from tests.openai.examples import EXAMPLES
from tests.openai.support import Talk
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.events import RealtimeSessionEvent
from trio_realtime.model_events import RealtimeModelEvent
from trio_realtime.model_inputs import RealtimeModelSendSessionUpdate
from trio_realtime.openai import tables
from trio_realtime.openai.client_events import CLIENT_EVENTS
from trio_realtime.openai.protocol import OpenAIProtocol
from trio_realtime.openai.server_events import SERVER_EVENTS
from trio_realtime.openai.tables import MODEL_EVENTS, SENT_BY, SESSION_EVENTS, protocol_section


def types_of(union):
    return {cls.__attrs_attrs__.type.default for cls in get_args(union)}


def heard(type_):
    """The types of all model events that events of a type lead to, with and without something before."""
    generator, found = Generator(5, ids=True), set()
    for _ in range(150):
        talk = Talk()
        talk.say(RealtimeModelSendSessionUpdate(session_settings=RealtimeSessionModelSettings(), event_id="mine"))
        message = generator.event(type_)
        for protocol in (talk.protocol, OpenAIProtocol()):
            found |= {event.type for event in protocol.receive(json.dumps(message), 0.0)}
    talk = Talk()
    talk.say(RealtimeModelSendSessionUpdate(session_settings=RealtimeSessionModelSettings(), event_id="mine"))
    if type_ == "error":
        found |= {event.type for event in talk.error("invalid_value", event_id="mine")}
    if type_ == "response.output_item.done":
        found |= {event.type for event in talk.hear(type_)}
    return found


@pytest.mark.parametrize("type_", sorted(SERVER_EVENTS))
def test_the_model_events_of_a_server_event_are_those_that_it_leads_to(type_):
    found = heard(type_)
    if type_ not in {"error", "response.done"}:  # a fatal failure
        assert "exception" not in found
    assert found == set(MODEL_EVENTS.get(type_, ()))


def test_the_tables_speak_of_what_there_is():
    assert set(MODEL_EVENTS) <= set(SERVER_EVENTS)
    assert set(SENT_BY) == set(CLIENT_EVENTS)
    model = {name for names in MODEL_EVENTS.values() for name in names}
    assert model <= types_of(RealtimeModelEvent)
    assert set(SESSION_EVENTS) <= model
    session = {name for names in SESSION_EVENTS.values() for name in names}
    assert session <= types_of(RealtimeSessionEvent)
    assert types_of(RealtimeSessionEvent) - session <= {"connection", "raw_model_event"}


def test_every_event_has_a_line():
    lines = protocol_section().splitlines()
    for type_ in [*EXAMPLES, *CLIENT_EVENTS]:
        assert sum(line.startswith(f"| `{type_}` | ") for line in lines) == 1
    assert all(line.count("|") in {4, 5} for line in lines if line.startswith("|"))


def test_the_program_prints_the_section(capsys):
    runpy.run_path(tables.__file__, run_name="__main__")
    assert capsys.readouterr().out == protocol_section()
