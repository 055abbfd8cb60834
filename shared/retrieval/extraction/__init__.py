"""From a file to its passages, in a child process that a hostile document may kill.

`extractors` is the only door for the rest of the platform; one or two `extractor` are behind it. `child` is what
they run; `formats` says what is read, by which module of `readers`.
"""

from typing import TYPE_CHECKING

from shared.retrieval.extraction.document import Extracted, Part, Passage
from shared.retrieval.extraction.limits import Limits

if TYPE_CHECKING:
    from shared.retrieval.extraction.extractor import Extractor

__all__ = ["Extracted", "Extractor", "Limits", "Part", "Passage"]


def __getattr__(name: str) -> object:
    # The child imports this package too; asyncio would be half of its start.
    if name == "Extractor":
        from shared.retrieval.extraction.extractor import Extractor  # noqa: PLC0415 - see above

        return Extractor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
