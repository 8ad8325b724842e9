"""Run a temporary nats-server for one measurement, on free ports and in its own folder."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pulse_desktop.embedded.nats_server import find_nats_server

_START_TIMEOUT_S: Final = 15.0


class Server:
    """A nats-server process with JetStream and default limits.

    Attributes:
        url: address for clients.
        monitoring_url: address of HTTP monitoring.
    """

    def __init__(self) -> None:
        self.url = ""
        self.monitoring_url = ""
        self._folder = tempfile.TemporaryDirectory(prefix="pulse-bench-")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the server and wait until it listens.

        Raises:
            RuntimeError: it did not start within 15 s.
        """
        home = Path(self._folder.name)
        config = home / "server.conf"
        config.write_text(
            'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'
            f"ports_file_dir: {json.dumps(str(home))}\n"
            f"jetstream {{ store_dir: {json.dumps(str(home / 'store'))} }}\n",
            encoding="utf-8",
        )
        with (home / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [find_nats_server(), "-c", str(config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._read_ports(home):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError("nats-server does not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server and delete its data."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()

    def _read_ports(self, home: Path) -> bool:
        for file in home.glob("*.ports"):
            try:
                ports = json.loads(file.read_bytes())
            except ValueError:
                return False  # the file is still being written
            self.url, self.monitoring_url = ports["nats"][0], ports["monitoring"][0]
            return True
        return False
