"""What is sent about a call, and what becomes of each answer: against a small HTTP server on loopback."""

from __future__ import annotations

import json
import logging
import ssl
import sys
from contextlib import asynccontextmanager

import attrs
import h11
import pytest
import trio
import trustme

from tests.canary import KEY
from trio_realtime import (
    AgentsException,
    CallRequestRefused,
    RealtimeCalls,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    ServerError,
    SessionClosed,
    UserError,
    UserTypeError,
)


@attrs.define
class Answer:
    """One answer: an HTTP response, the bytes that are sent instead, or none at all (``raw=None``)."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = attrs.Factory(list)
    raw: bytes | None = b""


def fault(status, **error):
    return Answer(status, json.dumps({"error": error}).encode())


SILENCE = Answer(raw=None)


class Service:
    """Notes each request and gives the next answer; 200 when none is left."""

    def __init__(self):
        self.answers = []
        self.requests = []
        self.asked = trio.Event()
        self.ended = 0

    async def serve(self, stream):
        connection = h11.Connection(h11.SERVER)

        async def next_event():
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            return event

        try:
            while isinstance(request := await next_event(), h11.Request):
                body = b""
                while isinstance(event := await next_event(), h11.Data):
                    body += bytes(event.data)
                headers = {name.decode(): value.decode() for name, value in request.headers}
                self.requests.append((request.method.decode(), request.target.decode(), headers, body))
                self.asked.set()
                answer = self.answers.pop(0) if self.answers else Answer()
                if answer.raw is None:
                    await stream.receive_some()  # until the client gives up
                    return
                if answer.raw:
                    await stream.send_all(answer.raw)
                    return
                headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
                for part in (
                    h11.Response(status_code=answer.status, headers=headers),
                    h11.Data(data=answer.body),
                    h11.EndOfMessage(),
                ):
                    await stream.send_all(connection.send(part))
                connection.start_next_cycle()
        except (trio.BrokenResourceError, h11.RemoteProtocolError, ssl.SSLError):
            pass  # the client has gone, or does not trust us
        finally:
            self.ended += 1
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def serving(service=None, *, tls=None):
    service = service or Service()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        if tls is not None:
            listeners = [trio.SSLListener(listener, tls) for listener in listeners]
        nursery.start_soon(trio.serve_listeners, service.serve, listeners)
        service.url = f"http{'s' if tls else ''}://127.0.0.1:{port}/v1"
        yield service
        nursery.cancel_scope.cancel()


@pytest.fixture
async def service():
    async with serving() as service:
        yield service


@pytest.fixture
async def calls(service):
    async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
        yield calls


SESSION = {"type": "realtime", "instructions": "Answer kindly.", "tools": []}


@pytest.mark.parametrize(
    ("act", "path", "body"),
    [
        (lambda calls: calls.accept("rtc_1", SESSION), "rtc_1/accept", SESSION),
        (
            lambda calls: calls.accept("rtc_1", {"a": "ä☀", "b": [1.5, None]}),
            "rtc_1/accept",
            {"a": "ä☀", "b": [1.5, None]},
        ),
        (lambda calls: calls.reject("rtc_1"), "rtc_1/reject", {}),
        (lambda calls: calls.reject("rtc_1", status_code=486), "rtc_1/reject", {"status_code": 486}),
        (lambda calls: calls.refer("rtc_1", "tel:+1"), "rtc_1/refer", {"target_uri": "tel:+1"}),
        (lambda calls: calls.hangup("rtc_1"), "rtc_1/hangup", None),
        (lambda calls: calls.hangup("a/b?c#d ä%"), "a%2Fb%3Fc%23d%20%C3%A4%25/hangup", None),
        (lambda calls: calls.hangup("..."), ".../hangup", None),
    ],
)
async def test_what_is_sent(service, calls, act, path, body):
    assert await act(calls) is None
    ((method, target, headers, sent),) = service.requests
    assert (method, target) == ("POST", f"/v1/realtime/calls/{path}")
    assert (json.loads(sent) if sent else None) == body
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"].startswith("trio-realtime/")
    assert headers.get("content-type") == (None if body is None else "application/json")


async def test_it_is_what_the_official_client_sends(service, calls):
    import openai

    def official():
        with openai.OpenAI(api_key=KEY, base_url=service.url, max_retries=0) as client:
            client.realtime.calls.accept("rtc/1", **SESSION)
            client.realtime.calls.reject("rtc/1")
            client.realtime.calls.reject("rtc/1", status_code=486)
            client.realtime.calls.refer("rtc/1", target_uri="tel:+1")
            client.realtime.calls.hangup("rtc/1")

    await calls.accept("rtc/1", SESSION)
    await calls.reject("rtc/1")
    await calls.reject("rtc/1", status_code=486)
    await calls.refer("rtc/1", "tel:+1")
    await calls.hangup("rtc/1")
    ours = list(service.requests)
    service.requests.clear()
    await trio.to_thread.run_sync(official)
    for mine, theirs in zip(ours, service.requests, strict=True):
        assert mine[:2] == theirs[:2]
        assert mine[2]["authorization"] == theirs[2]["authorization"]
        assert (mine[3] and json.loads(mine[3])) == (theirs[3] and json.loads(theirs[3]))


async def test_a_slash_at_the_end_of_the_address_is_no_other_address(service):
    async with RealtimeCalls(base_url=service.url + "/") as calls:
        await calls.hangup("rtc_1")
    assert service.requests[0][1] == "/v1/realtime/calls/rtc_1/hangup"


# -- keys ----------------------------------------------------------------------------------------------------------------


async def later():
    return "sk-later"


@pytest.mark.parametrize(
    ("key", "sent"),
    [("sk-a", "Bearer sk-a"), (lambda: "sk-b", "Bearer sk-b"), (later, "Bearer sk-later"), (None, "Bearer sk-env")],
)
async def test_the_key(service, monkeypatch, key, sent):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    async with RealtimeCalls(api_key=key, base_url=service.url) as calls:
        await calls.hangup("rtc_1")
    assert service.requests[0][2]["authorization"] == sent


async def test_loopback_needs_no_key(service, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with RealtimeCalls(base_url=service.url) as calls:
        await calls.hangup("rtc_1")
    assert "authorization" not in service.requests[0][2]


async def test_elsewhere_a_key_is_needed(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with RealtimeCalls() as calls:
        with pytest.raises(UserError, match="no key"):
            await calls.hangup("rtc_1")


async def test_auth_is_asked_for_each_request_and_beats_the_key(service):
    asked = []

    async def auth():
        asked.append(len(asked))
        return {"Authorization": f"Bearer {len(asked)}", "content-type": "text/plain", "User-Agent": "mine"}

    async with RealtimeCalls(api_key=KEY, auth=auth, base_url=service.url) as calls:
        await calls.reject("rtc_1")
        await calls.hangup("rtc_1")
    sent = [headers for _, _, headers, _ in service.requests]
    assert [headers["authorization"] for headers in sent] == ["Bearer 1", "Bearer 2"]
    assert [headers.get("content-type") for headers in sent] == ["application/json", None]
    assert sent[0]["user-agent"] == "mine"


async def test_what_auth_raises_passes(service):
    async def auth():
        raise LookupError

    async with RealtimeCalls(auth=auth, base_url=service.url) as calls:
        with pytest.raises(LookupError):
            await calls.hangup("rtc_1")
    assert service.requests == []


async def test_a_key_that_would_break_the_request_is_not_shown(service):
    async with RealtimeCalls(api_key="sk-one\r\nX: y", base_url=service.url) as calls:
        with pytest.raises(UserError, match="line break") as caught:
            await calls.hangup("rtc_1")
    assert "sk-one" not in str(caught.value)
    assert service.requests == []


async def test_the_key_is_never_shown(service, caplog):
    caplog.set_level(logging.DEBUG)
    service.answers = [fault(401, message=f"Incorrect API key: {KEY}."), Answer(raw=f"HTTP/1.1 no {KEY}\r\n".encode())]
    async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
        shown = [repr(calls)]
        for _ in range(2):
            with pytest.raises(AgentsException) as caught:
                await calls.hangup("rtc_1")
            shown += [str(caught.value), repr(caught.value), str(caught.value.__cause__)]
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert KEY not in "".join(shown) + caplog.text
    assert "Incorrect API key: ..." in shown[1]


def giving(value):
    async def auth():
        return value

    return auth


async def test_no_part_of_an_answer_shows_the_key(service, calls):
    service.answers = [fault(400, message=KEY, type=f"a {KEY}", code=f"Bearer {KEY}", param=f"headers.{KEY}")]
    with pytest.raises(CallRequestRefused) as caught:
        await calls.hangup("rtc_1")
    error = caught.value
    assert (error.type, error.code, error.param) == ("a ...", "...", "headers....")
    assert KEY not in str(error)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"X-Version": "a", "OpenAI-Beta": "call"}, "a bad call about data"),
        ({"Authorization": "Bearer a"}, "... bad call about data"),
        ({"X-Anything": "call about data"}, "a bad ..."),
    ],
    ids=["ordinary words", "a short key", "a long value"],
)
async def test_an_error_stays_readable(service, headers, shown):
    service.answers = [fault(400, message="a bad call about data")]
    async with RealtimeCalls(auth=giving(headers), base_url=service.url) as calls:
        with pytest.raises(CallRequestRefused) as caught:
            await calls.hangup("rtc_1")
    assert str(caught.value).endswith(f"(Bad Request): {shown}")


async def test_proxies_of_the_environment_are_not_used(service, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
        await calls.hangup("rtc_1")
    assert len(service.requests) == 1


# -- what can go wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            fault(400, message="No such voice.", type="invalid_request_error", code="invalid_value", param="voice"),
            (400, "invalid_request_error", "invalid_value", "voice", "recoverable", "(Bad Request): No such voice."),
        ),
        (fault(401, code="invalid_api_key"), (401, "", "invalid_api_key", None, "fatal", "(Unauthorized)")),
        (fault(403), (403, "", None, None, "fatal", "(Forbidden)")),
        (fault(404, message="No call.", code=7), (404, "", None, None, "recoverable", "No call.")),
        (fault(429, type="insufficient_quota"), (429, "insufficient_quota", None, None, "fatal", "429")),
        (Answer(500, b"<html>"), (500, "", None, None, "recoverable", "500 (Internal Server Error)")),
        (Answer(599, b'{"error": "no"}'), (599, "", None, None, "recoverable", "status 599")),
        (Answer(502, b"[1]"), (502, "", None, None, "recoverable", "502")),
        (Answer(503, b"\xff" * 200_000), (503, "", None, None, "recoverable", "503")),
        (Answer(307, headers=[("Location", "http://127.0.0.1:9/x")]), (307, "", None, None, "recoverable", "307")),
        (Answer(400, b'{"error": {"message": "m"}}'), (400, "", None, None, "recoverable", ": m")),
    ],
)
async def test_refusals(service, calls, answer, expected):
    service.answers = [answer]
    with pytest.raises(CallRequestRefused) as caught:
        await calls.accept("rtc_1", SESSION)
    error = caught.value
    assert isinstance(error, ServerError)
    assert (error.status, error.type, error.code, error.param, error.severity) == expected[:-1]
    assert expected[-1] in str(error)
    assert "'accept'" in str(error)
    await calls.hangup("rtc_1")  # the next request is as good as any


async def test_a_long_error_is_read_in_part(service, calls):
    service.answers = [Answer(400, json.dumps({"error": {"message": "m", "long": "x" * 100_000}}).encode())]
    with pytest.raises(CallRequestRefused) as caught:
        await calls.hangup("rtc_1")
    assert str(caught.value).endswith("(Bad Request)")


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"nonsense\r\n\r\n"])
async def test_a_connection_that_is_lost(service, calls, raw):
    service.answers = [Answer(raw=raw)]
    with pytest.raises(RealtimeConnectionError) as caught:
        await calls.hangup("rtc_1")
    assert caught.value.reason
    assert len(service.requests) == 1  # nothing is said twice
    await calls.hangup("rtc_1")


async def test_nobody_there():
    async with serving() as service:
        pass
    async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
        with pytest.raises(RealtimeConnectionError) as caught:
            await calls.hangup("rtc_1")
    assert caught.value.__cause__ is None


async def test_the_deadline(service, mock_clock):
    service.answers = [SILENCE]
    async with RealtimeCalls(api_key=KEY, base_url=service.url, timeout=4) as calls, trio.open_nursery() as nursery:

        async def wait():
            await service.asked.wait()
            mock_clock.jump(4)

        nursery.start_soon(wait)
        with pytest.raises(RealtimeTimeoutError) as caught:
            await calls.refer("rtc_1", "tel:+1")
        assert (caught.value.name, caught.value.seconds) == ("call", 4)
        await calls.hangup("rtc_1")
    assert len(service.requests) == 2


async def test_the_deadline_counts_asking_for_the_key(autojump_clock):
    async def auth():
        await trio.sleep_forever()

    async with RealtimeCalls(auth=auth, base_url="http://127.0.0.1:9", timeout=3) as calls:
        with pytest.raises(RealtimeTimeoutError):
            await calls.hangup("rtc_1")
    assert trio.current_time() == 3


async def test_cancelled_while_waiting(service, calls):
    service.answers = [SILENCE]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(calls.hangup, "rtc_1")
        await service.asked.wait()
        nursery.cancel_scope.cancel()
    while service.ended < 1:  # the connection of that request is not used again
        await trio.lowlevel.checkpoint()
    await calls.hangup("rtc_2")
    assert [target for _, target, _, _ in service.requests][-1].endswith("rtc_2/hangup")


async def test_cancelled_at_each_step(service):
    for steps in range(12):
        async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:

                    async def stop(steps=steps, scope=scope):
                        for _ in range(steps):
                            await trio.lowlevel.checkpoint()
                        scope.cancel()

                    nursery.start_soon(stop)
                    await calls.hangup("rtc_1")
            await calls.hangup("rtc_2")
        assert service.requests[-1][1].endswith("rtc_2/hangup")


@pytest.mark.parametrize("when", ["before it is sent", "while it is answered"])
async def test_left_by_another_task(service, when):
    service.answers = [SILENCE]
    errors = []
    asked, left = trio.Event(), trio.Event()

    async def auth():
        asked.set()
        if when == "before it is sent":
            await left.wait()
        return {}

    async def hang_up(calls):
        with pytest.raises(AgentsException) as caught:
            await calls.hangup("rtc_1")
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        async with RealtimeCalls(auth=auth, base_url=service.url) as calls:
            nursery.start_soon(hang_up, calls)
            await (asked if when == "before it is sent" else service.asked).wait()
        left.set()
    (error,) = errors
    assert type(error) is (SessionClosed if when == "before it is sent" else RealtimeConnectionError)


async def test_left_while_cancelled(service):
    with trio.CancelScope() as scope:
        async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
            await calls.hangup("rtc_1")
            scope.cancel()
    while service.ended < 1:
        await trio.lowlevel.checkpoint()


async def test_side_by_side(service, calls):
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(calls.hangup, f"rtc_{number}")
    assert len(service.requests) == 5


async def test_tls(monkeypatch, tmp_path):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with serving(tls=context) as service:
        async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
            with pytest.raises(RealtimeConnectionError):
                await calls.hangup("rtc_1")
        assert service.requests == []
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with RealtimeCalls(api_key=KEY, base_url=service.url) as calls:
            await calls.hangup("rtc_1")
    assert len(service.requests) == 1


# -- misuse --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://api.example.com/v1", "unencrypted"),
        ("http://127.0.0.1.example.com", "unencrypted"),
        ("ftp://127.0.0.1", "https or http"),
        ("api.openai.com/v1", "https or http"),
        ("https://", "missing"),
        ("https://h:0", "missing"),
        ("https://h:x", "not valid"),
        ("https://[::1", "not valid"),
        ("https://key@h", "user name"),
        ("https://h/?key=1", "query"),
        ("https://h/#x", "fragment"),
        ("https://h /", "printable"),
        ("", "not empty"),
        (None, "must be text"),
    ],
)
def test_addresses_that_are_refused(url, message):
    with pytest.raises(UserError, match=message):
        RealtimeCalls(base_url=url)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_key": 5}, "api_key must be text or a function, not int"),
        ({"api_key": b"sk-1"}, "api_key must be text or a function, not bytes"),
        ({"auth": {"Authorization": "x"}}, "auth must be an async function, not dict"),
    ],
)
def test_types_that_are_refused(options, message):
    with pytest.raises(UserTypeError, match=message):
        RealtimeCalls(**options)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"api_key": lambda: 5}, UserTypeError, "api_key: the function must give text, not int"),
        ({"auth": dict}, UserTypeError, "auth must be an async function"),
        ({"auth": giving(None)}, UserTypeError, "auth must give a dict of headers, not NoneType"),
        ({"auth": giving({b"a": "b"})}, UserTypeError, "auth: names of headers are text, not bytes"),
        ({"auth": giving({"a": 5})}, UserError, "'a' has to be a str, not int"),
        ({"auth": giving({"Content-Length": "9"})}, UserError, "'Content-Length' belongs to the HTTP library"),
        ({"auth": giving({"transfer-encoding": "chunked"})}, UserError, "belongs to the HTTP library"),
    ],
)
async def test_credentials_that_are_refused(service, options, kind, message):
    async with RealtimeCalls(base_url=service.url, **options) as calls:
        with pytest.raises(kind, match=message):
            await calls.hangup("rtc_1")
    assert service.requests == []


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), True, "5", None])
def test_timeouts_that_are_refused(timeout):
    with pytest.raises(UserError, match="timeout"):
        RealtimeCalls(timeout=timeout)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda calls: calls.hangup(""), "call_id"),
        (lambda calls: calls.hangup(7), "call_id"),
        (lambda calls: calls.hangup(".."), "call_id"),
        (lambda calls: calls.hangup("\ud800"), "call_id"),
        (lambda calls: calls.refer("rtc_1", ""), "target_uri"),
        (lambda calls: calls.refer("rtc_1", None), "target_uri"),
        (lambda calls: calls.reject("rtc_1", status_code=200), "status_code"),
        (lambda calls: calls.reject("rtc_1", status_code="486"), "status_code"),
        (lambda calls: calls.accept("rtc_1", None), "session_payload"),
        (lambda calls: calls.accept("rtc_1", {"tools": object()}), "session_payload"),
        (lambda calls: calls.accept("rtc_1", {"speed": [float("nan")]}), "session_payload"),
        (lambda calls: calls.accept("rtc_1", {"speed": float("inf")}), "session_payload"),
    ],
)
async def test_arguments_that_are_refused(service, calls, act, message):
    with pytest.raises(UserError, match=message):
        await act(calls)
    assert service.requests == []


async def test_only_inside_its_block():
    calls = RealtimeCalls(api_key=KEY)
    with pytest.raises(UserError, match="block"):
        await calls.hangup("rtc_1")
    async with calls:
        with pytest.raises(UserError, match="once"):
            await calls.__aenter__()
    with pytest.raises(UserError, match="block"):
        await calls.hangup("rtc_1")
    await calls.__aexit__(None, None, None)


async def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(UserError, match=r"trio-realtime\[calls\]"):
        await RealtimeCalls(api_key=KEY).__aenter__()
