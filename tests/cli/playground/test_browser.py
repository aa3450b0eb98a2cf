"""The page in a headless Chromium, with a recording as its microphone."""

import os
import re
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.cli.playground.chromium import CHROMIUM, MISSING
from tests.server.voice.speech import needs_voice
from trio_realtime.server import silence

SHOTS = Path(__file__).parents[3] / "trio_realtime" / "cli" / "playground" / "screenshots"

pytestmark = [
    pytest.mark.slow,
    needs_voice,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
]


def recording(path):
    """A question for a tool, a request that needs an approval, a long story and an interruption."""
    from tests.server.voice.speech import said
    from trio_realtime.cli.wav import write_wav

    parts = [
        silence(2),
        *(said("What is the weather in Oslo?"), silence(7)),
        *(said("Please book a table for two people."), silence(9)),
        *(said("Tell me a story."), silence(7)),
        *(said("Thank you and goodbye."), silence(30)),
    ]
    write_wav(path, b"".join(parts))


def browse(address, wav, shots):
    """What a person does with the page; runs in a thread."""
    from playwright.sync_api import expect, sync_playwright

    flags = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}%noloop",
        "--autoplay-policy=no-user-gesture-required",
        "--no-sandbox",
    ]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=flags)
        page = browser.new_page(viewport={"width": 1200, "height": 780}, color_scheme="light")
        troubles, foreign = [], []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: foreign.append(request.url) if "127.0.0.1" not in request.url else None)
        page.goto(address)
        assert "token" not in page.url
        expect(page.locator("#status")).to_have_text("connected", timeout=15_000)
        expect(page.locator("#place")).to_contain_text("No network is used")
        page.get_by_label("cancel the echo of the loudspeaker").uncheck()
        page.keyboard.press("m")
        expect(page.locator("#microphone")).to_have_attribute("aria-pressed", "true")

        log = page.locator("#log")
        expect(log.locator(".user").first).to_contain_text("weather in Oslo", timeout=15_000)
        expect(log.locator(".tool").first).to_contain_text("It is cloudy in Oslo.")
        expect(log.locator(".assistant").first).to_contain_text("It is cloudy in Oslo.", timeout=5_000)

        page.get_by_role("button", name="Approve").click(timeout=20_000)
        expect(log.locator(".tool").nth(1)).to_contain_text("A table for 2 is booked.")
        expect(log.locator(".assistant").nth(1)).to_contain_text("A table for 2 is booked.", timeout=5_000)

        cut = log.locator(".assistant", has=page.locator("del"))
        expect(cut).to_contain_text("interrupted: the struck words were not heard", timeout=30_000)
        unheard = cut.locator("del").inner_text()
        assert "filled to the brim" in unheard
        heard = cut.locator(".words").inner_text().removesuffix(unheard)
        assert heard.startswith("Here is what I found: A long time ago")
        expect(log.locator(".assistant").last).to_contain_text("Goodbye, and thank you for calling.", timeout=10_000)

        expect(page.locator("#latency rect")).to_have_count(4)
        assert re.search(r"median \d+ ms, 4 turns", page.locator("#median").inner_text())
        expect(page.locator("#timeline")).to_contain_text("book_table waits for approval: approved")
        page.locator("#raw-box summary").click()
        expect(page.locator("#raw")).to_contain_text('"type":"session.update"')
        page.locator("#raw-box summary").click()

        page.keyboard.press("m")
        page.keyboard.press("/")
        page.keyboard.type("Book a table for five people")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Reject").wait_for(timeout=10_000)
        page.locator("#log").focus()
        page.keyboard.press("r")
        expect(log.locator(".tool").last).to_contain_text("The user said no.", timeout=10_000)
        expect(log.locator(".assistant").last).to_have_text(re.compile("The user said no.$"), timeout=10_000)
        page.locator("#history-box summary").click()
        expect(page.locator("#history")).to_contain_text("Thank you")
        page.locator("#history-box summary").click()

        page.screenshot(path=shots / "light.png")
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=shots / "dark.png")
        page.set_viewport_size({"width": 390, "height": 780})
        page.emulate_media(color_scheme="light")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=shots / "narrow.png")
        page.keyboard.press("n")
        expect(log.locator(".user")).to_have_count(0)
        expect(page.locator("#status")).to_have_text("connected", timeout=15_000)
        assert troubles == []
        assert foreign == []
        browser.close()


async def test_a_call_in_the_browser(tmp_path):
    from trio_realtime.cli.assistant import voice_service
    from trio_realtime.cli.playground.serve import serve_playground

    wav = tmp_path / "call.wav"
    await trio.to_thread.run_sync(recording, wav)
    shots = SHOTS if os.environ.get("KEEP_SCREENSHOTS") else tmp_path
    shots.mkdir(exist_ok=True)
    with trio.fail_after(180):
        async with voice_service(local=True) as place, serve_playground(place) as address:
            await trio.to_thread.run_sync(partial(browse, address, wav, shots))
    for name in ("light.png", "dark.png", "narrow.png"):
        assert (shots / name).stat().st_size > 20_000
