"""Need 30: one agent hands over to another."""

from __future__ import annotations

from contextlib import nullcontext

import attrs
import pytest
import trio

from tests.talk import collect, count, make_agent, of, outputs, talk
from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunner,
    ServerError,
    UserTypeError,
    realtime_handoff,
)
from trio_realtime.items import RealtimeToolCallItem
from trio_realtime.server import CallTool, Delay, LocalServer, Refuse, Say, ScriptEngine


def updates(server):
    return [event["session"] for event in server.received if event["type"] == "session.update"]


def creates(server):
    return [event.get("response", {}) for event in server.received if event["type"] == "response.create"]


def tools_of(update):
    return [tool["name"] for tool in update.get("tools", ())]


BILLING = CallTool("transfer_to_billing", {}, "c1")


async def test_need_30_the_new_agent_takes_the_floor(autojump_clock):
    line = "Billing here, how can I help?"
    billing = RealtimeAgent("Billing", opening_line=line)
    async with talk(ScriptEngine([BILLING, Say(line)]), agent=make_agent(handoffs=[billing])) as (session, server):
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 2)
        assert [event.to_agent for event in of(events, "handoff")] == [billing]
        assert of(events, "agent_start")[-1].agent is billing
        assert of(events, "transcript")[-1].text == line
        assert len(creates(server)) == 2  # the user's, and the opening line
        assert creates(server)[-1]["instructions"].endswith(f": {line}")
        await trio.sleep(5)
        assert len(outputs(server)) == 1


async def test_need_30_without_an_opening_line_the_model_goes_on(autojump_clock):
    billing = RealtimeAgent("Billing")
    async with talk(ScriptEngine([BILLING, Say("Yes?")]), agent=make_agent(handoffs=[billing])) as (session, server):
        await session.send_message("Billing, please")
        await collect(session, "agent_end", 2)
        assert "instructions" not in creates(server)[-1]


async def test_need_30_there_is_a_way_back(autojump_clock):
    billing = RealtimeAgent("Billing")
    desk = make_agent(name="Front desk", handoffs=[realtime_handoff(billing, way_back=True)])
    back = CallTool("transfer_to_front_desk", {}, "c2")
    async with talk(ScriptEngine([BILLING, Say("Yes?"), back, Say("Welcome back.")]), agent=desk) as (session, server):
        await session.send_message("Billing, please")
        await collect(session, "agent_end", 2)
        assert session.current_agent is billing
        assert tools_of(updates(server)[-1]) == ["transfer_to_front_desk"]
        await session.send_message("Back, please")
        await collect(session, "agent_end", 2)
        assert session.current_agent is desk
        assert tools_of(updates(server)[-1]) == ["get_weather", "transfer_to_billing"]
        await session.update_agent(billing)
        assert tools_of(updates(server)[-1]) == []  # only a handoff gives a way back


async def test_need_30_a_way_back_that_is_there_already(autojump_clock):
    billing = RealtimeAgent("Billing")
    desk = make_agent(name="Desk", handoffs=[realtime_handoff(billing, way_back=True)])
    billing.handoffs.append(desk)
    async with talk(ScriptEngine([BILLING, Say("Yes?")]), agent=desk) as (session, server):
        await session.send_message("Billing, please")
        await collect(session, "agent_end", 2)
        assert tools_of(updates(server)[-1]) == ["transfer_to_desk"]


def chain(*, own=False, way_back=True):
    """Desk hands over to Billing, Billing to Refunds, each with a way back; or Refunds has a handoff of its own."""
    refunds = RealtimeAgent("Refunds")
    billing = RealtimeAgent("Billing", handoffs=[realtime_handoff(refunds, way_back=way_back)])
    if own:
        refunds.handoffs.append(billing)
    return make_agent(name="Desk", tools=[], handoffs=[realtime_handoff(billing, way_back=True)]), billing, refunds


def transfers(*names):
    calls = [CallTool(f"transfer_to_{name}", {}, f"c{number}") for number, name in enumerate(names)]
    return [step for call in calls for step in (call, Say("Yes?"))]


async def hand_over(session, times):
    for _ in range(times):
        await session.send_message("Go on")
        await collect(session, "agent_end", 2)


@pytest.mark.parametrize(("own", "way_back"), [(False, True), (True, True), (True, False)])
async def test_need_30_the_way_back_is_there_again_after_another_handoff(own, way_back, autojump_clock):
    desk, billing, refunds = chain(own=own, way_back=way_back)
    names = ["billing", "refunds", "billing", "refunds", "billing", "desk", "billing"]
    async with talk(ScriptEngine(transfers(*names)), agent=desk) as (session, server):
        await hand_over(session, 2)
        assert session.current_agent is refunds
        assert tools_of(updates(server)[-1]) == ["transfer_to_billing"]
        for _ in range(2):
            await hand_over(session, 1)
            assert session.current_agent is billing
            assert tools_of(updates(server)[-1]) == ["transfer_to_refunds", "transfer_to_desk"]
            if len(outputs(server)) == 3:
                await hand_over(session, 1)
        await hand_over(session, 1)
        assert session.current_agent is desk
        assert tools_of(updates(server)[-1]) == ["transfer_to_billing"]
        await hand_over(session, 1)
        assert tools_of(updates(server)[-1]) == ["transfer_to_refunds", "transfer_to_desk"]
        await session.update_agent(refunds)
        assert session._hub.path == ()


async def test_need_30_who_goes_back_with_a_way_back_gives_one(autojump_clock):
    desk, billing, refunds = chain()
    refunds.handoffs.append(realtime_handoff(billing, "back", way_back=True))
    calls = [CallTool("transfer_to_billing", {}, "c1"), Say("1"), CallTool("transfer_to_refunds", {}, "c2"), Say("2")]
    billing.handoffs.clear()
    billing.handoffs.append(realtime_handoff(refunds, "refund", way_back=False))
    calls[2] = CallTool("refund", {}, "c2")
    async with talk(ScriptEngine([*calls, CallTool("back", {}, "c3"), Say("3")]), agent=desk) as (session, server):
        await hand_over(session, 3)
        assert session.current_agent is billing
        assert tools_of(updates(server)[-1]) == ["refund", "transfer_to_desk", "transfer_to_refunds"]


async def test_need_30_who_hands_over_to_itself_keeps_its_way_back(autojump_clock):
    desk, billing, _ = chain()
    billing.handoffs.append(realtime_handoff(billing, "again", way_back=True))
    engine = ScriptEngine([BILLING, Say("1"), CallTool("again", {}, "c2"), Say("2")])
    async with talk(engine, agent=desk) as (session, _):
        await hand_over(session, 2)
        assert session._hub.more_handoffs[0].tool_name == "transfer_to_desk"
        assert [step.agent for step in session._hub.path] == [desk]


async def test_need_30_the_way_back_of_the_one_before_outlives_the_process(autojump_clock):
    desk, billing, refunds = chain()
    async with talk(ScriptEngine(transfers("billing", "refunds")), agent=desk) as (session, _):
        await hand_over(session, 2)
        assert session.current_agent is refunds
        snapshot = session.snapshot()
    engine = ScriptEngine([CallTool("transfer_to_billing", {}, "c2"), Say("Yes?")])
    async with talk(engine, agent=desk, run={"resume": snapshot}) as (session, server):
        await hand_over(session, 1)
        assert session.current_agent is billing
        assert tools_of(updates(server)[-1]) == ["transfer_to_refunds", "transfer_to_desk"]
        snapshot = session.snapshot()
    for step in snapshot["path"]:
        step["agent"] = "gone"
    async with talk(agent=desk, run={"resume": snapshot}) as (session, server):
        assert tools_of(updates(server)[-1]) == ["transfer_to_refunds", "transfer_to_desk"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_need_30_the_next_agent_knows_what_the_filter_leaves(asynchronous, autojump_clock):
    seen = []

    def pick(history):
        seen.append(tuple(history))
        return [history[-2], "The caller asked for a refund."]

    async def later(history):
        await trio.sleep(0.1)
        return pick(history)

    handoff = realtime_handoff(RealtimeAgent("Billing"), history_filter=later if asynchronous else pick)
    engine = ScriptEngine([Say("Hello!"), BILLING, Say("Yes?")])
    async with talk(engine, agent=make_agent(handoffs=[handoff])) as (session, server):
        await session.send_message("My card is 1234")
        await collect(session, "agent_end")
        await session.send_message("Billing, please")
        await collect(session, "agent_end", 2)
        assert len(seen[0]) == 4
        kept = [item for item in session.history if not isinstance(item, RealtimeToolCallItem)]
        assert [item.role for item in kept] == ["user", "system", "assistant"]
        assert "1234" not in str(session.history)
        assert count(server, "conversation.item.delete") == 2
        assert outputs(server)[0][0] == "c1"  # the call itself stays, and is answered


WEATHER = CallTool("get_weather", {"city": "Oslo"}, "w1")


@pytest.mark.parametrize("keeps", ["all", "calls", "messages"])
@pytest.mark.parametrize("fresh", [False, True])
async def test_need_30_a_filter_chooses_among_calls_too_and_their_outputs_go_with_them(fresh, keeps, autojump_clock):
    seen = []

    def pick(history):
        seen.extend(history)
        is_call = [isinstance(item, RealtimeToolCallItem) for item in history]
        wanted = {"all": (True, False), "calls": (True,), "messages": (False,)}[keeps]
        return [item for item, call in zip(history, is_call, strict=True) if call in wanted]

    billing = RealtimeAgent("Billing", **({"voice": "coral"} if fresh else {}))
    desk = make_agent(handoffs=[realtime_handoff(billing, history_filter=pick)])
    script = [[WEATHER, CallTool("get_weather", {"city": "Rome"}, "w2")], Say("Sunny."), BILLING, Say("Yes?")]
    server, entering = start(ScriptEngine(script, restart=False), desk)
    async with await entering as session:
        await session.send_message("Weather?")
        await collect(session, "agent_end", 2)
        await session.send_message("Billing, please")
        await collect(session, "agent_end", 2)
        assert [item.call_id for item in seen if isinstance(item, RealtimeToolCallItem)] == ["w1", "w2", "c1"]
        assert [item.output is None for item in seen if isinstance(item, RealtimeToolCallItem)] == [False, False, True]
        connection = await server.wait_connection(2 if fresh else 1)
        there = [item.wire for item in connection.state.conversation]
        calls = [item["call_id"] for item in there if item["type"] == "function_call"]
        answers = [item["call_id"] for item in there if item["type"] == "function_call_output"]
        assert calls == answers == (["c1"] if keeps == "messages" else ["w1", "w2", "c1"])
        messages = [item for item in there if item["type"] == "message"]
        assert len(messages) == (1 if keeps == "calls" else 4)
        mine = [item.call_id for item in session.history if isinstance(item, RealtimeToolCallItem)]
        assert mine == calls
        assert len(session.history) == len(mine) + len(messages)


@pytest.mark.parametrize(("code", "raises"), [("item_delete_invalid_item_id", False), ("server_error", True)])
async def test_a_call_goes_with_its_output(code, raises, autojump_clock):
    async with talk(ScriptEngine([WEATHER, Say("Sunny.")])) as (session, server):
        await session.send_message("Weather?")
        await collect(session, "agent_end", 2)
        (call,) = [item for item in session.history if isinstance(item, RealtimeToolCallItem)]
        server._plan.add(Delay(event="conversation.item.deleted", seconds=1))
        async with trio.open_nursery() as nursery:

            async def delete():
                with pytest.raises(ServerError) if raises else nullcontext():
                    await session.delete_item(call.item_id)

            nursery.start_soon(delete)
            await trio.sleep(0.5)
            server._plan.add(Refuse("conversation.item.delete", code=code, message="No."))
        assert count(server, "conversation.item.delete") == 2
        assert call not in session.history
        await session.delete_item(session.history[-1].item_id)
        assert count(server, "conversation.item.delete") == 3


@pytest.mark.parametrize("bad", [lambda history: "all", lambda history: [5], lambda history: 1 / 0])
async def test_need_30_a_filter_at_fault_fails_the_handoff(bad, autojump_clock):
    handoff = realtime_handoff(RealtimeAgent("Billing"), history_filter=bad)
    async with talk(ScriptEngine([BILLING, Say("Sorry.")]), agent=make_agent(handoffs=[handoff])) as (session, server):
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 2)
        assert of(events, "error")
        assert session.current_agent.name == "Assistant"
        assert count(server, "conversation.item.delete") == 0
        assert "You are still in charge" in outputs(server)[0][1]


def test_need_30_what_is_no_filter():
    with pytest.raises(UserTypeError):
        realtime_handoff(RealtimeAgent("Billing"), history_filter="all")
    with pytest.raises(UserTypeError):
        RealtimeAgent("Billing", opening_line=5)


async def test_need_30_no_voice_and_no_format_is_sent_again_once_there_is_audio(autojump_clock):
    config = {"model_settings": {"voice": "ash", "output_audio_format": "g711_ulaw", "input_audio_format": "g711_ulaw"}}
    billing = RealtimeAgent("Billing", instructions="Be exact.")
    engine = ScriptEngine([Say("Hello!"), BILLING, Say("Yes?")])
    async with talk(engine, agent=make_agent(handoffs=[billing]), config=config) as (session, server):
        await session.send_message("Hello")
        await collect(session, "agent_end")
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 2)
        assert of(events, "handoff")
        first, second = updates(server)
        assert first["audio"]["output"]["voice"] == "ash"
        assert set(second) == {"type", "instructions", "tools"}


def voice_of(update):
    return update["audio"]["output"].get("voice")


def start(engine, agent, **config):
    server = LocalServer(engine, pace=1.0)
    runner = RealtimeRunner(agent, model=OpenAIRealtimeWebSocketModel(transport=server.connector), config=config)
    return server, runner.run(model_config={"api_key": "any"})


@pytest.mark.parametrize("change", [{"voice": "coral"}, {"model_name": "gpt-realtime-mini"}], ids=["voice", "model"])
async def test_need_30_another_voice_or_model_takes_a_fresh_connection_that_knows_it_all(change, autojump_clock):
    billing = RealtimeAgent("Billing", **change)
    engine = ScriptEngine([Say("Hello!"), BILLING, Say("Yes?"), Say("Of course.")], restart=False)
    server, entering = start(engine, make_agent(handoffs=[billing]))
    async with await entering as session:
        async with session.respond("My name is Ada") as turn:
            await turn.wait()
        await collect(session, "agent_end")
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 2)
        assert of(events, "handoff")
        assert [(event.status, event.reason) for event in of(events, "connection")] == [
            ("reconnecting", "another voice" if "voice" in change else "another model"),
            ("reconnected", None),
        ]
        assert of(events, "error") == []
        first, second = [await server.wait_connection(number) for number in (1, 2)]
        if "voice" in change:
            assert (voice_of(updates(first)[0]), voice_of(updates(second)[0])) == ("ash", "coral")
        else:
            assert change["model_name"] in second.url
        assert outputs(first) == []
        assert outputs(second) == [("c1", '{"assistant": "Billing"}')]
        assert "Ada" in str([item.wire for item in second.state.conversation])
        assert session.current_agent is billing
        async with session.respond("My bill?") as turn:
            assert await turn.text() == "Of course."


async def test_need_30_before_the_first_sound_another_voice_is_an_update(autojump_clock):
    billing = RealtimeAgent("Billing", voice="coral")
    config = {"model_settings": {"audio": {"output": {"voice": "sage"}}}}
    async with talk(ScriptEngine([BILLING, Say("Yes?")]), agent=make_agent(handoffs=[billing]), config=config) as (
        session,
        server,
    ):
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 2)
        assert [voice_of(update) for update in updates(server)] == ["sage", "coral"]
        assert of(events, "connection")[1:] == []


async def test_need_30_without_reconnection_the_voice_stays_and_an_error_says_so(autojump_clock):
    billing = RealtimeAgent("Billing", voice="coral")
    engine = ScriptEngine([Say("Hello!"), BILLING, Say("Yes?")])
    async with talk(engine, agent=make_agent(handoffs=[billing]), config={"reconnect": None}) as (session, server):
        await session.send_message("Hello")
        await collect(session, "agent_end")
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 2)
        assert "another voice" in str(of(events, "error")[0].error)
        assert session.current_agent is billing
        assert "audio" not in updates(server)[-1]


async def test_need_30_a_voice_that_the_service_refuses_leaves_the_old_connection(autojump_clock):
    billing = RealtimeAgent("Billing", voice="coral")
    engine = ScriptEngine([Say("Hello!"), BILLING, Say("Yes?")], restart=False)
    server, entering = start(engine, make_agent(handoffs=[billing]), reconnect={"max_attempts": 2})
    async with await entering as session:
        async with session.respond("Hello") as turn:
            await turn.wait()
        refusal = Refuse("session.update", code="invalid_value", param="session.audio.output.voice", connection=None)
        server.fault(attrs.evolve(refusal, connection=2), attrs.evolve(refusal, connection=3))
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 3)
        assert of(events, "handoff")
        assert "another voice" in str(of(events, "error")[0].error)
        assert session.status == "connected"


async def test_need_30_a_deletion_that_the_service_refuses_does_not_undo_the_handoff(autojump_clock):
    handoff = realtime_handoff(RealtimeAgent("Billing"), history_filter=lambda history: [])
    async with talk(ScriptEngine([BILLING, Say("Yes?")]), agent=make_agent(handoffs=[handoff])) as (session, server):
        server._plan.add(Refuse("conversation.item.delete", code="server_error", message="No."))
        await session.send_message("Billing, please")
        events = await collect(session, "agent_end", 2)
        assert of(events, "handoff")
        assert str(of(events, "error")[0].error) == "No. (server_error)"
        assert session.current_agent.name == "Billing"
