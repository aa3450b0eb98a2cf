"""Events as they may be shown."""

import pytest

from trio_realtime.cli.elided import elided


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"type": "response.output_audio.delta", "delta": "AA="}, {"delta": "<3 characters>"}),
        ({"type": "response.output_text.delta", "delta": "words"}, {"delta": "words"}),
        (
            {"content": [{"type": "input_audio", "audio": "AA="}]},
            {"content": [{"type": "input_audio", "audio": "<3 characters>"}]},
        ),
        ({"audio": {"input": {"format": None}}}, {"audio": {"input": {"format": None}}}),
        ({"client_secret": {"value": "ek_1"}}, {"client_secret": "<secret>"}),
        ({"tools": [{"authorization": "x"}]}, {"tools": [{"authorization": "<secret>"}]}),
        ({"headers": {"X-Mine": "a"}}, {"headers": {"X-Mine": "<secret>"}}),
        (
            {"apiKey": "a", "api-key": ["a"], "my_token": "a"},
            dict.fromkeys(("apiKey", "api-key", "my_token"), "<secret>"),
        ),
        ({"total_tokens": 5, "token_details": {"a": 1}}, {"total_tokens": 5, "token_details": {"a": 1}}),
        ({"max_output_tokens": "inf", "secret": None}, {"max_output_tokens": "inf", "secret": None}),
        ({"logprobs": [{"token": "a", "logprob": 0.5}]}, {"logprobs": [{"token": "a", "logprob": 0.5}]}),
        ({"server_url": "https://u:p@h/x?key=a"}, {"server_url": "https://h/x"}),
        ({"image_url": "data:image/png;base64,AA=="}, {"image_url": "data:image/png;base64,AA=="}),
        ({"message": "the key sk-0123456789 is wrong"}, {"message": "the key sk-... is wrong"}),
        ({"text": "x" * 31, "words": "a " * 20}, {"text": "<31 characters>", "words": "<40 characters>"}),
    ],
)
def test_secrets_and_sound_are_left_out(event, shown):
    found = elided(event, longest=30)
    assert found == {**event, **shown}


def test_words_may_stay():
    assert elided(["a " * 20], longest=30, words=True) == ["a " * 20]
