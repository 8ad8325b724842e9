"""A server of language models for tests: real HTTP, the protocols of OpenAI and Ollama, scripted.

Each request takes the next `Reply` of the script; without one, the answer is made of the schema and
the texts, always the same for the same request. A reply can be slow, broken or a lie.
"""

import asyncio
import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Callable
from typing import Any, Final

from tests.kit.loopback_server import LoopbackServer

DIMENSIONS: Final = 16
JSON_SCHEMA, TOOL, PROMPT = "json_schema", "tool", "prompt"
_REASONS: Final = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
                   404: "Not Found", 429: "Too Many Requests"}  # fmt: skip


@dataclasses.dataclass
class ModelRequest:
    """A request that the server received.

    Attributes:
        protocol: `openai` or `ollama`.
        kind: `completion`, `embedding` or `models`.
        output_mode: `json_schema`, `tool` or `prompt`, for completions.
        schema: JSON Schema of the answer; in the mode `prompt` the one in the instructions.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    protocol: str
    kind: str
    output_mode: str = PROMPT
    schema: dict[str, Any] | None = None

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[str]:
        """The texts of the conversation."""
        return [str(message["content"]) for message in self.body.get("messages", ())]


@dataclasses.dataclass
class Reply:
    """How the server answers one request.

    Attributes:
        value: JSON value that the model answers with; None for one made of the schema.
        text: what the model writes, instead of a value.
        vectors: rows of an embedding, instead of those made of the texts.
        usage: tokens read and written; None for true counts, `"absent"` for no usage.
        is_cut: whether the answer says that it ended at the limit of tokens.
        model: model that claims to have answered, instead of the requested one.
        status: HTTP status; other than 200 with `error` as its message.
        error: message of an error.
        code: code of an error.
        headers: additional headers.
        body: the HTTP body as it is, instead of one that follows the protocol.
        hold: the response is sent when this event is set.
        drip: send the body byte by byte, this many seconds apart.
        cut_body: send only the first half of the announced body, then close.
        close: close the connection without a response.
    """

    value: Any = None
    text: str | None = None
    vectors: list[list[float]] | None = None
    usage: Any = None
    is_cut: bool = False
    model: str = ""
    status: int = 200
    error: str = "the server is told to fail"
    code: str = ""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    hold: asyncio.Event | None = None
    drip: float | None = None
    cut_body: bool = False
    close: bool = False

    @classmethod
    def failing(cls, status: int, error: str = "told to fail", **more: Any) -> "Reply":
        """An error response."""
        return cls(status=status, error=error, **more)

    @classmethod
    def rate_limited(cls, **headers: str) -> "Reply":
        """HTTP 429; `retry_after="1"` becomes the header `retry-after: 1`."""
        found = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status=429, error="rate limit reached", headers=found)

    @classmethod
    def redirecting(cls, location: str) -> "Reply":
        return cls(status=302, headers={"location": location})

    @classmethod
    def malformed(cls) -> "Reply":
        """A success whose body is no JSON."""
        return cls(body=b'{"choices": [{"message": {"content": ')

    @classmethod
    def huge(cls, size: int) -> "Reply":
        """A success with a long text."""
        return cls(text="x" * size)


Script = list[Reply] | Callable[[ModelRequest], Reply]


class ModelServer(LoopbackServer):
    """An HTTP server on loopback, in the event loop of the test.

    Attributes:
        script: replies in order, or a function from request to reply.
        always: reply when the script is over, instead of a good one.
        requests: what was received, in order.
        modes: output modes that the server accepts; others are HTTP 400.
        ignores_schema: whether it accepts a schema and does not enforce it: it answers with prose.
        models: names of the models that it lists.
        key: API key that it requires; it repeats a wrong one in its error.
        active: number of requests that are not answered yet.
        most_active: largest number of them so far.
    """

    def __init__(self, script: Script | None = None, *, key: str = "") -> None:
        super().__init__()
        self.script: Script = script if script is not None else []
        self.always: Reply | None = None
        self.requests: list[ModelRequest] = []
        self.modes = {JSON_SCHEMA, TOOL, PROMPT}
        self.ignores_schema = False
        self.models = ["small", "large", "embedder"]
        self.key = key
        self.active = 0
        self.most_active = 0

    @property
    def openai_url(self) -> str:
        """Base URL of the OpenAI API."""
        return f"{self.url}/v1"

    def requests_of(self, kind: str) -> list[ModelRequest]:
        return [request for request in self.requests if request.kind == kind]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _read_request(reader):
            self.requests.append(request)
            self.active += 1
            self.most_active = max(self.most_active, self.active)
            try:
                is_open = await self._respond(request, reader, writer)
            finally:
                self.active -= 1
            if not is_open:
                return

    async def _respond(
        self, request: ModelRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Send a reply; return whether the connection stays open."""
        reply = self._reply(request)
        if reply.hold is not None and not await _until(reply.hold, reader):
            return False
        if reply.close:
            return False
        body = reply.body if reply.body is not None else self._body(request, reply)
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **reply.headers,
        }
        lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join((*lines, "", "")).encode())
        if reply.cut_body:
            writer.write(body[: len(body) // 2])
            await writer.drain()
            return False
        if reply.drip is not None:
            for byte in body:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(reply.drip)
            return True
        writer.write(body)
        await writer.drain()
        return True

    def _reply(self, request: ModelRequest) -> Reply:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            return Reply.failing(
                401, f"Incorrect API key provided: {given}", code="invalid_api_key"
            )
        if request.kind == "models":
            return Reply() if self.always is None else self.always
        if request.kind == "completion" and request.output_mode not in self.modes:
            return Reply.failing(400, f"{request.output_mode} is not supported")
        if callable(self.script):
            return self.script(request)
        if self.script:
            return self.script.pop(0)
        return self.always or Reply()

    def _body(self, request: ModelRequest, reply: Reply) -> bytes:
        if reply.status != 200:
            error: dict[str, Any] = {"message": reply.error, "code": reply.code or None}
            return json.dumps({"error": error}).encode()
        make = {"models": self._models, "embedding": _embedding, "completion": self._completion}
        return json.dumps(make[request.kind](request, reply)).encode()

    def _models(self, request: ModelRequest, _reply: Reply) -> dict[str, Any]:
        if request.protocol == "ollama":
            return {"models": [{"name": name, "model": name} for name in self.models]}
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}

    def _completion(self, request: ModelRequest, reply: Reply) -> dict[str, Any]:
        text, mode = self._text(request, reply), request.output_mode
        usage = reply.usage
        if usage is None:
            usage = sum(map(_count_tokens, request.messages)), _count_tokens(text)
        is_called = mode == TOOL and reply.text is None and not self.ignores_schema
        model = reply.model or request.model
        if request.protocol == "ollama":
            message: dict[str, Any] = {"role": "assistant", "content": "" if is_called else text}
            if is_called:
                message["tool_calls"] = [{"function": {"arguments": json.loads(text)}}]
            counts = {} if usage == "absent" else dict(
                zip(("prompt_eval_count", "eval_count"), usage, strict=True)
            )  # fmt: skip
            ended = "length" if reply.is_cut else "stop"
            return {
                "model": model,
                "message": message,
                "done": True,
                "done_reason": ended,
                **counts,
            }
        message = {"role": "assistant", "content": None if is_called else text}
        if is_called:
            call = {"name": "answer", "arguments": text}
            message["tool_calls"] = [{"id": "call-1", "type": "function", "function": call}]
        ended = "length" if reply.is_cut else "tool_calls" if is_called else "stop"
        choice = {"index": 0, "message": message, "finish_reason": ended}
        found: dict[str, Any] = {"id": "completion-1", "model": model, "choices": [choice]}
        if usage != "absent":
            found["usage"] = dict(zip(("prompt_tokens", "completion_tokens"), usage, strict=True))
        return found

    def _text(self, request: ModelRequest, reply: Reply) -> str:
        if reply.text is not None:
            return reply.text
        if self.ignores_schema and request.output_mode != PROMPT:
            return "Sure! Here is what I think about these messages."
        value = reply.value if reply.value is not None else example_of(request.schema or {})
        return json.dumps(value, ensure_ascii=False)


def example_of(schema: dict[str, Any]) -> Any:
    """Return the simplest value that a JSON Schema allows: first alternatives, empty lists."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if alternatives := schema.get("anyOf"):
        return example_of(alternatives[0])
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: example_of(each) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema["items"])] * schema.get("minItems", 0)
    simple: dict[str, Any] = {"string": "text", "boolean": True, "null": None}
    return simple[kind] if kind in simple else schema.get("minimum", 0)


def vector_of(text: str) -> list[float]:
    """Return a vector with equal parts for equal words: texts that share words are similar."""
    vector = [0.001] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.blake2b(word.encode(), digest_size=2).digest()
        vector[digest[0] % DIMENSIONS] += 1 if digest[1] % 2 else -1
    length = math.sqrt(sum(part * part for part in vector))
    return [3 * part / length for part in vector]  # not a unit vector: servers need not return any


def _embedding(request: ModelRequest, reply: Reply) -> dict[str, Any]:
    texts = request.body["input"]
    rows = reply.vectors if reply.vectors is not None else [vector_of(text) for text in texts]
    usage = reply.usage if reply.usage is not None else (sum(map(_count_tokens, texts)), 0)
    model = reply.model or request.model
    if request.protocol == "ollama":
        return {"model": model, "embeddings": rows, "prompt_eval_count": usage[0]}
    data = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
    return {"model": model, "data": data[::-1], "usage": {"prompt_tokens": usage[0]}}


def _count_tokens(text: str) -> int:
    return max(1, len(text) // 4)


async def _until(event: asyncio.Event, reader: asyncio.StreamReader) -> bool:
    """Wait for an event; False if the client closes the connection before."""
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(reader.read(1))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> ModelRequest | None:
    """Read a request; None at the end of the connection."""
    line = await reader.readline()
    if not line:
        return None
    method, path, _version = line.decode().split()
    headers: dict[str, str] = {}
    while header := (await reader.readline()).decode().strip():
        name, _colon, value = header.partition(":")
        headers[name.lower()] = value.strip()
    size = int(headers.get("content-length", 0))
    body = json.loads(await reader.readexactly(size)) if size else {}
    ollama = {"/api/chat": "completion", "/api/embed": "embedding", "/api/tags": "models"}
    openai = {"/v1/chat/completions": "completion", "/v1/embeddings": "embedding",
              "/v1/models": "models"}  # fmt: skip
    protocol = "ollama" if path in ollama else "openai"
    kind = {**ollama, **openai}[path]
    request = ModelRequest(method, path, headers, body, protocol, kind)
    if kind == "completion":
        request.output_mode, request.schema = _output_mode(body)
    return request


def _output_mode(body: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    if "format" in body:
        return JSON_SCHEMA, body["format"]
    if "response_format" in body:
        return JSON_SCHEMA, body["response_format"]["json_schema"]["schema"]
    if tools := body.get("tools"):
        return TOOL, tools[0]["function"]["parameters"]
    found = re.search(r'(?m)^\{"\$?\w+":.*\}$', str(body["messages"][0]["content"]))
    return PROMPT, json.loads(found[0]) if found else None
