"""Which tools of a server a human must allow: the forms of ``require_approval``, made into one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from trio_realtime._awaitable import maybe_await
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.tools._shape import is_array, is_object

if TYPE_CHECKING:
    from mcp.types import Tool

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper

__all__ = ["ApprovalPolicy", "RequireApproval", "RequireApprovalObject", "RequireApprovalToolList", "needs_approval"]


class RequireApprovalToolList(TypedDict, total=False):
    """Names of tools."""

    tool_names: list[str]


class RequireApprovalObject(TypedDict, total=False):
    """Which tools always need an approval, and which never do; those that are not named do not."""

    always: RequireApprovalToolList
    never: RequireApprovalToolList


ApprovalFunction = Callable[["RunContextWrapper[Any]", "RealtimeAgent[Any]", "Tool"], "Awaitable[bool] | bool"]
RequireApproval = (
    Literal["always", "never"]
    | bool
    | RequireApprovalObject
    | Mapping[str, Literal["always", "never"] | bool]
    | ApprovalFunction
    | None
)
"""For all tools, by name, or a function of the context, the agent and the server's tool, asked at each call."""

ApprovalPolicy = bool | dict[str, bool] | ApprovalFunction
_WORDS = {"always": True, "never": False}


def approval_policy(setting: Any) -> ApprovalPolicy:
    """Check ``require_approval``, and give its meaning.

    Args:
        setting: ``"always"``, ``"never"``, a bool, None (never); a dict of each tool's ``"always"``, ``"never"`` or
            bool; ``{"always": {"tool_names": [...]}, "never": {"tool_names": [...]}}``; or a function.

    Raises:
        UserError: it is none of these; of the wrong type: UserTypeError.
    """
    if setting is None:
        return False
    if is_object(setting):
        return _tool_lists(setting) if _has_tool_lists(setting) else _by_name(setting)
    if callable(setting):
        return cast("ApprovalFunction", setting)
    return _meaning(setting, "require_approval")


def _meaning(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise UserTypeError(f"{where}: must be 'always', 'never' or a bool, not {type(value).__name__}")
    if value not in _WORDS:
        raise UserError(f"{where}: must be 'always', 'never' or a bool, not {value!r}")
    return _WORDS[value]


def _by_name(names: Mapping[Any, Any]) -> dict[str, bool]:
    for name in names:
        if not isinstance(name, str):
            raise UserTypeError(f"require_approval: keys are tool names, not {type(name).__name__}")
    return {name: _meaning(value, f"require_approval.{name}") for name, value in names.items()}


def _has_tool_lists(names: Mapping[Any, Any]) -> bool:
    """Tell the two kinds of dict apart: a tool may be called "always"."""
    entries = [names.get(word) for word in _WORDS]
    return any(is_object(entry) and "tool_names" in entry for entry in entries)


def _tool_lists(names: Mapping[Any, Any]) -> dict[str, bool]:
    if unknown := sorted(str(key) for key in names if key not in _WORDS):
        raise UserError(f"require_approval: is 'always' and 'never' with tool_names, without {', '.join(unknown)}")
    policy: dict[str, bool] = {}
    for word, meaning in _WORDS.items():
        for name in _tool_names(names.get(word, {}), f"require_approval.{word}"):
            if policy.setdefault(name, meaning) is not meaning:
                raise UserError(f"require_approval: the tool {name!r} is under 'always' and under 'never'")
    return policy


def _tool_names(entry: Any, where: str) -> list[str]:
    if not is_object(entry) or entry.keys() - {"tool_names"}:
        raise UserError(f"{where}: must be a dict with tool_names and nothing else")
    found = entry.get("tool_names", [])
    if not is_array(found):
        raise UserTypeError(f"{where}.tool_names: must be a list of tool names, not {type(found).__name__}")
    for name in found:
        if not isinstance(name, str):
            raise UserTypeError(f"{where}.tool_names: must be a list of tool names, not of {type(name).__name__}")
    return list(found)


def needs_approval(
    policy: ApprovalPolicy, tool: Tool, agent: RealtimeAgent[Any]
) -> bool | Callable[[RunContextWrapper[Any], dict[str, Any], str], Awaitable[bool]]:
    """Give a function tool's ``needs_approval`` for one tool of a server.

    Args:
        policy: what :func:`approval_policy` gave; names in it are the server's, without a prefix.
        tool: the server's tool.
        agent: whose tool it becomes.
    """
    if isinstance(policy, bool):
        return policy
    if not callable(policy):
        return policy.get(tool.name, False)
    function = policy

    async def ask(context: RunContextWrapper[Any], _arguments: dict[str, Any], _call_id: str) -> bool:
        return bool(await maybe_await(function(context, agent, tool)))

    return ask
