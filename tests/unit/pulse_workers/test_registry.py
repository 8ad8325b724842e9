"""Task modules with an error end a command with a line that names module, error and place."""

from pathlib import Path

import pytest
from pulse_workers.cli.main import main
from pulse_workers.config.known_secrets import KNOWN_SECRETS
from pulse_workers.errors import SettingsError
from pulse_workers.registry import import_tasks

MODULES = {
    "x = undefined_name": "NameError: name 'undefined_name' is not defined, {file}:1)",
    "\ndef pack(:": "SyntaxError: invalid syntax (MODULE.py, line 2))",
    "import sys\nsys.exit(3)": "SystemExit: 3, {file}:2)",
    "import no_such_package": "ModuleNotFoundError: No module named 'no_such_package', {file}:1)",
    "import json\njson.loads('{')": ", {file}:2)",
    "raise ValueError('two\\nlines: k3y-Zq8fPl0m')": "ValueError: two lines: ***, {file}:1)",
}


@pytest.fixture(params=MODULES, ids=lambda source: source.split()[0])
def module(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """Write a module that cannot be imported; return its name and the end of the error."""
    name = f"shop_tasks_{[*MODULES].index(request.param)}"
    file = tmp_path / f"{name}.py"
    file.write_text(request.param, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name, MODULES[request.param].format(file=file).replace("MODULE", name)


def test_a_module_with_an_error_is_an_invalid_setting(module: tuple[str, str]) -> None:
    KNOWN_SECRETS.add(["k3y-Zq8fPl0m"])
    name, reason = module
    with pytest.raises(SettingsError) as raised:
        import_tasks([name])
    text = str(raised.value)
    assert text.startswith(f"PULSE_WORKER_TASKS='{name}': expected an importable module (")
    assert text.endswith(reason)
    assert "\n" not in text


@pytest.mark.parametrize(
    "arguments", [["check"], ["run"], ["schedule", "list"], ["scheduler"], ["feed"], ["telegram"]]
)
def test_every_command_that_imports_tasks_names_the_error(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = "import os\nraise ValueError(os.environ['PULSE_TELEGRAM_TOKEN'])"
    (tmp_path / "shop_tasks.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", "nats://127.0.0.1:1")
    monkeypatch.setenv("PULSE_TELEGRAM_TOKEN", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaww")
    monkeypatch.setenv("PULSE_WORKER_TASKS", "shop_tasks")
    assert main(arguments) == (1 if arguments == ["check"] else 2)
    output = capsys.readouterr()
    assert "Traceback" not in output.out + output.err
    assert "AAHdqTcv" not in output.out + output.err
    if arguments == ["check"]:
        assert "problem  tasks: PULSE_WORKER_TASKS='shop_tasks'" in output.out
        assert "Correct the module" in output.out
    else:
        assert "pulse-worker: PULSE_WORKER_TASKS='shop_tasks'" in output.err
