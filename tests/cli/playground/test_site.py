"""The site as an ASGI application: who gets in, and what is served."""

import re
import signal
import sys

import pytest
import trio

from tests.cli.programs import here
from trio_realtime import UserError
from trio_realtime.cli.assistant import Place
from trio_realtime.cli.playground.serve import serve_playground
from trio_realtime.cli.playground.site import _FILES, _STATIC, Site
from trio_realtime.server import LocalServer

HOST = "127.0.0.1:8000"


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


async def enter(site):
    status, headers, _ = await get(site, query=f"token={site.token}")
    assert (status, headers["location"]) == (303, "/")
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Strict" in headers["set-cookie"]
    return headers["set-cookie"].partition(";")[0]


async def test_the_token_works_once_and_is_exchanged_for_a_cookie(site):
    assert (await get(site))[0] == 403
    assert (await get(site, query="token=wrong"))[0] == 403
    cookie = await enter(site)
    status, headers, body = await get(site, cookie=cookie)
    assert status == 200
    assert b"Playground" in body
    assert headers["cache-control"] == "no-store"
    assert (await get(site, query=f"token={site.token}"))[0] == 403
    assert (await get(site, cookie="playground_8000=wrong"))[0] == 403


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1:9", ""])
async def test_another_name_for_this_machine_is_refused(site, host):
    assert (await get(site, query=f"token={site.token}", host=host))[0] == 403


async def test_every_file_is_served_and_nothing_else(site):
    cookie = await enter(site)
    for path in _FILES:
        status, headers, body = await get(site, path, cookie=cookie)
        assert (status, body != b"") == (200, True)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    for path in ("/site.py", "/../site.py", "/static/page.js", "/favicon.ico"):
        assert (await get(site, path, cookie=cookie))[0] == 404
    assert (await get(site, method="POST", cookie=cookie))[0] == 405
    assert {path.name for path in _STATIC.iterdir()} == {name for name, _ in _FILES.values()}


def test_nothing_is_loaded_from_elsewhere():
    for path in _STATIC.iterdir():
        text = path.read_text()
        found = re.findall(r"(?:https?:|wss?:)?//[^\s\"'`$]+", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
        assert [url for url in found if not url.startswith("http://www.w3.org")] == []
        assert not re.search(r"\b(?:eval|innerHTML|outerHTML|document\.write)\b", text)


async def socket(site, *, path="/call", message=None, **headers):
    """Open a WebSocket and close it; what was sent to it."""
    scope = {
        "type": "websocket",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent = []
    come = iter([{"type": "websocket.connect"}, *([message] if message else []), {"type": "websocket.disconnect"}])

    async def receive():
        await trio.sleep(1)
        return next(come)

    async def send(message):
        sent.append(message)

    with trio.fail_after(60):
        await site(scope, receive, send)
    return sent


async def test_a_call_needs_the_cookie_and_the_own_origin(site, autojump_clock):
    cookie = await enter(site)
    good = {"host": HOST, "origin": f"http://{HOST}", "cookie": cookie}
    text = '{"type": "say", "text": "Say hello"}'
    sent = await socket(site, message={"type": "websocket.receive", "text": text}, **good)
    assert sent[0]["type"] == "websocket.accept"
    assert '"type":"place"' in sent[1]["text"]
    assert "sk-secret" not in str(sent)
    for wrong in (
        {"origin": "http://evil.example"},
        {"origin": ""},
        {"origin": f"https://{HOST}"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"cookie": "playground_8000=x"},
    ):
        assert [message["type"] for message in await socket(site, **{**good, **wrong})] == ["websocket.close"]
    assert [message["type"] for message in await socket(site, path="/other", **good)] == ["websocket.close"]


async def test_no_more_than_four_calls_at_once(site, autojump_clock):
    cookie = await enter(site)
    site._calls = 4
    sent = await socket(site, host=HOST, origin=f"http://{HOST}", cookie=cookie)
    assert sent[-1]["code"] == 1013


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
            async with httpx.AsyncClient(follow_redirects=True) as client:
                page = await client.get(address)
                assert (page.status_code, page.url.query) == (200, b"")
                assert (await client.get(address)).status_code == 403
                assert "server" not in page.headers


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
