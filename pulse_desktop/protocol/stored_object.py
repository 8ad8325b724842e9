"""An object in a NATS Object Store bucket, as its metadata message tells of it."""

from typing import Final

import msgspec

from pulse_desktop.protocol.topics import RESULT_BUCKET

PROGRESS_PREFIX: Final = "progress:"
"""TaskIQ keeps the progress of a task in the result bucket, under this prefix."""


class StoredObject(msgspec.Struct, gc=False):
    """What a bucket knows of one object, without its body.

    Attributes:
        key: the object's name; in a result bucket the task id.
        size: bytes.
        chunks: number of chunk messages.
        nuid: identifies this version of the body.
        stored_at: Unix seconds: when the server stored the metadata (not what the writer claims).
        digest: `SHA-256=<base64url>`, empty when the writer gave none.
        deleted: whether this is the mark of a deletion.
        sequence: the metadata message's sequence in the bucket's stream.
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
