import trio
from trio.testing import wait_all_tasks_blocked

from trio_realtime.session_tasks.sleepers import Sleepers


async def test_all_are_woken_and_nobody_else(nursery) -> None:
    sleepers, woken = Sleepers(), []

    async def wait(name: str) -> None:
        await sleepers.park()
        woken.append(name)

    nursery.start_soon(wait, "a")
    nursery.start_soon(wait, "b")
    await wait_all_tasks_blocked()
    assert len(sleepers.tasks) == 2
    sleepers.unpark_all()
    assert sleepers.tasks == []
    sleepers.unpark_all()  # nobody is there any more
    nursery.start_soon(wait, "late")
    await wait_all_tasks_blocked()
    assert sorted(woken) == ["a", "b"]
    sleepers.unpark_all()


async def test_who_is_cancelled_waits_no_more(autojump_clock) -> None:
    sleepers = Sleepers()
    with trio.move_on_after(1) as scope:
        await sleepers.park()
    assert scope.cancelled_caught
    assert sleepers.tasks == []
    sleepers.unpark_all()


async def test_woken_and_cancelled_at_once_is_woken(autojump_clock, nursery) -> None:
    sleepers, woken = Sleepers(), []
    scope = trio.CancelScope()

    async def wait() -> None:
        with scope:
            await sleepers.park()
            woken.append(True)

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    sleepers.unpark_all()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert woken == [True]
