"""Measure the CPU time of folding an event into the state, as a ratio to decoding it.

No server, window or network is involved, so that two versions can be compared on a busy machine.
The same events are decoded and folded in turns. The minimum over many rounds counts, because other
load can only make a round slower.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from benchmarks.traffic import BLOCK, Traffic
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.state.system import SystemState

FILL = 100_000


def events(blocks: int) -> list[InboundMessage]:
    """Return the events of `blocks` blocks, as received from the network."""
    traffic = Traffic(headers=False)
    return [each for _ in range(blocks) for each in _arrivals(traffic.take(BLOCK))]


def _arrivals(commands: bytes) -> Iterator[InboundMessage]:
    at = 0
    while at < len(commands):
        end = commands.index(b"\r\n", at)
        _, subject, size = commands[at:end].split()
        begin = end + 2
        at = begin + int(size) + 2
        yield InboundMessage(Source.EVENT, subject.decode(), commands[begin : at - 2], time.time())


def _microseconds(
    work: Callable[[list[InboundMessage]], None], arrivals: list[InboundMessage]
) -> float:
    begin = time.process_time()
    work(arrivals)
    return (time.process_time() - begin) / len(arrivals) * 1e6


def _decode_all(arrivals: list[InboundMessage]) -> None:
    decode = msgspec.json.Decoder().decode
    for arrival in arrivals:
        decode(arrival.payload)


def main() -> int:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--blocks", type=int, default=10, help="thousands of events per round")
    arguments = parser.parse_args()
    state = SystemState()
    while len(state.log) < FILL:
        state.fold(events(10))
    gc.collect()
    gc.freeze()
    decoding, folding = [], []
    for _ in range(arguments.rounds):
        arrivals = events(arguments.blocks)
        decoding.append(_microseconds(_decode_all, arrivals))
        folding.append(_microseconds(state.fold, arrivals))
        state.take_changes()
    least, fold = min(decoding), min(folding)
    print(f"decode {least:.2f} µs, fold {fold:.2f} µs, {fold / least:.2f} times as much")
    return 0


if __name__ == "__main__":
    sys.exit(main())
