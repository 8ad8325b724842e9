"""Tasks that are sent by the clock: cron, interval and one-shot, kept in a NATS bucket as JSON."""
