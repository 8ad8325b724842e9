"""Secrets of profiles in a real Secret Service: GNOME Keyring on a D-Bus session of its own."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.cli_process import COMMAND, CommandResult, command_environment
from tests.kit.nats_servers import NatsServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
        reason="gnome-keyring or dbus-daemon is not installed: packaging/setup.sh slow",
    ),
]

SECRET = "s3cret-e07d9a"
PULSE = " ".join(COMMAND)
UNLOCKED = (
    "printf %s login-password | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
)
LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null"
WAITING_PROMPTER = f"""{sys.executable} -c '
from jeepney import DBus
from jeepney.io.blocking import open_dbus_connection
connection = open_dbus_connection()
connection.send_and_get_reply(DBus().RequestName("org.gnome.keyring.SystemPrompter"))
print("ready", flush=True)
while True:
    connection.receive()  # and never answer: nobody is at the screen
' > "$HOME/prompter" & until grep -q ready "$HOME/prompter"; do sleep 0.05; done"""
"""What shows the question for the keyring's password, with nobody there to answer it."""

InSession = Callable[..., CommandResult]


@pytest.fixture
def in_session(tmp_path: Path) -> InSession:
    """Return a function that runs a shell script on a D-Bus session of its own."""
    (tmp_path / "runtime").mkdir(mode=0o700)
    env = command_environment(
        tmp_path / "data",
        HOME=str(tmp_path),
        XDG_DATA_HOME=str(tmp_path / "share"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        XDG_RUNTIME_DIR=str(tmp_path / "runtime"),
        GNOME_KEYRING_CONTROL="",
    )
    for name in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)

    def run(*lines: str, session: bool = True) -> CommandResult:
        script = "\n".join(["trap 'kill $(jobs -p) 2>/dev/null' EXIT", *lines])
        words = [*(["dbus-run-session", "--"] if session else []), "sh", "-c", script]
        done = subprocess.run(
            words, env=env, capture_output=True, text=True, check=False, timeout=90
        )
        assert SECRET not in f"{done.stdout}{done.stderr}"
        return CommandResult(done.returncode, done.stdout, done.stderr)

    return run


def add(server: NatsServer) -> str:
    words = f"profiles add shop --server {server.url} --user ann --secret-stdin"
    return f"printf %s {SECRET} | {PULSE} {words}"


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer(config=f"authorization {{ user: ann, password: '{SECRET}' }}") as server:
        yield server


def test_an_unlocked_keyring_keeps_the_secret(
    in_session: InSession, server: NatsServer, tmp_path: Path
) -> None:
    done = in_session(
        UNLOCKED,
        add(server),
        f"{PULSE} profiles edit shop --rename store",
        f"{PULSE} status --profile store --json",
    )
    assert done.code == 0, done
    assert "The secret is in the keyring: SecretService Keyring" in done.err
    assert '"connected":true' in done.out
    done = in_session(UNLOCKED, f"{PULSE} profiles remove store --yes --json")
    assert '"secret_deleted":true' in done.out
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".keyring" for path in written)
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def test_a_locked_keyring_is_given_up_after_three_seconds(
    in_session: InSession, server: NatsServer
) -> None:
    done = in_session(UNLOCKED, add(server))
    assert done.code == 0, done
    connect = f"{PULSE} status --profile shop"
    measured = f"date +%s.%N; {connect}; code=$?; date +%s.%N; exit $code"
    done = in_session(WAITING_PROMPTER, LOCKED, measured)
    assert done.code == 1, done
    assert "The keyring cannot be used: it did not answer within 3 s" in done.err
    before, after = map(float, done.out.split())
    assert 3 <= after - before < 10  # it exits at once, though the thread still waits
    # Nobody shows the question: the keyring says at once that it stays locked.
    started = time.monotonic()
    done = in_session(LOCKED, connect)
    assert done.code == 1, done
    assert "The keyring cannot be used: it is locked" in done.err
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("session", [True, False])
def test_without_a_keyring_the_reason_is_told(
    in_session: InSession, server: NatsServer, session: bool
) -> None:
    done = in_session(add(server), session=session)
    assert done.code == 1, done
    assert "The keyring cannot be used: this system has none" in done.err
    assert "--secret-storage ask or file" in done.err
    done = in_session(
        f"{add(server)} --secret-storage file",
        f"{PULSE} status --profile shop --json",
        session=session,
    )
    assert done.code == 0, done
    assert '"connected":true' in done.out
