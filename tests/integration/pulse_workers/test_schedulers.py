"""Several schedulers send each run once, even if one is killed; the `schedule` command."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from pulse_workers.cli.main import main

from tests.kit.nats_servers import NatsServer
from tests.kit.schedulers import WORK, Schedules, after, delay, now, open_schedules, parse
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS

SCHEDULES = 25


@pytest.fixture
async def schedules(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Schedules]:
    async with open_schedules(nats_server, tmp_path) as schedules:
        yield schedules


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
    random = (await out("add", WORK, "--every", "30m")).strip()
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


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("add", WORK, "--cron", "61 * * * *"), 2, "'61' is not a valid minute"),
        (
            ("add", WORK, "--cron", "* * * * *", "--tz", "Mars/Base"),
            2,
            "unknown time zone Mars/Base",
        ),
        (("add", WORK, "--every", "soon"), 2, "'soon' is not an interval"),
        (("add", WORK), 2, "one of the arguments"),
        (("add", "work", "--every", "1s"), 2, f"similar names: {WORK}"),
        (("add", WORK, "--every", "1s", "--id", "a b"), 2, "schedule ID 'a b'"),
        (("add", WORK, "--every", "1s", "--args", "{}"), 2, "is not a JSON array"),
        (("remove", "nothing"), 1, "no schedule 'nothing'"),
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
