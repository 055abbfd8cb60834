"""What a word is to the text search of a store that is given its words: part of the promise of `Chunks.search`."""

import re
import unicodedata
from collections.abc import Iterator

_UNSPACED = (
    "\u0e01-\u0edf\u1000-\u109f\u1100-\u11ff\u1780-\u17d3"  # Thai, Lao, Burmese, Korean, Khmer
    "\u3005-\u318e\u31a0-\u31ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"  # kana, Bopomofo, Han, Korean
)
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]+")
_DROPPED = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff]")
"""Accents, and characters that nobody sees."""


def words_of(text: str, *, alone: bool) -> Iterator[str]:
    """The words of a text in any language, in order, folded to lower case without accents.

    Scripts that write without spaces are cut into overlapping pairs of characters; with `alone`, as an index needs it
    for queries of one character, each stands by itself, too.
    """
    plain = _DROPPED.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)))
    for word in _WORD.findall(unicodedata.normalize("NFC", plain).casefold()):
        if not _RUN.match(word):
            yield word
            continue
        if alone or len(word) == 1:
            yield from word
        yield from (word[start : start + 2] for start in range(len(word) - 1))
