"""The runner: one configuration, any number of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import trio

from trio_realtime._structure import structure
from trio_realtime.agent import RealtimeAgent
from trio_realtime.config import RealtimeModelConfig, RealtimeRunConfig
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserTypeError
from trio_realtime.items import RealtimeItem
from trio_realtime.model import RealtimeModel
from trio_realtime.openai import OpenAIRealtimeWebSocketModel
from trio_realtime.session import RealtimeSession
from trio_realtime.stores.base import SessionStore

__all__ = ["RealtimeRunner"]

TContext = TypeVar("TContext")


class RealtimeRunner(Generic[TContext]):
    """Makes sessions that begin with one agent.

    It holds configuration only, so that any number of its sessions can run at once.

    Args:
        starting_agent: the agent that answers first.
        model: the model layer; a new :class:`OpenAIRealtimeWebSocketModel` without it.
        config: how sessions behave, as a RealtimeRunConfig or a dict of its keys.

    Raises:
        UserError: the configuration has an unknown key or a wrong value; the error names it.
    """

    def __init__(
        self,
        starting_agent: RealtimeAgent[TContext],
        *,
        model: RealtimeModel | None = None,
        config: RealtimeRunConfig | Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(cast("Any", starting_agent), RealtimeAgent):
            raise UserTypeError(f"starting_agent must be a RealtimeAgent, not {type(starting_agent).__name__}")
        if not isinstance(cast("Any", model), RealtimeModel | None):
            raise UserTypeError(f"model must be a RealtimeModel, not {type(model).__name__}")
        self._agent = starting_agent
        self._model = model if model is not None else OpenAIRealtimeWebSocketModel()
        self._config = structure({} if config is None else config, RealtimeRunConfig, name="config")

    async def run(
        self,
        *,
        context: TContext | RunContextWrapper[TContext] | None = None,
        model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
        history: Sequence[RealtimeItem | Mapping[str, Any]] | None = None,
        resume: Mapping[str, Any] | None = None,
        store: SessionStore | None = None,
        session_id: str | None = None,
    ) -> RealtimeSession[TContext]:
        """Make a session that is not connected yet: enter it with ``async with``.

        A checkpoint.

        Args:
            context: what tools, guardrails and callbacks get; anything, or a RunContextWrapper to share one.
            model_config: what to connect with, as a RealtimeModelConfig or a dict of its keys.
            history: items to begin with, in order, as objects or dicts; the server is told of them, spoken ones as
                text, when the session is entered. Tool calls without an output are only in the local history.
            resume: what :meth:`RealtimeSession.snapshot` gave, in this process or another one. The session goes on with
                the agent of that name, the conversation, the usage and the decisions. A tool call that had no output
                gets one: see ``tool_execution.on_resume``.
            store: where the session is kept as it goes on, and taken up from when it is entered if it is there already
                (by another process, or a later call); ``history`` is for a session that is not. Until it is left, or
                its process has been silent for ``timeouts.lease`` seconds, others that enter it get SessionInUse.
            session_id: the session's name in the store.

        Raises:
            UserError: the configuration, the history or the snapshot is at fault, or there is no such agent.
        """
        await trio.lowlevel.checkpoint()
        config = structure({} if model_config is None else model_config, RealtimeModelConfig, name="model_config")
        return RealtimeSession(
            self._model,
            self._agent,
            context,
            config,
            self._config,
            history=history,
            resume=resume,
            store=store,
            session_id=session_id,
        )
