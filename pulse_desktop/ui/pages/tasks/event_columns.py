"""The columns of a table of the events that mention one run."""

from typing import Final

from pulse_desktop.protocol.event import Event
from pulse_desktop.text import formats
from pulse_desktop.text.event_text import event_summary
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column

RUN_EVENT_COLUMNS: Final = (
    Column[Event](
        "Time",
        "time",
        lambda event, _: formats.clock_ms(event.timestamp),
        width=104,
        mono=True,
        color=lambda _: SemanticColor.MUTED,
        tooltip=lambda event, _: formats.absolute(event.timestamp),
    ),
    Column[Event](
        "Event",
        "event",
        lambda event, _: "enqueued" if event.topic == "taskiq" else event.type,
        width=118,
        sort=lambda event: event.type,
    ),
    Column[Event](
        "What",
        "what",
        lambda event, _: event_summary(event),
        stretch=True,
        color=lambda _: SemanticColor.MUTED,
    ),
)
