"""Messages: the subject as heading, the body, and the text of what is attached."""

from typing import Any

from shared.retrieval.extraction.document import Document
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.readers.markdown import with_headings
from shared.retrieval.extraction.readers.office import config, converted

_SUBJECT = "**Subject**: "
_ATTACHED = 100


def read(source: Source, limits: Limits) -> Document:
    """Raise DocumentError `invalid_file` for what is no message."""
    result = converted(source, limits, config())
    body = clean(result.content)
    heading = f"# {body.removeprefix(_SUBJECT)}" if body.startswith(_SUBJECT) else body
    attached = (result.children or [])[:_ATTACHED]
    texts = [(_title(each), clean(each["result"].content)) for each in attached]
    new = [f"## {title}\n\n{text}" for title, text in texts if text.strip() and text.strip() not in body]
    return with_headings("\n\n".join([heading, *new]))


def _title(attachment: dict[str, Any]) -> str:
    return " ".join(clean(str(attachment.get("path") or "Attachment")).split())
