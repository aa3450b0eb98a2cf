from collections import deque
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trio_realtime.core.responses import (
    CancelResponse,
    Handled,
    RequestFailed,
    ResponseRequest,
    ResponseSequencer,
    SendRequest,
)

TIMEOUT = 30.0


def auto(event_id):
    return ResponseRequest(event_id=event_id, manual=False)


def manual(event_id):
    return ResponseRequest(event_id=event_id, manual=True)


def apart(event_id):
    return ResponseRequest(event_id=event_id, manual=True, out_of_band=True)


@pytest.fixture
def sequencer():
    """One that knows that its server echoes the tag."""
    made = ResponseSequencer(TIMEOUT)
    made.created("resp_0", tag="old", out_of_band=False, now=0.0)
    made.done("resp_0", 0.0)
    return made


def sent(sequencer, request, now=0.0):
    """Ask and send."""
    assert sequencer.request(request, now) == [SendRequest(request)]
    assert sequencer.begin(request.event_id, now) == request


def created(sequencer, response_id, tag=None, *, now=0.0, out_of_band=False):
    return sequencer.created(response_id, tag=tag, out_of_band=out_of_band, now=now)


def test_a_request_goes_at_once_when_nothing_is_in_the_way(sequencer):
    sent(sequencer, manual("a"))
    assert sequencer.outstanding_id == "a"
    assert sequencer.is_pending("a")
    assert created(sequencer, "r1", "a") == Handled(manual("a"))
    assert (sequencer.outstanding_id, sequencer.active_id, sequencer.active_ids) == (None, "r1", ("r1",))
    assert not sequencer.is_pending("a")


def test_a_second_request_waits_for_the_end_of_the_first_response(sequencer):
    sent(sequencer, manual("a"))
    assert sequencer.request(manual("b"), 0.0) == []
    assert sequencer.is_pending("b")
    created(sequencer, "r1", "a")
    assert sequencer.done("r1", 0.0) == [SendRequest(manual("b"))]
    assert sequencer.is_over("r1")


def test_automatic_requests_that_wait_are_one(sequencer):
    sent(sequencer, auto("a"))
    assert sequencer.request(auto("b"), 0.0) == []
    assert sequencer.request(auto("c"), 0.0) == []
    created(sequencer, "r1", "a")
    assert sequencer.done("r1", 0.0) == [SendRequest(auto("b"))]
    sequencer.begin("b", 0.0)
    created(sequencer, "r2", "b")
    assert sequencer.done("r2", 0.0) == []


def test_an_automatic_request_joins_one_that_is_about_to_be_sent(sequencer):
    sent(sequencer, auto("a"))
    created(sequencer, "r1", "a")
    assert sequencer.request(auto("b"), 0.0) == []
    assert sequencer.done("r1", 1.0) == [SendRequest(auto("b"))]
    assert sequencer.request(auto("c"), 1.0) == []
    assert sequencer.begin("b", 1.0) == auto("b")
    assert sequencer.request(auto("d"), 1.0) == []  # too late for that one: it waits
    created(sequencer, "r2", "b")
    assert sequencer.done("r2", 2.0) == [SendRequest(auto("d"))]


def test_manual_requests_are_never_merged(sequencer):
    sent(sequencer, manual("a"))
    for name in "bcd":
        sequencer.request(manual(name), 0.0)
    sequencer.request(auto("e"), 0.0)
    order = ["a"]
    for number in range(5):
        created(sequencer, f"r{number}", order[-1])
        for action in sequencer.done(f"r{number}", 0.0):
            order.append(action.request.event_id)
            sequencer.begin(order[-1], 0.0)
    assert order == ["a", "b", "c", "d", "e"]


def test_turn_detection_wins_the_race_and_the_request_is_sent_again(sequencer):
    sent(sequencer, auto("a"))
    assert created(sequencer, "vad").request is None
    assert sequencer.outstanding_id == "a"
    assert sequencer.refused_active("a", "vad", 0.0) == Handled(auto("a"))
    assert sequencer.outstanding_id is None
    assert sequencer.done("vad", 0.0) == [SendRequest(auto("a"))]
    assert sequencer.begin("a", 0.0) == auto("a")


@pytest.mark.parametrize("event_id", ["a", None])
@pytest.mark.parametrize("active_id", ["vad", None])
def test_the_refusal_may_leave_out_what_it_is_about(sequencer, event_id, active_id):
    sent(sequencer, manual("a"))
    created(sequencer, "vad")
    assert sequencer.refused_active(event_id, active_id, 0.0).request == manual("a")
    assert sequencer.done("vad", 0.0) == [SendRequest(manual("a"))]


def test_a_refusal_because_of_a_response_that_is_over_is_sent_again_at_once(sequencer):
    sent(sequencer, manual("a"))
    created(sequencer, "vad")
    sequencer.done("vad", 0.0)
    assert sequencer.refused_active("a", "vad", 0.0) == Handled(manual("a"), [SendRequest(manual("a"))])


def test_but_not_for_ever(sequencer):
    sent(sequencer, manual("a"))
    sequencer.done("vad", 0.0)
    for _ in range(3):
        assert sequencer.refused_active("a", "vad", 0.0).actions
        sequencer.begin("a", 0.0)
    assert sequencer.refused_active("a", None, 0.0).actions == []
    assert sequencer.active_id is None  # nobody knows which it is
    assert sequencer.active_ids == ()
    assert sequencer.next_deadline() == TIMEOUT
    assert sequencer.done("something", 5.0) == [SendRequest(manual("a"))]


def test_a_refusal_may_tell_of_a_response_that_nobody_saw_begin(sequencer):
    sent(sequencer, manual("a"))
    assert sequencer.refused_active("a", "unseen", 0.0).actions == []
    assert sequencer.active_id == "unseen"
    assert sequencer.done("unseen", 1.0) == [SendRequest(manual("a"))]


def test_a_refused_automatic_request_takes_those_behind_it_along(sequencer):
    sent(sequencer, auto("a"))
    created(sequencer, "vad")
    sequencer.request(manual("m"), 0.0)
    sequencer.request(auto("b"), 0.0)
    sequencer.refused_active("a", "vad", 0.0)
    order = []
    actions = sequencer.done("vad", 0.0)
    while actions:
        (action,) = actions
        order.append(action.request.event_id)
        sequencer.begin(order[-1], 0.0)
        created(sequencer, f"for {order[-1]}", order[-1])
        actions = sequencer.done(f"for {order[-1]}", 0.0)
    assert order == ["a", "m"]


def test_any_other_refusal_is_the_end_of_a_request(sequencer):
    sent(sequencer, manual("a"))
    sequencer.request(manual("b"), 0.0)
    assert sequencer.refused("a", 0.0) == Handled(manual("a"), [SendRequest(manual("b"))])
    assert sequencer.refused("a", 0.0) == Handled(None)


def test_a_refusal_without_an_id_is_that_of_the_request_that_was_sent(sequencer):
    sent(sequencer, manual("a"))
    assert sequencer.refused(None, 0.0).request == manual("a")
    assert sequencer.refused(None, 0.0).request is None
    sent(sequencer, apart("x"))
    assert sequencer.refused(None, 0.0).request == apart("x")


def test_refusals_of_nothing_are_of_nobody(sequencer):
    assert sequencer.refused_active("zzz", "r", 0.0) == Handled(None)
    assert sequencer.refused_active(None, "r", 0.0) == Handled(None)


def test_an_out_of_band_request_is_refused_for_good_even_so(sequencer):
    sent(sequencer, apart("x"))
    assert sequencer.refused_active("x", None, 0.0).request == apart("x")
    assert not sequencer.is_pending("x")


def test_a_request_fails_at_its_deadline_and_frees_the_slot(sequencer):
    sent(sequencer, manual("a"), 1.0)
    sequencer.request(manual("b"), 2.0)
    assert sequencer.next_deadline() == 31.0
    assert sequencer.expire(30.9) == []
    assert sequencer.expire(31.0) == [RequestFailed(manual("a"), "timeout"), SendRequest(manual("b"))]
    assert sequencer.next_deadline() == inf
    assert sequencer.expire(1e9) == []  # its sender keeps it back
    assert sequencer.begin("b", 100.0) == manual("b")
    assert sequencer.next_deadline() == 130.0


def test_a_response_to_a_request_that_has_failed_is_cancelled(sequencer):
    sent(sequencer, manual("a"))
    sequencer.expire(TIMEOUT)
    assert created(sequencer, "late", "a") == Handled(None, [CancelResponse("late")])


def test_no_timeout_waits_for_ever():
    sequencer = ResponseSequencer(None)
    sent(sequencer, manual("a"))
    assert sequencer.next_deadline() == inf
    assert sequencer.expire(1e9) == []


def test_an_active_response_without_a_sign_of_life_holds_up_nothing_longer(sequencer):
    created(sequencer, "vad", now=0.0)
    assert sequencer.next_deadline() == inf
    sequencer.request(manual("a"), 1.0)
    sequencer.request(manual("b"), 1.0)
    sequencer.alive("vad", 10.0)
    sequencer.alive("another", 20.0)
    assert sequencer.next_deadline() == 40.0
    assert sequencer.expire(40.0) == [RequestFailed(manual("a"), "timeout"), SendRequest(manual("b"))]
    assert sequencer.is_over("vad")
    assert sequencer.active_id is None


def test_a_request_waits_its_whole_time_even_for_a_response_that_was_silent_before(sequencer):
    created(sequencer, "vad", now=0.0)
    sequencer.request(manual("a"), 29.0)
    assert sequencer.next_deadline() == 59.0


def test_the_deadline_counts_from_the_sending(sequencer):
    sequencer.request(manual("a"), 0.0)
    sequencer.begin("a", 5.0)
    assert sequencer.next_deadline() == 35.0


def test_a_response_that_begins_before_a_handed_over_request_is_sent_holds_it_back(sequencer):
    sequencer.request(manual("a"), 0.0)
    created(sequencer, "vad")
    assert sequencer.begin("a", 0.0) is None
    assert sequencer.done("vad", 0.0) == [SendRequest(manual("a"))]


def test_a_request_begins_once(sequencer):
    sent(sequencer, manual("a"))
    assert sequencer.begin("a", 0.0) is None
    assert sequencer.begin("unknown", 0.0) is None
    sent(sequencer, apart("x"))
    assert sequencer.begin("x", 0.0) is None


def test_a_new_response_means_that_the_old_one_is_over(sequencer):
    created(sequencer, "r1")
    created(sequencer, "r2")
    sequencer.request(manual("a"), 0.0)
    assert sequencer.active_ids == ("r2",)
    assert sequencer.done("r1", 0.0) == []
    assert sequencer.done("r2", 0.0) == [SendRequest(manual("a"))]


# Withdrawing


def test_a_request_that_waits_is_withdrawn_at_once(sequencer):
    created(sequencer, "vad")
    sequencer.request(manual("a"), 0.0)
    assert sequencer.withdraw("a", 0.0) == Handled(manual("a"))
    assert sequencer.done("vad", 0.0) == []


def test_a_request_that_is_about_to_be_sent_is_withdrawn_and_the_next_goes(sequencer):
    sequencer.request(manual("a"), 0.0)
    sequencer.request(manual("b"), 0.0)
    assert sequencer.withdraw("a", 0.0) == Handled(manual("a"), [SendRequest(manual("b"))])
    assert sequencer.begin("a", 0.0) is None


def test_a_request_that_was_sent_is_cancelled_when_its_response_begins(sequencer):
    sent(sequencer, manual("a"))
    assert sequencer.withdraw("a", 0.0) == Handled(manual("a"))
    assert created(sequencer, "r1", "a") == Handled(manual("a"), [CancelResponse("r1")])


def test_a_withdrawn_request_that_is_refused_is_not_sent_again(sequencer):
    sent(sequencer, manual("a"))
    sequencer.request(manual("b"), 0.0)
    created(sequencer, "vad")
    sequencer.withdraw("a", 0.0)
    assert sequencer.refused_active("a", "vad", 0.0).actions == []
    assert sequencer.done("vad", 0.0) == [SendRequest(manual("b"))]


def test_a_withdrawn_request_does_not_fail(sequencer):
    sent(sequencer, manual("a"))
    sequencer.withdraw("a", 0.0)
    assert sequencer.expire(TIMEOUT) == []
    assert created(sequencer, "late", "a").actions == [CancelResponse("late")]


def test_nothing_else_can_be_withdrawn(sequencer):
    assert sequencer.withdraw("zzz", 0.0) == Handled(None)


def test_a_second_response_to_one_request_is_cancelled(sequencer):
    sent(sequencer, manual("a"))
    created(sequencer, "r1", "a")
    sequencer.done("r1", 0.0)
    assert created(sequencer, "r2", "a") == Handled(None, [CancelResponse("r2")])


def test_a_name_can_be_used_again(sequencer):
    for number in range(2):
        sent(sequencer, manual("a"))
        assert created(sequencer, f"r{number}", "a") == Handled(manual("a"))
        sequencer.done(f"r{number}", 0.0)


def test_a_refusal_without_a_name_that_was_another_requests_does_no_harm(sequencer):
    sent(sequencer, manual("a"))
    created(sequencer, "vad")
    sequencer.refused_active(None, "vad", 0.0)  # late, and not a's
    sequencer.done("vad", 0.0)
    assert created(sequencer, "r1", "a") == Handled(manual("a"))
    assert sequencer.begin("a", 0.0) is None
    sent_again = manual("b")
    assert sequencer.request(sent_again, 0.0) == []
    sequencer.done("r1", 0.0)
    sequencer.begin("b", 0.0)
    sequencer.refused_active(None, None, 0.0)
    created(sequencer, "vad2")
    sequencer.begin("b", 0.0)
    assert created(sequencer, "r2", "b") == Handled(sent_again)


# Out-of-band


def test_out_of_band_responses_block_nothing_and_nobody(sequencer):
    created(sequencer, "vad")
    sent(sequencer, apart("x"))
    sent(sequencer, apart("y"))
    assert sequencer.expects_out_of_band
    created(sequencer, "rx", "x")
    created(sequencer, "ry", "y")
    assert not sequencer.expects_out_of_band
    assert sequencer.active_id == "vad"
    assert sequencer.active_ids[0] == "vad"
    assert set(sequencer.active_ids) == {"vad", "rx", "ry"}
    assert sequencer.is_out_of_band("rx")
    assert not sequencer.is_out_of_band("vad")
    sequencer.request(manual("a"), 0.0)
    assert sequencer.done("rx", 0.0) == []
    assert sequencer.done("vad", 0.0) == [SendRequest(manual("a"))]


def test_the_tag_decides_what_is_out_of_band(sequencer):
    sent(sequencer, manual("a"))
    created(sequencer, "r1", "a", out_of_band=True)
    assert sequencer.active_id == "r1"


def test_out_of_band_requests_fail_each_at_its_deadline(sequencer):
    sent(sequencer, apart("x"), 1.0)
    sent(sequencer, apart("y"), 2.0)
    assert sequencer.next_deadline() == 31.0
    assert sequencer.expire(31.0) == [RequestFailed(apart("x"), "timeout")]
    assert sequencer.next_deadline() == 32.0


def test_an_out_of_band_request_is_withdrawn(sequencer):
    sent(sequencer, apart("x"))
    sequencer.withdraw("x", 0.0)
    assert created(sequencer, "rx", "x").actions == [CancelResponse("rx")]
    sequencer.request(apart("y"), 0.0)
    assert sequencer.withdraw("y", 0.0) == Handled(apart("y"))
    assert sequencer.begin("y", 0.0) is None


# Servers that do not echo metadata


def test_a_server_without_metadata_is_found_out_by_the_first_response():
    sequencer = ResponseSequencer(TIMEOUT)
    sent(sequencer, manual("a"))
    assert created(sequencer, "r1").request is None
    sequencer.request(manual("b"), 0.0)
    assert sequencer.done("r1", 0.0) == [SendRequest(manual("b"))]
    sequencer.begin("b", 0.0)
    assert created(sequencer, "r2").request == manual("b")  # now it is known
    assert sequencer.outstanding_id is None


def test_its_answer_is_silent_at_the_deadline():
    sequencer = ResponseSequencer(TIMEOUT)
    sent(sequencer, manual("a"))
    created(sequencer, "r1")
    sequencer.request(manual("b"), 1.0)
    sequencer.alive("r1", 29.0)
    assert sequencer.expire(TIMEOUT) == []
    assert sequencer.outstanding_id is None
    assert sequencer.done("r1", 40.0) == [SendRequest(manual("b"))]


def test_its_refusal_still_counts():
    sequencer = ResponseSequencer(TIMEOUT)
    sent(sequencer, manual("a"))
    created(sequencer, "vad")
    assert sequencer.done("vad", 0.0) == []
    assert sequencer.refused_active(None, "vad", 0.0) == Handled(manual("a"), [SendRequest(manual("a"))])
    sequencer.begin("a", 0.0)
    assert created(sequencer, "r1").request == manual("a")


def test_an_untagged_response_of_a_known_server_answers_nothing(sequencer):
    sent(sequencer, manual("a"))
    created(sequencer, "vad")
    sequencer.done("vad", 0.0)
    assert sequencer.outstanding_id == "a"
    assert sequencer.expire(TIMEOUT) == [RequestFailed(manual("a"), "timeout")]


def test_an_untagged_out_of_band_response_answers_the_oldest():
    sequencer = ResponseSequencer(TIMEOUT)
    sent(sequencer, apart("x"))
    sent(sequencer, apart("y"))
    assert created(sequencer, "rx", out_of_band=True).request == apart("x")
    assert sequencer.is_pending("y")


def test_only_the_last_presumed_answers_are_remembered():
    sequencer = ResponseSequencer(TIMEOUT)
    for number in range(12):
        sent(sequencer, manual(f"a{number}"))
        created(sequencer, f"r{number}")
        sequencer.done(f"r{number}", 0.0)
    assert sequencer.refused("a0", 0.0).request is None
    assert sequencer.refused("a11", 0.0).request == manual("a11")


def test_the_end_of_the_connection_fails_everything(sequencer):
    sent(sequencer, manual("a"))
    sent(sequencer, apart("x"))
    sequencer.request(manual("b"), 0.0)
    sequencer.withdraw("x", 0.0)
    assert sequencer.fail_all() == [RequestFailed(manual("a"), "ended"), RequestFailed(manual("b"), "ended")]
    assert sequencer.fail_all() == []
    assert sequencer.active_ids == ()
    assert sequencer.next_deadline() == inf


def test_a_refusal_without_a_name_is_of_nothing_that_was_not_sent(sequencer):
    sequencer.request(apart("x"), 0.0)
    assert sequencer.refused(None, 0.0).request is None
    assert sequencer.begin("x", 0.0) == apart("x")
    assert sequencer.refused(None, 0.0).request == apart("x")


def test_an_active_response_refuses_an_out_of_band_request_only_by_name(sequencer):
    sent(sequencer, apart("x"))
    assert sequencer.refused_active(None, "r", 0.0).request is None
    assert sequencer.is_pending("x")
    assert sequencer.refused_active("x", "r", 0.0).request == apart("x")
    assert not sequencer.is_pending("x")


class RaceMachine(RuleBasedStateMachine):
    """A server with turn detection, messages that take their time both ways, and every kind of loss."""

    @initialize()
    def begin(self):
        self.now = 0.0
        self.sequencer = ResponseSequencer(TIMEOUT)
        self.sequencer.created("resp_0", tag="old", out_of_band=False, now=0.0)
        self.sequencer.done("resp_0", 0.0)
        self.writer = deque()
        self.to_server = deque()
        self.to_client = deque()
        self.server_active = None
        self.server_apart = []
        self.number = 0
        self.manual = {}
        self.responses = {}
        self.failures = {}
        self.withdrawn = set()
        self.unanswered = set()

    def new(self, kind):
        self.number += 1
        return f"{kind}{self.number}"

    def do(self, actions):
        for action in actions:
            match action:
                case SendRequest(request):
                    self.writer.append(request.event_id)
                case RequestFailed(request):
                    self.failures[request.event_id] = self.failures.get(request.event_id, 0) + 1
                    self.unanswered.discard(request.event_id)
                    assert request.event_id not in self.withdrawn

    @rule(kind=st.sampled_from(["auto", "manual", "apart"]))
    def ask(self, kind):
        request = {"auto": auto, "manual": manual, "apart": apart}[kind](self.new("q"))
        if request.manual:
            self.manual[request.event_id] = request
        self.do(self.sequencer.request(request, self.now))

    @precondition(lambda self: self.writer)
    @rule()
    def write(self):
        request = self.sequencer.begin(self.writer.popleft(), self.now)
        if request is not None:
            self.to_server.append(request)
            if not request.out_of_band:
                self.unanswered.add(request.event_id)

    @precondition(lambda self: self.to_server)
    @rule(names=st.booleans(), tells=st.booleans(), lost=st.integers(0, 9), broken=st.integers(0, 9))
    def serve(self, names, tells, lost, broken):
        request = self.to_server.popleft()
        if lost == 0:
            return
        if broken == 0:
            self.to_client.append(("refused", request.event_id))
        elif request.out_of_band:
            response = self.new("r")
            self.server_apart.append(response)
            self.to_client.append(("created", response, request.event_id, True))
        elif self.server_active is not None:
            self.to_client.append(
                ("active", request.event_id if names else None, self.server_active if tells else None)
            )
        else:
            self.server_active = self.new("r")
            self.to_client.append(("created", self.server_active, request.event_id, False))

    @precondition(lambda self: self.server_active is None)
    @rule()
    def speech(self):
        self.server_active = self.new("r")
        self.to_client.append(("created", self.server_active, None, False))

    @precondition(lambda self: self.server_active is not None)
    @rule()
    def finish(self):
        self.to_client.append(("done", self.server_active))
        self.server_active = None

    @precondition(lambda self: self.server_apart)
    @rule()
    def finish_apart(self):
        self.to_client.append(("done", self.server_apart.pop()))

    @precondition(lambda self: self.to_client)
    @rule()
    def deliver(self):
        match self.to_client.popleft():
            case ("created", response, tag, out_of_band):
                handled = self.sequencer.created(response, tag=tag, out_of_band=out_of_band, now=self.now)
                self.unanswered.discard(tag)
                if tag is not None and not handled.actions:
                    self.responses[tag] = self.responses.get(tag, 0) + 1
                self.do(handled.actions)
            case ("done", response):
                self.do(self.sequencer.done(response, self.now))
            case ("refused", event_id):
                handled = self.sequencer.refused(event_id, self.now)
                self.unanswered.discard(event_id)
                if handled.request is not None:
                    self.failures[event_id] = self.failures.get(event_id, 0) + 1
                self.do(handled.actions)
            case ("active", event_id, active):
                handled = self.sequencer.refused_active(event_id, active, self.now)
                if handled.request is not None:
                    self.unanswered.discard(handled.request.event_id)
                self.do(handled.actions)

    @precondition(lambda self: self.manual)
    @rule(data=st.data())
    def withdraw(self, data):
        event_id = data.draw(st.sampled_from(sorted(self.manual)))
        if self.failures.get(event_id) or self.responses.get(event_id):
            return
        handled = self.sequencer.withdraw(event_id, self.now)
        if handled.request is not None:
            self.withdrawn.add(event_id)
        self.do(handled.actions)

    @rule(seconds=st.floats(0.0, 5.0))
    def wait(self, seconds):
        self.now = min(self.now + seconds, self.sequencer.next_deadline())
        self.do(self.sequencer.expire(self.now))
        self.forget_withdrawn()

    @precondition(lambda self: self.sequencer.next_deadline() < inf)
    @rule()
    def wait_long(self):
        self.now = max(self.now, self.sequencer.next_deadline())
        self.do(self.sequencer.expire(self.now))
        self.forget_withdrawn()
        assert self.sequencer.next_deadline() > self.now

    def forget_withdrawn(self):
        """A withdrawn request that gets no answer fails in silence."""
        self.unanswered -= self.withdrawn - {self.sequencer.outstanding_id}

    @invariant()
    def at_most_one_is_outstanding(self):
        if hasattr(self, "unanswered"):
            assert len(self.unanswered) <= 1

    def teardown(self):
        if not hasattr(self, "unanswered"):
            return
        for _ in range(2000):
            if self.writer:
                self.write()
            elif self.to_server:
                self.serve(True, True, 1, 1)
            elif self.to_client:
                self.deliver()
            elif self.server_active is not None:
                self.finish()
            elif self.server_apart:
                self.finish_apart()
            elif self.sequencer.next_deadline() < inf:
                self.wait_long()
            else:
                break
        else:
            pytest.fail("stuck")
        assert self.sequencer.outstanding_id is None
        for event_id in self.manual:
            responses, failures = self.responses.get(event_id, 0), self.failures.get(event_id, 0)
            if event_id in self.withdrawn:
                assert (responses, failures) in [(0, 0), (0, 1)], event_id
            else:
                assert responses + failures == 1, event_id


RaceMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
TestRaces = RaceMachine.TestCase


def instead(event_id, response_id="r1", *, manual=True):
    return ResponseRequest(event_id=event_id, manual=manual, instead_of=response_id)


def test_what_takes_the_place_of_a_stopped_response_goes_first(sequencer):
    created(sequencer, "r1")
    assert sequencer.request(manual("a"), 0) == []
    assert sequencer.request(auto("b"), 0) == []
    assert sequencer.request(instead("c"), 0) == []
    assert sequencer.done("r1", 1) == [SendRequest(instead("c"))]
    assert sequencer.begin("c", 1) == instead("c")
    created(sequencer, "r2", "c")
    assert sequencer.done("r2", 2) == [SendRequest(manual("a"))]


def test_it_goes_before_one_that_is_about_to_be_sent(sequencer):
    created(sequencer, "r1")
    sequencer.request(manual("a"), 0)
    assert sequencer.done("r1", 1) == [SendRequest(manual("a"))]
    assert sequencer.request(instead("c"), 1) == [SendRequest(instead("c"))]
    assert sequencer.begin("a", 1) is None
    assert sequencer.begin("c", 1) == instead("c")
    created(sequencer, "r2", "c")
    assert sequencer.done("r2", 2) == [SendRequest(manual("a"))]
    assert sequencer.begin("a", 2) == manual("a")


def test_an_automatic_one_answers_what_is_automatic(sequencer):
    created(sequencer, "r1")
    sequencer.request(manual("a"), 0)
    sequencer.request(auto("b"), 0)
    one = instead("c", manual=False)
    sequencer.request(one, 0)
    assert sequencer.done("r1", 1) == [SendRequest(one)]
    sequencer.begin("c", 1)
    created(sequencer, "r2", "c")
    assert sequencer.done("r2", 2) == [SendRequest(manual("a"))]
    sequencer.begin("a", 2)
    created(sequencer, "r3", "a")
    assert sequencer.done("r3", 3) == []


def test_it_is_left_out_when_another_has_begun_or_was_asked_for(sequencer):
    created(sequencer, "r1")
    sequencer.request(manual("a"), 0)
    sequencer.done("r1", 1)
    sequencer.begin("a", 1)
    assert sequencer.comes_too_late("r1")
    assert sequencer.request(instead("c"), 1) == []
    created(sequencer, "r2", "a")
    assert sequencer.request(instead("d"), 1) == []
    assert sequencer.done("r2", 2) == []
    assert not sequencer.comes_too_late(None)


def test_a_request_that_lost_the_race_waits_behind_it(sequencer):
    sent(sequencer, manual("a"))
    created(sequencer, "r1")  # turn detection was faster
    assert sequencer.request(instead("c"), 0) == []
    sequencer.refused_active("a", "r1", 0)
    assert sequencer.done("r1", 1) == [SendRequest(instead("c"))]
