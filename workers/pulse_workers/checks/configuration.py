"""Checks of what stands in the settings, before anything is connected to."""

from collections.abc import Iterator, Mapping
from typing import Final

from pulse_desktop.model.check_result import CheckResult
from pulse_workers.config.auth import login_options
from pulse_workers.config.settings import VARIABLES, Settings
from pulse_workers.config.settings_file import CONFIG_VARIABLE, settings_files, unknown_variables
from pulse_workers.errors import SettingsError
from pulse_workers.registry import import_tasks

_OTHER_VARIABLES: Final = (CONFIG_VARIABLE, "PULSE_DATA_DIR")


def check_configuration(
    settings: Settings, environ: Mapping[str, str], config: str | None
) -> Iterator[CheckResult]:
    """Look at the settings: what they come from, the files they name, the tasks they ask for."""
    files = ", ".join(str(file) for file in settings_files(environ, config))
    yield CheckResult("configuration", "ok", files or "no file; variables and defaults")
    known = (*(variable for variable, _description in VARIABLES.values()), *_OTHER_VARIABLES)
    for variable, meant in unknown_variables(environ, known).items():
        advice = f"Did you mean {meant}?" if meant else "`pulse-worker --help` lists them."
        yield CheckResult("configuration", "warning", f"{variable} is no setting", advice)
    try:
        login_options(settings)
    except SettingsError as error:
        yield CheckResult("login", "problem", str(error), "Correct the setting, or the file.")
    try:
        import_tasks(settings.task_modules)
    except SettingsError as error:
        advice = "Install the module, or put its folder into PYTHONPATH."
        yield CheckResult("tasks", "problem", str(error), advice)
    else:
        named = ", ".join(settings.task_modules)
        yield CheckResult("tasks", "ok", f"ours and {named}" if named else "ours only")
