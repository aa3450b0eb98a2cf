"""The tools of servers as function tools."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import pytest
import trio
from mcp.types import ToolAnnotations

from tests.mcp.peers import OwnServer, make_tool, text_result
from trio_realtime import (
    RealtimeAgent,
    RunContextWrapper,
    ToolContext,
    ToolGuardrailFunctionOutput,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.errors import ModelBehaviorError, ServerError, UserError, UserTypeError
from trio_realtime.mcp import MCPToolMetaContext, collect_mcp_tools
from trio_realtime.tools import invoke_function_tool

CONTEXT = RunContextWrapper(None)
OPEN = {"type": "object", "additionalProperties": True}


async def collect(*servers, reserved=(), **mcp_config):
    agent = RealtimeAgent("a", mcp_servers=list(servers), mcp_config=mcp_config)
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        return await collect_mcp_tools(agent, CONTEXT, reserved=reserved)


async def only(server, **mcp_config):
    (tool,) = await collect(server, **mcp_config)
    return tool


async def call(tool, arguments='{"x": "1"}'):
    context = ToolContext(None, tool_name=tool.name, tool_call_id="c", tool_arguments=arguments)
    return await invoke_function_tool(tool, context, arguments), context.error


async def test_a_tool_is_what_its_server_says() -> None:
    tool = await only(OwnServer(make_tool("read_file", description="Reads.", title="Reader")))
    assert (tool.name, tool.description, tool.strict_json_schema) == ("read_file", "Reads.", False)
    assert tool.params_json_schema == {"type": "object", "properties": {"x": {"type": "string"}}}
    assert tool.needs_approval is False


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"title": "Reader"}, "Reader"),
        ({"annotations": ToolAnnotations(title="Reader")}, "Reader"),
        ({"annotations": ToolAnnotations()}, ""),
        ({}, ""),
    ],
)
async def test_without_a_description_the_title_is_one(fields, text) -> None:
    assert (await only(OwnServer(make_tool("one", **fields)))).description == text


async def test_a_schema_gets_what_the_service_wants_and_the_server_s_stays() -> None:
    tool = make_tool("one", input_schema={})
    assert (await only(OwnServer(tool))).params_json_schema == {"type": "object", "properties": {}}
    assert tool.input_schema == {}


@pytest.mark.parametrize("name", ["read.file", "", "x" * 65, "ä"])
async def test_a_name_that_the_service_does_not_take_is_told_with_its_server(name) -> None:
    server = OwnServer("good", make_tool(name), name="books")
    text = rf"these of MCP servers are not: {name!r} of 'books'; mcp_config=.*include_server_in_tool_names"
    with pytest.raises(UserError, match=text):
        await collect(server)
    _, tool = await collect(server, include_server_in_tool_names=True)  # which helps, as is said
    assert re.fullmatch("mcp_books__[a-zA-Z0-9_-]{1,53}", tool.name)


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        (None, "list_tools must give a list, not NoneType"),
        ("abc", "list_tools must give a list, not str"),
        ([5], "list_tools must give a list of mcp.types.Tool, not of int"),
        ([{"name": "x"}], "not of dict"),
    ],
)
async def test_what_is_no_list_of_tools_is_told(listed, text) -> None:
    server = OwnServer(name="books")
    server.tools = listed
    with pytest.raises(UserTypeError, match=f"MCP server 'books': .*{text}"):
        await collect(server)


@pytest.mark.parametrize("answer", ["done", 5, {"content": []}])
async def test_what_is_no_result_is_told(answer) -> None:
    server = OwnServer("one", name="books", answer=answer, failure_error_function=None)
    with pytest.raises(
        UserTypeError, match=f"'books': call_tool must give .*CallToolResult, not {type(answer).__name__}"
    ):
        await call(await only(server))


async def test_schemas_are_made_strict_where_they_can_be() -> None:
    one, two = await collect(OwnServer("one", make_tool("two", input_schema=OPEN)), convert_schemas_to_strict=True)
    assert one.strict_json_schema
    assert one.params_json_schema["required"] == ["x"]
    assert not two.strict_json_schema
    assert two.params_json_schema == {**OPEN, "properties": {}}


async def test_order_is_that_of_the_servers_and_all_are_asked_at_once(autojump_clock) -> None:
    class Slow(OwnServer):
        async def list_tools(self, run_context=None, agent=None):
            await trio.sleep(5)
            assert (run_context, agent.name) == (CONTEXT, "a")
            return self.tools

    tools = await collect(Slow("one", "two"), OwnServer("three"), Slow("four"))
    assert [tool.name for tool in tools] == ["one", "two", "three", "four"]
    assert trio.current_time() == pytest.approx(5)


async def test_the_first_failure_is_raised_as_it_is(autojump_clock) -> None:
    class Broken(OwnServer):
        async def list_tools(self, run_context=None, agent=None):
            await trio.sleep(self.answer)
            raise KeyError(self.name)

    with pytest.raises(KeyError, match="quick"):
        await collect(Broken(name="slow", answer=9), Broken(name="quick", answer=1))
    assert trio.current_time() == pytest.approx(1)


async def test_the_same_name_twice_needs_the_servers_names() -> None:
    one, two = OwnServer("read", name="files"), OwnServer("read", "list", name="web")
    with pytest.raises(UserError, match=r"'read': files, web.*include_server_in_tool_names"):
        await collect(one, two)
    tools = await collect(one, two, include_server_in_tool_names=True)
    assert [tool.name for tool in tools] == ["mcp_files__read", "mcp_web__read", "mcp_web__list"]
    assert (await call(tools[1]))[0] == {"type": "text", "text": "done"}
    assert (one.calls, two.calls) == ([], [("read", {"x": "1"}, None)])
    tools = await collect(one, reserved=["mcp_files__read"], include_server_in_tool_names=True)
    assert tools[0].name.startswith("mcp_files__read_")


async def test_a_server_that_is_not_entered_is_named() -> None:
    agent = RealtimeAgent("Desk", mcp_servers=[OwnServer(name="files")])
    with pytest.raises(UserError, match="agent 'Desk': MCP server 'files': was not entered; run the session inside"):
        await collect_mcp_tools(agent, CONTEXT, reserved=())


async def test_something_else_is_not_a_server() -> None:
    agent = RealtimeAgent("Desk", mcp_servers=["files"])
    with pytest.raises(UserTypeError, match="mcp_servers are of MCPServer, not str"):
        await collect_mcp_tools(agent, CONTEXT, reserved=())


async def test_without_servers_there_is_nothing() -> None:
    assert await collect() == []


async def test_arguments_are_read_and_wrong_ones_are_not_sent() -> None:
    server = OwnServer("one")
    tool = await only(server)
    await call(tool, "")
    for wrong in ("[]", "{"):
        text, error = await call(tool, wrong)
        assert text.startswith("The tool was not run: invalid arguments for tool 'one'")
        assert isinstance(error, ModelBehaviorError)
    assert server.calls == [("one", {}, None)]


async def test_a_result_that_is_an_error_is_told_to_both() -> None:
    output, error = await call(await only(OwnServer("one", answer=text_result("no paper", is_error=True))))
    assert output == {"type": "text", "text": "no paper"}
    assert isinstance(error, ServerError)
    assert "no paper" in str(error)


async def test_structured_content_if_the_server_s_is_wanted() -> None:
    answer = text_result("a", structured_content={"n": 1})
    assert await call(await only(OwnServer("one", answer=answer, use_structured_content=True))) == ('{"n": 1}', None)
    assert (await call(await only(OwnServer("one", answer=answer))))[0] == {"type": "text", "text": "a"}


async def test_the_session_s_plain_context_will_do() -> None:
    one, two = OwnServer("one"), OwnServer("two", answer=len)
    assert await (await only(one)).on_invoke_tool(CONTEXT, "{}") == {"type": "text", "text": "done"}
    assert "An error occurred" in await (await only(two)).on_invoke_tool(CONTEXT, "{}")


class TestFailures:
    @staticmethod
    def broken(**options):
        async def answer() -> None:
            raise KeyError("mine")

        return OwnServer("one", answer=lambda name, arguments: answer(), **options)

    async def test_are_words_for_the_model(self) -> None:
        text, error = await call(await only(self.broken()))
        assert text == "An error occurred while the tool was running. Please try again."
        assert isinstance(error, KeyError)

    async def test_of_the_agent_s_choice(self) -> None:
        tool = await only(self.broken(), failure_error_function=lambda context, error: f"agent: {error}")
        assert (await call(tool))[0] == "agent: 'mine'"

    async def test_or_the_server_s_which_comes_first(self) -> None:
        async def words(context, error) -> str:
            return f"server: {error}"

        tool = await only(self.broken(failure_error_function=words), failure_error_function=None)
        assert (await call(tool))[0] == "server: 'mine'"

    @pytest.mark.parametrize(("own", "agents"), [({}, None), ({"failure_error_function": None}, len)])
    async def test_none_raises(self, own, agents) -> None:
        tool = await only(self.broken(**own), failure_error_function=agents)
        with pytest.raises(KeyError, match="mine"):
            await call(tool)


class TestMeta:
    async def test_of_the_list_goes_with_each_call(self) -> None:
        server = OwnServer(make_tool("one", _meta={"k": {"a": 1}}))
        await call(await only(server))
        assert server.calls == [("one", {"x": "1"}, {"k": {"a": 1}})]

    @pytest.mark.parametrize("wait", [False, True])
    async def test_of_a_resolver_too(self, wait) -> None:
        def plain(about: MCPToolMetaContext):
            assert (about.server_name, about.tool_name, about.arguments) == ("own", "one", {"x": "1"})
            assert isinstance(about.run_context, ToolContext)
            about.arguments.clear()
            return {"k": 2, "j": 3}

        async def later(about):
            return plain(about)

        server = OwnServer(make_tool("one", _meta={"k": 1}), tool_meta_resolver=later if wait else plain)
        await call(await only(server))
        assert server.calls == [("one", {"x": "1"}, {"k": 1, "j": 3})]

    async def test_which_may_have_nothing(self) -> None:
        server = OwnServer("one", tool_meta_resolver=lambda about: None)
        await call(await only(server))
        assert server.calls == [("one", {"x": "1"}, None)]

    async def test_but_nothing_else_than_a_dict(self) -> None:
        _, error = await call(await only(OwnServer("one", tool_meta_resolver=lambda about: "x")))
        assert isinstance(error, UserTypeError)
        assert "tool_meta_resolver gave str" in str(error)


async def test_approval_and_guardrails_are_the_server_s() -> None:
    @tool_input_guardrail
    def before(data):
        return ToolGuardrailFunctionOutput.allow()

    @tool_output_guardrail
    def after(data):
        return ToolGuardrailFunctionOutput.allow()

    server = OwnServer(
        "one", "two", require_approval={"one": "always"}, tool_input_guardrails=[before], tool_output_guardrails=[after]
    )
    one, two = await collect(server)
    assert (one.needs_approval, two.needs_approval) == (True, False)
    assert (one.tool_input_guardrails, one.tool_output_guardrails) == ([before], [after])
    assert one.tool_input_guardrails is not server.tool_input_guardrails


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"convert_schemas": True}, "agent 'a': mcp_config.convert_schemas: is not a key of MCPOptions; did you mean"),
        ({"include_server_in_tool_names": "yes"}, "must be true or false"),
        ({"failure_error_function": "x"}, "failure_error_function: must be"),
        (3, "mcp_config: must be"),
    ],
)
def test_an_agent_s_options_are_checked_at_once(config, text) -> None:
    with pytest.raises(UserError, match=text):
        RealtimeAgent("a", mcp_config=config)
