"""LlamaIndex as a side of the ingestion benchmark: its ingestion pipeline with a document store, as documented.

`python -m benchmarks.ingest_llamaindex`, in the environment of `requirements-rag.txt`. All parts are its defaults, the
stores its own in memory; HTML it takes as it is, tags and all.
"""

from pathlib import Path
from typing import Any

from llama_index.core import SimpleDirectoryReader
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from pydantic import PrivateAttr

from benchmarks.ingesting import InstantVectors, serve


class _Instant(BaseEmbedding):
    _vectors: InstantVectors = PrivateAttr()

    def __init__(self, vectors: InstantVectors, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._vectors = vectors

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vectors.of(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vectors.of(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._vectors.of(query)


def main() -> None:
    vectors = InstantVectors()
    store = SimpleVectorStore()
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(), _Instant(vectors)],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
        vector_store=store,
        disable_cache=True,
    )

    def bring_up_to_date(documents: Path) -> int:
        pipeline.run(documents=SimpleDirectoryReader(str(documents), filename_as_id=True).load_data())
        return len(store.data.embedding_dict)

    serve(bring_up_to_date, vectors)


if __name__ == "__main__":
    main()
