"""What is shown of URLs."""

import pytest

from tests.canary import KEY, SECRET, leak_in
from trio_realtime._urls import host_of, other_scheme, scrubbed, shown_origin, shown_url

HIDDEN = "(an address that is not shown)"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://h.example/v1/realtime", "wss://h.example/v1/realtime"),
        (f"ws://127.0.0.1:8765/x?model=m&token={SECRET}", "ws://127.0.0.1:8765/x"),
        (f"ws://user:{SECRET}@h:9/x", "ws://h:9/x"),
        (f"ws://{SECRET}@[::1]:9", "ws://[::1]:9"),
        (f"ws://h/x#{SECRET}", "ws://h/x"),
        (f"ws://user:12/{SECRET}@h/x", HIDDEN),
        (f"ws://{SECRET}?x@h/x", HIDDEN),
        (f"ws://user:#{SECRET}@h/x", HIDDEN),
        (f"user:{SECRET}@h/x", HIDDEN),
        (f"{SECRET}:x@h", HIDDEN),
        (f"{SECRET}://h", HIDDEN),
        (f"ws://[{SECRET}", HIDDEN),
        (f"ws://user:{SECRET}", HIDDEN),
        ("", HIDDEN),
    ],
)
def test_a_url_is_shown_without_its_secrets(url, shown):
    assert shown_url(url) == shown
    assert leak_in(shown_origin(url)) is None


def test_an_origin_has_no_path():
    assert shown_origin(f"https://u:{SECRET}@h:1/{SECRET}") == "https://h:1"


def test_hosts_and_schemes():
    assert host_of("ws://u:p@H:1/x") == "h"
    assert host_of("ws://[") == host_of("h/x") == ""
    assert other_scheme("http") == ", not 'http'"
    assert other_scheme(KEY) == ""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Got unexpected extra argument (ws://u:{SECRET}@h/x)", "Got unexpected extra argument (ws://...@h/x)"),
        (f"unrecognized arguments: ws://u:a/b@c{SECRET}@h/x?a=b", "unrecognized arguments: ws://...@h/x?..."),
        (f"no such thing: u:{SECRET}@h.example/x", "no such thing: ...@h.example/x"),
        (f"see 'https://h/x?q={SECRET}' or not", "see 'https://h/x?...' or not"),
        (f"bad x-api-key={SECRET}&b=c", "bad x-api-key=...&b=c"),
        (f"Authorization: Bearer {KEY}-0123", "Authorization: Bearer ..."),
        (f"the key {KEY} is wrong", "the key sk-... is wrong"),
        ("mail a@b.example: what is 1:2?", "mail a@b.example: what is 1:2?"),
        ("tool 'x': not found at ws://h:1/x", "tool 'x': not found at ws://h:1/x"),
    ],
)
def test_a_text_loses_what_looks_like_a_secret(text, left):
    assert scrubbed(text) == left
