"""A path that cannot be read or written is an error that names it, in every command."""

import os
import stat
from pathlib import Path

import pytest

from tests.kit.cli_process import command_environment, run_command
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, result_body, store_results


@pytest.mark.parametrize(
    "arguments",
    [
        ["record", "NAME"],
        ["replay", "NAME"],
        ["replay", "NAME", "--check"],
        ["results", "save", "KEY", "NAME"],
        ["profiles", "export", "--out", "NAME"],
        ["profiles", "import", "NAME"],
        ["screenshot", "--page", "tasks", "--out", "NAME/x.png"],
        ["screenshot", "--page", "tasks", "--out", "NAME"],
        ["status", "--creds", "NAME"],
        ["status", "--nkey", "NAME"],
        ["status", "--tls-ca", "NAME"],
        ["status", "--tls-cert", "NAME", "--tls-key", "NAME"],
        ["status", "--user", "me", "--password-file", "NAME"],
    ],
)
async def test_a_path_that_no_file_can_have_is_named(tmp_path: Path, arguments: list[str]) -> None:
    name = str(tmp_path / ("x" * 300))
    words = [word.replace("NAME", name).replace("KEY", key_of(0)) for word in arguments]
    with NatsServer() as server:
        env = command_environment(
            tmp_path / "data", PULSE_SERVER=server.url, PULSE_CONFIG_DIR=str(tmp_path / "config")
        )
        client = await connect(server.url)
        await store_results(client, 1)
        await client.close()
        refused = run_command(*words, env=env)
    assert refused.code != 0, refused
    assert "Traceback" not in refused.err, refused
    assert name.rpartition("/")[2][:200] in refused.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs in folders")
async def test_a_saved_result_replaces_only_a_file(tmp_path: Path) -> None:
    fifo, link, target = tmp_path / "fifo", tmp_path / "link", tmp_path / "target"
    os.mkfifo(fifo)
    target.write_bytes(b"old")
    link.symlink_to(target)
    with NatsServer() as server:
        env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
        client = await connect(server.url)
        await store_results(client, 1)
        await client.close()
        refused = run_command("results", "save", key_of(0), str(fifo), env=env)
        saved = run_command("results", "save", key_of(0), str(link), env=env)
    assert (refused.code, refused.out) == (1, ""), refused
    assert "FIFO, not a file" in refused.err
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert saved.code == 0, saved
    assert link.is_symlink()
    assert target.read_bytes() == result_body()
