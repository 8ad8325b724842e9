"""Text about the steps of a connection test."""

from typing import Final

from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.text.translation import N_, translate

_KINDS: Final = {
    StepKind.SETTINGS: N_("Settings"),
    StepKind.NAME: N_("Host name"),
    StepKind.TCP: N_("TCP connection"),
    StepKind.WEBSOCKET: N_("WebSocket"),
    StepKind.SERVER: N_("NATS server"),
    StepKind.TLS: N_("TLS"),
    StepKind.LOGIN: N_("Login"),
    StepKind.JETSTREAM: N_("JetStream"),
    StepKind.PERMISSION: N_("May: {purpose}"),
    StepKind.CLOCK: N_("Clock"),
}
_STATUSES: Final = {
    StepStatus.WAITING: N_("waiting"),
    StepStatus.RUNNING: N_("running"),
    StepStatus.OK: N_("all right"),
    StepStatus.WARNING: N_("works with a limitation"),
    StepStatus.FAILED: N_("failed"),
    StepStatus.SKIPPED: N_("left out"),
}


def step_text(step: ConnectionStep) -> str:
    """Return what a step tests, such as "TCP connection"."""
    return translate(_KINDS[step.kind]).format(purpose=translate(step.purpose))


def step_status_text(status: StepStatus) -> str:
    """Return how far a step is, as words."""
    return translate(_STATUSES[status])
