"""JSON, laid out again so that it can be cut between its elements and its escapes read as text."""

import json

from shared.retrieval.extraction.document import Document
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import MIB, Limits
from shared.retrieval.extraction.readers.text import text_of

_MAX_PARSED = 8 * MIB
"""Parsed JSON takes about ten times its size."""


def read(source: Source, limits: Limits) -> Document:
    text = text_of(source, limits)
    return Document(_laid_out(text) if len(text) <= _MAX_PARSED else text)


def _laid_out(text: str) -> str:
    """The text itself where it is no JSON after all, or nested too deeply to say."""
    try:
        return clean(json.dumps(json.loads(text), ensure_ascii=False, indent=1))
    except (ValueError, RecursionError):
        return text
