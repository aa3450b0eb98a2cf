import pytest

from trio_realtime.server.engines.words import fill_arguments, tool_score, word_set

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
BOOLEAN = {"type": "boolean"}


def make(name="do_it", description="", required=None, /, **properties):
    required = list(properties) if required is None else required
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "name": name, "description": description, "parameters": parameters}


def test_words_match_through_their_endings_and_joints():
    assert word_set("bookTable") == word_set("book_tables") == word_set("booked a table") == {"book", "tabl"}
    assert word_set("the weather's") == {"weather"}
    assert word_set("") == frozenset()


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("What is the weather in Paris?", 3),
        ("the weather forecast", 4),
        ("Tell me a joke", 0),
    ],
)
def test_how_well_a_tool_fits(text, score):
    assert tool_score(make("get_weather", "Get the forecast for a city"), text) == score
    assert tool_score({"name": "x"}, "y") == 0


@pytest.mark.parametrize(
    ("tool", "text", "expected"),
    [
        (make("get_weather", city=STRING), "What's the weather in Paris?", {"city": "Paris"}),
        (make("get_weather", city=STRING), "weather for New York please", {"city": "New York"}),
        (make("get_weather", city=STRING), "Is London rainy? weather", {"city": "London"}),
        (make("get_weather", city=STRING), "weather berlin", {"city": "berlin"}),
        (make("get_weather", city=STRING), "weather", {"city": "weather"}),
        (make("get_weather", city={**STRING, "default": "Rome"}), "weather", {"city": "Rome"}),
        (
            make("book_flight", origin=STRING, destination=STRING),
            "Book a flight from Oslo to Rome",
            {"origin": "Oslo", "destination": "Rome"},
        ),
        (
            make("book_table", people=INTEGER, date=STRING, time=STRING),
            "Book a table for four on Friday at 7 pm",
            {"people": 4, "date": "Friday", "time": "7 pm"},
        ),
        (make("add", a=INTEGER, b={"type": "number"}), "add 2 and 3.5", {"a": 2, "b": 3.5}),
        (make("add", a=INTEGER, b={"type": "number"}), "add", {"a": 1, "b": 1}),
        (make("add", a={**INTEGER, "minimum": 5}), "add", {"a": 5}),
        (make("mail", email=STRING), "write to bob@example.org now", {"email": "bob@example.org"}),
        (make("call", phone=STRING), "call +49 30 1234567", {"phone": "+49 30 1234567"}),
        (make("call", phone=STRING), "call him", {"phone": "call him"}),
        (make("due", due_date=STRING), "due 2026-02-03", {"due_date": "2026-02-03"}),
        (make("at", when={**STRING, "format": "date"}), "see you tomorrow", {"when": "tomorrow"}),
        (make("paint", colour={"enum": ["red", "dark_blue"]}), "paint it dark blue", {"colour": "dark_blue"}),
        (make("paint", colour={"enum": ["red", "blue"]}), "paint it", {"colour": "red"}),
        (make("light", on=BOOLEAN), "light please", {"on": True}),
        (make("light", enabled=BOOLEAN), "turn the light off", {"enabled": False}),
        (make("light", enabled={**BOOLEAN, "default": False}), "light please", {"enabled": False}),
        (make("light", enabled={**BOOLEAN, "default": False}), "light enabled", {"enabled": True}),
        (make("pack", things={"type": "array", "items": STRING}), "pack for socks and shoes", {"things": ["socks", "shoes"]}),
        (make("sum", numbers={"type": "array", "items": INTEGER}), "sum 3", {"numbers": [3]}),
        (make("sum", numbers={"type": "array", "items": INTEGER}), "sum", {"numbers": []}),
        (
            make("ship", address={"type": "object", "properties": {"city": STRING}, "required": ["city"]}),
            "ship to Bonn",
            {"address": {"city": "Bonn"}},
        ),
        (make("x", version={"const": 2}), "x", {"version": 2}),
        (make("x", nothing={"type": "null"}), "x", {"nothing": None}),
        (make("x", n={"type": ["null", "integer"]}), "x 7", {"n": 7}),
        (make("x", n={"type": ["null"]}), "x 7", {"n": None}),
        (make("x", n={"anyOf": [{"type": "null"}, INTEGER]}), "x 7", {"n": 7}),
        (make("x", "", [], n=INTEGER, name=STRING), "x", {}),
        (make("greet", name=STRING), "greet the one named Ada", {"name": "Ada"}),
        (make("say", first=STRING, second=STRING), "tell Ada about Bob", {"first": "Bob", "second": "Ada"}),
        ({"name": "bare"}, "bare words", {}),
    ],
)  # fmt: skip
def test_arguments_from_words(tool, text, expected):
    assert fill_arguments(tool, text) == expected


def test_references_are_followed_even_if_they_never_end():
    parameters = {
        "type": "object",
        "properties": {"n": {"$ref": "#/$defs/N"}, "loop": {"$ref": "#/$defs/L"}, "gone": {"$ref": "#/$defs/G"}},
        "required": ["n", "gone"],
        "$defs": {"N": INTEGER, "L": {"$ref": "#/$defs/L"}},
    }
    assert fill_arguments({"name": "x", "parameters": parameters}, "x 3")["n"] == 3
    nested = {"type": "object", "properties": {"n": {"$ref": "#"}}, "required": ["n"]}
    assert "n" in fill_arguments({"name": "x", "parameters": nested}, "x")
