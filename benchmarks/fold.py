"""Measure the CPU time of folding an event into the state, as a ratio to decoding it.

No server, window or network is involved, so that two versions can be compared on a busy machine.
Each round decodes and then folds the same events. The minimum over many rounds counts, because
other load can only make a round slower.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from benchmarks.traffic import BLOCK_SIZE, Traffic
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.state.system import SystemState

RETAINED_EVENTS = 100_000


def event_blocks(blocks: int) -> list[InboundMessage]:
    """Return the events of `blocks` blocks, as received from the network."""
    traffic = Traffic(headers=False)
    return [each for _ in range(blocks) for each in _parse_messages(traffic.take(BLOCK_SIZE))]


def _parse_messages(commands: bytes) -> Iterator[InboundMessage]:
    """Yield the messages that `PUB` commands without headers publish."""
    at = 0
    while at < len(commands):
        end = commands.index(b"\r\n", at)
        _, subject, size = commands[at:end].split()
        begin = end + 2
        at = begin + int(size) + 2
        yield InboundMessage(Source.EVENT, subject.decode(), commands[begin : at - 2], time.time())


def _microseconds(
    work: Callable[[list[InboundMessage]], None], messages: list[InboundMessage]
) -> float:
    begin = time.process_time()
    work(messages)
    return (time.process_time() - begin) / len(messages) * 1e6


def _decode_all(messages: list[InboundMessage]) -> None:
    decode = msgspec.json.Decoder().decode
    for message in messages:
        decode(message.payload)


def main() -> int:
    """Measure and print the CPU time per event as one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="rounds; the fastest counts")
    parser.add_argument("--blocks", type=int, default=10, help="thousands of events per round")
    arguments = parser.parse_args()
    state = SystemState()
    while len(state.log) < RETAINED_EVENTS:
        state.fold(event_blocks(10))
    gc.collect()
    gc.freeze()
    decoding, folding = [], []
    for _ in range(arguments.rounds):
        messages = event_blocks(arguments.blocks)
        decoding.append(_microseconds(_decode_all, messages))
        folding.append(_microseconds(state.fold, messages))
        state.take_changes()
    decode_us, fold_us = min(decoding), min(folding)
    print(f"decode {decode_us:.2f} µs, fold {fold_us:.2f} µs, ratio {fold_us / decode_us:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
