"""Metadata of an object in a NATS Object Store bucket."""

from typing import Final

import msgspec

from pulse_desktop.protocol.topics import RESULT_BUCKET

PROGRESS_PREFIX: Final = "progress:"
"""TaskIQ keeps the progress of a task in the result bucket, under this prefix."""


class StoredObject(msgspec.Struct, gc=False):
    """Metadata of one object, without its body.

    Attributes:
        key: the object's name; in a result bucket the task id.
        size: bytes.
        chunks: number of chunk messages.
        nuid: identifies this version of the body.
        stored_at: Unix seconds when the server stored the metadata; the writer's own time is
            ignored.
        digest: `SHA-256=<base64url>`, empty if the writer gave none.
        deleted: whether the object was deleted.
        sequence: sequence of the metadata message in the bucket's stream.
        bucket: the bucket's name.
    """

    key: str
    size: int
    chunks: int
    nuid: str
    stored_at: float
    digest: str = ""
    deleted: bool = False
    sequence: int = 0
    bucket: str = RESULT_BUCKET
