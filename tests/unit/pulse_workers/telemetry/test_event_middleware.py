"""Events of tasks: the traceback of an error begins with the task's own frames."""

from typing import Any

from pulse_workers.execution.delivery import SyntheticDelivery
from pulse_workers.telemetry.event_middleware import DeliveryEventMiddleware
from taskiq import InMemoryBroker, TaskiqMessage


class Published:
    """The events that were published."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []

    def publish(self, topic: str, type_: str, data: dict[str, Any], *, key: str = "") -> None:
        assert (topic, type_, key) == ("tasks", "task.failed", "")
        self.data.append(data)


def test_a_folder_named_after_taskiq_does_not_hide_the_frames_of_a_task() -> None:
    code = compile("raise ValueError('negative')", "/srv/taskiq-shop/tasks.py", "exec")
    published = Published()
    message = TaskiqMessage(
        task_id="a", task_name="pack", labels={"max_attempts": 2}, args=[], kwargs={}
    )
    delivery = SyntheticDelivery(b"", 1, queued_at=0.0)
    middleware = DeliveryEventMiddleware(published, "here")
    middleware.set_broker(InMemoryBroker())
    try:
        exec(code)
    except ValueError as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        middleware.publish_attempt(message, delivery, error)
    (event,) = published.data
    assert "/srv/taskiq-shop/tasks.py" in event["error"]["traceback"]
