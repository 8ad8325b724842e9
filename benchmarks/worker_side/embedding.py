"""Measure the texts per CPU second of the built-in embedding: one process, no NATS."""

import json
import sys
import time
from statistics import mean, median

from pulse_workers.chat.providers.builtin.embedding import DIMENSIONS, embed_texts
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.telegram_export import read_export

BATCH = 50
ROUNDS = 15


def main() -> int:
    """Measure and print the figures as one line of JSON."""
    messages = read_export("", AllowedFolders()).messages
    texts = [message.content for message in messages]
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    embed_texts(texts)
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for batch in batches:
            embed_texts(batch)
        rounds.append(len(texts) / (time.process_time() - begin))
    figures = {
        "texts": len(texts),
        "mean_characters": mean(len(text) for text in texts),
        "batch": BATCH,
        "dimensions": DIMENSIONS,
        "per_cpu_second": median(rounds),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
