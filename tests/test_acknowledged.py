"""What changes the server's state returns when the server has confirmed it: updates, changes of agent, handoffs, items."""

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
    RealtimeToolCallItem,
    ServerError,
    SessionClosed,
    UserError,
)
from trio_realtime.server import CallTool, CloseWith, Delay, Refuse, Say, ScriptEngine, Withhold

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


# -- items ---------------------------------------------------------------------------------------------------------


def texts(session):
    return ["".join(part.text or "" for part in item.content) for item in session.history]


async def test_an_item_is_added_in_its_place_when_the_call_returns(autojump_clock):
    async with talk(faults=[Delay(2, event="conversation.item.added")]) as (session, server):
        first = await session.add_item("user", "one")
        assert trio.current_time() == 2
        await session.add_item("user", "three")
        await session.add_item("assistant", "two", after=first)
        await session.add_item("system", "zero", after="root")
        assert texts(session) == ["zero", "one", "two", "three"]
        assert [item.content[0]["text"] for item in server.state.conversation] == ["zero", "one", "two", "three"]
        assert count(server, "response.create") == 0


@pytest.mark.parametrize("anonymous", [False, True])
async def test_a_refused_item_raises_at_the_call_and_asks_for_nothing(anonymous, autojump_clock):
    async with talk(anonymous_errors=["invalid_value"] if anonymous else ()) as (session, server):
        with pytest.raises(ServerError) as caught:
            await session.add_item("user", "one", after="item_nowhere", respond=True)
        assert caught.value.param == "previous_item_id"
        assert list(session.history) == []
        assert count(server, "response.create") == 0
        await session.add_item("user", "one", respond=True)
        events = await collect(session, "agent_end")
        assert of(events, "error") == []


async def test_a_deleted_item_is_gone_when_the_call_returns(autojump_clock):
    async with talk(faults=[Delay(2, event="conversation.item.deleted")]) as (session, _):
        ids = [await session.add_item("user", word) for word in "abc"]
        await session.delete_item(ids[1])
        assert trio.current_time() == 2
        assert texts(session) == ["a", "c"]


@pytest.mark.parametrize("anonymous", [False, True])
async def test_an_item_that_is_not_there_cannot_be_deleted(anonymous, autojump_clock):
    codes = ["item_delete_invalid_item_id"] if anonymous else ()
    async with talk(anonymous_errors=codes) as (session, _):
        with pytest.raises(ServerError) as caught:
            await session.delete_item("item_nowhere")
        assert caught.value.code == "item_delete_invalid_item_id"
        assert of(await _until_quiet(session), "error") == []


async def test_a_message_is_replaced_in_its_place(autojump_clock):
    async with talk() as (session, server):
        ids = [await session.add_item("user", word) for word in "abc"]
        new = await session.replace_item(ids[1], "B")
        assert texts(session) == ["a", "B", "c"]
        assert [item.item_id for item in session.history] == [ids[0], new, ids[2]]
        assert [item.id for item in server.state.conversation] == [ids[0], new, ids[2]]
        assert session.history[1].role == "user"


async def test_a_replacement_that_is_refused_changes_nothing(autojump_clock):
    async with talk() as (session, server):
        ids = [await session.add_item("user", word) for word in "abc"]
        server._plan.add(Refuse("conversation.item.create", param="item.content"))
        with pytest.raises(ServerError):
            await session.replace_item(ids[1], "B")
        assert texts(session) == ["a", "b", "c"]
        server._plan.add(Refuse("conversation.item.delete", code="item_delete_invalid_item_id"))
        with pytest.raises(ServerError):
            await session.replace_item(ids[1], "B")
        assert texts(session) == ["a", "b", "c"]


async def test_what_cannot_be_replaced(autojump_clock):
    engine = ScriptEngine([CallTool("get_weather", {"city": "Oslo"}, "c1"), Say("Sunny.")])
    async with talk(engine) as (session, _):
        with pytest.raises(UserError, match="not in the history"):
            await session.replace_item("item_nowhere", "x")
        await session.send_message("Go")
        await collect(session, "agent_end", 2)
        (call,) = [item for item in session.history if isinstance(item, RealtimeToolCallItem)]
        with pytest.raises(UserError, match="is a tool call"):
            await session.replace_item(call.item_id, "x")


async def test_a_server_that_says_nothing_about_an_item(autojump_clock):
    faults = [Withhold(event="conversation.item.added"), Withhold(event="conversation.item.done")]
    async with talk(faults=faults, config={"timeouts": {"configure": 4}}) as (session, _):
        with pytest.raises(RealtimeTimeoutError) as caught:
            await session.add_item("user", "one")
        assert (caught.value.name, caught.value.seconds, trio.current_time()) == ("item", 4, 4)
        assert session._hub.item_answers._waiting == []


async def test_a_server_that_never_confirms_is_not_waited_for(autojump_clock):
    faults = [Withhold(event="conversation.item.added"), Withhold(event="conversation.item.done")]
    async with talk(faults=faults, config={"timeouts": {"configure": None}}) as (session, _):
        await session.add_item("user", "one")
        assert trio.current_time() == 0


async def test_the_session_ends_while_an_item_is_waited_for(autojump_clock):
    faults = [CloseWith(1000, event="conversation.item.added")]
    async with talk(faults=faults) as (session, _):
        with pytest.raises(SessionClosed):
            await session.add_item("user", "one")


async def test_other_errors_are_still_told_while_an_item_is_waited_for(autojump_clock):
    async with talk(faults=[Delay(2, event="conversation.item.added")]) as (session, server):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.add_item, "user", "one")
            await trio.sleep(1)
            error = {"type": "invalid_request_error", "code": "input_audio_buffer_commit_empty", "message": "No."}
            await server.send_event({"type": "error", "error": {**error, "param": None, "event_id": None}})
            await collect(session, "error")
