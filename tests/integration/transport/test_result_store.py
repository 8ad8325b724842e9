"""Stored results: watched as they are stored, read verified, saved completely or not at all."""

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors
import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.object_store import ObjectStore

from pulse_desktop.model.errors import (
    BrokenObjectError,
    NoJetStreamError,
    NotConnectedError,
    NotFoundError,
    TooLargeError,
    UserFacingError,
)
from pulse_desktop.transport.arrival_queue import DEFAULT_CAPACITY, ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import (
    REQUEST_EXPIRES_S,
    ConsumerResetError,
    OrderedConsumer,
)
from pulse_desktop.transport.result_store import ResultStore
from pulse_desktop.transport.result_watch import READ_ATTEMPTS, ResultWatch
from tests.kit.arrivals import take_objects
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, store_results
from tests.kit.waiting import wait_until

if TYPE_CHECKING:
    from pulse_desktop.protocol.stored_object import StoredObject

BUCKET = "taskiq_results"
POLL_S = 0.1
LARGE = bytes(range(256)) * (32 << 10)  # 8 MiB


@pytest.fixture
async def worker(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Another client, which stores the results."""
    client = await connect(nats_server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
async def bucket(worker: Client) -> ObjectStore:
    return await worker.jetstream().create_object_store(BUCKET)


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    connection = Connection(nats_server.url)
    await connection.open()
    yield connection
    await connection.close()


@pytest.fixture
def store(connection: Connection) -> ResultStore:
    return ResultStore(connection, BUCKET)


class RunningWatch:
    """A connection and a watch that run, and the objects received so far."""

    def __init__(
        self,
        server: NatsServer,
        backlog: int | None = None,
        poll_s: float = POLL_S,
        capacity: int = DEFAULT_CAPACITY,
        since: float | None = None,
    ) -> None:
        self.queue = ArrivalQueue(capacity)
        self.connection = Connection(server.url)
        self.watch = ResultWatch(
            self.connection, self.queue, BUCKET, since=since, backlog=backlog, poll_s=poll_s
        )
        self.objects: list[StoredObject] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "RunningWatch":
        self._tasks = [
            asyncio.create_task(self.connection.run()),
            asyncio.create_task(self.watch.run()),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.connection.close()

    def keys(self) -> list[str]:
        self.objects += take_objects(self.queue)
        return [stored.key for stored in self.objects]

    async def in_mode(self, mode: str) -> None:
        await wait_until(lambda: self.watch.status.mode == mode, message=f"mode {mode}")


async def test_stored_objects_come_first_and_then_new_ones(
    nats_server: NatsServer, bucket: ObjectStore
) -> None:
    started = time.time()
    await bucket.put("one", b"1")
    await bucket.put("progress:two", b"{}")
    async with RunningWatch(nats_server) as running:
        assert await running.watch.wait_caught_up(5)
        assert running.keys() == ["one", "progress:two"]
        await bucket.put("three", b"333")
        await wait_until(lambda: len(running.keys()) == 3)
        newest = running.objects[-1]
        assert (newest.key, newest.size, newest.chunks) == ("three", 3, 1)
        assert started - 1 < newest.stored_at < time.time() + 1
        assert newest.sequence == running.watch.status.last_sequence
        await bucket.delete("one")
        await wait_until(lambda: running.keys()[3:] == ["one"])
        assert running.objects[-1].deleted


async def test_a_bucket_can_be_created_deleted_and_created_again(
    nats_server: NatsServer, worker: Client
) -> None:
    js = worker.jetstream()
    async with RunningWatch(nats_server) as running:
        await running.in_mode("absent")
        assert running.watch.status.caught_up
        bucket = await js.create_object_store(BUCKET)
        await bucket.put("first", b"1")
        await wait_until(lambda: running.keys() == ["first"])
        await js.delete_object_store(BUCKET)
        await running.in_mode("absent")
        bucket = await js.create_object_store(BUCKET)
        await bucket.put("second", b"2")
        await wait_until(lambda: running.keys() == ["first", "second"])
        await js.delete_object_store(BUCKET)
        bucket = await js.create_object_store(BUCKET)
        for number in range(3):
            await bucket.put(f"third{number}", b"3")
        await wait_until(lambda: running.keys()[2:] == ["third0", "third1", "third2"])


async def test_a_restart_loses_and_repeats_no_object(
    nats_server: NatsServer, bucket: ObjectStore
) -> None:
    async with RunningWatch(nats_server) as running:
        for number in range(5):
            await bucket.put(str(number), b"x")
        await wait_until(lambda: len(running.keys()) == 5)
        nats_server.kill()
        await running.in_mode("off")
        nats_server.start()
        again = await connect(nats_server.url)
        bucket = await again.jetstream().object_store(BUCKET)
        for number in range(5, 10):
            await bucket.put(str(number), b"x")
        await again.close()
        await wait_until(lambda: len(running.keys()) >= 10)
        assert running.keys() == [str(number) for number in range(10)]


async def test_a_deleted_consumer_is_created_again(
    nats_server: NatsServer, bucket: ObjectStore, worker: Client
) -> None:
    js = worker.jetstream()
    stream = f"OBJ_{BUCKET}"
    seen: set[tuple[str, bool]] = set()

    async def sample(watch: ResultWatch) -> None:
        while True:
            seen.add((watch.status.mode, watch.status.unreadable))
            await asyncio.sleep(0)

    await bucket.put("old", b"1")
    async with RunningWatch(nats_server, backlog=0) as running:
        await running.in_mode("watching")
        sampling = asyncio.create_task(sample(running.watch))
        for number in range(READ_ATTEMPTS + 1):
            (consumer,) = await js.consumers_info(stream)
            assert (consumer.config.inactive_threshold or 0) >= 2 * REQUEST_EXPIRES_S
            await asyncio.sleep(1.5 * POLL_S)  # so long it is read without a failure
            await js.delete_consumer(stream, consumer.name)
            await bucket.put(str(number), b"1")
            await wait_until(lambda: len(running.keys()) > number)  # noqa: B023 - at once
        sampling.cancel()
        assert running.keys() == [str(number) for number in range(READ_ATTEMPTS + 1)]
    assert seen == {("watching", False)}


async def test_a_bucket_that_cannot_be_read_again_and_again_is_reported(
    nats_server: NatsServer, bucket: ObjectStore, worker: Client
) -> None:
    js = worker.jetstream()
    stream = f"OBJ_{BUCKET}"
    await bucket.put("old", b"1")

    async def deleted_until_reported() -> bool:
        for consumer in await js.consumers_info(stream):
            with contextlib.suppress(nats.js.errors.NotFoundError):
                await js.delete_consumer(stream, consumer.name)
        return running.watch.status.mode == "off"

    async with RunningWatch(nats_server, poll_s=60.0) as running:
        await running.in_mode("watching")
        await wait_until(deleted_until_reported)
        assert running.watch.status.unreadable
        assert "cannot be read" in running.watch.status.problem
        await running.in_mode("watching")
        assert not running.watch.status.unreadable


@pytest.mark.parametrize(
    "lasting", [UserFacingError("Refused", "permissions violation"), nats.errors.TimeoutError()]
)
async def test_a_refusal_after_a_consumer_that_ended_keeps_nobody_waiting(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, lasting: Exception
) -> None:
    problems = iter([ConsumerResetError("the server ended it")])

    async def fail(_watch: ResultWatch) -> None:
        raise next(problems, lasting)

    monkeypatch.setattr(ResultWatch, "_find", fail)
    async with RunningWatch(nats_server) as running:
        assert await running.watch.wait_caught_up(5)
        assert running.watch.status.unreadable


async def test_objects_from_before_a_time_are_not_read(
    nats_server: NatsServer, bucket: ObjectStore
) -> None:
    await bucket.put("old", b"1")
    since = time.time()
    async with RunningWatch(nats_server, since=since) as running:
        assert await running.watch.wait_caught_up(5)
        assert running.keys() == []
        assert running.watch.status.last_sequence == 2, "it would be read after an outage"
    await bucket.put("new", b"2")
    async with RunningWatch(nats_server, since=since) as running:
        assert await running.watch.wait_caught_up(5)
        assert running.keys() == ["new"]


async def test_the_backlog_limits_the_objects_read_at_first(
    nats_server: NatsServer, bucket: ObjectStore
) -> None:
    for number in range(30):
        await bucket.put(str(number), b"x")
    async with RunningWatch(nats_server, backlog=10) as running:
        assert await running.watch.wait_caught_up(5)
        assert running.keys() == [str(number) for number in range(20, 30)]


@pytest.mark.parametrize("how", ["purge all", "purge some", "delete some", "delete the newest"])
async def test_deletions_while_results_are_read_do_not_stop_the_reading(
    nats_server: NatsServer, worker: Client, how: str
) -> None:
    """Results are stored as a body and its metadata, so that of result n is message 2n + 2."""
    stored, read = 1_000, 300
    await store_results(worker, stored)
    bucket = await worker.jetstream().object_store(BUCKET)
    async with RunningWatch(nats_server, capacity=read) as running:
        await wait_until(lambda: running.watch.status.received == read)  # there is no more room
        left = await _delete(worker, how, list(range(read, stored)))
        await wait_until(lambda: running.keys() and running.watch.status.caught_up)
        assert running.keys() == [key_of(number) for number in [*range(read), *left]]
        for number in range(5):
            await bucket.put(f"new-{number}", b"1")
        await wait_until(lambda: len(running.keys()) == read + len(left) + 5, 3)
        assert running.watch.status.mode == "watching"


async def _delete(worker: Client, how: str, unread: list[int]) -> list[int]:
    """Delete results that are not read yet; return the others."""
    js, stream = worker.jetstream(), f"OBJ_{BUCKET}"
    if how == "purge all":
        await js.purge_stream(stream)
        return []
    middle = len(unread) // 2
    if how == "purge some":
        await js.purge_stream(stream, seq=2 * unread[middle] + 1)  # the first that stays
        return unread[middle:]
    gone = unread[10:110] if how == "delete some" else unread[-100:]
    for number in gone:
        await js.delete_msg(stream, 2 * number + 2)
    return [number for number in unread if number not in gone]


async def test_invalid_metadata_is_counted_and_skipped(
    nats_server: NatsServer, bucket: ObjectStore, worker: Client
) -> None:
    await worker.jetstream().publish(f"$O.{BUCKET}.M.bm9uZQ==", b"\xff not JSON")
    await bucket.put("good", b"1")
    async with RunningWatch(nats_server) as running:
        assert await running.watch.wait_caught_up(5)
        assert running.keys() == ["good"]
        assert running.watch.status.invalid_metadata == 1


async def test_bodies_of_every_size_are_read(store: ResultStore, bucket: ObjectStore) -> None:
    bodies = {"none": b"", "small": b"x" * 10, "edge": b"y" * (128 << 10), "large": LARGE}
    for key, body in bodies.items():
        await bucket.put(key, body)
    started = time.monotonic()
    for key, body in bodies.items():
        assert await store.read(key) == body
    assert await store.read(await store.info("small")) == bodies["small"]
    assert time.monotonic() - started < 15


async def test_the_status_of_a_bucket_counts_results_and_progress(
    connection: Connection, store: ResultStore, worker: Client
) -> None:
    js = worker.jetstream()
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
    assert (status.objects, status.notes) == (4, 2)
    assert (status.ttl_s, status.max_bytes) == (3600, 1 << 20)
    assert status.bytes is not None
    assert status.bytes > 300_000
    assert await store.buckets() == ["another", BUCKET]
    assert (await ResultStore(connection, "another").status()).ttl_s is None


@pytest.mark.parametrize("counted", [2_000, 0])
async def test_an_object_that_two_workers_stored_at_once_counts_once(
    store: ResultStore, bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch, counted: int
) -> None:
    monkeypatch.setattr("pulse_desktop.transport.result_store.MAX_COUNTED", counted)
    for number in range(2):
        await asyncio.gather(*(bucket.put(f"twice-{number}", b"body") for _ in range(2)))
    await bucket.put("once", b"body")
    for number in range(2):
        await bucket.put(f"deleted-{number}", b"body")
        await bucket.delete(f"deleted-{number}")

    status = await store.status()

    if counted:
        assert (status.objects, status.exact) == (3, True)
    else:  # too many to be counted one by one
        assert status.objects is not None
        assert (status.objects >= 3, status.exact) == (True, False)


async def test_a_missing_object_is_reported(store: ResultStore, bucket: ObjectStore) -> None:
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


async def test_an_object_over_the_limit_is_rejected_before_it_is_read(
    store: ResultStore, bucket: ObjectStore
) -> None:
    await bucket.put("large", LARGE)
    with pytest.raises(TooLargeError) as caught:
        await store.read("large", limit=1 << 20)
    assert (caught.value.size, caught.value.limit) == (len(LARGE), 1 << 20)


@pytest.mark.parametrize("size", [100, 1 << 20])
async def test_missing_chunks_are_reported_at_once(
    store: ResultStore, bucket: ObjectStore, worker: Client, size: int, tmp_path: Path
) -> None:
    js = worker.jetstream()
    await bucket.put("torn", b"z" * size)
    info = await bucket.get_info("torn")
    last = await js.get_last_msg(f"OBJ_{BUCKET}", f"$O.{BUCKET}.C.{info.nuid}")
    assert last.seq is not None
    await js.delete_msg(f"OBJ_{BUCKET}", last.seq)
    started = time.monotonic()
    with pytest.raises(BrokenObjectError, match="chunk"):
        await store.read("torn")
    with pytest.raises(BrokenObjectError):
        await store.save("torn", tmp_path / "out")
    assert time.monotonic() - started < 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chunk", [0, 30, -1])
async def test_a_chunk_that_is_deleted_while_the_body_is_read_is_reported(
    store: ResultStore,
    bucket: ObjectStore,
    worker: Client,
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
) -> None:
    js = worker.jetstream()
    await bucket.put("torn", LARGE)
    state = (await js.stream_info(f"OBJ_{BUCKET}")).state
    request = OrderedConsumer._request_more  # noqa: SLF001
    left = [range(state.first_seq, state.last_seq)[chunk]]

    async def delete_and_request(consumer: OrderedConsumer) -> bool:
        while left:
            await js.delete_msg(f"OBJ_{BUCKET}", left.pop())
        return await request(consumer)

    monkeypatch.setattr(OrderedConsumer, "_request_more", delete_and_request)
    with pytest.raises(BrokenObjectError, match="deleted meanwhile"):
        await asyncio.wait_for(store.read("torn"), 30)


@pytest.mark.parametrize("size", [10, len(LARGE)])
async def test_what_replaces_an_object_while_it_is_read_is_read(
    store: ResultStore, bucket: ObjectStore, tmp_path: Path, size: int
) -> None:
    await bucket.put("key", b"old" * size)
    old = await store.info("key")
    new = b"new" * size
    await bucket.put("key", new)
    with pytest.raises(BrokenObjectError):
        await store.read(old)
    latest, body = await store.read_latest(old)
    assert (latest.nuid == old.nuid, body == new) == (False, True)
    await bucket.delete("key")
    with pytest.raises(NotFoundError):
        await store.read_latest(latest)


@pytest.mark.parametrize("deletes", [False, True])
@pytest.mark.parametrize("saves", [False, True])
async def test_an_object_is_replaced_or_deleted_between_its_chunks(
    store: ResultStore,
    bucket: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    deletes: bool,
    saves: bool,
) -> None:
    await bucket.put("key", LARGE)
    request = OrderedConsumer._request_more  # noqa: SLF001
    left = [b"1" * len(LARGE), b"2" * len(LARGE)]

    async def replace_and_request(consumer: OrderedConsumer) -> bool:
        if left and deletes:
            left.clear()
            await bucket.delete("key")
        elif left:
            await bucket.put("key", left.pop(0))
        return await request(consumer)

    monkeypatch.setattr(OrderedConsumer, "_request_more", replace_and_request)
    path = tmp_path / "saved"

    async def read() -> bytes:
        if not saves:
            return await store.read("key")
        await store.save("key", path)
        return path.read_bytes()

    if deletes:
        with pytest.raises(NotFoundError):
            await asyncio.wait_for(read(), 30)
        assert list(tmp_path.iterdir()) == []
    else:
        assert await asyncio.wait_for(read(), 30) == b"2" * len(LARGE)


async def test_a_changed_body_is_reported(
    store: ResultStore, bucket: ObjectStore, worker: Client
) -> None:
    await bucket.put("changed", b"right")
    info = await bucket.get_info("changed")
    await worker.jetstream().publish(f"$O.{BUCKET}.C.{info.nuid}", b"wrong")
    with pytest.raises(BrokenObjectError, match="checksum"):
        await store.read("changed")


async def test_a_bucket_without_direct_access_is_read(store: ResultStore, worker: Client) -> None:
    await worker.jetstream().add_stream(
        StreamConfig(
            name=f"OBJ_{BUCKET}",
            subjects=[f"$O.{BUCKET}.C.>", f"$O.{BUCKET}.M.>"],
            allow_rollup_hdrs=True,
            allow_direct=False,
        )
    )
    bucket = await worker.jetstream().object_store(BUCKET)
    await bucket.put("plain", b"body")
    assert await store.read("plain") == b"body"


async def test_a_large_object_is_saved_completely(
    store: ResultStore, bucket: ObjectStore, tmp_path: Path
) -> None:
    await bucket.put("large", LARGE)
    target = tmp_path / "large.bin"
    target.write_bytes(b"old")
    progress: list[tuple[int, int]] = []
    await store.save("large", target, on_progress=lambda done, size: progress.append((done, size)))
    assert target.read_bytes() == LARGE
    assert progress[-1] == (len(LARGE), len(LARGE))
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


async def test_a_full_disk_is_reported_and_leaves_no_temporary_file(
    store: ResultStore, bucket: ObjectStore, tmp_path: Path
) -> None:
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


async def test_a_missing_folder_is_reported(
    store: ResultStore, bucket: ObjectStore, tmp_path: Path
) -> None:
    await bucket.put("k", b"1")
    with pytest.raises(UserFacingError, match="is not a folder"):
        await store.save("k", tmp_path / "nowhere" / "out")


async def test_a_cancelled_save_leaves_no_temporary_file(
    store: ResultStore, bucket: ObjectStore, tmp_path: Path
) -> None:
    await bucket.put("large", LARGE)
    begun = asyncio.Event()
    saving = asyncio.create_task(
        store.save("large", tmp_path / "out", on_progress=lambda _done, _size: begun.set())
    )
    await begun.wait()
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list(tmp_path.iterdir()) == []


async def test_a_connection_lost_while_reading_is_reported(
    nats_server: NatsServer, store: ResultStore, bucket: ObjectStore, tmp_path: Path
) -> None:
    await bucket.put("vast", LARGE * 8)  # more than the buffers of the sockets

    def kill(_done: int, _size: int) -> None:
        nats_server.kill()

    with pytest.raises((NotConnectedError, BrokenObjectError)):
        async with asyncio.timeout(10):
            await store.save("vast", tmp_path / "out", on_progress=kill)
    assert list(tmp_path.iterdir()) == []


async def test_without_jetstream_there_are_no_results() -> None:
    with NatsServer(jetstream=False) as server:
        connection = Connection(server.url)
        await connection.open()
        store = ResultStore(connection)
        requests = (store.buckets(), store.status(), store.info("k"), store.read("k"))
        for request in requests:
            with pytest.raises(NoJetStreamError):
                await request
        await connection.close()
