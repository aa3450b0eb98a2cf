"""Phone calls: the session object that a call is accepted with, and the model that attaches to the running call."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, cast

from trio_realtime._structure import structure
from trio_realtime.agent import RealtimeAgent
from trio_realtime.config import RealtimeModelConfig, RealtimeRunConfig, RealtimeSessionModelSettings
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.openai.connection import OpenAIRealtimeConnection
from trio_realtime.openai.settings import session_object
from trio_realtime.openai.websocket_model import OpenAIRealtimeWebSocketModel
from trio_realtime.session_tasks.configure import initial_settings, overlaid_settings

__all__ = ["OpenAIRealtimeSIPModel"]

TContext = TypeVar("TContext")


class OpenAIRealtimeSIPModel(OpenAIRealtimeWebSocketModel):
    """Attaches to a running (SIP) call, which ``call_id`` names. Only settings that were given are sent."""

    def connect(self, config: RealtimeModelConfig) -> AbstractAsyncContextManager[OpenAIRealtimeConnection]:
        """See :meth:`OpenAIRealtimeWebSocketModel.connect`.

        Raises:
            UserError: at once, if ``config`` has no ``call_id``.
        """
        if not config.call_id:
            raise UserError("call_id: attaching to a call needs its id")
        return super().connect(config)

    @staticmethod
    async def build_initial_session_payload(
        agent: RealtimeAgent[TContext],
        *,
        context: TContext | RunContextWrapper[TContext] | None = None,
        model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
        run_config: RealtimeRunConfig | Mapping[str, Any] | None = None,
        overrides: RealtimeSessionModelSettings | Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Give the session object that a session with ``agent`` would configure a new connection with.

        It is what a call is accepted with. Defaults are in it: a call that rings has no settings yet, whatever
        ``call_id`` says. A checkpoint only if the agent's own functions are.

        Args:
            agent: the agent that shall answer; its instructions, tools, handoffs and prompt are asked for.
            context: what those functions get.
            model_config: ``initial_model_settings`` beat the agent's, as at connect.
            run_config: ``model_settings`` and ``tracing_disabled`` count.
            overrides: settings that beat all others.

        Returns:
            a dict of JSON types.

        Raises:
            UserError: a setting, a tool or a handoff is at fault; ``agent`` is no RealtimeAgent: UserTypeError.
        """
        if not isinstance(cast("Any", agent), RealtimeAgent):
            raise UserTypeError(f"agent must be a RealtimeAgent, not {type(agent).__name__}")
        wrapper = (
            cast("RunContextWrapper[Any]", context)
            if isinstance(context, RunContextWrapper)
            else RunContextWrapper[Any](context)
        )
        settings, tools = await initial_settings(
            agent,
            wrapper,
            structure({} if model_config is None else model_config, RealtimeModelConfig, name="model_config"),
            structure({} if run_config is None else run_config, RealtimeRunConfig, name="run_config"),
        )
        last = structure({} if overrides is None else overrides, RealtimeSessionModelSettings, name="overrides")
        settings, _ = await overlaid_settings(settings, tools, last, agent=agent, wrapper=wrapper)
        return session_object(settings)
