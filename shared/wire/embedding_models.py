"""Which embedding model's index answers searches, and how far the way to the next one is. Ours, not OpenAI's."""

from typing import Literal

from shared.wire.shape import Shape


class EmbeddingModelObject(Shape):
    """`status` is `unchanged` where the settings name no next model, `waiting` until the migration has begun,
    `carrying` while it goes on, `switched` once the next model answers."""

    object: Literal["organization.embedding_model"] = "organization.embedding_model"
    status: Literal["unchanged", "waiting", "carrying", "switched"]
    model: str
    dimensions: int
    next_model: str | None
    next_dimensions: int | None
    carried_documents: int
    began_at: int | None
    round_began_at: int | None
    switches_after: int | None
