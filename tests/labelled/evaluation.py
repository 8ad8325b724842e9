"""Measure a provider on the labelled messages: `python -m tests.labelled.evaluation`.

Only aggregate figures are printed. Single errors of the held-out files must not be read.
"""

import argparse
import asyncio
import dataclasses
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.provider import BuiltinProvider
from pulse_workers.chat.providers.provider import ExtractionRequest, JudgeInput, Provider
from pulse_workers.chat.records import ChatMessage

from tests.labelled.messages import LabelledMessage, conversations, messages_of

RECENT: Final = 30
"""Messages before a message that the provider is given, as many as an ingested export has."""
FILES: Final = ("tuning", "held_out", "second_held_out")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a provider answered for a labelled message."""

    message: LabelledMessage
    classification: str
    atom_types: frozenset[str]

    @property
    def is_kept(self) -> bool:
        """Whether the message is not noise; one that is not judged is not filtered out either."""
        return self.classification != "noise"


@dataclasses.dataclass(frozen=True)
class Figures:
    """Figures of a provider on some messages; a ratio without a denominator is 1.

    Attributes:
        messages: number of messages.
        not_judged: number of messages that were not judged.
        macro_f1: mean of the F1 of noise and that of everything else.
        signal_recall: share of the signals that are not taken for noise.
        signal_found: share of the signals that are classified as signal.
        noise_recall: share of the noise that is recognized.
        atoms: number of atoms that were found.
        atom_precision: share of the found atoms that are right, by type and message.
        atom_recall: share of the labelled atoms that were found.
    """

    messages: int
    not_judged: int
    macro_f1: float
    signal_recall: float
    signal_found: float
    noise_recall: float
    atoms: int
    atom_precision: float
    atom_recall: float


def chat_message(labelled: LabelledMessage) -> ChatMessage:
    """Return a labelled message as the sources make it."""
    return ChatMessage(
        id=labelled.id,
        external_message_id=labelled.id,
        content=labelled.text,
        author=labelled.author,
        author_id=labelled.author,
        sent_at=labelled.sent_at.isoformat(),
        source_name=labelled.chat,
        reply_to=labelled.reply_to,
    )


def judge_inputs(members: Sequence[LabelledMessage]) -> list[JudgeInput]:
    """Return what a provider is given for the messages of a conversation."""
    messages = [chat_message(each) for each in members]
    return [
        JudgeInput(message, messages[max(0, index - RECENT) : index][::-1])
        for index, message in enumerate(messages)
    ]


async def outcomes_of(provider: Provider, name: str) -> list[Outcome]:
    """Let a provider judge and read the messages of a file, conversation by conversation."""
    outcomes = []
    for members in conversations(name).values():
        inputs = judge_inputs(members)
        judged = (await provider.classify(inputs)).value
        request = ExtractionRequest([each.message for each in inputs], {}, (), None, 0.0)
        atoms = (await provider.extract(request)).value.atoms
        for message, judgement in zip(members, judged, strict=True):
            types = frozenset(
                atom.type
                for atom in atoms
                if any(evidence.message_id == message.id for evidence in atom.evidence)
            )
            outcomes.append(Outcome(message, judgement.classification, types))
    return outcomes


def figures_of(outcomes: Sequence[Outcome]) -> Figures:
    """Compute the figures of outcomes."""
    signals = [each for each in outcomes if each.message.label == "signal"]
    noise = [each for each in outcomes if each.message.label == "noise"]
    right = found = labelled = 0
    for each in outcomes:
        types = {atom.type for atom in each.message.atoms}
        right += len(types & each.atom_types)
        found += len(each.atom_types)
        labelled += len(types)
    return Figures(
        messages=len(outcomes),
        not_judged=sum(each.classification == "not_judged" for each in outcomes),
        macro_f1=(_f1(outcomes, is_kept=True) + _f1(outcomes, is_kept=False)) / 2,
        signal_recall=_ratio(sum(each.is_kept for each in signals), len(signals)),
        signal_found=_ratio(sum(each.classification == "signal" for each in signals), len(signals)),
        noise_recall=_ratio(sum(not each.is_kept for each in noise), len(noise)),
        atoms=found,
        atom_precision=_ratio(right, found),
        atom_recall=_ratio(right, labelled),
    )


def _f1(outcomes: Iterable[Outcome], *, is_kept: bool) -> float:
    pairs = [
        (each.is_kept is is_kept, (each.message.label != "noise") is is_kept) for each in outcomes
    ]
    both = sum(found and labelled for found, labelled in pairs)
    return _ratio(2 * both, sum(found + labelled for found, labelled in pairs))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def table(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return the figures of a file as lines of text, all messages and each language."""
    languages = sorted({each.message.language for each in outcomes})
    lines = []
    for language in (None, *languages):
        chosen = [each for each in outcomes if language in {None, each.message.language}]
        figures = figures_of(chosen)
        lines.append(
            f"{name:<15} {language or 'all':<4} {figures.messages:>5} {figures.not_judged:>5} "
            f"{figures.macro_f1:>9.3f} {figures.noise_recall:>7.3f} {figures.signal_recall:>8.3f} "
            f"{figures.signal_found:>7.3f} {figures.atoms:>6} {figures.atom_precision:>10.3f} "
            f"{figures.atom_recall:>7.3f}"
        )
    return "\n".join(lines)


HEADER: Final = (
    "                                          noise   signals signals         atom       atom\n"
    "file            lang  msgs  n.j.  macro F1 recall  kept    found   atoms  precision  recall"
)


def main() -> int:
    """Print the figures of the built-in provider."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=FILES, help="files, such as tuning")
    chosen = parser.parse_args().files
    sys.stdout.write(f"{HEADER}\n")
    for name in chosen:
        if not messages_of(name):
            parser.error(f"{name} has no messages")
        outcomes = asyncio.run(outcomes_of(BuiltinProvider(), name))
        sys.stdout.write(f"{table(name, outcomes)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
