"""What was deleted before it was read is one span, with the latest reason."""

from pulse_desktop.transport.feed_status import Loss, LossLog


def test_losses_are_one_span() -> None:
    log = LossLog()
    log.add(3, "purged", since=10.0, now=20.0)
    assert log.loss == Loss(3, 10.0, 20.0, "purged")
    log.add(4, "deleted", since=25.0, now=30.0)
    assert log.loss == Loss(7, 10.0, 30.0, "deleted")


def test_a_loss_before_anything_was_read_begins_when_it_is_noticed() -> None:
    log = LossLog()
    log.add(3, "purged", since=0.0, now=20.0)
    assert log.loss == Loss(3, 20.0, 20.0, "purged")


def test_nothing_is_added_without_messages_or_reason() -> None:
    log = LossLog()
    log.add(0, "purged", since=10.0, now=20.0)
    log.add(3, "", since=10.0, now=20.0)
    assert log.loss is None
