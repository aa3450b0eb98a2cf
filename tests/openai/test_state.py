from trio_realtime.core.responses import (
    CancelResponse,
    RequestFailed,
    ResponseRequest,
    ResponseSequencer,
    SendRequest,
)
from trio_realtime.openai.state import FollowUpMessage, ProtocolState, Recent, follow_ups


def test_recent_ids_are_bounded():
    recent = Recent(size=2)
    recent.add("a")
    recent.add("b")
    recent.add("a")
    recent.add("c")
    assert "b" not in recent
    assert "a" in recent
    assert len(recent) == 2
    assert recent.named_in("the c of it")
    assert not recent.named_in("the b of it")
    recent.discard("c")
    recent.discard("c")
    assert len(recent) == 1


def test_actions_become_events():
    state = ProtocolState(responses=ResponseSequencer(3.0), timeout=3.0)
    request = ResponseRequest(event_id="a", manual=True)
    actions = [SendRequest(request), CancelResponse("r"), RequestFailed(request, "timeout")]
    create, cancel, failed = follow_ups(state, actions, 7.0)
    assert create.event.message == FollowUpMessage(type="response.create", other_data={"event_id": "a"})
    assert cancel.event.message == FollowUpMessage(type="response.cancel", other_data={"response_id": "r"})
    assert failed.error.seconds == 3.0
    assert "a" in str(failed.error)
    assert {event.received_at for event in (create, cancel, failed)} == {7.0}
