from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from tests.session_tasks.support import FakeModel, make, scripted
from tests.session_tasks.test_handoff_runner import Confirming
from tests.session_tasks.test_tool_runner import plain
from trio_realtime import ConfigRejected, RealtimeAgent, RealtimeTimeoutError, UserError, realtime_handoff
from trio_realtime._structure import NOT_GIVEN
from trio_realtime.model_inputs import RealtimeModelSendSessionUpdate

OTHER = RealtimeAgent[Any]("Other")


async def _connected(**options: Any) -> Any:
    """The settings that a session connects with."""
    model = scripted()
    async with await make(model, **options) as session:
        tools = session._hub.tools
    return model.connect_calls[0].config, tools


async def test_the_agent_beats_the_run_and_initial_settings_beat_both(autojump_clock: Any) -> None:
    agent = RealtimeAgent("A", instructions="agent", tools=[plain], handoffs=[OTHER], prompt={"id": "p"})
    run = {"instructions": "run", "voice": "marin", "speed": 1.2}
    config, _ = await _connected(agent=agent, model_settings=run)
    settings = config.initial_model_settings
    assert (settings.instructions, settings.voice, settings.speed) == ("agent", "marin", 1.2)
    assert settings.tools == (plain,)
    assert [handoff.tool_name for handoff in settings.handoffs] == ["transfer_to_other"]
    assert settings.prompt.id == "p"
    assert settings.tracing is NOT_GIVEN
    initial = {"instructions": "initial", "voice": "cedar"}
    config, _ = await _connected(
        agent=agent, model_settings=run, model_config={"initial_model_settings": initial}, tracing_disabled=True
    )
    settings = config.initial_model_settings
    assert (settings.instructions, settings.voice, settings.speed) == ("initial", "cedar", 1.2)
    assert settings.tracing is None


async def test_tracing_disabled_beats_everything(autojump_clock: Any) -> None:
    config, _ = await _connected(
        tracing_disabled=True, model_config={"initial_model_settings": {"tracing": "auto"}}, raw_events=True
    )
    assert config.initial_model_settings.tracing is None
    assert config.raw_events
    assert config.timeouts is not None


@pytest.mark.parametrize("which", ["tools", "handoffs"])
async def test_initial_tools_and_handoffs(autojump_clock: Any, which: str) -> None:
    agent = RealtimeAgent("A", tools=[plain], handoffs=[OTHER])
    disabled = attrs.evolve(plain, name="disabled", is_enabled=False)
    given: dict[str, Any] = {
        "tools": [attrs.evolve(plain, name="own"), disabled],
        "handoffs": [realtime_handoff(OTHER, tool_name_override="go")],
    }
    _, tools = await _connected(agent=agent, model_config={"initial_model_settings": {which: given[which]}})
    assert [tool.name for tool in tools.tools] == (["own"] if which == "tools" else ["plain"])
    assert [handoff.tool_name for handoff in tools.handoffs] == (
        ["go"] if which == "handoffs" else ["transfer_to_other"]
    )


async def test_initial_names_that_clash(autojump_clock: Any) -> None:
    agent = RealtimeAgent("A", handoffs=[OTHER])
    tool = attrs.evolve(plain, name="transfer_to_other")
    model = scripted()
    with pytest.raises(UserError, match="transfer_to_other"):
        await (await make(model, agent=agent, model_config={"initial_model_settings": {"tools": [tool]}})).__aenter__()
    assert model.connect_calls == []


async def test_no_instructions_are_empty_ones(autojump_clock: Any) -> None:
    config, _ = await _connected()
    assert config.initial_model_settings.instructions == ""


async def test_update_agent_confirmed(autojump_clock: Any) -> None:
    model = FakeModel(Confirming())
    async with await make(model) as session:
        await session.update_agent(OTHER)
        assert session.current_agent is OTHER
        assert session._hub.config_waiters == {}
        (update,) = model.connection.sent
        assert isinstance(update, RealtimeModelSendSessionUpdate)


@pytest.mark.parametrize(("answer", "kind"), [("no", ConfigRejected), ("silence", RealtimeTimeoutError)])
async def test_update_agent_not_confirmed(autojump_clock: Any, answer: str, kind: Any) -> None:
    model = FakeModel(Confirming(answer))
    async with await make(model, timeouts={"configure": 4}) as session:
        with pytest.raises(kind) as caught:
            await session.update_agent(OTHER)
        assert session.current_agent is not OTHER
        assert session._hub.config_waiters == {}
        if answer == "silence":
            assert (caught.value.name, caught.value.seconds) == ("configure", 4)
            assert trio.current_time() == 4


async def test_not_waiting_for_confirmations(autojump_clock: Any) -> None:
    model = FakeModel(Confirming("silence"))
    async with await make(model, timeouts={"configure": None}) as session:
        await session.update_agent(OTHER)
        assert session.current_agent is OTHER


async def test_a_cancelled_update_changes_nothing_here(autojump_clock: Any) -> None:
    model = FakeModel(Confirming("silence"))
    async with await make(model) as session:
        with trio.move_on_after(1) as scope:
            await session.update_agent(OTHER)
        assert scope.cancelled_caught
        assert session.current_agent is not OTHER
        assert session._hub.config_waiters == {}


async def test_updates_take_turns(autojump_clock: Any) -> None:
    model = FakeModel(Confirming("silence"))
    third = RealtimeAgent("Third")
    async with await make(model, timeouts={"configure": 2}) as session, trio.open_nursery() as nursery:

        async def change(agent: Any) -> None:
            with pytest.raises(RealtimeTimeoutError):
                await session.update_agent(agent)

        nursery.start_soon(change, OTHER)
        nursery.start_soon(change, third)
        await trio.sleep(1)
        assert len(model.connection.sent) == 1
        await trio.sleep(2)
        assert len(model.connection.sent) == 2


async def test_instructions_that_do_not_come_are_not_waited_for(autojump_clock: Any) -> None:
    async def forever(context: Any, agent: Any) -> str:
        await trio.sleep_forever()
        raise AssertionError

    model = FakeModel(Confirming())
    async with await make(model, timeouts={"connect": 6}) as session:
        with pytest.raises(RealtimeTimeoutError) as caught:
            await session.update_agent(RealtimeAgent("Slow", instructions=forever))
        assert (caught.value.name, caught.value.seconds, trio.current_time()) == ("agent", 6, 6)
        assert session.current_agent.name != "Slow"
        await session.update_agent(OTHER)
        assert session.current_agent is OTHER
