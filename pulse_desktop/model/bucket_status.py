"""The state of a bucket of results."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BucketStatus:
    """Snapshot of a bucket.

    Attributes:
        name: of the bucket.
        objects: results, without deleted ones; None when unknown.
        notes: progress objects that tasks stored beside their results; None when unknown.
        bytes: size on disk, metadata included; None when unknown.
        ttl_s: seconds after which an object expires, None for never.
        max_bytes: upper limit of `bytes`, None for no limit.
        exact: whether `objects` is exact; else there may be fewer.
        watched: whether this is the bucket whose results are shown.
        exists: whether the server has it; nothing else is known of one that it has not.
    """

    name: str
    objects: int | None = None
    notes: int | None = None
    bytes: int | None = None
    ttl_s: float | None = None
    max_bytes: int | None = None
    exact: bool = True
    watched: bool = False
    exists: bool = True
