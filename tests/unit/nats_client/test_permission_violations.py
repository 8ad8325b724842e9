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
            assert (await refused).subject == "orders.new"


def test_each_of_the_latest_problems_is_kept_once() -> None:
    violations = PermissionViolations()
    for number in range(MAX_PROBLEMS + 5):
        for _ in range(2):
            violations.report(f'permissions violation for subscription to "s{number}"')
    assert len(violations.problems) == MAX_PROBLEMS
    assert violations.problems[-1] == f"these credentials may not subscribe to s{MAX_PROBLEMS + 4}"


@pytest.mark.parametrize(
    ("refused", "grant"),
    [
        ('publish to "$JS.API.CONSUMER.CREATE.S.pulse-x1.a.>"', "$JS.API.CONSUMER.CREATE.S.>"),
        ('publish to "$JS.API.CONSUMER.MSG.NEXT.S.pulse-x1"', "$JS.API.CONSUMER.MSG.NEXT.S.>"),
        ('publish to "$JS.API.DIRECT.GET.OBJ_r.$O.r.C.x"', "$JS.API.DIRECT.GET.OBJ_r.>"),
        ('publish to "$JS.API.STREAM.INFO.S"', "$JS.API.STREAM.INFO.S"),
        ('subscription to "_INBOX.Xy.*"', "_INBOX.>"),
        ('subscription to "websocket.*"', "websocket.*"),
    ],
)
def test_a_problem_names_the_permission_to_grant(refused: str, grant: str) -> None:
    violations = PermissionViolations()
    for _ in range(2):
        violations.report(f"nats: Permissions Violation for {refused}")
    (problem,) = violations.problems
    assert f" {grant};" in f"{problem};"


async def test_a_refused_inbox_wakes_every_request_that_needs_a_reply() -> None:
    violations = PermissionViolations(inbox_prefix="_MINE")
    with violations.watch("a", replies=True) as request, violations.watch("b") as other:
        violations.report('Permissions Violation for Subscription to "_MINE.Xy"')
        assert not request.done()  # the inbox of one subscription
        violations.report('Permissions Violation for Subscription to "_MINE.Xy.*"')
        error = request.result()
        assert not other.done()
    assert error.detail.startswith("these credentials may not receive replies on _MINE.>;")
    assert "--inbox-prefix (PULSE_INBOX_PREFIX)" in error.detail


def test_a_permission_that_is_granted_is_no_problem_any_more() -> None:
    violations = PermissionViolations("JS.hub.API")
    violations.report('Permissions Violation for Publish to "JS.hub.API.STREAM.INFO.S"')
    violations.report('Permissions Violation for Subscription to "websocket.*"')
    assert len(violations.problems) == 2
    violations.granted("publish", "$JS.API.STREAM.INFO.S")
    violations.granted("subscribe", "websocket.*")
    assert violations.problems == []
