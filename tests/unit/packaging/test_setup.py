"""Set-up scripts, with stubs of apt, dpkg and Python: nothing is installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
SCRIPTS = PROJECT / "packaging"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for POSIX shells")

# Prints what setup.sh reads from a Python, creates an environment with a copy of itself, logs pip.
FAKE_PYTHON = """#!/bin/sh
version=%(version)s
case "$1 $2" in
    "-m venv")
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
        echo "version = $version.1" >"$3/pyvenv.cfg"
        echo "VIRTUAL_ENV=$(pwd)/$3" >"$3/bin/activate" ;;
    "-m pip") echo "$@" >>pip-calls ;;
    --version*) echo "Python $version.1" ;;
    *ensurepip*) echo "$0" ;;
    *'"%%d.%%d."'*) echo "$version." ;;
    *platlib*) echo /nonexistent ;;
esac
"""


def write_stub(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def run(
    *command: str | Path, cwd: Path, stubs: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "PYENV_ROOT")}
    path = f"{stubs}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=inherited | {"PATH": path} | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """Return the first folder on PATH: no package is installed, and the user is not root."""
    folder = tmp_path / "stubs"
    write_stub(folder, "dpkg-query", "true")
    write_stub(folder, "apt-get", f'echo "$@" >>{tmp_path}/apt-calls')
    write_stub(folder, "id", "echo 1000")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, stubs: Path) -> Path:
    """Return a checkout that contains the scripts only, on a system with every library."""
    root = tmp_path / "checkout"
    (root / "packaging").mkdir(parents=True)
    for script in SCRIPTS.glob("*.sh"):
        shutil.copy(script, root / "packaging")
    (root / "packaging" / "requirements.lock").write_text("one==1\n")
    (root / "pyproject.toml").write_text("")
    for absent in ("dpkg-query", "apt-get"):
        (stubs / absent).unlink()
    write_stub(stubs, "dpkg-query", 'cat "$0.installed"')
    (stubs / "dpkg-query.installed").write_text(
        "".join(f"installed {package}\n" for package in listed_packages())
    )
    write_stub(stubs, "apt-get", "exit 1")
    return root


def listed_packages() -> list[str]:
    text = (SCRIPTS / "system-libraries.sh").read_text()
    names = "window|network|x11|test_screen|optional"
    lists = re.findall(rf'^(?:{names})="([^"]+)"', text, re.MULTILINE)
    return " ".join(lists).split()


def pip_calls(checkout: Path) -> list[str]:
    log = checkout / "pip-calls"
    calls = log.read_text().splitlines() if log.exists() else []
    return [call for call in calls if " install " in call]


def test_make_without_a_target_lists_the_targets() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout

    targets = "setup run test lint format bench soak screenshots lock clean"
    for target in targets.split():
        assert re.search(rf"^  make {target} +\S.*$", listed, re.MULTILINE), target


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_every_script_is_valid_posix_shell_and_executable(script: Path) -> None:
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert os.access(script, os.X_OK)
    shellcheck = shutil.which("shellcheck")
    if shellcheck:
        checked = subprocess.run([shellcheck, script], check=False, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout


def test_a_user_without_root_gets_the_command_that_installs_missing_libraries(
    tmp_path: Path, stubs: Path
) -> None:
    done = run(SCRIPTS / "system-libraries.sh", "run", cwd=tmp_path, stubs=stubs)

    assert done.returncode == 1
    assert not (tmp_path / "apt-calls").exists()
    commands = [line for line in done.stderr.splitlines() if "apt-get" in line]
    assert len(commands) == 1
    for package in ("libegl1", "libxcb-cursor0", "libgssapi-krb5-2", "fonts-dejavu-core"):
        assert package in commands[0].split()
    assert "xvfb" not in commands[0]


def test_root_installs_missing_libraries(tmp_path: Path, stubs: Path) -> None:
    write_stub(stubs, "id", "echo 0")

    done = run(SCRIPTS / "system-libraries.sh", "test", cwd=tmp_path, stubs=stubs)

    assert done.returncode == 0, done.stderr
    update, install, _, optional = (tmp_path / "apt-calls").read_text().splitlines()
    assert update.startswith("update")
    assert "--no-install-recommends" in install
    assert {"libegl1", "xvfb", "xauth"} <= set(install.split())
    assert optional.endswith("fonts-noto-color-emoji")


def test_a_missing_optional_font_does_not_stop_the_set_up(tmp_path: Path, stubs: Path) -> None:
    names = [name for name in listed_packages() if name != "fonts-noto-color-emoji"]
    write_stub(stubs, "dpkg-query", "\n".join(f"echo installed {name}" for name in names))
    write_stub(stubs, "id", "echo 0")
    write_stub(stubs, "apt-get", "exit 100")

    done = run(SCRIPTS / "system-libraries.sh", "run", cwd=tmp_path, stubs=stubs)

    assert done.returncode == 0
    assert "continuing without fonts-noto-color-emoji" in done.stdout


def test_a_failed_apt_stops_the_set_up_and_prints_its_error(tmp_path: Path, stubs: Path) -> None:
    write_stub(stubs, "id", "echo 0")
    write_stub(stubs, "apt-get", 'echo "E: no such package"; exit 100')

    done = run(SCRIPTS / "system-libraries.sh", "run", cwd=tmp_path, stubs=stubs)

    assert done.returncode == 1
    assert "E: no such package" in done.stderr


def test_a_library_with_a_t64_suffix_is_installed(tmp_path: Path, stubs: Path) -> None:
    names = [name + "t64" if name == "libglib2.0-0" else name for name in listed_packages()]
    write_stub(stubs, "dpkg-query", "\n".join(f"echo installed {name}" for name in names))

    done = run(SCRIPTS / "system-libraries.sh", "test", cwd=tmp_path, stubs=stubs)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_library_that_was_removed_but_not_purged_is_missing(tmp_path: Path, stubs: Path) -> None:
    lines = [f"echo installed {name}" for name in listed_packages() if name != "libegl1"]
    write_stub(stubs, "dpkg-query", "\n".join([*lines, "echo config-files libegl1"]))

    done = run(SCRIPTS / "system-libraries.sh", "run", cwd=tmp_path, stubs=stubs)

    assert done.returncode == 1
    assert "recommends libegl1'" in done.stderr


def test_a_shim_that_fails_is_skipped(tmp_path: Path, stubs: Path) -> None:
    write_stub(stubs, "python3", "echo 'pyenv: python3: command not found' >&2; exit 127")
    good = write_stub(stubs, "python3.13", FAKE_PYTHON % {"version": "3.13"})

    done = run(SCRIPTS / "find-python.sh", cwd=tmp_path, stubs=stubs)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(good), "")


def test_a_python_without_venv_prints_its_debian_package(tmp_path: Path, stubs: Path) -> None:
    bare = write_stub(stubs, "python3.11", "echo python3.11-venv; exit 5")

    done = run(SCRIPTS / "find-python.sh", cwd=tmp_path, stubs=stubs, PYTHON=str(bare))

    assert (done.returncode, done.stdout.strip()) == (3, "python3.11-venv")


@pytest.mark.parametrize(
    ("script", "message"), [("exit 4", "is not CPython 3.11"), ("exit 127", "does not run")]
)
def test_an_unusable_python_of_the_user_is_an_error(
    tmp_path: Path, stubs: Path, script: str, message: str
) -> None:
    chosen = write_stub(stubs, "chosen", script)

    done = run(SCRIPTS / "find-python.sh", cwd=tmp_path, stubs=stubs, PYTHON=str(chosen))

    assert done.returncode == 1
    assert f"PYTHON={chosen} {message}" in done.stderr


def test_the_second_set_up_installs_nothing(checkout: Path, stubs: Path) -> None:
    python = write_stub(stubs, "python3", FAKE_PYTHON % {"version": "3.12"})
    set_up = ("packaging/setup.sh", "test")

    first = run(*set_up, cwd=checkout, stubs=stubs)
    second = run(*set_up, cwd=checkout, stubs=stubs)

    assert first.returncode == 0, first.stderr
    assert f"Python 3.12.1 ({python})" in first.stdout
    assert first.stdout.endswith("setup: ready\n")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    lock, project = pip_calls(checkout)
    assert lock.endswith("-r packaging/requirements.lock")
    assert project.endswith("--no-deps -e .")


def test_packages_of_slow_tests_are_added_once(checkout: Path, stubs: Path) -> None:
    write_stub(stubs, "python3", FAKE_PYTHON % {"version": "3.12"})
    lock = checkout / "packaging" / "slow-tests.lock"
    lock.write_text("large==1\n")

    first = run("packaging/setup.sh", "slow", cwd=checkout, stubs=stubs)
    run("packaging/setup.sh", "slow", cwd=checkout, stubs=stubs)
    run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)

    assert first.returncode == 0, first.stderr
    assert len(pip_calls(checkout)) == 3
    assert pip_calls(checkout)[-1].endswith("--no-deps -r packaging/slow-tests.lock")
    lock.write_text("large==2\n")
    run("packaging/setup.sh", "slow", cwd=checkout, stubs=stubs)
    assert len(pip_calls(checkout)) == 4


def test_slow_tests_run_without_packages_that_cannot_be_installed(
    checkout: Path, stubs: Path
) -> None:
    broken = FAKE_PYTHON.replace('echo "$@" >>pip-calls', 'case "$@" in *slow*) exit 1;; esac')
    write_stub(stubs, "python3", broken % {"version": "3.12"})
    (checkout / "packaging" / "slow-tests.lock").write_text("large==1\n")

    done = run("packaging/setup.sh", "slow", cwd=checkout, stubs=stubs)

    assert done.returncode == 0
    assert "the slow tests of these packages are skipped" in done.stderr
    assert not (checkout / ".venv" / "slow-tests-stamp").exists()


def test_a_changed_lock_is_installed_into_the_same_environment(checkout: Path, stubs: Path) -> None:
    write_stub(stubs, "python3", FAKE_PYTHON % {"version": "3.12"})
    run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)
    (checkout / ".venv" / "kept").touch()

    (checkout / "packaging" / "requirements.lock").write_text("one==2\n")
    done = run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)

    assert done.returncode == 0, done.stderr
    assert len(pip_calls(checkout)) == 4
    assert (checkout / ".venv" / "kept").exists()


def test_another_python_creates_a_new_environment(checkout: Path, stubs: Path) -> None:
    write_stub(stubs, "python3", FAKE_PYTHON % {"version": "3.12"})
    other = write_stub(stubs, "other", FAKE_PYTHON % {"version": "3.13"})
    run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)

    done = run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs, PYTHON=str(other))

    assert "Python 3.13.1" in done.stdout
    assert "3.13.1" in (checkout / ".venv" / "pyvenv.cfg").read_text()


def test_an_environment_without_its_python_is_created_again(checkout: Path, stubs: Path) -> None:
    write_stub(stubs, "python3", FAKE_PYTHON % {"version": "3.12"})
    run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")

    done = run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)

    assert done.returncode == 0, done.stderr
    assert "creating .venv" in done.stdout
    assert not python.is_symlink()


def test_a_moved_checkout_gets_a_new_environment(checkout: Path, stubs: Path) -> None:
    write_stub(stubs, "python3", FAKE_PYTHON % {"version": "3.12"})
    run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)
    moved = checkout.rename(checkout.with_name("elsewhere"))

    done = run("packaging/setup.sh", "test", cwd=moved, stubs=stubs)

    assert "creating .venv" in done.stdout
    assert str(moved) in (moved / ".venv" / "bin" / "activate").read_text()


def test_a_failed_installation_is_repeated_next_time(checkout: Path, stubs: Path) -> None:
    broken = FAKE_PYTHON.replace('echo "$@" >>pip-calls', '[ "$3" != install ]')
    write_stub(stubs, "python3", broken % {"version": "3.12"})

    first = run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)
    second = run("packaging/setup.sh", "test", cwd=checkout, stubs=stubs)

    assert first.returncode == second.returncode == 1
    assert "pip could not install packaging/requirements.lock" in first.stderr
