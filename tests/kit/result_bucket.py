"""Fill a result bucket with many results, much faster than one `put` after the other."""

import base64
import hashlib
import json
from typing import Any

from nats.aio.client import Client

from pulse_desktop.protocol.topics import RESULT_BUCKET
from tests.kit.waiting import wait_until

_BATCH = 500


def result_body(labels: dict[str, Any] | None = None, *, is_err: bool = False) -> bytes:
    """Return a result as JSON."""
    return json.dumps(
        {
            "is_err": is_err,
            "return_value": 1,
            "execution_time": 0.5,
            "labels": labels or {},
            "error": None,
        }
    ).encode()


def key_of(number: int) -> str:
    """Return the key of a result that `store_results` stores."""
    return f"{number:032x}"


async def store_results(
    client: Client, count: int, *, first: int = 0, labels: dict[str, Any] | None = None
) -> None:
    """Create the bucket and store results under the keys of `key_of` from `first` on, in order."""
    await client.jetstream().create_object_store(RESULT_BUCKET)
    body = result_body(labels)
    digest = "SHA-256=" + base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
    for number in range(first, first + count):
        key, nuid = key_of(number), f"BODY{number:018d}"
        meta = {
            "name": key,
            "bucket": RESULT_BUCKET,
            "nuid": nuid,
            "size": len(body),
            "chunks": 1,
            "digest": digest,
        }
        subject = f"$O.{RESULT_BUCKET}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"
        await client.publish(f"$O.{RESULT_BUCKET}.C.{nuid}", body)
        await client.publish(subject, json.dumps(meta).encode(), headers={"Nats-Rollup": "sub"})
        if number % _BATCH == 0:
            await client.flush(60)

    async def stored() -> bool:
        info = await client.jetstream().stream_info(f"OBJ_{RESULT_BUCKET}")
        return info.state.messages >= 2 * (first + count)

    await wait_until(stored, 60)
