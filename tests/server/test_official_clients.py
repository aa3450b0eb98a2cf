"""The official client and the reference hold conversations with the local server, over a real socket.

They run in a process of their own: they are asyncio programs, and what they warn of is not ours.
"""

import json
import sys
from pathlib import Path

import trio

from trio_realtime.server import LocalServer, RulesEngine, silence, synthesize

HERE = Path(__file__).parent


async def run_script(name: str, *args: str) -> dict:
    with trio.fail_after(60):
        done = await trio.run_process(
            [sys.executable, "-W", "ignore", str(HERE / name), *args],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


async def test_the_openai_client_holds_a_text_an_audio_and_a_tool_turn(tmp_path):
    speech = tmp_path / "speech.pcm"
    speech.write_bytes(silence(0.3) + synthesize("hello over there") + silence(0.5))
    server = LocalServer(RulesEngine(transcripts=["hello over there"]), pace=50)
    async with server.serve() as address:
        result = await run_script("official_openai.py", address.url, str(speech))
    assert result["first"] == "session.created"
    assert result["text"] == "good morning"
    audio = result["audio"]
    assert audio["heard"] == ["hello over there"]
    assert audio["said"] == ["Hello! How can I help you?"]
    assert audio["audio_seconds"] == len("Hello! How can I help you?") / 16
    assert audio["types"].index("input_audio_buffer.speech_started") < audio["types"].index("response.created")
    assert result["tool"] == {
        "name": "get_weather",
        "arguments": {"city": "Paris"},
        "said": "Here is what I found: 18 degrees",
    }
    assert server.connections[0].closed
    assert server.connections[0].close_code == 1000
    assert server.connections[0].headers["authorization"] == "Bearer test"


async def test_the_reference_holds_a_text_and_a_tool_turn():
    server = LocalServer(pace=50)
    async with server.serve() as address:
        result = await run_script("official_agents.py", address.url)
    assert result == {
        "text": "good morning",
        "tool": "Here is what I found: 18 degrees in Paris",
        "asked": ["Paris"],
    }
    assert "error" not in [event["type"] for event in server.connections[0].received]
