"""Events of tasks: the traceback of an error begins with the task's own frames."""

from typing import Any

import pytest
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


def published_failure(published: Published, error: BaseException) -> dict[str, str]:
    """Publish the failure of an attempt, and return the error of the event."""
    message = TaskiqMessage(
        task_id="a", task_name="pack", labels={"max_attempts": 2}, args=[], kwargs={}
    )
    delivery = SyntheticDelivery(b"", 1, queued_at=0.0)
    middleware = DeliveryEventMiddleware(published, "here")
    middleware.set_broker(InMemoryBroker())
    middleware.publish_attempt(message, delivery, error)
    (event,) = published.data
    found: dict[str, str] = event["error"]
    return found


def test_a_folder_named_after_taskiq_does_not_hide_the_frames_of_a_task() -> None:
    code = compile("raise ValueError('negative')", "/srv/taskiq-shop/tasks.py", "exec")
    with pytest.raises(ValueError, match="negative") as caught:
        exec(code)
    error = caught.value
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    assert "/srv/taskiq-shop/tasks.py" in published_failure(Published(), error)["traceback"]


def test_a_login_where_a_long_traceback_is_cut_is_masked() -> None:
    url = f" nats://user:{'hunter2' * 400}@host "
    error = ValueError("x" * 15_000 + url + "y " * 40_000 + url + "z" * 15_000)
    published = published_failure(Published(), error)
    assert len(published["traceback"]) < 33_000
    assert "characters omitted" in published["traceback"]
    assert "hunter" not in published["traceback"]
