"""How well search finds: nDCG@10 and recall@10 of words, of meaning and of both, in many languages.

`python -m benchmarks.retrieval_quality [--languages C,de,...] [--check] [--update-docs]`. The product's own chunking,
store and searcher, with local mode's embedding model; questions and pages of `handbook.py`. Takes a language on each
core, and about seven minutes on two, most of it embedding; vectors are kept in `.bench/`, and another run takes two.
`--check` fails where hybrid search is worse than one of its halves. Without apt there is a message and nothing else.
"""

import argparse
import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from benchmarks import corpus, handbook
from benchmarks.handbook import LANGUAGES, Page
from benchmarks.quality import ndcg, recall
from benchmarks.remembered import Remembered
from benchmarks.report import machine, publish, table
from local.models import catalogue
from local.models.__main__ import prepare
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.system import SystemClock
from shared.ports.chunks import Chunk
from shared.ports.keys import Caller
from shared.ports.records import VectorStoreRecord
from shared.retrieval.chunking import passages
from shared.retrieval.embedding import embedded_text
from shared.retrieval.extraction.readers.markdown import with_headings
from shared.retrieval.fusion import Weights
from shared.retrieval.languages import languages_of
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.search import Searcher

_CALLER = Caller("acme", "key-1")
_STORE = "vs_help"
_CHUNK_TOKENS = 512
_COUNT = 10
_PASSAGES = 20
_CANDIDATES = 80
_NOISE = 0.005
_WAYS = ("words", "meaning", "equal weights", "hybrid")


@dataclass(slots=True)
class _Scores:
    """One way of searching, a value a question."""

    ndcg: list[float] = field(default_factory=list[float])
    recall: list[float] = field(default_factory=list[float])

    def add(self, ranked: Sequence[str], wanted: str) -> None:
        self.ndcg.append(ndcg(ranked, {wanted: 1}, _COUNT))
        self.recall.append(recall(ranked, {wanted}, _COUNT))

    def mean(self, measure: str) -> float:
        values: list[float] = getattr(self, measure)
        return sum(values) / len(values)


@dataclass(frozen=True, slots=True)
class _Result:
    language: str
    pages: int
    scores: dict[str, _Scores]

    def ndcg(self, way: str) -> float:
        return self.scores[way].mean("ndcg")

    @property
    def lost(self) -> float:
        """By how much hybrid search is worse than the better of its halves; negative where it is better."""
        return max(self.ndcg("words"), self.ndcg("meaning")) - self.ndcg("hybrid")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval_quality", description=__doc__)
    parser.add_argument("--languages", default=",".join(LANGUAGES), help="folders of the help, as in handbook.py")
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    try:
        results = _run(arguments.languages.split(","))
    except corpus.NoAptError as error:
        print(f"Skipped: {error}")
        return
    publish("retrieval-quality", _section(results), update_docs=arguments.update_docs)
    if arguments.check and (missed := _missed(results)):
        raise SystemExit("Missed: " + "; ".join(missed))


def _run(languages: Sequence[str]) -> list[_Result]:
    """Each language in one of as many processes as there are cores: the embedder uses one."""
    prepare()
    corpus.unpacked(handbook.PACKAGE)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as processes:
        return list(processes.map(_result, languages))


def _result(code: str) -> _Result:
    with Remembered(code) as embedder, tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as folder:
        result = asyncio.run(_measure(LANGUAGES[code], handbook.pages(code), embedder, Path(folder)))
    print(f"{result.language} done", flush=True)
    return result


async def _measure(language: str, pages: Sequence[Page], embedder: Remembered, folder: Path) -> _Result:
    database = SqliteDatabase(folder / "quality.db")
    chunks = SqliteChunks(database, dimensions=catalogue.DIMENSIONS, embedding_model=catalogue.EMBEDDING)
    for page in pages:
        await chunks.put(_chunks(page, embedder))
        await chunks.publish(_CALLER.tenant, _STORE, page.name, 1)
    stores = MemoryRecords(VectorStoreRecord)
    await stores.create(VectorStoreRecord(_STORE, _CALLER.tenant, "help", SystemClock().now()))
    searcher = Searcher(Lifetimes(stores, SystemClock()), chunks, embedder, languages=languages_of(catalogue.LANGUAGES))
    scores = {way: _Scores() for way in _WAYS}
    for page in pages:
        for way, ranked in (await _ranked(searcher, chunks, page.question, embedder)).items():
            scores[way].add(ranked, page.name)
    await database.close()
    return _Result(language, len(pages), scores)


async def _ranked(
    searcher: Searcher, chunks: SqliteChunks, question: str, embedder: Remembered
) -> dict[str, list[str]]:
    """Documents, best first, by each way. The halves are the lists of the store, as the searcher gets them."""
    vector = embedder.vector(question)
    halves = await chunks.search(_CALLER.tenant, _STORE, vector=vector, text=question, principals=(), limit=_CANDIDATES)
    hybrid = await searcher.search(_CALLER, [_STORE], question, limit=_PASSAGES)
    equal = await searcher.search(_CALLER, [_STORE], question, limit=_PASSAGES, weights=Weights())
    return {
        "words": _distinct(chunk.document_id for chunk, _ in halves.by_text),
        "meaning": _distinct(chunk.document_id for chunk, _ in halves.by_vector),
        "equal weights": _distinct(passage.document_id for passage in equal),
        "hybrid": _distinct(passage.document_id for passage in hybrid),
    }


def _chunks(page: Page, embedder: Remembered) -> list[Chunk]:
    return [
        Chunk(
            id=hashlib.sha256(f"{page.name}\n{ordinal}".encode()).hexdigest(),
            tenant=_CALLER.tenant,
            store_id=_STORE,
            document_id=page.name,
            file_id=page.name,
            filename=page.name,
            generation=1,
            ordinal=ordinal,
            text=passage.text,
            embedding=embedder.vector(embedded_text(passage)),
            tokens=passage.tokens,
            char_start=passage.char_start,
            char_end=passage.char_end,
            headings=passage.headings,
        )
        for ordinal, passage in enumerate(passages(with_headings(page.text), _CHUNK_TOKENS))
    ]


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _missed(results: Sequence[_Result]) -> list[str]:
    return [f"hybrid is {one.lost:.3f} under the better half in {one.language}" for one in results if one.lost > _NOISE]


def _section(results: Sequence[_Result]) -> str:
    missed = _missed(results)
    parts = [
        f"nDCG@{_COUNT} over documents, in brackets recall@{_COUNT}; one relevant page a question. Target: hybrid at "
        f"or above both of its halves, less {_NOISE} of noise, in every language."
        + (f" Missed: {'; '.join(missed)}." if missed else " Met in every language."),
        table(
            ("language", "pages", "words (BM25)", "meaning (MiniLM)", "fused with equal weights", "**hybrid**"),
            _rows(results),
        ),
    ]
    return "\n\n".join([*parts, machine()])


def _rows(results: Sequence[_Result]) -> list[list[object]]:
    return [[one.language, one.pages, *(_cell(one, way) for way in _WAYS)] for one in results]


def _cell(result: _Result, way: str) -> str:
    shown = f"{result.ndcg(way):.3f} ({result.scores[way].mean('recall'):.3f})"
    return f"**{shown}**" if way == "hybrid" else shown


if __name__ == "__main__":
    main()
