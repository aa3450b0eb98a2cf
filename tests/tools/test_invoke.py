"""Running tools: deadlines, threads, failures, cancellation. Threads are made to wait by events, never by sleeping."""

from __future__ import annotations

import contextvars
import threading

import attrs
import pytest
import trio

from trio_realtime._awaitable import maybe_await
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import ModelBehaviorError, ToolTimeoutError, UserError
from trio_realtime.tools import (
    FunctionTool,
    ToolContext,
    ToolResult,
    default_tool_error_function,
    function_tool,
    invoke_function_tool,
    set_tool_threads,
    tool_thread_limiter,
)


def call(arguments: str = "{}") -> ToolContext[None]:
    return ToolContext(None, None, "t", "c1", arguments)


async def invoke(tool: FunctionTool, arguments: str = "{}", context: ToolContext | None = None, **options):
    return await invoke_function_tool(tool, context or call(arguments), arguments, **options)


def make(function, **options) -> FunctionTool:
    return function_tool(**options)(function)


async def test_an_async_tool_runs_in_the_caller_s_task() -> None:
    async def where(context: ToolContext[None], x: int):
        return trio.lowlevel.current_task(), context, x

    context = call()
    assert await invoke(make(where), '{"x": 3}', context) == (trio.lowlevel.current_task(), context, 3)
    assert context.error is None


async def test_a_plain_tool_runs_in_a_thread_of_its_own_limiter_with_the_context_variables() -> None:
    variable = contextvars.ContextVar[str]("variable")
    variable.set("seen")
    borrowed: list[int] = []

    def where() -> tuple:
        borrowed.append(limiter.borrowed_tokens)
        return threading.current_thread(), variable.get()

    limiter = tool_thread_limiter()
    thread, value = await invoke(make(where))
    assert thread is not threading.current_thread()
    assert value == "seen"
    assert borrowed == [1]
    assert limiter is not trio.to_thread.current_default_thread_limiter()


async def test_the_limiter_is_one_per_run_and_its_size_can_be_set() -> None:
    assert tool_thread_limiter() is tool_thread_limiter()
    assert tool_thread_limiter().total_tokens == 40
    set_tool_threads(2)
    assert tool_thread_limiter().total_tokens == 2
    for bad in (0, -1, 1.5, True):
        with pytest.raises(UserError, match="whole number"):
            set_tool_threads(bad)


def test_every_run_begins_with_forty_threads() -> None:
    async def main() -> float:
        before = tool_thread_limiter().total_tokens
        set_tool_threads(3)
        return before

    assert trio.run(main) == trio.run(main) == 40


async def test_more_plain_tools_than_threads_wait_their_turn() -> None:
    set_tool_threads(1)
    running, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    tool = make(work)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(invoke, tool)
    assert most == 1


async def test_methods_and_instances_async_or_plain() -> None:
    class Shop:
        async def price(self, item: str) -> str:
            return f"{item}: 1"

        def stock(self) -> str:
            return "full"

    class Later:
        async def __call__(self, x: int) -> int:
            return x + 1

    class Now:
        def __call__(self, x: int) -> int:
            return x + 2

    assert await invoke(make(Shop().price), '{"item": "tea"}') == "tea: 1"
    assert await invoke(make(Shop().stock)) == "full"
    assert await invoke(make(Later(), name_override="later"), '{"x": 1}') == 2
    assert await invoke(make(Now(), name_override="now"), '{"x": 1}') == 3


async def test_a_plain_function_that_returns_a_coroutine_is_awaited() -> None:
    async def inner() -> str:
        await trio.lowlevel.checkpoint()
        return "inner"

    def outer():
        return inner()

    assert await invoke(make(outer)) == "inner"
    assert await maybe_await(3) == 3


async def test_a_tool_result_comes_through_untouched() -> None:
    result = ToolResult("x", respond=False)

    async def silent() -> ToolResult:
        return result

    assert await invoke(make(silent)) is result


async def test_invocation_is_a_checkpoint_before_the_tool_runs() -> None:
    ran: list[int] = []

    async def tool() -> None:
        ran.append(1)

    with trio.testing.assert_checkpoints():
        await invoke(make(tool))
    with trio.CancelScope() as scope:
        scope.cancel()
        await invoke(make(tool))
    assert ran == [1]


# failures


def boom() -> None:
    raise ValueError("boom")


async def later_boom() -> None:
    raise ValueError("boom")


@pytest.mark.parametrize("function", [boom, later_boom])
async def test_a_failure_becomes_a_text_and_the_context_knows(function) -> None:
    context = call()
    text = await invoke(make(function), context=context)
    assert text == "An error occurred while the tool was running. Please try again."
    assert isinstance(context.error, ValueError)


async def test_bad_arguments_become_a_text_of_another_wording() -> None:
    async def add(x: int) -> int:
        return x

    context = call()
    text = await invoke(make(add), '{"x": "3"}', context)
    assert "x: expected an integer, got a string" in text
    assert "was not run" in text
    assert isinstance(context.error, ModelBehaviorError)
    assert context.error.param == "x"


@pytest.mark.parametrize(
    "options", [{"failure_error_function": None}, {"fatal": True}, {"timeout": 5.0, "fatal": True}]
)
async def test_without_a_failure_function_the_error_comes_out(options: dict) -> None:
    with pytest.raises(ValueError, match="boom"):
        await invoke(make(later_boom, **options))


async def test_a_failure_function_plain_or_async_words_it() -> None:
    async def later(context, error) -> str:
        return f"{context.tool_call_id} {error}"

    assert await invoke(make(later_boom, failure_error_function=later)) == "c1 boom"
    assert await invoke(make(boom, failure_error_function=lambda c, e: "sorry")) == "sorry"


async def test_what_a_failure_function_raises_comes_out() -> None:
    def broken(context, error) -> str:
        raise KeyError("formatter")

    with pytest.raises(KeyError, match="formatter"):
        await invoke(make(boom, failure_error_function=broken))


async def test_a_group_of_the_tool_s_own_nursery_is_a_failure_like_another() -> None:
    async def group() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(later_boom)
            nursery.start_soon(later_boom)

    context = call()
    assert "An error occurred" in await invoke(make(group), context=context)
    assert isinstance(context.error, ExceptionGroup)


async def test_a_hand_built_tool_raises_as_it_is() -> None:
    async def raw(context, arguments: str) -> str:
        raise ValueError(arguments)

    with pytest.raises(ValueError, match="given"):
        await invoke(FunctionTool("n", "d", {}, raw), "given")


async def test_a_tool_can_be_called_with_the_session_s_wrapper() -> None:
    assert "An error occurred" in await make(boom).on_invoke_tool(RunContextWrapper(None), "{}")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_interrupts_pass(error: type[BaseException]) -> None:
    async def tool() -> None:
        raise error

    with pytest.raises(error):
        await invoke_function_tool(make(tool), call(), "{}")


def test_the_default_text_tells_of_arguments_only_and_is_bounded() -> None:
    assert len(default_tool_error_function(call(), ModelBehaviorError("x" * 9_000))) < 4_100
    for error in (ValueError("canary"), KeyError("canary"), ExceptionGroup("canary", [ValueError("canary")])):
        text = default_tool_error_function(call(), error)
        assert text == "An error occurred while the tool was running. Please try again."


# deadlines


async def test_an_async_tool_that_is_late_becomes_a_text(autojump_clock) -> None:
    context = call()
    start = trio.current_time()
    text = await invoke(make(trio_sleep, timeout=5), context=context)
    assert trio.current_time() - start == 5
    assert text == "The tool 'trio_sleep' timed out after 5 seconds."
    assert isinstance(context.error, ToolTimeoutError)


async def trio_sleep() -> str:
    await trio.sleep(60)
    return "done"


async def test_the_default_timeout_is_for_tools_without_one(autojump_clock) -> None:
    assert "after 2 seconds" in await invoke(make(trio_sleep), default_timeout=2)
    assert "after 5 seconds" in await invoke(make(trio_sleep, timeout=5), default_timeout=2)
    assert await invoke(make(trio_sleep), default_timeout=61) == "done"
    assert await invoke(make(trio_sleep)) == "done"
    with pytest.raises(UserError, match="default_timeout must be a positive"):
        await invoke(make(trio_sleep), default_timeout=0)


async def test_a_late_tool_can_raise(autojump_clock) -> None:
    tool = make(trio_sleep, timeout=5, timeout_behavior="raise_exception")
    with pytest.raises(ToolTimeoutError) as caught:
        await invoke(tool)
    assert (caught.value.tool_name, caught.value.timeout_seconds) == ("trio_sleep", 5)


async def test_a_timeout_function_plain_or_async_words_it(autojump_clock) -> None:
    async def later(context, error) -> str:
        return f"{context.tool_call_id} {error.timeout_seconds}"

    assert await invoke(make(trio_sleep, timeout=5, timeout_error_function=later)) == "c1 5"
    assert await invoke(make(trio_sleep, timeout=5, timeout_error_function=lambda c, e: "late")) == "late"


async def test_a_result_that_is_there_at_the_deadline_counts(autojump_clock) -> None:
    async def shielded() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)
        return "done"

    context = call()
    assert await invoke(make(shielded, timeout=5), context=context) == "done"
    assert context.error is None


async def test_the_tool_s_own_too_slow_error_is_a_failure_not_our_timeout(autojump_clock) -> None:
    async def slow() -> None:
        with trio.fail_after(1):
            await trio.sleep(2)

    context = call()
    await invoke(make(slow, timeout=5, timeout_behavior="raise_exception"), context=context)
    assert isinstance(context.error, trio.TooSlowError)
    with pytest.raises(trio.TooSlowError):
        await invoke(make(slow, timeout=5, failure_error_function=None))


async def test_an_error_while_being_cancelled_by_the_deadline_is_the_timeout_s_cause(autojump_clock) -> None:
    async def messy() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("while leaving")

    tool = make(messy, timeout=5, timeout_behavior="raise_exception")
    with pytest.raises(ToolTimeoutError) as caught:
        await invoke(tool)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


async def test_a_cancellation_from_outside_is_no_timeout(autojump_clock) -> None:
    async def forever() -> None:
        await trio.sleep_forever()

    with trio.move_on_after(1) as scope:
        await invoke(make(forever, timeout=5))
    assert scope.cancelled_caught


async def test_a_plain_tool_that_is_late_is_abandoned_and_gives_its_token_back_when_it_ends() -> None:
    release, done = threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    def blocked() -> str:
        release.wait(10)
        token.run_sync_soon(done.set)
        return "too late"

    context = call()
    tool = make(blocked, timeout=0.001)
    text = await invoke(tool, context=context)
    assert "timed out" in text
    assert isinstance(context.error, ToolTimeoutError)
    limiter = tool_thread_limiter()
    assert limiter.borrowed_tokens == 1
    release.set()
    await done.wait()
    while limiter.borrowed_tokens:
        await trio.lowlevel.checkpoint()


async def test_a_cancelled_plain_tool_is_abandoned_and_can_notice() -> None:
    started, noticed = trio.Event(), trio.Event()
    release = threading.Event()
    token = trio.lowlevel.current_trio_token()

    def polite() -> None:
        token.run_sync_soon(started.set)
        release.wait(10)
        try:
            trio.from_thread.check_cancelled()
        except trio.Cancelled:
            token.run_sync_soon(noticed.set)
            raise

    async with trio.open_nursery() as nursery:
        nursery.start_soon(invoke, make(polite))
        await started.wait()
        nursery.cancel_scope.cancel()
    release.set()
    await noticed.wait()


async def test_the_wait_for_a_thread_counts_too() -> None:
    set_tool_threads(1)
    release, started = threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    def holder() -> None:
        token.run_sync_soon(started.set)
        release.wait(10)

    def quick() -> str:
        return "done"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(invoke, make(holder))
        await started.wait()
        assert "timed out" in await invoke(make(quick, timeout=0.001))
        release.set()
    assert await invoke(make(quick)) == "done"


async def test_a_changed_copy_keeps_the_function() -> None:
    tool = make(later_boom)
    copy = attrs.evolve(tool, name="other", is_enabled=False)
    assert copy.name == "other"
    assert copy.__wrapped__ is later_boom
    assert "An error occurred" in await invoke(copy)
