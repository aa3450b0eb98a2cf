from __future__ import annotations

from typing import Any

from tests.session_tasks.test_tool_runner import plain
from trio_realtime import RealtimeAgent
from trio_realtime.session_tasks.approvals import Approvals, PendingApproval


def _pending(call_id: str) -> PendingApproval:
    return PendingApproval(
        call_id=call_id, tool=plain, tool_name="plain", agent=RealtimeAgent[Any]("A"), arguments="{}", since=1.0
    )


def test_pending_in_order_and_decided_once() -> None:
    approvals = Approvals()
    first, second = approvals.add(_pending("a")), approvals.add(_pending("b"))
    assert [pending.call_id for pending in approvals.pending] == ["a", "b"]
    assert approvals.take("a") is approvals.pending[0]
    assert approvals.take("x") is None
    approvals.decide("a")
    approvals.decide("a")
    approvals.decide("x")
    assert first.is_set()
    assert not second.is_set()
    approvals.drop("b")
    approvals.drop("b")
    assert not second.is_set()
    assert approvals.pending == ()


def test_repr_is_short() -> None:
    assert repr(_pending("a")) == (
        "PendingApproval(call_id='a', tool='plain', tool_name='plain', agent='A', arguments='{}', since=1.0)"
    )
