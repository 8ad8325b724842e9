"""`pulse-desktop profiles test`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Profile, SecretStorage
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from tests.kit.cli_process import command_environment, run_in_process
from tests.kit.login_servers import SECRET
from tests.kit.nats_servers import NatsServer


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """A server that requires a password."""
    with NatsServer(user="ann", password=SECRET) as server:
        yield server


@pytest.fixture
def environment(server: NatsServer, tmp_path: Path) -> dict[str, str]:
    """The profile `shop`, whose password is asked for, and a context of the NATS CLI."""
    options = ConnectionOptions(f"nats://{server.address}", user="ann")
    profile = Profile("shop", options, secret="password", secret_storage=SecretStorage.ASK)
    settings = tmp_path / "config" / "pulse-desktop"
    settings.mkdir(parents=True)
    ProfileFile(settings / FILE_NAME).add(profile)
    context = tmp_path / "config" / "nats" / "context" / "shop.json"
    context.parent.mkdir(parents=True)
    context.write_text(json.dumps({"url": server.url}))
    home = str(tmp_path / "config")
    return command_environment(
        tmp_path / "data", XDG_CONFIG_HOME=home, PULSE_CONFIG_DIR=str(settings)
    )


def test_the_steps_of_a_profile_are_written(environment: dict[str, str]) -> None:
    result = run_in_process(
        "profiles", "test", "shop", env={**environment, "PULSE_PASSWORD": SECRET}
    )
    assert result.code == 0, result
    assert "✔ TCP connection" in result.out
    assert "✔ Login: as ann" in result.out
    assert "✔ May: replies" in result.out
    assert SECRET not in result.out + result.err


def test_a_context_is_tested_and_written_as_json(environment: dict[str, str]) -> None:
    result = run_in_process("profiles", "test", "nats:shop", "--json", env=environment)
    assert result.code == 0, result
    steps = [each["step"] for each in result.objects]
    assert steps[:2] == ["settings", "name"]
    assert {"tcp", "server", "login", "jetstream", "permission", "clock"} <= set(steps)
    assert {each["status"] for each in result.objects} <= {"ok", "skipped"}
    assert SECRET not in result.out + result.err


def test_a_wrong_password_ends_with_the_code_of_no_connection(
    server: NatsServer, environment: dict[str, str]
) -> None:
    given = ("--server", f"nats://{server.address}", "--user", "ann")
    wrong = {**environment, "PULSE_PASSWORD": "wr0ng-1f"}
    result = run_in_process("profiles", "test", *given, env=wrong)
    assert result.code == 3, result
    assert "✖ Login" in result.out
    assert "Check the user and password" in result.out
    assert "wr0ng-1f" not in result.out + result.err


def test_what_a_stored_profile_says_is_changed_by_editing_it(
    server: NatsServer, environment: dict[str, str], tmp_path: Path
) -> None:
    options = ConnectionOptions(f"nats://{server.address}", user="ann", tls_first=True)
    file = ProfileFile(tmp_path / "config" / "pulse-desktop" / FILE_NAME)
    file.add(Profile("shop eu", options, secret="password"))
    given = {**environment, "PULSE_PASSWORD": SECRET}
    result = run_in_process("profiles", "test", "shop eu", env=given)
    assert result.code == 3, result
    assert "Leave out --tls-first" in result.out
    assert "changed by: pulse-desktop profiles edit 'shop eu'" in result.out


def test_an_empty_name_tests_no_other_server(environment: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_in_process("profiles", "test", "", env=environment)
