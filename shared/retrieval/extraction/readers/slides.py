"""Presentations: Markdown, with each slide as a page."""

import re
from itertools import accumulate

from kreuzberg import PageConfig

from shared.retrieval.extraction.document import Document
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.readers.markdown import with_headings
from shared.retrieval.extraction.readers.office import check_for_pictures, config, converted

_MARKER = "flightdeckslide{page_num}begins"
_MARKERS = re.compile(r"\s*flightdeckslide\d+begins\s*")
_BREAK = "\n\n"


def read(source: Source, limits: Limits) -> Document:
    """Raise DocumentError like other containers do."""
    how = config(PageConfig(extract_pages=True, insert_page_markers=True, marker_format=f"{_BREAK}{_MARKER}{_BREAK}"))
    first, *slides = _MARKERS.split(clean(converted(source, limits, how).content))
    slides = slides or [first]
    text = _BREAK.join(slides)
    if not text.strip():
        check_for_pictures(source)
    starts = accumulate((len(slide) + len(_BREAK) for slide in slides[:-1]), initial=0)
    return with_headings(text, tuple(starts))
