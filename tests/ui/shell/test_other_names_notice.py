"""The notification about a TaskIQ system under other names."""

from typing import TYPE_CHECKING

from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.ui.shell.other_names_notice import OtherNamesNotice
from tests.ui.fake_session import FakeSession

if TYPE_CHECKING:
    from pulse_desktop.ui.page.notification import Notification

SHOP = TaskiqNames("shop.tasks", "shop_workers", "shop_results")


def test_other_names_are_offered_once_and_withdrawn() -> None:
    shown: list[Notification] = []
    withdrawn: list[str] = []
    chosen: list[TaskiqNames] = []
    notice = OtherNamesNotice(shown.append, withdrawn.append, chosen.append)
    session = FakeSession()
    notice.check(session)
    assert shown == []
    session.other_names = SHOP
    notice.check(session)
    notice.check(session)
    (offer,) = shown
    assert "shop.tasks" in offer.detail
    assert "shop_results" in offer.detail
    offer.choices[0][1]()
    assert chosen == [SHOP]
    session.other_names = None
    notice.check(session)
    assert withdrawn == [offer.key]
