"""The words of a question that decide its answer. Vectors hardly tell `may` from `may not`, 3 % from 5 %, or the way
from Paris to London from the way back."""

import re
import zlib
from collections.abc import Iterator, Sequence

_LETTERS = "a-z\u00df-\u00f6\u00f8-\u00ff\u0101-\u017f"
_PLAIN = re.compile(rf"[{_LETTERS}]+(?:['\u2019-][{_LETTERS}]+)*")
"""A word of a Latin script in small letters. Names, figures, code and other scripts are none: they must be the same."""

_AROUND = ".,;:!?\u00bf\u00a1\"'()[]{}\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u2026"
_GRAMMAR = 3
"""Words up to so many letters stand where grammar wants them."""

_NEGATIONS = """
no not never none nobody nothing nowhere neither nor without cannot except unless hardly only nicht kein keine keinen
keinem keiner keines nie niemals ohne weder nur außer ne pas non jamais sans aucun aucune rien ni sauf nunca sin ningún
ninguna nada nadie mai senza nessun nessuno niente não nem sem nenhum nenhuma niet geen nooit zonder inte ingen aldrig
utan ikke ikkje aldri uden uten bez żaden ani není nikdy nu fără nici
"""
_QUESTIONS = """
who whom whose what which when where why how many much often long far wer wen wem wann wo wohin woher warum wie viel
viele qui quand où pourquoi comment combien quien quién cuando cuándo donde dónde cuánto cuántos chi quando dove perché
quanto quanti quem onde quantos wanneer waar waarom hoeveel
"""
_OPPOSITES = """
more less most least fewer fewest all any some every each both either first last next previous before after since until
above below over under up down off increase decrease increased decreased rise fall add remove enable disable enabled
disabled allow deny allowed forbidden start stop open close opened closed buy sell import export maximum minimum max min
highest lowest high low best worst better worse bigger smaller largest smallest larger longest shortest older younger
newer oldest newest left right north south east west yes true false male female man woman men women he she his her him
old new public private internal external
"""
_DECISIVE = frozenset((_NEGATIONS + _QUESTIONS + _OPPOSITES).split())


def words_of(text: str) -> str:
    """Those that a question must share with another, in their order, for the other's answer to be one to it."""
    return " ".join(token for token in _tokens(text) if _decides(token))


def order_of(text: str) -> Sequence[int]:
    """Its words but for the shortest, as numbers, in their order."""
    return [zlib.crc32(token.casefold().encode()) for token in _tokens(text) if len(token) > _GRAMMAR]


def in_order(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether what two questions share stands in the same order in both."""
    shared = set(one) & set(other)
    return [word for word in one if word in shared] == [word for word in other if word in shared]


def _tokens(text: str) -> Iterator[str]:
    for number, token in enumerate(filter(None, (raw.strip(_AROUND) for raw in text.split()))):
        # A sentence begins with a capital whatever it begins with.
        plain = number == 0 and token == token.capitalize() and _PLAIN.fullmatch(token.lower()) is not None
        yield token.lower() if plain else token


def _decides(token: str) -> bool:
    return _PLAIN.fullmatch(token) is None or token in _DECISIVE or token.endswith(("n't", "n\u2019t"))
