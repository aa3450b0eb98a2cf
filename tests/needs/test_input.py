"""Needs 22 and 25: what the user gives, spoken, shown or typed."""

from __future__ import annotations

import pybase64
import pytest
import trio

from tests.talk import collect, count, kinds, of, talk
from trio_realtime import RealtimeTimeoutError, ServerError, UserError, UserTypeError, load_image
from trio_realtime.server import Refuse, Say, ScriptEngine, Turn, Withhold, silence, synthesize

PUSH_TO_TALK = {"model_settings": {"turn_detection": None}}
PNG = b"\x89PNG\r\n\x1a\nrest"
JPEG = b"\xff\xd8\xff\xe0rest"
GIF = b"GIF89arest"
WEBP = b"RIFF\x10\x00\x00\x00WEBPrest"


async def test_need_25_push_to_talk_gives_exact_client_events(autojump_clock):
    async with talk(ScriptEngine([Turn("It is noon.", user="What time is it?")]), config=PUSH_TO_TALK) as (
        session,
        server,
    ):
        await session.clear_audio()
        for _ in range(5):
            await session.send_audio(synthesize("time ")[:9600])
        await session.commit_audio()
        await collect(session, "agent_end")
        assert server.received_types(audio=True) == [
            "session.update",
            "input_audio_buffer.clear",
            *["input_audio_buffer.append"] * 5,
            "input_audio_buffer.commit",
            "response.create",
        ]
        assert [item.content[0].transcript for item in session.history] == ["What time is it?", "It is noon."]


async def test_need_25_a_commit_of_nothing_raises_and_asks_for_nothing(autojump_clock):
    async with talk(ScriptEngine([Say("Never.")]), config=PUSH_TO_TALK) as (session, server):
        with pytest.raises(ServerError) as caught:
            await session.commit_audio()
        assert caught.value.code == "input_audio_buffer_commit_empty"
        await session.send_audio(silence(0.05))
        with pytest.raises(ServerError):
            await session.commit_audio()
        await trio.sleep(1)
        assert count(server, "response.create") == 0
        assert len(session.history) == 0
        await session.send_audio(synthesize("Hello"))
        await session.commit_audio(respond=False)
        assert len(session.history) == 1
        assert count(server, "response.create") == 0
        async with session.respond() as turn:
            assert await turn.text() == "Never."


async def test_need_25_a_refusal_that_does_not_name_the_commit_is_found_by_its_code(autojump_clock):
    anonymous = {"input_audio_buffer_commit_empty"}
    async with talk(config=PUSH_TO_TALK, anonymous_errors=anonymous) as (session, _):
        with pytest.raises(ServerError, match="too small"):
            await session.commit_audio()


async def test_need_25_a_commit_that_is_never_confirmed_has_a_deadline(autojump_clock):
    config = {**PUSH_TO_TALK, "timeouts": {"configure": 3}}
    faults = [Withhold(event=name) for name in ("input_audio_buffer.committed", "conversation.item.added")]
    faults += [Withhold(event="conversation.item.done")]
    async with talk(config=config, faults=faults) as (session, server):
        await session.send_audio(synthesize("Hello"))
        with pytest.raises(RealtimeTimeoutError):
            await session.commit_audio()
        assert count(server, "response.create") == 0


async def test_need_25_a_refusal_of_another_kind(autojump_clock):
    refusal = Refuse("input_audio_buffer.commit", code="server_error", message="No.")
    async with talk(config=PUSH_TO_TALK, faults=[refusal]) as (session, server):
        await session.send_audio(synthesize("Hello"))
        with pytest.raises(ServerError):
            await session.commit_audio()
        assert count(server, "response.create") == 0


async def test_need_25_when_the_user_speaks_is_told(autojump_clock):
    config = {"model_settings": {"turn_detection": {"type": "server_vad"}}}
    async with talk(ScriptEngine([Turn("Yes.", user="Hello")]), config=config) as (session, _):
        await session.send_audio(silence(0.5) + synthesize("Hello there") + silence(1.0))
        events = await collect(session, "agent_end")
        (started,), (stopped,) = of(events, "user_speech_started"), of(events, "user_speech_stopped")
        assert started.item_id == stopped.item_id == session.history[0].item_id
        assert 0 <= started.audio_start_ms < stopped.audio_end_ms
        assert kinds(events).index("user_speech_started") < kinds(events).index("user_speech_stopped")


async def test_need_22_items_of_each_side_without_a_reply(autojump_clock):
    async with talk(ScriptEngine([Say("I know.")])) as (session, server):
        await session.add_item("system", "The caller is in Oslo.")
        await session.add_item("user", "I said so before.")
        await session.add_item("assistant", "And I have heard it.")
        await trio.sleep(1)
        assert count(server, "conversation.item.create") == 3
        assert count(server, "response.create") == 0
        assert [item.role for item in session.history] == ["system", "user", "assistant"]


class TestImages:
    @pytest.mark.parametrize(
        ("data", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif"), (WEBP, "image/webp")]
    )
    async def test_need_22_from_bytes_and_files(self, data, kind, tmp_path):
        url = f"data:{kind};base64,{pybase64.b64encode(data).decode()}"
        image = await load_image(data, detail="low")
        assert (image.image_url, image.detail) == (url, "low")
        path = tmp_path / "misnamed.txt"
        path.write_bytes(data)
        assert (await load_image(path)).image_url == url
        assert (await load_image(str(path))).image_url == url
        assert (await load_image(url)).image_url == url
        assert (await load_image(bytearray(data))).image_url == url

    async def test_need_22_an_address_is_left_to_the_service(self):
        assert (await load_image("https://example.com/a")).image_url == "https://example.com/a"

    @pytest.mark.parametrize(
        "source",
        [
            b"",
            b"%PDF-1.7",
            "data:text/plain;base64,AAAA",
            "data:image/png,plain",
            "data:image/png;base64,====A",
            "data:image/jpeg;base64," + pybase64.b64encode(PNG).decode(),
            "no such file",
        ],
    )
    async def test_need_22_what_is_no_image(self, source):
        with pytest.raises(UserError):
            await load_image(source)

    async def test_need_22_what_is_no_source(self):
        with pytest.raises(UserTypeError):
            await load_image(5)

    async def test_need_22_images_are_sent_and_stay_in_the_history(self, autojump_clock):
        image = await load_image(PNG)
        async with talk(ScriptEngine([Say("A dot."), Say("Again.")])) as (session, server):
            await session.send_message({"content": [{"type": "input_text", "text": "What is it?"}, image]})
            await collect(session, "agent_end")
            await session.add_item("user", [image])
            sent = [
                event["item"]["content"] for event in server.received if event["type"] == "conversation.item.create"
            ]
            assert sent[0][1] == {"type": "input_image", "image_url": image.image_url}
            assert sent[1] == [{"type": "input_image", "image_url": image.image_url}]


@pytest.mark.parametrize(
    ("source", "match"),
    [("", "empty"), ("a\0b", "cannot be read"), ("http://example.com/a.png", "https"), ("HTTP://x", "https")],
)
async def test_need_25_what_is_no_source_of_an_image(source, match, autojump_clock):
    with pytest.raises(UserError, match=match):
        await load_image(source)
