"""TaskIQ brokers over JetStream and core NATS, and the deliveries they make."""
