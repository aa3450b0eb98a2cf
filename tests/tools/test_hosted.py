from __future__ import annotations

import pytest

from trio_realtime import UserError, UserTypeError
from trio_realtime.context import RunContextWrapper
from trio_realtime.tools import (
    HostedMCPConfig,
    HostedMCPTool,
    MCPApprovalRequest,
    MCPToolApprovalRequest,
    unlisted_tool,
)

DOCS = {"type": "mcp", "server_label": "docs", "server_url": "https://docs.example/mcp"}


def test_takes_a_dict_of_the_protocols_keys():
    tool = HostedMCPTool(tool_config={**DOCS, "allowed_tools": ["find"], "require_approval": "never"})
    assert tool.tool_config == HostedMCPConfig(
        server_label="docs",
        server_url="https://docs.example/mcp",
        allowed_tools=("find",),
        require_approval="never",
    )
    assert tool.name == "docs"
    assert tool.on_approval_request is None
    assert HostedMCPTool(tool.tool_config).tool_config == tool.tool_config


@pytest.mark.parametrize("place", ["server_url", "connector_id", "tunnel_id"])
def test_needs_a_place(place):
    assert HostedMCPTool({"server_label": "docs", place: "somewhere"}).name == "docs"
    with pytest.raises(UserError, match="'docs' needs a server_url, a connector_id or a tunnel_id"):
        HostedMCPTool({"server_label": "docs", place: None})


def test_a_misspelled_key_says_what_was_meant():
    with pytest.raises(UserError, match=r"server_lable.*did you mean 'server_label'"):
        HostedMCPTool({"server_lable": "docs", "server_url": "https://docs.example"})
    with pytest.raises(UserTypeError, match="tool_config"):
        HostedMCPTool("https://docs.example")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"server_label": "", "server_url": "https://x"}, "needs a server_label"),
        ({"server_label": "docs", "server_url": ""}, "needs a server_url"),
        (HostedMCPConfig(server_label="docs"), "needs a server_url"),
        ({**DOCS, "require_approval": {"alwayss": {}}}, "did you mean 'always'"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_made(config, message):
    with pytest.raises(UserError, match=message):
        HostedMCPTool(config)


def test_a_decision_is_made_by_a_function():
    with pytest.raises(UserTypeError, match="must be a function, not int"):
        HostedMCPTool(DOCS, on_approval_request=5)


def test_a_server_that_nobody_named():
    assert unlisted_tool("docs").name == "docs"


def test_secrets_are_not_shown():
    tool = HostedMCPTool(
        {**DOCS, "server_url": "https://u:canary@x", "authorization": "canary", "headers": {"X-Key": "canary"}}
    )
    assert "canary" not in repr(tool)


def test_what_a_function_is_asked():
    data = MCPApprovalRequest(id="q", server_label="docs", name="find", arguments="{}")
    request = MCPToolApprovalRequest(RunContextWrapper(None), data)
    assert (request.data.name, request.ctx_wrapper.context) == ("find", None)
