"""The receiver frees the slot of a delivery, whatever happens to it."""

import pytest
from pulse_workers.brokers.core_broker import CoreBroker
from pulse_workers.config.settings import Settings
from pulse_workers.execution.delivery import SyntheticDelivery, as_message
from pulse_workers.worker import receiver as receiver_module
from pulse_workers.worker.receiver import DeliveryReceiver

from pulse_desktop.protocol.task_message import encode_task


class _ObservedDelivery(SyntheticDelivery):
    finished = False

    def finish(self) -> None:
        self.finished = True


def _fail(_delivery: object) -> None:
    raise OSError("an error that nobody expects")


@pytest.mark.asyncio
async def test_a_task_whose_message_makes_the_decoder_fail_leaves_its_slot(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiver_module, "identify", _fail)
    settings = Settings()
    receiver = DeliveryReceiver(CoreBroker(settings), settings)
    delivery = _ObservedDelivery(encode_task("a", "f")[0], 1, 0.0)
    await receiver.callback(as_message(delivery))
    assert delivery.finished
    assert receiver.finished == 1
    assert not receiver.running
    busy = receiver.slot_time.total()
    assert receiver.slot_time.total() == busy  # no slot is busy
    assert "not executed" in caplog.text
