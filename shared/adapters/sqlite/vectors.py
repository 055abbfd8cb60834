"""Embeddings as bytes: exact in 32 bits, and in 8 bits for the scan."""

import math
from array import array
from collections.abc import Sequence

from shared.errors import InvalidRequestError

_INT8_MAX = 127


def exact(vector: Sequence[float], dimensions: int) -> bytes:
    """32-bit floats. InvalidRequestError unless there are `dimensions` finite ones."""
    if len(vector) != dimensions:
        raise InvalidRequestError(f"The embedding has {len(vector)} dimensions; this store holds {dimensions}.")
    floats = array("f", vector)
    if not all(map(math.isfinite, floats)):
        raise InvalidRequestError("The embedding holds a number that is infinite, or none, in 32 bits.")
    return floats.tobytes()


def scannable(embedding: bytes) -> bytes:
    """The direction of an exact embedding in 8-bit integers, all of one length, so that near means alike."""
    floats = array("f", embedding)
    length = math.sqrt(math.sumprod(floats, floats)) or 1.0
    return array("b", [round(number / length * _INT8_MAX) for number in floats]).tobytes()


def numbers(embedding: bytes) -> tuple[float, ...]:
    return tuple(array("f", embedding))
