import pytest

from trio_realtime.server import AudioClip, CallTool, EngineRequest, RulesEngine, Say, Transcript

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "get_weather", "description": "Get the weather of a city", "parameters": CITY}
PEOPLE = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}
TABLE = {"type": "function", "name": "book_table", "description": "Book a table", "parameters": PEOPLE}
BILLING = {"type": "function", "name": "transfer_to_billing_agent", "description": "x", "parameters": {}}
MCP = {"type": "mcp", "server_label": "s"}
TOOLS = (WEATHER, TABLE, BILLING, MCP)
CALL = {"type": "function_call", "name": "get_weather", "call_id": "c1", "arguments": "{}"}


def user(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def output(text, call_id="c1"):
    return {"type": "function_call_output", "call_id": call_id, "output": text}


async def answer(*items, tools=TOOLS, **fields):
    items = [user(item) if isinstance(item, str) else item for item in items]
    request = EngineRequest(response_id="r", items=items, tools=tools, **fields)
    return [step async for step in RulesEngine().respond(request)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's the weather in Paris?", [CallTool("get_weather", {"city": "Paris"})]),
        (
            "What is the weather in Paris and Rome?",
            [CallTool("get_weather", {"city": "Paris"}), CallTool("get_weather", {"city": "Rome"})],
        ),
        (
            "Check the weather in Oslo and book a table for 3",
            [CallTool("get_weather", {"city": "Oslo"}), CallTool("book_table", {"people": 3})],
        ),
        ("I have a question on billing", [CallTool("transfer_to_billing_agent", {})]),
        ("Let me talk to an agent", [Say('You said: "Let me talk to an agent". I can help with: get weather, book table, transfer to billing agent.')]),
        ("Hi there", [Say("Hello! How can I help you?")]),
        ("", [Say("Hello! How can I help you?")]),
        ("Thanks, goodbye!", [Say("Goodbye, and thank you for calling.")]),
        ("say pineapple weather", [Say("pineapple weather")]),
        ('Please repeat after me: "blue moon"', [Say("blue moon")]),
    ],
)  # fmt: skip
async def test_what_the_rules_answer(text, expected):
    assert await answer(text) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Transfer me to the weather people", "transfer_to_weather_agent"),
        ("What is the weather in Rome?", "get_weather"),
    ],
)
async def test_a_tool_at_hand_is_better_than_a_handoff(text, name):
    handoff = {**BILLING, "name": "transfer_to_weather_agent"}
    (call,) = await answer(text, tools=(handoff, WEATHER))
    assert call.name == name
    (call,) = await answer(text, tools=(handoff,))
    assert call == CallTool("transfer_to_weather_agent", {})


async def test_small_talk_without_tools_mentions_the_words():
    assert await answer("It rains", tools=()) == [Say('You said: "It rains".')]


async def test_instructions_can_name_the_first_words():
    assert await answer(instructions='Greet by saying "Welcome aboard".') == [Say("Welcome aboard")]
    assert await answer(instructions="Be kind.") == [Say("Hello! How can I help you?")]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", [Say]),
        ("auto", [CallTool]),
        ("required", [CallTool]),
        ({"type": "function", "name": "book_table"}, [CallTool]),
        ({"type": "function", "name": "unknown"}, [CallTool]),
    ],
)
async def test_tool_choice_is_obeyed(choice, expected):
    steps = await answer("What is the weather in Paris?", tool_choice=choice)
    assert [type(step) for step in steps] == expected
    if isinstance(choice, dict) and choice["name"] == "book_table":
        assert steps == [CallTool("book_table", {"people": 1})]


async def test_required_without_a_fitting_word_takes_a_tool_and_without_tools_none():
    assert [type(step) for step in await answer("Hi", tool_choice="required")] == [CallTool]
    assert [type(step) for step in await answer("Hi", tool_choice="required", tools=())] == [Say]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("18 degrees", "18 degrees"),
        ('{"sky": "clear", "wind_speed": 3.5}', "sky clear, wind speed 3.5"),
        ('[{"a": true}, null, false]', "a yes, nothing, no"),
        ('"quoted"', "quoted"),
    ],
)
async def test_results_are_spoken(result, words):
    expected = [Say(f"Here is what I found: {words}")]
    assert await answer("weather in Paris?", CALL, output(result), tool_choice="required") == expected


async def test_several_results_and_a_handoff():
    assert await answer("x", CALL, output("one"), output("two", "c2")) == [Say("Here is what I found: one; two")]
    transfer = {**CALL, "name": "transfer_to_billing_agent"}
    words = "You are now talking to Billing. How can I help you?"
    assert await answer("x", transfer, output('{"assistant": "Billing"}')) == [Say(words)]


async def test_transcripts_are_used_in_order_and_per_connection():
    engine = RulesEngine(transcripts=["one", Transcript("two")])
    clip = AudioClip(pcm=bytes(48_000), rate=24_000)
    for connection in (engine.open(), engine.open()):
        assert await connection.transcribe(clip) == "one"
        assert await connection.transcribe(clip) == Transcript("two")
        assert await connection.transcribe(clip) == "(1.0 seconds of audio)"
