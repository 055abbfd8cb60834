"""Which generation of a document a search may see, decided by two kinds of small items in the store's partition.

Each document has a `document` item: the newest generation that was published or retired, and the live one. The one
`visibility` item lists the documents that are moving: those of which chunks of more than one generation, or of one
that is not live, may exist. A document enters before its first such chunk and leaves after the sweep; in between every
change is one transactional batch over both items. A search reads `visibility` and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.adapters.cosmos import names
from shared.adapters.cosmos.failures import NOT_FOUND, RejectedError
from shared.adapters.cosmos.operations import Item, Operation, add, create, patch, put, remove
from shared.adapters.cosmos.partition import Partition
from shared.errors import OverloadedError

_VISIBILITY = "visibility"
_ROUNDS = 10
_NEVER = -1


@dataclass(frozen=True, slots=True)
class State:
    """One document. `newest` is -1 before the first generation; `live` is None where none is to be seen."""

    newest: int
    live: int | None
    moving: bool
    etag: str

    @property
    def dead_below(self) -> int:
        """No search will ever see generations below this again, unless the document changes first."""
        return self.newest if self.live is not None else self.newest + 1

    @property
    def unchanged(self) -> str:
        """A predicate: nobody has published or retired since."""
        live = "null" if self.live is None else f"{self.live:d}"
        return f"FROM c WHERE c.newest = {self.newest:d} AND c.live = {live}"


@dataclass(frozen=True, slots=True)
class Moving:
    """`was` is what was live when the document entered."""

    live: int | None
    was: int | None


@dataclass(frozen=True, slots=True)
class View:
    """The moving documents at one moment. `left` counts how often one has left, ever."""

    moving: Mapping[str, Moving]
    left: int
    charge: float

    def live(self, document: str) -> int | None:
        return self.moving[document].live if document in self.moving else None

    def still_holds(self, after: "View", found: Sequence[Item]) -> bool:
        """Whether chunks that were found under this view, before `after` was read, are those of one moment."""
        hidden = {document for document, entry in self.moving.items() if entry.live is None}
        if after.left - self.left != len(hidden - after.moving.keys()):
            return False  # one came and went that our query did not hide, and its old chunks with it
        if any(after.live(name) != entry.live for name, entry in self.moving.items() if name not in hidden):
            return False  # published or retired under the query, and swept for all we know
        entered = {name: entry for name, entry in after.moving.items() if name not in self.moving}
        if any(entry.live != entry.was for entry in entered.values()):
            return False  # entered and was published or retired, all under the query
        return all(one["generation"] == entered[one["document"]].live for one in found if one["document"] in entered)


class Visibility:
    """Of one partition. Methods raise OverloadedError when too many change one document at once."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    async def view(self) -> View:
        try:
            found = await self._partition.read(_VISIBILITY)
        except RejectedError as error:
            return View({}, 0, error.charge)
        entries: Sequence[Mapping[str, str | int | None]] = list(found.item["moving"].values())
        moving = {str(one["document"]): Moving(_number(one["live"]), _number(one["was"])) for one in entries}
        return View(moving, found.item["left"], found.charge)

    async def state(self, document: str) -> State | None:
        try:
            found = (await self._partition.read(_state_id(document))).item
        except RejectedError:
            return None
        return State(found["newest"], found["live"], found["moving"], found["_etag"])

    async def write(self, document: str, operations: Sequence[Operation]) -> None:
        """Write a document's chunks, in one batch with the proof that every search knows the document to be moving."""
        fence = patch(_state_id(document), add("/writes", 1), predicate="FROM c WHERE c.moving = true")
        for _ in range(_ROUNDS):
            try:
                await self._partition.batch([fence, *operations])
            except RejectedError:
                await self._enter(document)
            else:
                return
        raise _contended(document)

    async def move(self, document: str, generation: int, live: int | None) -> bool:
        """Make `live` what searches see as of this generation. False when a newer one has been published or retired."""
        state_id = _state_id(document)
        current = f"FROM c WHERE c.moving = true AND c.newest <= {generation:d}"
        operations = [
            patch(state_id, put("/newest", generation), put("/live", live), predicate=current),
            patch(_VISIBILITY, put(f"{_entry(document)}/live", live)),
        ]
        for _ in range(_ROUNDS):
            try:
                await self._partition.batch(operations)
            except RejectedError:
                state = await self.state(document)
                if state is not None and state.newest > generation:
                    return False
                await self._enter(document, state)
            else:
                return True
        raise _contended(document)

    async def delete(self, document: str, state: State, deletions: Sequence[Operation]) -> int:
        """Delete chunks that are dead in this state. Return how many: all, or none when something has changed."""
        fence = patch(_state_id(document), add("/writes", 1), predicate=state.unchanged)
        try:
            await self._partition.batch([fence, *deletions])
        except RejectedError as error:
            ours = error.doubtful and error.status == NOT_FOUND and error.index > 0
            return len(deletions) if ours else 0
        return len(deletions)

    async def leave(self, document: str, state: State) -> bool:
        """Take the document off the list: only live chunks are left. False when anything has changed since `state`."""
        operations = [
            patch(_state_id(document), put("/moving", value=False), etag=state.etag),
            patch(_VISIBILITY, remove(_entry(document)), add("/left", 1)),
        ]
        try:
            await self._partition.batch(operations)
        except RejectedError:
            return False
        return True

    async def _enter(self, document: str, state: State | None = None) -> None:
        """Put the document on the list, as what it is now. Does nothing when somebody was faster: try again."""
        state = state or await self.state(document)
        if state is not None and state.moving:
            return
        live = None if state is None else state.live
        entry = {"document": document, "live": live, "was": live}
        listed = patch(_VISIBILITY, put(_entry(document), entry))
        try:
            await self._partition.batch([self._entering(document, state), listed])
        except RejectedError as error:
            if error.at(1, NOT_FOUND):
                await self._begin()

    def _entering(self, document: str, state: State | None) -> Operation:
        if state is not None:
            return patch(_state_id(document), put("/moving", value=True), etag=state.etag)
        item: dict[str, Any] = {
            "id": _state_id(document),
            "pk": self._partition.key,
            "kind": "document",
            "document": document,
        }
        return create(item | {"newest": _NEVER, "live": None, "moving": True, "writes": 0})

    async def _begin(self) -> None:
        item: Item = {"id": _VISIBILITY, "pk": self._partition.key, "kind": "visibility", "moving": {}, "left": 0}
        try:
            await self._partition.create(item)
        except RejectedError:
            return  # somebody was faster


def _state_id(document: str) -> str:
    return f"document-{names.digest(document)}"


def _entry(document: str) -> str:
    """A path that begins with a letter: a number would be a place in an array."""
    return f"/moving/d{names.digest(document)}"


def _number(value: str | int | None) -> int | None:
    return None if value is None else int(value)


def _contended(document: str) -> OverloadedError:
    return OverloadedError(f"Document {document!r} is changed by too many at once.", retry_after_s=1)
