from __future__ import annotations

from typing import Any

from tests.session_tasks.support import (
    begin,
    end,
    final,
    kinds,
    now,
    of,
    scripted_session,
    words,
)
from trio_realtime import model_events as m
from trio_realtime.items import AssistantMessageItem, AssistantText, RealtimeToolCallItem, UserMessageItem

USER = UserMessageItem(item_id="u1")
FAILED = m.ResponseError(type="server_error", code="oops", message="It failed.")


async def test_transcripts_grow(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        item = AssistantMessageItem(item_id="i1", content=(AssistantText(),))
        await model.emit(begin(), m.RealtimeModelItemUpdatedEvent(item=item), words("Hel"), words("lo"), final("Hello"))
        said = of(now(session), "transcript")
        assert [(t.role, t.delta, t.text, t.final, t.response_id) for t in said] == [
            ("assistant", "Hel", "Hel", False, "r1"),
            ("assistant", "lo", "Hello", False, "r1"),
            ("assistant", "", "Hello", True, "r1"),
        ]


async def test_an_out_of_band_response_leaves_the_history_alone(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        await model.emit(begin("side", default_conversation=False), words("a", "side", "x"), words("b", "side", "x"))
        await model.emit(final("ab", "side", "x"), end("side"))
        assert [(t.text, t.final) for t in of(now(session), "transcript")] == [
            ("a", False),
            ("ab", False),
            ("ab", True),
        ]
        assert len(session.history) == 0
        for index in range(100):  # what is kept of such words is bounded
            await model.emit(words("y", "side", f"x{index}"))
        assert len(session._hub._aside) == 64


async def test_the_history(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        now(session)
        added = m.RealtimeModelItemUpdatedEvent(item=UserMessageItem(item_id="u1", status="in_progress"))
        await model.emit(added, added)
        assert kinds(now(session)) == ["history_added"]
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=UserMessageItem(item_id="u1", status="completed")))
        await model.emit(m.RealtimeModelItemDeletedEvent(item_id="u1"), m.RealtimeModelItemDeletedEvent(item_id="u1"))
        first, second = now(session)
        assert [first.type, second.type] == ["history_updated"] * 2
        assert first.history[0].status == "completed"
        assert len(second.history) == 0


async def test_the_users_words_reach_the_history(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=USER))
        now(session)
        await model.emit(m.RealtimeModelInputAudioTranscriptionDeltaEvent(item_id="u1", delta="hi"))
        await model.emit(m.RealtimeModelInputAudioTranscriptionCompletedEvent(item_id="u1", transcript="hi you"))
        assert kinds(now(session))[-1] == "history_updated"
        assert session.history[0].content[0].transcript == "hi you"  # type: ignore[union-attr]
        await model.emit(m.RealtimeModelInputAudioTranscriptionFailedEvent(item_id="u1", error=FAILED))
        failed = now(session)[0]
        assert (failed.final, failed.error, failed.role) == (True, FAILED, "user")


async def test_a_call_is_announced_when_it_is_complete(autojump_clock: Any) -> None:
    def item(item_id: str, arguments: str) -> m.RealtimeModelItemUpdatedEvent:
        call_item = RealtimeToolCallItem(item_id=item_id, call_id=f"call_{item_id}", name="f", arguments=arguments)
        return m.RealtimeModelItemUpdatedEvent(item=call_item)

    def calls(item_id: str, arguments: str) -> m.RealtimeModelToolCallEvent:
        return m.RealtimeModelToolCallEvent(name="f", call_id=f"call_{item_id}", arguments=arguments, id=item_id)

    async with scripted_session() as (session, model):
        now(session)
        await model.emit(item("a", ""), item("a", ""), item("b", ""), item("c", "{}"))
        assert [event.item.item_id for event in now(session)] == ["c"]
        await model.emit(item("a", '{"x":1}'), calls("b", ""))
        events = now(session)
        assert [event.item.item_id for event in of(events, "history_added")] == ["a", "b"]
        await model.emit(item("a", '{"x":1}'), item("b", ""), calls("b", ""))
        assert of(now(session), "history_added") == []
