import gc
import os
import subprocess
import sys

import pytest

from benchmarks.process import Spent, apart, freeze_ms

SHOW = "import os; print(*sorted(os.sched_getaffinity(0)))"


def cpus_of_a_child() -> list[int]:
    return [int(cpu) for cpu in subprocess.check_output([sys.executable, "-c", SHOW], text=True).split()]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system lets no program choose its CPUs")
def test_generator_and_clients_share_no_cpu() -> None:
    allowed = os.sched_getaffinity(0)
    with apart("generator"):
        generator = cpus_of_a_child()
    with apart("clients"):
        clients = cpus_of_a_child()
    assert os.sched_getaffinity(0) == allowed
    if len(allowed) > 1:
        assert not set(generator) & set(clients)
        assert {*generator, *clients} == allowed
    else:
        assert set(generator) == set(clients) == allowed


def test_where_nobody_can_choose_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    with apart("clients"):
        assert not hasattr(os, "sched_getaffinity")


def test_what_was_spent_in_parts_is_added_up() -> None:
    first = Spent(3.0, 10.0, 0.5).since(Spent(1.0, 4.0, 0.25))
    assert first == Spent(2.0, 6.0, 0.25)
    assert first.plus(Spent(1.0, 1.0, 0.0)) == Spent(3.0, 7.0, 0.25)


def test_what_there_is_is_left_alone_by_the_garbage_collector() -> None:
    try:
        assert freeze_ms() > 0
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
