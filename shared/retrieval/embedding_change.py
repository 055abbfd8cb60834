"""How the way from one embedding model to the next stands, as operators are told it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from shared.ports.records import CursorRecord, Records
from shared.retrieval.embedding import EmbeddingSpace
from shared.retrieval.indexes import LiveIndex
from shared.retrieval.migration import Progress, progress_towards
from shared.wire.embedding_models import EmbeddingModelObject


@dataclass(frozen=True, slots=True)
class EmbeddingChange:
    """`first` is the settings' model, `following` the next one if they name any."""

    live: LiveIndex
    cursors: Records[CursorRecord]
    first: EmbeddingSpace
    following: EmbeddingSpace | None
    overlap_s: float

    async def standing(self) -> EmbeddingModelObject:
        """Raise PlatformError when what answers is of a model that the settings do not name."""
        following = self.following
        answering = await self.live.name()
        answers = following if following is not None and answering == following.name else self.first
        progress = None if following is None else await progress_towards(self.cursors, following.name)
        return EmbeddingModelObject(
            status=self._status(answers, progress),
            model=answers.model,
            dimensions=answers.dimensions,
            next_model=following and following.model,
            next_dimensions=following and following.dimensions,
            carried_documents=progress.carried if progress else 0,
            began_at=int(progress.began.timestamp()) if progress else None,
            round_began_at=int(progress.round_began.timestamp()) if progress else None,
            switches_after=self._earliest(progress) if progress else None,
        )

    def _status(
        self, answers: EmbeddingSpace, progress: Progress | None
    ) -> Literal["unchanged", "waiting", "carrying", "switched"]:
        if self.following is None:
            return "unchanged"
        if answers == self.following:
            return "switched"
        return "waiting" if progress is None else "carrying"

    def _earliest(self, progress: Progress) -> int:
        """When a round that decides can begin."""
        return int((progress.began + timedelta(seconds=self.overlap_s)).timestamp())
