"""A page's call over the local server in memory and virtual time; the page is two channels."""

from contextlib import asynccontextmanager

import msgspec.json
import pytest
import trio

from trio_realtime import RealtimeSession, RealtimeTimeoutError, SessionClosed
from trio_realtime.cli.assistant import Place
from trio_realtime.cli.playground.call import Call
from trio_realtime.cli.playground.tap import RawLog, Shown
from trio_realtime.server import CloseWith, LocalServer, RejectHandshake, RulesEngine, silence, synthesize


class Page:
    def __init__(self, server):
        self.server = server
        self.messages = []
        self.audio = []
        self._out, self._in = trio.open_memory_channel(1000)
        self._news = trio.Event()
        self.reading = trio.Event()
        self.reading.set()
        place = Place("Somewhere", server.connector, {"api_key": "sk-secret"}, local=True)
        self.call = Call(place, self._take, self._give)

    async def _take(self, message):
        await self.reading.wait()
        if isinstance(message, str):
            assert "sk-secret" not in message
            self.messages.append(msgspec.json.decode(message))
        else:
            self.audio.append(message)
        self._news.set()
        self._news = trio.Event()

    async def _give(self):
        return await self._in.receive()

    async def send(self, type, **fields):
        await self._out.send(msgspec.json.encode({"type": type, **fields}).decode())

    async def raw(self, message):
        await self._out.send(message)

    async def until(self, type, **fields):
        """Wait for a message with these fields."""
        with trio.fail_after(60):
            while True:
                for message in self.messages:
                    if message.items() >= {"type": type, **fields}.items():
                        return message
                await self._news.wait()

    def of(self, type):
        return [message for message in self.messages if message["type"] == type]


@pytest.fixture
async def page(autojump_clock, nursery):
    page = Page(LocalServer(RulesEngine(transcripts=["What is the weather in Oslo?", "Stop"])))
    nursery.start_soon(page.call.run)
    await page.until("connection", status="connected")
    return page


async def test_a_typed_turn(autojump_clock, page):
    assert page.messages[0] == {"at": 0.0, "type": "place", "words": "Somewhere", "local": True}
    await page.send("say", text=" Say hello there ")
    await page.until("agent_end", status="completed")
    await trio.sleep(0.2)
    assert page.of("transcript")[-1]["text"] == "hello there"
    assert page.of("history")[-1]["items"][-1]["text"] == "hello there"
    assert page.audio[0][0] > 0  # the size of the header
    (latency,) = page.of("latency")
    assert latency["kind"] == "typed"
    assert latency["ms"] >= 0
    assert all(message["at"] >= 0 for message in page.messages)


async def test_a_spoken_turn_with_a_tool(autojump_clock, page):
    audio = synthesize("a" * 10) + silence(1)
    for start in range(0, len(audio), 1920):
        await page.raw(audio[start : start + 1920])
    end = await page.until("tool_end", name="get_weather")
    assert end["output"] == "It is cloudy in Oslo."
    await page.until("latency", kind="spoken")
    assert page.of("user_speech_started")
    assert page.of("user_speech_stopped")


@pytest.mark.parametrize(("verb", "output"), [("approve", "A table for 2 is booked."), ("reject", "The user said no.")])
async def test_a_person_decides(autojump_clock, page, verb, output):
    await page.send("say", text="Book a table for 2 people")
    asked = await page.until("tool_approval_required", name="book_table")
    await trio.sleep(5)
    await page.send(verb, call_id=asked["call_id"])
    assert (await page.until("tool_end"))["output"] == output
    latency = await page.until("latency")
    assert latency["ms"] < 1000


async def test_what_was_played_decides_what_was_heard(autojump_clock, page):
    await page.send("say", text="Say one two three four five six seven eight nine ten")
    item_id = (await page.until("transcript", final=True))["item_id"]
    await page.send("played", item_id=item_id, content_index=0, ms=1000)
    await trio.sleep(0.1)
    await page.send("interrupt")
    await page.until("audio_interrupted", item_id=item_id)
    await trio.sleep(0.5)
    (item,) = [item for item in page.of("history")[-1]["items"] if item["id"] == item_id]
    assert item["text"].startswith("one two three")
    assert "five" not in item["text"]


async def test_the_raw_wire_is_shown_on_demand(autojump_clock, page):
    await page.send("say", text="Say hello")
    await page.until("agent_end")
    assert page.of("raw") == []
    await page.send("raw", on=True)
    await page.until("raw", event="session.update", direction="sent")
    await page.until("raw", event="session.created", direction="received")
    await page.send("raw", on=False)
    await trio.sleep(0.5)
    before = len(page.of("raw"))
    await page.send("say", text="Say bye")
    await page.until("transcript", text="bye", final=True)
    assert len(page.of("raw")) == before


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '{"type": "dance"}',
        '{"type": "played", "ms": -1}',
        '{"type": "played", "ms": "x"}',
        '{"type": "played", "ms": 1' + "0" * 400 + "}",
        '{"type": "played", "ms": 1, "content_index": "x"}',
        b"odd",
    ],
)
async def test_nonsense_is_answered_and_the_call_goes_on(autojump_clock, page, message):
    await page.raw(message)
    await page.until("error")
    await page.send("say", text="")
    await page.send("say", text="Say hello")
    await page.until("agent_end", status="completed")


async def test_the_page_that_goes_ends_the_session(autojump_clock, page):
    await page.raw(None)
    await page.until("ended", reason="")
    await page.server.connections[0].wait_closed()


@pytest.mark.parametrize("fault", [CloseWith(4000, "enough", event="response.created"), RejectHandshake(401)])
async def test_what_ends_the_session_is_told(autojump_clock, fault):
    page = Page(LocalServer(faults=[fault]))
    await page.send("say", text="hello")
    with trio.fail_after(300):
        await page.call.run()
    assert page.messages[-1]["type"] == "ended"
    assert page.messages[-1]["reason"]


class Deaf:
    """A connector that never connects."""

    def __init__(self):
        self.asked = False

    @asynccontextmanager
    async def connector(self, request):
        self.asked = True
        await trio.sleep_forever()
        yield


async def test_a_page_that_goes_while_the_session_connects_is_noticed_at_once(autojump_clock, nursery):
    page = Page(Deaf())
    began = trio.current_time()
    async with trio.open_nursery() as calls:
        calls.start_soon(page.call.run)
        await page.until("place")
        await trio.sleep(0.5)
        assert page.server.asked
        await page.raw(None)
    assert trio.current_time() - began < 1
    assert page.messages[-1]["type"] == "ended"


async def test_what_is_asked_for_while_it_connects_is_done_then(autojump_clock, nursery):
    page = Page(LocalServer())
    await page.send("say", text="Say hello there")
    for _ in range(400):
        await page.raw(bytes(960))
    nursery.start_soon(page.call.run)
    await page.until("transcript", text="hello there", final=True)


async def test_a_decision_is_not_behind_the_sound(autojump_clock, page):
    """The session does not take any audio, as while the connection takes no data."""
    await page.send("say", text="Book a table for 2 people")
    asked = await page.until("tool_approval_required")
    page.call._heard.take = trio.sleep_forever
    for _ in range(900):
        await page.raw(bytes(960))
    await page.send("approve", call_id=asked["call_id"])
    await page.until("tool_end", output="A table for 2 is booked.")


async def test_an_approval_waits_for_a_page_that_is_slow_to_read(autojump_clock, page):
    page.reading = trio.Event()
    await page.send("say", text="Book a table for 2 people")
    await trio.sleep(5)
    for _ in range(20_000):
        page.call._outbox.put_loose(bytes(2_000))
    assert len(page.call._outbox._waiting) < 5_000
    page.reading.set()
    await page.until("tool_approval_required", name="book_table")


async def test_a_page_that_takes_nothing_is_given_up(autojump_clock):
    page = Page(LocalServer())
    page.reading = trio.Event()
    with trio.fail_after(10):
        async with trio.open_nursery() as calls:
            calls.start_soon(page.call.run)
            await trio.sleep(1)
            for _ in range(100):
                page.call.tell({"type": "x", "text": "y" * 100_000})
    assert len(page.call._outbox._waiting) < 100


async def test_a_page_that_asks_for_too_much_is_given_up(autojump_clock):
    page = Page(Deaf())
    with trio.fail_after(10):
        async with trio.open_nursery() as calls:
            calls.start_soon(page.call.run)
            for _ in range(50):
                await page.send("say", text="y" * 100_000)
    assert page.messages[-1] == {**page.messages[-1], "type": "ended", "reason": "the page asks for too much at once"}


async def test_a_session_that_closes_under_a_command_is_the_end_and_no_crash(autojump_clock, page, monkeypatch):
    async def closed(*_):
        raise SessionClosed("over")

    monkeypatch.setattr(RealtimeSession, "send_audio", closed)
    monkeypatch.setattr(RealtimeSession, "interrupt", closed)
    await page.raw(bytes(960))
    await page.send("interrupt")
    await trio.sleep(1)
    assert page.of("error") == []
    await page.raw(None)
    await page.until("ended")


async def test_what_a_command_fails_with_is_told(autojump_clock, page, monkeypatch):
    async def fails(*_):
        raise RealtimeTimeoutError("too late", name="item", seconds=1.0)

    monkeypatch.setattr(RealtimeSession, "interrupt", fails)
    await page.send("interrupt")
    await page.until("error", text="too late")


async def test_the_raw_wire_has_no_audio_and_no_secret(autojump_clock, page):
    await page.send("raw", on=True)
    await trio.sleep(1)  # commands and audio are taken by two tasks
    await page.raw(synthesize("a" * 4)[:1920])
    await page.send("say", text="Say hello there")
    await page.until("agent_end")
    secret = {
        "type": "x",
        "client_secret": {"value": "ek_0123456789"},
        "session": {"tools": [{"authorization": "a b"}]},
    }
    page.call._tap("received", msgspec.json.encode(secret))
    await trio.sleep(1)
    texts = [message["text"] for message in page.of("raw")]
    assert any("input_audio_buffer.append" in text for text in texts)
    assert any("output_audio.delta" in text for text in texts)
    assert max(map(len, texts)) < 5000
    assert not any(word in text for text in texts for word in ("ek_0123456789", "a b", "AAAA"))


def test_the_raw_wire_is_kept_within_bounds():
    log = RawLog(most=100_000)
    for number in range(2000):
        log.keep(Shown(0.0, "sent", "x", f"{number} {'y' * (number % 3000)}"))
    kept = list(log)
    assert kept[-1].text.startswith("1999 ")
    assert sum(len(shown.text) for shown in kept) <= 100_000
    for _ in range(2000):
        log.keep(Shown(0.0, "sent", "x", "z"))
    assert len(list(log)) == 500
