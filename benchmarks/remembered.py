"""Local mode's embedding model for benchmarks: what was embedded once, in this run or an earlier one, is remembered."""

import hashlib
from collections.abc import Sequence
from typing import Self

import numpy as np

from benchmarks.report import ROOT
from local.models import catalogue
from local.models.__main__ import prepare
from local.models.embedding import Embedder
from shared.ports.keys import Caller
from shared.ports.models import Embeddings
from shared.ports.usage import Source

_FOLDER = ROOT / ".bench" / "embeddings"


class Remembered:
    """Implements `Embedder`. Vectors are kept in a file of this name when the `with` ends well.

    They are found by the text's hash and the model's name, so a text that changes is embedded anew.
    """

    def __init__(self, name: str) -> None:
        self._path = _FOLDER / f"{catalogue.EMBEDDING}-{name}.npz"
        self._model: Embedder | None = None
        self._known: dict[str, tuple[float, ...]] = {}

    def __enter__(self) -> Self:
        if self._path.exists():
            with np.load(self._path) as kept:
                vectors: list[list[float]] = kept["vectors"].tolist()
                self._known = {key: tuple(vector) for key, vector in zip(kept["keys"].tolist(), vectors, strict=True)}
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None and self._model is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            vectors = np.array(list(self._known.values()), np.float32)
            np.savez(self._path, keys=np.array(list(self._known)), vectors=vectors)

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        del caller, source
        return Embeddings(tuple(self.vector(text) for text in texts), 0)

    def vector(self, text: str) -> tuple[float, ...]:
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in self._known:
            self._known[key] = tuple(self._loaded().embed(text).vector.tolist())
        return self._known[key]

    def _loaded(self) -> Embedder:
        if self._model is None:
            _, model, tokenizer = prepare()
            self._model = Embedder(model, tokenizer)
        return self._model
