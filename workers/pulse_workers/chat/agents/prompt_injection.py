"""Detection of prompt injections: messages that give instructions to a language model.

They are not sent to models. No list of patterns is complete, so this is one of several defences:
a message that is not detected is still data between delimiters, and an answer about it still has
to be valid.
"""

import hashlib
import re
import unicodedata
from typing import Final

from pulse_workers.chat.agents.prompt_data import MAX_TEXT, visible
from pulse_workers.chat.records import ChatMessage

_LATIN: Final = str.maketrans("аеорсухіјкмтвн", "aeopcyxijkmtbh")
"""Cyrillic letters that look like Latin ones."""

_MODEL: Final = (
    r"(?:ai|llms?|gpt|chatgpt|language models?|assistant|the bot|models?"
    r"|ші|асистент\w*|ші-асистент\w*|бот|модел[ьі]\w*)"
)
_RULES: Final = (
    r"(?:instructions?|rules|prompts?|guidelines"
    r"|інструкці\w*|правила|вказівк\w*|промпт\w*|pravyla|instrukci\w*|инструкци\w*)"
)
_CLASS: Final = r"[\"'«]?(?:noise|signal|weak_signal)\b"
_PATTERNS: Final = (
    # control tokens and turns of chat templates
    r"<\|\w+\|>|\[/?inst\]|<</?sys>>|<start_of_turn>|<!--",
    r"</?(?:system|assistant|user|messages?|input|instructions?|data)>",
    r"###\s*(?:instruction|response|system)",
    r"(?:^|\n)\s*(?:human|assistant|system|система)\s*:",
    r"\btool_calls?\b",
    # instructions about instructions
    rf"\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{{0,40}}\b{_RULES}",
    rf"\b(?:забудь\w*|(?:про)?ігноруй\w*|відкинь\w*|zabud|забудьте|игнорируй\w*)\b[^.\n]{{0,40}}{_RULES}",
    r"\byou are now\b|\bти тепер\b|\bdeveloper mode\b|режим розробника",
    r"\b(?:system|full) prompt\b|системний промпт",
    # speaking to a model
    rf"(?:^|[\n(.,!—])\s*(?:note to|dear|hey|attention|увага|шановн\w+)?\s*{_MODEL}\s*[,:]",
    rf"\b(?:note to|dear|hey)\s+{_MODEL}\b|,\s*assistant\b|\bусім моделям\b",
    r"\bdevelopers of this bot\b",
    # instructions about the answer
    rf"\b(?:classify|mark|rate|label|постав\w*|postav|познач\w*)\b[^.\n]{{0,40}}{_CLASS}",
    r"\b(?:valid class|клас кожного повідомлення|класифікуй)\b",
    r"[\"']?(?:class|classification|atoms|quote)[\"']\s*:",
    r"\b(?:decode|розкодуй)\b[^.\n]{0,20}\b(?:do|виконай)\b|^\W*виконай\s*:",
    r"\b(?:відповідай|answer|respond|reply)\b[^.\n]{0,30}\b(?:json|словом|word)\b",
    r"(?:поверни|return)\b[^.\n]{0,20}\b(?:порожній|empty) (?:список|list)",
    r"\bвитягни його\b|\bmake sure to (?:quote|extract|include)\b",
)
_INJECTION: Final = re.compile("|".join(_PATTERNS))

_MAX_RESULTS: Final = 20_000
_results: Final[dict[bytes, bool]] = {}
"""Results of the last searches, by the hash of the text: the texts would take many megabytes."""


def has_prompt_injection(message: ChatMessage, attachment_text: str = "") -> bool:
    """Return whether a text or name of a message seems to be a prompt injection."""
    names = (message.author, message.forwarded_from, *(each.name for each in message.attachments))
    texts = (message.content, attachment_text, *names)
    return any(is_prompt_injection(text) for text in texts if text)


def is_prompt_injection(text: str) -> bool:
    """Return whether a text seems to give instructions to a language model.

    It takes milliseconds for a long text, so call it in a thread. The last texts are remembered:
    classification, extraction and analysis read the same ones.
    """
    text = text[: 2 * MAX_TEXT]
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
    result = _results.get(digest)
    if result is None:
        result = _search(text)
        if len(_results) >= _MAX_RESULTS:
            _results.clear()
        _results[digest] = result
    return result


def _search(text: str) -> bool:
    normal = unicodedata.normalize("NFKC", visible(text)).lower()
    # Patterns with several \s* would take cubic time on long runs of white space.
    lines = (" ".join(line.split()) for line in normal.splitlines())
    plain = "\n".join(line for line in lines if line)
    return any(
        _INJECTION.search(form) is not None
        for form in (plain, plain.translate(_LATIN), plain[::-1])
    )
