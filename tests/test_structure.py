from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import attrs
import pytest

from trio_realtime import _structure
from trio_realtime._structure import NOT_GIVEN, NotGiven, Opaque, given, structure
from trio_realtime.errors import UserError, UserTypeError


class Plain:
    """A class that can only be passed as an instance of it."""


@attrs.frozen(kw_only=True)
class Leaf:
    number: int = 0
    text: str | None = None


@attrs.frozen(kw_only=True)
class Needs:
    name: str
    size: int


@attrs.frozen(kw_only=True)
class Cat:
    type: Literal["cat"] = "cat"
    lives: int = 9


@attrs.frozen(kw_only=True)
class Dog:
    type: Literal["dog"] = "dog"
    name: str


def _even(_: object, attribute: Any, value: int) -> None:
    if value % 2:
        raise ValueError(f"{attribute.name} must be even")


@attrs.frozen(kw_only=True)
class Config:
    text: str = ""
    number: int = 0
    ratio: float = 0.0
    flag: bool = False
    raw: bytes = b""
    choice: Literal["red", "green"] = "red"
    size: int | Literal["inf"] | None = None
    leaf: Leaf = Leaf()
    maybe: Leaf | NotGiven = NOT_GIVEN
    tracing: Leaf | Literal["auto"] | None = None
    numbers: list[int] = attrs.field(factory=list)
    words: Sequence[str] = ()
    leaves: tuple[Leaf, ...] = ()
    bare: tuple = ()
    labels: Mapping[str, str] = attrs.field(factory=dict)
    free: dict[str, Any] = attrs.field(factory=dict)
    pet: Cat | Dog | None = None
    pets: Sequence[Cat | Dog] = ()
    call: Callable[[], int] | None = None
    plain: Plain | None = None
    other: Opaque | None = None  # anything, since its class belongs to a higher layer
    anything: Any = None
    even: int = attrs.field(default=0, validator=_even)
    snake_case: bool | NotGiven = attrs.field(default=NOT_GIVEN, metadata={"aliases": ("camelCase",)})
    hidden: int = attrs.field(default=0, metadata={"internal": True})
    derived: int = attrs.field(default=7, init=False)
    _private: int = 3


def make(**values):
    return structure(values, Config, name="config")


def fault(value, cls=Config):
    with pytest.raises(UserError) as caught:
        structure(value, cls, name="config")
    assert caught.value.__suppress_context__
    return str(caught.value)


def plain():
    return None


PLAIN = Plain()


class TestAccepted:
    @pytest.mark.parametrize(
        ("key", "value", "result"),
        [
            ("text", "hello", "hello"),
            ("number", -3, -3),
            ("number", 10**400, 10**400),
            ("ratio", 2, 2),
            ("ratio", 0.5, 0.5),
            ("flag", True, True),
            ("raw", b"x", b"x"),
            ("raw", bytearray(b"x"), b"x"),
            ("raw", memoryview(b"x"), b"x"),
            ("choice", "green", "green"),
            ("size", None, None),
            ("size", 5, 5),
            ("size", "inf", "inf"),
            ("leaf", {"number": 1}, Leaf(number=1)),
            ("leaf", types.MappingProxyType({"number": 1}), Leaf(number=1)),
            ("leaf", {}, Leaf()),
            ("maybe", NOT_GIVEN, NOT_GIVEN),
            ("maybe", {"text": None}, Leaf()),
            ("tracing", "auto", "auto"),
            ("tracing", {"number": 2}, Leaf(number=2)),
            ("numbers", (1, 2), [1, 2]),
            ("words", ["a", "b"], ("a", "b")),
            ("leaves", [{"number": 1}, Leaf(number=2)], (Leaf(number=1), Leaf(number=2))),
            ("labels", {"a": "b"}, {"a": "b"}),
            ("free", {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
            ("pet", {"type": "dog", "name": "Rex"}, Dog(name="Rex")),
            ("pet", {"lives": 3}, Cat(lives=3)),
            ("pet", {"name": "Rex"}, Dog(name="Rex")),
            ("pets", [{"type": "cat"}, Dog(name="Rex")], (Cat(), Dog(name="Rex"))),
            ("call", plain, plain),
            ("call", Plain, Plain),
            ("plain", PLAIN, PLAIN),
            ("other", PLAIN, PLAIN),
            ("other", 5, 5),
            ("anything", {1: 2}, {1: 2}),
            ("even", 2, 2),
            ("snake_case", True, True),
            ("private", 4, 4),
        ],
    )
    def test_a_key_and_its_value(self, key, value, result):
        config = make(**{key: value})
        name = "_private" if key == "private" else key
        assert getattr(config, name) == result
        assert type(getattr(config, name)) is type(result)
        assert config == Config(**{key: result})

    def test_nothing_is_the_defaults(self):
        assert make() == Config()

    def test_an_instance_passes_as_it_is(self):
        config = Config(number=1)
        assert structure(config, Config, name="config") is config
        leaf = Leaf(number=1)
        assert make(leaf=leaf).leaf is leaf

    def test_a_dict_is_copied(self):
        free = {"a": 1}
        config = make(free=free)
        free["b"] = 2
        assert config.free == {"a": 1}

    @pytest.mark.parametrize(
        "spelling", [{"camelCase": True}, {"snake_case": True}, {"camelCase": True, "snake_case": True}]
    )
    def test_another_spelling(self, spelling):
        assert structure(spelling, Config, name="config").snake_case is True


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"nummber": 1}, "config.nummber: is not a key of Config; did you mean 'number'?"),
            ({"leaf": {"txt": ""}}, "config.leaf.txt: is not a key of Leaf; did you mean 'text'?"),
            ({"leaves": [{}, {"nmber": 1}]}, "config.leaves[1].nmber: is not a key of Leaf; did you mean 'number'?"),
            ({"maybe": {"nmber": 1}}, "config.maybe.nmber: is not a key of Leaf; did you mean 'number'?"),
            ({"camelCas": True}, "config.camelCas: is not a key of Config; did you mean 'camelCase'?"),
            ({"leaf": {"qqq": 1}}, "config.leaf.qqq: is not a key of Leaf; the keys are number, text"),
            ({"pet": {"type": "cat", "livse": 1}}, "config.pet.livse: is not a key of Cat; did you mean 'lives'?"),
        ],
    )
    def test_named_with_the_nearest(self, value, message):
        assert fault(value) == message

    @pytest.mark.parametrize("key", ["hidden", "derived", "_private"])
    def test_what_is_not_the_users_is_not_a_key(self, key):
        assert f"config.{key}: is not a key of Config" in fault({key: 1})

    def test_a_key_that_is_not_text_is_not_shown(self):
        assert fault({b"secret": 1}) == "config: keys must be text, not bytes"
        assert fault({"leaf": {3: 1}}) == "config.leaf: keys must be text, not int"
        assert fault({"labels": {b"secret": "x"}}) == "config.labels: keys must be text, not bytes"

    def test_two_spellings_that_disagree(self):
        message = fault({"snake_case": True, "camelCase": False})
        assert message == "config.camelCase: is given twice with different values, once as 'snake_case'"


class TestWrongValues:
    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("text", 3, "must be text, not int"),
            ("text", None, "must be text, not None"),
            ("text", b"x", "must be text, not bytes"),
            ("number", "3", "must be a whole number, not str"),
            ("number", 3.0, "must be a whole number, not float"),
            ("number", True, "must be a whole number, not bool"),
            ("ratio", "0.5", "must be a number, not str"),
            ("ratio", False, "must be a number, not bool"),
            ("ratio", float("nan"), "must be a finite number"),
            ("ratio", float("inf"), "must be a finite number"),
            ("ratio", 10**400, "must be a finite number"),
            ("flag", 1, "must be true or false, not int"),
            ("flag", "yes", "must be true or false, not str"),
            ("raw", "x", "must be bytes, not str"),
            ("choice", "gren", "must be 'red' or 'green', not 'gren'; did you mean 'green'?"),
            ("choice", "blue-ish", "must be 'red' or 'green', not 'blue-ish'"),
            ("choice", 1, "must be 'red' or 'green', not int"),
            ("size", 1.5, "must be a whole number or 'inf' or None, not float"),
            ("size", True, "must be a whole number or 'inf' or None, not bool"),
            ("size", "inv", "must be 'inf', not 'inv'; did you mean 'inf'?"),
            ("leaf", 3, "must be a Leaf or a dict, not int"),
            ("leaf", None, "must be a Leaf or a dict, not None"),
            ("maybe", None, "must be a Leaf or a dict, not None"),
            ("tracing", 3, "must be a Leaf or a dict or 'auto' or None, not int"),
            ("tracing", "atuo", "must be 'auto', not 'atuo'; did you mean 'auto'?"),
            ("numbers", "12", "must be a list, not str"),
            ("numbers", {1}, "must be a list, not set"),
            ("words", b"ab", "must be a list, not bytes"),
            ("words", memoryview(b"ab"), "must be a list, not memoryview"),
            ("leaves", {}, "must be a list, not dict"),
            ("labels", [("a", "b")], "must be a dict, not list"),
            ("pet", 3, "must be a Cat or a dict or a Dog or None, not int"),
            ("call", 3, "must be a function or None, not int"),
            ("plain", Plain, "must be a Plain or None, not type"),
            ("even", 3, "even must be even"),
        ],
    )
    def test_the_message(self, key, value, message):
        where = "config: " if key == "even" else f"config.{key}: "
        assert fault({key: value}) == where + message

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"numbers": [1, 2, "3"]}, "config.numbers[2]: must be a whole number, not str"),
            ({"leaves": [{}, 5]}, "config.leaves[1]: must be a Leaf or a dict, not int"),
            ({"leaves": [{"number": "1"}]}, "config.leaves[0].number: must be a whole number, not str"),
            ({"labels": {"a": 1}}, "config.labels.a: must be text, not int"),
            ({"leaf": {"text": 5}}, "config.leaf.text: must be text or None, not int"),
            ({"tracing": {"number": "1"}}, "config.tracing.number: must be a whole number, not str"),
            ({"pets": [{"type": "cat", "lives": "9"}]}, "config.pets[0].lives: must be a whole number, not str"),
            ({"pets": [Cat(), {"type": "dog"}]}, "config.pets[1].name: is missing"),
            (
                {"pets": [{"type": "dgo"}]},
                "config.pets[0].type: must be 'cat' or 'dog', not 'dgo'; did you mean 'dog'?",
            ),
            ({"pets": [{"type": 3}]}, "config.pets[0].type: must be 'cat' or 'dog', not int"),
        ],
    )
    def test_the_path_leads_to_the_fault(self, value, message):
        assert fault(value) == message

    def test_a_missing_key(self):
        assert fault({"name": "x"}, Needs) == "config.size: is missing"

    def test_neither_an_instance_nor_a_dict(self):
        assert fault("secret") == "config: must be a Config or a dict, not str"

    @pytest.mark.parametrize(
        ("value", "kind"), [({"text": 3}, UserTypeError), ({"choice": "x"}, UserError), ({"x": 1}, UserError)]
    )
    def test_a_wrong_type_is_a_type_error_too(self, value, kind):
        with pytest.raises(kind) as caught:
            structure(value, Config, name="config")
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, TypeError) is (kind is UserTypeError)

    def test_the_value_is_named_only_where_it_is_one_of_a_few_words(self):
        for key in attrs.fields_dict(Config):
            if key in {"choice", "size", "tracing", "anything", "other", "text", "hidden", "derived", "_private"}:
                continue
            assert "canary" not in fault({key: "canary"})


class TestNotGiven:
    def test_it_is_false_and_says_what_it_is(self):
        assert not NOT_GIVEN
        assert repr(NOT_GIVEN) == "NOT_GIVEN"

    def test_what_was_given(self):
        assert given(Leaf(number=1)) == {"number": 1, "text": None}
        config = Config(maybe=NOT_GIVEN, snake_case=True)
        assert "maybe" not in given(config)
        assert given(config)["snake_case"] is True

    def test_elsewhere_it_is_refused(self):
        assert fault({"number": NOT_GIVEN}) == "config.number: must be a whole number, not NotGiven"
        with pytest.raises(UserTypeError, match="must be left out, not int"):
            structure(3, NotGiven, name="x")


def test_public_names():
    assert set(_structure.__all__) == {"NOT_GIVEN", "NotGiven", "Opaque", "given", "structure"}
    assert Opaque[int] is Opaque
