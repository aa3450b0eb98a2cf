"""What may be entered again after it was left, but not twice at once."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from trio_realtime.errors import UserError
from trio_realtime.mcp.block import Block


async def test_a_failure_on_the_way_in_or_out_leaves_it_free() -> None:
    block = Block()

    @asynccontextmanager
    async def fails_on_entering():
        raise KeyError("in")
        yield

    @asynccontextmanager
    async def fails_on_leaving():
        yield
        raise KeyError("out")

    for _ in range(2):
        with pytest.raises(KeyError, match="in"):
            await block.enter(fails_on_entering, "it")
        assert not block.entered
        await block.enter(fails_on_leaving, "it")
        assert block.entered
        with pytest.raises(UserError, match="it is entered already"):
            await block.enter(fails_on_leaving, "it")
        with pytest.raises(KeyError, match="out"):
            await block.leave("it", None, None, None)
        assert not block.entered
        with pytest.raises(UserError, match="it was not entered"):
            await block.leave("it", None, None, None)
