"""Private names of nats-py are used only where its client is extended."""

import ast
import inspect
import re
import sys
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.protocol.parser import Parser

ROOT = Path(__file__).parents[3]
ALLOWED = {"pulse_desktop/nats_client/client.py", "pulse_desktop/nats_client/fast_path.py"}
NAMED_TUPLE = {"_replace", "_asdict", "_fields"}  # public, in spite of their names


def _private_names() -> set[str]:
    """Return the private attributes and methods of nats-py's classes."""
    names: set[str] = set()
    for kind in (Client, Msg, Subscription, JetStreamContext, Parser):
        names |= {name for name in dir(kind) if _is_private(name)}
        for node in ast.walk(ast.parse(inspect.getsource(sys.modules[kind.__module__]))):
            if isinstance(node, ast.Attribute) and _is_private(node.attr):
                names.add(node.attr)
    return names


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in NAMED_TUPLE


def _foreign_uses(file: Path, names: set[str]) -> list[str]:
    """Return the uses of such a name on anything but `self` or a class of the module."""
    text = file.read_text(encoding="utf-8")
    if not re.search(rf"\.\s*(?:{'|'.join(names)})\b", text):
        return []
    tree = ast.parse(text)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return [
        f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in names
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls", *own})
    ]


def test_private_names_of_nats_py_are_used_where_its_client_is_extended() -> None:
    names = _private_names()
    assert {"_nc", "_server_info", "_process_msg"} <= names
    found: list[str] = []
    for package in ("pulse_desktop", "workers/pulse_workers", "benchmarks", "packaging"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if str(file.relative_to(ROOT)) not in ALLOWED:
                found += _foreign_uses(file, names)
    assert found == []
