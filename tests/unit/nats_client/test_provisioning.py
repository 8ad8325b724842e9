"""Errors of provisioning say what to do."""

from pulse_desktop.nats_client.provisioning import SubjectsOverlapError


def test_a_stream_of_copies_in_the_way_is_to_be_removed() -> None:
    error = SubjectsOverlapError("taskiq_jetstream", "taskiq_tasks", "PULSE_TASKS")
    assert "nats stream rm PULSE_TASKS" in error.advice
    error = SubjectsOverlapError("taskiq_jetstream", "taskiq_tasks", "ORDERS")
    assert "nats stream edit ORDERS" in error.advice
