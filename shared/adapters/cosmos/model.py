"""Which embedding model a container's chunks come from: one item, made with the first chunk of all."""

from shared.adapters.cosmos import names
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import CHUNKS
from shared.adapters.cosmos.failures import RejectedError
from shared.adapters.cosmos.operations import Item
from shared.adapters.cosmos.partition import Partition
from shared.ports.embedding_model import EmbeddingModel

_ID = "embedding-model"


class StoredModel:
    """Asks the store until it has seen its own model there, which never changes under it."""

    def __init__(self, account: CosmosAccount, model: EmbeddingModel, container: str = CHUNKS) -> None:
        self._partition = Partition(account, container, names.joined("_system"))
        self._model = model
        self._seen = False

    async def check(self) -> None:
        """Raise PlatformError when it is another one. Before the first chunk there is none, and any will do."""
        if self._seen:
            return
        try:
            item = (await self._partition.read(_ID)).item
        except RejectedError:
            return
        self._model.expect(EmbeddingModel(item["model"], item["dimensions"]))
        self._seen = True

    async def fix(self) -> None:
        """The same, and make it ours where there is none."""
        await self.check()
        if not self._seen:
            try:
                await self._partition.create(self._item())
            except RejectedError:  # somebody was faster, or we ourselves in an attempt whose answer was lost
                await self.check()
            self._seen = True

    def _item(self) -> Item:
        key, model = self._partition.key, self._model
        return {"id": _ID, "pk": key, "kind": "model", "model": model.name, "dimensions": model.dimensions}
