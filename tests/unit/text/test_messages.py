"""Every text for translation is a literal with named placeholders, which extractors can find."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Final, NamedTuple

import pulse_workers
import pytest
from babel.messages.extract import extract_from_file

import pulse_desktop

ROOTS: Final = [Path(package.__path__[0]) for package in (pulse_desktop, pulse_workers)]
PARAMETERS: Final = {"_": 1, "N_": 1, "ngettext": 2, "pgettext": 2}
"""Number of literal arguments of each function that marks a text for translation."""
MAY_BE_A_CALL: Final = re.compile(rf"\b({'|'.join(PARAMETERS)})\s*\(")
"""Found in the text of each module with such a call: the others need not be parsed."""
TRANSLATION: Final = "pulse_desktop.text.translation"


class Call(NamedTuple):
    """A call that marks a text for translation.

    Attributes:
        where: file and line.
        function: name of the function.
        arguments: its literal arguments.
        keywords: names passed to `format` at once, None if it is not called at once.
    """

    where: str
    function: str
    arguments: list[ast.expr]
    keywords: frozenset[str] | None

    @property
    def texts(self) -> list[str]:
        """The arguments as text; empty if any is not a literal."""
        values = [each.value for each in self.arguments if isinstance(each, ast.Constant)]
        texts = [value for value in values if isinstance(value, str)]
        return texts if len(texts) == PARAMETERS[self.function] else []

    @property
    def messages(self) -> list[str]:
        """The texts that are shown, without the context of `pgettext`."""
        return self.texts[1:] if self.function == "pgettext" else self.texts


def python_files() -> Iterator[Path]:
    """Iterate over the modules of both programs."""
    for root in ROOTS:
        yield from sorted(root.rglob("*.py"))


def translated_calls(path: Path) -> Iterator[Call]:
    """Iterate over the calls of a module that mark a text for translation."""
    text = path.read_text("utf-8")
    if MAY_BE_A_CALL.search(text) is None:
        return
    nodes = list(ast.walk(ast.parse(text)))
    keywords = {
        id(node.func.value): frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "format"
        and all(keyword.arg for keyword in node.keywords)
    }
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        count = PARAMETERS.get(node.func.id)
        if count is not None and path.stem != "translation":
            where = f"{path}:{node.lineno}"
            yield Call(where, node.func.id, node.args[:count], keywords.get(id(node)))


@functools.cache
def all_calls() -> list[Call]:
    """Return the calls of all modules, read once and not while tests are collected."""
    return [call for path in python_files() for call in translated_calls(path)]


def placeholders(text: str) -> list[str]:
    """Return the names of a text's placeholders."""
    return [name for _text, name, _spec, _conversion in Formatter().parse(text) if name is not None]


def test_there_are_texts_for_translation() -> None:
    assert len(all_calls()) > 200
    assert {call.function for call in all_calls()} == set(PARAMETERS)


def test_every_text_is_a_literal() -> None:
    assert [call.where for call in all_calls() if not call.texts] == []


def test_no_placeholder_is_positional() -> None:
    positional = [
        f"{call.where}: {text}"
        for call in all_calls()
        for text in call.messages
        for name in placeholders(text)
        if not name or name[0].isdigit()
    ]
    assert positional == []


def test_no_text_is_blank_or_has_space_at_its_ends() -> None:
    for call in all_calls():
        assert [text for text in call.messages if not text or text != text.strip(" ")] == [], call


def test_the_plural_has_every_placeholder_of_the_singular() -> None:
    for call in all_calls():
        if call.function == "ngettext" and call.texts:
            one, many = call.texts
            assert set(placeholders(one)) <= set(placeholders(many)), call.where


def test_every_placeholder_is_filled_in() -> None:
    for call in all_calls():
        for text in call.messages:
            if call.keywords is not None:
                assert set(placeholders(text)) <= call.keywords, call.where


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.name)
def test_the_extractor_finds_every_text(root: Path) -> None:
    calls = [call for call in all_calls() if call.where.startswith(str(root))]
    extracted: set[str] = set()
    for path in {call.where.rpartition(":")[0] for call in calls}:
        for _line, message, _comments, _context in extract_from_file("python", path):
            extracted.update([message] if isinstance(message, str) else message)
    found = {text for call in calls for text in call.messages}
    assert found - extracted == set()


def binds_underscore(node: ast.AST) -> bool:
    """Return whether a node binds the name `_`, and so hides the translation function."""
    if isinstance(node, ast.arg):
        return node.arg == "_"
    return isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)


def test_no_module_hides_the_translation_function() -> None:
    hiding = []
    for path in python_files():
        text = path.read_text("utf-8")
        if TRANSLATION not in text:
            continue
        tree = ast.parse(text)
        imports = any(
            isinstance(node, ast.ImportFrom)
            and node.module == TRANSLATION
            and any(alias.name == "_" for alias in node.names)
            for node in ast.walk(tree)
        )
        if imports:
            hiding += [
                f"{path}:{getattr(node, 'lineno', 0)}"
                for node in ast.walk(tree)
                if binds_underscore(node)
            ]
    assert hiding == []
