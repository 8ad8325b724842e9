"""docs/agents.md is tried as written."""

import importlib.util
import json
import re
from pathlib import Path

from tests.kit.agent_answers import given_messages
from tests.kit.model_clients import open_client
from tests.kit.model_server import ModelServer, Reply
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

DOCS = Path(__file__).parents[5] / "docs" / "agents.md"


def blocks(language: str) -> list[str]:
    text = DOCS.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


async def test_the_added_agent_finds_greetings(tmp_path: Path) -> None:
    (prompt,), (module,) = blocks("markdown"), blocks("python")
    prompt_file = tmp_path / "greetings.md"
    prompt_file.write_text(prompt)
    code = tmp_path / "greetings.py"
    code.write_text(module)
    spec = importlib.util.spec_from_file_location("greetings", code)
    assert spec is not None
    assert spec.loader is not None
    greetings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(greetings)
    chat = [chat_message("good morning"), chat_message("the queue is slow")]
    async with ModelServer([Reply({"numbers": [1, 3]}), Reply({"numbers": [1]})]) as server:
        async with open_client(server) as client:
            found = await greetings.find_greetings(client, "small", chat, str(prompt_file))
        assert len(given_messages(server.requests[0])) == 2
        assert "there is no message 3" in server.requests[1].messages[-1]
    assert found == (chat[0].id,)


def test_the_commands_have_valid_arguments() -> None:
    lines = re.findall(r"--kwargs '(\{.*?\})'", DOCS.read_text(encoding="utf-8"))
    assert len(lines) == 4
    for line in lines:
        assert isinstance(json.loads(line), dict)
