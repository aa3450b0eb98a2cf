"""What ``serve --verbose`` tells."""

import pytest
import trio
import trio.testing

from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeConnectionError, RealtimeRunner
from trio_realtime.cli.watch import watch_server
from trio_realtime.server import Drop, LocalServer


async def converse(server: LocalServer) -> None:
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(RealtimeAgent("A", instructions="x" * 80), model=model, config={"reconnect": None})
    async with await runner.run(model_config={"api_key": "k"}) as session:
        await session.send_audio(bytes(4800))
        await session.send_message("Hello")
        async for event in session:
            if event.type == "agent_end":
                break


async def test_events_of_both_sides_in_order(nursery, autojump_clock):
    lines = []
    server = LocalServer()
    nursery.start_soon(watch_server, server, lines.append)
    await trio.testing.wait_all_tasks_blocked()
    await converse(server)
    await trio.sleep(1)
    await converse(server)
    await trio.sleep(1)
    nursery.cancel_scope.cancel()
    kinds = [line.split(" {")[0] for line in lines]
    assert kinds[:4] == ["connection 1 has begun", "-> session.created", "<- session.update", "-> session.updated"]
    assert kinds.index("<- response.create") < kinds.index("-> response.created") < kinds.index("-> response.done")
    assert "<- input_audio_buffer.append" in kinds
    assert kinds.count("-> session.created") == 2
    ends = [kind for kind in kinds if "has ended" in kind]
    assert ends == ["connection 1 has ended: 1000", "connection 2 has ended: 1000"]
    assert any('"instructions":"<80 characters>"' in line for line in lines)
    assert any('"audio":"<6400 characters>"' in line for line in lines)
    assert all(len(line) < 260 for line in lines)


async def test_an_end_without_a_close_frame(nursery, autojump_clock):
    lines = []
    server = LocalServer(faults=[Drop(event="response.created")])
    nursery.start_soon(watch_server, server, lines.append)
    with pytest.raises(RealtimeConnectionError):
        await converse(server)
    await trio.sleep(1)
    nursery.cancel_scope.cancel()
    assert lines[-1].startswith("connection 1 has ended: ")
