"""Need 17: hanging up after the goodbye has been heard."""

from __future__ import annotations

import pytest
import trio

from tests.session_tasks.support import audio, begin, end, scripted
from tests.talk import collect, count, get_weather, kinds, make_agent, of, outputs, talk
from trio_realtime import (
    LocalPlaybackTracker,
    RealtimePlaybackTracker,
    RealtimeRunner,
    SessionClosed,
    ToolContext,
    ToolResult,
    UserError,
    function_tool,
)
from trio_realtime.server import CallTool, Delay, Pause, Say, ScriptEngine, Turn, Withhold, synthesize

GOODBYE = "Goodbye, and thank you for calling us."  # 38 characters: about 2.4 s


def hang_up(after, respond=True, **options):
    @function_tool
    async def hang_up(context: ToolContext):
        await context.session.end(after, **options)
        return ToolResult("The call ends after this.", respond=respond)

    return hang_up


def script():
    return ScriptEngine([[CallTool("hang_up", {}, "c1")], Say(GOODBYE)])


async def read(session):
    """Everything to the end, and when it came."""
    events, times = [], []
    with trio.fail_after(120):
        async for event in session:
            events.append(event)
            times.append(trio.current_time())
    return events, times


@pytest.mark.parametrize("after", ["turn", "playback"])
async def test_need_17_a_tool_hangs_up_after_its_goodbye(after, autojump_clock):
    async with talk(script(), agent=make_agent(tools=[hang_up(after)])) as (session, server):
        await session.send_message("Bye")
        events, times = await read(session)
        end = trio.current_time()
        assert outputs(server) == [("c1", "The call ends after this.")]
        assert of(events, "tool_end")[0].error is None
        assert of(events, "transcript")[-1].text == GOODBYE
        audio = [(event, time) for event, time in zip(events, times, strict=True) if event.type == "audio"]
        length = sum(len(event.audio.data) for event, _ in audio) / 48_000
        assert length == pytest.approx(len(GOODBYE) / 16)
        heard = audio[0][1] + length
        if after == "playback":
            assert heard <= end <= heard + 0.1
        else:
            assert end < heard
        assert events[-1].type == "connection"
        assert events[-1].status == "closed"
        assert session.status == "closed"
        await server.wait_closed()
        assert server.close_code == 1000
        assert count(server, "response.cancel") == 0
        with pytest.raises(SessionClosed):
            await session.end()


async def test_need_17_the_tracker_says_when_it_was_heard(autojump_clock):
    tracker = LocalPlaybackTracker()
    model_config = {"playback_tracker": tracker}
    async with talk(script(), agent=make_agent(tools=[hang_up("playback")]), model_config=model_config) as (session, _):
        await session.send_message("Bye")
        async with trio.open_nursery() as nursery:

            async def play():
                async for event in session:
                    if event.type == "audio":
                        tracker.sent(event)

            nursery.start_soon(play)
            await trio.sleep(20)
            assert session.status == "connected"  # the loudspeaker has not begun
            tracker.played(10_000_000)
            await trio.sleep(0.1)
            assert session.status == "closed"


async def test_need_17_a_tool_whose_result_is_not_spoken(autojump_clock):
    async with talk(script(), agent=make_agent(tools=[hang_up("playback", respond=False)])) as (session, server):
        await session.send_message("Bye")
        events, _ = await read(session)
        assert count(server, "response.create") == 1
        assert of(events, "tool_end")


async def test_need_17_the_application_ends_after_the_turn(autojump_clock):
    async with talk(ScriptEngine([[Say("One."), Pause(3), Say("Two.")]]), agent=make_agent()) as (session, server):
        await session.send_message("Count")
        await collect(session, "agent_start")
        await session.end()
        assert session.status == "closed"
        events, _ = await read(session)
        assert [event.text for event in of(events, "transcript") if event.final] == ["One.", "Two."]
        assert of(events, "agent_end")[0].status == "completed"
        assert server.close_code in {1000, None}


async def test_need_17_tools_and_what_they_lead_to_belong_to_the_turn(autojump_clock):
    engine = ScriptEngine([CallTool("get_weather", {"city": "Oslo"}, "c1"), Say("Sunny.")])

    async with talk(engine, agent=make_agent(tools=[get_weather])) as (session, _):
        await session.send_message("Weather?")
        await session.end("turn")
        events, _ = await read(session)
        assert of(events, "transcript")[-1].text == "Sunny."


@pytest.mark.parametrize("after", ["now", "turn", "playback"])
async def test_need_17_with_nothing_running_it_leaves_at_once(after, autojump_clock):
    async with talk() as (session, server):
        began = trio.current_time()
        await session.end(after)
        assert trio.current_time() - began < 0.1
        assert kinds((await read(session))[0])[-1] == "connection"
        await server.wait_closed()
        assert server.close_code == 1000


async def test_need_17_now_is_now(autojump_clock):
    async with talk(ScriptEngine([Say("A long story. " * 50)]), pace=1.0) as (session, _):
        await session.send_message("Tell")
        await collect(session, "audio")
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.end, "playback")
            await trio.sleep(1)
            nursery.start_soon(session.end, "now")  # the sooner wish counts
        assert trio.current_time() - began < 1.2


async def test_need_17_it_has_a_deadline(autojump_clock):
    async with talk(ScriptEngine([Pause(1000)])) as (session, _):
        await session.send_message("Think")
        began = trio.current_time()
        await session.end(timeout=12)
        assert trio.current_time() - began == pytest.approx(12, abs=0.1)


async def test_need_17_a_call_that_waits_for_a_person_is_not_waited_for(autojump_clock):
    @function_tool(needs_approval=True)
    async def pay(amount: int) -> str:
        return "paid"

    async with talk(ScriptEngine([CallTool("pay", {"amount": 5}, "c1")]), agent=make_agent(tools=[pay])) as (
        session,
        _,
    ):
        await session.send_message("Pay")
        await collect(session, "tool_approval_required")
        await trio.sleep(1)
        began = trio.current_time()
        await session.end()
        assert trio.current_time() - began < 0.1


async def test_need_17_when_cancelled_it_ends_all_the_same(autojump_clock):
    async with talk(ScriptEngine([[Say("One."), Pause(3), Say("Two.")]])) as (session, _):
        await session.send_message("Count")
        await collect(session, "agent_start")
        with trio.move_on_after(1):
            await session.end()
        events, _ = await read(session)
        assert of(events, "transcript")[-1].text == "Two."


@pytest.mark.parametrize("bad", [{"after": "never"}, {"timeout": 0}, {"timeout": "x"}])
async def test_need_17_arguments_at_fault(bad, autojump_clock):
    async with talk() as (session, _):
        with pytest.raises(UserError):
            await session.end(**bad)
        assert session.status == "connected"


async def test_need_17_a_plain_tool_can_end_too(autojump_clock):
    @function_tool
    async def hang_up(context: ToolContext):
        await context.session.end("turn")
        return "bye"

    config = {"async_tool_calls": False}
    async with talk(script(), agent=make_agent(tools=[hang_up]), config=config) as (session, server):
        await session.send_message("Bye")
        events, _ = await read(session)
        assert of(events, "transcript")[-1].text == GOODBYE
        assert outputs(server) == [("c1", "bye")]


async def test_need_17_a_later_wish_does_not_put_it_off(autojump_clock):
    async with talk(ScriptEngine([[Say("One."), Pause(3)]])) as (session, _):
        await session.send_message("Count")
        await collect(session, "audio")
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.end, "turn")
            await trio.sleep(0.5)
            nursery.start_soon(session.end, "playback")
        assert trio.current_time() - began == pytest.approx(3, abs=0.2)


async def test_need_17_a_session_that_ends_meanwhile(autojump_clock):
    async with talk(ScriptEngine([Pause(1000)])) as (session, _):
        await session.send_message("Think")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.end)
            await trio.sleep(1)
            await session.close()
        assert session.status == "closed"


async def test_need_17_audio_that_nobody_has_taken_yet_is_waited_for(autojump_clock):
    async with talk(ScriptEngine([Say(GOODBYE)])) as (session, _):
        await session.send_message("Bye")
        await collect(session, "audio")
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.end, "playback")
            await trio.sleep(10)
            assert session.status == "connected"
            await read(session)
        assert trio.current_time() - began < 10 + len(GOODBYE) / 16 + 0.2


async def test_need_17_a_turn_that_was_not_read_to_its_end_does_not_put_it_off(autojump_clock):
    async with talk(ScriptEngine([Say(GOODBYE)])) as (session, _):
        async with session.respond("Bye") as turn:
            async for event in turn:
                if event.type == "audio":
                    break
            await turn.wait()
        began = trio.current_time()
        await session.end("playback")
        assert trio.current_time() - began < 4
        assert turn.outcome == "completed"


@pytest.mark.parametrize("gated", [False, True])
async def test_need_17_a_commit_that_is_on_its_way_is_answered_first(gated, autojump_clock):
    config = {"gate_input": gated, "model_settings": {"turn_detection": None}}
    engine = ScriptEngine([Turn(GOODBYE, user="Bye")])
    faults = [Delay(event="input_audio_buffer.committed", seconds=3)]
    async with talk(engine, config=config, faults=faults) as (session, server):
        await session.send_audio(synthesize("Bye then"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.commit_audio)
            await trio.sleep(1)
            nursery.start_soon(session.end, "turn")
            events, _ = await read(session)
        assert of(events, "transcript")[-1].text == GOODBYE
        assert count(server, "response.create") == 1


async def test_need_17_a_commit_that_nobody_answers_puts_it_off_no_longer_than_its_timeout(autojump_clock):
    config = {"model_settings": {"turn_detection": None}, "timeouts": {"configure": 100}}
    faults = [Withhold(event="input_audio_buffer.committed"), Withhold(event="conversation.item.added", times=None)]
    faults.append(Withhold(event="conversation.item.done", times=None))
    async with talk(ScriptEngine([Say("x")]), config=config, faults=faults) as (session, _):
        await session.send_audio(synthesize("Bye then"))
        began = trio.current_time()
        async with trio.open_nursery() as nursery:

            async def commit():
                with pytest.raises(SessionClosed):
                    await session.commit_audio()

            nursery.start_soon(commit)
            await trio.sleep(1)
            await session.end("turn", timeout=5)
            assert trio.current_time() - began == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("tracked", [False, True])
async def test_need_17_however_many_items_are_to_be_heard_they_are_heard_first(tracked, autojump_clock):
    tracker = LocalPlaybackTracker() if tracked else None
    model = scripted()
    runner = RealtimeRunner(make_agent(), model=model)
    async with await runner.run(model_config={"playback_tracker": tracker}) as session:
        for number in range(150):
            await model.emit(begin(f"r{number}"), audio(100, f"r{number}", f"i{number}"), end(f"r{number}"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.end, "playback")
            began = trio.current_time()
            with trio.fail_after(100):
                async for event in session:
                    if tracker is not None and event.type == "audio":
                        await trio.sleep(0.1)
                        tracker.on_play_bytes(event.item_id, event.content_index, event.audio.data)
            assert trio.current_time() - began == pytest.approx(15, abs=0.1)


async def test_need_17_audio_that_was_dropped_is_not_waited_for(autojump_clock):
    tracker = RealtimePlaybackTracker()
    config, model_config = {"delivery": {"max_buffered_ms": 2000}}, {"playback_tracker": tracker}
    async with talk(ScriptEngine([Say(GOODBYE * 4)]), config=config, model_config=model_config) as (session, _):

        async def play():
            async for event in session:
                if event.type == "audio":
                    await trio.sleep(len(event.audio.data) / 48_000)
                    tracker.on_play_bytes(event.item_id, event.content_index, event.audio.data)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play)
            await session.send_message("Bye")
            begun = trio.current_time()
            await session.end("playback", timeout=1000)
            assert session.statistics().dropped_ms > 1000
            assert 1 < trio.current_time() - begun < 5
