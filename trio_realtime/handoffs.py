"""Handoffs: how the model passes the conversation on to another agent, within one session."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

from trio_realtime._awaitable import maybe_await
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.tools.collect import check_names, is_tool_enabled
from trio_realtime.tools.schema import InputSchema, caller_namespace, input_schema
from trio_realtime.tools.strict import strict_schema

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent

__all__ = ["Handoff", "as_handoff", "enabled_handoffs", "realtime_handoff"]

Enabled = bool | Callable[[RunContextWrapper[Any], Any], "Awaitable[bool] | bool"]


@attrs.frozen(eq=False)
class Handoff:
    """A handoff, as the model sees it: a tool that changes the agent. Usually made by :func:`realtime_handoff`.

    Frozen and compared by identity.

    Attributes:
        tool_name: what the model calls.
        tool_description: what the model is told about it.
        input_json_schema: the JSON Schema of its arguments.
        on_invoke_handoff: gets the session's context and the arguments' JSON text, and gives the agent that takes over.
        agent_name: the name of that agent.
        input_filter: not available in realtime sessions; must be None.
        nest_handoff_history: not available in realtime sessions; must be None.
        strict_json_schema: bring the schema into its strict form here.
        is_enabled: whether the model sees it; or a function of the context and the current agent.
        history_filter: chooses what of the conversation the next agent is to know; see :func:`realtime_handoff`.
        way_back: the next agent can hand back to the one that handed over.
    """

    tool_name: str
    tool_description: str
    input_json_schema: dict[str, Any] = attrs.field(repr=False)
    on_invoke_handoff: Callable[[RunContextWrapper[Any], str], Awaitable[RealtimeAgent[Any]]] = attrs.field(repr=False)
    agent_name: str
    input_filter: Any = None
    nest_handoff_history: bool | None = None
    strict_json_schema: bool = True
    is_enabled: Enabled = True
    history_filter: Callable[..., Any] | None = attrs.field(default=None, kw_only=True)
    way_back: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check the fields, and make the schema strict.

        Raises:
            UserError: a field has no good value; of the wrong type: UserTypeError.
        """
        owner = f"handoff {self.tool_name!r}"
        if not callable(self.on_invoke_handoff):
            raise UserTypeError(f"{owner}: on_invoke_handoff must be an async function")
        if not isinstance(self.is_enabled, bool) and not callable(self.is_enabled):
            raise UserTypeError(f"{owner}: is_enabled must be a bool or a function, not {self.is_enabled!r}")
        if self.input_filter is not None or self.nest_handoff_history is not None:
            raise UserError(f"{owner}: input_filter and nest_handoff_history are not available in realtime sessions")
        if self.history_filter is not None and not callable(self.history_filter):
            raise UserTypeError(f"{owner}: history_filter must be a function")
        if self.strict_json_schema:
            object.__setattr__(self, "input_json_schema", strict_schema(self.input_json_schema, owner))

    def get_transfer_message(self, agent: RealtimeAgent[Any]) -> str:
        """Give the output that the model gets when the handoff is done: a JSON object with the agent's name.

        Args:
            agent: the agent that has taken over.
        """
        return json.dumps({"assistant": agent.name})

    @classmethod
    def default_tool_name(cls, agent: RealtimeAgent[Any]) -> str:
        """Give the name for a handoff: ``transfer_to_`` and the agent's name in lower case, odd characters as ``_``.

        Args:
            agent: the agent that is to take over.
        """
        return re.sub(r"[^a-zA-Z0-9_]", "_", f"transfer_to_{agent.name}").lower()

    @classmethod
    def default_tool_description(cls, agent: RealtimeAgent[Any]) -> str:
        """Give the description for a handoff, of the agent's name and ``handoff_description``.

        Args:
            agent: the agent that is to take over.
        """
        return f"Handoff to the {agent.name} agent to handle the request. {agent.handoff_description or ''}".rstrip()


@attrs.frozen(eq=False)
class _Transfer:
    """``on_invoke_handoff`` of a handoff to one agent."""

    agent: RealtimeAgent[Any]
    tool_name: str
    on_handoff: Callable[..., Any] | None
    schema: InputSchema | None

    async def __call__(self, context: RunContextWrapper[Any], arguments: str) -> RealtimeAgent[Any]:
        """Read the arguments, run ``on_handoff``, give the agent.

        Raises:
            ModelBehaviorError: the arguments do not fit the input type.
            Exception: what ``on_handoff`` raised.
        """
        if self.on_handoff is not None:
            if self.schema is None:
                await maybe_await(self.on_handoff(context))
            else:
                given = self.schema.load(arguments, f"handoff {self.tool_name!r}")
                await maybe_await(self.on_handoff(context, given))
        return self.agent


def realtime_handoff(  # noqa: PLR0917  (the reference's signature)
    agent: RealtimeAgent[Any],
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: Callable[..., Any] | None = None,
    input_type: Any = None,
    is_enabled: Enabled = True,
    *,
    history_filter: Callable[..., Any] | None = None,
    way_back: bool = False,
) -> Handoff:
    """Describe a handoff to an agent; a bare agent in ``handoffs`` is the same with every default.

    Args:
        agent: the agent that is to take over.
        tool_name_override: instead of ``transfer_to_`` and the agent's name.
        tool_description_override: instead of a text made of the agent's name and ``handoff_description``.
        on_handoff: run before the agent changes; plain (in the session's own task, so quick) or async. It gets the
            session's context and, with an input type, the input. What it raises makes the handoff fail.
        input_type: the type of the arguments that the model must give: a class with fields. They are not coerced;
            what does not fit is a ``ModelBehaviorError``.
        is_enabled: whether the model sees it; or a function of the context and the current agent.
        history_filter: chooses what of the conversation the next agent is to know: gets the history, and gives the
            items of it that stay, and texts to be added as system messages (a summary); plain or async. What it leaves
            out is deleted at the service, and from the history: messages, and tool calls together with their outputs.
            Calls that have no output yet stay, that of the handoff among them.
        way_back: give the next agent, as long as this handoff lasts, a handoff to the one that handed over. An agent
            that has handed over itself and gets the conversation back, by whatever handoff, has its own way back again.

    Returns:
        The handoff.

    Raises:
        UserError: ``input_type`` without ``on_handoff``, an ``on_handoff`` with the wrong number of parameters, or an
            input type whose JSON form is not a closed object.
    """
    tool_name = tool_name_override or Handoff.default_tool_name(agent)
    owner = f"handoff {tool_name!r}"
    if input_type is not None and on_handoff is None:
        raise UserError(f"{owner}: input_type needs an on_handoff that takes the input")
    schema: InputSchema | None = None
    if on_handoff is not None:
        _check_on_handoff(on_handoff, input_type is not None, owner)
    if input_type is not None:
        schema = input_schema(input_type, owner, caller_namespace(getattr(input_type, "__module__", None)))
    return Handoff(
        tool_name=tool_name,
        tool_description=tool_description_override or Handoff.default_tool_description(agent),
        input_json_schema={} if schema is None else schema.json_schema,
        on_invoke_handoff=_Transfer(agent, tool_name, on_handoff, schema),
        agent_name=agent.name,
        is_enabled=is_enabled,
        history_filter=history_filter,
        way_back=way_back,
    )


def _check_on_handoff(on_handoff: Any, with_input: bool, owner: str) -> None:
    if not callable(on_handoff):
        raise UserTypeError(f"{owner}: on_handoff must be a function, not {on_handoff!r}")
    arguments = ("context", "input") if with_input else ("context",)
    try:
        inspect.signature(on_handoff).bind(*arguments)
    except TypeError:
        raise UserError(f"{owner}: on_handoff must take {' and '.join(arguments)}") from None
    except ValueError:
        return  # a builtin without a signature: tried when it is called


def as_handoff(target: Any) -> Handoff:
    """Give a handoff, made with the defaults if it is a bare agent.

    Raises:
        UserTypeError: it is neither an agent nor a handoff.
    """
    from trio_realtime.agent import RealtimeAgent

    if isinstance(target, Handoff):
        return target
    agent: Any = target
    if not isinstance(agent, RealtimeAgent):
        raise UserTypeError(f"a handoff is a RealtimeAgent or a Handoff, not {type(target).__name__}")
    return realtime_handoff(target)


async def enabled_handoffs(
    handoffs: Iterable[Any], context: RunContextWrapper[Any], agent: RealtimeAgent[Any]
) -> list[Handoff]:
    """Give the handoffs that are enabled now, in order, with bare agents wrapped and their names checked.

    A checkpoint only if an ``is_enabled`` function is.

    Args:
        handoffs: an agent's ``handoffs``.
        context: the session's context.
        agent: the current agent.

    Raises:
        UserError: something is no handoff, or a name is malformed or there twice.
        Exception: what an ``is_enabled`` function raised.
    """
    found = [handoff for handoff in map(as_handoff, handoffs) if await is_tool_enabled(handoff, context, agent)]
    check_names((), found)
    return found
