"""HTML: its title and body as Markdown."""

import re

from shared.retrieval.extraction.document import Document
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.readers.markdown import with_headings
from shared.retrieval.extraction.readers.office import markdown_of
from shared.retrieval.extraction.readers.text import text_of

_HEAD_END = re.compile(r"</head\s*>|<body\b", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)</title", re.IGNORECASE)
_TOP_HEADING = re.compile(r"<h1\b", re.IGNORECASE)


def read(source: Source, limits: Limits) -> Document:
    """The head goes: kreuzberg would make a bogus heading of its metadata."""
    markup = text_of(source, limits)
    head = _HEAD_END.search(markup)
    body = markup[head.start() :] if head else markup
    titled = "" if _TOP_HEADING.search(body) else _title(markup[: head.start()] if head else "")
    return with_headings(clean(markdown_of(titled + body, source.format.mime)))


def _title(head: str) -> str:
    title = _TITLE.search(head)
    return f"<h1>{title[1]}</h1>\n" if title and title[1].strip() else ""
