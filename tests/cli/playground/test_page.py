"""The page in a headless Chromium, with the local server in memory: who gets in, long ids, and a call that is very long."""

from contextlib import contextmanager

import pytest
import trio

from tests.cli.playground.chromium import CHROMIUM, MISSING
from trio_realtime.cli.assistant import Place
from trio_realtime.server import LocalServer, RulesEngine
from trio_realtime.server.state import SessionState

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")]


async def with_page(look, **options):
    """Serve the page and look at it in a thread."""
    from trio_realtime.cli.playground.serve import serve_playground

    place = Place("Somewhere", LocalServer(RulesEngine(), pace=None).connector, {"api_key": "x"}, local=True)
    with trio.fail_after(60):
        async with serve_playground(place, **options) as address:
            await trio.to_thread.run_sync(look, address)


@contextmanager
def browsing():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=["--no-sandbox"])
        yield browser.new_context()
        browser.close()


def doors(address):
    from playwright.sync_api import expect

    with browsing() as context:
        page = context.new_page()
        assert page.request.head(address).status == 200
        assert page.request.get(address).status == 200
        page.goto(address)
        expect(page.locator("#status")).to_have_text("connected")
        assert "token" not in page.url
        assert context.cookies() == []
        page.reload()
        expect(page.locator("#status")).to_have_text("connected")
        page.keyboard.press("n")
        page.keyboard.press("n")
        expect(page.locator("#status")).to_have_text("connected")

        second = context.new_page()  # it has no key of its own, and the token was used
        second.goto(address)
        expect(second.locator("#log")).to_contain_text("open the address that the command printed")
        second.locator("#text").fill("hello")
        second.keyboard.press("Enter")
        expect(second.locator("#log")).to_contain_text("There is no call")


async def test_the_first_page_gets_in_and_stays():
    await with_page(doors)


def decisions(address):
    from playwright.sync_api import expect

    with browsing() as context:
        page = context.new_page()
        page.goto(address)
        page.locator("#text").fill("Book a table for two people")
        page.keyboard.press("Enter")  # perhaps before it is connected
        page.get_by_role("button", name="Approve").wait_for()
        page.evaluate("""async () => {
            const { Conversation } = await import("/views.js");
            const other = new Conversation(() => false);
            other.approval("c", "other", "{}");
            other.decided("c", "approve");
        }""")
        assert page.locator(".decide").count() == 1  # it was not sent, so it is not decided
        page.reload()
        expect(page.locator("#status")).to_have_text("connected")


async def test_what_a_person_asks_for_is_sent_or_said_not_to_be():
    await with_page(decisions)


LONG = """async () => {
    const { Conversation, Latency, Timeline, showHistory, showRaw } = await import("/views.js");
    const conversation = new Conversation(() => true), timeline = new Timeline(), latency = new Latency();
    conversation.approval("waiting", "book", "{}");
    for (let i = 0; i < 2000; i++) {
        conversation.words(`i${i}`, "assistant", `words ${i}`);
        conversation.tool(`c${i}`, "look", "{}");
        conversation.result(`c${i}`, "look", "done");
        conversation.note(`note ${i}`);
        timeline.begin(`s${i}`, "agent", i * 2, "answer");
        if (i % 10) timeline.end(`s${i}`, i * 2 + 1);
        timeline.event(i * 2, "event");
        latency.add("spoken", i);
        showRaw({ at: i, direction: "sent", event: `e${i}`, text: "x" });
    }
    conversation.decideFirst("approve");
    return {
        lines: conversation.log.children.length,
        first: conversation.log.firstElementChild.textContent,
        last: conversation.log.lastElementChild.textContent,
        known: conversation.items.size + conversation.calls.size,
        spans: timeline.all.length,
        keys: timeline.spans.size,
        rows: document.getElementById("timeline").children.length,
        raw: document.getElementById("raw").children.length,
        turns: latency.turns.length,
        median: document.getElementById("median").textContent,
        nodes: document.getElementsByTagName("*").length,
    };
}"""


def long_call(address):
    with browsing() as context:
        page = context.new_page()
        page.goto(address)
        found = page.evaluate(LONG)
    assert found["lines"] == 300
    assert found["known"] <= 300
    assert "book" in found["first"]
    assert found["first"].endswith("approved")  # what waits for a decision stays
    assert found["last"] == "note 1999"
    assert found["spans"] == found["keys"] <= 300
    assert (found["rows"], found["raw"], found["turns"]) == (400, 300, 500)
    assert "2000 turns" in found["median"]
    assert found["nodes"] < 5000


async def test_a_long_call_does_not_fill_the_page():
    await with_page(long_call)


def sounds(address):
    """What the page plays and reports, of an item whose id is longer than a byte can say."""
    from playwright.sync_api import expect

    with browsing() as context:
        page = context.new_page()
        troubles = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        sent = []

        def note(message):
            sent.append(message)

        page.on("websocket", lambda socket: socket.on("framesent", note))
        page.goto(address)
        expect(page.locator("#status")).to_have_text("connected")
        page.locator("#text").fill("Say hello")
        page.keyboard.press("Enter")
        expect(page.locator("#log .assistant")).to_contain_text("hello")
        expect(page.locator("#stop")).to_be_disabled(timeout=10_000)
        page.wait_for_timeout(500)
    assert troubles == []
    played = [message for message in sent if isinstance(message, str) and '"played"' in message]
    assert any("i" * 300 in message and '"content_index":0' in message for message in played)


async def test_an_item_with_a_long_id_is_played(monkeypatch):
    short = SessionState.new_id
    monkeypatch.setattr(SessionState, "new_id", lambda self, kind: short(self, kind) + "i" * 300)
    await with_page(sounds)
