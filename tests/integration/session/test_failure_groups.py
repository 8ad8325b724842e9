"""Failure groups of real workers that really fail, in a session and on the command line."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.model.run_state import RunState
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.query.fingerprint import GroupedBy
from pulse_desktop.session.local_state.group_mark_keeper import make_mark
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_file import LocalStateFile, state_file_path
from pulse_desktop.session.session import Session
from pulse_desktop.state.attention import AttentionKind, attention_items, muted_groups
from pulse_desktop.state.failure_group import FailureGroup, GroupState
from tests.kit import foreign_app
from tests.kit.cli_process import command_environment, run_in_thread
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import open_harness

UNREACHABLE = "nats://127.0.0.1:1"


def group_of(session: Session, cause: str) -> FailureGroup | None:
    return next((g for g in session.state.failure_groups.groups() if g.cause == cause), None)


def has_count(session: Session, cause: str, count: int) -> Callable[[], bool]:
    def test() -> bool:
        group = group_of(session, cause)
        return group is not None and group.count == count

    return test


async def test_failures_of_real_workers_are_grouped_by_their_cause(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    state_folder = tmp_path / "data" / "profiles"
    async with (
        open_harness(nats_server, tmp_path) as harness,
        open_session(nats_server, local_state=state_folder) as session,
    ):
        await harness.run()
        refused = [await harness.send("translate", number, "pl") for number in range(5)]
        for number in range(6):
            await harness.send("translate", number, "en")
        limited = [await harness.send("report_a_rate_limit", number) for number in range(3)]
        for task_id in refused:
            await wait_for_run(session, task_id, RunState.FAILED)
        for task_id in limited:
            await wait_for_run(session, task_id, RunState.SOFT_FAILED)
        await wait_until(has_count(session, "RefusedError", 5))
        await wait_until(has_count(session, "rate_limited", 3))
        assert len(list(session.state.failure_groups.groups())) == 2

        group = group_of(session, "RefusedError")
        assert group is not None
        made = group.fingerprint
        assert made.grouped_by is GroupedBy.FRAMES
        assert made.frames == ("kit.worker_tasks:translate", "kit.worker_tasks:_translated")
        runs = session.state.failure_groups.runs_of(group.id)
        assert {run.task_id for run in runs} == set(refused)
        await wait_until(lambda: bool((group_of(session, "RefusedError") or group).shared))
        group = group_of(session, "RefusedError")
        assert group is not None
        language = next(each for each in group.shared if each.field == "args.language")
        assert (language.value, language.members, language.successes) == ("pl", 5, 0)

        soft = group_of(session, "rate_limited")
        assert soft is not None
        assert (soft.fingerprint.grouped_by, soft.fingerprint.soft) == (GroupedBy.CODE, True)
        items = {item.group: item for item in attention_items(session.state, session.now())}
        assert items[group.id].kind is AttentionKind.FAILED
        assert set(items[group.id].task_ids) == set(refused)
        assert set(items[soft.id].task_ids) == set(limited)

        await check_command_line(env, group, soft)

        # What the command line marked, the session sees.
        await wait_until(lambda: muted_groups(session.state, session.now()) == 1)
        await wait_until(
            lambda: (
                (found := group_of(session, "RefusedError")) is not None
                and found.state is GroupState.RESOLVED
            )
        )
        assert attention_items(session.state, session.now()) == []
        again = await harness.send("translate", 99, "pl")
        await wait_for_run(session, again, RunState.FAILED)
        await wait_until(
            lambda: (
                (found := group_of(session, "RefusedError")) is not None
                and found.state is GroupState.REGRESSED
            )
        )
        await session.group_marks.set_mark(group.id, MarkKind.NOTE, "OPS-311")
        noted = await run_in_thread("groups", "show", group.id, env=env)
        assert "OPS-311" in noted.out


async def check_command_line(env: dict[str, str], group: FailureGroup, soft: FailureGroup) -> None:
    """List both groups, narrow them by a query, show one, and mark both."""
    listed = {
        each["group"]: each for each in (await run_in_thread("groups", "--json", env=env)).objects
    }
    assert {id_: each["count_since"] for id_, each in listed.items()} == {group.id: 5, soft.id: 3}
    shared: list[dict[str, Any]] = listed[group.id]["shared"]
    assert {each["field"]: each["value"] for each in shared}["args.language"] == "pl"
    some = await run_in_thread("groups", "language=pl args.number>2", "--json", env=env)
    assert [(each["group"], each["count_since"]) for each in some.objects] == [(group.id, 2)]
    runs = await run_in_thread("runs", f"group={group.id}", "--json", env=env)
    assert [each["state"] for each in runs.objects] == ["failed"] * 5
    exported = await run_in_thread("groups", "language=pl", "--csv", env=env)
    (row,) = csv.DictReader(exported.out.splitlines())
    assert (row["group"], row["count_since"], row["types"]) == (group.id, "5", "RefusedError")
    assert "args.language=pl" in row["shared"]
    one = await run_in_thread("groups", "show", group.id, "--csv", env=env)
    assert (one.code, one.out) == (2, "")
    wrong = await run_in_thread("groups", "ran>soon", env=env)
    assert wrong.code == 2
    assert "^^^^" in wrong.err
    table = await run_in_thread("groups", env=env)
    assert "language=pl in all 5" in table.out

    shown = await run_in_thread("groups", "show", group.id[:6], env=env)
    assert "kit.worker_tasks:_translated" in shown.out
    assert "language=pl in all 5; of 6 successes compared, 0 have it" in shown.out
    assert "RefusedError: text" in shown.out
    missing = await run_in_thread("groups", "show", "0" * 12, env=env)
    assert missing.code == 1

    steps: tuple[tuple[tuple[str, ...], str], ...] = (
        (("mute", soft.id), f"Muted the group {soft.id}: "),
        (("note", soft.id, "OPS-9"), f"Saved the note of the group {soft.id}."),
        (("note", soft.id, ""), f"Removed the note of the group {soft.id}."),
        (("unmute", soft.id), f"The group {soft.id} is not muted any more."),
        (("mute", soft.id), f"Muted the group {soft.id}: "),
        (("resolve", group.id), f"Resolved the group {group.id}: "),
        (("reopen", group.id), f"Reopened the group {group.id}."),
        (("resolve", group.id), f"Resolved the group {group.id}: "),
    )
    for words, said in steps:
        said_by = await run_in_thread("groups", *words, env=env)
        assert (said_by.code, said_by.err) == (0, "")
        assert said_by.out.startswith(said)
        assert said_by.out.count("\n") == 1
    short = await run_in_thread("groups", "mute", group.id[:6], env=env)
    assert (short.code, "whole id" in short.err) == (2, True)
    for command in ("mute", "resolve", "note"):
        unknown = await run_in_thread("groups", command, "0" * 12, env=env)
        assert (unknown.code, unknown.out) == (2, "")
        assert "no failure group 000000000000 is known" in unknown.err
        assert "--since" in unknown.err
    for command in ("mute", "show", "note"):
        no_id = await run_in_thread("groups", command, "zzzz", env=env)
        assert (no_id.code, no_id.out) == (2, "")
        assert f"groups '{command} zzzz'" in no_id.err
    searched = await run_in_thread("groups", "mute zzzz", env=env)
    assert (searched.code, "No failure group" in searched.out) == (0, True)
    after = await run_in_thread("groups", env=env)
    assert "muted" in after.out
    assert "resolved" in after.out
    assert "1 muted" in after.err


async def test_a_group_with_a_mark_is_known_without_a_connection(tmp_path: Path) -> None:
    env = command_environment(tmp_path, PULSE_SERVER=UNREACHABLE)
    marked, unmarked = "4f00c4e1d736", "3f9c0e6a4121"
    profile = Profile(options=ConnectionOptions(servers=UNREACHABLE))
    file = LocalStateFile(state_file_path(tmp_path / "profiles", profile))
    MarkTable(file).put(marked, MarkKind.NOTE, make_mark("anna@host", "OPS-311"))
    assert (await run_in_thread("groups", "mute", marked, env=env)).code == 0
    assert MarkTable(file).load()[marked].muted is not None
    assert (await run_in_thread("groups", "mute", unmarked, env=env)).code == 3
    assert unmarked not in MarkTable(file).load()
    file.close()


async def test_failures_of_a_stock_application_are_grouped_without_tracebacks(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    names = TaskiqNames(
        subject=foreign_app.SUBJECT,
        stream=foreign_app.STREAM,
        consumer=foreign_app.CONSUMER,
        bucket=foreign_app.BUCKET,
    )
    async with (
        foreign_app.run(nats_server),
        open_session(nats_server, names=names, local_state=tmp_path) as session,
    ):
        await wait_for_run(session, "shop-bad", RunState.FAILED)
        await wait_until(has_count(session, "ValueError", 1))
        group = group_of(session, "ValueError")
        assert group is not None
        made = group.fingerprint
        assert made.grouped_by is GroupedBy.MESSAGE
        assert (made.task_name, made.message) == (foreign_app.TASK, "negative")
        assert not list(tmp_path.iterdir())  # nothing is kept before the first mark
