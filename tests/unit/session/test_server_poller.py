"""How long the pauses between two polls of the server are."""

import asyncio

import pytest

from pulse_desktop.session.server_poller import IDLE_FACTOR, PollPauses

INTERVAL_S = 2.0


class Sleeps:
    """Stands in for `asyncio.sleep`: changes a version while it sleeps.

    Attributes:
        version: of what is polled.
        changing: during which of the sleeps, counted from 1, it changes.
        count: of sleeps.
    """

    def __init__(self, *changing: int) -> None:
        self.version = 0
        self.changing = set(changing)
        self.count = 0

    async def sleep(self, seconds: float) -> None:
        assert seconds == INTERVAL_S
        self.count += 1
        if self.count in self.changing:
            self.version += 1


@pytest.mark.parametrize(
    ("changing", "expected"),
    [((), IDLE_FACTOR), ((1,), 1), ((3,), 3), ((9,), IDLE_FACTOR)],
)
def test_a_pause_ends_with_the_interval_in_which_something_changes(
    changing: tuple[int, ...], expected: int
) -> None:
    sleeps = Sleeps(*changing)
    pauses = PollPauses(INTERVAL_S, sleep=sleeps.sleep)

    async def wait() -> None:
        await pauses.wait(lambda: 0)  # nothing is known before
        sleeps.count = 0
        await pauses.wait(lambda: sleeps.version)

    asyncio.run(wait())
    assert sleeps.count == expected


def test_the_first_pause_is_one_interval() -> None:
    sleeps = Sleeps()
    asyncio.run(PollPauses(INTERVAL_S, sleep=sleeps.sleep).wait(lambda: 1))
    assert sleeps.count == 1
