"""Runs all-MiniLM-L6-v2: text to a unit vector of 384 numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local.models.catalogue import MAX_TOKENS


@dataclass(frozen=True, slots=True)
class Embedding:
    vector: NDArray[np.float32]
    tokens: int


class Embedder:
    """One thread, one text at a time.

    A batch would make a vector depend on its neighbours: dynamic quantisation scales activations by the whole batch.
    It would hardly be faster either, since padding costs what batching wins on one thread.
    """

    def __init__(self, model: Path, tokenizer: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        runtime: Any = onnxruntime
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer: Any = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def embed(self, text: str) -> Embedding:
        """Mean of the token vectors, normalised: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2"""
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        states: NDArray[np.float32] = self._session.run(None, inputs)[0][0]
        mean: NDArray[np.float32] = states.mean(axis=0)
        return Embedding(vector=(mean / np.linalg.norm(mean)).astype(np.float32), tokens=ids.shape[1])
