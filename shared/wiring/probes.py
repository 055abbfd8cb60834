"""Asking each dependency whether it answers, as cheaply as it can be asked."""

from collections.abc import Mapping

from shared.adapters.models import HttpModels
from shared.errors import NotFoundError, OverloadedError
from shared.gateway.catalogue import Catalogue, Model
from shared.ports.blobs import FILES, Blobs
from shared.ports.queues import Queues, Receipt
from shared.wiring.platform import Probe
from shared.wiring.stores import Stores

_NOBODY = "_probe"
"""A tenant, a blob and a message that there never is: to be told so is an answer."""


def probes(
    stores: Stores, queues: Queues, blobs: Blobs, models: HttpModels, catalogue: Catalogue
) -> Mapping[str, Probe]:
    async def store() -> None:
        await stores.vector_stores.list(_NOBODY, limit=1)

    async def queue() -> None:
        try:
            await queues.update("usage", Receipt(_NOBODY, _NOBODY), b"")
        except NotFoundError:
            return

    async def blob() -> None:
        try:
            await blobs.head(FILES, _NOBODY)
        except NotFoundError:
            return

    by_model = {f"model {model.name}": _model_probe(models, model) for model in catalogue.all()}
    return {"store": store, "queues": queue, "blobs": blob, **by_model}


def _model_probe(models: HttpModels, model: Model) -> Probe:
    """A model is there as long as one of its deployments is."""

    async def probe() -> None:
        failures: list[OverloadedError] = []
        for deployment in model.deployments:
            try:
                return await models.probe(deployment)
            except OverloadedError as error:
                failures.append(error)
        raise failures[0]

    return probe
