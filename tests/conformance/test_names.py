"""Every name of the reference is here or its absence is explained; what has a name takes and holds what it does there."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.official_types import ask_reference, find, parameters_of

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

PLACES = {
    "agents": "trio_realtime",
    "agents.realtime": "trio_realtime",
    "agents.realtime.testing": "trio_realtime.testing",
    "agents.mcp": "trio_realtime.mcp",
}
"""Where the names of a module of the reference are."""
NOT_EXPORTED = {
    "agents.realtime.config": "RealtimeAudioConfig RealtimeAudioInputConfig RealtimeAudioOutputConfig"
    " RealtimeCustomVoice RealtimeUserInputImage RealtimeVoice",
    "agents.realtime.events": "RealtimeInputAudioTimeoutTriggered",
    "agents.realtime.items": "AssistantAudio InputImage",
    "agents.realtime.model_events": "RealtimeModelInputAudioTimeoutTriggeredEvent RealtimeModelRawServerEvent",
    "agents.realtime.model_inputs": "RealtimeModelInputImageContent",
    "agents.realtime.openai_realtime": "DEFAULT_REALTIME_MODEL TransportConfig get_server_event_type_adapter",
    "agents.tool_context": "ToolContext",
    "agents.decorators": "tool",
}
"""What is usable there without being exported."""
METHODS = {
    "agents.realtime": {
        "RealtimeAgent": "clone get_all_tools get_mcp_tools get_system_prompt",
        "RealtimeRunner": "run",
        "RealtimeSession": "approve_tool_call close enter interrupt on_event reject_tool_call send_audio send_message"
        " update_agent",
        "RealtimeModel": "add_listener close connect remove_listener send_event send_event_if",
        "RealtimePlaybackTracker": "get_state on_interrupted on_play_bytes on_play_ms set_audio_format",
        "OpenAIRealtimeSIPModel": "build_initial_session_payload",
    },
    "agents": {
        "Handoff": "default_tool_description default_tool_name get_transfer_message",
        "InputGuardrail": "get_name run",
        "OutputGuardrail": "get_name run",
        "RunContextWrapper": "approve_tool get_approval_status get_rejection_message is_tool_approved reject_tool",
        "ToolGuardrailFunctionOutput": "allow raise_exception reject_content",
        "ToolInputGuardrail": "get_name run",
        "ToolOutputGuardrail": "get_name run",
        "Usage": "add",
    },
    "agents.realtime.testing": {"ScriptedRealtimeModel": "assert_complete emit"},
}
FOLLOWING = "messages and events are data here, with more fields: they are made by name"
BY_NAME = {
    "agents.realtime:Realtime*Event": FOLLOWING,
    "agents.realtime:RealtimeAudio*": FOLLOWING,
    "agents.realtime:RealtimeError": FOLLOWING,
    "agents.realtime:RealtimeGuardrailTripped": FOLLOWING,
    "agents.realtime:RealtimeHistory*": FOLLOWING,
    "agents.realtime:RealtimeModelSend*": FOLLOWING,
    "agents.realtime:RealtimeModel*Details": FOLLOWING,
    "agents.realtime:RealtimeTool*": FOLLOWING,
    "agents.realtime.events:*": FOLLOWING,
    "agents.realtime.model_events:*": FOLLOWING,
    "agents:ToolErrorFormatterArgs": FOLLOWING,
    "agents:Usage": FOLLOWING,
}
"""What takes by name only what it takes by place there."""
LISTENERS = "one iterates over a connection; there are no listeners"
CONNECTION = "what a model is told goes to its connection, which `connect` gives"
BY_CALL = "approvals are for calls, by tool name and call id: there are no run items"
LOOKUP = "tools have one name and no namespace"
DIFFERENT = {
    "agents.realtime:RealtimeSession.enter": "`async with` enters",
    "agents.realtime:RealtimeSession.on_event": LISTENERS,
    "agents.realtime:RealtimeModel.add_listener": LISTENERS,
    "agents.realtime:RealtimeModel.remove_listener": LISTENERS,
    "agents.realtime:RealtimeModel.close": CONNECTION,
    "agents.realtime:RealtimeModel.send_event": CONNECTION,
    "agents.realtime:RealtimeModel.send_event_if": CONNECTION,
    "agents.realtime:RealtimeModel.connect(options)": "`config`, as everywhere; it is an async context manager",
    "agents.realtime:RealtimeModelTurnStartedEvent(response_id)": "always text; empty where a model has none",
    "agents.realtime:RealtimeModelTurnEndedEvent(response_id)": "always text; empty where a model has none",
    "agents:RunContextWrapper.approve_tool(approval_item)": BY_CALL,
    "agents:RunContextWrapper.approve_tool(always_approve)": BY_CALL,
    "agents:RunContextWrapper.reject_tool(approval_item)": BY_CALL,
    "agents:RunContextWrapper.reject_tool(always_reject)": BY_CALL,
    "agents:RunContextWrapper.reject_tool(rejection_message)": BY_CALL,
    "agents:RunContextWrapper.get_approval_status(tool_namespace)": LOOKUP,
    "agents:RunContextWrapper.get_approval_status(existing_pending)": BY_CALL,
    "agents:RunContextWrapper.get_approval_status(tool_lookup_key)": LOOKUP,
    "agents:RunContextWrapper.get_approval_status(current_invocation)": BY_CALL,
    "agents:RunContextWrapper.get_rejection_message(tool_namespace)": LOOKUP,
    "agents:RunContextWrapper.get_rejection_message(existing_pending)": BY_CALL,
    "agents:RunContextWrapper.get_rejection_message(tool_lookup_key)": LOOKUP,
    "agents.mcp:MCPServerManager(suppress_cancelled_error)": "a cancellation always goes on, as trio's do",
    "agents.realtime.testing:RealtimeConnectCall(*)": "has the whole config, and whether there was a key or headers",
    "agents.realtime.testing:UnconsumedRealtimeSteps(message)": "made of the steps, not of the message",
    "agents.realtime.testing:UnexpectedRealtimeSend(message)": "made of what was sent and expected, not of the message",
}
"""What is not as it is there, and why: ``module:name``, or ``module:name(parameter)``."""


def not_offered() -> dict[str, str]:
    """The README's table, by name or pattern."""
    section = README.partition("\n## Not offered, because\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {name: reason.strip() for names, reason in rows for name in re.findall(r"`([^`]+)`", names)}


def targets() -> list[str]:
    """What is compared: everything here of theirs that has parameters."""
    exported = [f"{module}:{name}" for module, names in NOT_EXPORTED.items() for name in names.split()]
    methods = [
        f"{module}:{cls}.{name}"
        for module, classes in METHODS.items()
        for cls, names in classes.items()
        for name in names.split()
    ]
    return [
        path for path in exported if "Voice" not in path and "DEFAULT" not in path and "adapter" not in path
    ] + methods


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    asked = {"modules": list(PLACES), "others": list(NOT_EXPORTED), "targets": targets()}
    return json.loads(ask_reference("names", json.dumps(asked)))


def place_of(path: str) -> str:
    """Where the name of the reference is here."""
    module, _, name = path.partition(":")
    return f"{PLACES.get(module, 'trio_realtime')}:{name}"


def is_here(path: str) -> bool:
    try:
        find(place_of(path))
    except (AttributeError, ImportError):
        return False
    return True


def is_method(path: str) -> bool:
    return "." in path.partition(":")[2]


def explained(name: str, table: dict[str, str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in table)


@pytest.mark.parametrize("module", sorted({*PLACES, *NOT_EXPORTED}))
def test_every_name_of_the_reference_is_here_or_its_absence_is_explained(module, reference):
    names = reference["names"].get(module) or NOT_EXPORTED[module].split()
    for name in NOT_EXPORTED.get(module, "").split():
        assert name in reference["there"][module]
    absent = [name for name in names if not is_here(f"{module}:{name}")]
    unexplained = [name for name in absent if not explained(name, not_offered())]
    assert unexplained == []


def test_what_is_said_not_to_be_offered_is_there_and_not_here(reference):
    every = {f"{module}:{name}" for module, names in reference["names"].items() for name in names}
    every |= {f"{module}:{name}" for module, names in NOT_EXPORTED.items() for name in names.split()}
    for pattern in not_offered():
        meant = [path for path in every if fnmatchcase(path.partition(":")[2], pattern)]
        assert meant, f"{pattern} is no name of the reference"
        assert not [path for path in meant if is_here(path)], f"{pattern} is here"


def differences(path: str, theirs: dict[str, Any], table: dict[str, str]) -> list[str]:
    """How something here differs from theirs, without what the table explains."""
    if explained(path, table):
        return []
    if not is_here(path):
        return [f"{path} is missing"]
    ours, found = parameters_of(find(place_of(path))), []
    public = {name: facts for name, facts in theirs.items() if not name.startswith("_")}
    alike = {name: facts for name, facts in public.items() if not explained(f"{path}({name})", table)}
    for name, (by_place, required, default) in alike.items():
        if name not in ours:
            found.append(f"{path}({name}) is missing")
            continue
        takes_place, needed, value = ours[name]
        if not required and (needed or value != default):
            found.append(f"{path}({name}) is {'required' if needed else value!r}, there {default!r}")
        if by_place and not takes_place and not explained(path, BY_NAME):
            found.append(f"{path}({name}) is by name only")
    if alike == public:
        order = [name for name, facts in public.items() if facts[0] and name in ours and ours[name][0]]
        by_place = [name for name, facts in ours.items() if facts[0]]
        if by_place[: len(order)] != order:
            found.append(f"{path} takes {by_place}, there {order}")
        unasked = [name for name, facts in ours.items() if name not in theirs and facts[1]]
        if unasked:
            found.append(f"{path} needs {unasked} too")
    return found


def test_what_has_a_name_takes_and_holds_what_it_does_there(reference):
    compared = {path: facts for path, facts in reference["parameters"].items() if facts is not None}
    compared = {path: facts for path, facts in compared.items() if is_here(path) or is_method(path)}
    found = [line for path, facts in compared.items() for line in differences(path, facts, DIFFERENT)]
    assert not found, "\n".join(found)
    assert len(compared) > 150


def test_every_difference_and_exception_in_the_tables_is_one(reference):
    parameters = {path: facts for path, facts in reference["parameters"].items() if facts is not None}
    names = {*parameters, *(f"{path}({name})" for path, facts in parameters.items() for name in facts)}
    for pattern in [*DIFFERENT, *BY_NAME]:
        assert [name for name in names if fnmatchcase(name, pattern)], pattern
        rest = {other: "" for other in DIFFERENT if other != pattern}
        of = pattern.partition("(")[0].rstrip("*")
        if pattern in DIFFERENT:
            assert any(differences(path, facts, rest) for path, facts in parameters.items() if path.startswith(of)), (
                pattern
            )


def test_the_comparison_sees_differences():
    theirs = parameters_of(find("trio_realtime:RealtimeRunner"))
    assert differences("agents.realtime:RealtimeRunner", theirs, {}) == []
    changed = {**theirs, "model": [False, False, 3], "more": [False, False, None]}
    assert differences("agents.realtime:RealtimeRunner", changed, {}) == [
        "agents.realtime:RealtimeRunner(model) is None, there 3",
        "agents.realtime:RealtimeRunner(more) is missing",
    ]
    assert differences("agents.realtime:Nothing", {}, {}) == ["agents.realtime:Nothing is missing"]


def test_there_is_a_reason_for_everything():
    assert all([*DIFFERENT.values(), *BY_NAME.values(), *not_offered().values()])
