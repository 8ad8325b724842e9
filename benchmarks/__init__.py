"""Programs that measure the speed and memory use of Pulse Desktop and its workers."""
