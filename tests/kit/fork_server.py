"""Start programs by a fork of a process that has imported them already.

A Python process that imports `pulse-worker` takes a second of processor time, which is most of what
a test of a worker takes. A program that is forked is a process of its own in every other respect:
it has its own arguments, environment, folder and streams, receives signals and has an exit code.

The command line that the system shows of it is that of the server. Start it by `subprocess` where
that matters, or where the start itself is tested; it is started like that if its environment
differs in a variable that is read while modules are imported, and on systems other than Linux.
"""

import array
import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
_PRELOADED: Final = {
    "pulse_workers": (
        "pulse_workers.cli.main",
        "pulse_workers.cli.command",
        "pulse_workers.chat.application",
        "pulse_workers.chat.pipeline.analysis",
        "pulse_workers.chat.pipeline.ingestion",
        "pulse_workers.schedules.process",
        "pulse_workers.worker.process",
        "anyio._backends._asyncio",
        "uvloop",
    ),
    "pulse_desktop": (
        "pulse_desktop.cli.main",
        "pulse_desktop.embedded.stack",
        "pulse_desktop.fields.run_fields",
        "pulse_desktop.profiles.nats_contexts",
        "pulse_desktop.profiles.profile_lookup",
        "pulse_desktop.profiles.secret_storage",
        "pulse_desktop.session.session",
        "anyio._backends._asyncio",
        "httpcore",
        "httpx",
    ),
    "tests.kit.legacy_worker": ("taskiq_nats", "pulse_desktop.protocol.event"),
}
"""By program, what most of its commands import, also when they run."""
_AT_START: Final = dict(os.environ)
"""The environment of the fork servers, whatever a test changes in that of this process."""
_OWN_VARIABLES: Final = ("PULSE_", "PYTEST_", "PYSIDE6_OPTION_", "PYQTGRAPH_")
"""Prefixes of variables that are read when a program runs; the last two are of packages that are
not preloaded, and are set in a process of tests when it imports Qt."""
_POLL_S: Final = 0.005
_MAX_REQUEST: Final = 1 << 20


def start_program(
    module: str, *arguments: str, env: Mapping[str, str], **options: Any
) -> "subprocess.Popen[Any]":
    """Start `python -m MODULE`, in the root of the repository.

    Args:
        module: of the program, one that can be preloaded.
        arguments: of the program.
        env: its environment.
        options: of `subprocess.Popen`: the streams and how they are encoded.
    """
    start = _ForkedProgram if _can_be_forked(env) else subprocess.Popen
    return start([sys.executable, "-m", module, *arguments], env=env, cwd=ROOT, **options)


def start_own_interpreter(
    module: str, *arguments: str, env: Mapping[str, str], **options: Any
) -> "subprocess.Popen[Any]":
    """Start `python -m MODULE` without a fork; for the arguments see `start_program`."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env=env, cwd=ROOT, **options)


def _can_be_forked(env: Mapping[str, str]) -> bool:
    """Return whether an environment differs from the servers' in variables of programs alone."""
    return sys.platform == "linux" and _inherited(env) == _inherited(_AT_START)


def _inherited(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith(_OWN_VARIABLES)}


class _ForkServer:
    """A process that has imported a program, and its connection."""

    def __init__(self, module: str) -> None:
        self._lock = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kit.fork_server", module, str(other.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                cwd=ROOT,
                env=_AT_START,
            )
        atexit.register(self._close)

    def fork(self, arguments: Sequence[str], env: Mapping[str, str], streams: list[int]) -> int:
        """Start the program; return its process id."""
        return int(self._ask({"arguments": arguments, "env": dict(env)}, streams))

    def wait_status(self, pid: int) -> int | None:
        """Return the status of a process that ended, as of `os.waitpid`, None while it runs."""
        status: int | None = self._ask({"pid": pid})
        return status

    def _ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Any:
        sent = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        with self._lock:
            self._socket.sendmsg([json.dumps(request).encode()], sent if descriptors else [])
            return json.loads(self._socket.recv(_MAX_REQUEST))

    def _close(self) -> None:
        self._socket.close()
        self._process.wait()


_servers: dict[str, _ForkServer] = {}
_starting = threading.Lock()


def _server(module: str) -> _ForkServer:
    with _starting:
        if module not in _servers:
            _servers[module] = _ForkServer(module)
        return _servers[module]


class _ForkedProgram(subprocess.Popen[Any]):
    """A `Popen` whose process is a child of the fork server, which is asked for its exit code."""

    _child_created: bool

    def _execute_child(
        self,
        args: Sequence[str],
        _executable: object,
        _preexec_fn: object,
        _close_fds: object,
        _pass_fds: object,
        _cwd: object,
        env: Mapping[str, str],
        _startupinfo: object,
        _creationflags: object,
        _shell: object,
        *rest: Any,
    ) -> None:
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite = rest[:6]
        streams = [
            default if given == -1 else given
            for default, given in enumerate((p2cread, c2pwrite, errwrite))
        ]
        self._server = _server(args[2])
        try:
            self.pid = self._server.fork(args[3:], env, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

    def _close_pipe_fds(self, *descriptors: int) -> None:
        super()._close_pipe_fds(*descriptors)  # type: ignore[misc] # private

    def _internal_poll(self, *_arguments: object, **_options: object) -> int | None:
        if self.returncode is None and (status := self._server.wait_status(self.pid)) is not None:
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self._internal_poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            time.sleep(_POLL_S)
        return code


def _serve(module: str, connection: socket.socket) -> list[str] | None:
    """Fork and wait as requested; return the arguments in a child, None when requests end."""
    space = socket.CMSG_SPACE(3 * array.array("i").itemsize)
    while True:
        message, passed, _flags, _address = connection.recvmsg(_MAX_REQUEST, space)
        if not message:
            return None
        request = json.loads(message)
        if "pid" in request:
            pid = status = 0
            with contextlib.suppress(ChildProcessError):  # another thread asked just before
                pid, status = os.waitpid(request["pid"], os.WNOHANG)
            connection.send(json.dumps(status if pid else None).encode())
            continue
        streams = array.array("i", passed[0][2])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: they are NumPy's
            child = os.fork()
        if child:
            for descriptor in streams:
                os.close(descriptor)
            connection.send(json.dumps(child).encode())
            continue
        connection.close()
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        os.closerange(3, max(streams) + 1)
        _reopen_streams()
        os.environ.clear()
        os.environ.update(request["env"])
        arguments: list[str] = request["arguments"]
        return arguments


def _reopen_streams() -> None:
    """Replace the standard streams, which know whether the former files were terminals or seek."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        former = getattr(sys, name)
        lines = mode == "w" and (name == "stderr" or os.isatty(number))
        raw = io.FileIO(number, mode, closefd=False)
        stream = io.TextIOWrapper(
            io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw),
            encoding=former.encoding,
            errors=former.errors,
            line_buffering=lines,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _main() -> None:
    module, descriptor = sys.argv[1], int(sys.argv[2])
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl C ends the tests, then this
    for name in _PRELOADED[module]:
        importlib.import_module(name)
    # A collection in a child would visit all that was imported, and so copy its memory.
    gc.collect()
    gc.freeze()
    arguments = _serve(module, socket.socket(fileno=descriptor))
    if arguments is not None:
        signal.signal(signal.SIGINT, interrupt)
        sys.argv[1:] = arguments
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
