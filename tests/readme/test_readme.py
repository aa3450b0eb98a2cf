"""Every Python block of the README is a program that runs, against the local server in the service's place."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trio

from trio_realtime import RealtimeCalls
from trio_realtime.openai import websocket_model
from trio_realtime.server import LocalServer

README = Path(__file__).parents[2] / "README.md"
BLOCKS = [
    (match["code"], README.read_text()[: match.start()].count("\n") + 2)
    for match in re.finditer(r"^```python\n(?P<code>.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
]
AZURE = "wss://example.openai.azure.com/openai/v1/realtime?model=my-deployment"
SAYS = {
    "Quickstart": "RealtimeAudio(",
    "Agents": "Night desk",
    "Tools": "gave It is sunny in Oslo, 20 degrees celsius.",
    "Approvals": "50 euros are on their way.",
    "MCP servers": "find_book gave Walden is on the third shelf.",
    "MCP servers of the service's own": "assistant says: ",
    "Handoffs": "Front desk -> Billing",
    "Turns": "cancelled completed",
    "Guardrails": "['no_passwords'] stopped:",
    "Audio and interruptions": "the response was cancelled",
    "Playback": "heard once upon a",
    "Phone calls": "assistant says: Hello! How can I help you?",
    "Other endpoints": "44\n",
    "Usage": "Assistant 44",
    "Lost connections": "0 connections were made again",
    "Going on elsewhere": "went on with 3 items\n2 are left",
    "Sessions in a store": "taken up with 2 items",
    "Custom models": "Pretty bird",
    "A voice without a key": "LocalServer VoiceEngine",
    "Testing": "took 60",
    "Errors": "did you mean 'model_settings'?",
}


def section(line: int) -> str:
    heads = [text for text in README.read_text().splitlines()[:line] if text.startswith("## ")]
    return heads[-1].removeprefix("## ")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A local server in a thread of its own, because each program runs trio itself."""
    ready = threading.Event()
    found: list[str] = []
    stop: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

    async def serve() -> None:
        async with LocalServer(pace=4.0).serve() as address:
            found.append(address.url)
            with trio.CancelScope() as scope:
                stop.append((trio.lowlevel.current_trio_token(), scope))
                ready.set()
                await trio.sleep_forever()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    token, scope = stop[0]
    token.run_sync_soon(scope.cancel)
    thread.join(10)


class CallsService(BaseHTTPRequestHandler):
    """Says yes to everything that is asked about a call."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def calls_url() -> Iterator[str]:
    """The HTTP side of the service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), CallsService) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join(10)


def test_every_section_has_its_block():
    assert [section(line) for _, line in BLOCKS] == list(SAYS)


@pytest.mark.parametrize(("code", "line"), BLOCKS, ids=[section(line) for _, line in BLOCKS])
def test_block(code, line, url, calls_url, monkeypatch, capsys):
    monkeypatch.setattr(websocket_model, "DEFAULT_URL", url)
    monkeypatch.setitem(RealtimeCalls.__init__.__kwdefaults__, "base_url", calls_url)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    code = code.replace(AZURE, url)
    exec(compile("\n" * (line - 1) + code, str(README), "exec"), {"__name__": "__main__"})
    assert SAYS[section(line)] in capsys.readouterr().out


def test_the_two_commands_are_there():
    text = README.read_text()
    assert (
        "\n    python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/python -m trio_realtime demo\n" in text
    )
    assert "\n    python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest\n" in text
