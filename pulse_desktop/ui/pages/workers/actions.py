"""The actions of the monitoring page, as data."""

from typing import Final

from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

PAUSE: Final = Action(
    "worker.pause",
    _("Pause worker"),
    "P",
    _("Workers"),
    "pause",
    _("stop consuming hold"),
    needs=_("Select a worker first that accepts commands and is not paused"),
)
RESUME: Final = Action(
    "worker.resume",
    _("Resume worker"),
    "R",
    _("Workers"),
    "play",
    _("continue go on"),
    needs=_("Select a paused worker first"),
)
DRAIN: Final = Action(
    "worker.drain",
    _("Drain worker…"),
    "D",
    _("Workers"),
    "save",
    _("stop end shut down quit"),
    needs=_("Select a worker first that accepts commands"),
)
SET_LOG_LEVEL: Final = {
    level: Action(
        f"worker.log.{level.lower()}",
        _("Log level of worker: {level}").format(level=level.lower()),
        "",
        _("Workers"),
        keywords=_("verbose quiet"),
        needs=_("Select a worker first that accepts commands"),
    )
    for level in LOG_LEVELS
}
PAUSE_ALL: Final = Action(
    "workers.pause", _("Pause all workers"), "", _("Workers"), "pause", _("stop consuming hold")
)
RESUME_ALL: Final = Action(
    "workers.resume", _("Resume all workers"), "", _("Workers"), "play", _("continue go on")
)

LOG_MENU: Final = tuple(SET_LOG_LEVEL.values())
ROW_MENU: Final = (PAUSE, RESUME, DRAIN, None, *LOG_MENU)
"""The context menu of the table's rows."""
