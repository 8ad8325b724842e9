"""Commands in documentation and code never pass credentials as an argument.

Other users can see arguments with `ps`, and the shell saves them in its history.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CREDENTIALS_IN_COMMAND = re.compile(r"(?:--server[= ]|\bSERVER=)\S*://[^\s/]*@")
TEXTS = {".md", ".py", ".sh", ".yaml", ".conf", ".service", ".target", ".example", ".xml"}


def test_no_command_contains_credentials() -> None:
    files = [ROOT / "README.md", ROOT / "Makefile"]
    for folder in ("docs", "packaging", "pulse_desktop", "workers"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    violations = {}
    for path in files:
        match = CREDENTIALS_IN_COMMAND.search(path.read_text(encoding="utf-8"))
        if match is not None:
            violations[str(path.relative_to(ROOT))] = match[0]
    assert len(files) > 300
    assert violations == {}


def test_credentials_in_a_command_are_found() -> None:
    assert CREDENTIALS_IN_COMMAND.search("pulse-desktop --server nats://viewer:PASSWORD@host:4222")
    assert CREDENTIALS_IN_COMMAND.search("make run SERVER=nats://user:password@host")
    assert not CREDENTIALS_IN_COMMAND.search("pulse-desktop --server nats://host:4222")
    assert not CREDENTIALS_IN_COMMAND.search(
        'PULSE_SERVER="nats://viewer:$PASSWORD@host" pulse-desktop'
    )
