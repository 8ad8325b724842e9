"""The window: Qt widgets over `state`. Nothing here knows NATS."""
