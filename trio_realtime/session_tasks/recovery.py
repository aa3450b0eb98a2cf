"""What the agent says instead of what a guardrail stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trio_realtime.config import RealtimeGuardrailRecovery
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
)

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["recover", "speak"]

_EXACTLY = "Say exactly this, word for word, and nothing else: "


def speak(
    hub: SessionHub,
    recovery: str | RealtimeGuardrailRecovery,
    *,
    first: bool = False,
    instead_of: str | None = None,
) -> None:
    """Have text said, or instructions followed, in one response that calls no tools. Does not wait.

    With ``gate_input``, it is asked for when everything that was spoken has been looked at.

    Args:
        hub: the session.
        recovery: what is said.
        first: before what waits for the same.
        instead_of: the response whose place it takes: before what waits for its end, and not at all if another has
            begun or was asked for since.
    """
    if isinstance(recovery, str):
        recovery = RealtimeGuardrailRecovery(say=recovery)
    exactly = None if recovery.say is None else _EXACTLY + recovery.say
    instructions = [text for text in (recovery.instructions, exactly) if text is not None]
    if not instructions:
        return
    response: dict[str, Any] = {"instructions": "\n".join(instructions), "tool_choice": "none"}
    data = {"response": response}
    message = RealtimeModelRawClientMessage(type="response.create", other_data=data, instead_of=instead_of)
    hub.input_gate.ask(RealtimeModelSendRawMessage(message=message), first=first)


def recover(hub: SessionHub, default: str, response_id: str) -> None:
    """Do what the settings say follows a trip; without a word of theirs the model gets ``default`` as a message.

    It takes the place of the response that was stopped: whoever waits for an answer hears it before that one, and not
    behind it.
    """
    recovery = hub.run_config.guardrails_settings.recovery
    if recovery is None:
        hub.input_gate.ask(RealtimeModelSendUserInput(user_input=default, instead_of=response_id))
    else:
        speak(hub, recovery, instead_of=response_id)
