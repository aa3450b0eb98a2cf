import pytest

from trio_realtime.server import _schema as s


def refusal(check, value, path="x"):
    with pytest.raises(s.RefusedError) as caught:
        check(value, path)
    return caught.value.code, caught.value.param


RECORD = s.record({"a": s.text(1)}, {"b": s.integer(1, 3), "c": s.boolean})
TAGGED = s.tagged({"one": s.record({"type": s.text()}), "two": s.record({"type": s.text(), "n": s.integer()})})


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (s.anything, object()),
        (s.boolean, True),
        (s.text(1, 3), "abc"),
        (s.integer(0, 5), 5),
        (s.number(0, 1), 0.5),
        (s.number(0, 1), 1),
        (s.choice("a", "b"), "b"),
        (s.array(s.boolean, maximum=2), [True, False]),
        (s.mapping(s.text(), maximum=1, key_length=2), {"ab": "x"}),
        (RECORD, {"a": "x", "b": None, "c": True}),
        (TAGGED, {"type": "two", "n": 1}),
        (s.tagged({"one": s.record(None, {"type": s.text()})}, default="one"), {}),
        (s.either(string=s.text(), integer=s.integer()), 3),
    ],
)
def test_what_is_allowed(check, value):
    check(value, "x")


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (s.boolean, 1, ("invalid_type", "x")),
        (s.text(), None, ("invalid_type", "x")),
        (s.text(1), "", ("invalid_value", "x")),
        (s.text(0, 3), "abcd", ("invalid_value", "x")),
        (s.integer(), 1.5, ("invalid_type", "x")),
        (s.integer(), True, ("invalid_type", "x")),
        (s.integer(1), 0, ("invalid_value", "x")),
        (s.number(0, 1), "1", ("invalid_type", "x")),
        (s.number(0, 1), 1.5, ("invalid_value", "x")),
        (s.choice("a"), "b", ("invalid_value", "x")),
        (s.choice("a"), 1, ("invalid_type", "x")),
        (s.array(s.boolean), {}, ("invalid_type", "x")),
        (s.array(s.boolean), [True, 1], ("invalid_type", "x[1]")),
        (s.array(s.boolean, maximum=1), [True, True], ("invalid_value", "x")),
        (s.mapping(), [], ("invalid_type", "x")),
        (s.mapping(maximum=1), {"a": 1, "b": 2}, ("invalid_value", "x")),
        (s.mapping(key_length=1), {"ab": 1}, ("invalid_value", "x")),
        (s.mapping(s.text()), {"a": 1}, ("invalid_type", "x.a")),
        (RECORD, "no", ("invalid_type", "x")),
        (RECORD, {}, ("missing_required_parameter", "x.a")),
        (RECORD, {"a": "x", "z": 1}, ("unknown_parameter", "x.z")),
        (RECORD, {"a": "x", "b": 4}, ("invalid_value", "x.b")),
        (TAGGED, 1, ("invalid_type", "x")),
        (TAGGED, {}, ("missing_required_parameter", "x.type")),
        (TAGGED, {"type": "three"}, ("invalid_value", "x.type")),
        (TAGGED, {"type": "two"}, ("missing_required_parameter", "x.n")),
        (s.either(string=s.text(), object=RECORD), True, ("invalid_type", "x")),
        (s.either(string=s.choice("inf"), integer=s.integer()), "many", ("invalid_value", "x")),
    ],
)
def test_what_is_refused(check, value, expected):
    assert refusal(check, value) == expected


def test_a_path_at_the_root_has_no_leading_dot():
    assert refusal(RECORD, {}, "") == ("missing_required_parameter", "a")
    assert refusal(TAGGED, {}, "") == ("missing_required_parameter", "type")


def test_messages_name_the_place_and_the_kind():
    with pytest.raises(s.RefusedError, match=r"Invalid type for 'x': expected a string, but got an integer instead."):
        s.text()(1, "x")
