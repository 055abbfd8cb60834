"""Embeddings on the wire: the part of a request that we act on."""

from typing import Annotated

from pydantic import ConfigDict, Field, StrictInt, StrictStr

from shared.wire.models import ModelName
from shared.wire.shape import Shape

Text = Annotated[StrictStr, Field(min_length=1)]


class EmbeddingEnvelope(Shape):
    """`input` is a text, texts, tokens, or lists of tokens. Everything else goes to the model untouched."""

    model_config = ConfigDict(extra="allow")

    model: ModelName = ""
    input: Text | Annotated[list[Text] | list[StrictInt] | list[list[StrictInt]], Field(min_length=1, max_length=2048)]
