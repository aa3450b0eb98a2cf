"""Realtime voice agents on trio.

``RealtimeRunner(agent)`` makes sessions; ``async with await runner.run() as session`` is a live conversation: it holds
the connection through many turns, keeps the history, runs tools and guardrails, and hands over between agents.
Test helpers are in :mod:`trio_realtime.testing`, the local server in :mod:`trio_realtime.server`.
"""

from trio_realtime.__about__ import __version__ as __version__
from trio_realtime._structure import NOT_GIVEN as NOT_GIVEN
from trio_realtime._structure import NotGiven as NotGiven
from trio_realtime.agent import MCPConfig as MCPConfig
from trio_realtime.agent import RealtimeAgent as RealtimeAgent
from trio_realtime.audio import PCM16 as PCM16
from trio_realtime.audio import PCMA as PCMA
from trio_realtime.audio import PCMU as PCMU
from trio_realtime.audio import AudioFormat as AudioFormat
from trio_realtime.audio import RealtimeAudioFormat as RealtimeAudioFormat
from trio_realtime.audio import RealtimePlaybackState as RealtimePlaybackState
from trio_realtime.audio import RealtimePlaybackTracker as RealtimePlaybackTracker
from trio_realtime.calls import RealtimeCalls as RealtimeCalls
from trio_realtime.config import DeliverySettings as DeliverySettings
from trio_realtime.config import Limits as Limits
from trio_realtime.config import RealtimeAudioConfig as RealtimeAudioConfig
from trio_realtime.config import RealtimeAudioInputConfig as RealtimeAudioInputConfig
from trio_realtime.config import RealtimeAudioOutputConfig as RealtimeAudioOutputConfig
from trio_realtime.config import RealtimeCustomVoice as RealtimeCustomVoice
from trio_realtime.config import RealtimeGuardrailRecovery as RealtimeGuardrailRecovery
from trio_realtime.config import RealtimeGuardrailsSettings as RealtimeGuardrailsSettings
from trio_realtime.config import RealtimeInputAudioNoiseReductionConfig as RealtimeInputAudioNoiseReductionConfig
from trio_realtime.config import RealtimeInputAudioTranscriptionConfig as RealtimeInputAudioTranscriptionConfig
from trio_realtime.config import RealtimeModelConfig as RealtimeModelConfig
from trio_realtime.config import RealtimeModelName as RealtimeModelName
from trio_realtime.config import RealtimeModelTracingConfig as RealtimeModelTracingConfig
from trio_realtime.config import RealtimePrompt as RealtimePrompt
from trio_realtime.config import RealtimeReasoningConfig as RealtimeReasoningConfig
from trio_realtime.config import RealtimeReasoningEffort as RealtimeReasoningEffort
from trio_realtime.config import RealtimeRunConfig as RealtimeRunConfig
from trio_realtime.config import RealtimeSessionModelSettings as RealtimeSessionModelSettings
from trio_realtime.config import RealtimeToolExecutionConfig as RealtimeToolExecutionConfig
from trio_realtime.config import RealtimeTurnDetectionConfig as RealtimeTurnDetectionConfig
from trio_realtime.config import RealtimeUserInput as RealtimeUserInput
from trio_realtime.config import RealtimeUserInputImage as RealtimeUserInputImage
from trio_realtime.config import RealtimeUserInputMessage as RealtimeUserInputMessage
from trio_realtime.config import RealtimeUserInputText as RealtimeUserInputText
from trio_realtime.config import RealtimeVoice as RealtimeVoice
from trio_realtime.config import ReconnectPolicy as ReconnectPolicy
from trio_realtime.config import Timeouts as Timeouts
from trio_realtime.config import ToolErrorFormatter as ToolErrorFormatter
from trio_realtime.context import RunContextWrapper as RunContextWrapper
from trio_realtime.core.latencies import LatencyStatistics as LatencyStatistics
from trio_realtime.dialect import Dialect as Dialect
from trio_realtime.errors import AgentsException as AgentsException
from trio_realtime.errors import CallRequestRefused as CallRequestRefused
from trio_realtime.errors import ConfigRejected as ConfigRejected
from trio_realtime.errors import HandshakeRejected as HandshakeRejected
from trio_realtime.errors import InputGuardrailTripwireTriggered as InputGuardrailTripwireTriggered
from trio_realtime.errors import InternalError as InternalError
from trio_realtime.errors import ModelBehaviorError as ModelBehaviorError
from trio_realtime.errors import RealtimeConnectionError as RealtimeConnectionError
from trio_realtime.errors import RealtimeTimeoutError as RealtimeTimeoutError
from trio_realtime.errors import ServerError as ServerError
from trio_realtime.errors import SessionClosed as SessionClosed
from trio_realtime.errors import SessionExpired as SessionExpired
from trio_realtime.errors import SessionInUse as SessionInUse
from trio_realtime.errors import SessionStoreError as SessionStoreError
from trio_realtime.errors import Severity as Severity
from trio_realtime.errors import SlowConsumer as SlowConsumer
from trio_realtime.errors import ToolInputGuardrailTripwireTriggered as ToolInputGuardrailTripwireTriggered
from trio_realtime.errors import ToolOutputGuardrailTripwireTriggered as ToolOutputGuardrailTripwireTriggered
from trio_realtime.errors import ToolTimeoutError as ToolTimeoutError
from trio_realtime.errors import UserError as UserError
from trio_realtime.errors import UserTypeError as UserTypeError
from trio_realtime.events import RealtimeAgentEndEvent as RealtimeAgentEndEvent
from trio_realtime.events import RealtimeAgentStartEvent as RealtimeAgentStartEvent
from trio_realtime.events import RealtimeAudio as RealtimeAudio
from trio_realtime.events import RealtimeAudioEnd as RealtimeAudioEnd
from trio_realtime.events import RealtimeAudioInterrupted as RealtimeAudioInterrupted
from trio_realtime.events import RealtimeConnectionEvent as RealtimeConnectionEvent
from trio_realtime.events import RealtimeDtmf as RealtimeDtmf
from trio_realtime.events import RealtimeError as RealtimeError
from trio_realtime.events import RealtimeEventInfo as RealtimeEventInfo
from trio_realtime.events import RealtimeGuardrailTripped as RealtimeGuardrailTripped
from trio_realtime.events import RealtimeHandoffEvent as RealtimeHandoffEvent
from trio_realtime.events import RealtimeHistoryAdded as RealtimeHistoryAdded
from trio_realtime.events import RealtimeHistoryUpdated as RealtimeHistoryUpdated
from trio_realtime.events import RealtimeInputAudioTimeoutTriggered as RealtimeInputAudioTimeoutTriggered
from trio_realtime.events import RealtimeInputGuardrailTripped as RealtimeInputGuardrailTripped
from trio_realtime.events import RealtimeRateLimits as RealtimeRateLimits
from trio_realtime.events import RealtimeRawModelEvent as RealtimeRawModelEvent
from trio_realtime.events import RealtimeSessionEvent as RealtimeSessionEvent
from trio_realtime.events import RealtimeToolApprovalRequired as RealtimeToolApprovalRequired
from trio_realtime.events import RealtimeToolEnd as RealtimeToolEnd
from trio_realtime.events import RealtimeToolStart as RealtimeToolStart
from trio_realtime.events import RealtimeTranscript as RealtimeTranscript
from trio_realtime.events import RealtimeUserSpeechStarted as RealtimeUserSpeechStarted
from trio_realtime.events import RealtimeUserSpeechStopped as RealtimeUserSpeechStopped
from trio_realtime.guardrails import AllowBehavior as AllowBehavior
from trio_realtime.guardrails import GuardrailFunctionOutput as GuardrailFunctionOutput
from trio_realtime.guardrails import InputGuardrail as InputGuardrail
from trio_realtime.guardrails import InputGuardrailResult as InputGuardrailResult
from trio_realtime.guardrails import OutputGuardrail as OutputGuardrail
from trio_realtime.guardrails import OutputGuardrailResult as OutputGuardrailResult
from trio_realtime.guardrails import RaiseExceptionBehavior as RaiseExceptionBehavior
from trio_realtime.guardrails import RejectContentBehavior as RejectContentBehavior
from trio_realtime.guardrails import ToolGuardrailFunctionOutput as ToolGuardrailFunctionOutput
from trio_realtime.guardrails import ToolInputGuardrail as ToolInputGuardrail
from trio_realtime.guardrails import ToolInputGuardrailData as ToolInputGuardrailData
from trio_realtime.guardrails import ToolOutputGuardrail as ToolOutputGuardrail
from trio_realtime.guardrails import ToolOutputGuardrailData as ToolOutputGuardrailData
from trio_realtime.guardrails import input_guardrail as input_guardrail
from trio_realtime.guardrails import output_guardrail as output_guardrail
from trio_realtime.guardrails import tool_input_guardrail as tool_input_guardrail
from trio_realtime.guardrails import tool_output_guardrail as tool_output_guardrail
from trio_realtime.handoffs import Handoff as Handoff
from trio_realtime.handoffs import realtime_handoff as realtime_handoff
from trio_realtime.hooks import RealtimeAgentHooks as RealtimeAgentHooks
from trio_realtime.hooks import RealtimeRunHooks as RealtimeRunHooks
from trio_realtime.images import load_image as load_image
from trio_realtime.items import AssistantAudio as AssistantAudio
from trio_realtime.items import AssistantContent as AssistantContent
from trio_realtime.items import AssistantMessageItem as AssistantMessageItem
from trio_realtime.items import AssistantText as AssistantText
from trio_realtime.items import InputAudio as InputAudio
from trio_realtime.items import InputImage as InputImage
from trio_realtime.items import InputText as InputText
from trio_realtime.items import ItemStatus as ItemStatus
from trio_realtime.items import RealtimeItem as RealtimeItem
from trio_realtime.items import RealtimeMessageItem as RealtimeMessageItem
from trio_realtime.items import RealtimeToolCallItem as RealtimeToolCallItem
from trio_realtime.items import SystemMessageItem as SystemMessageItem
from trio_realtime.items import UserContent as UserContent
from trio_realtime.items import UserMessageItem as UserMessageItem
from trio_realtime.mcp import MCPServer as MCPServer
from trio_realtime.mcp import MCPServerManager as MCPServerManager
from trio_realtime.mcp import MCPServerSse as MCPServerSse
from trio_realtime.mcp import MCPServerSseParams as MCPServerSseParams
from trio_realtime.mcp import MCPServerStdio as MCPServerStdio
from trio_realtime.mcp import MCPServerStdioParams as MCPServerStdioParams
from trio_realtime.mcp import MCPServerStreamableHttp as MCPServerStreamableHttp
from trio_realtime.mcp import MCPServerStreamableHttpParams as MCPServerStreamableHttpParams
from trio_realtime.mcp import MCPToolMetaContext as MCPToolMetaContext
from trio_realtime.mcp import MCPToolMetaResolver as MCPToolMetaResolver
from trio_realtime.mcp import RequireApproval as RequireApproval
from trio_realtime.mcp import ToolFilter as ToolFilter
from trio_realtime.mcp import ToolFilterContext as ToolFilterContext
from trio_realtime.mcp import ToolFilterStatic as ToolFilterStatic
from trio_realtime.mcp import create_static_tool_filter as create_static_tool_filter
from trio_realtime.model import RealtimeConnection as RealtimeConnection
from trio_realtime.model import RealtimeModel as RealtimeModel
from trio_realtime.model_events import RateLimit as RateLimit
from trio_realtime.model_events import RealtimeConnectionStatus as RealtimeConnectionStatus
from trio_realtime.model_events import RealtimeModelAudioDoneEvent as RealtimeModelAudioDoneEvent
from trio_realtime.model_events import RealtimeModelAudioEvent as RealtimeModelAudioEvent
from trio_realtime.model_events import RealtimeModelAudioInterruptedEvent as RealtimeModelAudioInterruptedEvent
from trio_realtime.model_events import RealtimeModelCachedTokensDetails as RealtimeModelCachedTokensDetails
from trio_realtime.model_events import RealtimeModelConfigRejectedEvent as RealtimeModelConfigRejectedEvent
from trio_realtime.model_events import RealtimeModelConnectionStatusEvent as RealtimeModelConnectionStatusEvent
from trio_realtime.model_events import RealtimeModelDtmfEvent as RealtimeModelDtmfEvent
from trio_realtime.model_events import RealtimeModelEndOfStreamEvent as RealtimeModelEndOfStreamEvent
from trio_realtime.model_events import RealtimeModelErrorEvent as RealtimeModelErrorEvent
from trio_realtime.model_events import RealtimeModelEvent as RealtimeModelEvent
from trio_realtime.model_events import RealtimeModelExceptionEvent as RealtimeModelExceptionEvent
from trio_realtime.model_events import RealtimeModelFollowUpEvent as RealtimeModelFollowUpEvent
from trio_realtime.model_events import (
    RealtimeModelInputAudioTimeoutTriggeredEvent as RealtimeModelInputAudioTimeoutTriggeredEvent,
)
from trio_realtime.model_events import (
    RealtimeModelInputAudioTranscriptionCompletedEvent as RealtimeModelInputAudioTranscriptionCompletedEvent,
)
from trio_realtime.model_events import (
    RealtimeModelInputAudioTranscriptionDeltaEvent as RealtimeModelInputAudioTranscriptionDeltaEvent,
)
from trio_realtime.model_events import (
    RealtimeModelInputAudioTranscriptionFailedEvent as RealtimeModelInputAudioTranscriptionFailedEvent,
)
from trio_realtime.model_events import RealtimeModelInputTokensDetails as RealtimeModelInputTokensDetails
from trio_realtime.model_events import RealtimeModelItemDeletedEvent as RealtimeModelItemDeletedEvent
from trio_realtime.model_events import RealtimeModelItemTruncatedEvent as RealtimeModelItemTruncatedEvent
from trio_realtime.model_events import RealtimeModelItemUpdatedEvent as RealtimeModelItemUpdatedEvent
from trio_realtime.model_events import RealtimeModelMcpApprovalRequestedEvent as RealtimeModelMcpApprovalRequestedEvent
from trio_realtime.model_events import RealtimeModelMcpCallEvent as RealtimeModelMcpCallEvent
from trio_realtime.model_events import RealtimeModelMcpListToolsEvent as RealtimeModelMcpListToolsEvent
from trio_realtime.model_events import RealtimeModelOtherEvent as RealtimeModelOtherEvent
from trio_realtime.model_events import RealtimeModelOutputTextDeltaEvent as RealtimeModelOutputTextDeltaEvent
from trio_realtime.model_events import RealtimeModelOutputTextDoneEvent as RealtimeModelOutputTextDoneEvent
from trio_realtime.model_events import RealtimeModelOutputTokensDetails as RealtimeModelOutputTokensDetails
from trio_realtime.model_events import RealtimeModelRateLimitsEvent as RealtimeModelRateLimitsEvent
from trio_realtime.model_events import RealtimeModelRawServerEvent as RealtimeModelRawServerEvent
from trio_realtime.model_events import RealtimeModelRequestSettledEvent as RealtimeModelRequestSettledEvent
from trio_realtime.model_events import RealtimeModelSessionUpdatedEvent as RealtimeModelSessionUpdatedEvent
from trio_realtime.model_events import RealtimeModelSpeechStartedEvent as RealtimeModelSpeechStartedEvent
from trio_realtime.model_events import RealtimeModelSpeechStoppedEvent as RealtimeModelSpeechStoppedEvent
from trio_realtime.model_events import RealtimeModelToolCallEvent as RealtimeModelToolCallEvent
from trio_realtime.model_events import RealtimeModelTranscriptDeltaEvent as RealtimeModelTranscriptDeltaEvent
from trio_realtime.model_events import RealtimeModelTranscriptDoneEvent as RealtimeModelTranscriptDoneEvent
from trio_realtime.model_events import RealtimeModelTranscriptTimingEvent as RealtimeModelTranscriptTimingEvent
from trio_realtime.model_events import RealtimeModelTurnEndedEvent as RealtimeModelTurnEndedEvent
from trio_realtime.model_events import RealtimeModelTurnStartedEvent as RealtimeModelTurnStartedEvent
from trio_realtime.model_events import RealtimeModelUsageEvent as RealtimeModelUsageEvent
from trio_realtime.model_events import ResponseError as ResponseError
from trio_realtime.model_events import ResponseStatus as ResponseStatus
from trio_realtime.model_inputs import RealtimeModelInputImageContent as RealtimeModelInputImageContent
from trio_realtime.model_inputs import RealtimeModelInputTextContent as RealtimeModelInputTextContent
from trio_realtime.model_inputs import RealtimeModelRawClientMessage as RealtimeModelRawClientMessage
from trio_realtime.model_inputs import RealtimeModelSendAudio as RealtimeModelSendAudio
from trio_realtime.model_inputs import RealtimeModelSendEvent as RealtimeModelSendEvent
from trio_realtime.model_inputs import RealtimeModelSendInterrupt as RealtimeModelSendInterrupt
from trio_realtime.model_inputs import RealtimeModelSendRawMessage as RealtimeModelSendRawMessage
from trio_realtime.model_inputs import RealtimeModelSendResponseRequest as RealtimeModelSendResponseRequest
from trio_realtime.model_inputs import RealtimeModelSendSessionUpdate as RealtimeModelSendSessionUpdate
from trio_realtime.model_inputs import RealtimeModelSendToolOutput as RealtimeModelSendToolOutput
from trio_realtime.model_inputs import RealtimeModelSendUserInput as RealtimeModelSendUserInput
from trio_realtime.model_inputs import RealtimeModelSendWithdrawal as RealtimeModelSendWithdrawal
from trio_realtime.model_inputs import RealtimeModelUserInput as RealtimeModelUserInput
from trio_realtime.model_inputs import RealtimeModelUserInputMessage as RealtimeModelUserInputMessage
from trio_realtime.model_inputs import TruncationPoint as TruncationPoint
from trio_realtime.openai import DEFAULT_MODEL_SETTINGS as DEFAULT_MODEL_SETTINGS
from trio_realtime.openai import DEFAULT_REALTIME_MODEL as DEFAULT_REALTIME_MODEL
from trio_realtime.openai import OpenAIRealtimeWebSocketModel as OpenAIRealtimeWebSocketModel
from trio_realtime.openai import get_api_key as get_api_key
from trio_realtime.playback_trackers import BrowserPlaybackTracker as BrowserPlaybackTracker
from trio_realtime.playback_trackers import LocalPlaybackTracker as LocalPlaybackTracker
from trio_realtime.playback_trackers import MarkPlaybackTracker as MarkPlaybackTracker
from trio_realtime.runner import RealtimeRunner as RealtimeRunner
from trio_realtime.session import LiveModel as LiveModel
from trio_realtime.session import RealtimeSession as RealtimeSession
from trio_realtime.session import SessionOutcome as SessionOutcome
from trio_realtime.session import SessionStatistics as SessionStatistics
from trio_realtime.session_tasks.approvals import PendingApproval as PendingApproval
from trio_realtime.session_tasks.streams import EventStream as EventStream
from trio_realtime.sip import OpenAIRealtimeSIPModel as OpenAIRealtimeSIPModel
from trio_realtime.stores import RedisSessionStore as RedisSessionStore
from trio_realtime.stores import SessionStore as SessionStore
from trio_realtime.stores import SQLiteSessionStore as SQLiteSessionStore
from trio_realtime.tools import FunctionTool as FunctionTool
from trio_realtime.tools import HostedMCPConfig as HostedMCPConfig
from trio_realtime.tools import HostedMCPTool as HostedMCPTool
from trio_realtime.tools import MCPApprovalRequest as MCPApprovalRequest
from trio_realtime.tools import MCPToolApprovalFunction as MCPToolApprovalFunction
from trio_realtime.tools import MCPToolApprovalFunctionResult as MCPToolApprovalFunctionResult
from trio_realtime.tools import MCPToolApprovalRequest as MCPToolApprovalRequest
from trio_realtime.tools import ToolContext as ToolContext
from trio_realtime.tools import ToolErrorFormatterArgs as ToolErrorFormatterArgs
from trio_realtime.tools import ToolErrorFunction as ToolErrorFunction
from trio_realtime.tools import ToolOutputFileContent as ToolOutputFileContent
from trio_realtime.tools import ToolOutputImage as ToolOutputImage
from trio_realtime.tools import ToolOutputText as ToolOutputText
from trio_realtime.tools import ToolPolicy as ToolPolicy
from trio_realtime.tools import ToolResult as ToolResult
from trio_realtime.tools import ToolTimeoutBehavior as ToolTimeoutBehavior
from trio_realtime.tools import default_tool_error_function as default_tool_error_function
from trio_realtime.tools import function_tool as function_tool
from trio_realtime.tools import set_tool_threads as set_tool_threads
from trio_realtime.tools import tool as tool
from trio_realtime.tools import tool_thread_limiter as tool_thread_limiter
from trio_realtime.transport.base import TransportConfig as TransportConfig
from trio_realtime.turn import RealtimeTurn as RealtimeTurn
from trio_realtime.turn import TurnTimings as TurnTimings
from trio_realtime.usage import InputTokensDetails as InputTokensDetails
from trio_realtime.usage import ModalityTokens as ModalityTokens
from trio_realtime.usage import OutputTokensDetails as OutputTokensDetails
from trio_realtime.usage import RequestUsage as RequestUsage
from trio_realtime.usage import TranscriptionUsage as TranscriptionUsage
from trio_realtime.usage import Usage as Usage

__all__ = [
    "DEFAULT_MODEL_SETTINGS",
    "DEFAULT_REALTIME_MODEL",
    "NOT_GIVEN",
    "PCM16",
    "PCMA",
    "PCMU",
    "AgentsException",
    "AllowBehavior",
    "AssistantAudio",
    "AssistantContent",
    "AssistantMessageItem",
    "AssistantText",
    "AudioFormat",
    "BrowserPlaybackTracker",
    "CallRequestRefused",
    "ConfigRejected",
    "DeliverySettings",
    "Dialect",
    "EventStream",
    "FunctionTool",
    "GuardrailFunctionOutput",
    "Handoff",
    "HandshakeRejected",
    "HostedMCPConfig",
    "HostedMCPTool",
    "InputAudio",
    "InputGuardrail",
    "InputGuardrailResult",
    "InputGuardrailTripwireTriggered",
    "InputImage",
    "InputText",
    "InputTokensDetails",
    "InternalError",
    "ItemStatus",
    "LatencyStatistics",
    "Limits",
    "LiveModel",
    "LocalPlaybackTracker",
    "MCPApprovalRequest",
    "MCPConfig",
    "MCPServer",
    "MCPServerManager",
    "MCPServerSse",
    "MCPServerSseParams",
    "MCPServerStdio",
    "MCPServerStdioParams",
    "MCPServerStreamableHttp",
    "MCPServerStreamableHttpParams",
    "MCPToolApprovalFunction",
    "MCPToolApprovalFunctionResult",
    "MCPToolApprovalRequest",
    "MCPToolMetaContext",
    "MCPToolMetaResolver",
    "MarkPlaybackTracker",
    "ModalityTokens",
    "ModelBehaviorError",
    "NotGiven",
    "OpenAIRealtimeSIPModel",
    "OpenAIRealtimeWebSocketModel",
    "OutputGuardrail",
    "OutputGuardrailResult",
    "OutputTokensDetails",
    "PendingApproval",
    "RaiseExceptionBehavior",
    "RateLimit",
    "RealtimeAgent",
    "RealtimeAgentEndEvent",
    "RealtimeAgentHooks",
    "RealtimeAgentStartEvent",
    "RealtimeAudio",
    "RealtimeAudioConfig",
    "RealtimeAudioEnd",
    "RealtimeAudioFormat",
    "RealtimeAudioInputConfig",
    "RealtimeAudioInterrupted",
    "RealtimeAudioOutputConfig",
    "RealtimeCalls",
    "RealtimeConnection",
    "RealtimeConnectionError",
    "RealtimeConnectionEvent",
    "RealtimeConnectionStatus",
    "RealtimeCustomVoice",
    "RealtimeDtmf",
    "RealtimeError",
    "RealtimeEventInfo",
    "RealtimeGuardrailRecovery",
    "RealtimeGuardrailTripped",
    "RealtimeGuardrailsSettings",
    "RealtimeHandoffEvent",
    "RealtimeHistoryAdded",
    "RealtimeHistoryUpdated",
    "RealtimeInputAudioNoiseReductionConfig",
    "RealtimeInputAudioTimeoutTriggered",
    "RealtimeInputAudioTranscriptionConfig",
    "RealtimeInputGuardrailTripped",
    "RealtimeItem",
    "RealtimeMessageItem",
    "RealtimeModel",
    "RealtimeModelAudioDoneEvent",
    "RealtimeModelAudioEvent",
    "RealtimeModelAudioInterruptedEvent",
    "RealtimeModelCachedTokensDetails",
    "RealtimeModelConfig",
    "RealtimeModelConfigRejectedEvent",
    "RealtimeModelConnectionStatusEvent",
    "RealtimeModelDtmfEvent",
    "RealtimeModelEndOfStreamEvent",
    "RealtimeModelErrorEvent",
    "RealtimeModelEvent",
    "RealtimeModelExceptionEvent",
    "RealtimeModelFollowUpEvent",
    "RealtimeModelInputAudioTimeoutTriggeredEvent",
    "RealtimeModelInputAudioTranscriptionCompletedEvent",
    "RealtimeModelInputAudioTranscriptionDeltaEvent",
    "RealtimeModelInputAudioTranscriptionFailedEvent",
    "RealtimeModelInputImageContent",
    "RealtimeModelInputTextContent",
    "RealtimeModelInputTokensDetails",
    "RealtimeModelItemDeletedEvent",
    "RealtimeModelItemTruncatedEvent",
    "RealtimeModelItemUpdatedEvent",
    "RealtimeModelMcpApprovalRequestedEvent",
    "RealtimeModelMcpCallEvent",
    "RealtimeModelMcpListToolsEvent",
    "RealtimeModelName",
    "RealtimeModelOtherEvent",
    "RealtimeModelOutputTextDeltaEvent",
    "RealtimeModelOutputTextDoneEvent",
    "RealtimeModelOutputTokensDetails",
    "RealtimeModelRateLimitsEvent",
    "RealtimeModelRawClientMessage",
    "RealtimeModelRawServerEvent",
    "RealtimeModelRequestSettledEvent",
    "RealtimeModelSendAudio",
    "RealtimeModelSendEvent",
    "RealtimeModelSendInterrupt",
    "RealtimeModelSendRawMessage",
    "RealtimeModelSendResponseRequest",
    "RealtimeModelSendSessionUpdate",
    "RealtimeModelSendToolOutput",
    "RealtimeModelSendUserInput",
    "RealtimeModelSendWithdrawal",
    "RealtimeModelSessionUpdatedEvent",
    "RealtimeModelSpeechStartedEvent",
    "RealtimeModelSpeechStoppedEvent",
    "RealtimeModelToolCallEvent",
    "RealtimeModelTracingConfig",
    "RealtimeModelTranscriptDeltaEvent",
    "RealtimeModelTranscriptDoneEvent",
    "RealtimeModelTranscriptTimingEvent",
    "RealtimeModelTurnEndedEvent",
    "RealtimeModelTurnStartedEvent",
    "RealtimeModelUsageEvent",
    "RealtimeModelUserInput",
    "RealtimeModelUserInputMessage",
    "RealtimePlaybackState",
    "RealtimePlaybackTracker",
    "RealtimePrompt",
    "RealtimeRateLimits",
    "RealtimeRawModelEvent",
    "RealtimeReasoningConfig",
    "RealtimeReasoningEffort",
    "RealtimeRunConfig",
    "RealtimeRunHooks",
    "RealtimeRunner",
    "RealtimeSession",
    "RealtimeSessionEvent",
    "RealtimeSessionModelSettings",
    "RealtimeTimeoutError",
    "RealtimeToolApprovalRequired",
    "RealtimeToolCallItem",
    "RealtimeToolEnd",
    "RealtimeToolExecutionConfig",
    "RealtimeToolStart",
    "RealtimeTranscript",
    "RealtimeTurn",
    "RealtimeTurnDetectionConfig",
    "RealtimeUserInput",
    "RealtimeUserInputImage",
    "RealtimeUserInputMessage",
    "RealtimeUserInputText",
    "RealtimeUserSpeechStarted",
    "RealtimeUserSpeechStopped",
    "RealtimeVoice",
    "ReconnectPolicy",
    "RedisSessionStore",
    "RejectContentBehavior",
    "RequestUsage",
    "RequireApproval",
    "ResponseError",
    "ResponseStatus",
    "RunContextWrapper",
    "SQLiteSessionStore",
    "ServerError",
    "SessionClosed",
    "SessionExpired",
    "SessionInUse",
    "SessionOutcome",
    "SessionStatistics",
    "SessionStore",
    "SessionStoreError",
    "Severity",
    "SlowConsumer",
    "SystemMessageItem",
    "Timeouts",
    "ToolContext",
    "ToolErrorFormatter",
    "ToolErrorFormatterArgs",
    "ToolErrorFunction",
    "ToolFilter",
    "ToolFilterContext",
    "ToolFilterStatic",
    "ToolGuardrailFunctionOutput",
    "ToolInputGuardrail",
    "ToolInputGuardrailData",
    "ToolInputGuardrailTripwireTriggered",
    "ToolOutputFileContent",
    "ToolOutputGuardrail",
    "ToolOutputGuardrailData",
    "ToolOutputGuardrailTripwireTriggered",
    "ToolOutputImage",
    "ToolOutputText",
    "ToolPolicy",
    "ToolResult",
    "ToolTimeoutBehavior",
    "ToolTimeoutError",
    "TranscriptionUsage",
    "TransportConfig",
    "TruncationPoint",
    "TurnTimings",
    "Usage",
    "UserContent",
    "UserError",
    "UserMessageItem",
    "UserTypeError",
    "__version__",
    "create_static_tool_filter",
    "default_tool_error_function",
    "function_tool",
    "get_api_key",
    "input_guardrail",
    "load_image",
    "output_guardrail",
    "realtime_handoff",
    "set_tool_threads",
    "tool",
    "tool_input_guardrail",
    "tool_output_guardrail",
    "tool_thread_limiter",
]
