"""Metadata of an Object Store bucket, as any client may write it."""

import base64
import contextlib
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.transport.object_bucket import (
    UnreadableMetaError,
    decode_meta,
    digest_of,
    object_meta_subject,
)


def meta(**fields: object) -> bytes:
    return json.dumps({"name": "k", "nuid": "N", "size": 3, "chunks": 1, **fields}).encode()


def test_metadata_with_unknown_fields_is_decoded() -> None:
    stored = decode_meta("b", meta(mtime="nonsense", headers=None, new=[1]), 12.5, 7)
    assert (stored.key, stored.nuid, stored.size, stored.chunks) == ("k", "N", 3, 1)
    assert (stored.stored_at, stored.sequence, stored.bucket) == (12.5, 7, "b")
    assert not stored.deleted
    assert stored.digest == ""


def test_a_deletion_is_marked() -> None:
    assert decode_meta("b", meta(deleted=True, size=0, chunks=0), 0.0, 1).deleted


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b"\xff", b'{"name": ""}', b'{"name": 3}', meta(size=-1), meta(nuid="a.b"),
     meta(nuid=">*"), meta(options={"link": {"bucket": "other"}}),
     meta(nuid="n" * 5_000), meta(nuid="a b"), meta(nuid="a\r\nPUB x 0"), meta(nuid="a\0b"),
     meta(nuid=">")],
)  # fmt: skip
def test_invalid_metadata_is_rejected(payload: bytes) -> None:
    with pytest.raises(UnreadableMetaError):
        decode_meta("b", payload, 0.0, 1)


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_rejected(payload: bytes) -> None:
    with contextlib.suppress(UnreadableMetaError):
        decode_meta("b", payload, 0.0, 1)


@pytest.mark.parametrize("padded", [True, False])
def test_a_digest_is_decoded_with_or_without_padding(padded: bool) -> None:
    digest = hashlib.sha256(b"x").digest()
    text = base64.urlsafe_b64encode(digest).decode()
    stored = decode_meta("b", meta(digest=f"SHA-256={text if padded else text.rstrip('=')}"), 0, 1)
    assert digest_of(stored) == digest


@pytest.mark.parametrize("text", ["", "MD5=abc", "SHA-256=", "SHA-256=é", "SHA-256=AAAA"])
def test_an_invalid_digest_is_ignored(text: str) -> None:
    assert digest_of(decode_meta("b", meta(digest=text), 0, 1)) is None


def test_any_key_can_be_part_of_a_subject() -> None:
    assert object_meta_subject("b", "progress:a b*.>/Я").count(".") == 3
