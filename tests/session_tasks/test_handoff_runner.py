from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from tests.session_tasks.support import FakeConnection, FakeModel, call, kinds, make, now, of, scripted_session
from tests.session_tasks.test_tool_runner import outputs, plain
from trio_realtime import (
    ConfigRejected,
    RealtimeAgent,
    RealtimeTimeoutError,
    SessionClosed,
    UserError,
    realtime_handoff,
)
from trio_realtime import model_events as m
from trio_realtime.model_inputs import RealtimeModelSendSessionUpdate, RealtimeModelSendToolOutput


class Mine(Exception):
    pass


class Confirming(FakeConnection):
    """Answers updates as it is told to."""

    confirms_configuration = True

    def __init__(self, answer: str = "yes") -> None:
        super().__init__()
        self.answer = answer

    async def send_event(self, event: Any) -> None:
        await super().send_event(event)
        if isinstance(event, RealtimeModelSendSessionUpdate):
            if self.answer == "yes":
                self.events.append(m.RealtimeModelSessionUpdatedEvent(event_id=event.event_id))
            elif self.answer == "no":
                error = ConfigRejected("bad tool", code="invalid_value", event_id=event.event_id)
                self.events.append(m.RealtimeModelConfigRejectedEvent(error=error))
            elif self.answer == "end":
                self.events.append(StopAsyncIteration)
            self.lot.unpark_all()

    def outputs(self) -> list[str]:
        return [event.output for event in self.sent if isinstance(event, RealtimeModelSendToolOutput)]


TARGET = RealtimeAgent("Target", instructions="Be the other.", tools=[plain])


def _agent(**options: Any) -> Any:
    return RealtimeAgent("A", handoffs=[realtime_handoff(TARGET, **options)])


async def test_handed_over(autojump_clock: Any) -> None:
    model = FakeModel(Confirming())
    agent = _agent()
    async with await make(model, agent=agent) as session:
        now(session)
        await model.connection.put(call("transfer_to_target"))
        update, output = model.connection.sent
        assert update.session_settings.instructions == "Be the other."
        assert update.session_settings.tools == (plain,)
        assert (output.output, output.start_response) == ('{"assistant": "Target"}', True)
        (event,) = now(session)
        assert (event.type, event.from_agent, event.to_agent) == ("handoff", agent, TARGET)
        assert session.current_agent is TARGET
        await model.connection.put(call("plain", "c2"))
        assert model.connection.outputs()[-1] == "done"


async def test_a_model_that_does_not_confirm(autojump_clock: Any) -> None:
    async with scripted_session(agent=_agent()) as (session, model):
        await model.emit(call("transfer_to_target"))
        assert outputs(model) == [("c1", '{"assistant": "Target"}', True)]
        assert session.current_agent is TARGET


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        ("no", ConfigRejected, "the service refused its configuration"),
        ("silence", RealtimeTimeoutError, "the service did not confirm its configuration"),
    ],
)
async def test_the_server_does_not_follow(autojump_clock: Any, answer: str, kind: Any, text: str) -> None:
    model = FakeModel(Confirming(answer))
    agent = _agent()
    async with await make(model, agent=agent, timeouts={"configure": 3}) as session:
        now(session)
        await model.connection.put(call("transfer_to_target"))
        await trio.sleep(4)
        assert session.current_agent is agent
        assert model.connection.outputs() == [f"The handoff to 'Target' failed: {text}. You are still in charge."]
        events = now(session)
        assert kinds(events) == ["error"]
        assert isinstance(events[0].error, kind)


async def test_on_handoff_raises(autojump_clock: Any) -> None:
    async def on_handoff(context: Any) -> None:
        raise Mine

    agent = _agent(on_handoff=on_handoff)
    async with scripted_session(agent=agent) as (session, model):
        await model.emit(call("transfer_to_target"))
        assert outputs(model) == [
            ("c1", "The handoff to 'Target' failed: an error occurred. You are still in charge.", True)
        ]
        assert session.current_agent is agent


async def test_session_closed_of_somebody_elses_is_no_end(autojump_clock: Any) -> None:
    async def on_handoff(context: Any) -> None:
        raise SessionClosed("another one")

    async with scripted_session(agent=_agent(on_handoff=on_handoff)) as (session, model):
        await model.emit(call("transfer_to_target"))
        assert "an error occurred" in outputs(model)[0][1]
        assert session.status == "connected"


async def test_not_an_agent(autojump_clock: Any) -> None:
    async def invoke(context: Any, arguments: str) -> Any:
        return "Target"

    agent = RealtimeAgent("A", handoffs=[attrs.evolve(realtime_handoff(TARGET), on_invoke_handoff=invoke)])
    async with scripted_session(agent=agent) as (session, model):
        await model.emit(call("transfer_to_target"))
        (reported,) = of(now(session), "error")
        assert isinstance(reported.error, UserError)
        assert "must return a RealtimeAgent, not str" in str(reported.error)
        assert "an error occurred" in outputs(model)[0][1]


async def test_the_session_ends_meanwhile(autojump_clock: Any) -> None:
    model = FakeModel(Confirming("end"))
    agent = _agent()
    async with await make(model, agent=agent) as session:
        now(session)
        await model.connection.put(call("transfer_to_target"))
        assert session.status == "closed"
        assert kinds(now(session)) == ["connection"]
        assert session.current_agent is agent
    assert model.connection.outputs() == []


async def test_to_itself(autojump_clock: Any) -> None:
    agent = RealtimeAgent("A")
    agent.handoffs.append(agent)
    async with scripted_session(agent=agent) as (session, model):
        await model.emit(call("transfer_to_a"))
        assert session.current_agent is agent
        assert len(outputs(model)) == 1
