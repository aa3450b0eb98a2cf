"""The supervisor with connections of a model of one's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.session_tasks.support import FakeConnection, drain, kinds, make, of
from trio_realtime import InternalError, RealtimeConnectionError, RealtimeTimeoutError, SessionClosed
from trio_realtime import model_events as m
from trio_realtime.model import RealtimeConnection, RealtimeModel
from trio_realtime.model_inputs import RealtimeModelSendUserInput


class Restorable(FakeConnection):
    restorable = True


class Models(RealtimeModel):
    """Gives the connections that it was made with, one after the other; an exception is raised instead."""

    def __init__(self, *made: Any) -> None:
        self.made = list(made)
        self.left: list[Any] = []
        self.crash = trio.Event()

    @asynccontextmanager
    async def connect(self, config: Any) -> AsyncGenerator[RealtimeConnection, None]:
        await trio.lowlevel.checkpoint()
        made = self.made.pop(0)
        if isinstance(made, BaseException):
            raise made
        try:
            async with trio.open_nursery() as nursery:
                if getattr(made, "crashes", False):
                    nursery.start_soon(self._crash)
                yield made
                nursery.cancel_scope.cancel()
        finally:
            self.left.append(made)

    async def _crash(self) -> None:
        await self.crash.wait()
        raise RealtimeConnectionError("crashed", code=1006)


LOST = RealtimeConnectionError("gone", code=1006)


async def test_a_model_that_cannot_be_restored_ends_with_its_connection(autojump_clock: Any) -> None:
    connection = FakeConnection()
    session = await make(Models(connection))
    with pytest.raises(RealtimeConnectionError) as caught:
        async with session:
            await connection.put(LOST)
            await drain_all(session)
    assert caught.value is LOST


async def drain_all(session: Any) -> None:
    async for _ in session:
        pass


async def test_a_model_that_can_be_is(autojump_clock: Any) -> None:
    first, second = Restorable(), Restorable()
    async with await make(Models(first, second)) as session:
        await first.put(LOST)
        await session.send_message("Hello")
        await trio.sleep(1)
        assert [event.user_input for event in second.sent] == ["Hello"]
        assert session.statistics().reconnects == 1
    assert (first.closed, second.closed) == (1, 1)


async def test_what_the_service_asked_about_its_own_calls_is_forgotten(autojump_clock: Any) -> None:
    first, second = Restorable(), Restorable()
    async with await make(Models(first, second)) as session:
        await first.put(
            m.RealtimeModelMcpApprovalRequestedEvent(item_id="q1", server_label="docs", name="find", arguments="{}")
        )
        assert [pending.call_id for pending in session.pending_approvals] == ["q1"]
        await first.put(LOST)
        await trio.sleep(1)
        assert session.pending_approvals == ()
        await session.approve_tool_call("q1")
        await trio.sleep(1)
        assert second.sent == []


async def test_a_reader_that_hangs_is_freed(autojump_clock: Any) -> None:
    first, second = Restorable(), Restorable()
    first.send_error = RealtimeTimeoutError("no data", name="send", seconds=1)
    async with await make(Models(first, second)) as session:
        await session.send_message("Hello")
        await trio.sleep(10)
        assert session.status == "connected"
        assert first.closed == 1


async def test_a_custom_error_is_no_loss(autojump_clock: Any) -> None:
    error = LookupError("mine")
    connection = Restorable()
    session = await make(Models(connection))
    async with session:
        await connection.put(error)
        events, raised = await drain(session)
    assert raised is error
    assert "reconnecting" not in [event.status for event in of(events, "connection")]


async def test_a_connection_whose_block_crashes_is_lost(autojump_clock: Any) -> None:
    first, second, third = Restorable(), Restorable(), Restorable()
    second.crashes = True  # type: ignore[attr-defined]
    model = Models(first, second, third)
    async with await make(model) as session:
        await first.put(LOST)
        await trio.sleep(20)
        model.crash.set()
        await trio.sleep(1)
        assert session.status == "connected"
        assert session.statistics().reconnects == 2
        assert model.left == [second]


async def test_a_crash_of_the_supervisor_is_an_internal_error(autojump_clock: Any, monkeypatch: Any) -> None:
    first = Restorable()
    session = await make(Models(first))
    with pytest.raises(InternalError):
        async with session:
            monkeypatch.setattr(session._hub.supervisor.replayer, "prepare", lambda: 1 / 0)
            session._hub.supervisor._model.made.append(Restorable())
            await first.put(LOST)
            await drain_all(session)


async def test_what_was_on_its_way_is_told_at_the_end(autojump_clock: Any) -> None:
    first = Restorable()
    first.send_error = LOST
    mine = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        async with await make(Models(first, mine), reconnect={"max_attempts": 1}) as session:
            with pytest.raises(SessionClosed) as caught:
                await session.model.send_event(RealtimeModelSendUserInput(user_input="Hello"))
            assert caught.value.__cause__ is mine
            await drain_all(session)


@pytest.mark.parametrize("error", [ValueError("mine"), ExceptionGroup("", [ValueError("mine")])])
async def test_an_attempt_that_fails_in_its_own_way_is_the_end(autojump_clock: Any, error: Exception) -> None:
    first = Restorable()
    async with await make(Models(first, error)) as session:
        await first.put(LOST)
        events, raised = await drain(session)
    assert isinstance(raised, ValueError)
    assert kinds(events)[-1] == "connection"
