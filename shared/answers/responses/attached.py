"""Files that an input names by their ids, as the model can read them: text as text, anything else as it is."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import TooLargeError
from shared.ports.keys import Caller
from shared.retrieval.files import Files
from shared.wire.response_items import InputFile, InputText, Item, Message, Part

_MAX_BYTES = 32 * 2**20
"""OpenAI's limit for the files of one request."""


def attached(items: Sequence[Item]) -> list[str]:
    """The ids of the files that these items name."""
    parts = [part for item in items if isinstance(item, Message) for part in item.parts]
    return [part.file_id for part in parts if isinstance(part, InputFile) and part.file_id is not None]


@dataclass(frozen=True, slots=True)
class AttachedFiles:
    files: Files

    async def read(self, caller: Caller, items: Sequence[Item]) -> list[Item]:
        """The items with what is in the files. Raise NotFoundError, also for what the caller may not read, and
        TooLargeError."""
        if not attached(items):
            return list(items)
        return [await self._item(caller, item) if isinstance(item, Message) else item for item in items]

    async def _item(self, caller: Caller, message: Message) -> Message:
        parts = [await self._part(caller, part) for part in message.parts]
        return message.model_copy(update={"content": parts})

    async def _part(self, caller: Caller, part: Part) -> Part:
        if not isinstance(part, InputFile) or part.file_id is None:
            return part
        found = await self.files.content(caller, part.file_id)
        if found.size_bytes > _MAX_BYTES:
            message = f"File {part.file_id!r} has {found.size_bytes} bytes; an input may hold {_MAX_BYTES}."
            raise TooLargeError(message, param="input")
        content = b"".join([piece async for piece in found.content])
        name = part.filename or found.filename
        try:
            return InputText(text=f"{name}:\n{content.decode()}")
        except UnicodeDecodeError:
            data = base64.b64encode(content).decode()
            return InputFile(file_data=f"data:{found.content_type};base64,{data}", filename=name)
