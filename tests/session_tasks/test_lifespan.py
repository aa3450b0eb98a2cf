from __future__ import annotations

import gc
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
import trio

from tests.session_tasks.support import FakeConnection, FakeModel, call, drain, kinds, make, scripted
from trio_realtime import (
    InternalError,
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    SessionClosed,
    UserError,
    function_tool,
)
from trio_realtime import model_events as m


class Mine(Exception):
    pass


# -- the body's own outcome ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [Mine("x"), ExceptionGroup("g", [Mine("x")]), KeyboardInterrupt(), ValueError(), SessionClosed("mine")]
)
async def test_what_the_body_raised_is_the_same_object(autojump_clock: Any, error: BaseException) -> None:
    model = scripted()
    with pytest.raises(type(error)) as caught:
        async with await make(model):
            raise error
    assert caught.value is error
    assert error.__cause__ is None
    assert model.closed
    assert model.close_calls == 1


async def test_return_and_break_leave_in_order(autojump_clock: Any) -> None:
    model = scripted()

    async def body() -> str:
        async with await make(model):
            return "value"

    assert await body() == "value"
    for _ in range(3):
        async with await make(model) as session:
            break
    assert session.status == "closed"
    assert model.close_calls == 2


async def test_leaving_without_a_failure_raises_nothing_and_leaves_no_garbage(autojump_clock: Any) -> None:
    async with await make(scripted()) as session:
        assert session.status == "connected"
    assert session.status == "closed"
    with pytest.raises(SessionClosed):
        await session.send_message("late")
    gc.collect()


async def test_entered_twice(autojump_clock: Any) -> None:
    session = await make(scripted())
    async with session:
        with pytest.raises(UserError, match="entered once"):
            await session.__aenter__()
    with pytest.raises(UserError, match="entered once"):
        async with session:
            pass


# -- cancellation --------------------------------------------------------------------------------------------------------


async def test_cancellation_from_outside_closes_gracefully(autojump_clock: Any) -> None:
    model = FakeModel()
    with trio.move_on_after(1) as scope:
        async with await make(model) as session:
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert model.connection.closed == 1
    assert trio.current_time() == 1
    events, error = await drain(session)
    assert error is None
    assert events[-1].status == "closed"
    assert events[-1].reason == "the application left the session"


async def test_cancellation_from_outside_is_bounded_when_closing_hangs(autojump_clock: Any) -> None:
    model = FakeModel()
    model.connection.close_hangs = True
    with trio.move_on_after(1) as scope:
        async with await make(model, timeouts={"close": 2}):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert 1 < trio.current_time() <= 5


async def test_a_message_that_was_handed_over_is_sent_before_the_connection_closes(autojump_clock: Any) -> None:
    model = FakeModel()
    with trio.CancelScope() as scope:
        async with await make(model) as session:
            await session.send_message("last words")
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert [event.user_input for event in model.connection.sent] == ["last words"]


async def test_a_stuck_writer_does_not_keep_the_connection_open(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model, timeouts={"close": 4}) as session:
        model.connection.open = trio.Event()
        await session.send_message("never sent")
    assert model.connection.closed == 1
    assert trio.current_time() == 2


async def test_a_tool_that_will_not_end_is_bounded(autojump_clock: Any) -> None:
    @function_tool(timeout=None)
    async def stubborn() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)
        return "x"

    model = scripted()
    async with await make(model, agent=RealtimeAgent("A", tools=[stubborn]), timeouts={"close": 4}):
        await model.emit(call("stubborn"))
    assert trio.current_time() == 3
    assert model.close_calls == 1


# -- connecting ----------------------------------------------------------------------------------------------------------


async def test_connect_error_is_raised_as_it_is(autojump_clock: Any) -> None:
    error = RealtimeConnectionError("no")
    session = await make(scripted(connect_error=error))
    with pytest.raises(RealtimeConnectionError) as caught:
        await session.__aenter__()
    assert caught.value is error
    assert session.status == "closed"
    with pytest.raises(SessionClosed):
        await session.send_message("x")


async def test_connect_error_in_a_group_comes_out_alone(autojump_clock: Any) -> None:
    inner = Mine("a")

    async def enter() -> None:
        raise ExceptionGroup("g", [ExceptionGroup("h", [inner])])

    with pytest.raises(Mine) as caught:
        await (await make(FakeModel(enter=enter))).__aenter__()
    assert caught.value is inner


async def test_several_connect_errors_are_one_with_a_cause(autojump_clock: Any) -> None:
    group = ExceptionGroup("g", [Mine("a"), Mine("b")])

    async def enter() -> None:
        raise group

    with pytest.raises(RealtimeConnectionError, match="more than one way") as caught:
        await (await make(FakeModel(enter=enter))).__aenter__()
    assert caught.value.__cause__ is group


async def test_keyboard_interrupt_while_connecting(autojump_clock: Any) -> None:
    async def enter() -> None:
        raise BaseExceptionGroup("g", [KeyboardInterrupt(), Mine("a")])

    with pytest.raises(KeyboardInterrupt):
        await (await make(FakeModel(enter=enter))).__aenter__()


async def test_connecting_takes_too_long(autojump_clock: Any) -> None:
    session = await make(FakeModel(enter=trio.sleep_forever), timeouts={"connect": 3})
    with pytest.raises(RealtimeTimeoutError) as caught:
        await session.__aenter__()
    assert (caught.value.name, caught.value.seconds) == ("connect", 3)
    assert trio.current_time() == 3
    assert session.status == "closed"


async def test_a_model_that_ignores_the_deadline_of_connecting(autojump_clock: Any) -> None:
    async def enter() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)

    with pytest.raises(RealtimeTimeoutError):
        await (await make(FakeModel(enter=enter), timeouts={"connect": 3})).__aenter__()


async def test_cancelled_while_connecting(autojump_clock: Any) -> None:
    session = await make(FakeModel(enter=trio.sleep_forever))
    with trio.move_on_after(1) as scope:
        async with session:
            raise AssertionError
    assert scope.cancelled_caught
    assert trio.current_time() == 1


# -- closing -------------------------------------------------------------------------------------------------------------


async def test_an_error_of_closing_is_raised_once_and_alone(autojump_clock: Any) -> None:
    error = Mine("close")
    model = scripted(close_error=error)
    with pytest.raises(Mine) as caught:
        async with await make(model):
            pass
    assert caught.value is error
    assert model.closed


async def test_an_error_of_closing_becomes_a_note_of_the_bodys_own(autojump_clock: Any) -> None:
    model = FakeModel()
    model.connection.close_error = ExceptionGroup("g", [Mine("close")])
    with pytest.raises(ValueError, match="body") as caught:
        async with await make(model):
            raise ValueError("body")
    assert caught.value.__notes__ == ["the session had failed before: Mine: close"]


async def test_hanging_close_is_bounded(autojump_clock: Any) -> None:
    model = FakeModel()
    model.connection.close_hangs = True
    async with await make(model, timeouts={"close": 2}):
        pass
    assert trio.current_time() == 2


async def test_an_error_of_the_models_end(autojump_clock: Any) -> None:
    error = Mine("leave")

    async def leave() -> None:
        raise error

    with pytest.raises(Mine) as caught:
        async with await make(FakeModel(leave=leave)):
            pass
    assert caught.value is error


async def test_a_model_that_hangs_when_it_is_left(autojump_clock: Any) -> None:
    async with await make(FakeModel(leave=trio.sleep_forever), timeouts={"close": 2}):
        pass
    assert trio.current_time() == 2


async def test_keyboard_interrupt_of_the_models_end_goes_before_everything(autojump_clock: Any) -> None:
    async def leave() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with await make(FakeModel(leave=leave)):
            raise Mine("body")


async def test_two_tasks_closing_are_one_close(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session, trio.open_nursery() as nursery:
        nursery.start_soon(session.close)
        nursery.start_soon(session.close)
    assert model.connection.closed == 1


async def test_leaving_while_another_task_closes(autojump_clock: Any) -> None:
    model = FakeModel()
    model.connection.close_hangs = True
    async with trio.open_nursery() as nursery, await make(model, timeouts={"close": 2}) as session:
        nursery.start_soon(session.close)
        await trio.testing.wait_all_tasks_blocked()
    assert model.connection.closed == 1
    assert trio.current_time() == 2


# -- failures of the session ---------------------------------------------------------------------------------------------


def _reader(connection: FakeConnection, error: Exception) -> Any:
    return connection.put(m.RealtimeModelDtmfEvent(event="1"), error)


async def _writer(connection: FakeConnection, error: Exception, session: Any) -> None:
    await connection.put(m.RealtimeModelDtmfEvent(event="1"))
    connection.send_error = error
    await session.send_message("x")


@pytest.mark.parametrize("where", ["reader", "writer"])
@pytest.mark.parametrize("error", [RealtimeConnectionError("lost", code=1006), Mine("custom")])
@pytest.mark.parametrize("seen", [True, False])
async def test_a_failure_comes_after_the_events_and_once(
    autojump_clock: Any, where: str, error: Exception, seen: bool
) -> None:
    model = FakeModel()
    expected: Any = nullcontext() if seen else pytest.raises(type(error))
    with expected as caught:
        async with await make(model) as session:
            if where == "reader":
                await _reader(model.connection, error)
            else:
                await _writer(model.connection, error, session)
            if seen:
                read, raised = await drain(session)
                assert kinds(read) == ["connection", "history_updated", "dtmf", "connection"]
                assert raised is error
                assert (await drain(session))[1] is None  # given once
            else:
                await trio.sleep(60)
                assert session.status == "closed"
    assert seen or caught.value is error


async def test_an_orderly_end_is_no_failure(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session:
        await model.connection.put(StopAsyncIteration)
        events, error = await drain(session)
        assert error is None
        assert events[-1].reason == "the server closed the connection"


async def test_the_failure_that_the_body_passes_on_gets_no_note(autojump_clock: Any) -> None:
    error = Mine("lost")
    model = FakeModel()
    session = await make(model)

    async def body() -> None:
        async with session:
            await model.connection.put(error)
            await session.send_message("x")

    with pytest.raises(SessionClosed) as caught:
        await body()
    assert caught.value.__cause__ is error
    assert not hasattr(caught.value, "__notes__")


async def test_a_failing_task_is_an_internal_error(autojump_clock: Any) -> None:
    class Odd(FakeConnection):
        def next_deadline(self) -> float:
            raise Mine("odd")

    with pytest.raises(InternalError, match="a task of the session failed") as caught:
        async with await make(FakeModel(Odd())):
            await trio.sleep(1)
    assert isinstance(caught.value.__cause__, Mine)


async def test_a_model_that_cancels_the_session(autojump_clock: Any) -> None:
    class Cancelling(FakeModel):
        def connect(self, config: Any) -> Any:
            @asynccontextmanager
            async def run() -> Any:
                with trio.move_on_after(1):
                    yield self.connection

            return run()

    with pytest.raises(RealtimeConnectionError, match="cancelled the session"):
        async with await make(Cancelling()):
            await trio.sleep_forever()

    async def body() -> None:
        async with await make(Cancelling()):
            try:
                await trio.sleep_forever()
            except trio.Cancelled as cancelled:
                raise BaseExceptionGroup("body", [cancelled, Mine("in the end")]) from None

    with pytest.raises(ExceptionGroup) as caught:
        await body()
    assert [type(error) for error in caught.value.exceptions] == [Mine]  # without the cancellation


async def test_a_failing_nursery_of_the_model_comes_out_alone(autojump_clock: Any) -> None:
    error = Mine("task")

    class Tasks(FakeModel):
        def connect(self, config: Any) -> Any:
            async def fail() -> None:
                await trio.sleep(1)
                raise error

            @asynccontextmanager
            async def run() -> Any:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(fail)
                    yield self.connection
                    nursery.cancel_scope.cancel()

            return run()

    with pytest.raises(Mine) as caught:
        async with await make(Tasks()):
            await trio.sleep_forever()
    assert caught.value is error


async def test_cancelled_while_connecting_with_tasks_of_the_models_own(autojump_clock: Any) -> None:
    async def enter() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)

    with trio.move_on_after(1) as scope:
        await (await make(FakeModel(enter=enter))).__aenter__()
    assert scope.cancelled_caught


async def test_the_bodys_error_stands_when_the_models_end_is_cancelled(autojump_clock: Any) -> None:
    error = Mine("body")
    caught: list[BaseException] = []
    with trio.move_on_after(1):
        try:
            async with await make(FakeModel(leave=trio.sleep_forever)):
                await trio.sleep(0.5)
                raise error
        except Mine as raised:
            caught.append(raised)
    assert caught == [error]
    assert trio.current_time() == 1
