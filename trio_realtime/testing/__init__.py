"""Testing without network and without waiting.

* :class:`ScriptedRealtimeModel` stands in for the model: it checks what a session sends and answers from a script.
* :class:`trio_realtime.server.LocalServer` speaks the protocol itself, over memory (``server.connector``) or sockets.

Both work under trio's :class:`~trio.testing.MockClock`.
"""

from trio_realtime.testing.scripted import RealtimeConnectCall as RealtimeConnectCall
from trio_realtime.testing.scripted import RealtimeScriptError as RealtimeScriptError
from trio_realtime.testing.scripted import RealtimeStep as RealtimeStep
from trio_realtime.testing.scripted import ScriptedRealtimeModel as ScriptedRealtimeModel
from trio_realtime.testing.scripted import UnconsumedRealtimeSteps as UnconsumedRealtimeSteps
from trio_realtime.testing.scripted import UnexpectedRealtimeSend as UnexpectedRealtimeSend

__all__ = [
    "RealtimeConnectCall",
    "RealtimeScriptError",
    "RealtimeStep",
    "ScriptedRealtimeModel",
    "UnconsumedRealtimeSteps",
    "UnexpectedRealtimeSend",
]
