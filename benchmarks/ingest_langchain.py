"""LangChain as a side of the ingestion benchmark: `index()` with a record manager, as its documentation shows it.

`python -m benchmarks.ingest_langchain FOLDER pdfium|default characters|tokens`, in the environment of
`requirements-rag.txt`. In its favour: the store is its own in memory, HTML is parsed by lxml and not by
`unstructured`, and tokens are counted by the tokenizer that Flightdeck uses, since its own loads ranks at run time.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_classic.indexes import SQLRecordManager, index
from langchain_community.document_loaders import BSHTMLLoader, PyPDFium2Loader, PyPDFLoader, TextLoader
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

from benchmarks.ingesting import CHUNK_TOKENS, InstantVectors, serve


class _Instant(Embeddings):
    def __init__(self, vectors: InstantVectors) -> None:
        self._vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._vectors.of(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._vectors.of(text)


def main() -> None:
    folder, loader, split = sys.argv[1:]
    vectors = InstantVectors()
    store = InMemoryVectorStore(_Instant(vectors))
    records = SQLRecordManager("benchmark", db_url=f"sqlite:///{folder}/records.db")
    records.create_schema()
    pdf = PyPDFium2Loader if loader == "pdfium" else PyPDFLoader
    splitter = _splitter(split)

    def bring_up_to_date(documents: Path) -> int:
        chunks = splitter.split_documents
        pieces = (chunk for path in sorted(documents.iterdir()) for chunk in chunks(list(_load(path, pdf))))
        index(pieces, records, store, cleanup="incremental", source_id_key="source", key_encoder="blake2b")
        return len(store.store)

    serve(bring_up_to_date, vectors)


def _load(path: Path, pdf: Any) -> Iterator[Document]:
    match path.suffix:
        case ".pdf":
            yield from pdf(str(path)).lazy_load()
        case ".html":
            yield from BSHTMLLoader(str(path), open_encoding="utf-8", bs_kwargs={"features": "lxml"}).lazy_load()
        case _:
            yield from TextLoader(str(path), encoding="utf-8", autodetect_encoding=True).lazy_load()


def _splitter(kind: str) -> RecursiveCharacterTextSplitter:
    if kind == "characters":
        return RecursiveCharacterTextSplitter()
    from rs_bpe.bpe import openai

    return RecursiveCharacterTextSplitter(
        chunk_size=CHUNK_TOKENS, chunk_overlap=0, length_function=openai.o200k_base().count
    )


if __name__ == "__main__":
    main()
