"""Commands that connect by a profile: which one, its secret, and how carefully they act."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Environment, Profile, SecretStorage
from pulse_desktop.profiles.profile_file import ProfileFile
from tests.kit.cli_process import (
    COMMAND,
    CommandResult,
    command_environment,
    run_command,
    run_in_process,
)
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.terminal import in_terminal

SECRET = "s3cret-5b0e"
USERS = f"authorization {{ user: ann, password: '{SECRET}' }}"
RUN_ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
TASK = {"task_id": RUN_ID, "task_name": "demo", "labels": {}, "args": [], "kwargs": {}}
ACTIONS = (
    ("run", "demo", "--force"),
    ("rerun", RUN_ID, "--force"),
    ("cancel", RUN_ID),
    # These wait for replies.
    pytest.param(("worker", "pause", "all"), marks=pytest.mark.slow),
    pytest.param(("worker", "resume", "all"), marks=pytest.mark.slow),
    pytest.param(("worker", "drain", "all"), marks=pytest.mark.slow),
    pytest.param(("worker", "log-level", "all", "DEBUG"), marks=pytest.mark.slow),
)


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """A server that requires a password, with one task in its queue."""
    with NatsServer(config=USERS) as server:
        asyncio.run(_enqueue(server))
        yield server


async def _enqueue(server: NatsServer) -> None:
    client = await connect(server.url, user="ann", password=SECRET)
    js = client.jetstream()
    await js.add_stream(name="taskiq_jetstream", subjects=["taskiq_tasks"])
    await js.publish("taskiq_tasks", json.dumps(TASK).encode())
    await client.close()


async def _queued(server: NatsServer) -> int:
    client = await connect(server.url, user="ann", password=SECRET)
    info = await client.jetstream().stream_info("taskiq_jetstream")
    await client.close()
    return info.state.messages


def queued(server: NatsServer) -> int:
    """Return the number of tasks in the queue."""
    return asyncio.run(_queued(server))


@pytest.fixture
def env(server: NatsServer, tmp_path: Path) -> dict[str, str]:
    """Store the profiles `shop`, `live` (production) and `watched` (read-only)."""
    file = ProfileFile(tmp_path / "profiles.toml")
    options = ConnectionOptions(server.url, user="ann")
    shop = Profile("shop", options, secret="password", secret_storage=SecretStorage.FILE)
    file.add(shop)
    file.add(Profile("live", options, environment=Environment.PRODUCTION, secret="password"))
    file.add(Profile("watched", options, secret="password", read_only=True))
    secrets = tmp_path / "secrets.json"
    secrets.touch(0o600)
    secrets.write_text(json.dumps({"shop": SECRET}))
    context = tmp_path / "nats" / "context" / "ctx.json"
    context.parent.mkdir(parents=True)
    fields = {"url": server.url, "user": "ann", "password": SECRET}
    context.write_text(json.dumps(fields))
    (tmp_path / "nats" / "context.txt").write_text("ctx")
    return command_environment(tmp_path, XDG_CONFIG_HOME=str(tmp_path))


def run(*words: str, env: dict[str, str], **variables: str) -> CommandResult:
    done = run_in_process(*words, env={**env, **variables})
    assert SECRET not in f"{done}"
    assert "Traceback" not in done.err
    return done


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (("--profile", "shop"), {}),
        ((), {"PULSE_PROFILE": "shop"}),
        (("--profile", "nats:ctx"), {}),
        (("--profile", "nats:"), {}),
        (("--profile", "nats:"), {"NATS_CONTEXT": "ctx"}),
        (("--profile", "live"), {"PULSE_PASSWORD": SECRET}),
        (("--profile", "shop"), {"PULSE_SERVER": "nats://127.0.0.1:1"}),
    ],
)
def test_a_profile_connects(
    env: dict[str, str], words: tuple[str, ...], variables: dict[str, str]
) -> None:
    done = run("status", "--json", *words, env=env, **variables)
    assert done.code == 0, done
    assert done.object["connected"]


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        (("--profile", "shop", "--server", "nats://h"), {}, "--profile and --server"),
        ((), {"PULSE_PROFILE": "shop", "PULSE_SERVER": "nats://h"}, "PULSE_PROFILE and PULSE_SERV"),
        (("--profile", "gone"), {}, "No such profile: gone: the profiles are: shop, live, watched"),
        (("--profile", "nats:gone"), {}, "The contexts are: ctx"),
        (("--profile", "live"), {}, "The login of live is incomplete"),
        (("--profile", "shop", "--nkey", "/none"), {}, "--nkey-file (PULSE_NKEY_FILE) = '/none'"),
        (("--profile", "nats:ctx", "--creds", "/none"), {}, "--credentials (PULSE_CREDENTIALS)"),
    ],
)
def test_what_does_not_connect_says_why(
    env: dict[str, str], words: tuple[str, ...], variables: dict[str, str], expected: str
) -> None:
    done = run("status", *words, env=env, **variables)
    assert done.code in (1, 3)
    assert expected in done.err


@pytest.mark.parametrize("action", ACTIONS)
def test_a_read_only_profile_refuses_every_action_and_production_asks(
    env: dict[str, str], action: tuple[str, ...], server: NatsServer
) -> None:
    before = queued(server)
    for more in ((), ("--yes",)):
        done = run(*action, *more, "--profile", "watched", env=env, PULSE_PASSWORD=SECRET)
        assert done.code == 1
        assert "watched is read-only; nothing was sent" in done.err
    done = run(*action, "--profile", "live", env=env, PULSE_PASSWORD=SECRET)
    assert done.code == 1
    assert "Not confirmed: " in done.err
    assert "--yes" in done.err
    assert queued(server) == before


def test_what_is_confirmed_is_done(env: dict[str, str], server: NatsServer) -> None:
    before = queued(server)
    for words in (("run", "demo"), ("rerun", RUN_ID)):
        done = run(*words, "--force", "--yes", "--profile", "live", env=env, PULSE_PASSWORD=SECRET)
        assert done.code == 0, done
    assert queued(server) == before + 2


def test_the_doctor_checks_profiles_and_keyring(env: dict[str, str], tmp_path: Path) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    ring = replace(file.get("shop"), name="ring", secret_storage=SecretStorage.KEYRING)
    file.add(ring)
    variables = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    words = ("doctor", "--json", "--profile", "shop")

    def checks(
        run_doctor: Callable[..., CommandResult],
    ) -> dict[str, tuple[str, str]]:
        done = run_doctor(*words, env={**env, **variables})
        assert SECRET not in f"{done}"
        return {each["check"]: (each["status"], each["detail"]) for each in done.objects}

    found = checks(run_command)  # a process of its own has the keyring of its environment
    assert found["profiles"] == ("ok", "4 profiles")
    assert found["keyring"] == ("note", "this system has none that can be used.")
    file.path.write_text(file.path.read_text().replace('"keyring"', '"key ring"'))
    found = checks(run_in_process)
    assert found["profiles"][0] == "note"
    assert "ring is not valid: Invalid enum value 'key ring'" in found["profiles"][1]
    assert "keyring" not in found


def test_the_terminal_asks_for_secret_and_confirmation(
    env: dict[str, str], server: NatsServer
) -> None:
    before = queued(server)
    for typed, is_sent in (("n\n", False), ("y\n", True)):
        with in_terminal("run", "demo", "--force", "--profile", "live", env=env) as command:
            command.wait_for("password of live:")
            command.type(f"{SECRET}\n")
            command.wait_for("Run demo on live (production)? [y/N]")
            command.type(typed)
            command.end()
            assert SECRET not in command.shown
            assert ("Not confirmed" not in command.shown) is is_sent
    assert queued(server) == before + 1


def test_a_secret_of_several_lines_is_not_asked_for_in_the_terminal(
    env: dict[str, str], tmp_path: Path
) -> None:
    options = ConnectionOptions("nats://127.0.0.1:1")
    creds = Profile("creds", options, secret="credentials_content")
    ProfileFile(tmp_path / "profiles.toml").add(creds)
    with in_terminal("status", "--profile", "creds", env=env) as command:
        command.end()
        assert "set PULSE_CREDENTIALS_CONTENT, or give --credentials FILE" in command.shown


def test_a_keyring_that_cannot_be_used_is_named_and_the_password_asked_for(
    env: dict[str, str], tmp_path: Path
) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    file.add(replace(file.get("shop"), name="ring", secret_storage=SecretStorage.KEYRING))
    env = {**env, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    with in_terminal("status", "--json", "--profile", "ring", env=env) as command:
        command.wait_for("password of ring:")
        assert "this system has none that can be used" in command.shown
        command.type(f"{SECRET}\n")
        assert command.end() == 0
        assert SECRET not in command.shown


def test_a_question_ends_at_once_with_ctrl_c(env: dict[str, str]) -> None:
    with in_terminal("status", "--profile", "live", env=env) as command:
        command.wait_for("password of live:")
        started = time.monotonic()
        command.type("\x03")
        assert command.end() == 1
        assert "Interrupted." in command.shown
        assert time.monotonic() - started < 10


def test_a_profile_is_added_in_the_terminal_without_a_keyring(
    env: dict[str, str], tmp_path: Path, server: NatsServer
) -> None:
    env = {**env, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    words = ("profiles", "add", "new", "--server", server.url, "--user", "ann")
    with in_terminal(*words, env=env) as command:
        command.wait_for("password of new:")
        command.type(f"{SECRET}\n")
        command.wait_for("only you can read (file)?")
        assert "this system has none that can be used" in command.shown
        command.type("file\n")
        assert command.end() == 0
        assert SECRET not in command.shown
    assert json.loads((tmp_path / "secrets.json").read_text())["new"] == SECRET
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    assert run("status", "--json", "--profile", "new", env=env).object["connected"]


@pytest.mark.parametrize(("given", "expected"), [(b"\xff\xfe", "it is not text"), (b"", "nothing")])
def test_a_secret_that_is_none_is_refused(env: dict[str, str], given: bytes, expected: str) -> None:
    words = ("profiles", "add", "new", "--server", "h", "--user", "u", "--secret-stdin")
    done = subprocess.run(
        [*COMMAND, *words], input=given, capture_output=True, env=env, check=False
    )
    assert done.returncode == 1
    assert expected in done.stderr.decode()
    assert b"Traceback" not in done.stderr
