"""Real schedulers send runs on time, from a bucket that programs and operators change."""

import asyncio
import itertools
import json
import pickle
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js.kv import KeyValue
from pulse_workers.brokers.jetstream_broker import JetStreamBroker
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision
from pulse_workers.schedules.entry import Occurrence
from pulse_workers.schedules.source import JsonScheduleSource
from taskiq import TaskiqScheduler
from taskiq.exceptions import ScheduledTaskCancelledError

from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit import worker_tasks
from tests.kit.nats_servers import NatsServer
from tests.kit.schedulers import (
    BUCKET,
    WORK,
    Schedules,
    after,
    cron_clock,
    delay,
    now,
    open_schedules,
    parse,
)
from tests.kit.waiting import wait_until


@pytest.fixture
async def schedules(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Schedules]:
    async with open_schedules(nats_server, tmp_path) as schedules:
        yield schedules


async def test_every_kind_of_schedule_is_sent_within_two_seconds(schedules: Schedules) -> None:
    scheduler = await schedules.scheduler()
    at = after(2)
    await schedules.add("once", time=at, args=["/dev/null"], kwargs={"seconds": 0.5})
    await schedules.add("interval", interval=1, labels={"max_attempts": 3})
    await schedules.add("cron", cron="* * * * *", cron_offset=cron_clock(2.5))
    once = await schedules.wait_for_run("once")
    third = await schedules.wait_for_run("interval", 3)
    cron = await schedules.wait_for_run("cron")
    await schedules.wait_until_removed("once")
    for task in (once, cron, *await schedules.runs("interval")):
        assert 0 <= delay(task) < 2
        assert "late_s" not in task["labels"]
    assert parse(once["labels"]["scheduled_for"]) == at
    assert once["task_name"] == once["labels"]["task_name"] == WORK
    assert (once["args"], once["kwargs"]) == (["/dev/null"], {"seconds": 0.5})
    assert once["headers"]["Nats-Msg-Id"] == once["task_id"]
    assert third["labels"]["max_attempts"] == "3"
    assert third["labels_types"]["max_attempts"] == 2
    queued = await schedules.harness.wait_for_event(
        lambda e: e["type"] == "task.queued" and e["data"]["task_id"] == once["task_id"]
    )
    assert queued["source"].endswith(f":{scheduler.pid}")
    assert queued["data"]["labels"]["schedule_id"] == "once"
    assert (await schedules.entry("interval")).last is not None


async def test_changes_take_effect_immediately(schedules: Schedules) -> None:
    await schedules.scheduler()
    await schedules.add("s", cron="0 0 1 1 *")
    begin = now()
    await schedules.add("s", time=begin)
    assert delay(await schedules.wait_for_run("s")) < 1
    await schedules.wait_until_removed("s")
    await schedules.add("never", time=after(0.5))
    await schedules.source.delete_schedule("never")
    await schedules.add("later", time=after(0.7))
    await schedules.wait_for_run("later")
    assert await schedules.runs("never") == []


async def test_missed_runs_are_sent_once_with_their_delay(schedules: Schedules) -> None:
    hour_ago = now() - timedelta(hours=1)
    fields = {"task_name": WORK, "labels": {}, "args": [], "kwargs": {}}
    fields["created_at"] = hour_ago.isoformat()
    await schedules.put("once", json.dumps({**fields, "time": hour_ago.isoformat()}).encode())
    # By the clock of the expression it is five past, so no run is due during this test.
    ahead = f"PT{int(300 - now().timestamp() % 600) % 600}S"
    line = {"cron": "*/10 * * * *", "cron_offset": ahead}
    await schedules.put("cron", json.dumps({**fields, **line}).encode())
    await schedules.put("interval", json.dumps({**fields, "interval": 600}).encode())
    await schedules.scheduler()
    await schedules.wait_until_removed("once")
    late = [await schedules.wait_for_run(name) for name in ("once", "cron", "interval")]
    assert 3600 <= float(late[0]["labels"]["late_s"]) < 3630
    await schedules.add("sign", time=now())
    await schedules.wait_for_run("sign")
    assert [len(await schedules.runs(name)) for name in ("once", "cron", "interval")] == [1, 1, 1]
    for name in ("cron", "interval"):
        entry = await schedules.entry(name)
        assert entry.next_due is not None
        assert entry.next_due > now() - timedelta(seconds=1)


class TouchesWhenUnpickled:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._mark,)


async def test_invalid_schedules_are_reported_once_and_do_no_harm(
    schedules: Schedules, tmp_path: Path
) -> None:
    mark = tmp_path / "unpickled"
    fields = {"task_name": WORK, "labels": {}, "args": [], "kwargs": {}}
    await schedules.put("pickled", pickle.dumps(TouchesWhenUnpickled(mark)))
    await schedules.put("noise", b"\x00\xff")
    await schedules.put("bad_cron", json.dumps({**fields, "cron": "61 * * * *"}).encode())
    await schedules.put("bare", json.dumps({**fields, "task_name": "work", "interval": 1}).encode())
    await schedules.put(
        "unknown", json.dumps({**fields, "task_name": "a:b", "interval": 1}).encode()
    )
    scheduler = await schedules.scheduler()
    await schedules.add("good", interval=1)
    await schedules.wait_for_run("good", 2)
    reasons = {audit["target"]: audit["detail"] for audit in schedules.audits("schedule_broken")}
    assert "pickle" in reasons["pickled"]
    assert "not JSON" in reasons["noise"]
    assert "'61' is not a valid minute" in reasons["bad_cron"]
    assert f"similar names: {WORK}" in reasons["bare"]
    assert "PULSE_WORKER_TASKS" in reasons["unknown"]
    assert len(schedules.audits("schedule_broken")) == 5
    assert not mark.exists()
    assert {task["labels"]["schedule_id"] for task in schedules.sent} == {"good"}
    assert "Traceback" not in scheduler.log
    await schedules.put("bare", json.dumps({**fields, "interval": 1}).encode())
    await schedules.wait_for_run("bare")


@pytest.mark.slow
async def test_a_run_that_cannot_be_sent_is_tried_less_and_less_often(schedules: Schedules) -> None:
    await schedules.add("s", time=now(), labels={f"label-{n}": "x" * 100 for n in range(1_000)})
    stream, js = f"KV_{BUCKET}", schedules.harness.js
    scheduler = await schedules.scheduler()
    await wait_until(lambda: "not sent" in scheduler.log)
    before = (await js.stream_info(stream)).state.last_seq
    await schedules.add("sign", time=after(8))
    await schedules.wait_for_run("sign", timeout_s=30)
    assert (await js.stream_info(stream)).state.last_seq - before < 40


@pytest.mark.slow
async def test_a_run_claimed_but_not_sent_by_a_killed_scheduler_is_sent_by_another(
    schedules: Schedules,
) -> None:
    task = await schedules.add("s", time=now())
    entry = await schedules.entry("s")
    left = entry.claim(entry.timing.at or now(), "scheduler@killed:1", after(-10))
    await schedules.source.bucket.write("s", entry.encode(left), entry.revision)
    await schedules.scheduler()
    assert (await schedules.wait_for_run("s"))["task_id"] == left.task_id
    await schedules.wait_until_removed(task.schedule_id)


@pytest.mark.slow
async def test_a_run_sent_by_a_killed_scheduler_is_not_sent_again(
    schedules: Schedules,
) -> None:
    """Even after the duplicate window of the stream, which is two minutes by default."""
    await schedules.scheduler()  # creates the task stream
    info = await schedules.harness.js.stream_info("taskiq_jetstream")
    info.config.duplicate_window = 0.1
    await schedules.harness.js.update_stream(info.config)
    await schedules.add("s", interval=3600, labels={})
    first = await schedules.wait_for_run("s")
    entry = await schedules.entry("s")
    assert entry.last is not None
    unsent = Occurrence(entry.last.due, first["task_id"], "scheduler@killed:1", after(-10))
    await schedules.source.bucket.write("s", entry.encode(unsent), entry.revision)

    async def confirmed() -> bool:
        last = (await schedules.entry("s")).last
        return last is not None and last.sent

    await wait_until(confirmed)
    assert len(await schedules.runs("s")) == 1


@pytest.mark.slow
async def test_a_server_restart_neither_loses_nor_repeats_a_run(
    schedules: Schedules, nats_server: NatsServer
) -> None:
    scheduler = await schedules.scheduler()
    await schedules.add("interval", interval=1)
    at = after(1.5)
    await schedules.add("once", time=at)
    await schedules.wait_for_run("interval", 1)
    nats_server.stop()
    await wait_until(lambda: now() > at, 5, "the due time passes")
    nats_server.start()
    await wait_until(lambda: schedules.harness.client.is_connected)
    await wait_until(lambda: schedules.source.is_connected)
    await schedules.wait_for_run("once")
    ready = len(await schedules.runs("interval"))
    await schedules.wait_for_run("interval", ready + 2)
    due = [parse(task["labels"]["scheduled_for"]) for task in await schedules.runs("interval")]
    steps = {(later - earlier).total_seconds() for earlier, later in itertools.pairwise(due)}
    assert all(step >= 1 and step.is_integer() for step in steps)  # 1 unless it took 5 s
    await schedules.wait_until_removed("once")
    assert len(await schedules.runs("once")) == 1
    assert "Traceback" not in scheduler.log


async def test_taskiq_methods_store_and_remove_schedules(schedules: Schedules) -> None:
    broker = JetStreamBroker(Settings(server=schedules.harness.server.url))
    task = worker_tasks.work.kicker().with_broker(broker).with_schedule_id("mine")
    created = await task.schedule_by_cron(schedules.source, "0 3 * * *", "/a", seconds=1)
    by_time = (
        await worker_tasks.work.kicker()
        .with_broker(broker)
        .schedule_by_time(schedules.source, after(3600), "/b")
    )
    by_interval = (
        await worker_tasks.work.kicker()
        .with_broker(broker)
        .schedule_by_interval(schedules.source, timedelta(minutes=5), "/c")
    )
    found = {found.schedule_id: found for found in await schedules.source.get_schedules()}
    assert found["mine"] == created.task
    assert found[by_time.schedule_id].time == by_time.task.time
    assert found[by_interval.schedule_id].interval == timedelta(minutes=5)
    for schedule in (created, by_time, by_interval):
        await schedule.unschedule()
    assert await schedules.source.get_schedules() == []


async def test_storing_a_schedule_with_the_same_timing_does_not_restart_it(
    schedules: Schedules,
) -> None:
    await schedules.scheduler()
    await schedules.add("s", interval=3600)
    await schedules.wait_for_run("s")
    await schedules.add("s", interval=3600, args=["/other"])
    await schedules.add("sign", time=now())
    await schedules.wait_for_run("sign")
    assert len(await schedules.runs("s")) == 1
    await schedules.add("s", interval=1800)
    await schedules.wait_for_run("s", 2)


async def test_two_taskiq_schedulers_share_the_runs(
    schedules: Schedules, nats_server: NatsServer
) -> None:
    settings = Settings(server=nats_server.url)
    await provision(schedules.harness.js, settings)
    broker = JetStreamBroker(settings)
    await broker.startup()
    other = JsonScheduleSource(settings, identity="other")
    await other.startup()
    schedule = await schedules.add("s", interval=3600)
    try:
        await asyncio.gather(
            *(
                TaskiqScheduler(broker, [source]).on_ready(source, schedule.model_copy(deep=True))
                for source in (schedules.source, other) * 3
            )
        )
        assert len(await schedules.runs("s")) == 1
    finally:
        await other.shutdown()
        await broker.shutdown()


async def test_with_a_core_broker_an_unconfirmed_run_is_reported_and_not_sent_again(
    schedules: Schedules,
) -> None:
    subscription = await schedules.harness.client.subscribe(TASK_SUBJECT)
    schedules_core = Settings(server=schedules.harness.server.url, broker="core")
    unconfirmed: list[Occurrence] = []
    source = JsonScheduleSource(schedules_core)
    source.on_unconfirmed = lambda _id, occurrence: unconfirmed.append(occurrence)
    await source.startup()
    try:
        schedule = await schedules.add("s", interval=3600)
        entry = await schedules.entry("s")
        left = entry.claim(entry.timing.created_at, "scheduler@killed:1", after(-10))
        await source.bucket.write("s", entry.encode(left), entry.revision)
        with pytest.raises(ScheduledTaskCancelledError):
            await source.pre_send(schedule)
        assert [occurrence.task_id for occurrence in unconfirmed] == [left.task_id]
        last = (await schedules.entry("s")).last
        assert last is not None
        assert last.sent
        await schedules.harness.client.flush()
        assert subscription.pending_msgs == 0
    finally:
        await source.shutdown()


class _EarlyEnd:
    """A real watcher that signals the end of the snapshot before its entries."""

    def __init__(self, watcher: KeyValue.KeyWatcher) -> None:
        self._watcher = watcher
        self._signaled = False

    async def updates(self, timeout_s: float) -> KeyValue.Entry | None:
        if self._signaled:
            entry: KeyValue.Entry | None = await self._watcher.updates(timeout_s)  # type: ignore[no-untyped-call]
            return entry
        self._signaled = True
        return None

    async def stop(self) -> None:
        await self._watcher.stop()  # type: ignore[no-untyped-call]


async def test_an_early_end_of_the_snapshot_hides_no_schedule(
    schedules: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = KeyValue.watch

    async def watch_early(bucket: KeyValue, keys: str, **more: Any) -> _EarlyEnd:
        return _EarlyEnd(await watch(bucket, keys, **more))

    monkeypatch.setattr(KeyValue, "watch", watch_early)
    assert await schedules.source.bucket.entries() == []
    await schedules.add("one", interval=60)
    await schedules.add("two", interval=60)
    assert [entry.id for entry in await schedules.source.bucket.entries()] == ["one", "two"]
