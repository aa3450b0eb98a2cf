"""The local history: items in the server's order, merged from whatever the events say of them.

Rules:

* an item stands right after the item that its ``previous_item_id`` names, whatever the order of arrival;
* what an update does not know (a transcript, an image) it does not take away;
* a status only moves forward;
* of speech that was cut, the transcript is what was heard, whatever is said of it later;
* a delta costs the same however long the conversation is: it is kept apart and folded in when somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs
from pyrsistent import PVector, pvector

from trio_realtime._growing import GrowingText
from trio_realtime.core.heard import Cut, heard_item, whole_item
from trio_realtime.items import (
    AssistantAudio,
    AssistantContent,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    ItemStatus,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserContent,
    UserMessageItem,
)

__all__ = ["Change", "Conversation", "PartKind", "merge_items"]

Change: TypeAlias = Literal["added", "updated", "unchanged"]
PartKind: TypeAlias = Literal["user_audio", "assistant_audio", "assistant_text"]
"""Which kind of words a delta carries."""

_ROOT: Final = "root"
_FIRST: Final = "\ud800"  # the first place; no id, for no JSON text has a lone surrogate
"""The protocol's name for the place before the first item."""


@attrs.define
class _Words:
    """The words of one part of an item as far as they have come."""

    kind: PartKind
    text: GrowingText = attrs.Factory(GrowingText)
    final: bool = False


_DELETED: Final = 1024
"""Deleted items that are remembered where the history is bounded: what comes late must not bring one back."""


class Conversation:
    """The items of a conversation and their order.

    Attributes:
        when_deleted: told of each item that goes.
    """

    # fmt: off
    __slots__ = (
        "_anchor", "_calls", "_cuts", "_deleted", "_followers", "_items", "_place", "_unfolded", "_weak", "_words",
        "when_deleted",
    )
    # fmt: on

    def __init__(self) -> None:
        self.when_deleted: Callable[[str], None] | None = None
        self._items: PVector[RealtimeItem] = pvector()
        self._place: dict[str, int] = {}
        self._anchor: dict[str, str] = {}
        self._weak: set[str] = set()
        self._followers: dict[str, list[str]] = {}
        self._deleted: dict[str, str] = {}
        self._words: dict[str, dict[int, _Words]] = {}
        self._unfolded: set[str] = set()
        self._calls: dict[str, str] = {}
        self._cuts: dict[str, dict[int, Cut]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._place

    def get(self, item_id: str) -> RealtimeItem | None:
        """Give an item as it is now, or None."""
        if item_id not in self._place:
            return None
        self._fold(item_id)
        return self._items[self._place[item_id]]

    def call_item(self, call_id: str) -> RealtimeToolCallItem | None:
        """Give the item of a tool call, or None."""
        item = self.get(self._calls.get(call_id, ""))
        return item if isinstance(item, RealtimeToolCallItem) else None

    def snapshot(self) -> Sequence[RealtimeItem]:
        """Give all items in order, as a sequence that never changes. The cost does not depend on its length."""
        for item_id in tuple(self._unfolded):
            self._fold(item_id)
        return self._items

    def upsert(self, item: RealtimeItem, *, anchored: bool = False) -> Change:
        """Add an item, or merge what is newly known of it.

        Args:
            item: the item; its ``previous_item_id`` counts only if ``anchored``.
            anchored: the place is the server's word; None as previous item then means the first place.
        """
        item_id = item.item_id
        if item_id in self._deleted:
            return "unchanged"
        if isinstance(item, RealtimeToolCallItem) and item.call_id is not None:
            self._calls.setdefault(item.call_id, item_id)
        if item_id not in self._place:
            self._insert(item, anchored=anchored)
            self._unfolded.update({item_id} & self._words.keys())
            return "added"
        self._fold(item_id)
        old = self._items[self._place[item_id]]
        cuts = self._cuts.get(item_id)
        merged = merge_items(old, item) if cuts is None else heard_item(merge_items(whole_item(old), item), cuts)
        if anchored:
            merged = attrs.evolve(merged, previous_item_id=item.previous_item_id)
        if merged != old:
            self._items = self._items.set(self._place[item_id], merged)
        if anchored:
            self._reanchor(item_id, _place_of(item.previous_item_id))
        return "unchanged" if merged == old else "updated"

    def delete(self, item_id: str) -> bool:
        """Take an item away; what followed it stays where it is. Says whether there was one."""
        if item_id not in self._place:
            return False
        anchor = self._anchor.pop(item_id)
        siblings = self._followers[anchor]
        at = siblings.index(item_id)
        heirs = self._followers.pop(item_id, [])
        siblings[at : at + 1] = heirs
        for heir in heirs:
            self._anchor[heir] = anchor
        self._deleted[item_id] = anchor
        self._weak.discard(item_id)
        self._words.pop(item_id, None)
        self._cuts.pop(item_id, None)
        self._unfolded.discard(item_id)
        self._arrange(other.item_id for other in self._items if other.item_id != item_id)
        if self.when_deleted is not None:
            self.when_deleted(item_id)
        return True

    def keep(self, most: int) -> bool:
        """Forget the oldest items beyond ``most``, and what is known of them. Says whether there were any."""
        oldest = [item.item_id for item in self._items[: max(len(self._items) - most, 0)]]
        for item_id in oldest:
            item = self._items[self._place[item_id]]
            if isinstance(item, RealtimeToolCallItem) and item.call_id is not None:
                self._calls.pop(item.call_id, None)
            self.delete(item_id)
        while len(self._deleted) > _DELETED:
            del self._deleted[next(iter(self._deleted))]
        return bool(oldest)

    def add_words(self, item_id: str, index: int, delta: str, kind: PartKind) -> GrowingText:
        """Append words to part ``index`` of an item, and give all words of that part."""
        words = self._part(item_id, index, kind)
        if not words.final:
            words.text = words.text.plus(delta)
            self._unfolded.add(item_id)
        return words.text

    def finish_words(self, item_id: str, index: int, text: str, kind: PartKind) -> Change:
        """Set the final words of part ``index`` of an item; of a user item, that also completes it."""
        added = item_id not in self._place
        words = self._part(item_id, index, kind)
        known = words.final and words.text == text
        words.text, words.final = GrowingText(text), True
        self._unfolded.add(item_id)
        if kind == "user_audio" and item_id in self._place:
            item = self._items[self._place[item_id]]
            if isinstance(item, UserMessageItem) and item.status in (None, "in_progress"):
                self._items = self._items.set(self._place[item_id], attrs.evolve(item, status="completed"))
                known = False
        return "added" if added and item_id in self._place else "unchanged" if known else "updated"

    def truncate(self, item_id: str, index: int, cut: Cut) -> bool:
        """Note where the audio of a part was cut: its transcript becomes what was heard. Says whether that is news."""
        if item_id not in self._place or self._cuts.get(item_id, {}).get(index) == cut:
            return False
        self._fold(item_id)
        self._cuts.setdefault(item_id, {})[index] = cut
        place = self._place[item_id]
        self._items = self._items.set(place, heard_item(whole_item(self._items[place]), self._cuts[item_id]))
        return True

    def cut_of(self, item_id: str, index: int) -> Cut | None:
        """Give where the audio of a part was cut, or None if it was not."""
        return self._cuts.get(item_id, {}).get(index)

    def set_audio(self, item_id: str, index: int, audio: str | None) -> bool:
        """Keep the audio of a part, as base64, or (None) do not; what is said of the item later leaves it as it is.

        Returns:
            False if there is no such part, or it is not spoken.
        """
        item = self.get(item_id)
        if not isinstance(item, UserMessageItem | AssistantMessageItem):
            return False
        parts: list[Any] = list(item.content)
        if audio is not None and index >= len(parts):
            parts += [InputAudio() if item.role == "user" else AssistantAudio()] * (index + 1 - len(parts))
        if index >= len(parts) or not isinstance(parts[index], InputAudio | AssistantAudio):
            return False
        parts[index] = attrs.evolve(parts[index], audio=audio)
        held: Any = item
        self._items = self._items.set(self._place[item_id], attrs.evolve(held, content=tuple(parts)))
        return True

    def complete_call(self, call_id: str, output: str) -> RealtimeToolCallItem | None:
        """Complete a tool call's item with its output, and give it; None if there is no such item."""
        item = self.call_item(call_id)
        if item is None:
            return None
        done = attrs.evolve(item, status="completed", output=output)
        self._items = self._items.set(self._place[item.item_id], done)
        return done

    # -- words ---------------------------------------------------------------------------------------------------

    def _part(self, item_id: str, index: int, kind: PartKind) -> _Words:
        if item_id not in self._place and item_id not in self._deleted:
            message = UserMessageItem if kind == "user_audio" else AssistantMessageItem
            self._insert(message(item_id=item_id, status="in_progress"), anchored=False)
        return self._words.setdefault(item_id, {}).setdefault(index, _Words(kind))

    def _fold(self, item_id: str) -> None:
        if item_id not in self._unfolded:
            return
        self._unfolded.discard(item_id)
        place = self._place.get(item_id)
        if place is None:
            return
        cuts = self._cuts.get(item_id)
        item = self._items[place] if cuts is None else whole_item(self._items[place])
        for index, words in self._words[item_id].items():
            item = _with_words(item, index, words)
        self._items = self._items.set(place, item if cuts is None else heard_item(item, cuts))
        remaining = {index: words for index, words in self._words[item_id].items() if not words.final}
        if remaining:
            self._words[item_id] = remaining
        else:
            del self._words[item_id]

    # -- order ---------------------------------------------------------------------------------------------------

    def _insert(self, item: RealtimeItem, *, anchored: bool) -> None:
        item_id = item.item_id
        last = self._items[-1].item_id if self._items else _FIRST
        anchor = _place_of(item.previous_item_id) if anchored else last
        anchor = self._living(anchor)
        if not self._can_stand_behind(anchor, item_id, _FIRST):
            anchor = _FIRST  # the server contradicts itself
        if not anchored:
            self._weak.add(item_id)
        self._anchor[item_id] = anchor
        self._followers.setdefault(anchor, []).append(item_id)
        self._place[item_id] = len(self._items)
        self._items = self._items.append(item)
        if item_id in self._followers or (anchor != last and (anchor == _FIRST or anchor in self._place)):
            self._sort()

    def _reanchor(self, item_id: str, anchor: str) -> None:
        anchor = self._living(anchor)
        self._weak.discard(item_id)
        old = self._anchor[item_id]
        if anchor == old or not self._can_stand_behind(anchor, item_id, old):
            return
        self._followers[old].remove(item_id)
        self._anchor[item_id] = anchor
        self._followers.setdefault(anchor, []).append(item_id)
        self._sort()

    def _can_stand_behind(self, anchor: str, item_id: str, instead: str) -> bool:
        """Say whether an item can be anchored there: not if its anchor stands behind the item itself.

        If that is so by a guess only, what was guessed goes to ``instead``.
        """
        if anchor == item_id or item_id not in self._followers:
            return anchor != item_id
        chain: list[str] = []
        at = anchor
        while at != item_id and at in self._anchor:
            chain.append(at)
            at = self._anchor[at]
        if at != item_id:
            return True
        guessed = next((member for member in reversed(chain) if member in self._weak), None)
        if guessed is None:
            return False
        self._followers[self._anchor[guessed]].remove(guessed)
        self._anchor[guessed] = instead
        self._followers.setdefault(instead, []).append(guessed)
        return True

    def _living(self, anchor: str) -> str:
        while anchor in self._deleted:
            anchor = self._deleted[anchor]
        return anchor

    def _sort(self) -> None:
        """Depth first along the anchors, the latest arrival first: what a server gets by inserting one by one."""
        order: dict[str, None] = {}
        roots = [_FIRST, *(anchor for anchor in self._followers if anchor != _FIRST and anchor not in self._anchor)]
        for root in roots:
            stack = list(self._followers.get(root, ()))
            while stack:
                item_id = stack.pop()
                if item_id not in order:
                    order[item_id] = None
                    stack.extend(self._followers.get(item_id, ()))
        self._arrange(order)

    def _arrange(self, order: Iterable[str]) -> None:
        items = {item.item_id: item for item in self._items}
        self._items = pvector(items[item_id] for item_id in order)
        self._place = {item.item_id: place for place, item in enumerate(self._items)}


def _place_of(previous_item_id: str | None) -> str:
    return _FIRST if previous_item_id in (None, _ROOT) else previous_item_id


def _forward(old: ItemStatus | None, new: ItemStatus | None) -> ItemStatus | None:
    return new if old in (None, "in_progress") and new is not None else old


def merge_items(old: RealtimeItem, new: RealtimeItem) -> RealtimeItem:
    """Give what both say of one item: the newer wins where it knows something; a change of role replaces."""
    if isinstance(old, RealtimeToolCallItem) and isinstance(new, RealtimeToolCallItem):
        return attrs.evolve(
            new,
            status="completed" if new.status == "completed" else _forward(old.status, new.status) or old.status,
            output=old.output if new.output is None else new.output,
            arguments=new.arguments or old.arguments,
            name=new.name or old.name,
            call_id=new.call_id or old.call_id,
            previous_item_id=old.previous_item_id,
        )
    status = _forward(old.status, new.status)
    if isinstance(old, UserMessageItem) and isinstance(new, UserMessageItem):
        return attrs.evolve(old, status=status, content=_merge_user(old.content, new.content))
    if isinstance(old, AssistantMessageItem) and isinstance(new, AssistantMessageItem):
        return attrs.evolve(old, status=status, content=_merge_assistant(old.content, new.content))
    if isinstance(old, SystemMessageItem) and isinstance(new, SystemMessageItem):
        return attrs.evolve(old, status=status, content=new.content or old.content)
    return new


def _merge_user(old: tuple[UserContent, ...], new: tuple[UserContent, ...]) -> tuple[UserContent, ...]:
    if not new:
        return old
    images = [part for part in old if isinstance(part, InputImage)]
    if images and not any(isinstance(part, InputImage) for part in new):
        old = tuple(part for part in old if not isinstance(part, InputImage))
    else:
        images = []
    merged: list[UserContent] = [*images]
    merged.extend(_merge_user_part(old[i] if i < len(old) else None, part) for i, part in enumerate(new))
    return tuple(merged)


def _merge_user_part(old: UserContent | None, new: UserContent) -> UserContent:
    if isinstance(new, InputAudio) and isinstance(old, InputAudio):
        return InputAudio(transcript=new.transcript or old.transcript, audio=new.audio or old.audio)
    if isinstance(new, InputText) and isinstance(old, InputText):
        return new if new.text is not None else old
    if isinstance(new, InputImage) and isinstance(old, InputImage):
        return new if new.image_url else old
    return new


def _merge_assistant(
    old: tuple[AssistantContent, ...], new: tuple[AssistantContent, ...]
) -> tuple[AssistantContent, ...]:
    merged = [_merge_assistant_part(old[i] if i < len(old) else None, part) for i, part in enumerate(new)]
    return (*merged, *old[len(new) :])


def _merge_assistant_part(old: AssistantContent | None, new: AssistantContent) -> AssistantContent:
    if isinstance(new, AssistantAudio) and isinstance(old, AssistantAudio):
        return AssistantAudio(transcript=new.transcript or old.transcript, audio=new.audio or old.audio)
    if isinstance(new, AssistantText) and isinstance(old, AssistantText):
        return new if new.text else old
    return new


def _with_words(item: RealtimeItem, index: int, words: _Words) -> RealtimeItem:
    """Put words into a part of an item; parts that have not come yet are made."""
    if isinstance(item, UserMessageItem) and words.kind == "user_audio":
        user = list(item.content)
        user += [InputAudio()] * (index + 1 - len(user))
        part = user[index]
        if isinstance(part, InputAudio):
            user[index] = attrs.evolve(part, transcript=str(words.text))
        return attrs.evolve(item, content=tuple(user))
    if isinstance(item, AssistantMessageItem) and words.kind != "user_audio":
        spoken = words.kind == "assistant_audio"
        parts = list(item.content)
        parts += [AssistantAudio() if spoken else AssistantText()] * (index + 1 - len(parts))
        before = parts[index]
        if isinstance(before, AssistantAudio):
            parts[index] = attrs.evolve(before, transcript=str(words.text))
        else:
            parts[index] = attrs.evolve(before, text=str(words.text))
        return attrs.evolve(item, content=tuple(parts))
    return item
