"""`pulse-worker check` reports each permission of packaging/nats that a worker lacks."""

import json
import re
from argparse import Namespace

import pytest
from pulse_workers.cli import check
from pulse_workers.config.settings import Settings

from tests.kit.nats_servers import NatsServer
from tests.kit.worker_processes import ROOT

ACCOUNTS = (ROOT / "packaging" / "nats" / "accounts.conf").read_text()
ALLOW_RESPONSES = "allow_responses"
CORE_ONLY = {
    ("publish", "pulse.peers"),
    ("subscribe", "pulse.peers"),
    ("subscribe", "taskiq_tasks"),
}
NOTHING = ("", "")


def _granted() -> list[tuple[str, str]]:
    """Return the verb (`publish` or `subscribe`) and subject of each permission of a worker."""
    found = re.search(r"(?ms)^WORKER_MAY \{\n(.*?)^\}", ACCOUNTS)
    assert found
    text = re.sub(r"(?m)#.*$", "", found[1])
    publish, subscribe = text.split("subscribe {")
    assert ALLOW_RESPONSES in subscribe
    subscribe = subscribe.partition(ALLOW_RESPONSES)[0]
    granted = [("publish", subject) for subject in re.findall(r'"([^"]+)"', publish)]
    return granted + [("subscribe", subject) for subject in re.findall(r'"([^"]+)"', subscribe)]


GRANTED = _granted()
WITHHELD = [NOTHING, *GRANTED, (ALLOW_RESPONSES, "")]


def _user(number: int, withheld: tuple[str, str]) -> str:
    """Return the configuration of a user with all permissions but one."""
    kept = [permission for permission in GRANTED if permission != withheld]
    parts = [
        f"{verb}: {{ allow: {json.dumps([subject for of, subject in kept if of == verb])} }}"
        for verb in ("publish", "subscribe")
    ]
    if withheld[0] != ALLOW_RESPONSES:
        parts.append(f"{ALLOW_RESPONSES}: true")
    return f"{{ user: u{number}, password: p, permissions: {{ {', '.join(parts)} }} }}"


async def test_check_reports_each_missing_permission(
    capsys: pytest.CaptureFixture[str],
) -> None:
    users = ", ".join(_user(number, withheld) for number, withheld in enumerate(WITHHELD))
    options = Namespace(json=True, config="/dev/null", wait=0.01)
    unreported = []
    with NatsServer(config=f"authorization {{ users: [ {users} ] }}") as server:
        for number, withheld in enumerate(WITHHELD):
            settings = Settings(
                server=f"nats://u{number}:p@{server.address}",
                inbox_prefix="_INBOX_worker",
                broker="core" if withheld in CORE_ONLY else "jetstream",
            )
            code = await check.run(options, settings)
            results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            found = [result for result in results if result["check"] != "workers"]
            missing = [result for result in found if result["status"] != "ok"]
            if withheld == NOTHING:
                assert (code, missing) == (0, [])
            elif not missing:
                unreported.append(withheld)
    assert unreported == []
