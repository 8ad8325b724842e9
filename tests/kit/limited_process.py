"""A process that makes requests to a model server within shared limits, as a worker would.

Arguments: URL of the NATS server, URL of the model server, number of requests, limits as JSON.
Prints the names of the outcomes as JSON, `ok` for an answer.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from pulse_workers.chat.providers.http.limits import Limits
from pulse_workers.chat.providers.model_errors import ModelError

from tests.kit.model_clients import open_client, verdict_request
from tests.kit.nats_clients import connect

BUCKET = "pulse_state"


class StateBucket:
    """JSON values in a bucket."""

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket

    async def get(self, key: str) -> tuple[Any, int]:
        try:
            entry = await self._bucket.get(key)
        except KeyNotFoundError:
            return None, 0
        return msgspec.json.decode(entry.value or b"null"), entry.revision or 0

    async def compare_and_set(self, key: str, value: object, revision: int) -> bool:
        try:
            await self._bucket.update(key, msgspec.json.encode(value), revision)
        except KeyWrongLastSequenceError:
            return False
        return True


@asynccontextmanager
async def open_state(nats_url: str) -> AsyncIterator[StateBucket]:
    """Yield the state bucket, which must exist."""
    client = await connect(nats_url)
    try:
        yield StateBucket(await client.jetstream().key_value(BUCKET))
    finally:
        await client.close()


async def main(nats_url: str, model_url: str, count: int, limits: dict[str, Any]) -> list[str]:
    async with (
        open_state(nats_url) as state,
        open_client(model_url, state=state, limits=Limits(**limits)) as client,
    ):

        async def request() -> str:
            try:
                await client.complete(verdict_request())
            except ModelError as error:
                return type(error).__name__
            return "ok"

        return await asyncio.gather(*(request() for _number in range(count)))


if __name__ == "__main__":
    outcomes = asyncio.run(
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
    )
    print(json.dumps(outcomes))  # noqa: T201
