"""Answers of a scripted model to the agents: right ones, made of the data in the request."""

import json
from typing import Any

from tests.kit.model_server import ModelRequest, Reply


def given_messages(request: ModelRequest) -> list[dict[str, Any]]:
    """Return the numbered messages in a request."""
    records = [json.loads(line) for line in data_lines(request)]
    return [record for record in records if "number" in record]


def data_lines(request: ModelRequest) -> list[str]:
    """Return the lines between the delimiters of a request."""
    lines = request.messages[1].split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith("BEGIN DATA "))
    code = lines[first].removeprefix("BEGIN DATA ")
    ends = [i for i, line in enumerate(lines) if line.startswith("END DATA")]
    assert [lines[i] for i in ends] == [f"END DATA {code}"]
    return lines[first + 1 : ends[0]]


def judged(
    messages: list[dict[str, Any]], classification: str = "signal", **more: Any
) -> dict[str, Any]:
    """Return an answer that judges all messages alike."""
    common = {"classification": classification, "importance": 0.9, "reason": "as told"}
    return {
        "judgements": [
            {"number": each["number"], "topic": "payments", **common, **more} for each in messages
        ]
    }


def extracted(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an answer with a decision in each message, and one topic."""
    atoms = [
        {
            "type": "decision",
            "title": f"Decided: {each['text'][:80]}",
            "sources": [{"number": each["number"], "quote": each["text"][:200]}],
            "confidence": 0.75,
        }
        for each in messages
    ]
    numbers = [each["number"] for each in messages]
    topic = {"name": "payment queue", "key_phrases": ["timeout"], "numbers": numbers}
    return {"atoms": atoms, "topics": [topic]}


def summarised(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a summary with a statement of each kind about the first message."""
    about = {"numbers": [messages[0]["number"]]}
    return {
        "changes": [{"text": "The queue has a larger pool.", **about}],
        "decisions": [{"text": "Release 4.17 is used again.", **about}],
        "open_questions": [{"text": "Who checks the backlog?", **about}],
        "risks": [{"text": "The timeout may come back.", **about}],
        "waiting": [
            {"who": "Marek", "waits_for": "Priya", "text": "Marek waits for a fix.", **about}
        ],
    }


def right_answer(request: ModelRequest) -> Reply:
    """Answer any agent; anything else than a completion in the usual way."""
    if request.kind != "completion":
        return Reply()
    messages = given_messages(request)
    properties = (request.schema or {})["properties"]
    if "judgements" in properties:
        return Reply(judged(messages))
    if "atoms" in properties:
        return Reply(extracted(messages))
    return Reply(summarised(messages))
