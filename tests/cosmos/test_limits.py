"""The limits of Cosmos DB, held before anything is sent; and names."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.adapters.cosmos import containers, names, operations, passages
from shared.adapters.cosmos.account import DATABASE, EMULATOR_KEY, CosmosAccount
from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.partition import Partition
from shared.adapters.entra import Identity
from shared.errors import InvalidRequestError, TooLargeError
from shared.ports.embedding_model import EmbeddingModel
from shared.ports.records import FileRecord
from shared.settings.environment import ConfigurationError
from shared.settings.settings import Settings
from shared.wiring.stores import open_stores
from tests.contracts.stores import DIMENSIONS, X, chunk, file_record
from tests.cosmos.fake import FakeCosmos

ROOT = Path(__file__).parents[2]
ITEM = {"id": "a", "pk": "p"}


class TestLimits:
    async def test_nothing_over_a_limit_is_sent(self, fake: FakeCosmos, account: CosmosAccount) -> None:
        partition = Partition(account, "chunks", "p")
        large = {**ITEM, "text": "x" * 600_000}
        for batch in (
            [operations.delete("a")] * 101,
            [operations.patch("a", *[operations.add("/n", 1)] * 11)],
            [operations.upsert(large)] * 3,
            [operations.create({**ITEM, "text": "x" * 2_200_000})],
        ):
            with pytest.raises(TooLargeError):
                await partition.batch(batch)
        with pytest.raises(TooLargeError):
            await partition.create({**ITEM, "text": "x" * 2_200_000})
        assert fake.journal.entries == []

    def test_what_json_cannot_say_is_the_callers_mistake(self) -> None:
        for value in (float("nan"), "\ud800"):
            with pytest.raises(InvalidRequestError):
                operations.size_bytes({**ITEM, "value": value})

    async def test_large_chunks_are_written_in_batches_that_fit(self, fake: FakeCosmos, chunks: CosmosChunks) -> None:
        many = [chunk(str(number), "words " * 20_000, ordinal=number) for number in range(30)]
        await chunks.put(many)
        batches = fake.journal.of("batch")
        assert len(batches) > 5
        assert all(int(entry.headers["content-length"]) < 2**20 for entry in batches if entry.status == 200)
        assert sum(item["kind"] == "chunk" for item in fake.items("chunks")) == 30

    def test_a_batch_is_full_with_ninety_nine_items(self) -> None:
        sizes = [len(batch) for batch in passages.batches([ITEM] * 250)]
        assert sizes == [99, 99, 52]
        assert list(passages.batches([])) == []

    async def test_more_than_a_ranking_can_give_is_asked_for_as_much_as_it_can(
        self, fake: FakeCosmos, chunks: CosmosChunks
    ) -> None:
        await chunks.search("t", "s", vector=X, text="", principals=(), limit=5000)
        (query,) = fake.journal.of("query")
        assert "TOP 1000 " in query.sql


class TestNames:
    def test_plain_names_stay_readable_and_others_get_one_that_no_plain_name_has(self) -> None:
        assert names.plain("file-01.a:B_c") == "file-01.a:B_c"
        odd = ["", "a/b", "a|b", "~x", "é", "x" * 129, "a\n"]
        given = [names.plain(text) for text in odd]
        assert len(set(given)) == len(odd)
        assert all(name.startswith("~") for name in given)

    def test_no_two_rows_of_names_share_a_partition(self) -> None:
        rows = [("a|b", "c"), ("a", "b|c"), ("a", "b", "c"), ("a|b|c",), ("ab", "c"), ("a", "bc")]
        assert len({names.joined(*row) for row in rows}) == len(rows)
        assert len({names.digest(*row) for row in rows}) == len(rows)


class TestContainers:
    def test_partition_keys_times_to_live_and_policies_are_as_designed(self) -> None:
        defined = {container.name: container.definition(384) for container in containers.CONTAINERS}
        keys = {name: body["partitionKey"]["paths"] for name, body in defined.items()}
        assert keys == {
            "records": ["/tenant"],
            "chunks": ["/pk"],
            "usage": ["/pk"],
            "limits": ["/scope"],
            "api_keys": ["/id"],
            "cache": ["/pk"],
            "conversations": ["/pk"],
        }
        expiring = {name for name, body in defined.items() if "defaultTtl" in body}
        assert expiring == {"usage", "limits", "cache", "conversations"}
        chunks = defined["chunks"]
        assert {"path": "/embedding/*"} in chunks["indexingPolicy"]["excludedPaths"]
        (vector,) = chunks["vectorEmbeddingPolicy"]["vectorEmbeddings"]
        assert (vector["dimensions"], vector["distanceFunction"]) == (384, "cosine")


class TestAccounts:
    def test_a_location_names_account_and_database(self) -> None:
        identity = Identity()
        account = CosmosAccount.at("cosmos:https://mine.documents.azure.com:443/other", identity)
        assert vars(account)["_url"] == "https://mine.documents.azure.com:443"
        assert (vars(account)["_database"], vars(account)["_credential"]) == ("other", identity)
        emulator = CosmosAccount.at("cosmos:http://127.0.0.1:8081/", identity)
        assert (vars(emulator)["_database"], vars(emulator)["_credential"]) == (DATABASE, EMULATOR_KEY)

    async def test_closing_what_was_never_opened_is_fine_and_an_account_reopens(
        self, fake: FakeCosmos, account: CosmosAccount
    ) -> None:
        await account.close()
        await Partition(account, "records", "t").query("SELECT * FROM c", {})
        await account.close()
        await Partition(account, "records", "t").query("SELECT * FROM c", {})

    def test_nothing_of_the_sdk_is_loaded_before_it_is_used(self) -> None:
        code = (
            "import sys; from shared.adapters.entra import Identity; from shared.wiring.stores import open_stores;"
            "open_stores('cosmos:https://a.documents.azure.com', Identity());"
            "print([name for name in sys.modules if name.startswith(('azure.', 'aiohttp'))])"
        )
        ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "[]"


class TestSettings:
    def settings(self, store: str, **others: str) -> Settings:
        models = '{"e": {"deployments": [{"id": "d", "endpoint": "http://e", "model": "m"}]}}'
        required = {"FLIGHTDECK_STORE": store, "FLIGHTDECK_MODELS": models, "FLIGHTDECK_KEY_PEPPER": "p"}
        return Settings.load(required | {"AzureWebJobsStorage": "UseDevelopmentStorage=true"} | others)

    @pytest.mark.parametrize("store", ["cosmos:https://a.documents.azure.com", "cosmos:http://127.0.0.1:8081/db"])
    def test_an_account_or_an_emulator_may_be_named(self, store: str) -> None:
        assert self.settings(store).store == store

    @pytest.mark.parametrize("store", ["cosmos:", "cosmos:http://example.com", "cosmos:http://10.0.0.1:80", "cosmos"])
    def test_an_account_without_encryption_may_not(self, store: str) -> None:
        with pytest.raises(ConfigurationError, match="FLIGHTDECK_STORE"):
            self.settings(store)

    def test_on_azure_an_emulator_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="on Azure"):
            self.settings("cosmos:http://127.0.0.1:8081", WEBSITE_INSTANCE_ID="x")
        assert self.settings("cosmos:https://a.documents.azure.com", WEBSITE_INSTANCE_ID="x")


async def test_a_cosmos_store_is_opened_by_its_location(fake: FakeCosmos) -> None:
    stores = open_stores(f"cosmos:{fake.url}", Identity())
    chunks = stores.open_chunks(EmbeddingModel("m", DIMENSIONS), "")
    await stores.files.create(file_record("f"))
    assert isinstance((await stores.files.get("t", "f")).value, FileRecord)
    assert await chunks.list("t", "s", "d") == []
    assert await stores.ledger.totals("t", "completions", start=_AT, end=_AT, width_s=60) == []
    await stores.close()


_AT = file_record("f").created_at
