"""Beginning with a history, and going on with a session elsewhere: always on another server, which knows nothing."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.talk import KEY, collect, count, make_agent, of, outputs, talk
from trio_realtime import (
    AgentsException,
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    HandshakeRejected,
    InputAudio,
    InputImage,
    InputText,
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    RealtimeToolCallItem,
    ServerError,
    SystemMessageItem,
    UserError,
    UserMessageItem,
    function_tool,
    realtime_handoff,
)
from trio_realtime.server import CallTool, CloseWith, Pause, Refuse, RejectHandshake, Say, ScriptEngine, Withhold
from trio_realtime.session_tasks.resuming import find_agent

HISTORY: list[Any] = [
    {"item_id": "s", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be kind."}]},
    {"item_id": "u", "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": "Hello"}]},
    {"item_id": "a", "type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "Good day."}]},
    {"item_id": "f", "type": "function_call", "call_id": "c0", "name": "look", "arguments": "{}", "output": "a cat"},
]


def creates(server: Any) -> list[tuple[Any, Any]]:
    """What the server was told to create: the id, and what it stands after."""
    return [
        (event["item"]["id"], event.get("previous_item_id"))
        for event in server.received
        if event["type"] == "conversation.item.create"
    ]


def server_items(server: Any) -> list[str]:
    return [item.id for item in server.state.conversation]


def ids(session: Any) -> list[str]:
    return [item.item_id for item in session.history]


def plain(item: Any) -> Any:
    return {name: value for name, value in item.items() if name not in {"previous_item_id", "status"}}


# -- a history to begin with ---------------------------------------------------------------------------------------


async def test_need_10_a_history_goes_to_the_server_in_order_anchored_and_as_text(autojump_clock: Any) -> None:
    async with talk(run={"history": HISTORY}) as (session, server):
        assert creates(server) == [("s", "root"), ("u", "s"), ("a", "u"), ("f", "a"), ("f_out", "f")]
        assert server_items(server) == ["s", "u", "a", "f", "f_out"]
        wires = [event["item"] for event in server.received if event["type"] == "conversation.item.create"]
        assert wires[1]["content"] == [{"type": "input_text", "text": "Hello"}]
        assert wires[2]["content"] == [{"type": "output_text", "text": "Good day."}]
        assert ids(session) == ["s", "u", "a", "f"]
        assert isinstance(session.history[1], UserMessageItem)
        assert session.history[1].content == (InputAudio(transcript="Hello"),)  # here it is still what was spoken
        assert isinstance(session.history[2], AssistantMessageItem)
        assert session.history[2].content == (AssistantAudio(transcript="Good day."),)
        assert count(server, "response.create") == 0


async def test_the_first_event_has_the_history_and_what_follows_stands_behind_it(autojump_clock: Any) -> None:
    async with talk(ScriptEngine([Say("Fine.")]), run={"history": HISTORY}) as (session, server):
        await session.send_message("How are you?")
        events = await collect(session, "agent_end")
        assert [item.item_id for item in of(events, "history_updated")[0].history] == ["s", "u", "a", "f"]
        assert ids(session)[:4] == ["s", "u", "a", "f"]
        assert ids(session)[4:] == server_items(server)[5:]
        assert of(events, "error") == []
        added = [event.item.item_id for event in of(events, "history_added")]
        assert set(added) == set(ids(session)[4:])


async def test_entering_waits_until_every_item_is_there(autojump_clock: Any) -> None:
    refusal = Refuse("conversation.item.create", code="invalid_value", param="item.content")
    with pytest.raises(ServerError) as caught:
        async with talk(run={"history": HISTORY}, faults=[refusal]):
            raise AssertionError
    assert caught.value.param == "item.content"
    faults = [Withhold(event="conversation.item.added"), Withhold(event="conversation.item.done")]
    with pytest.raises(RealtimeTimeoutError) as late:
        async with talk(run={"history": HISTORY}, faults=faults, config={"timeouts": {"connect": 7}}):
            raise AssertionError
    assert (late.value.name, trio.current_time()) == ("item", 7)


@pytest.mark.parametrize("code", [1000, 1002])
async def test_a_connection_that_is_lost_meanwhile(code: int, autojump_clock: Any) -> None:
    with pytest.raises(RealtimeConnectionError) as caught:
        async with talk(
            run={"history": HISTORY},
            faults=[CloseWith(code, event="conversation.item.added")],
            config={"reconnect": None},
        ):
            raise AssertionError
    assert caught.value.code == code


async def test_an_entry_that_is_cancelled_meanwhile(autojump_clock: Any) -> None:
    faults = [Withhold(event="conversation.item.added"), Withhold(event="conversation.item.done")]
    with trio.move_on_after(3) as scope:
        async with talk(run={"history": HISTORY}, faults=faults):
            raise AssertionError
    assert scope.cancelled_caught


async def test_what_the_server_is_not_told_keeps_its_place(autojump_clock: Any) -> None:
    silent = {"item_id": "x", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    never = {"item_id": "y", "type": "function_call", "call_id": "c9", "name": "look", "arguments": "{}"}
    async with talk(run={"history": [*HISTORY, silent, never]}) as (session, server):
        assert server_items(server) == ["s", "u", "a", "f", "f_out"]
        new = await session.add_item("user", "So?")
        last = await session.add_item("user", "Well?")
        assert ids(session) == ["s", "u", "a", "f", "x", "y", new, last]
        assert server_items(server)[5:] == [new, last]


async def test_a_history_of_nothing_that_can_be_said(autojump_clock: Any) -> None:
    silent = {"item_id": "x", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    async with talk(run={"history": [silent]}) as (session, server):
        assert creates(server) == []
        new = await session.add_item("user", "So?")
        assert ids(session) == ["x", new]


async def test_a_call_of_the_history_is_not_run_again(autojump_clock: Any) -> None:
    engine = ScriptEngine([CallTool("look", {}, "c0"), Say("Well.")])
    runs = []

    @function_tool
    async def look() -> str:
        runs.append(1)
        return "a dog"

    async with talk(engine, agent=make_agent(tools=[look]), run={"history": HISTORY}) as (session, _):
        await session.send_message("Go")
        await collect(session, "agent_end")
        await trio.sleep(5)
        assert runs == []


async def test_a_running_call_has_its_conversation_at_the_service(autojump_clock: Any) -> None:
    async with talk(run={"history": HISTORY}, model_config={"call_id": "rtc_1"}) as (session, server):
        assert creates(server) == []
        assert ids(session) == ["s", "u", "a", "f"]


@pytest.mark.parametrize("name", ["history", "resume"])
async def test_faults_are_told_by_run(name: str, autojump_clock: Any) -> None:
    with pytest.raises(UserError, match=name):
        async with talk(run={name: [5] if name == "history" else {}}):
            raise AssertionError
    with pytest.raises(UserError, match="history, resume"):
        async with talk(run={"history": [], "resume": {}}):
            raise AssertionError


# -- a snapshot ----------------------------------------------------------------------------------------------------


def through_json(snapshot: Any) -> Any:
    return json.loads(json.dumps(snapshot))


async def test_need_10_a_conversation_goes_on_elsewhere(autojump_clock: Any) -> None:
    other = make_agent(name="Other", instructions="Different.")
    agent = make_agent(handoffs=[other])
    engine = ScriptEngine(
        [
            CallTool("get_weather", {"city": "Oslo"}, "c1"),
            Say("Sunny."),
            CallTool("transfer_to_other", {}, "c2"),
            Say("Hi."),
        ]
    )
    async with talk(engine, agent=agent) as (session, server):
        await session.send_message("The weather?")
        await collect(session, "agent_end", 2)
        await session.send_message("Another, please")
        await collect(session, "agent_end", 2)
        await trio.sleep(7)
        snapshot = through_json(session.snapshot())
        before, tokens, first = list(session.history), session.usage.total_tokens, server_items(server)
        assert KEY not in json.dumps(snapshot)
        assert "Be brief." not in json.dumps(snapshot)
    async with talk(ScriptEngine([Say("As I said.")]), agent=agent, run={"resume": snapshot}) as (session, server):
        assert session.current_agent is other
        assert server.state.session["instructions"] == "Different."
        assert list(session.history) == before
        made = server_items(server)
        assert [item for item in made if item in first] == [item for item in first if item in made]
        assert len(made) == len(first)  # the outputs of the calls have ids of their own
        assert session.usage.total_tokens == tokens > 0
        assert count(server, "response.create") == 0
        await session.send_message("Again?")
        await collect(session, "agent_end")
        assert ids(session)[: len(before)] == [item.item_id for item in before]
        assert session.usage.total_tokens > tokens
        again = through_json(session.snapshot())
        assert again["seconds"] >= snapshot["seconds"] >= 7
        assert len(again["history"]) == len(before) + 2
        assert again["usage"]["agents"]["Assistant"]["requests"] >= 3


async def test_a_snapshot_of_a_session_that_was_not_entered_is_what_it_began_with(autojump_clock: Any) -> None:
    from trio_realtime import RealtimeRunner

    async with talk(run={"history": HISTORY}) as (session, _):
        snapshot = through_json(session.snapshot())
    resumed: Any = await RealtimeRunner(make_agent()).run(resume=snapshot)
    assert resumed.snapshot() == snapshot
    assert session.snapshot()["history"] == snapshot["history"]  # after the end too


TALE = "Once upon a time there was a king who had three daughters and no patience at all with any of them "


@pytest.mark.parametrize("heard", ["nothing", "some", "nothing, as text"])
async def test_a_reply_that_had_not_ended_is_asked_for_again(heard: str, autojump_clock: Any) -> None:
    engine = ScriptEngine([[Say(TALE), Pause(60), Say("and no sons.")]])
    text = {"model_settings": {"output_modalities": ["text"]}} if "text" in heard else {}
    async with talk(engine, config=text) as (session, _):
        await session.send_message("Tell me")
        if heard == "some":
            with trio.move_on_after(2):
                async for _event in session:
                    pass
        else:
            await trio.sleep(2)
        snapshot = through_json(session.snapshot())
        assert len(session.history) == 2
        assert snapshot["awaits_response"]
        said = ["".join(part["transcript"] for part in item["content"]) for item in snapshot["history"][1:]]
        if heard == "some":  # two seconds of it
            assert said[0]
            assert said[0] != TALE.strip()
            assert TALE.startswith(said[0])
        else:
            assert said == []
    async with talk(ScriptEngine([Say("There was a queen.")]), run={"resume": snapshot}, config=text) as (
        session,
        server,
    ):
        events = await collect(session, "agent_end")
        assert [event.text for event in of(events, "transcript") if event.final] == ["There was a queen."]
        assert count(server, "response.create") == 1
        assert [item.content[0]["text"] for item in list(server.state.conversation)[1:-1]] == said


async def test_a_reply_that_was_interrupted_stays_cut_and_is_not_asked_for_again(autojump_clock: Any) -> None:
    engine = ScriptEngine([[Say(TALE), Pause(60), Say("and no sons.")]])
    async with talk(engine, faults=[Withhold(event="response.done")]) as (session, _):
        await session.send_message("Tell me")
        with trio.move_on_after(2):
            async for _event in session:
                pass
        await session.interrupt()
        await trio.sleep(1)
        snapshot = through_json(session.snapshot())
        assert not snapshot["awaits_response"]
        ((part,),) = [item["content"] for item in snapshot["history"][1:]]
        assert part["transcript"] != part["generated_transcript"]
        history = list(session.history)
    async with talk(run={"resume": snapshot}) as (session, server):
        assert list(session.history) == history
        assert [item.content[0]["text"] for item in server.state.conversation][1:] == [part["transcript"]]
        assert count(server, "response.create") == 0


async def test_the_cap_in_seconds_goes_on_too(autojump_clock: Any) -> None:
    async with talk() as (session, _):
        await trio.sleep(40)
        snapshot = through_json(session.snapshot())
    limits = {"limits": {"max_seconds": 60, "goodbye": None}}
    async with talk(run={"resume": snapshot}, config=limits) as (session, _):
        began = trio.current_time()
        async for _event in session:
            pass
        assert trio.current_time() - began == 20
        assert session.outcome == "limit"


# -- calls without an output ---------------------------------------------------------------------------------------


async def cut_in_a_call(tool: Any, **config: Any) -> Any:
    """A snapshot from the middle of a call of that tool."""
    engine = ScriptEngine([CallTool(tool.name, {}, "c1"), Say("Never said.")])
    async with talk(engine, agent=make_agent(tools=[tool]), config=config) as (session, _):
        await session.send_message("Do it")
        await collect(session, "agent_end")
        await trio.sleep(1)
        return through_json(session.snapshot())


@pytest.mark.parametrize("rerun", [False, True])
async def test_a_call_that_was_running_gets_exactly_one_output(rerun: bool, autojump_clock: Any) -> None:
    runs = []

    @function_tool
    async def pay() -> str:
        runs.append(trio.current_time())
        await trio.sleep(30)
        return "paid"

    snapshot = await cut_in_a_call(pay)
    assert snapshot["calls"] == [{"call_id": "c1", "state": "running"}]
    assert len(runs) == 1
    config = {"tool_execution": {"on_resume": "run"}} if rerun else {}
    async with talk(
        ScriptEngine([Say("So it is.")]), agent=make_agent(tools=[pay]), config=config, run={"resume": snapshot}
    ) as (session, server):
        events = await collect(session, "agent_end")
        await trio.sleep(60)
        ((call_id, output),) = outputs(server)
        assert call_id == "c1"
        assert output == "paid" if rerun else "cut off before it had a result" in output
        assert len(runs) == (2 if rerun else 1)
        assert count(server, "response.create") == 1
        (call,) = [item for item in session.history if isinstance(item, RealtimeToolCallItem)]
        assert (call.output, call.status) == (output, "completed")
        assert [type(event.error) for event in of(events, "error")] == ([] if rerun else [AgentsException])
        assert session.snapshot()["calls"] == []


async def test_a_call_that_waited_for_a_person_is_asked_about_again(autojump_clock: Any) -> None:
    runs = []

    @function_tool(needs_approval=True)
    async def pay() -> str:
        runs.append(1)
        return "paid"

    snapshot = await cut_in_a_call(pay)
    assert snapshot["calls"] == [{"call_id": "c1", "state": "waiting"}]
    async with talk(ScriptEngine([Say("Paid.")]), agent=make_agent(tools=[pay]), run={"resume": snapshot}) as (
        session,
        server,
    ):
        (asked,) = of(await collect(session, "tool_approval_required"), "tool_approval_required")
        assert asked.call_id == "c1"
        assert count(server, "response.create") == 0
        assert session.snapshot()["calls"] == [{"call_id": "c1", "state": "waiting"}]
        await session.approve_tool_call("c1")
        await collect(session, "agent_end")
        assert outputs(server) == [("c1", "paid")]
        assert runs == [1]


async def test_a_handoff_that_was_cut_leaves_the_agent(autojump_clock: Any) -> None:
    other = make_agent(name="Other", instructions="Different.")
    agent = make_agent(handoffs=[other])
    engine = ScriptEngine([CallTool("transfer_to_other", {}, "c1")])
    faults = [Withhold(event="session.updated", skip=1)]
    async with talk(engine, agent=agent, faults=faults) as (session, _):
        await session.send_message("Transfer me")
        await collect(session, "agent_end")
        snapshot = through_json(session.snapshot())
    assert snapshot["calls"] == [{"call_id": "c1", "state": "running"}]
    async with talk(ScriptEngine([Say("Sorry.")]), agent=agent, run={"resume": snapshot}) as (session, server):
        await collect(session, "agent_end")
        assert session.current_agent is agent
        assert len(outputs(server)) == 1


async def test_decisions_that_were_made_for_always_hold(autojump_clock: Any) -> None:
    @function_tool(needs_approval=True)
    async def pay() -> str:
        return "paid"

    @function_tool(needs_approval=True)
    async def steal() -> str:
        raise AssertionError

    agent = make_agent(tools=[pay, steal])
    async with talk(ScriptEngine([[CallTool("pay", {}, "c1"), CallTool("steal", {}, "c2")]]), agent=agent) as (
        session,
        _,
    ):
        await session.send_message("Go")
        await collect(session, "tool_approval_required", 2)
        await session.approve_tool_call("c1", always=True)
        await session.reject_tool_call("c2", always=True, rejection_message="Never.")
        await trio.sleep(1)
        snapshot = through_json(session.snapshot())
    engine = ScriptEngine([[CallTool("pay", {}, "c3"), CallTool("steal", {}, "c4")], Say("Done.")])
    async with talk(engine, agent=agent, run={"resume": snapshot}) as (session, server):
        await session.send_message("Go")
        events = await collect(session, "agent_end", 2)
        assert of(events, "tool_approval_required") == []
        assert sorted(outputs(server)[2:]) == [("c3", "paid"), ("c4", "Never.")]


async def test_a_call_that_has_gone_from_the_history(autojump_clock: Any) -> None:
    snapshot = {
        "version": 1,
        "agent": "Assistant",
        "calls": [{"call_id": "c1", "state": "running"}],
        "history": HISTORY,
    }
    async with talk(run={"resume": snapshot}) as (_, server):
        assert outputs(server) == [("c0", "a cat")]
        assert count(server, "response.create") == 0


async def test_a_call_at_the_service_gets_the_output_and_nothing_else(autojump_clock: Any) -> None:
    @function_tool
    async def pay() -> str:
        await trio.sleep_forever()
        raise AssertionError

    snapshot = await cut_in_a_call(pay)
    async with talk(agent=make_agent(tools=[pay]), run={"resume": snapshot}, model_config={"call_id": "rtc_1"}) as (
        _,
        server,
    ):
        await trio.sleep(1)
        assert [kind for kind in server.received_types() if kind != "session.update"] == [
            "conversation.item.create",
            "response.create",
        ]


# -- agents --------------------------------------------------------------------------------------------------------


def test_an_agent_is_found_by_its_name():
    a, b, c = (RealtimeAgent(name) for name in "abc")
    a.handoffs.append(realtime_handoff(b))
    b.handoffs.extend([a, c])
    assert [find_agent(a, name) for name in "abc"] == [a, b, c]
    with pytest.raises(UserError, match="there is no agent 'd' among 'a', 'b', 'c'"):
        find_agent(a, "d")


async def test_a_snapshot_of_an_agent_that_is_not_there(autojump_clock: Any) -> None:
    snapshot = {"version": 1, "agent": "Nobody"}
    with pytest.raises(UserError, match=r"resume\.agent"):
        async with talk(run={"resume": snapshot}):
            raise AssertionError


async def test_a_refused_handshake_is_what_it_is(autojump_clock: Any) -> None:
    with pytest.raises(HandshakeRejected):
        async with talk(run={"history": HISTORY}, faults=[RejectHandshake(401)]):
            raise AssertionError


async def test_the_users_turn_that_was_not_answered_yet(autojump_clock: Any) -> None:
    async with talk(ScriptEngine([[Pause(30), Say("Late.")]])) as (session, _):
        await session.send_message("Hello")
        await trio.sleep(1)
        snapshot = through_json(session.snapshot())
    assert [plain(item)["role"] for item in snapshot["history"]] == ["user"]
    assert snapshot["awaits_response"]


# -- any history ---------------------------------------------------------------------------------------------------

TEXT = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
USER = st.one_of(
    st.builds(InputText, text=TEXT),
    st.builds(InputAudio, transcript=TEXT),
    st.builds(InputImage, image_url=st.sampled_from([None, "data:image/png;base64,AA"]), detail=st.none()),
)
SAID = st.one_of(st.builds(AssistantText, text=TEXT), st.builds(AssistantAudio, transcript=TEXT))
STATUS = st.sampled_from(["completed", "incomplete", None])
ITEMS = st.one_of(
    st.builds(SystemMessageItem, item_id=st.just(""), content=st.tuples(st.builds(InputText, text=TEXT))),
    st.builds(UserMessageItem, item_id=st.just(""), status=STATUS, content=st.lists(USER, max_size=3).map(tuple)),
    st.builds(AssistantMessageItem, item_id=st.just(""), status=STATUS, content=st.lists(SAID, max_size=3).map(tuple)),
    st.builds(
        RealtimeToolCallItem,
        item_id=st.just(""),
        name=st.sampled_from(["look", ""]),
        arguments=st.sampled_from(["{}", ""]),
        output=TEXT,
    ),
)


def numbered(items: list[Any]) -> list[Any]:
    return [
        attrs.evolve(item, item_id=f"i{n}", **({"call_id": f"c{n}"} if item.type == "function_call" else {}))
        for n, item in enumerate(items)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(ITEMS, max_size=8).map(numbered))
def test_any_history_is_the_same_there_and_back(history: list[Any]) -> None:
    async def main() -> None:
        async with talk(run={"history": history}) as (session, server):
            assert list(session.history) == history
            told = [item_id for item_id in server_items(server) if not item_id.endswith("_out")]
            assert told == [item.item_id for item in history if item.item_id in told]
            before, made = server_items(server), session.snapshot()
            new = await session.add_item("user", "last")
            assert ids(session) == [*(item.item_id for item in history), new]
        async with talk(run={"resume": through_json(made)}) as (session, server):
            assert list(session.history) == history
            assert server_items(server) == before
            again = session.snapshot()
            assert {**again, "seconds": 0} == {**made, "seconds": 0}

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
