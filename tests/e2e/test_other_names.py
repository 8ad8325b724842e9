"""The window on a server whose TaskIQ system has names of its own."""

import pytest
from PySide6.QtWidgets import QApplication

from tests.e2e.desktop_app import Operator, run_operator
from tests.kit import foreign_app
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


def test_the_window_offers_a_system_with_other_names_and_shows_it(
    qapp: QApplication, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for interval in ("_FIRST_INTERVAL_S", "_MAX_INTERVAL_S"):
        monkeypatch.setattr(f"pulse_desktop.session.system_finder.{interval}", 1.0)

    async def scenario(operator: Operator) -> None:
        async with foreign_app.run(nats_server):
            # Until the first task has a result, only the other subject is found.
            await wait_until(
                lambda: (
                    operator.has_notification and foreign_app.BUCKET in operator.notification.detail
                ),
                30,
            )
            await operator.click_notification_button("Show them")
            await wait_until(
                lambda: (
                    operator.desktop.session is not None
                    and operator.session.config.profile.names.bucket == foreign_app.BUCKET
                ),
                30,
            )
            await operator.go_to("tasks")
            await operator.wait_for_cell("shop-bad", "failed")
            await operator.wait_for_cell("shop-good", "succeeded")

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)
