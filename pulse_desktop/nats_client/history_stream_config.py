"""Configuration of the streams that keep history, for the programs that create them."""

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from pulse_desktop.model.history_plan import HistoryStream


def history_config(stream: HistoryStream) -> StreamConfig:
    """Return the configuration of a stream that keeps history."""
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,  # reading removes nothing
        max_age=stream.limits.max_age_s,
        max_bytes=stream.limits.max_bytes,
        discard=DiscardPolicy.OLD,  # a full history refuses nothing
        storage=StorageType.FILE,
        num_replicas=stream.limits.replicas,
        duplicate_window=stream.limits.duplicate_window_s,
        no_ack=not stream.acknowledges,
        allow_direct=True,
    )
