"""Function tools: what a model can call, and the decorator that makes one of a Python function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast, get_args, overload

import attrs

from trio_realtime._awaitable import maybe_await
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.tools.context import ToolContext
from trio_realtime.tools.docstrings import DocstringStyle
from trio_realtime.tools.invoke import ToolErrorFunction, check_timeout, default_tool_error_function, run_user_function
from trio_realtime.tools.schema import FunctionSchema, caller_namespace, function_schema
from trio_realtime.tools.strict import strict_schema

if TYPE_CHECKING:
    from trio_realtime.context import RunContextWrapper
    from trio_realtime.tools.guardrails import ToolInputGuardrail, ToolOutputGuardrail

__all__ = ["FunctionTool", "ToolPolicy", "ToolTimeoutBehavior", "function_tool", "tool"]

ToolTimeoutBehavior = Literal["error_as_result", "raise_exception"]
"""After a timeout: the model gets a text, or the call raises ``ToolTimeoutError``."""

ToolPolicy = Literal["keep", "cancel"]
"""What becomes of a running tool when the user interrupts, or the conversation goes to another agent."""

ToolEnabled = bool | Callable[["RunContextWrapper[Any]", Any], "Awaitable[bool] | bool"]
ToolApproval = bool | Callable[["RunContextWrapper[Any]", dict[str, Any], str], "Awaitable[bool] | bool"]

_UNSUPPORTED = ("defer_loading", "custom_data_extractor", "allowed_callers", "output_json_schema")
_DEFAULT: Any = object()


@attrs.frozen(eq=False)
class FunctionTool:
    """A tool that the model can call. Usually made by :func:`function_tool`.

    Frozen and compared by identity; ``attrs.evolve`` gives a changed copy.

    Attributes:
        name: letters, digits, ``_`` and ``-``, at most 64; checked when a session gathers its tools.
        description: what the model is told about it.
        params_json_schema: the JSON Schema of its arguments.
        on_invoke_tool: runs it with the context of the call and the arguments' JSON text.
        strict_json_schema: bring the schema into its strict form here.
        is_enabled: whether the model sees it; or a function of the context and the agent, asked again at each call.
        tool_input_guardrails: checks before it runs.
        tool_output_guardrails: checks of its result, before the model or the application see it.
        needs_approval: whether a human must allow each call; or a function of the context, the parsed arguments and the
            call id.
        timeout_seconds: its deadline; of a plain function too (its thread is abandoned). None: the run config's.
        timeout_behavior: ``"error_as_result"`` or ``"raise_exception"``.
        timeout_error_function: makes the text for the model from the ``ToolTimeoutError``.
        defer_loading: not available in realtime sessions.
        custom_data_extractor: not available in realtime sessions.
        allowed_callers: not available in realtime sessions.
        output_json_schema: not available in realtime sessions.
        fatal: whether an exception of the tool ends the session, instead of being told to the model.
        on_interrupt: what an interruption does to a running call; None: the run config's.
        on_handoff: what a handoff does to a running call; None: the run config's.
    """

    name: str
    description: str
    params_json_schema: dict[str, Any] = attrs.field(repr=False)
    on_invoke_tool: Callable[[ToolContext[Any], str], Awaitable[Any]] = attrs.field(repr=False)
    strict_json_schema: bool = True
    is_enabled: ToolEnabled = True
    tool_input_guardrails: list[ToolInputGuardrail] | None = None
    tool_output_guardrails: list[ToolOutputGuardrail] | None = None
    needs_approval: ToolApproval = False
    timeout_seconds: float | None = None
    timeout_behavior: ToolTimeoutBehavior = "error_as_result"
    timeout_error_function: ToolErrorFunction | None = None
    defer_loading: bool = False
    custom_data_extractor: Any = attrs.field(default=None, kw_only=True, repr=False)
    allowed_callers: Any = attrs.field(default=None, kw_only=True, repr=False)
    output_json_schema: Any = attrs.field(default=None, kw_only=True, repr=False)
    fatal: bool = attrs.field(default=False, kw_only=True)
    on_interrupt: ToolPolicy | None = attrs.field(default=None, kw_only=True)
    on_handoff: ToolPolicy | None = attrs.field(default=None, kw_only=True)
    _function: Callable[..., Any] | None = attrs.field(default=None, kw_only=True, repr=False, alias="_function")

    def __attrs_post_init__(self) -> None:
        """Check the fields, and make the schema strict.

        Raises:
            UserError: a field has no good value; of the wrong type: UserTypeError.
        """
        owner = f"tool {self.name!r}"
        if not isinstance(cast("Any", self.name), str) or not isinstance(cast("Any", self.description), str):
            raise UserTypeError(f"{owner}: name and description must be strings")
        if not isinstance(cast("Any", self.params_json_schema), dict):
            raise UserTypeError(f"{owner}: params_json_schema must be a dict")
        if not callable(self.on_invoke_tool):
            raise UserTypeError(f"{owner}: on_invoke_tool must be an async function")
        for option in ("is_enabled", "needs_approval"):
            value = getattr(self, option)
            if not isinstance(value, bool) and not callable(value):
                raise UserTypeError(f"{owner}: {option} must be a bool or a function, not {value!r}")
        for option in _UNSUPPORTED:
            if (
                getattr(self, option) not in {None, False}
                if option == "defer_loading"
                else getattr(self, option) is not None
            ):
                raise UserError(f"{owner}: {option} is not available in realtime sessions")
        check_timeout(self.timeout_seconds, f"{owner}: timeout")
        if self.timeout_behavior not in get_args(ToolTimeoutBehavior):
            raise UserError(f"{owner}: timeout_behavior must be 'error_as_result' or 'raise_exception'")
        for option in ("on_interrupt", "on_handoff"):
            if getattr(self, option) not in {None, *get_args(ToolPolicy)}:
                raise UserError(f"{owner}: {option} must be 'keep', 'cancel' or None")
        if self.strict_json_schema:
            object.__setattr__(self, "params_json_schema", strict_schema(self.params_json_schema, owner))

    @property
    def qualified_name(self) -> str:
        """The tool's name; realtime sessions have no namespaces."""
        return self.name

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """The function that the tool was made of; AttributeError if it was made by hand."""
        if self._function is None:
            raise AttributeError(f"tool {self.name!r} was not made of a function")
        return self._function


@attrs.frozen(eq=False)
class _FunctionInvoker:
    """``on_invoke_tool`` of a function tool: reads the arguments, runs the function, words its failure."""

    schema: FunctionSchema
    function: Callable[..., Any]
    on_failure: ToolErrorFunction | None

    async def __call__(self, context: ToolContext[Any], arguments: str) -> Any:
        """Run the function once; see ``invoke_function_tool``."""
        try:
            args, kwargs = self.schema.bind(arguments)
            if self.schema.takes_context:
                args.insert(0, context)
            return await run_user_function(self.function, *args, **kwargs)
        except Exception as exc:
            if self.on_failure is None:
                raise
            if isinstance(cast("Any", context), ToolContext):
                context.error = exc
            return await maybe_await(self.on_failure(context, exc))


class FunctionToolOptions(TypedDict, total=False):
    """The options of :func:`function_tool`, for type checkers."""

    name_override: str | None
    description_override: str | None
    docstring_style: DocstringStyle | None
    use_docstring_info: bool
    failure_error_function: ToolErrorFunction | None
    strict_mode: bool
    is_enabled: ToolEnabled
    needs_approval: ToolApproval
    tool_input_guardrails: list[ToolInputGuardrail] | None
    tool_output_guardrails: list[ToolOutputGuardrail] | None
    timeout: float | None
    timeout_behavior: ToolTimeoutBehavior
    timeout_error_function: ToolErrorFunction | None
    defer_loading: bool
    custom_data_extractor: Any
    allowed_callers: Any
    output_type: Any
    output_json_schema: Any
    fatal: bool
    on_interrupt: ToolPolicy | None
    on_handoff: ToolPolicy | None


@overload
def function_tool(func: Callable[..., Any], **options: Unpack[FunctionToolOptions]) -> FunctionTool: ...


@overload
def function_tool(
    func: None = None, **options: Unpack[FunctionToolOptions]
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def function_tool(
    func: Callable[..., Any] | None = None,
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    docstring_style: DocstringStyle | None = None,
    use_docstring_info: bool = True,
    failure_error_function: ToolErrorFunction | None = _DEFAULT,
    strict_mode: bool = True,
    is_enabled: ToolEnabled = True,
    needs_approval: ToolApproval = False,
    tool_input_guardrails: list[ToolInputGuardrail] | None = None,
    tool_output_guardrails: list[ToolOutputGuardrail] | None = None,
    timeout: float | None = None,
    timeout_behavior: ToolTimeoutBehavior = "error_as_result",
    timeout_error_function: ToolErrorFunction | None = None,
    defer_loading: bool = False,
    custom_data_extractor: Any = None,
    allowed_callers: Any = None,
    output_type: Any = None,
    output_json_schema: Any = None,
    fatal: bool = False,
    on_interrupt: ToolPolicy | None = None,
    on_handoff: ToolPolicy | None = None,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a function; with or without parentheses, as ``function_tool`` or ``tool``.

    The function may be async, or plain: then it runs in a worker thread (``tool_thread_limiter``). If its first
    parameter is annotated as ``RunContextWrapper`` or ``ToolContext``, it receives the context of the call. Its other
    parameters become the JSON Schema; arguments are not coerced.

    Args:
        func: a function, a bound method, or an instance with ``__call__``.
        name_override: instead of the function's name.
        description_override: instead of the docstring's text.
        docstring_style: ``"google"``, ``"numpy"`` or ``"sphinx"``; found out by itself if None.
        use_docstring_info: take the descriptions of the tool and its parameters from the docstring.
        failure_error_function: makes the text for the model from the exception; may be async. By default the model is
            told what happened and to try again. None: the exception leaves ``invoke_function_tool``; the session
            reports it and tells the model.
        strict_mode: use the strict form of the schema; False allows ``**kwargs`` and dictionaries with free keys.
        is_enabled: whether the model sees it; or a function of the context and the agent.
        needs_approval: whether a human must allow each call; or a function of the context, the arguments, the call id.
        tool_input_guardrails: checks before it runs.
        tool_output_guardrails: checks of its result.
        timeout: seconds for one run, of a plain function too; None for the run config's default.
        timeout_behavior: ``"error_as_result"``: the model gets a text; ``"raise_exception"``: ``ToolTimeoutError``.
        timeout_error_function: makes that text from the error; may be async.
        defer_loading: not available in realtime sessions.
        custom_data_extractor: not available in realtime sessions.
        allowed_callers: not available in realtime sessions.
        output_type: not available in realtime sessions.
        output_json_schema: not available in realtime sessions.
        fatal: an exception of the function ends the session. Goes with no ``failure_error_function``.
        on_interrupt: ``"keep"`` or ``"cancel"`` a running call when the user interrupts; None for the run config's.
        on_handoff: the same when the conversation goes to another agent.

    Returns:
        The tool, or the decorator that makes it.

    Raises:
        UserError: the function cannot be a tool, or an option has no good value.
    """

    def make(function: Callable[..., Any]) -> FunctionTool:
        schema = function_schema(
            function,
            name_override=name_override,
            description_override=description_override,
            docstring_style=docstring_style,
            use_docstring_info=use_docstring_info,
            strict_mode=strict_mode,
            namespace=caller_namespace(getattr(function, "__module__", None)),
        )
        if output_type is not None:
            raise UserError(f"tool {schema.name!r}: output_type is not available in realtime sessions")
        if fatal and failure_error_function not in {_DEFAULT, None}:
            raise UserError(f"tool {schema.name!r}: a fatal tool raises, so it takes no failure_error_function")
        on_failure = default_tool_error_function if failure_error_function is _DEFAULT else failure_error_function
        return FunctionTool(
            name=schema.name,
            description=schema.description,
            params_json_schema=schema.params_json_schema,
            on_invoke_tool=_FunctionInvoker(schema, function, None if fatal else on_failure),
            strict_json_schema=strict_mode,
            is_enabled=is_enabled,
            tool_input_guardrails=tool_input_guardrails,
            tool_output_guardrails=tool_output_guardrails,
            needs_approval=needs_approval,
            timeout_seconds=timeout,
            timeout_behavior=timeout_behavior,
            timeout_error_function=timeout_error_function,
            defer_loading=defer_loading,
            custom_data_extractor=custom_data_extractor,
            allowed_callers=allowed_callers,
            output_json_schema=output_json_schema,
            fatal=fatal,
            on_interrupt=on_interrupt,
            on_handoff=on_handoff,
            _function=function,
        )

    return make if func is None else make(func)


tool = function_tool
"""The same as :func:`function_tool`."""
