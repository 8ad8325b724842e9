"""The middleware on a broker in this process: what only the inside of a project shows."""

import asyncio
import json
import logging
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import pytest
from nats.aio.msg import Msg
from pulse_workers import PulseMiddleware, stop_requested
from pulse_workers.config.settings import Settings
from pulse_workers.control.listener import ControlListener
from pulse_workers.execution.delivery import current_delivery
from pulse_workers.telemetry.event_confirmations import EventConfirmations
from taskiq import (
    InMemoryBroker,
    SmartRetryMiddleware,
    TaskiqDepends,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqResult,
)
from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq.depends.progress_tracker import ProgressTracker
from taskiq.receiver import Receiver

from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.protocol import control
from pulse_desktop.protocol.control import ControlReply, ControlRequest
from tests.kit.coincidences import act_at_answer
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness

Start = Callable[..., Awaitable[InMemoryBroker]]


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture
async def harness(server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(server, tmp_path) as harness:
        yield harness


@pytest.fixture
async def start(harness: WorkerHarness) -> AsyncIterator[Start]:
    """Start an in-memory broker with the middleware, and wait for its first heartbeat."""
    brokers: list[InMemoryBroker] = []

    async def run(
        *others: TaskiqMiddleware, last: bool = True, settings: Settings | None = None, **more: Any
    ) -> InMemoryBroker:
        broker = InMemoryBroker(**more)
        pulse = PulseMiddleware(harness.server.url, name="shop", settings=settings)
        broker.add_middlewares(*(*others, pulse) if last else (pulse, *others))
        brokers.append(broker)
        await broker.startup()
        await harness.wait_for_event(lambda event: event["type"] == "worker.heartbeat")
        return broker

    yield run
    for broker in brokers:
        await broker.shutdown()


async def wait_for_end(harness: WorkerHarness, task_id: str) -> dict[str, Any]:
    """Return the data of the event that ends a run."""

    def find() -> dict[str, Any] | None:
        ends = ("task.succeeded", "task.cancelled", "task.failed")
        for event in harness.events_of(task_id):
            if event["type"] in ends and not event["data"].get("will_retry"):
                return {"type": event["type"], **event["data"]}
        return None

    found: dict[str, Any] = await wait_until(find, message=f"the end of {task_id}")
    return found


async def cancel(harness: WorkerHarness, task_id: str) -> ControlReply:
    return await command(
        harness, ControlRequest("1", control.CANCEL, "olena@desk", task_id, reason="wrong")
    )


async def command(harness: WorkerHarness, request: ControlRequest) -> ControlReply:
    message = await harness.client.request(
        control.CONTROL_ALL, control.encode_request(request), timeout=5
    )
    reply = control.decode_reply(message.data)
    assert reply is not None
    return reply


async def test_a_task_that_exceeds_its_timeout_fails_with_the_limit(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start()

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise TimeoutError

    late = await broker.register_task(wait, "wait", timeout=0.2).kiq(60.0)
    own = await broker.register_task(wait, "fail", timeout=60.0).kiq(0.0)
    error = (await late.wait_result(timeout=10)).error
    assert str(error) == "no result within 0.2 s"
    ended = await wait_for_end(harness, late.task_id)
    assert ended["error"]["message"] == "no result within 0.2 s"
    assert (await wait_for_end(harness, own.task_id))["error"]["message"] == ""


async def test_the_task_schemas_are_announced_on_request(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start()
    heartbeat = harness.events[-1]
    assert control.ANNOUNCE in heartbeat["data"]["commands"]

    async def greet(name: str) -> str:
        return name

    broker.register_task(greet, "greet")
    reply = await command(harness, ControlRequest("1", control.ANNOUNCE, "olena@desk"))
    assert (reply.ok, reply.outcome) == (True, control.ANNOUNCED)
    await harness.wait_for_event(lambda event: "greet" in event["data"].get("catalogue", {}))


async def test_a_cancelled_task_leaves_nothing_behind(start: Start, harness: WorkerHarness) -> None:
    broker = await start(SmartRetryMiddleware(default_retry_label=True), last=False)
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    sent = await broker.register_task(wait, "wait").kiq()
    await wait_until(lambda: harness.event_types(sent.task_id)[-1:] == ["task.started"])
    reply = await cancel(harness, sent.task_id)
    assert (reply.ok, reply.outcome) == (True, control.CANCELLED)
    assert ended.is_set()
    end = await wait_for_end(harness, sent.task_id)
    assert (end["type"], end["who"], end["reason"]) == ("task.cancelled", "olena@desk", "wrong")
    result = await sent.wait_result(timeout=5)
    assert isinstance(result.error, asyncio.CancelledError)
    assert str(result.error) == "cancelled by olena@desk: wrong"
    await broker.wait_all()  # its asyncio task has ended well
    assert harness.event_types(sent.task_id).count("task.queued") == 1  # no retry
    audit = await harness.wait_for_event(lambda event: event["type"] == "audit")
    assert audit["data"]["action"] == "cancel"


async def test_a_cancelled_task_that_is_delivered_later_is_refused(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start()
    ran: list[str] = []

    def pack() -> None:
        ran.append("pack")

    async def send() -> None:
        ran.append("send")

    for task in (broker.register_task(pack, "pack"), broker.register_task(send, "send")):
        task_id = f"cancelled-{task.task_name}"
        assert (await cancel(harness, task_id)).outcome == control.NOT_FOUND
        await task.kicker().with_task_id(task_id).kiq()
        end = await wait_for_end(harness, task_id)
        assert (end["type"], end["run_s"]) == ("task.cancelled", None)
    assert ran == []


async def test_a_task_that_handles_its_cancellation_ends_as_it_wants(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start()

    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            async with asyncio.timeout(5):  # works only if nothing is left of the cancellation
                await asyncio.sleep(0)
            return "saved"
        return "never"

    sent = await broker.register_task(stubborn, "stubborn").kiq()
    await wait_until(lambda: harness.event_types(sent.task_id)[-1:] == ["task.started"])
    await cancel(harness, sent.task_id)
    assert (await wait_for_end(harness, sent.task_id))["type"] == "task.succeeded"
    assert (await sent.wait_result(timeout=5)).return_value == "saved"


async def test_a_task_run_in_place_does_not_disturb_the_one_that_waits_for_it(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start(await_inplace=True)
    log = logging.getLogger("shop")

    async def inner() -> None:
        log.warning("inner")

    inner_task = broker.register_task(inner, "inner")

    async def outer() -> str:
        log.warning("before")
        await inner_task.kiq()
        await inner_task()  # a plain call: part of this run
        log.warning("after")
        return (await inner_task.kiq()).task_id

    sent = await broker.register_task(outer, "outer").kiq()
    assert current_delivery.get() is None
    await wait_for_end(harness, sent.task_id)
    events = ["task.log", "task.queued", "task.started", "task.succeeded"]
    await wait_until(lambda: sorted(harness.event_types(sent.task_id)) == events)
    (logged,) = (e["data"] for e in harness.events_of(sent.task_id) if e["type"] == "task.log")
    assert [line["text"] for line in logged["lines"]] == ["before", "inner", "after"]
    result = await sent.wait_result(timeout=5)
    assert sorted(harness.event_types(result.return_value)) == events


async def test_progress_is_published_at_most_five_times_a_second_and_ends_with_the_last(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start()

    async def count(progress: Annotated[Any, TaskiqDepends(ProgressTracker)]) -> None:
        for done in range(1, 501):
            await progress.set_progress("STARTED", {"done": done, "total": 500})

    sent = await broker.register_task(count, "count").kicker().kiq()  # type: ignore[call-overload]
    await wait_for_end(harness, sent.task_id)
    reports = [e["data"] for e in harness.events_of(sent.task_id) if e["type"] == "task.progress"]
    assert len(reports) < 50
    assert reports[-1]["done"] == 500
    stored = await broker.result_backend.get_progress(sent.task_id)
    assert stored is not None
    assert stored.meta == {"done": 500, "total": 500}  # the backend has them all


async def test_a_result_that_cannot_be_stored_is_a_failure(
    start: Start, harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_backend: object, _task_id: str, _result: TaskiqResult[Any]) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(InmemoryResultBackend, "set_result", refuse)
    broker = await start()

    async def add() -> int:
        return 3

    sent = await broker.register_task(add, "add").kiq()
    end = await wait_for_end(harness, sent.task_id)
    assert (end["type"], end["error"]["type"]) == ("task.failed", "ResultNotStoredError")
    assert "disk full" in end["error"]["message"]


class _Broken(TaskiqMiddleware):
    """A middleware of the project that fails in one of its hooks."""

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        self.fail("pre_execute", message)
        return message

    def on_error(
        self, message: TaskiqMessage, _result: TaskiqResult[Any], _error: BaseException
    ) -> None:
        self.fail("on_error", message)

    def post_execute(self, message: TaskiqMessage, _result: TaskiqResult[Any]) -> None:
        self.fail("post_execute", message)

    def post_save(self, message: TaskiqMessage, _result: TaskiqResult[Any]) -> None:
        self.fail("post_save", message)

    def fail(self, hook: str, message: TaskiqMessage) -> None:
        if message.labels.get("fails_in") == hook:
            raise RuntimeError(f"no session for {message.task_name}")


@pytest.mark.parametrize("last", [True, False], ids=["after the other", "before the other"])
async def test_a_run_that_another_middleware_ends_is_no_longer_reported_as_running(
    start: Start, harness: WorkerHarness, caplog: pytest.LogCaptureFixture, last: bool
) -> None:
    broker = await start(_Broken(), last=last)

    async def divide(number: int) -> float:
        return 6 / number

    task = broker.register_task(divide, "divide")
    no_session = ("task.failed", "no session for divide")
    by_zero = ("task.failed", "division by zero")
    expected = {
        ("pre_execute", 2): no_session,
        ("post_execute", 2): no_session,  # no result is stored
        ("post_save", 2): ("task.succeeded", ""),  # the result is
        ("on_error", 0): no_session,
        ("post_execute", 0): by_zero if last else no_session,
        ("post_save", 0): by_zero,
    }
    if last:
        del expected["pre_execute", 2]  # TaskIQ calls nothing of ours
    for (hook, number), (type_, message) in expected.items():
        sent = await task.kicker().with_labels(fails_in=hook).kiq(number)
        end = await wait_for_end(harness, sent.task_id)
        assert (hook, end["type"]) == (hook, type_)
        assert (hook, end.get("error", {}).get("message", "")) == (hook, message)
        types = harness.event_types(sent.task_id)
        assert sorted(types) == sorted(["task.queued", "task.started", type_])
    (pulse,) = (each for each in broker.middlewares if isinstance(each, PulseMiddleware))
    assert not pulse.running
    assert "was not finished" in caplog.text


async def test_a_task_run_in_place_that_another_middleware_ends_does_not_end_the_outer_one(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start(_Broken(), last=False, await_inplace=True)

    async def inner() -> None: ...

    inner_task = broker.register_task(inner, "inner")

    async def outer() -> str:
        return (await inner_task.kicker().with_labels(fails_in="post_save").kiq()).task_id

    sent = await broker.register_task(outer, "outer").kiq()
    assert current_delivery.get() is None
    assert (await wait_for_end(harness, sent.task_id))["type"] == "task.succeeded"
    inner_id = (await sent.wait_result(timeout=5)).return_value
    assert (await wait_for_end(harness, inner_id))["type"] == "task.succeeded"


async def test_each_attempt_is_reported_if_a_retry_middleware_stores_each_result(
    start: Start, harness: WorkerHarness
) -> None:
    broker = await start(
        SmartRetryMiddleware(
            default_retry_label=True,
            default_retry_count=2,
            default_delay=0,
            no_result_on_retry=False,
        )
    )

    async def fail() -> None:
        raise ValueError("negative")

    sent = await broker.register_task(fail, "fail").kiq()
    end = await wait_for_end(harness, sent.task_id)
    assert (end["attempt"], end["max_attempts"]) == (2, 2)
    failures = [e["data"] for e in harness.events_of(sent.task_id) if e["type"] == "task.failed"]
    assert [each["will_retry"] for each in failures] == [True, False]


async def test_tasks_run_without_a_usable_server(caplog: pytest.LogCaptureFixture) -> None:
    broker = InMemoryBroker()
    broker.add_middlewares(PulseMiddleware("nats://olena:hunter2/3@host"))
    await broker.startup()

    async def add() -> int:
        return 3

    sent = await broker.register_task(add, "add").kiq()
    assert (await sent.wait_result(timeout=5)).return_value == 3
    await wait_until(lambda: "no events are published" in caplog.text)
    assert "hunter2" not in caplog.text
    await broker.shutdown()


async def test_a_connection_that_is_closed_permanently_is_made_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pulse_workers.middleware._CONNECT_RETRY_S", 0.1)
    broker = InMemoryBroker()
    types: dict[str, list[str]] = {}

    async def wait() -> None:
        await asyncio.Event().wait()

    async def collect(message: Msg) -> None:
        event = json.loads(message.data)
        types.setdefault(event["data"].get("task_id", ""), []).append(event["type"])

    async def restart(config: str) -> None:
        await asyncio.to_thread(server.stop)
        server.config = config
        await asyncio.to_thread(server.start)
        await wait_until(lambda: client.is_connected)

    with NatsServer(jetstream=False) as server:
        settings = Settings(heartbeat_interval=1)
        broker.add_middlewares(PulseMiddleware(server.url, settings=settings))
        client = await connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        await client.subscribe("websocket.>", cb=collect)
        await broker.startup()
        task = broker.register_task(wait, "wait")
        await wait_until(lambda: "" in types, message="a heartbeat")
        # At the subscription beyond its limit, nats-py closes the connection for good.
        await restart("max_subscriptions: 2")
        await wait_until(lambda: "closed permanently" in caplog.text, message="the log")
        await restart("")
        types.clear()
        await wait_until(lambda: "" in types, message="a heartbeat")
        sent = await task.kiq()
        await wait_until(lambda: types.get(sent.task_id) == ["task.queued", "task.started"])
        request = ControlRequest("1", control.CANCEL, "olena@desk", sent.task_id)
        reply = await client.request(
            control.CONTROL_ALL, control.encode_request(request), timeout=5
        )
        assert control.CANCELLED.encode() in reply.data
        await wait_until(lambda: types[sent.task_id][-1] == "task.cancelled")
        assert caplog.text.count("connecting again: nats: maximum subscriptions") == 1
        await broker.shutdown()
        await client.close()


async def test_an_unexpected_error_of_the_connection_is_logged_and_it_is_made_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pulse_workers.middleware._CONNECT_RETRY_S", 0.1)
    subscribe, errors = EventConfirmations.subscribe, [KeyError("unexpected")]

    async def fail_once(confirmations: EventConfirmations, client: FastPathClient) -> None:
        if errors:
            raise errors.pop()
        await subscribe(confirmations, client)

    monkeypatch.setattr(EventConfirmations, "subscribe", fail_once)
    await start()  # a heartbeat has arrived
    assert "KeyError: 'unexpected'" in caplog.text


async def test_a_connection_without_commands_is_closed_before_another_one_is_made(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulse_workers.middleware._CONNECT_RETRY_S", 0.1)
    listen, subscribe = ControlListener.start, EventConfirmations.subscribe
    clients: list[FastPathClient] = []

    async def record(confirmations: EventConfirmations, client: FastPathClient) -> None:
        clients.append(client)
        await subscribe(confirmations, client)

    async def fail_once(listener: ControlListener) -> None:
        if len(clients) == 1:
            raise KeyError("unexpected")
        await listen(listener)

    monkeypatch.setattr(EventConfirmations, "subscribe", record)
    monkeypatch.setattr(ControlListener, "start", fail_once)
    await start()  # a heartbeat has arrived
    assert [each.is_closed for each in clients] == [True, False]


async def test_labels_from_anybody_do_not_hide_a_run(start: Start, harness: WorkerHarness) -> None:
    broker = await start(SmartRetryMiddleware(default_retry_label=True))

    async def add() -> int:
        return 3

    odd: dict[str, str | float] = {"_retries": float("inf"), "max_retries": "9" * 5_000}
    sent = await broker.register_task(add, "add").kicker().with_labels(**odd).kiq()
    end = await wait_for_end(harness, sent.task_id)
    assert (end["type"], end["attempt"]) == ("task.succeeded", 1)


def work(number: int) -> int:
    """Run in a process pool: at module level, where another process finds it."""
    assert not stop_requested()
    return 2 * number


async def test_tasks_run_in_a_process_pool(start: Start, harness: WorkerHarness) -> None:
    broker = await start()
    task = broker.register_task(work, "work")
    with ProcessPoolExecutor(1) as pool:
        broker.receiver = Receiver(broker, pool, max_async_tasks=1)
        sent = await task.kiq(4)
        assert (await wait_for_end(harness, sent.task_id))["type"] == "task.succeeded"
        assert (await sent.wait_result(timeout=5)).return_value == 8
    assert pickle.loads(pickle.dumps(task.original_func))(1) == 2


async def test_log_lines_can_be_switched_off(start: Start, harness: WorkerHarness) -> None:
    broker = await start(settings=Settings(task_log=False))

    async def speak() -> None:
        logging.getLogger("shop").warning("hello")

    sent = await broker.register_task(speak, "speak").kiq()
    await wait_for_end(harness, sent.task_id)
    assert "task.log" not in harness.event_types(sent.task_id)


async def test_shutdown_reports_the_worker_and_removes_everything_it_added(
    harness: WorkerHarness,
) -> None:
    broker = InMemoryBroker()
    broker.add_middlewares(PulseMiddleware(harness.server.url, name="shop"))
    handlers = logging.getLogger().handlers[:]
    before = broker.result_backend.set_result

    async def speak() -> None:
        logging.getLogger("shop").warning("hello")

    task = broker.register_task(speak, "speak")
    for _ in range(2):  # a broker can be started again
        await broker.startup()
        sent = await task.kiq()
        await wait_for_end(harness, sent.task_id)
        await broker.shutdown()
        broker.executor = broker.receiver.executor = type(broker.executor)(1)
        await harness.wait_for_event(lambda event: event["type"] == "worker.stopped")
        harness.events.clear()
    assert logging.getLogger().handlers == handlers
    assert broker.result_backend.set_result == before
    broker.executor.shutdown()


async def test_a_program_that_fails_while_events_connect_ends(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = asyncio.all_tasks()
    cancelled: set[asyncio.Task[Any]] = set()

    def leave(_: object) -> None:
        """Cancel all tasks once, as `asyncio.run` does at the end of a program."""
        cancelled.update(asyncio.all_tasks() - others)
        for task in cancelled:
            task.cancel()

    left = act_at_answer(monkeypatch, 1, leave)  # the one to the login
    broker = InMemoryBroker()
    broker.add_middlewares(PulseMiddleware(server.url))
    await broker.startup()
    await left.wait()
    _, running = await asyncio.wait(cancelled, timeout=10)
    assert not running
    await wait_until(lambda: asyncio.all_tasks() == others)
    await broker.shutdown()


async def test_the_documented_permissions_are_enough(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "packaging" / "nats" / "accounts.conf").read_text()
    block = text[text.index("#   PROJECT_MAY") :].partition("\n\n")[0]
    role = "\n".join(line.removeprefix("#   ") for line in block.splitlines())
    users = (
        "authorization { users: [ { user: admin, password: p }\n"
        "{ user: shop, password: p, permissions: $PROJECT_MAY } ] }"
    )
    with NatsServer(user="admin", password="p", config=f"{role}\n{users}") as server:
        async with open_harness(server, tmp_path) as harness:
            broker = InMemoryBroker()
            broker.add_middlewares(PulseMiddleware(f"nats://shop:p@{server.address}"))
            await broker.startup()
            await harness.wait_for_event(lambda event: event["type"] == "worker.heartbeat")

            async def wait() -> None:
                await asyncio.Event().wait()

            sent = await broker.register_task(wait, "wait").kiq()
            await harness.wait_for_event(lambda event: event["type"] == "task.started")
            assert (await cancel(harness, sent.task_id)).outcome == control.CANCELLED
            await wait_for_end(harness, sent.task_id)
            await broker.shutdown()  # asks whether a stream confirms the events
        assert "Violation" not in server.log()
