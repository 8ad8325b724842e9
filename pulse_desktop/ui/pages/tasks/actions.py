"""What can be done on the page of task runs, as data."""

from typing import Final

from pulse_desktop.ui.shell.actions import Action

TASK_ACTIONS: Final = (
    Action(
        "runs.rerun",
        "Re-run selected",
        "rerun_selected",
        "R",
        "Runs",
        "retry",
        page="tasks",
        enabled="has_selection",
        words="again repeat retry",
    ),
    Action(
        "edit_rerun",
        "Edit and re-run…",
        "edit_selected",
        "E",
        "Runs",
        "edit",
        page="tasks",
        enabled="has_one",
        words="change arguments",
    ),
    Action(
        "runs.cancel",
        "Cancel selected…",
        "cancel_selected",
        "C",
        "Runs",
        "cancelled",
        page="tasks",
        enabled="has_open",
        words="stop abort kill revoke remove",
    ),
    Action(
        "runs.failed",
        "Show failed runs",
        "show_failed",
        "Ctrl+Shift+F",
        "Runs",
        "cross",
        page="tasks",
        words="errors",
    ),
    Action(
        "runs.copy",
        "Copy selected runs",
        "copy_selected",
        group="Runs",
        icon="copy",
        page="tasks",
        enabled="has_selection",
    ),
    Action(
        "runs.clear", "Clear the filter", "clear_filter", "Ctrl+Backspace", "Runs", page="tasks"
    ),
)

ROW_MENU: Final = ("runs.rerun", "edit_rerun", "", "runs.cancel", "", "runs.copy")
"""What the menu of the table's rows offers."""
