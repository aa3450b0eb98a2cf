from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.session_tasks.support import (
    FakeConnection,
    FakeModel,
    audio,
    begin,
    kinds,
    make,
    now,
    scripted,
    scripted_session,
)
from trio_realtime import (
    InternalError,
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunConfig,
    RealtimeSession,
    RunContextWrapper,
    SessionClosed,
    UserError,
    UserTypeError,
)
from trio_realtime.config import RealtimeUserInputImage, RealtimeUserInputMessage, RealtimeUserInputText
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
)

CALLS: dict[str, Any] = {
    "send_message": lambda session: session.send_message("x"),
    "send_audio": lambda session: session.send_audio(b"x"),
    "commit_audio": lambda session: session.commit_audio(),
    "clear_audio": lambda session: session.clear_audio(),
    "interrupt": lambda session: session.interrupt(),
    "add_item": lambda session: session.add_item("user", "x"),
    "delete_item": lambda session: session.delete_item("x"),
    "update_agent": lambda session: session.update_agent(RealtimeAgent("B")),
    "approve_tool_call": lambda session: session.approve_tool_call("x"),
    "reject_tool_call": lambda session: session.reject_tool_call("x"),
    "model.send_event": lambda session: session.model.send_event(RealtimeModelSendAudio(audio=b"")),
}


@pytest.mark.parametrize("name", CALLS)
async def test_before_entering_and_after_the_end(autojump_clock: Any, name: str) -> None:
    model = scripted()
    session = await make(model)
    with pytest.raises(UserError, match="enter the session first"):
        await CALLS[name](session)
    async with session:
        await session.close()
        with pytest.raises(SessionClosed):
            await CALLS[name](session)
    with pytest.raises(SessionClosed):
        await CALLS[name](session)
    assert model.sent_events == []


@pytest.mark.parametrize("name", CALLS)
async def test_each_method_is_a_checkpoint(autojump_clock: Any, name: str) -> None:
    async with scripted_session() as (session, _):
        with trio.testing.assert_checkpoints():
            for _ in range(32 if name == "send_audio" else 1):  # others get a turn now and then: it is called often
                await CALLS[name](session)


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"interrupt", "approve_tool_call", "reject_tool_call"}))
async def test_a_cancelled_call_sends_nothing(autojump_clock: Any, name: str) -> None:
    async with scripted_session() as (session, model):
        with trio.CancelScope() as scope:
            scope.cancel()
            await CALLS[name](session)
        assert scope.cancelled_caught
        await wait_all_tasks_blocked()
        assert model.sent_events == []


def raw(model: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        (event.message.type, dict(event.message.other_data))
        for event in model.sent_events
        if isinstance(event, RealtimeModelSendRawMessage)
    ]


# -- send_message --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        RealtimeUserInputMessage(
            content=[
                RealtimeUserInputText(text="look"),
                RealtimeUserInputImage(image_url="https://example.com/a.png", detail="low"),
            ]
        ),
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
            ],
        },
    ],
)
async def test_send_message_with_parts(autojump_clock: Any, message: Any) -> None:
    async with scripted_session() as (session, model):
        await session.send_message(message)
        await wait_all_tasks_blocked()
        (sent,) = model.sent_events
        assert isinstance(sent, RealtimeModelSendUserInput)
        assert not isinstance(sent.user_input, str)
        assert sent.user_input.content == (
            RealtimeModelInputTextContent(text="look"),
            RealtimeModelInputImageContent(image_url="https://example.com/a.png", detail="low"),
        )
        assert sent.item_id
        assert sent.item_id.startswith("item_")


@pytest.mark.parametrize(
    ("message", "match"),
    [
        ({"content": []}, "at least one part"),
        ({"content": [{"type": "input_image", "image_url": ""}]}, r"content\[0\].image_url"),
        ({"content": [{"type": "input_text"}]}, "text"),
        ({"content": [{"type": "input_video"}]}, "content"),
        ({"conten": []}, "content"),
        (5, "message"),
        (None, "message"),
    ],
)
async def test_send_message_at_fault(autojump_clock: Any, message: Any, match: str) -> None:
    async with scripted_session() as (session, model):
        with pytest.raises(UserError, match=match):
            await session.send_message(message)
        assert model.sent_events == []


# -- audio ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"ab", bytearray(b"ab"), memoryview(b"ab")])
async def test_send_audio(autojump_clock: Any, data: Any) -> None:
    async with scripted_session() as (session, model):
        await session.send_audio(data)
        await session.send_audio(data, commit=True)
        await wait_all_tasks_blocked()
        assert model.sent_events == [
            RealtimeModelSendAudio(audio=b"ab"),
            RealtimeModelSendAudio(audio=b"ab", commit=True),
        ]


@pytest.mark.parametrize("data", ["ab", None, 5, [1]])
async def test_send_audio_at_fault(autojump_clock: Any, data: Any) -> None:
    async with scripted_session() as (session, _):
        with pytest.raises(UserTypeError, match="audio must be bytes"):
            await session.send_audio(data)


async def test_committing_and_clearing(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        await session.commit_audio()
        await session.commit_audio(respond=False)
        await session.clear_audio()
        assert [kind for kind, _ in raw(model)] == [
            "input_audio_buffer.commit",
            "response.create",
            "input_audio_buffer.commit",
            "input_audio_buffer.clear",
        ]


async def test_interrupt_with_and_without_speech(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        now(session)
        await session.interrupt()
        await wait_all_tasks_blocked()
        assert now(session) == []
        stream = session.events()
        await model.emit(begin(), audio(500))
        await anext(stream)
        await anext(stream)
        now(session)
        await session.interrupt()
        await wait_all_tasks_blocked()
        assert kinds(now(session)) == ["audio_interrupted"]
        assert all(isinstance(event, RealtimeModelSendInterrupt) for event in model.sent_events)
        assert [len(event.truncations) for event in model.sent_events] == [0, 1]  # type: ignore[union-attr]


# -- items ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "kind"), [("user", "input_text"), ("system", "input_text"), ("assistant", "output_text")]
)
async def test_add_item(autojump_clock: Any, role: Any, kind: str) -> None:
    async with scripted_session() as (session, model):
        item_id = await session.add_item(role, "words")
        content = [{"type": kind, "text": "words"}]
        item = {"id": item_id, "type": "message", "role": role, "content": content}
        assert raw(model) == [("conversation.item.create", {"event_id": ANY, "item": item})]


async def test_add_item_with_parts_place_and_response(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        parts = [{"type": "input_audio", "audio": "AAAA"}]
        item_id = await session.add_item("user", parts, respond=True, after="root")
        item = {"id": item_id, "type": "message", "role": "user", "content": parts}
        assert raw(model) == [
            ("conversation.item.create", {"event_id": ANY, "item": item, "previous_item_id": "root"}),
            ("response.create", {}),
        ]
        await session.delete_item(item_id)
        assert raw(model)[-1] == ("conversation.item.delete", {"event_id": ANY, "item_id": item_id})


@pytest.mark.parametrize(
    ("role", "content", "match"),
    [
        ("tool", "x", "role must be"),
        ("user", [], "at least one part"),
        ("user", ["x"], r"content\[0\] must be a dict"),
        ("user", [{"type": "input_text", "text": "a"}, {"text": "b"}], r"content\[1\] must be a dict with a 'type'"),
    ],
)
async def test_add_item_at_fault(autojump_clock: Any, role: Any, content: Any, match: str) -> None:
    async with scripted_session() as (session, model):
        with pytest.raises(UserError, match=match):
            await session.add_item(role, content)
        assert model.sent_events == []


# -- what is known -------------------------------------------------------------------------------------------------------


async def test_properties(autojump_clock: Any) -> None:
    agent = RealtimeAgent("A")
    context = {"user": 1}
    session: RealtimeSession[Any] = await make(scripted(), agent=agent, context=context)
    assert session.status == "connecting"
    assert session.pending_approvals == ()
    async with session as entered:
        assert entered is session
        assert session.status == "connected"
        assert session.current_agent is agent
        assert session.context.context is context
        assert session.usage is session.context.usage
        assert session.pending_approvals == ()
        assert len(session.history) == 0
        assert session.statistics().events == 2
        other = RealtimeAgent("B")
        await session.update_agent(other)
        assert session.current_agent is other
    assert session.status == "closed"
    assert session.pending_approvals == ()


async def test_a_wrapper_is_shared(autojump_clock: Any) -> None:
    wrapper = RunContextWrapper("mine")
    session = await make(scripted(), context=wrapper)
    assert session.context is wrapper


async def test_a_session_made_by_hand(autojump_clock: Any) -> None:
    session = RealtimeSession[Any](scripted(), RealtimeAgent("A"), None)
    async with session:
        assert session.context.context is None
    typed = RealtimeSession[Any](
        scripted(), RealtimeAgent("A"), None, RealtimeModelConfig(call_id="c"), RealtimeRunConfig(raw_events=True)
    )
    assert typed.status == "connecting"
    wrong: Any = "A"
    with pytest.raises(UserTypeError, match="must be a RealtimeAgent"):
        RealtimeSession[Any](scripted(), wrong, None)
    with pytest.raises(UserError, match="config"):
        RealtimeSession[Any](scripted(), RealtimeAgent("A"), None, None, {"raw_event": True})


async def test_update_agent_at_fault(autojump_clock: Any) -> None:
    wrong: Any = "B"
    async with scripted_session() as (session, _):
        with pytest.raises(UserTypeError, match="must be a RealtimeAgent, not str"):
            await session.update_agent(wrong)
        with pytest.raises(UserError):
            await session.update_agent(RealtimeAgent("B", tools=["no tool"]))
        assert session.current_agent.name == "Assistant"


# -- close ---------------------------------------------------------------------------------------------------------------


async def test_close_is_idempotent_and_ends_iteration(autojump_clock: Any) -> None:
    model = FakeModel()
    session = await make(model)
    await session.close()  # not entered: nothing to close
    async with session:
        await session.close()
        await session.close()
        events = [event async for event in session]
        assert events[-1].reason == "the application closed the session"
        assert session.status == "closed"
        assert model.connection.closed == 1
    await session.close()
    assert model.connection.closed == 1


async def test_methods_refuse_while_the_session_ends(autojump_clock: Any) -> None:
    model = FakeModel()
    model.connection.close_hangs = True
    async with await make(model) as session, trio.open_nursery() as nursery:
        nursery.start_soon(session.close)
        await wait_all_tasks_blocked()
        assert session.status == "ending"
        with pytest.raises(SessionClosed):
            await session.send_message("late")


async def test_leaving_what_was_not_entered() -> None:
    session = await make(scripted())
    with pytest.raises(UserError, match="enter the session first"):
        await session.__aexit__(None, None, None)


async def test_a_refused_piece_takes_no_others_with_it(autojump_clock: Any) -> None:
    class Refusing(FakeConnection):
        async def send_event(self, event: Any) -> None:
            if getattr(event, "audio", None) == b"2":
                raise UserError("not this one")
            await super().send_event(event)

    model = FakeModel()
    model.connection = Refusing()
    async with await make(model) as session:
        model.connection.open = trio.Event()
        for piece in (b"0", b"1", b"2", b"3"):
            await session.send_audio(piece)
        model.connection.open.set()
        await wait_all_tasks_blocked()
        assert [event.audio for event in model.connection.sent] == [b"0", b"1", b"3"]
        assert [event.type for event in now(session)][-1] == "error"


async def test_a_connection_whose_clock_fails_leaves_nobody_waiting(autojump_clock: Any) -> None:
    class Failing(FakeConnection):
        def expire(self, now: float) -> Any:
            if self.sent:
                raise ValueError("mine")
            return ()

    model = FakeModel()
    model.connection = Failing()
    with trio.fail_after(60), pytest.raises(InternalError):
        async with await make(model) as session:
            await session.send_message("x")
            with pytest.raises(SessionClosed):
                await session.commit_audio()
