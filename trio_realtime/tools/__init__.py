"""Tools: what a model can call.

:func:`function_tool` makes one of a Python function; ``invoke_function_tool`` runs it. Schemas are made from signatures
(``schema``), descriptions from docstrings (``docstrings``).
"""

from trio_realtime.tools.collect import AgentTools, check_names, collect_tools, enabled_tools, is_tool_enabled
from trio_realtime.tools.context import ToolContext
from trio_realtime.tools.function_tool import FunctionTool, ToolPolicy, ToolTimeoutBehavior, function_tool, tool
from trio_realtime.tools.hosted import (
    HostedMCPConfig,
    HostedMCPTool,
    MCPApprovalRequest,
    MCPToolApprovalFunction,
    MCPToolApprovalFunctionResult,
    MCPToolApprovalRequest,
    unlisted_tool,
)
from trio_realtime.tools.invoke import (
    ToolErrorFunction,
    default_tool_error_function,
    invoke_function_tool,
    set_tool_threads,
    tool_thread_limiter,
)
from trio_realtime.tools.policy import (
    ToolErrorFormatter,
    rejection_text,
    run_tool_input_guardrails,
    run_tool_output_guardrails,
    tool_needs_approval,
)
from trio_realtime.tools.results import (
    ToolErrorFormatterArgs,
    ToolOutputFileContent,
    ToolOutputImage,
    ToolOutputText,
    ToolResult,
    tool_output_text,
    tool_respond,
)

__all__ = [
    "AgentTools",
    "FunctionTool",
    "HostedMCPConfig",
    "HostedMCPTool",
    "MCPApprovalRequest",
    "MCPToolApprovalFunction",
    "MCPToolApprovalFunctionResult",
    "MCPToolApprovalRequest",
    "ToolContext",
    "ToolErrorFormatter",
    "ToolErrorFormatterArgs",
    "ToolErrorFunction",
    "ToolOutputFileContent",
    "ToolOutputImage",
    "ToolOutputText",
    "ToolPolicy",
    "ToolResult",
    "ToolTimeoutBehavior",
    "check_names",
    "collect_tools",
    "default_tool_error_function",
    "enabled_tools",
    "function_tool",
    "invoke_function_tool",
    "is_tool_enabled",
    "rejection_text",
    "run_tool_input_guardrails",
    "run_tool_output_guardrails",
    "set_tool_threads",
    "tool",
    "tool_needs_approval",
    "tool_output_text",
    "tool_respond",
    "tool_thread_limiter",
    "unlisted_tool",
]
