"""Sessions over TLS, on both socket transports: bad certificates are refused with a clear error, a proper one works.

The transports' own tests look at the same more closely: ``tests/transport/test_dialing.py``.
"""

from __future__ import annotations

import datetime as dt
import ssl
from typing import Any

import pytest
import trio
import trustme

from tests.canary import KEY
from tests.talk import collect, make_agent, of
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeConnectionError, RealtimeRunner
from trio_realtime.server import LocalServer

TRANSPORTS: list[Any] = ["trio-websocket", "websockets"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(certificate: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if isinstance(certificate, trustme.CA):  # a certificate that has signed itself
        with certificate.cert_pem.tempfile() as cert, certificate.private_key_pem.tempfile() as key:
            context.load_cert_chain(cert, key)
    else:
        certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def make_runner(transport: Any, context: ssl.SSLContext | None) -> RealtimeRunner[Any]:
    model = OpenAIRealtimeWebSocketModel(transport=transport, transport_config={"ssl_context": context})
    return RealtimeRunner(make_agent(), model=model)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_proper_certificate(transport: Any, authority: trustme.CA) -> None:
    server = LocalServer(pace=None)
    async with server.serve(ssl_context=serving(authority.issue_cert("127.0.0.1"))) as address:
        assert address.url.startswith("wss://")
        runner = make_runner(transport, trusting(authority))
        with trio.fail_after(20):
            session = await runner.run(model_config={"url": address.url, "api_key": KEY})
            async with session:
                await session.send_message("Say hello")
                events = await collect(session, "agent_end")
        assert [event.text for event in of(events, "transcript") if event.final][-1] == "hello"
        assert server.connections[0].headers["authorization"] == f"Bearer {KEY}"


def bad_certificate(fault: str, authority: trustme.CA) -> Any:
    if fault == "self-signed":
        return trustme.CA()
    if fault == "expired":
        past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        return authority.issue_cert("127.0.0.1", not_before=past, not_after=past + dt.timedelta(days=1))
    return authority.issue_cert("other.example")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("self-signed", "the TLS certificate is not accepted: self-signed certificate"),
        ("expired", "the TLS certificate is not accepted: certificate has expired"),
        ("wrong host", "the TLS certificate is not accepted: IP address mismatch"),
    ],
)
async def test_a_bad_certificate_is_refused_with_a_clear_error(
    fault: str, words: str, transport: Any, authority: trustme.CA
) -> None:
    server = LocalServer(pace=None)
    async with server.serve(ssl_context=serving(bad_certificate(fault, authority))) as address:
        runner = make_runner(transport, None if fault == "self-signed" else trusting(authority))
        session = await runner.run(model_config={"url": address.url, "api_key": KEY})
        with trio.fail_after(20), pytest.raises(RealtimeConnectionError) as caught:
            async with session:
                raise AssertionError
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
        assert KEY not in repr(caught.value)
        assert session.outcome != "left"
    assert server.connections == []  # the key was never sent
