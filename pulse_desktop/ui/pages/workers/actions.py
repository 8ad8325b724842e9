"""What can be done about workers, as data."""

from typing import Final

from pulse_desktop.ui.shell.actions import Action

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

WORKER_ACTIONS: Final = (
    Action(
        "worker.pause",
        "Pause worker",
        "pause_selected",
        "P",
        "Workers",
        "pause",
        page="monitoring",
        enabled="can_pause",
        words="stop consuming hold",
    ),
    Action(
        "worker.resume",
        "Resume worker",
        "resume_selected",
        "R",
        "Workers",
        "play",
        page="monitoring",
        enabled="can_resume",
        words="continue go on",
    ),
    Action(
        "worker.drain",
        "Drain worker…",
        "drain_selected",
        "D",
        "Workers",
        "save",
        page="monitoring",
        enabled="can_order",
        words="stop end shut down quit",
    ),
    *(
        Action(
            f"worker.log.{level.lower()}",
            f"Log level of worker: {level.lower()}",
            f"log_{level.lower()}",
            group="Workers",
            page="monitoring",
            enabled="can_order",
            words="verbose quiet",
        )
        for level in LEVELS
    ),
    Action(
        "workers.pause",
        "Pause all workers",
        "pause_all",
        group="Workers",
        icon="pause",
        page="monitoring",
        enabled="has_controlled",
        words="stop consuming hold",
    ),
    Action(
        "workers.resume",
        "Resume all workers",
        "resume_all",
        group="Workers",
        icon="play",
        page="monitoring",
        enabled="has_controlled",
        words="continue go on",
    ),
)
LOG_MENU: Final = tuple(f"worker.log.{level.lower()}" for level in LEVELS)
ROW_MENU: Final = ("worker.pause", "worker.resume", "worker.drain", "", *LOG_MENU)
"""What the menu of the table's rows offers."""
