"""Several schedulers send each run once, even if one is killed; the `schedule` command."""

import asyncio
import getpass
import itertools
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from pulse_workers.cli.main import main
from taskiq.serializers import JSONSerializer
from taskiq_nats import NATSKeyValueScheduleSource

from tests.kit.nats_servers import NatsServer
from tests.kit.schedulers import BUCKET, WORK, Schedules, after, delay, now, open_schedules, parse
from tests.kit.waiting import wait_until
from tests.kit.worker_cli import CommandOutput, PulseWorkerCommand
from tests.kit.worker_processes import TASKS

SCHEDULES = 25


@pytest.fixture
async def schedules(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Schedules]:
    async with open_schedules(nats_server, tmp_path) as schedules:
        yield schedules


@pytest.mark.slow
async def test_two_schedulers_send_each_run_once_even_if_one_is_killed(
    schedules: Schedules,
) -> None:
    """The scheduler that sent the last run is killed while many runs are due every second."""
    names = [f"s{number}" for number in range(SCHEDULES)]
    first, second = schedules.harness.start("scheduler"), schedules.harness.start("scheduler")
    await schedules.harness.wait_until_started(first)
    await schedules.harness.wait_until_started(second)
    for name in names:
        await schedules.add(name, interval=1)
    one_shot = after(4)
    await schedules.add("once", time=one_shot)
    await schedules.wait_for_run(names[-1], 3)

    def senders() -> list[int]:
        queued = (e for e in schedules.harness.events if e["type"] == "task.queued")
        return [int(event["source"].rpartition(":")[2]) for event in queued]

    assert await wait_until(lambda: {first.pid, second.pid} <= set(senders()), 10)
    killed = first if senders()[-1] == first.pid else second
    killed.kill()
    sent_before = len(await schedules.runs(names[-1]))
    for name in names:
        await schedules.wait_for_run(name, sent_before + 2)
    await schedules.wait_until_removed("once")
    assert len(await schedules.runs("once")) == 1
    ids = Counter(task["task_id"] for task in schedules.sent)
    assert set(ids.values()) == {1}
    for name in names:
        due = [parse(task["labels"]["scheduled_for"]) for task in await schedules.runs(name)]
        steps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(due)]
        assert set(steps) == {1}, name
    survivor = second if killed is first else first
    survivor.terminate()
    assert await survivor.wait_for_exit() == 0
    assert "Traceback" not in survivor.log
    late = sorted(delay(task) for task in schedules.sent)
    assert late[0] >= 0
    assert late[len(late) // 2] < 2
    assert late[-1] < 8  # runs claimed by the killed scheduler are sent by the other after 2 s


@pytest.mark.slow
async def test_two_schedulers_of_a_core_broker_send_each_run_once(schedules: Schedules) -> None:
    """Without a stream that deduplicates, only the entry's compare-and-set prevents repeats."""
    received: list[tuple[str, str]] = []

    async def on_message(message: Msg) -> None:
        labels = json.loads(message.data)["labels"]
        received.append((labels["schedule_id"], labels["scheduled_for"]))

    await schedules.harness.client.subscribe("taskiq_tasks", cb=on_message)
    two = [schedules.harness.start("scheduler", broker="core") for _ in range(2)]
    for scheduler in two:
        await schedules.harness.wait_until_started(scheduler)
    names = [f"s{number}" for number in range(SCHEDULES)]
    for name in names:
        await schedules.add(name, interval=1)
    await wait_until(lambda: all(sum(n == name for n, _ in received) >= 3 for name in names))
    assert max(Counter(received).values()) == 1
    with pytest.raises(NotFoundError):
        await schedules.harness.js.stream_info("taskiq_jetstream")


@pytest.mark.slow
async def test_the_sample_feeder_also_runs_a_scheduler(schedules: Schedules) -> None:
    await schedules.harness.wait_until_started(schedules.harness.start("feed"))
    await schedules.add("once", time=now())
    assert delay(await schedules.wait_for_run("once")) < 2


@pytest.fixture(scope="module")
def shared_server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run `pulse-worker schedule`; returns exit code, stdout and stderr."""
    monkeypatch.setenv("PULSE_WORKER_TASKS", TASKS)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(["schedule", *arguments])
        except SystemExit as end:  # argparse's own
            status = int(end.code or 0)
        written = capsys.readouterr()
        return status, written.out, written.err

    return run


async def test_schedules_are_added_listed_and_removed(
    schedules: Schedules,
    nats_server: NatsServer,
    command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PULSE_SERVER", nats_server.url)

    async def out(*arguments: str) -> str:
        code, stdout, stderr = await asyncio.to_thread(command, *arguments)
        assert (code, stderr) == (0, "")
        return stdout

    cron = ("add", WORK, "--cron", "0 3 * * *", "--tz", "Europe/Kyiv", "--id", "nightly")
    values = ("--args", '["/dev/null"]', "--kwargs", '{"seconds": 1}')
    assert await out(*cron, *values) == "nightly\n"
    random = (await out("add", WORK, "--every", "30m", "--args", '["/dev/null"]')).strip()
    await schedules.put("pickled", b"\x80\x04N.")
    entry = await schedules.entry("nightly")
    assert (entry.task.args, entry.task.kwargs) == (["/dev/null"], {"seconds": 1})
    rows = {row["id"]: row for row in json.loads(await out("list", "--json"))}
    assert rows.keys() == {"nightly", random, "pickled"}
    assert rows["nightly"]["when"] == "cron 0 3 * * * Europe/Kyiv"
    assert now() < parse(rows["nightly"]["next"]) < after(86_400)
    assert rows[random]["when"] == "every 1800 s"
    assert "pickle" in rows["pickled"]["problem"]
    shown = (await out("list")).splitlines()
    assert shown[0].split() == ["ID", "TASK", "WHEN", "NEXT", "LAST", "PROBLEM"]
    assert "unreadable: a pickle" in next(line for line in shown if "pickled" in line)
    await out("remove", "nightly", "pickled", random)
    assert await out("list") == "no schedules\n"
    await wait_until(lambda: len(schedules.audits("schedule_removed")) == 3)
    assert schedules.audits("schedule_added", "nightly")


async def test_a_paused_schedule_is_sent_by_nobody_until_it_is_resumed(
    schedules: Schedules,
    nats_server: NatsServer,
    command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PULSE_SERVER", nats_server.url)

    async def out(*arguments: str) -> str:
        code, stdout, stderr = await asyncio.to_thread(command, *arguments)
        assert (code, stderr) == (0, "")
        return stdout

    await schedules.scheduler()
    await schedules.add("often", interval=1)
    await schedules.add("later", time=after(3_600))
    await schedules.wait_for_run("often")
    assert await out("pause", "often", "later") == "often paused\nlater paused\n"
    paused_at = now()
    assert await out("pause", "often") == "often was paused already\n"
    await schedules.add("often", interval=1)  # as a program does at each start
    await schedules.add("later", time=now())
    rows = {row["id"]: row for row in json.loads(await out("list", "--json"))}
    assert (rows["often"]["next"], rows["often"]["when"]) == (None, "every 1 s")
    assert rows["often"]["paused"]["by"].startswith(f"{getpass.getuser()}@")
    assert abs(parse(rows["often"]["paused"]["at"]) - paused_at) < timedelta(seconds=10)
    assert f"paused by {getpass.getuser()}@" in await out("list")
    await schedules.harness.wait_for_event(
        lambda e: e["type"] == "scheduler.heartbeat" and e["data"]["paused"] == 2
    )
    count = len(await schedules.runs("often"))

    stock = NATSKeyValueScheduleSource(
        [nats_server.url], bucket_name=BUCKET, serializer=JSONSerializer()
    )
    await stock.startup()
    async with asyncio.timeout(10):
        # nats-py ends at once if all keys arrive before the answer that says how many there are.
        while not (foreign := await stock.get_schedules()):
            pass
    await stock.shutdown()
    assert {each.schedule_id for each in foreign} == {"often", "later"}
    assert all(each.time and each.time.year == 9999 for each in foreign)
    assert not any(each.interval or each.cron for each in foreign)

    task_id = (await out("run-now", "often")).strip()
    manual = await schedules.wait_for_run("often", count + 1)
    assert manual["task_id"] == task_id
    assert (manual["args"], manual["labels"]["requested_by"]) == (
        ["/dev/null"],
        f"{getpass.getuser()}@{socket.gethostname()}",
    )
    await schedules.add("sign", time=after(1.2))  # later than everything that is paused
    await schedules.wait_for_run("sign")
    assert len(await schedules.runs("often")) == count + 1
    assert not await schedules.runs("later")

    resumed_at = now()
    assert await out("resume", "often", "later") == "often resumed\nlater resumed\n"
    assert await out("resume", "often") == "often was not paused\n"
    following = await schedules.wait_for_run("often", count + 2)
    assert parse(following["labels"]["scheduled_for"]) > resumed_at
    await schedules.wait_for_run("later")
    for action in ("schedule_paused", "schedule_resumed", "schedule_run"):
        await wait_until(lambda action=action: schedules.audits(action, "often"))


@pytest.mark.slow
async def test_a_task_that_only_workers_know_is_checked_as_they_announce_it(
    schedules: Schedules, nats_server: NatsServer, pulse_worker: PulseWorkerCommand
) -> None:
    await schedules.harness.run()
    every = ("--every", "1h", "--id", "remote")

    def add(*arguments: str) -> CommandOutput:
        return pulse_worker("schedule", "add", WORK, *every, *arguments, server=nats_server.url)

    wrong = await asyncio.to_thread(add, "--kwargs", '{"seconds": "soon"}')
    assert wrong.code == 2
    assert "wrong type: seconds is of type string, expected number" in wrong.text
    assert "missing: path (string)" in wrong.text
    right = await asyncio.to_thread(add, "--args", '["/dev/null"]')
    assert (right.code, right.text) == (0, "remote\n")
    forced = await asyncio.to_thread(add, "--kwargs", '{"seconds": "soon"}', "--force")
    assert forced.code == 0, forced
    assert (await schedules.entry("remote")).task.kwargs == {"seconds": "soon"}


ADD_WORK = ("add", WORK, "--args", '["/dev/null"]')


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((*ADD_WORK, "--cron", "61 * * * *"), 2, "'61' is not a valid minute"),
        (
            (*ADD_WORK, "--cron", "* * * * *", "--tz", "Mars/Base"),
            2,
            "unknown time zone Mars/Base",
        ),
        (("add", WORK, "--every", "soon"), 2, "'soon' is not an interval"),
        (("add", WORK), 2, "one of the arguments"),
        (("add", "work", "--every", "1s"), 2, f"similar names: {WORK}"),
        (("add", WORK, "--every", "1s"), 2, "missing: path (string). Use --force"),
        ((*ADD_WORK, "--every", "1s", "--kwargs", '{"pth": 1}'), 2, "not an argument of this task"),
        (("add", WORK, "--every", "1s", "--args", "[1]"), 2, "wrong type: path is of type integer"),
        (
            ("add", f"{TASKS}:charge", "--every", "1s", "--args", '[{"id": "a", "items": [{}]}]'),
            2,
            "charge: order.items.0.sku: Field required; order.items.0.amount: Field required.",
        ),
        ((*ADD_WORK, "--every", "1s", "--id", "a b"), 2, "schedule ID 'a b'"),
        (("add", WORK, "--every", "1s", "--args", "{}"), 2, "is not a JSON array"),
        (("remove", "nothing"), 1, "no schedule 'nothing'"),
        (("pause", "nothing"), 1, "no schedule 'nothing'"),
        (("run-now", "nothing"), 1, "no schedule 'nothing'"),
    ],
)
def test_an_invalid_command_reports_the_reason(
    shared_server: NatsServer,
    command: Callable[..., tuple[int, str, str]],
    arguments: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    code, _stdout, stderr = command(*arguments, "--server", shared_server.url)
    assert code == status
    assert message in stderr
