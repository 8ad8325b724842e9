"""Stored results: heard of as they come, read verified, saved whole or not at all."""

import asyncio
import resource
import time
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig

from pulse_desktop.model.errors import (
    BrokenObjectError,
    NoJetStreamError,
    NotConnectedError,
    NotFoundError,
    TooLargeError,
    UserFacingError,
)
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.result_store import ResultStore
from pulse_desktop.transport.result_watch import ResultWatch
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

BUCKET = "taskiq_results"
LARGE = bytes(range(256)) * (32 << 10)  # 8 MiB


@pytest.fixture
async def other(nats_server: NatsServer):
    """Somebody else's client, who writes the results."""
    client = await nats.connect(nats_server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
async def bucket(other):
    return await other.jetstream().create_object_store(BUCKET)


@pytest.fixture
async def store(nats_server: NatsServer):
    connection = Connection(nats_server.url)
    await connection.open()
    yield ResultStore(connection, BUCKET)
    await connection.close()


class Watching:
    def __init__(self, server: NatsServer, **options) -> None:
        self.queue = ArrivalQueue()
        self.connection = Connection(server.url)
        self.watch = ResultWatch(self.connection, self.queue, BUCKET, poll_s=0.1, **options)
        self.taken = []

    async def __aenter__(self) -> "Watching":
        self.tasks = [
            asyncio.create_task(self.connection.run()),
            asyncio.create_task(self.watch.run()),
        ]
        return self

    async def __aexit__(self, *_) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.connection.close()

    def keys(self) -> list[str]:
        self.taken += self.queue.take(1_000_000)
        return [item.key for item in self.taken]

    async def in_mode(self, mode: str) -> None:
        await wait_until(lambda: self.watch.status.mode == mode, message=f"mode {mode}")


async def test_what_is_there_comes_first_and_then_what_is_stored(
    nats_server: NatsServer, bucket
) -> None:
    started = time.time()
    await bucket.put("one", b"1")
    await bucket.put("progress:two", b"{}")
    async with Watching(nats_server) as watching:
        assert await watching.watch.caught_up(5)
        assert watching.keys() == ["one", "progress:two"]
        await bucket.put("three", b"333")
        await wait_until(lambda: len(watching.keys()) == 3)
        newest = watching.taken[-1]
        assert (newest.key, newest.size, newest.chunks) == ("three", 3, 1)
        assert started - 1 < newest.stored_at < time.time() + 1
        assert newest.sequence == watching.watch.status.last_sequence
        await bucket.delete("one")
        await wait_until(lambda: watching.keys()[3:] == ["one"])
        assert watching.taken[-1].deleted


async def test_a_bucket_may_come_later_go_and_come_again(nats_server: NatsServer, other) -> None:
    js = other.jetstream()
    async with Watching(nats_server) as watching:
        await watching.in_mode("absent")
        assert watching.watch.status.caught_up
        bucket = await js.create_object_store(BUCKET)
        await bucket.put("first", b"1")
        await wait_until(lambda: watching.keys() == ["first"])
        await js.delete_object_store(BUCKET)
        await watching.in_mode("absent")
        bucket = await js.create_object_store(BUCKET)
        await bucket.put("second", b"2")
        await wait_until(lambda: watching.keys() == ["first", "second"])
        await js.delete_object_store(BUCKET)
        bucket = await js.create_object_store(BUCKET)
        for number in range(3):
            await bucket.put(f"third{number}", b"3")
        await wait_until(lambda: watching.keys()[2:] == ["third0", "third1", "third2"])


async def test_a_restart_loses_and_repeats_nothing(nats_server: NatsServer, bucket) -> None:
    async with Watching(nats_server) as watching:
        for number in range(5):
            await bucket.put(str(number), b"x")
        await wait_until(lambda: len(watching.keys()) == 5)
        nats_server.kill()
        await watching.in_mode("off")
        nats_server.start()
        again = await nats.connect(nats_server.url)
        bucket = await again.jetstream().object_store(BUCKET)
        for number in range(5, 10):
            await bucket.put(str(number), b"x")
        await again.close()
        await wait_until(lambda: len(watching.keys()) >= 10)
        assert watching.keys() == [str(number) for number in range(10)]


async def test_only_the_newest_are_heard_of_where_there_are_many(
    nats_server: NatsServer, bucket
) -> None:
    for number in range(30):
        await bucket.put(str(number), b"x")
    async with Watching(nats_server, backlog=10) as watching:
        assert await watching.watch.caught_up(5)
        assert watching.keys() == [str(number) for number in range(20, 30)]


async def test_what_is_no_metadata_is_counted_and_passed_over(
    nats_server: NatsServer, bucket, other
) -> None:
    await other.jetstream().publish(f"$O.{BUCKET}.M.bm9uZQ==", b"\xff not JSON")
    await bucket.put("good", b"1")
    async with Watching(nats_server) as watching:
        assert await watching.watch.caught_up(5)
        assert watching.keys() == ["good"]
        assert watching.watch.status.unreadable == 1


async def test_bodies_of_every_size_are_read_verified(store, bucket) -> None:
    bodies = {"none": b"", "small": b"x" * 10, "edge": b"y" * (128 << 10), "large": LARGE}
    for key, body in bodies.items():
        await bucket.put(key, body)
    started = time.monotonic()
    for key, body in bodies.items():
        assert await store.read(key) == body
    assert await store.read(await store.info("small")) == bodies["small"]
    assert time.monotonic() - started < 15


async def test_the_bucket_is_described(store, other) -> None:
    js = other.jetstream()
    with pytest.raises(NotFoundError, match="No bucket"):
        await store.status()
    bucket = await js.create_object_store(BUCKET, ttl=3600, max_bytes=1 << 20)
    await js.create_object_store("another")
    await js.create_key_value(bucket="kv")
    for key in ("a", "b", "c", "gone"):
        await bucket.put(key, b"1" * 300_000 if key == "a" else b"1")
    for key in ("progress:a", "progress:b", "progress"):
        await bucket.put(key, b"1")
    await bucket.delete("gone")
    status = await store.status()
    assert (status.objects, status.notes) == (4, 2), "what tells of progress is no result"
    assert (status.ttl_s, status.max_bytes) == (3600, 1 << 20)
    assert status.bytes > 300_000
    assert await store.buckets() == ["another", BUCKET]
    assert (await ResultStore(store._connection, "another").status()).ttl_s is None


async def test_an_object_that_is_not_there_is_told(store, bucket) -> None:
    with pytest.raises(NotFoundError, match="No never"):
        await store.read("never")
    await bucket.put("gone", b"1")
    stored = await store.info("gone")
    await store.delete("gone")
    with pytest.raises(NotFoundError, match="deleted"):
        await store.info("gone")
    with pytest.raises(NotFoundError):
        await store.delete("never")
    with pytest.raises(BrokenObjectError):
        await store.read(stored)


async def test_a_large_object_is_refused_before_it_is_read(store, bucket) -> None:
    await bucket.put("large", LARGE)
    with pytest.raises(TooLargeError) as caught:
        await store.read("large", limit=1 << 20)
    assert (caught.value.size, caught.value.limit) == (len(LARGE), 1 << 20)


@pytest.mark.parametrize("size", [100, 1 << 20])
async def test_missing_chunks_are_told_at_once(store, bucket, other, size, tmp_path: Path) -> None:
    js = other.jetstream()
    await bucket.put("torn", b"z" * size)
    info = await bucket.get_info("torn")
    last = await js.get_last_msg(f"OBJ_{BUCKET}", f"$O.{BUCKET}.C.{info.nuid}")
    await js.delete_msg(f"OBJ_{BUCKET}", last.seq)
    started = time.monotonic()
    with pytest.raises(BrokenObjectError, match="chunk"):
        await store.read("torn")
    with pytest.raises(BrokenObjectError):
        await store.save("torn", tmp_path / "out")
    assert time.monotonic() - started < 4
    assert list(tmp_path.iterdir()) == []


async def test_a_changed_body_is_told(store, bucket, other) -> None:
    await bucket.put("changed", b"right")
    info = await bucket.get_info("changed")
    await other.jetstream().publish(f"$O.{BUCKET}.C.{info.nuid}", b"wrong")
    with pytest.raises(BrokenObjectError, match="checksum"):
        await store.read("changed")


async def test_a_bucket_without_direct_access_is_read_all_the_same(store, other) -> None:
    await other.jetstream().add_stream(
        StreamConfig(
            name=f"OBJ_{BUCKET}",
            subjects=[f"$O.{BUCKET}.C.>", f"$O.{BUCKET}.M.>"],
            allow_rollup_hdrs=True,
            allow_direct=False,
        )
    )
    bucket = await other.jetstream().object_store(BUCKET)
    await bucket.put("plain", b"body")
    assert await store.read("plain") == b"body"


async def test_a_large_object_is_saved_whole(store, bucket, tmp_path: Path) -> None:
    await bucket.put("large", LARGE)
    target = tmp_path / "large.bin"
    target.write_bytes(b"old")
    progress = []
    await store.save("large", target, on_progress=lambda done, size: progress.append((done, size)))
    assert target.read_bytes() == LARGE
    assert progress[-1] == (len(LARGE), len(LARGE))
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


async def test_a_full_disk_is_told_and_leaves_no_part(store, bucket, tmp_path: Path) -> None:
    await bucket.put("large", LARGE)
    target = tmp_path / "large.bin"
    target.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(UserFacingError, match="not enough space left"):
            await store.save("large", target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


async def test_a_place_that_cannot_be_written_is_told(store, bucket, tmp_path: Path) -> None:
    await bucket.put("k", b"1")
    with pytest.raises(UserFacingError, match="is not a folder"):
        await store.save("k", tmp_path / "nowhere" / "out")


async def test_a_save_that_is_cancelled_leaves_no_part(store, bucket, tmp_path: Path) -> None:
    await bucket.put("large", LARGE)
    begun = asyncio.Event()
    saving = asyncio.create_task(
        store.save("large", tmp_path / "out", on_progress=lambda *_: begun.set())
    )
    await begun.wait()
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list(tmp_path.iterdir()) == []


async def test_losing_the_server_while_reading_is_told(
    nats_server: NatsServer, store, bucket, tmp_path: Path
) -> None:
    await bucket.put("vast", LARGE * 8)  # more than the sockets between us and the server hold

    def die(*_progress) -> None:
        nats_server.kill()

    with pytest.raises((NotConnectedError, BrokenObjectError)):
        async with asyncio.timeout(10):
            await store.save("vast", tmp_path / "out", on_progress=die)
    assert list(tmp_path.iterdir()) == []


async def test_without_jetstream_there_are_no_results() -> None:
    with NatsServer(jetstream=False) as server:
        connection = Connection(server.url)
        await connection.open()
        store = ResultStore(connection)
        for asking in (store.buckets(), store.status(), store.info("k"), store.read("k")):
            with pytest.raises(NoJetStreamError):
                await asking
        await connection.close()
