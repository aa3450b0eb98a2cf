# No "from __future__ import annotations" here: both libraries read these functions' annotations.
"""What scenarios are played with: tools, guardrails and callables by name, written once for both libraries.

``lib`` is a namespace of one library's names (see driver_ours.py and driver_reference.py). What the application's own
functions see and give is written to ``log``, which is compared too.
"""

import copy
import threading
from dataclasses import dataclass
from typing import Annotated, Any, Literal


@dataclass
class Place:
    """Where something is."""

    city: str
    floor: int = 0


class DiskFullError(Exception):
    """A failure of the application's own."""


class Cast:
    """The agents and callables of one scenario.

    Attributes:
        agents: by name; ``first`` is the one that begins.
        log: what the application's functions saw and gave.
        flags: switches that ``do: flag`` sets, read by ``@flag...`` callables.
        session: the library's session, for tools that use it; set when it is entered.
    """

    def __init__(self, lib: Any, scenario: dict[str, Any]) -> None:
        self.lib = lib
        self.log: list[dict[str, Any]] = []
        self.flags: dict[str, Any] = {"hidden_enabled": False, "handoff_enabled": True, "mood": "kind"}
        self.gates: dict[str, Any] = {}
        self.thread_gates: dict[str, threading.Event] = {}
        self.session: Any = None
        self.tracker = lib.RealtimePlaybackTracker()
        self.tools = _tools(lib, self)
        self.symbols = {**self.tools, **_callables(lib, self), "tracker": self.tracker}
        self.agents: dict[str, Any] = {}
        described = scenario.get("agents") or [{"name": "Assistant", "instructions": "Be kind."}]
        for agent in described:
            self.agents[agent["name"]] = self._agent(agent)
        for agent in described:
            self.agents[agent["name"]].handoffs.extend(self._handoff(one) for one in agent.get("handoffs", ()))
        self.first = self.agents[described[0]["name"]]
        self.run_config = self.resolve(scenario.get("run_config") or {})
        self.model_config = self.resolve(scenario.get("model_config") or {})
        self.context = scenario.get("context")

    def gate(self, name: str) -> Any:
        """Give the event that ``do: {release: name}`` sets."""
        if name not in self.gates:
            self.gates[name] = self.lib.Event()
        return self.gates[name]

    def thread_gate(self, name: str) -> threading.Event:
        """Give the event that ``do: {release: name}`` sets too, for tools that run in threads."""
        return self.thread_gates.setdefault(name, threading.Event())

    def note(self, what: str, **fields: Any) -> None:
        """Write to the log."""
        self.log.append({"app": what, **copy.deepcopy(fields)})

    def gives(self, text: str) -> str:
        """Give a text of the application's own, and write it to the log: it is then not the library's."""
        self.note("gives", text=text)
        return text

    def fails(self, text: str) -> DiskFullError:
        """Give an error of the application's own, and write its text to the log."""
        self.note("fails", text=text)
        return DiskFullError(text)

    def resolve(self, value: Any) -> Any:
        """Put callables and objects in the place of ``"@name"``."""
        if isinstance(value, str) and value.startswith("@"):
            return self.symbols[value[1:]]
        if isinstance(value, dict):
            return {key: self.resolve(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.resolve(one) for one in value]
        return value

    def _agent(self, described: dict[str, Any]) -> Any:
        fields = {key: self.resolve(value) for key, value in described.items() if key not in ("tools", "handoffs")}
        if "output_guardrails" in fields:
            fields["output_guardrails"] = [self.symbols[name] for name in described["output_guardrails"]]
        return self.lib.RealtimeAgent(**fields, tools=[self.tools[name] for name in described.get("tools", ())])

    def _handoff(self, described: Any) -> Any:
        if isinstance(described, str):
            return self.agents[described]
        fields = {key: self.resolve(value) for key, value in described.items() if key != "to"}
        return self.lib.realtime_handoff(self.agents[described["to"]], **fields)


def _tools(lib: Any, cast: Cast) -> dict[str, Any]:
    tool = lib.function_tool

    @tool
    async def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
        """Say what the weather is like.

        Args:
            city: The city to look at.
            unit: The unit of the temperature.
        """
        cast.note("get_weather", city=city, unit=unit)
        return cast.gives(f"Sunny in {city}, 20 {unit}")

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        cast.note("add", a=a, b=b)
        cast.thread_gate("add").wait(5)
        return a + b

    @tool
    async def slow(name: str) -> str:
        """Wait until somebody lets it go on."""
        cast.note("slow begins", name=name)
        await cast.gate(name).wait()
        cast.note("slow ends", name=name)
        return cast.gives(f"{name} is done")

    @tool
    async def hang_up() -> str:
        """Close the session."""
        cast.note("hang_up begins")
        try:
            await cast.session.close()
        finally:
            cast.note("hang_up ends")
        return "closed"

    @tool
    async def speak_up(text: str) -> str:
        """Write a message of the user."""
        await cast.session.send_message(text)
        return cast.gives("said")

    @tool
    async def stop_talking() -> str:
        """Interrupt what plays."""
        await cast.gate("stop").wait()
        await cast.session.interrupt()
        return cast.gives("silent")

    @tool
    async def change_agent(name: str) -> str:
        """Change the agent without a handoff."""
        await cast.session.update_agent(cast.agents[name])
        return cast.gives(f"now {name}")

    @tool
    async def cancellable() -> str:
        """Wait for good."""
        cast.note("cancellable begins")
        try:
            await cast.gate("never").wait()
        finally:
            cast.note("cancellable ends")
        return "never"

    @tool
    async def report(place: Place, notes: list[str] | None = None) -> dict[str, Any]:
        """Report a place."""
        cast.note("report", city=place.city, floor=place.floor, notes=notes)
        return {"city": place.city, "floor": place.floor, "ä": notes}

    @tool
    async def find_place(query: Annotated[str, "What to look for."]) -> Place:
        """Find a place."""
        cast.note("find_place", query=query)
        return Place(query, 2)

    @tool
    async def nothing() -> None:
        """Do nothing."""
        cast.note("nothing")

    @tool
    async def broken(path: str) -> str:
        """Save a file."""
        cast.note("broken", path=path)
        raise cast.fails(f"no room for {path}")

    @tool(failure_error_function=None)
    async def broken_hard(path: str) -> str:
        """Save a file or fail."""
        cast.note("broken_hard", path=path)
        raise cast.fails(f"no room for {path}")

    def excuse(context: Any, error: Exception) -> str:
        cast.note("excuse", error=type(error).__name__, text=str(error))
        return cast.gives(f"Sorry: {error}")

    @tool(failure_error_function=excuse)
    async def broken_politely(path: str) -> str:
        """Save a file or say sorry."""
        raise cast.fails(f"no room for {path}")

    @tool
    async def whoami(context: lib.ToolContext, loud: bool = False) -> str:
        """Say who speaks."""
        agent = context.agent.name if context.agent is not None else None
        cast.note("whoami", name=context.tool_name, call_id=context.tool_call_id, given=context.context, agent=agent)
        text = f"You are {(context.context or {}).get('user', 'nobody')}"
        return cast.gives(text.upper() if loud else text)

    async def is_hidden(context: Any, agent: Any) -> bool:
        return bool(cast.flags["hidden_enabled"])

    @tool(is_enabled=is_hidden)
    async def hidden(word: str) -> str:
        """Do something secret."""
        cast.note("hidden", word=word)
        return cast.gives(f"secret {word}")

    @tool(is_enabled=False)
    async def disabled() -> str:
        """Never be seen."""
        return "never"

    @tool(name_override="renamed_tool", description_override="It has another name.")
    async def renamed(x: float) -> float:
        """Be called otherwise."""
        return x * 2

    @tool(needs_approval=True)
    async def pay(amount: int) -> str:
        """Pay an amount."""
        cast.note("pay", amount=amount)
        return cast.gives(f"paid {amount}")

    async def is_large(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        cast.note("is_large", arguments=arguments, call_id=call_id)
        return arguments.get("amount", 0) > 100

    @tool(needs_approval=is_large)
    async def pay_some(amount: int) -> str:
        """Pay an amount, large ones after asking."""
        cast.note("pay_some", amount=amount)
        return cast.gives(f"paid some {amount}")

    def is_broken(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        raise cast.fails("nobody knows whether to ask")

    @tool(needs_approval=is_broken)
    async def pay_unsure(amount: int) -> str:
        """Pay an amount, perhaps after asking."""
        cast.note("pay_unsure", amount=amount)
        return cast.gives(f"paid unsurely {amount}")

    @tool(timeout=0.25)
    async def late(name: str) -> str:
        """Take too long."""
        cast.note("late begins", name=name)
        await cast.gate(name).wait()
        return "never"

    @tool(timeout=0.25, timeout_behavior="raise_exception")
    async def late_hard(name: str) -> str:
        """Take too long and fail."""
        await cast.gate(name).wait()
        return "never"

    def too_late(context: Any, error: Exception) -> str:
        return cast.gives("That took too long.")

    @tool(timeout=0.25, timeout_error_function=too_late)
    async def late_politely(name: str) -> str:
        """Take too long and say so."""
        await cast.gate(name).wait()
        return "never"

    def watch_input(data: Any) -> Any:
        text = data.context.tool_arguments
        cast.note("watch_input", arguments=text, agent=data.agent.name)
        if "forbidden" in text:
            return lib.ToolGuardrailFunctionOutput.reject_content(cast.gives("That word is not allowed."))
        if "crash" in text:
            raise cast.fails("the guardrail has no room")
        if "fatal" in text:
            return lib.ToolGuardrailFunctionOutput.raise_exception("stop")
        return lib.ToolGuardrailFunctionOutput.allow()

    def watch_output(data: Any) -> Any:
        cast.note("watch_output", output=data.output)
        if "spoiled" in str(data.output):
            return lib.ToolGuardrailFunctionOutput.reject_content(cast.gives("The output was withheld."))
        if "burnt" in str(data.output):
            return lib.ToolGuardrailFunctionOutput.raise_exception("stop")
        return lib.ToolGuardrailFunctionOutput.allow()

    guards = {
        "tool_input_guardrails": [lib.tool_input_guardrail(watch_input)],
        "tool_output_guardrails": [lib.tool_output_guardrail(watch_output)],
    }

    @tool(**guards)
    async def guarded(word: str) -> str:
        """Repeat a word."""
        cast.note("guarded", word=word)
        return cast.gives(f"word: {word}")

    def note_input(data: Any) -> Any:
        cast.note("note_input", arguments=data.context.tool_arguments)
        return (
            lib.ToolGuardrailFunctionOutput.reject_content(cast.gives("Never."), {"why": "late"})
            if ("forbidden" in data.context.tool_arguments)
            else lib.ToolGuardrailFunctionOutput.allow({"seen": True})
        )

    first, then = lib.tool_input_guardrail(watch_input), lib.tool_input_guardrail(name="note")(note_input)

    @tool(tool_input_guardrails=[then, first])
    async def guarded_twice(word: str) -> str:
        """Repeat a word that two have looked at."""
        cast.note("guarded_twice", word=word)
        return cast.gives(f"word: {word}")

    @tool(needs_approval=True, **guards)
    async def guarded_pay(word: str) -> str:
        """Pay with a word."""
        cast.note("guarded_pay", word=word)
        return cast.gives(f"paid with {word}")

    return {name: value for name, value in locals().items() if isinstance(value, lib.FunctionTool)}


@dataclass
class Reason:
    """Why somebody is handed over."""

    reason: str
    urgent: bool = False


def _callables(lib: Any, cast: Cast) -> dict[str, Any]:
    def moody(context: Any, agent: Any) -> str:
        cast.note("instructions", agent=agent.name, context=context.context)
        return f"{agent.name} is {cast.flags['mood']}"

    async def moody_async(context: Any, agent: Any) -> str:
        cast.note("instructions", agent=agent.name, context=context.context)
        return f"{agent.name} is {cast.flags['mood']}, slowly"

    def moodless(context: Any, agent: Any) -> str:
        raise cast.fails("there are no instructions")

    def key() -> str:
        cast.note("key")
        return "key-of-a-function"

    def key_broken() -> str:
        raise cast.fails("the key is lost")

    async def key_async() -> str:
        cast.note("key")
        return "key-of-a-coroutine"

    def refuse(args: Any) -> str:
        cast.note("formatter", kind=args.kind, tool=args.tool_name, call_id=args.call_id, type=args.tool_type)
        return cast.gives(f"Refused: {args.tool_name}")

    async def refuse_async(args: Any) -> str:
        return cast.gives(f"Refused later: {args.tool_name}")

    def refuse_nothing(args: Any) -> None:
        cast.note("formatter", kind=args.kind)

    def refuse_number(args: Any) -> Any:
        return 7

    def refuse_broken(args: Any) -> Any:
        raise cast.fails("the formatter has no room")

    def output_guardrail(name: str, word: str, *, wait: str | None = None, fail: bool = False) -> Any:
        async def check(context: Any, agent: Any, text: str) -> Any:
            cast.note(name, agent=agent.name, text=text)
            if wait is not None:
                await cast.gate(wait).wait()
            if fail:
                raise cast.fails("the guardrail has no room")
            return lib.GuardrailFunctionOutput(output_info={"word": word}, tripwire_triggered=word in text)

        return lib.OutputGuardrail(guardrail_function=check, name=name)

    def check_quietly(context: Any, agent: Any, text: str) -> Any:
        cast.note("check_quietly", agent=agent.name, text=text)
        return lib.GuardrailFunctionOutput(output_info=None, tripwire_triggered="secret" in text)

    async def on_handoff(context: Any) -> None:
        cast.note("on_handoff", context=context.context)

    def on_handoff_reason(context: Any, data: Any) -> None:
        cast.note("on_handoff_reason", reason=data.reason, urgent=data.urgent)

    def on_handoff_broken(context: Any) -> None:
        raise cast.fails("no room to hand over")

    def is_handoff_enabled(context: Any, agent: Any) -> bool:
        return bool(cast.flags["handoff_enabled"])

    return {
        "moody": moody,
        "moody_async": moody_async,
        "moodless": moodless,
        "key": key,
        "key_async": key_async,
        "key_broken": key_broken,
        "refuse": refuse,
        "refuse_async": refuse_async,
        "refuse_nothing": refuse_nothing,
        "refuse_number": refuse_number,
        "refuse_broken": refuse_broken,
        "no_secret": output_guardrail("no_secret", "secret"),
        "no_password": output_guardrail("no_password", "password"),
        "slow_check": output_guardrail("slow_check", "secret", wait="check"),
        "passing_check": output_guardrail("passing_check", "nobody says this"),
        "broken_check": output_guardrail("broken_check", "secret", fail=True),
        "check_quietly": lib.output_guardrail(check_quietly),
        "on_handoff": on_handoff,
        "on_handoff_reason": on_handoff_reason,
        "on_handoff_broken": on_handoff_broken,
        "reason": Reason,
        "handoff_enabled": is_handoff_enabled,
    }
