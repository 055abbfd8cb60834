"""Embeddings for clients."""

from shared.gateway.embeddings import EmbeddingCall, EmbeddingGateway
from shared.ports.keys import Caller
from shared.wire.embeddings import EmbeddingEnvelope
from shared.wire.replies import Relayed
from shared.wire.validation import json_of


class EmbeddingAnswers:
    def __init__(self, gateway: EmbeddingGateway) -> None:
        self._gateway = gateway

    async def create(self, caller: Caller, envelope: EmbeddingEnvelope, raw: bytes) -> Relayed:
        return await self._gateway.create(EmbeddingCall(caller, envelope.model, json_of(raw)))
