from __future__ import annotations

from typing import Any

import pytest
import trio

from trio_realtime.transport.lifetimes import beside


class Service:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.left = trio.Event()
        self.leaves = 0
        self.ended = False

    async def run(self) -> None:
        with trio.CancelScope(shield=True):
            if self.error is not None:
                raise self.error
            await self.left.wait()
            await trio.sleep(1)
        self.ended = True

    async def ready(self) -> None:
        await trio.lowlevel.checkpoint()

    def leave(self) -> None:
        self.leaves += 1
        self.left.set()

    def block(self) -> Any:
        return beside(self.run, ready=self.ready, leave=self.leave)


async def test_service_ends_after_the_block(autojump_clock: Any) -> None:
    service = Service()
    async with service.block():
        assert not service.ended
    assert service.ended
    assert service.leaves == 1


async def test_cancellation_reaches_the_block_first(autojump_clock: Any) -> None:
    service = Service()
    with trio.move_on_after(5) as scope:
        async with service.block():
            try:
                await trio.sleep_forever()
            finally:
                assert service.leaves == 0
    assert scope.cancelled_caught
    assert service.ended


async def test_failure_to_get_ready_is_raised_after_the_service_has_ended(autojump_clock: Any) -> None:
    service = Service()
    error = LookupError()

    async def ready() -> None:
        raise error

    with pytest.raises(LookupError) as info:
        async with beside(service.run, ready=ready, leave=service.leave):
            pytest.fail("not reached")
    assert info.value is error
    assert service.ended


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_interrupt_of_the_service_comes_out_bare(autojump_clock: Any, kind: type[BaseException]) -> None:
    service = Service(kind())
    with pytest.raises(kind) as info:
        async with service.block():
            await trio.sleep_forever()
    assert info.value is service.error
    assert service.leaves == 1
