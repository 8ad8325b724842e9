"""Subjects and metadata of an Object Store bucket, which is stored in a stream.

Source: NATS architecture decision record ADR-20.
"""

import base64
import binascii
import re
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.text.translation import _

STREAM_PREFIX: Final = "OBJ_"
ANY_OBJECT: Final = "$O.>"
_DIGEST_NAME: Final = "SHA-256="
_NUID: Final = re.compile(r"[^\s.*>\x00-\x1f\x7f]{0,256}")
"""One token of a subject. Clients write 22 characters."""

# Nine bytes are twelve characters of base64, so the prefix of a key is one of its encoding.
_PROGRESS: Final = base64.urlsafe_b64encode(PROGRESS_PREFIX.encode()).decode()


class UnreadableMetaError(Exception):
    """A message that is not valid metadata; `str()` says why."""


class _Meta(msgspec.Struct, gc=False):
    name: str
    nuid: str = ""
    size: int = 0
    chunks: int = 0
    digest: str | None = None
    deleted: bool = False
    options: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Meta).decode


def stream_name(bucket: str) -> str:
    """Return the name of a bucket's stream."""
    return STREAM_PREFIX + bucket


def meta_subjects(bucket: str) -> str:
    """Return the wildcard subject of all metadata of a bucket."""
    return f"$O.{bucket}.M.>"


def object_meta_subject(bucket: str, key: str) -> str:
    """Return the subject of one object's metadata."""
    return f"$O.{bucket}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"


def is_progress(meta_subject: str) -> bool:
    """Whether the subject is of progress that a task reports, and not of a result."""
    return meta_subject.rpartition(".")[2].startswith(_PROGRESS)


def chunk_subject(bucket: str, nuid: str = ">") -> str:
    """Return the subject of the chunks of one body, or of all bodies."""
    return f"$O.{bucket}.C.{nuid}"


def decode_meta(bucket: str, payload: bytes, stored_at: float, sequence: int) -> StoredObject:
    """Decode a metadata message.

    Args:
        bucket: name of the bucket.
        payload: JSON.
        stored_at: Unix seconds when the server stored it.
        sequence: in the bucket's stream.

    Raises:
        UnreadableMetaError: it is not valid metadata, or it is a link to another object.
    """
    try:
        payload.decode()
        meta = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableMetaError(str(error)) from None
    if not meta.name:
        raise UnreadableMetaError(_("it has no object name"))
    if meta.options and meta.options.get("link"):
        raise UnreadableMetaError(_("it is a link to another object, which is not followed"))
    if meta.size < 0 or meta.chunks < 0:
        raise UnreadableMetaError(_("its size or chunks are invalid"))
    if not _NUID.fullmatch(meta.nuid):
        raise UnreadableMetaError(_("its id (nuid) cannot be part of a subject"))
    return StoredObject(
        meta.name,
        meta.size,
        meta.chunks,
        meta.nuid,
        stored_at,
        meta.digest or "",
        meta.deleted,
        sequence,
        bucket,
    )


def digest_of(stored: StoredObject) -> bytes | None:
    """Return the SHA-256 digest in the metadata, None without a valid one."""
    text = stored.digest
    if text[: len(_DIGEST_NAME)].upper() != _DIGEST_NAME:
        return None
    text = text[len(_DIGEST_NAME) :]
    try:
        digest = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == 32 else None
