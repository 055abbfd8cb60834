"""Messages of the documents queue: ours, Event Grid's, and everybody else's."""

import json
from collections.abc import Mapping
from typing import ClassVar

import pytest

from shared.errors import PoisonMessageError
from shared.wire.messages import BlobMessage, DocumentMessage, current, parse_document_event
from shared.wire.usage import parse_usage
from shared.wire.versions import Fields, Upgrades

EVENT = {
    "id": "1",
    "topic": "/subscriptions/x",
    "subject": "/blobServices/default/containers/documents/blobs/acme/kb/a b/c.pdf",
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-01-01T00:00:00Z",
    "data": {"api": "PutBlob", "url": "https://account.blob.core.windows.net/documents/acme/kb/a%20b/c.pdf"},
    "dataVersion": "",
    "metadataVersion": "1",
}


@pytest.mark.parametrize(
    "message",
    [
        DocumentMessage(tenant="acme", store_id="vs_1", file_id="file-1", deferrals=2),
        BlobMessage(blob_name="acme/kb/a"),
    ],
)
def test_our_messages_read_back_as_written(message: DocumentMessage | BlobMessage) -> None:
    assert parse_document_event(message.model_dump_json().encode()) == message


@pytest.mark.parametrize("kind", ["BlobCreated", "BlobDeleted", "BlobRenamed"])
def test_event_grids_own_event_names_the_blob(kind: str) -> None:
    body = json.dumps(EVENT | {"eventType": f"Microsoft.Storage.{kind}"}).encode()
    assert parse_document_event(body) == BlobMessage(blob_name="acme/kb/a b/c.pdf")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "Not a JSON object: b'hello'"),
        (b"[1]", "Not a JSON object"),
        (b"{}", "Not a message of the documents queue"),
        (b'{"version": 3, "kind": "blob", "blob_name": "a"}', "version 3 is newer than 2"),
        (b'{"version": 1, "kind": "blob"}', "blob_name"),
        (b'{"eventType": "Microsoft.Storage.BlobCreated"}', "Not an Event Grid event: subject"),
        (json.dumps(EVENT | {"eventType": "Other"}).encode(), "'Other'"),
        (json.dumps(EVENT | {"subject": "/blobServices/default/containers/files/blobs/a"}).encode(), "files"),
    ],
)
def test_what_is_not_ours_is_poison_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(PoisonMessageError) as parked:
        parse_document_event(body)
    assert reason in str(parked.value)


class TestEarlierReleases:
    """The bodies are those that the release of 21 November 2026 wrote, whose messages had version 1."""

    def test_a_document_message_of_version_1_is_read(self) -> None:
        body = b'{"version":1,"deferrals":2,"kind":"document","tenant":"acme","store_id":"vs_1","file_id":"file-1"}'
        message = parse_document_event(body)
        assert isinstance(message, DocumentMessage)
        assert (message.tenant, message.store_id, message.file_id, message.deferrals) == ("acme", "vs_1", "file-1", 2)

    def test_a_blob_message_of_version_1_is_read(self) -> None:
        message = parse_document_event(b'{"version":1,"deferrals":0,"kind":"blob","blob_name":"acme/kb/a"}')
        assert isinstance(message, BlobMessage)
        assert message.blob_name == "acme/kb/a"

    def test_a_usage_message_of_version_1_is_read(self) -> None:
        body = (
            b'{"version":1,"deferrals":0,"kind":"usage","id":"e","tenant":"acme","key_id":null,"model":"m",'
            b'"deployment":"d","operation":"completions","source":"api","status":200,"input_tokens":7,"output_tokens":5'
            b',"cached_tokens":3,"reasoning_tokens":2,"cost_microusd":11,"estimated":false,"ttft_ms":null,'
            b'"duration_ms":40,"at":"2026-03-04T10:30:15.123456Z"}'
        )
        message = parse_usage(body)
        assert (message.id, message.tenant, message.input_tokens, message.cost_microusd) == ("e", "acme", 7, 11)


def rename_blob(fields: Fields) -> Fields:
    return {**fields, "blob_name": f"upgraded {fields['blob_name']}"}


class TestVersions:
    UPGRADES: ClassVar[Mapping[str, Upgrades]] = {"blob": (rename_blob,)}

    @pytest.mark.parametrize("said", [{}, {"version": 1}])
    def test_an_older_message_is_upgraded(self, said: dict[str, int]) -> None:
        read = current({**said, "kind": "blob", "blob_name": "a"}, self.UPGRADES)
        assert read == {"version": 2, "kind": "blob", "blob_name": "upgraded a"}

    def test_a_message_of_this_version_or_another_kind_is_left_alone(self) -> None:
        for message in ({"version": 2, "kind": "blob", "blob_name": "a"}, {"version": 1, "kind": "document"}):
            assert current(message, self.UPGRADES) == message

    def test_a_message_of_a_later_release_waits_for_it(self) -> None:
        with pytest.raises(PoisonMessageError, match="version 3 is newer than 2, which this release reads"):
            current({"version": 3, "kind": "blob"}, self.UPGRADES)

    @pytest.mark.parametrize("version", [0, -1, "1", None, 1.0, [2]])
    def test_what_is_no_version_is_poison(self, version: object) -> None:
        with pytest.raises(PoisonMessageError, match="is none"):
            current({"version": version, "kind": "blob"}, self.UPGRADES)
