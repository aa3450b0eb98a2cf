"""The site as an ASGI application: who gets in, and what is served."""

import re
import signal
import sys

import msgspec.json
import pytest
import trio

from tests.cli.programs import here
from trio_realtime import AgentsException, UserError
from trio_realtime.cli.assistant import Place
from trio_realtime.cli.playground.serve import serve_playground
from trio_realtime.cli.playground.site import _FILES, _STATIC, Site
from trio_realtime.server import LocalServer
from trio_realtime.transport.base import WireRequest
from trio_realtime.transport.trio_websocket import connect

HOST = "127.0.0.1:8000"
KEY = "k" * 40
OTHER = "o" * 40


@pytest.fixture
def site():
    return Site(Place("Somewhere", LocalServer().connector, {"api_key": "sk-secret"}), 8000)


async def get(site, path="/", query="", method="GET", **headers):
    headers = {"host": HOST, **headers}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent = []

    async def send(message):
        sent.append(message)

    await site(scope, None, send)
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


async def test_looking_at_the_page_uses_nothing_up_and_shows_nothing(site, autojump_clock):
    for method in ("HEAD", "GET", "HEAD"):
        status, headers, body = await get(site, query=f"token={site.token}", method=method)
        assert status == 200
        assert "set-cookie" not in headers
        assert int(headers["content-length"]) > 1000
        assert (b"Playground" in body) == (method == "GET")
        assert site.token.encode() not in body
    assert await enter(site, token=site.token, key=KEY)


async def test_the_token_works_once_and_the_key_that_came_with_it_from_then_on(site, autojump_clock):
    assert not await enter(site, token="wrong", key=KEY)
    assert not await enter(site, token=site.token)
    assert not await enter(site, token=site.token, key="short")
    assert not await enter(site, key=KEY)
    assert await enter(site, token=site.token, key=KEY)
    assert not await enter(site, token=site.token, key=OTHER)
    assert not await enter(site, key=OTHER)
    assert not await enter(site, key=site.token)
    assert await enter(site, key=KEY)
    assert await enter(site, token=site.token, key=KEY)  # it was loaded again before it knew that it was in
    assert await enter(site, token=None, key=KEY)


@pytest.mark.parametrize("cookie", ["playground_8000={}", "key={}", "token={}"])
async def test_a_cookie_opens_nothing(site, autojump_clock, cookie):
    assert await enter(site, token=site.token, key=KEY)
    for secret in (KEY, site.token):
        sent = await socket(site, message=text("{}"), **GOOD, cookie=cookie.format(secret))
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize(
    "first",
    [
        *(
            "",
            "{",
            "[]",
            "null",
            '"x"',
            "[" * 400,
            '{"token": 5, "key": null}',
            '{"token": "\u00e9"}',
            '{"type": "say"}',
        ),
        '{"token": "' + "x" * 2000 + '"}',
        b"{}",
        None,
    ],
)
async def test_who_says_something_else_first_does_not_get_in(site, autojump_clock, first):
    message = None if first is None else text(first)
    sent = await socket(site, message=message, **GOOD)
    assert [message["type"] for message in sent] == ["websocket.accept", *(["websocket.close"] if message else [])]
    assert all(message.get("code", 1008) == 1008 for message in sent)
    assert site._waiting == 0


async def test_who_says_nothing_does_not_wait_for_ever(site, autojump_clock):
    sent = await socket(site, message="never", **GOOD)
    assert sent[-1]["reason"] == "open the address that the command printed; it works once, in one tab"
    assert 9 < trio.current_time() < 20


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1:9", ""])
async def test_another_name_for_this_machine_is_refused(site, host):
    assert (await get(site, host=host))[0] == 403


async def test_every_file_is_served_and_nothing_else(site):
    for path in _FILES:
        status, headers, body = await get(site, path)
        assert (status, body != b"") == (200, True)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    for path in ("/site.py", "/../site.py", "/static/page.js", "/favicon.ico"):
        assert (await get(site, path))[0] == 404
    assert (await get(site, method="POST"))[0] == 405
    assert {path.name for path in _STATIC.iterdir()} == {name for name, _ in _FILES.values()}


def test_nothing_is_loaded_from_elsewhere():
    for path in _STATIC.iterdir():
        text = path.read_text()
        found = re.findall(r"(?:https?:|wss?:)?//[^\s\"'`$]+", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
        assert [url for url in found if not url.startswith("http://www.w3.org")] == []
        assert not re.search(r"\b(?:eval|innerHTML|outerHTML|document\.write)\b", text)


GOOD = {"host": HOST, "origin": f"http://{HOST}"}


def text(text):
    return {"type": "websocket.receive", "bytes" if isinstance(text, bytes) else "text": text}


async def socket(site, *, path="/call", message=None, more=(), **headers):
    """Open a WebSocket, say something and close it; what was sent to it."""
    scope = {
        "type": "websocket",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent = []
    come = iter(
        [{"type": "websocket.connect"}, *([message] if message else []), *more, {"type": "websocket.disconnect"}]
    )

    async def receive():
        await trio.sleep(1)
        message = next(come)
        if message == "never":
            await trio.sleep_forever()
        return message

    async def send(message):
        sent.append(message)

    with trio.fail_after(60):
        await site(scope, receive, send)
    return sent


async def enter(site, **entry):
    """Whether a page gets in that says this first."""
    message = text(msgspec.json.encode({"type": "enter", **entry}).decode())
    sent = await socket(site, message=message, **GOOD)
    assert sent[0]["type"] == "websocket.accept"
    if sent[1]["type"] == "websocket.close":
        assert sent[1]["code"] == 1008
        return False
    assert sent[1]["text"] == '{"type":"entered"}'
    return True


async def test_a_call_needs_the_own_origin_and_the_key(site, autojump_clock):
    entry = text(f'{{"type": "enter", "token": "{site.token}", "key": "{KEY}"}}')
    said = text('{"type": "say", "text": "Say hello"}')
    sent = await socket(site, message=entry, more=[said], **GOOD)
    assert sent[0]["type"] == "websocket.accept"
    assert '"type":"entered"' in sent[1]["text"]
    assert '"type":"place"' in sent[2]["text"]
    assert "sk-secret" not in str(sent)
    for wrong in (
        {"origin": "http://evil.example"},
        {"origin": ""},
        {"origin": f"https://{HOST}"},
        {"origin": "http://127.0.0.1:8001"},
        {"host": "evil.example", "origin": "http://evil.example"},
    ):
        assert [message["type"] for message in await socket(site, message=entry, **{**GOOD, **wrong})] == [
            "websocket.close"
        ]
    assert [message["type"] for message in await socket(site, path="/other", **GOOD)] == ["websocket.close"]


async def test_no_more_than_four_calls_at_once(site, autojump_clock):
    entry = text(f'{{"token": "{site.token}", "key": "{KEY}"}}')
    site._calls = 4
    assert (await socket(site, message=entry, **GOOD))[-1]["reason"] == "too many calls at once"
    site._calls, site._waiting = 0, 16
    assert (await socket(site, message=entry, **GOOD))[-1]["reason"] == "too many calls at once"


async def test_lifespan(site):
    come = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(come)

    async def send(message):
        sent.append(message["type"])

    await site({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypercorn.trio", None)
    monkeypatch.setitem(sys.modules, "hypercorn", None)
    with pytest.raises(UserError, match=r"trio-realtime\[playground\]"):
        async with serve_playground(Place("x")):
            pass


def test_the_command_says_so_too(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "hypercorn.config", None)
    monkeypatch.setitem(sys.modules, "hypercorn", None)
    code, _, err = here(capsys, "playground")
    assert code == 2
    assert "trio-realtime[playground]" in err


async def test_over_real_sockets():
    pytest.importorskip("hypercorn", reason="the extra 'playground' is not installed: pip install '.[playground]'")
    httpx = pytest.importorskip("httpx2")
    with trio.fail_after(20):
        async with serve_playground(Place("x", LocalServer().connector, {"api_key": "x"})) as address:
            assert address.startswith("http://127.0.0.1:")
            async with httpx.AsyncClient() as client:
                for method in ("HEAD", "GET"):
                    page = await client.request(method, address)
                    assert page.status_code == 200
                    assert not {"server", "set-cookie"} & set(page.headers)
            url, _, token = address.partition("#token=")
            assert await over_a_socket(url, token, KEY) == "entered"
            assert await over_a_socket(url, token, OTHER) == "closed"


async def over_a_socket(url, token, key):
    origin = url.rstrip("/")
    ws = f"{origin.replace('http', 'ws')}/call"
    async with connect(WireRequest(url=ws, headers={"Origin": origin})) as wire:
        await wire.send(msgspec.json.encode({"token": token, "key": key}).decode())
        try:
            return msgspec.json.decode(await wire.receive())["type"]
        except AgentsException:
            return "closed"


def test_the_command_serves_until_a_signal_comes(capsys, monkeypatch):
    pytest.importorskip("hypercorn", reason="the extra 'playground' is not installed: pip install '.[playground]'")
    from contextlib import asynccontextmanager

    from trio_realtime.cli.playground import serve

    opened = []

    @asynccontextmanager
    async def service(*, url, local):
        yield Place("Somewhere", LocalServer().connector, {"api_key": "x"}, local=local)

    def browse(address):
        opened.append(address)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(serve, "voice_service", service)
    monkeypatch.setattr(serve.webbrowser, "open", browse)
    code, out, err = here(capsys, "playground", "--browse")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == ["getting ready ...", "Somewhere", f"playground: {opened[0]}"]
