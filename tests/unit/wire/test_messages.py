"""Messages of the documents queue: ours, Event Grid's, and everybody else's."""

import json

import pytest

from shared.errors import PoisonMessageError
from shared.wire.messages import BlobMessage, DocumentMessage, parse_document_event

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
        (b'{"version": 2, "kind": "blob", "blob_name": "a"}', "version 2 is newer than 1"),
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
