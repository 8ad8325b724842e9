"""Nothing is done to a read-only server, nor unasked where the profile asks."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import pytest

from pulse_desktop.model.errors import ConfirmationRequiredError, ReadOnlyError
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.session.action_guard import ActionGuard
from pulse_desktop.session.task_client import TaskClient
from pulse_desktop.session.worker_commands import WorkerCommands
from pulse_desktop.state.run import Request, TaskRun

NOTHING: Final = cast("Any", None)
"""In place of everything that an action would use: it must not get that far."""
PRODUCTION: Final = Profile("eu", environment=Environment.PRODUCTION)
READ_ONLY: Final = Profile("eu", environment=Environment.PRODUCTION, read_only=True)


def check(profile: Profile, **options: bool) -> None:
    ActionGuard(profile).check("Drain w1", **{"confirmed": False, **options})


def test_an_action_passes_unless_the_profile_is_careful() -> None:
    check(Profile("lab"))
    check(Profile("lab", environment=Environment.STAGING))
    check(PRODUCTION, confirmed=True)
    check(Profile("lab"), confirmed=True, always_asks=True)


@pytest.mark.parametrize(
    ("profile", "options"),
    [(PRODUCTION, {}), (Profile("eu", confirm=True), {}), (Profile("eu"), {"always_asks": True})],
)
def test_an_unconfirmed_action_is_named(profile: Profile, options: dict[str, bool]) -> None:
    with pytest.raises(ConfirmationRequiredError) as caught:
        check(profile, **options)
    assert caught.value.action == "Drain w1"
    assert caught.value.profile == ("eu (production)" if profile is PRODUCTION else "eu")


@pytest.mark.parametrize("confirmed", [False, True])
def test_no_confirmation_lifts_read_only(confirmed: bool) -> None:
    with pytest.raises(ReadOnlyError) as caught:
        check(READ_ONLY, confirmed=confirmed)
    assert "Drain w1" in caught.value.title


def test_the_operator_may_change_read_only_for_this_session() -> None:
    guard = ActionGuard(READ_ONLY)
    guard.read_only = False
    guard.check("Drain w1", confirmed=True)
    with pytest.raises(ConfirmationRequiredError):
        guard.check("Drain w1", confirmed=False)


def acts(profile: Profile) -> dict[str, Callable[[], Awaitable[object]]]:
    guard = ActionGuard(profile)
    tasks = TaskClient(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, guard)
    workers = WorkerCommands(NOTHING, NOTHING, NOTHING, guard)
    request = Request(2, 0, "shop:report", b"[]", b"{}", b"{}")
    run = TaskRun("a" * 32, name="shop:report", request=request)
    return {
        "Run shop:report": lambda: tasks.enqueue("shop:report"),
        "Re-run shop:report": lambda: tasks.rerun([run]),
        "Re-run 2 runs": lambda: tasks.rerun([run, run]),
        "Cancel 1 task": lambda: tasks.cancel(["a"]),
        "Cancel 2 tasks": lambda: tasks.cancel(["a", "b"]),
        "Pause all workers": lambda: workers.command("pause"),
        "Drain w1": lambda: workers.command("drain", "w1"),
        "Set the log level of w1 to DEBUG": lambda: workers.command("log_level", "w1", "DEBUG"),
    }


@pytest.mark.parametrize("action", list(acts(PRODUCTION)))
async def test_every_act_of_a_session_passes_the_guard_first(action: str) -> None:
    with pytest.raises(ConfirmationRequiredError) as asked:
        await acts(PRODUCTION)[action]()
    assert asked.value.action == action
    with pytest.raises(ReadOnlyError):
        await acts(READ_ONLY)[action]()
