"""Three real nats-servers that keep three copies of each stream, from packaging/nats/node.conf."""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from tests.kit.nats_servers import STOP_TIMEOUT_S, TESTER, nats_server_path, with_tester

NATS_FOLDER = Path(__file__).parents[2] / "packaging" / "nats"
NODES = 3


class Node:
    """One server of the cluster; a killed one can be started again."""

    def __init__(self, number: int, folder: Path, environment: dict[str, str]) -> None:
        self.name = f"nats-{number}"
        self.folder = folder
        self.ports = [_free_port() for _ in ("client", "http", "route")]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, routes: str) -> None:
        """Start it with the deployed configuration, except for addresses and folder."""
        text = (NATS_FOLDER / "node.conf").read_text()
        for container, port in zip((4222, 8222, 6222), self.ports, strict=True):
            assert f'"0.0.0.0:{container}"' in text
            text = text.replace(f'"0.0.0.0:{container}"', f'"127.0.0.1:{port}"')
        assert '"/data"' in text
        text = text.replace('"/data"', json.dumps(str(self.folder / self.name)))
        config = self.folder / f"{self.name}.conf"
        config.write_text(text)
        environment = {**self._environment, "NATS_NAME": self.name, "PULSE_ROUTES": routes}
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [nats_server_path(), "-c", str(config)],
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """Kill the process, as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    @property
    def healthy(self) -> bool:
        """Whether the health check of the compose file would pass."""
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError((self.folder / f"{self.name}.log").read_text())
        try:
            url = f"http://127.0.0.1:{self.ports[1]}/healthz"
            with urllib.request.urlopen(url, timeout=1) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Cluster:
    """Three nodes; `passwords` are of the roles of accounts.conf."""

    def __init__(self, folder: Path, passwords: dict[str, str], *, start: int = NODES) -> None:
        """Describe a cluster.

        Args:
            folder: for configurations, logs and data.
            passwords: by role.
            start: how many nodes start when the context is entered.
        """
        environment = {f"PULSE_{role.upper()}_PASSWORD": text for role, text in passwords.items()}
        environment["PULSE_ROUTE_PASSWORD"] = "r0ute"
        # Once, before any node reads it: a node that reads half of it has only the account $G.
        accounts = (NATS_FOLDER / "accounts.conf").read_text()
        (folder / "accounts.conf").write_text(with_tester(accounts))
        self.nodes = [Node(number, folder, environment) for number in range(1, NODES + 1)]
        self.routes = json.dumps([f"nats://route:r0ute@127.0.0.1:{n.ports[2]}" for n in self.nodes])
        self._passwords = {**passwords, TESTER[0]: TESTER[1]}
        self._start = start

    def url(self, role: str) -> str:
        login = f"{role}:{self._passwords[role]}"
        return ",".join(f"nats://{login}@{node.address}" for node in self.nodes)

    def start_all(self) -> None:
        """Start the nodes that do not run."""
        for node in self.nodes:
            if not node.running:
                node.start(self.routes)

    def __enter__(self) -> "Cluster":
        for node in self.nodes[: self._start]:
            node.start(self.routes)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for node in self.nodes:
            node.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
