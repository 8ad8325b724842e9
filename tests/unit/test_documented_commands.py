"""No command that we show puts a login where `ps` and the shell's history have it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOGIN_IN_A_COMMAND = re.compile(r"(?:--server[= ]|\bSERVER=)\S*://[^\s/]*@")
TEXTS = {".md", ".py", ".sh", ".yaml", ".conf", ".service", ".target", ".example", ".xml"}


def test_no_command_is_shown_with_a_login_in_it() -> None:
    files = [ROOT / "README.md", ROOT / "Makefile"]
    for folder in ("docs", "packaging", "pulse_desktop", "workers"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    wrong = {}
    for path in files:
        found = LOGIN_IN_A_COMMAND.search(path.read_text(encoding="utf-8"))
        if found is not None:
            wrong[str(path.relative_to(ROOT))] = found[0]
    assert len(files) > 300
    assert wrong == {}


def test_a_login_in_a_command_is_recognised() -> None:
    assert LOGIN_IN_A_COMMAND.search("pulse-desktop --server nats://viewer:PASSWORD@host:4222")
    assert LOGIN_IN_A_COMMAND.search("make run SERVER=nats://user:password@host")
    assert not LOGIN_IN_A_COMMAND.search("pulse-desktop --server nats://host:4222")
    assert not LOGIN_IN_A_COMMAND.search(
        'PULSE_SERVER="nats://viewer:$PASSWORD@host" pulse-desktop'
    )
