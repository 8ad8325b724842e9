"""A project with a `workers` package of its own runs its tasks beside ours.

The project's folder is on PYTHONPATH, with and without `workers/__init__.py`. Pulse runs from a
checkout and from its wheel; the wheel is tested without the checkout on the path.
"""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.cli_process import ROOT, command_environment
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness

MODULE = "workers.jobs"
JOBS = """
import sys
from pulse_workers import task
from workers.greeting import GREETING

@task()
async def greet(name: str) -> dict[str, object]:
    ours = sys.modules["pulse_workers"].__file__
    imported = sorted(name for name in sys.modules if name.split(".")[0] == "workers")
    return {"text": f"{GREETING} {name}", "ours": ours, "workers": imported}
"""


@dataclass(frozen=True)
class Installation:
    """An interpreter and the folder it imports Pulse from.

    Attributes:
        python: path of the interpreter.
        package_dir: folder that contains `pulse_workers`.
    """

    python: Path
    package_dir: Path


@pytest.fixture(scope="module")
def checkout() -> Installation:
    return Installation(Path(sys.executable), ROOT / "workers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Install the wheel into an environment that has the dependencies, but not the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run = subprocess.run
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True, timeout=100)
    environment = folder / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=100)
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    packages = Path(paths["purelib"])
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(packages)
    # Python ignores .pth files in a folder that a .pth file added, and so the editable install.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    scripts = Path(paths["scripts"])
    (scripts / "nats-server").symlink_to(Path(sys.executable).parent / "nats-server")
    return Installation(scripts / "python", packages)


@pytest.fixture(params=[pytest.param("checkout", marks=pytest.mark.slow), "wheel"])
def installation(request: pytest.FixtureRequest) -> Installation:
    found: Installation = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=[pytest.param("with __init__", marks=pytest.mark.slow), "without __init__"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with a package, or a namespace package, named `workers`."""
    folder = tmp_path / "project"
    package = folder / "workers"
    package.mkdir(parents=True)
    (package / "jobs.py").write_text(JOBS)
    (package / "greeting.py").write_text('GREETING = "hello"\n')
    if request.param == "with __init__":
        (package / "__init__.py").write_text('"""Workers of a shop."""\n')
    return folder


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


def project_environment(project: Path, tmp_path: Path) -> dict[str, str]:
    return command_environment(
        tmp_path / "data",
        PYTHONPATH=str(project),
        PULSE_WORKER_TASKS=MODULE,
        PULSE_CONFIG=os.devnull,
    )


@contextmanager
def background_process(
    command: list[str], folder: Path, env: dict[str, str], log: Path
) -> Iterator[None]:
    """Run a command in the background; it must stop cleanly."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        yield
    finally:
        process.terminate()
        code = process.wait(20)
    assert code == 0, log.read_text()


def check_result(value: dict[str, object], installation: Installation) -> None:
    assert value["text"] == "hello you"
    assert value["workers"] == ["workers", "workers.greeting", "workers.jobs"]
    assert Path(str(value["ours"])).is_relative_to(installation.package_dir)


async def test_a_worker_runs_the_tasks_of_a_project_with_a_workers_package(
    harness: WorkerHarness, installation: Installation, project: Path, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    command = [
        str(installation.python),
        "-m",
        "pulse_workers",
        "run",
        "--server",
        harness.server.url,
    ]
    with background_process(command, project, project_environment(project, tmp_path), log):
        await wait_until(lambda: "takes tasks from" in log.read_text(), 20)
        task_id = await harness.send(f"{MODULE}:greet", "you")
        check_result((await harness.result(task_id))["return_value"], installation)
        builtin = await harness.result(await harness.send("score_message_task", "1.1"))
        assert builtin["error"]["exc_type"] == "MessageNotFoundError"


@pytest.mark.slow
def test_the_embedded_stack_runs_the_tasks_of_a_project_with_a_workers_package(
    installation: Installation, project: Path, tmp_path: Path
) -> None:
    environment = project_environment(project, tmp_path)
    command = [str(installation.python), "-m", "pulse_desktop"]
    with subprocess.Popen(
        [*command, "local", "--json"],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as local:
        try:
            assert local.stdout is not None
            assert "server" in json.loads(local.stdout.readline())
            arguments = ("run", f"{MODULE}:greet", "--args", '["you"]', "--wait", "40", "--json")
            done = subprocess.run(
                [*command, *arguments],
                cwd=project,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        finally:
            local.send_signal(signal.SIGINT)
            assert local.wait(30) == 0
    run = json.loads(done.stdout)
    check_result(run["result"]["return_value"], installation)
