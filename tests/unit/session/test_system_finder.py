"""Choice of better names among what was found on a server."""

import pytest

from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.session.system_finder import suggest
from pulse_desktop.transport.discovery import Discovery, FoundQueue

OWN = TaskiqNames()
OWN_QUEUE = FoundQueue(OWN.subject, "taskiq_jetstream", OWN.consumer)
SHOP = FoundQueue("shop.tasks", "SHOP", "shop_workers")


@pytest.mark.parametrize(
    ("queues", "buckets", "expected"),
    [
        ((), (), None),
        ((OWN_QUEUE,), (OWN.bucket,), None),
        ((SHOP,), ("shop_results",), TaskiqNames("shop.tasks", "shop_workers", "shop_results")),
        ((SHOP,), (), TaskiqNames("shop.tasks", "shop_workers")),
        ((OWN_QUEUE,), ("other",), TaskiqNames(bucket="other")),
        ((), ("other",), TaskiqNames(bucket="other")),
        ((OWN_QUEUE, SHOP), ("shop_results",), None),
        ((OWN_QUEUE,), ("one", "two"), None),
        ((FoundQueue("a", "A"), SHOP), ("one",), None),
    ],
)
def test_only_unambiguous_names_are_suggested(
    queues: tuple[FoundQueue, ...], buckets: tuple[str, ...], expected: TaskiqNames | None
) -> None:
    assert suggest(Discovery(queues, buckets), OWN) == expected
