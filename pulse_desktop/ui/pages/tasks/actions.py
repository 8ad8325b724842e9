"""The actions of the page of task runs, as data."""

from typing import Final

from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action

RERUN: Final = Action(
    "runs.rerun",
    _("Re-run selected"),
    "R",
    _("Runs"),
    "retry",
    _("again repeat retry"),
    needs=_("Select a run first"),
)
EDIT_RERUN: Final = Action(
    "edit_rerun",
    _("Edit and re-run…"),
    "E",
    _("Runs"),
    "edit",
    _("change arguments"),
    needs=_("Select one run first"),
)
RERUN_ELSEWHERE: Final = Action(
    "runs.rerun_elsewhere",
    _("Re-run on another connection…"),
    "Shift+R",
    _("Runs"),
    "server",
    _("profile server staging copy"),
    needs=_("Select one run first"),
)
CANCEL: Final = Action(
    "runs.cancel",
    _("Cancel selected…"),
    "C",
    _("Runs"),
    "cancelled",
    _("stop abort kill revoke remove"),
    needs=_("Select a run first that has not ended"),
)
COMPARE: Final = Action(
    "runs.compare",
    _("Compare two runs, or one with its last good run"),
    "D",
    _("Runs"),
    "",
    _("difference diff side by side last good"),
    needs=_("Select one or two runs first"),
)
SHOW_FAILED: Final = Action(
    "runs.failed", _("Show failed runs"), "Ctrl+Shift+F", _("Runs"), "cross", _("errors")
)
COPY: Final = Action(
    "runs.copy",
    _("Copy selected runs"),
    "",
    _("Runs"),
    "copy",
    needs=_("Select a run first"),
)
CLEAR_FILTER: Final = Action("runs.clear", _("Clear the filter"), "Ctrl+Backspace", _("Runs"))

SHOW_GROUPS: Final = Action(
    "groups.show",
    _("Show failure groups"),
    "Ctrl+Shift+G",
    _("Failure groups"),
    "cross",
    _("errors causes issues"),
)
GROUP_RUNS: Final = Action(
    "groups.runs",
    _("Show the runs of the group"),
    "G",
    _("Failure groups"),
    "arrow-right",
    needs=_("Select a failure group first"),
)
MUTE_GROUP: Final = Action(
    "groups.mute",
    _("Mute or unmute the group"),
    "M",
    _("Failure groups"),
    "pause",
    _("silence ignore"),
    needs=_("Select a failure group first"),
)
RESOLVE_GROUP: Final = Action(
    "groups.resolve",
    _("Resolve or reopen the group"),
    "V",
    _("Failure groups"),
    "check",
    _("done fixed"),
    needs=_("Select a failure group first"),
)
NOTE_GROUP: Final = Action(
    "groups.note",
    _("Note on the group…"),
    "N",
    _("Failure groups"),
    "edit",
    _("comment"),
    needs=_("Select a failure group first"),
)

ROW_MENU: Final = (RERUN, EDIT_RERUN, RERUN_ELSEWHERE, None, CANCEL, None, COMPARE, COPY)
"""The context menu of the table's rows."""

GROUP_MENU: Final = (GROUP_RUNS, RERUN, None, MUTE_GROUP, RESOLVE_GROUP, NOTE_GROUP)
"""The context menu of the failure groups."""
