"""Names of blobs."""

import pytest

from shared.retrieval.blob_names import Drop, Ignored, is_folder_name, parse_drop, upload_name


@pytest.mark.parametrize(
    ("name", "tenant", "folder", "path"),
    [
        ("acme/kb/a.pdf", "acme", "kb", "a.pdf"),
        ("acme/kb/a/b/c.pdf", "acme", "kb", "a/b/c.pdf"),
        ("acme/Über uns/日本 語.pdf", "acme", "Über uns", "日本 語.pdf"),
        ("acme/kb/a b#c?.pdf", "acme", "kb", "a b#c?.pdf"),
        ("acme/kb//a.pdf", "acme", "kb", "/a.pdf"),
        ("acme/kb/../other/a.pdf", "acme", "kb", "../other/a.pdf"),
    ],
)
def test_the_first_two_parts_are_tenant_and_store_and_the_rest_is_the_path(
    name: str, tenant: str, folder: str, path: str
) -> None:
    drop = parse_drop(name)
    assert drop == Drop(tenant, folder, path)
    assert isinstance(drop, Drop)
    assert drop.blob_name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a.pdf",
        "acme/a.pdf",
        "_system/kb/a.pdf",
        "acme/kb/",
        "acme/kb/folder/",
        "/kb/a.pdf",
        "acme//a.pdf",
        "../kb/a.pdf",
        "acme/./a.pdf",
        "acme/k?b/a.pdf",
        "acme/k#b/a.pdf",
        "acme/k\\b/a.pdf",
        "acme/k\x00b/a.pdf",
        "acme/ kb/a.pdf",
        f"acme/{'k' * 256}/a.pdf",
    ],
)
def test_a_blob_that_is_no_document_of_anybody_is_ignored_with_the_reason(name: str) -> None:
    ignored = parse_drop(name)
    assert isinstance(ignored, Ignored)
    assert repr(name) in ignored.reason


@pytest.mark.parametrize(("name", "may"), [("kb", True), ("", False), ("a/b", False), (".", False), ("k" * 255, True)])
def test_not_every_name_of_a_store_can_be_a_folder(name: str, may: bool) -> None:
    assert is_folder_name(name) is may


def test_the_file_of_a_blob_is_the_same_for_every_event_and_another_for_every_tenant() -> None:
    assert Drop("acme", "kb", "a.pdf").file_id == Drop("acme", "kb", "a.pdf").file_id
    ids = {Drop("acme", "kb", "a").file_id, Drop("acme", "kb", "b").file_id, Drop("zeta", "kb", "a").file_id}
    assert len(ids) == 3


def test_uploads_lie_under_their_tenant() -> None:
    assert upload_name("acme", "file-1") == "acme/file-1"
