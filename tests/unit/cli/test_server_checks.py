"""Texts of the checks of a server."""

from pulse_desktop.cli.server_checks import name_options
from pulse_desktop.protocol.taskiq_names import TaskiqNames


def test_options_are_quoted_for_a_shell() -> None:
    names = TaskiqNames(subject="a;$(reboot)")
    assert name_options(names, TaskiqNames()) == "--subject 'a;$(reboot)'"
