"""What changes the server's state returns when the server has confirmed it: updates, changes of agent, handoffs."""

from __future__ import annotations

import pytest
import trio

from tests.talk import collect, count, make_agent, of, outputs, talk
from trio_realtime import (
    ConfigRejected,
    RealtimeModelRawClientMessage,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeSessionModelSettings,
    RealtimeTimeoutError,
    UserError,
)
from trio_realtime.server import CallTool, Delay, Refuse, Say, ScriptEngine, Withhold

OTHER = make_agent(name="Other", instructions="Different.")


def update(instructions="Different.", **settings):
    return RealtimeModelSendSessionUpdate(
        session_settings=RealtimeSessionModelSettings(instructions=instructions, **settings)
    )


def change(session, how):
    return session.update_agent(OTHER) if how == "agent" else session.model.send_event(update())


@pytest.mark.parametrize("how", ["agent", "update"])
async def test_a_change_returns_when_it_is_confirmed(how, autojump_clock):
    async with talk(faults=[Delay(3, event="session.updated", skip=1)]) as (session, server):
        await change(session, how)
        assert trio.current_time() == 3
        assert server.state.session["instructions"] == "Different."
        assert session.current_agent.name == ("Other" if how == "agent" else "Assistant")


@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize("how", ["agent", "update"])
async def test_a_refusal_raises_at_the_call_and_nothing_has_changed(how, anonymous, autojump_clock):
    async with talk() as (session, server):
        server._plan.add(Refuse("session.update", param="session.tools[0].name", anonymous=anonymous))
        with pytest.raises(ConfigRejected) as caught:
            await change(session, how)
        assert (caught.value.code, caught.value.param) == ("invalid_value", "session.tools[0].name")
        assert session.current_agent.name == "Assistant"
        assert session._hub.tools.tools[0].name == "get_weather"
        assert server.state.session["instructions"] == "Be brief."
        assert of(await _until_quiet(session), "error") == []
        await change(session, how)  # the refused one is forgotten: it is sent again, whole
        assert server.received[-1]["session"]["instructions"] == "Different."
        assert server.state.session["instructions"] == "Different."


async def _until_quiet(session):
    events = []
    with trio.move_on_after(1):
        async for event in session:
            events.append(event)
    return events


@pytest.mark.parametrize("how", ["agent", "update"])
async def test_a_server_that_does_not_answer(how, autojump_clock):
    faults = [Withhold(event="session.updated", skip=1)]
    async with talk(faults=faults, config={"timeouts": {"configure": 4}}) as (session, _):
        with pytest.raises(RealtimeTimeoutError) as caught:
            await change(session, how)
        assert (caught.value.name, caught.value.seconds, trio.current_time()) == ("configure", 4, 4)
        assert session.current_agent.name == "Assistant"


@pytest.mark.parametrize("how", ["agent", "update"])
async def test_a_change_of_nothing_sends_nothing_and_returns(how, autojump_clock):
    async with talk() as (session, server):
        await change(session, how)
        sent = count(server, "session.update")
        again = session.update_agent(OTHER) if how == "agent" else session.model.send_event(update())
        with trio.fail_after(1):
            await again
        assert count(server, "session.update") == sent == 2
        assert trio.current_time() == 0


async def test_an_update_at_fault_is_not_sent(autojump_clock):
    async with talk() as (session, server):
        with pytest.raises(UserError):
            await session.model.send_event(update(tool_choice="programmatic_tool_calling"))
        assert count(server, "session.update") == 1


async def test_changes_take_turns_and_each_gets_its_own_answer(autojump_clock):
    async with talk(faults=[Delay(1, event="session.updated", skip=1, times=2)]) as (session, server):
        server._plan.add(Refuse("session.update", param="session"))
        refused, done = [], []

        async def one(instructions):
            try:
                await session.model.send_event(update(instructions))
            except ConfigRejected:
                refused.append(instructions)
            else:
                done.append(instructions)

        async with trio.open_nursery() as nursery:
            for instructions in ("A", "B", "C"):
                nursery.start_soon(one, instructions)
        assert len(refused) == 1
        assert server.state.session["instructions"] == done[-1]


async def test_a_raw_update_is_not_waited_for_and_its_refusal_is_an_event(autojump_clock):
    async with talk() as (session, server):
        server._plan.add(Refuse("session.update", param="session"))
        raw = RealtimeModelRawClientMessage(type="session.update", other_data={"session": {"type": "realtime"}})
        await session.model.send_event(RealtimeModelSendRawMessage(message=raw))
        events = await collect(session, "error")
        assert isinstance(events[-1].error, ConfigRejected)


@pytest.mark.parametrize("anonymous", [False, True])
async def test_a_refused_handoff_tells_the_model_gives_an_error_and_leaves_the_agent(anonymous, autojump_clock):
    engine = ScriptEngine([CallTool("transfer_to_other", {}, "c1"), Say("I could not.")])
    async with talk(engine, agent=make_agent(handoffs=[OTHER])) as (session, server):
        server._plan.add(Refuse("session.update", param="session.instructions", anonymous=anonymous))
        await session.send_message("Transfer me")
        events = await collect(session, "agent_end", 2)
        (error,) = of(events, "error")
        assert isinstance(error.error, ConfigRejected)
        assert of(events, "handoff") == []
        assert session.current_agent.name == "Assistant"
        ((call_id, output),) = outputs(server)
        assert call_id == "c1"
        assert output.startswith("The handoff to 'Other' failed: ")
        assert server.state.session["instructions"] == "Be brief."


async def test_a_handoff_waits_for_its_confirmation(autojump_clock):
    engine = ScriptEngine([CallTool("transfer_to_other", {}, "c1"), Say("Hello.")])
    faults = [Delay(2, event="session.updated", skip=1)]
    async with talk(engine, agent=make_agent(handoffs=[OTHER]), faults=faults) as (session, server):
        await session.send_message("Transfer me")
        await collect(session, "handoff")
        assert trio.current_time() == 2
        assert outputs(server) == []  # the model goes on with the new settings only
        await collect(session, "agent_end")
        assert outputs(server) == [("c1", '{"assistant": "Other"}')]
