"""A conversation as the items that make it again on a server that knows nothing of it.

Each item goes out under its own id and names the one before it, the first of them ``"root"``, so that the order holds
whatever else reaches the server. What was spoken is said in words: the service makes no speech from text that a client
gives, and takes back no audio of its own.

Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import blake2s
from types import MappingProxyType
from typing import Any, Final

import attrs

from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    InputAudio,
    InputImage,
    RealtimeItem,
    RealtimeToolCallItem,
    UserMessageItem,
)

__all__ = ["ROOT", "Replay", "ReplayedItem", "message_content", "output_item_id", "plan_replay"]

ROOT: Final = "root"
"""The protocol's name for the place before the first item."""
_ID_LENGTH: Final = 32
"""The protocol's limit for an item's id."""
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class ReplayedItem:
    """One item to create.

    Attributes:
        item_id: its id.
        previous_item_id: the item that it stands after, or ``"root"``.
        item: the item as ``conversation.item.create`` takes it, with its id.
    """

    item_id: str
    previous_item_id: str
    item: Mapping[str, Any]

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the ``conversation.item.create`` beside its type."""
        return {"previous_item_id": self.previous_item_id, "item": dict(self.item)}


@attrs.frozen(kw_only=True)
class Replay:
    """What makes a conversation again.

    Attributes:
        items: what to create, in order.
        left_out: ids of user items of which nothing can be said: speech without a transcript, images without content.
        unsaid: ids of the items of the history that stand for nothing: replies of which nothing was heard, calls that
            were never made.
        stands_for: where a local item stands that the server is not told of: the item that is before it there (or
            ``"root"``), and the last local one that follows. What the server puts after the one belongs after the
            other.
    """

    items: tuple[ReplayedItem, ...] = ()
    left_out: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    stands_for: Mapping[str, str] = _NOTHING

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the items to create."""
        return frozenset(one.item_id for one in self.items)


def plan_replay(
    history: Iterable[RealtimeItem],
    *,
    heard: Mapping[str, str] = _NOTHING,
    outputs: Mapping[str, str] = _NOTHING,
    pending: Collection[str] | None = None,
) -> Replay:
    """Give the items that make a conversation again on an empty server.

    Args:
        history: the items, in order. An id that comes a second time is passed over.
        heard: words that were heard of replies, by item id, where the history says more than that; empty for nothing.
        outputs: outputs of tool calls, by call id, where the history has none yet.
        pending: the calls whose output is still to come; other calls without one are left out, since a call that is
            never answered keeps the model waiting. None takes every call.
    """
    items: list[ReplayedItem] = []
    left_out: list[str] = []
    unsaid: list[str] = []
    stands_for: dict[str, str] = {}
    seen: set[str] = set()
    last = ROOT
    for item in history:
        if item.item_id in seen:
            continue
        seen.add(item.item_id)
        wires = list(_wires(item, heard, outputs, pending))
        if not wires:
            (left_out if isinstance(item, UserMessageItem) else unsaid).append(item.item_id)
            stands_for[last] = item.item_id
        for wire in wires:
            items.append(ReplayedItem(item_id=wire["id"], previous_item_id=last, item=wire))
            last = wire["id"]
    return Replay(items=tuple(items), left_out=tuple(left_out), unsaid=tuple(unsaid), stands_for=stands_for)


def output_item_id(item_id: str) -> str:
    """Give the id of the item that holds the output of the call ``item_id``: always the same, and within the limit."""
    made = f"{item_id}_out"
    return made if len(made) <= _ID_LENGTH else f"out_{blake2s(item_id.encode(), digest_size=14).hexdigest()}"


def message_content(item: RealtimeItem, heard: str | None = None) -> list[dict[str, Any]]:
    """Give the content of a message in the protocol's form, all speech in words; empty if nothing can be said of it.

    Args:
        item: the message; a tool call has no content.
        heard: of a reply: the words that stand instead of its own.
    """
    if isinstance(item, RealtimeToolCallItem):
        return []
    if isinstance(item, AssistantMessageItem):
        if heard is not None:
            texts = [heard]
        else:
            words = (part.transcript if isinstance(part, AssistantAudio) else part.text for part in item.content)
            texts = [text or "" for text in words]
        return [{"type": "output_text", "text": text} for text in texts if text]
    return [part for given in item.content if (part := _input_part(given)) is not None]


def _input_part(part: Any) -> dict[str, Any] | None:
    if isinstance(part, InputImage):
        if not part.image_url:
            return None
        image = {"type": "input_image", "image_url": part.image_url}
        return image if part.detail is None else {**image, "detail": part.detail}
    text = part.transcript if isinstance(part, InputAudio) else part.text
    return {"type": "input_text", "text": text} if text else None


def _wires(
    item: RealtimeItem, heard: Mapping[str, str], outputs: Mapping[str, str], pending: Collection[str] | None
) -> Iterator[dict[str, Any]]:
    """Give what stands for one item of the history: nothing, the item, or a call and its output."""
    if not isinstance(item, RealtimeToolCallItem):
        content = message_content(item, heard.get(item.item_id))
        if content:
            yield {"id": item.item_id, "type": "message", "role": item.role, "content": content}
        return
    if not item.call_id or not item.name:
        return
    output = outputs.get(item.call_id) if item.output is None else item.output
    if output is None and pending is not None and item.call_id not in pending:
        return
    yield {
        "id": item.item_id,
        "type": "function_call",
        "call_id": item.call_id,
        "name": item.name,
        "arguments": item.arguments or "{}",
    }
    if output is not None:
        output_id = output_item_id(item.item_id)
        yield {"id": output_id, "type": "function_call_output", "call_id": item.call_id, "output": output}
