"""The context of one tool call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from trio_realtime.context import Approvals, RunContextWrapper, TContext
from trio_realtime.errors import UserError
from trio_realtime.usage import Usage

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent

__all__ = ["ToolContext", "ToolSession"]


class ToolSession(Protocol):
    """What a tool call uses of the session it runs in; ``RealtimeSession`` has it."""

    async def add_item(self, role: Any, content: str, *, respond: bool = False) -> Any:
        """Add a message to the conversation."""
        ...

    async def end(self, after: Any = "turn", *, timeout: float | None = 30.0) -> None:  # noqa: ASYNC109
        """End the session when the tool has completed and its reply was spoken."""
        ...


@attrs.define(eq=False, init=False, kw_only=True)
class ToolContext(RunContextWrapper[TContext]):
    """A :class:`~trio_realtime.RunContextWrapper` that knows which call of which tool it is for.

    A tool receives it when its first parameter is annotated with it. It shares the usage and the approvals of the
    session's wrapper.

    Attributes:
        tool_name: the tool, as the model called it.
        tool_call_id: the call.
        tool_arguments: the arguments as the model wrote them, a JSON text.
        tool_call: kept for code written for the reference; a session leaves it None.
        tool_namespace: as ``tool_call``.
        agent: the agent whose tool it is.
        run_config: as ``tool_call``.
        session: the session of the call; None when the tool is called without one.
        error: the exception behind the result, when a failure or a timeout was turned into a text for the model.
    """

    tool_name: str
    tool_call_id: str
    tool_arguments: str = attrs.field(repr=False)
    tool_call: Any = attrs.field(repr=False)
    tool_namespace: str | None = attrs.field(repr=False)
    agent: RealtimeAgent[Any] | None = attrs.field(repr=False)
    run_config: Any = attrs.field(repr=False)
    session: ToolSession | None = attrs.field(repr=False)
    error: Exception | None = attrs.field(repr=False)

    def __init__(  # noqa: PLR0917  (the reference's signature)
        self,
        context: TContext,
        usage: Usage | None = None,
        tool_name: str | None = None,
        tool_call_id: str | None = None,
        tool_arguments: str | None = None,
        tool_call: Any = None,
        *,
        tool_namespace: str | None = None,
        agent: RealtimeAgent[Any] | None = None,
        run_config: Any = None,
        turn_input: list[Any] | None = None,
        tool_input: Any = None,
        session: ToolSession | None = None,
        _approvals: Approvals | None = None,
    ) -> None:
        """Make the context of one call; see the class for the arguments.

        Raises:
            UserError: the name, the id or the arguments are missing.
        """
        if tool_name is None or tool_call_id is None or tool_arguments is None:
            raise UserError("a ToolContext needs tool_name, tool_call_id and tool_arguments")
        self.context: TContext = context
        self.usage: Usage = Usage() if usage is None else usage
        self.turn_input: list[Any] = [] if turn_input is None else turn_input
        self.tool_input = tool_input
        self._approvals = Approvals() if _approvals is None else _approvals
        self.tool_name = tool_name
        self.tool_call_id = tool_call_id
        self.tool_arguments = tool_arguments
        self.tool_call = tool_call
        self.tool_namespace = tool_namespace
        self.agent = agent
        self.run_config = run_config
        self.session = session
        self.error = None

    @classmethod
    def from_agent_context(
        cls,
        context: RunContextWrapper[TContext],
        tool_call_id: str,
        tool_call: Any = None,
        agent: RealtimeAgent[Any] | None = None,
        *,
        tool_name: str | None = None,
        tool_arguments: str | None = None,
        tool_namespace: str | None = None,
        run_config: Any = None,
        session: ToolSession | None = None,
    ) -> ToolContext[TContext]:
        """Make the context of one call from the session's wrapper.

        Args:
            context: the session's wrapper; its usage and approvals are shared, not copied.
            tool_call_id: the call.
            tool_call: an object with ``name`` and ``arguments``, used where those two are not given.
            agent: the agent whose tool it is.
            tool_name: the tool.
            tool_arguments: the arguments, a JSON text.
            tool_namespace: kept for the reference's signature.
            run_config: kept for the reference's signature.
            session: the session of the call.

        Returns:
            The new context.

        Raises:
            UserError: the name or the arguments are given in neither way.
        """
        return ToolContext(
            context.context,
            context.usage,
            tool_name if tool_name is not None else getattr(tool_call, "name", None),
            tool_call_id,
            tool_arguments if tool_arguments is not None else getattr(tool_call, "arguments", None),
            tool_call,
            tool_namespace=tool_namespace,
            agent=agent,
            run_config=run_config,
            turn_input=context.turn_input,
            tool_input=context.tool_input,
            session=session,
            _approvals=context._approvals,
        )

    @property
    def qualified_tool_name(self) -> str:
        """The tool's name, after its namespace and a dot if it has one."""
        return f"{self.tool_namespace}.{self.tool_name}" if self.tool_namespace else self.tool_name

    async def progress(self, text: str) -> None:
        """Have the model say something while the tool is still running ("one moment, I am looking").

        Adds a system message that asks for it and requests a response, by ``session.add_item``; the request waits its
        turn behind a response that is being spoken. A checkpoint; after a cancellation the message may have been sent.

        Args:
            text: what the user is to be told.

        Raises:
            UserError: the text is empty, or the tool runs without a session.
        """
        if not text.strip():
            raise UserError("progress() needs a text")
        message = (
            f"The tool {self.tool_name!r} is still running. Tell the user this now, in one short sentence, "
            f"without calling a tool: {text}"
        )
        await self._require_session("progress").add_item("system", message, respond=True)

    def _require_session(self, method: str) -> ToolSession:
        if self.session is None:
            raise UserError(f"{method}() works only in a tool that is called by a session")
        return self.session
