"""What every `Chunks` adapter promises about its two searches."""

import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.memory.chunks import MemoryChunks
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.ports.chunks import STRIDE, Candidates, Chunk, Chunks
from shared.retrieval.fusion import Hit, merged
from tests.contracts.stores import DIMENSIONS, X, Y, Z, chunk
from tests.cosmos.worlds import SOME_STORES


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture
def dimensions() -> int:
    return DIMENSIONS


@pytest.fixture(params=SOME_STORES)
def chunks(request: pytest.FixtureRequest, dimensions: int) -> Chunks:
    if request.param == "memory":
        return MemoryChunks(dimensions=dimensions)
    if request.param.startswith("cosmos"):
        return CosmosChunks(
            request.getfixturevalue("cosmos").under(request.param), dimensions=dimensions, embedding_model="test"
        )
    return SqliteChunks(request.getfixturevalue("database"), dimensions=dimensions, embedding_model="test")


async def publish(chunks: Chunks, *written: Chunk) -> None:
    for document in dict.fromkeys(one.document_id for one in written):
        await chunks.put([one for one in written if one.document_id == document])
        await chunks.publish("t", "s", document, 1)


async def search(
    chunks: Chunks,
    text: str = "",
    *,
    vector: Sequence[float] = X,
    principals: Sequence[str] = (),
    limit: int = 10,
    document_ids: Sequence[str] | None = None,
) -> Candidates:
    return await chunks.search(
        "t", "s", vector=vector, text=text, principals=principals, limit=limit, document_ids=document_ids
    )


async def matching(chunks: Chunks, text: str) -> set[str]:
    return {hit.id for hit, _ in (await search(chunks, text)).by_text}


def ids(hits: Sequence[tuple[Chunk, float]]) -> list[str]:
    return [hit.id for hit, _ in hits]


class TestVectors:
    async def test_the_nearest_come_first_with_their_cosine(self, chunks: Chunks) -> None:
        near, opposite = (3.0, 4.0, 0.0, 0.0), (-2.0, 0.0, 0.0, 0.0)
        await publish(
            chunks,
            chunk("opposite", embedding=opposite),
            chunk("same", embedding=(9.0, 0.0, 0.0, 0.0)),
            chunk("across", embedding=Y),
            chunk("near", embedding=near),
        )
        found = (await search(chunks)).by_vector
        assert ids(found) == ["same", "near", "across", "opposite"]
        assert [score for _, score in found] == pytest.approx([1.0, 0.6, 0.0, -1.0], abs=1e-6)

    async def test_at_most_limit_are_found(self, chunks: Chunks) -> None:
        await publish(chunks, *(chunk(str(number), "same words") for number in range(9)))
        for limit in (-1, 0, 1, 8, 9, 100):
            found = await search(chunks, "words", limit=limit)
            assert len(found.by_vector) == len(found.by_text) == min(9, max(0, limit))

    async def test_vectors_of_no_length_are_near_nothing_and_harm_nothing(self, chunks: Chunks) -> None:
        nothing = (0.0, 0.0, 0.0, 0.0)
        await publish(chunks, chunk("none", embedding=nothing), chunk("some", embedding=X))
        assert ids((await search(chunks)).by_vector) == ["some", "none"]
        assert [score for _, score in (await search(chunks, vector=nothing)).by_vector] == [0.0, 0.0]

    async def test_tiny_and_huge_vectors_are_compared_by_direction(self, chunks: Chunks) -> None:
        await publish(
            chunks,
            chunk("tiny", embedding=(1e-15, 1e-15, 0.0, 0.0)),
            chunk("huge", embedding=(1e15, 0.0, 0.0, 0.0)),
        )
        found = (await search(chunks)).by_vector
        assert ids(found) == ["huge", "tiny"]
        assert [score for _, score in found] == pytest.approx([1.0, math.sqrt(0.5)], abs=1e-6)

    async def test_a_store_that_nobody_wrote_to_is_empty(self, chunks: Chunks) -> None:
        assert await search(chunks, "words") == Candidates((), ())


class TestRecall:
    @pytest.fixture
    def dimensions(self) -> int:
        return 384

    async def test_under_an_acl_the_true_neighbours_are_found(self, chunks: Chunks) -> None:
        random = np.random.default_rng(7)
        vectors = random.normal(size=(2000, 384)).astype(np.float32)
        readers = [("a",), ("b",), ("a", "b"), ("c",), ()]
        written = [
            chunk(str(number), "", embedding=tuple(vector.tolist()), acl=readers[number % 5], ordinal=number)
            for number, vector in enumerate(vectors)
        ]
        await publish(chunks, *written)
        allowed = [number for number in range(2000) if number % 5 in (0, 2, 4)]
        directions = vectors[allowed] / np.linalg.norm(vectors[allowed], axis=1, keepdims=True)
        found = 0
        for query in random.normal(size=(20, 384)).astype(np.float32):
            similarity = directions @ (query / np.linalg.norm(query))
            true = np.argsort(-similarity)[:10]
            hits = (await search(chunks, vector=query.tolist(), principals=["a"])).by_vector
            found += len({str(allowed[place]) for place in true} & set(ids(hits)))
            assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
            assert hits[0][1] == pytest.approx(float(similarity[true[0]]), abs=1e-5)
        assert found / 200 >= 0.99


class TestAccess:
    @pytest.fixture
    async def guarded(self, chunks: Chunks) -> Chunks:
        await publish(
            chunks,
            chunk("open"),
            chunk("a", acl=("a",)),
            chunk("b", acl=("b",)),
            chunk("ab", acl=("b", "a", "b")),
            chunk("nameless", acl=("",)),
        )
        return chunks

    @pytest.mark.parametrize(
        ("principals", "expected"),
        [
            ((), {"open"}),
            (("a",), {"open", "a", "ab"}),
            (("b", "b"), {"open", "b", "ab"}),
            (("a", "b", "c"), {"open", "a", "b", "ab"}),
            (("c",), {"open"}),
            (("A",), {"open"}),
            (("a b",), {"open"}),
            (('a" OR "b',), {"open"}),
            (("*",), {"open"}),
            (("%",), {"open"}),
            (("a\0",), {"open"}),
            (("",), {"open", "nameless"}),
        ],
    )
    async def test_a_caller_sees_what_is_open_and_what_one_of_the_principals_may_read(
        self, guarded: Chunks, principals: tuple[str, ...], expected: set[str]
    ) -> None:
        found = await search(guarded, "words", principals=principals)
        assert set(ids(found.by_vector)) == expected
        assert set(ids(found.by_text)) == expected

    @pytest.mark.parametrize(
        "principal", ["user@example.com", "group:a|b", "日本", "O'Neil", 'say "x"', "a\0b", "running"]
    )
    async def test_any_text_may_name_a_principal(self, chunks: Chunks, principal: str) -> None:
        await publish(chunks, chunk("c", acl=(principal, "other")))
        for principals, expected in (((principal,), ["c"]), ((principal[:-1],), []), ((principal + "s",), [])):
            found = await search(chunks, "words", principals=principals)
            assert ids(found.by_vector) == ids(found.by_text) == expected

    async def test_what_may_not_be_read_does_not_use_up_the_limit(self, chunks: Chunks) -> None:
        hidden = (chunk(f"h{number}", "words words words", acl=("a",), embedding=X) for number in range(50))
        await publish(chunks, *hidden, chunk("open", "rarely words", embedding=Y))
        found = await search(chunks, "words", limit=1)
        assert ids(found.by_vector) == ids(found.by_text) == ["open"]

    async def test_a_callers_many_groups_are_no_problem(self, guarded: Chunks) -> None:
        groups = [f"group-{number}" for number in range(500)]
        assert set(ids((await search(guarded, "words", principals=[*groups, "a"])).by_text)) == {"open", "a", "ab"}


class TestDocuments:
    @pytest.mark.parametrize(
        ("document_ids", "expected"),
        [
            (None, {"c", "d", "e"}),
            (["d"], {"d"}),
            (["c", "e", "e"], {"c", "e"}),
            (["nobody"], set[str]()),
            ([], set[str]()),
            (["c' OR '1'='1"], set[str]()),
        ],
    )
    async def test_only_the_documents_asked_for_are_searched(
        self, chunks: Chunks, document_ids: list[str] | None, expected: set[str]
    ) -> None:
        await publish(chunks, *(chunk(name, document_id=name) for name in "cde"))
        found = await search(chunks, "words", document_ids=document_ids)
        assert set(ids(found.by_vector)) == expected
        assert set(ids(found.by_text)) == expected

    async def test_other_documents_do_not_use_up_the_limit(self, chunks: Chunks) -> None:
        crowd = (chunk(f"n{number}", "words words", document_id="n") for number in range(50))
        await publish(chunks, *crowd, chunk("far", "few words", document_id="d", embedding=Z))
        found = await search(chunks, "words", limit=1, document_ids=["d"])
        assert ids(found.by_vector) == ids(found.by_text) == ["far"]

    async def test_a_document_that_is_not_visible_is_not_found_by_name(self, chunks: Chunks) -> None:
        await publish(chunks, chunk("c"))
        await chunks.put([chunk("new", generation=2)])
        assert ids((await search(chunks, "words", document_ids=["d"])).by_vector) == ["c"]
        await chunks.retire("t", "s", "d", 2)
        assert await search(chunks, "words", document_ids=["d"]) == Candidates((), ())

    async def test_thousands_may_be_asked_for(self, chunks: Chunks) -> None:
        await publish(chunks, chunk("c"))
        many = [f"document-{number}" for number in range(20_000)]
        assert ids((await search(chunks, "words", document_ids=[*many, "d"])).by_text) == ["c"]


class TestWords:
    async def test_better_matches_come_first_with_higher_scores(self, chunks: Chunks) -> None:
        filler = "alpha beta gamma delta epsilon zeta"
        await publish(
            chunks,
            chunk("none", filler),
            chunk("once", f"turbine {filler} {filler}"),
            chunk("both", f"turbine blade {filler}"),
            *(chunk(f"f{number}", filler) for number in range(5)),
        )
        found = (await search(chunks, "turbine blade")).by_text
        assert ids(found) == ["both", "once"]
        assert found[0][1] > found[1][1] > 0

    async def test_one_word_of_many_is_enough(self, chunks: Chunks) -> None:
        await publish(chunks, chunk("c", "the reactor core"), chunk("d", "a garden"))
        assert await matching(chunks, "How hot does the reactor get?") == {"c"}

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("Größe der Straße", "größe"),
            ("Größe der Straße", "GRÖSSE straße"),
            ("un café crème", "cafe"),
            ("un cafe creme", "CAFÉ"),
            ("cafe\u0301", "café"),
            ("\uff21\uff5a\uff55\uff52\uff45 functions", "azure"),
            ("ﬁnal report", "final"),
            ("Ελληνικά", "ΕΛΛΗΝΙΚΆ"),
            ("по-русски", "русски"),
            ("error E1234-X", "e1234"),
            ("snake_case_name", "case"),
            ("the user's manual", "user"),
            ("naïve", "naive"),
            ("co\u00adop\u200berate", "cooperate"),
            ("love ❤\ufe0f it", "❤\ufe0flove"),
            ("مرحبا بالعالم", "بالعالم"),
            ("नमस्ते दुनिया", "दुनिया"),
        ],
    )
    async def test_case_accents_and_forms_do_not_matter(self, chunks: Chunks, text: str, query: str) -> None:
        await publish(chunks, chunk("c", text), chunk("other", "zzz"))
        assert await matching(chunks, query) == {"c"}

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("我们在北京大学学习计算机科学", "北京"),
            ("我们在北京大学学习计算机科学", "科学"),
            ("我们在北京大学学习计算机科学", "大学"),
            ("我们在北京大学学习计算机科学", "计算机"),
            ("我们在北京大学学习计算机科学", "北"),
            ("我们在北京大学学习计算机科学", "学"),
            ("東京都に住んでいます", "東京"),
            ("東京都に住んでいます", "京都"),
            ("コンピューターとデータ", "データ"),
            ("ﾃﾞｰﾀ", "データ"),
            ("서울특별시에서 만나요", "서울"),
            ("สวัสดีชาวโลก", "ชาวโลก"),
            ("ພາສາລາວແມ່ນພາສາທາງການ", "ທາງການ"),
            ("ប្រជាជនកម្ពុជានិយាយភាសាខ្មែរ", "ភាសា"),
            ("မြန်မာနိုင်ငံတွင်ပြောသည်", "နိုင်ငံ"),
            ("Azure関数を使う", "関数"),
            ("Azure関数を使う", "azure"),
            ("𠀀𠀁𠀂", "𠀁𠀂"),
        ],
    )
    async def test_words_are_found_inside_scripts_without_spaces(self, chunks: Chunks, text: str, query: str) -> None:
        await publish(chunks, chunk("c", text), chunk("other", "全然違う文章 아니요"))
        assert await matching(chunks, query) == {"c"}

    @pytest.mark.parametrize("query", ["北海", "上海", "机器"])
    async def test_pairs_that_do_not_occur_are_not_found(self, chunks: Chunks, query: str) -> None:
        await publish(chunks, chunk("c", "我们在北京大学学习计算机科学"))
        assert await matching(chunks, query) == set()

    async def test_finding_nothing_by_text_leaves_the_vectors_alone(self, chunks: Chunks) -> None:
        await publish(chunks, chunk("c"))
        found = await search(chunks, "unheard")
        assert (ids(found.by_vector), found.by_text) == (["c"], ())


class TestHostileText:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            " ",
            "\n\t",
            "?!...",
            '"',
            '""',
            "'",
            "*",
            "()",
            "^",
            ":",
            "-",
            "+",
            "{}",
            "\0",
            "🙂",
            "❤\ufe0f",
            "\u0301",
            "_",
            "\ud800",
            "…—„“",
            "\\",
            "%",
            ";",
            "--",
            "/* */",
            "\u202e",
        ],
    )
    async def test_text_without_a_word_finds_nothing_and_is_no_error(self, chunks: Chunks, query: str) -> None:
        await publish(chunks, chunk("c"))
        found = await search(chunks, query)
        assert (ids(found.by_vector), found.by_text) == (["c"], ())

    @pytest.mark.parametrize(
        "query",
        [
            "words AND nothing",
            "nothing NOT words",
            "NEAR(words nothing, 2)",
            "text: words",
            "readers : words",
            '"words',
            'words" OR "',
            "words*",
            "^words",
            "- words",
            "{a b} : words",
            "(words",
            "words) OR (x",
            "words\0more",
            "words'; DROP TABLE chunks; --",
            "words \ud800",
        ],
    )
    async def test_no_syntax_has_a_meaning(self, chunks: Chunks, query: str) -> None:
        await publish(chunks, chunk("c", "some words"), chunk("d", "unrelated"))
        assert await matching(chunks, query) == {"c"}

    @pytest.mark.parametrize("operator", ["AND", "OR", "NOT", "NEAR"])
    async def test_the_names_of_operators_are_words(self, chunks: Chunks, operator: str) -> None:
        await publish(chunks, chunk("c", f"this {operator.lower()} that"), chunk("d", "unrelated"))
        assert await matching(chunks, operator) == {"c"}

    async def test_no_word_reaches_the_names_of_partitions_or_readers(self, chunks: Chunks) -> None:
        await publish(chunks, chunk("c", "plain", acl=()), chunk("d", "plain", acl=("boss",)))
        for query in ("p1a0", "p1", "boss", "a0", "c", "t", "s"):
            assert await matching(chunks, query) == set()

    async def test_a_very_long_question_is_answered_by_its_beginning(self, chunks: Chunks) -> None:
        await publish(chunks, chunk("c", "words"))
        assert await matching(chunks, "words " + "filler " * 50_000) == {"c"}
        assert await matching(chunks, " ".join(f"w{number}" for number in range(20_000))) == set()
        assert await matching(chunks, "語" * 20_000) == set()

    async def test_neighbours_in_two_parts_of_a_document_are_known_as_such(self, chunks: Chunks) -> None:
        last = chunk("a", "ends here", ordinal=41)
        await publish(chunks, last, chunk("b", "goes on here", ordinal=STRIDE, char_start=10, char_end=22))
        found = await search(chunks, "here")
        (passage,) = merged([Hit(one, score, None) for one, score in found.by_text])
        assert (passage.text, passage.chunk_ids) == ("ends here goes on here", ("a", "b"))

    async def test_any_character_may_be_written_and_asked_for(self, chunks: Chunks) -> None:
        everything = [chr(code) for code in range(0x3100) if not 0xD800 <= code < 0xE000]
        blocks = ["".join(everything[start : start + 512]) for start in range(0, len(everything), 512)]
        await publish(chunks, *(chunk(str(number), block, ordinal=number) for number, block in enumerate(blocks)))
        for block in blocks:
            await search(chunks, " ".join(block))
