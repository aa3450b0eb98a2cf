import pytest

from trio_realtime.errors import UserError
from trio_realtime.server import CloseWith, Delay, Drop, RaceResponse, Refuse, Withhold, big_message
from trio_realtime.server.faults import FaultPlan


def before(plan, event, connection=1, sent=5):
    return plan.before(event, connection, sent)


def test_a_fault_strikes_once_before_its_event():
    fault = Drop(event="response.done")
    plan = FaultPlan([fault])
    assert before(plan, "response.created") == []
    assert before(plan, "response.done") == [fault]
    assert before(plan, "response.done") == []


def test_skip_times_and_connection():
    plan = FaultPlan([Withhold(event="x", skip=1, times=2), Delay(1, event="x", connection=2, times=None)])
    assert [len(before(plan, "x", 1)) for _ in range(5)] == [0, 1, 1, 0, 0]
    assert [len(before(plan, "x", 2)) for _ in range(3)] == [1, 1, 1]


def test_after_a_number_of_events_or_at_the_beginning():
    plan = FaultPlan([CloseWith(after=3), Drop(), CloseWith(4000, "x", after=0)])
    assert [type(fault) for fault in before(plan, "session.created", sent=0)] == [Drop]
    assert before(plan, "x", sent=3) == []
    assert plan.after(1, 2) == []
    assert plan.after(1, 3) == [CloseWith(after=3)]
    assert plan.after(1, 0) == [CloseWith(4000, "x", after=0)]


def test_other_faults_are_taken_by_kind_and_fields():
    plan = FaultPlan([Refuse("session.update")])
    plan.add(RaceResponse(times=None))
    assert plan.take(Refuse, 1, client_event="response.create") is None
    assert plan.take(Refuse, 1, client_event="session.update") == Refuse("session.update")
    assert plan.take(Refuse, 1, client_event="session.update") is None
    assert plan.take(RaceResponse, 1) is not None
    plan.clear()
    assert plan.take(RaceResponse, 1) is None
    assert before(plan, "x") == []


def test_a_moment_is_one_or_the_other():
    with pytest.raises(UserError):
        Drop(event="x", after=1)


def test_a_big_message():
    assert len(big_message(1000)["padding"]) == 1000
