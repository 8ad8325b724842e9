"""Task messages with labels, as they arrive from the server."""

import json
from collections.abc import Iterable
from typing import Any

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.state_builder import NOW


def task(
    task_id: str, name: str = "m:f", args: Iterable[object] = (), at: float = NOW, **labels: Any
) -> Any:
    payload, _headers = encode_task(
        task_id,
        name,
        args=json.dumps(list(args)).encode(),
        labels=labels,
    )
    return InboundMessage(Source.TASK, TASK_SUBJECT, payload, at)
