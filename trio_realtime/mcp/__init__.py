"""Local MCP servers: processes and HTTP servers whose tools an agent can use. Needs the extra ``trio-realtime[mcp]``.

Enter a server, and give it to an agent: ``RealtimeAgent(mcp_servers=[server])``. The MCP SDK is imported when the first
server is made.
"""

from trio_realtime.mcp.approval import RequireApproval, RequireApprovalObject, RequireApprovalToolList
from trio_realtime.mcp.client import ClientMCPServer
from trio_realtime.mcp.filters import ToolFilter, ToolFilterContext, ToolFilterStatic, create_static_tool_filter
from trio_realtime.mcp.manager import MCPServerManager
from trio_realtime.mcp.params import (
    MCPOptions,
    MCPServerSseParams,
    MCPServerStdioParams,
    MCPServerStreamableHttpParams,
)
from trio_realtime.mcp.server import MCPServer, MCPToolMetaContext, MCPToolMetaResolver
from trio_realtime.mcp.tools import collect_mcp_tools, mcp_options
from trio_realtime.mcp.transports import MCPServerSse, MCPServerStdio, MCPServerStreamableHttp

__all__ = [
    "ClientMCPServer",
    "MCPOptions",
    "MCPServer",
    "MCPServerManager",
    "MCPServerSse",
    "MCPServerSseParams",
    "MCPServerStdio",
    "MCPServerStdioParams",
    "MCPServerStreamableHttp",
    "MCPServerStreamableHttpParams",
    "MCPToolMetaContext",
    "MCPToolMetaResolver",
    "RequireApproval",
    "RequireApprovalObject",
    "RequireApprovalToolList",
    "ToolFilter",
    "ToolFilterContext",
    "ToolFilterStatic",
    "collect_mcp_tools",
    "create_static_tool_filter",
    "mcp_options",
]
