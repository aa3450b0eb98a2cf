"""Every place where a session waits, and what bounds it: a new wait has to be put into this table, with its deadline.

A deadline that users can set is in the README's table of deadlines. ``WORK``: a task of the session that waits for work;
the session's end cancels it or wakes it. ``APPLICATION``: the application itself waits, under deadlines of its own.
"""

from __future__ import annotations

import ast
from pathlib import Path

import trio_realtime

ROOT = Path(trio_realtime.__file__).parent
README = (ROOT.parent / "README.md").read_text()
WORK = "the session's end"
APPLICATION = "the application's own"
WIRE = "`transport_config.ping_interval`, `transport_config.ping_timeout`"

WAITS: dict[str, str] = {
    "openai/connection.py OpenAIRealtimeConnection._read": WIRE,
    "openai/connection.py OpenAIRealtimeConnection.configure": "`timeouts.connect`",
    "session.py RealtimeSession.end": "its own timeout, 30 seconds unless given",
    "session_tasks/configure.py _configure": "`timeouts.configure`",
    "session_tasks/configure.py apply_agent": "`timeouts.connect`, `timeouts.configure`",  # of who has the lock
    "session_tasks/configure.py apply_update": "`timeouts.connect`, `timeouts.configure`",
    "session_tasks/editing.py _send_and_wait": "`timeouts.configure`",
    "session_tasks/ending.py Ending.run": WORK,
    "session_tasks/guardrail_runner.py GuardrailRunner.run": WORK,
    "session_tasks/held.py HeldConnection.run": WORK,
    "session_tasks/hook_runner.py HookRunner.run": WORK,
    "session_tasks/input_gate.py InputGate._look_on": WORK,
    "session_tasks/input_gate.py InputGate._settled": "`guardrails_settings.timeout`, `timeouts.configure`",
    "session_tasks/lifespan.py _Services.close": "`timeouts.close`",
    "session_tasks/lifespan.py close_connection": "`timeouts.close`",
    "session_tasks/limits.py _speak": "`limits.goodbye_timeout`",
    "session_tasks/outbox.py Outbox._hand_over": "`transport_config.send_timeout`",  # then the writer lets go
    "session_tasks/outbox.py Outbox.next": WORK,
    "session_tasks/outbox.py Outbox.send_and_wait": "`transport_config.send_timeout`",
    "session_tasks/outbox.py Outbox.send_audio": "`transport_config.send_timeout`",
    "session_tasks/reader.py _wait_for_room": "`delivery.max_block_ms`",
    "session_tasks/slots.py ContextSlots.put": "`timeouts.configure`",
    "session_tasks/streams.py Delivery.wait_for_room": "`delivery.max_block_ms`",
    "session_tasks/streams.py EventStream.__anext__": APPLICATION,
    "session_tasks/streams.py EventStream.wait_for_room": "`delivery.max_block_ms`",
    "session_tasks/supervisor.py Supervisor._change_over": "`transport_config.send_timeout`",  # the writer's last send
    "session_tasks/supervisor.py Supervisor._noted": "`timeouts.close`",
    "session_tasks/supervisor.py Supervisor._open": "`timeouts.connect`",
    "session_tasks/supervisor.py Supervisor._until_lost": WORK,
    # then `reconnect` bounds it; a turn that does not end is the response's matter
    "session_tasks/supervisor.py Supervisor.change_to": "the next turn boundary",
    "session_tasks/supervisor.py Supervisor.heard_of": "`timeouts.close`",
    "session_tasks/supervisor.py Supervisor.next_connection": WORK,
    "session_tasks/supervisor.py Supervisor.run": WORK,
    "session_tasks/supervisor.py Supervisor.writable": WORK,
    "session_tasks/tool_approval.py ask_person": "`tool_execution.approval_timeout`",
    "session_tasks/tool_runner.py ToolRunner._go_on_at_last": "`timeouts.response`",
    "session_tasks/tool_runner.py ToolRunner._run_tool": "`tool_execution.default_timeout`",  # of the tools before it
    "session_tasks/tool_runner.py ToolRunner.run": WORK,
    "turn.py RealtimeTurn.text": APPLICATION,
    "turn.py RealtimeTurn.wait": APPLICATION,
}

_NAMES = {"wait", "park", "sleep_forever", "wait_task_rescheduled", "acquire", "receive", "wait_for_room"}


class Waits(ast.NodeVisitor):
    """Collects the functions of a module that wait for somebody else."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path: list[str] = []
        self.found: set[str] = set()

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.path.append(node.name)
        self.generic_visit(node)
        self.path.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _inside

    def _note(self) -> None:
        self.found.add(f"{self.name} {'.'.join(self.path)}")

    def visit_Await(self, node: ast.Await) -> None:
        call = node.value
        if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in _NAMES:
            self._note()
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        if any(word in ast.unparse(item.context_expr) for item in node.items for word in ("lock", "limiter")):
            self._note()
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._note()
        self.generic_visit(node)


def waits_in(source: str, name: str) -> set[str]:
    visitor = Waits(name)
    visitor.visit(ast.parse(source))
    return visitor.found


def test_every_wait_is_in_the_table() -> None:
    files = [
        ROOT / "session.py",
        ROOT / "turn.py",
        *(ROOT / "session_tasks").glob("*.py"),
        *(ROOT / "openai").glob("*.py"),
    ]
    found: set[str] = set()
    for file in files:
        found |= waits_in(file.read_text("utf-8"), file.relative_to(ROOT).as_posix())
    stores = (ROOT / "stores").glob("*.py")
    named = {
        "session_tasks/saving.py SessionKeeper.open",  # calls the store's acquire, within timeouts.store
        "session_tasks/sleepers.py Sleepers.park",  # who calls it has the row
    }
    assert found - named - WAITS.keys() == set(), "give the new wait a deadline, and a row in this table"
    assert WAITS.keys() - found == set(), "this waits no more"
    assert all(
        waits_in(file.read_text("utf-8"), file.name) == set() for file in stores
    )  # they are bounded by who calls


def test_what_users_can_set_is_in_the_readme() -> None:
    table = README[README.index("\n## Deadlines\n") :].split("\n## ", 2)[1]
    for bound in WAITS.values():
        if bound.startswith("`"):
            assert all(setting in table for setting in bound.split(", ")), bound


def test_the_rule_sees_every_kind_of_wait() -> None:
    source = """
class C:
    async def a(self):
        await self.event.wait()
    async def b(self):
        await trio.sleep_forever()
    async def c(self):
        async with self._lock:
            pass
    async def d(self):
        async for _ in self.channel:
            pass
    async def e(self):
        await trio.sleep(1)
"""
    assert waits_in(source, "x") == {f"x C.{name}" for name in "abcd"}
