"""How an Object Store bucket lies in its stream: the names of its parts, and its metadata.

Source: NATS architecture decision record ADR-20.
"""

import base64
import binascii
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject

STREAM_PREFIX: Final = "OBJ_"
ANY_OBJECT: Final = "$O.>"
_DIGEST_NAME: Final = "SHA-256="

# Nine bytes are twelve characters of base64: what begins so in the one begins so in the other.
_PROGRESS: Final = base64.urlsafe_b64encode(PROGRESS_PREFIX.encode()).decode()


class UnreadableMetaError(Exception):
    """Metadata that is none. `str()` says what is wrong with it."""


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
    """Return the subject of all metadata of a bucket."""
    return f"$O.{bucket}.M.>"


def object_meta_subject(bucket: str, key: str) -> str:
    """Return the subject of one object's metadata."""
    return f"$O.{bucket}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"


def is_progress(meta_subject: str) -> bool:
    """Whether it is the metadata of what a task says of its progress, and not of a result."""
    return meta_subject.rpartition(".")[2].startswith(_PROGRESS)


def chunk_subject(bucket: str, nuid: str = ">") -> str:
    """Return the subject of one body's chunks, or of all."""
    return f"$O.{bucket}.C.{nuid}"


def decode_meta(bucket: str, payload: bytes, stored_at: float, sequence: int) -> StoredObject:
    """Read a metadata message.

    Args:
        bucket: where it came from.
        payload: JSON.
        stored_at: Unix seconds when the server stored it.
        sequence: in the bucket's stream.

    Raises:
        UnreadableMetaError: it is not metadata, or that of a link to another object.
    """
    try:
        payload.decode()
        meta = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableMetaError(str(error)) from None
    if not meta.name:
        raise UnreadableMetaError("it names no object")
    if meta.options and meta.options.get("link"):
        raise UnreadableMetaError("it is a link to another object, which is not followed")
    if meta.size < 0 or meta.chunks < 0 or "." in meta.nuid or "*" in meta.nuid:
        raise UnreadableMetaError("its size or chunks make no sense")
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
    """Return the SHA-256 that the writer gave, None when it gave none that can be read."""
    text = stored.digest
    if text[: len(_DIGEST_NAME)].upper() != _DIGEST_NAME:
        return None
    text = text[len(_DIGEST_NAME) :]
    try:
        digest = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == 32 else None
