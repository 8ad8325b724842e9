"""Permission violations are parsed, kept, and wake the requests for their subjects."""

import asyncio

import pytest

from pulse_desktop.nats_client.permission_violations import (
    MAX_PROBLEMS,
    PermissionViolation,
    PermissionViolations,
    parse_violation,
)


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        (
            'nats: permissions violation for publish to "orders.created"',
            PermissionViolation("publish", "orders.created"),
        ),
        (
            'Permissions Violation for Subscription to "taskiq_tasks" using queue "taskiq"',
            PermissionViolation("subscribe", "taskiq_tasks", "taskiq"),
        ),
        ("nats: timeout", None),
        ("", None),
    ],
)
def test_an_error_text_is_parsed(text: str, violation: PermissionViolation | None) -> None:
    assert parse_violation(text) == violation


def test_violations_are_compared_without_case_and_queue() -> None:
    refused = PermissionViolation("subscribe", "tasks", "workers")
    assert refused.is_of(PermissionViolation("subscribe", "Tasks"))
    assert not refused.is_of(PermissionViolation("publish", "tasks"))
    assert not refused.is_of(PermissionViolation("subscribe", "tasks.more"))


async def test_a_violation_wakes_the_request_for_its_subject() -> None:
    violations = PermissionViolations()
    with violations.watch("Orders.New", "orders.old") as refused:
        assert not violations.report("nats: timeout")
        assert violations.report('permissions violation for publish to "elsewhere"')
        assert not refused.done()
        assert violations.report('permissions violation for publish to "orders.new"')
        async with asyncio.timeout(1):
            assert await refused == "orders.new"


def test_each_of_the_latest_problems_is_kept_once() -> None:
    violations = PermissionViolations()
    for number in range(MAX_PROBLEMS + 5):
        for _ in range(2):
            violations.report(f'permissions violation for subscription to "s{number}"')
    assert len(violations.problems) == MAX_PROBLEMS
    assert violations.problems[-1] == f"not allowed to subscribe to s{MAX_PROBLEMS + 4}"
