"""What travels over NATS: pure formats and their decoding, with no input or output and no Qt."""
