"""The default engine: fixed rules that make a development agent useful without any model."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, cast

import msgspec.json

from trio_realtime.server.audio import AudioClip
from trio_realtime.server.engines.base import CallTool, Engine, EngineRequest, EngineStep, Say, Transcript
from trio_realtime.server.engines.words import fill_arguments, tool_score, word_set

__all__ = ["RulesEngine"]

_SAY: Final = re.compile(
    r"^\W*(?:please\s+)?(?:say|repeat(?:\s+after\s+me)?)\b[\s:,]*(?P<words>.+)$", re.IGNORECASE | re.DOTALL
)
_SAY_WITHIN: Final = re.compile(r"\bsay(?:ing)?\b[\s:,]*[\"'“](?P<words>[^\"”]+?)[\"'”](?:\W|$)", re.IGNORECASE)
_GREETING: Final = re.compile(r"^\W*(?:hello|hi|hey|good (?:morning|evening|afternoon))\b", re.IGNORECASE)
_GOODBYE: Final = re.compile(r"\b(?:good\s?bye|bye)\b", re.IGNORECASE)
_HANDOFF: Final = re.compile(r"^(?:transfer|hand_?off)_to_(?P<where>.+)$", re.IGNORECASE)
_TRANSFER: Final = re.compile(r"\b(?:transfer|connect|hand|put|talk|speak)\b", re.IGNORECASE)
_ENOUGH: Final = 2
_EXACTLY: Final = re.compile(r"Say exactly this, word for word, and nothing else: (?P<words>.+)", re.DOTALL)


class RulesEngine(Engine):
    """Answers by rules, the same way every time.

    In this order: it says what the instructions give word for word ("Say exactly this, ..."); speaks the results of
    tools (whatever ``tool_choice`` says: the model would call tools for ever); does what ``tool_choice`` demands; says
    what it is told to ("say ...", "repeat ..."); hands over to the ``transfer_to_x`` tool whose name the user speaks
    of, unless a tool at hand fits the words; calls the declared tools that the user's words fit, with arguments filled
    from the words by the tool's schema (twice, in parallel, for "Paris and Rome"); else it answers with small talk that
    mentions what the user said.

    Args:
        transcripts: words for the user's spoken turns, in order and per connection, because nothing here understands
            speech; without one a turn is heard as its length.
    """

    def __init__(self, *, transcripts: Iterable[str | Transcript] = ()) -> None:
        self._transcripts = tuple(transcripts)
        self._next = 0

    def open(self) -> Engine:
        """Give an engine whose transcripts begin with the first."""
        return RulesEngine(transcripts=self._transcripts)

    async def transcribe(self, audio: AudioClip) -> str | Transcript:
        """Give the next of the transcripts."""
        if self._next >= len(self._transcripts):
            return await super().transcribe(audio)
        self._next += 1
        return self._transcripts[self._next - 1]

    async def respond(self, request: EngineRequest) -> AsyncIterator[EngineStep]:
        """Answer by the rules."""
        for step in answer(request):
            yield step


def answer(request: EngineRequest) -> list[EngineStep]:
    """Give all steps of an answer."""
    results = request.results
    text = request.user_text
    exactly = _EXACTLY.search(request.instructions)
    if exactly is not None:
        return [Say(exactly["words"])]
    if results:
        return [Say(_spoken(results))]
    demanded = _demanded(request, text)
    if demanded is not None:
        return [_call(demanded, text)]
    told = _SAY.match(text) or _SAY_WITHIN.search(text or request.instructions)
    if told is not None:
        return [Say(told["words"].strip().strip("\"'“”"))]
    if request.tool_choice != "none":
        calls = _calls(request, text)
        if calls:
            return [*calls]
    return [Say(_small_talk(request, text))]


def _functions(request: EngineRequest) -> list[Mapping[str, Any]]:
    return [tool for tool in request.tools if tool.get("type", "function") == "function"]


def _demanded(request: EngineRequest, text: str) -> Mapping[str, Any] | None:
    """Give the tool that ``tool_choice`` demands."""
    tools = _functions(request)
    if isinstance(request.tool_choice, str):
        if request.tool_choice != "required" or not tools:
            return None
        return max(tools, key=lambda tool: tool_score(tool, text))
    name = request.tool_choice.get("name")
    return next((tool for tool in tools if tool["name"] == name), None)


def _calls(request: EngineRequest, text: str) -> list[CallTool]:
    """Give the calls that the user's words ask for: one handoff, or every tool that one of the clauses fits best."""
    tools = _functions(request)
    plain = [tool for tool in tools if not _HANDOFF.match(tool["name"])]
    fits_here = bool(_fitting(plain, [text])) and not _TRANSFER.search(text)
    for tool in () if fits_here else tools:
        handoff = _HANDOFF.match(tool["name"])
        if handoff is not None and word_set(text) & (word_set(handoff["where"]) - {"agent"}):
            return [_call(tool, text)]
    by_clause = _fitting(plain, _clauses(text))
    chosen = by_clause if len(by_clause) > 1 else _fitting(plain, [text])
    return [call for tool, clause in chosen for call in _parallel(tool, clause)]


def _fitting(tools: list[Mapping[str, Any]], clauses: list[str]) -> list[tuple[Mapping[str, Any], str]]:
    """Give each tool that fits a clause best, and fits it well enough, once."""
    found: dict[str, tuple[Mapping[str, Any], str]] = {}
    for clause in clauses if tools else ():
        best = max(tools, key=lambda tool: tool_score(tool, clause))
        if tool_score(best, clause) >= _ENOUGH:
            found.setdefault(best["name"], (best, clause))
    return list(found.values())


def _clauses(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\band\b|\bthen\b|[.;?!]", text) if part.strip()]


def _parallel(tool: Mapping[str, Any], text: str) -> list[CallTool]:
    """Give one call, or one for each of several names ("Paris and Rome") where the tool takes one."""
    call = _call(tool, text)
    arguments: Mapping[str, Any] = call.arguments if isinstance(call.arguments, Mapping) else {}
    for name, value in arguments.items():
        parts = re.split(r",\s*(?:and\s+)?|\s+and\s+", value) if isinstance(value, str) else []
        if len(parts) > 1 and all(part[:1].isupper() for part in parts):
            return [CallTool(tool["name"], {**arguments, name: part}) for part in parts]
    return [call]


def _call(tool: Mapping[str, Any], text: str) -> CallTool:
    return CallTool(tool["name"], fill_arguments(tool, text))


def _spoken(results: list[tuple[str, str]]) -> str:
    handoff = next((output for name, output in results if _HANDOFF.match(name)), None)
    if handoff is not None:
        return f"You are now talking to {_plain(handoff)}. How can I help you?"
    return "Here is what I found: " + "; ".join(_plain(output) for _, output in results)


def _plain(output: str) -> str:
    """Give a tool's output as words: the fields of a JSON object, the elements of an array, or the text as it is."""
    try:
        value = msgspec.json.decode(output)
    except msgspec.DecodeError:
        return output.strip()
    return _flat(value)


def _flat(value: object) -> str:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        if list(fields) == ["assistant"]:
            return _flat(fields["assistant"])
        return ", ".join(f"{key.replace('_', ' ')} {_flat(inner)}" for key, inner in fields.items())
    if isinstance(value, list):
        return ", ".join(map(_flat, cast("list[object]", value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value)


def _small_talk(request: EngineRequest, text: str) -> str:
    if not text or _GREETING.match(text):
        return "Hello! How can I help you?"
    if _GOODBYE.search(text):
        return "Goodbye, and thank you for calling."
    abilities = [" ".join(_name_words(tool)) for tool in _functions(request)]
    offer = f" I can help with: {', '.join(abilities)}." if abilities else ""
    return f'You said: "{text.strip()}".{offer}'


def _name_words(tool: Mapping[str, Any]) -> list[str]:
    """Give the words of a tool's name in their order."""
    return [word for word in re.split(r"[_-]+", tool["name"]) if word]
