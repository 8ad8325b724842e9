"""Nothing that looks like a secret, and no field that was named, is in a recording."""

import base64
import gzip
import json
import math
import pickle
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.plain_data import encode_plain
from pulse_desktop.protocol.task_lineage import pipeline_of
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.session.recording.masked_values import MaskedValues
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.text_mask import MASK

AT = 1_796_000_000.0
TOKEN = "ghp_0123456789abcdefghijklmnop"


def event(payload: bytes) -> InboundMessage:
    return InboundMessage(Source.EVENT, "websocket.tasks", payload, AT)


def task(payload: bytes) -> InboundMessage:
    return InboundMessage(Source.TASK, "taskiq_tasks", payload, AT)


def masked(value: Any, *fields: str) -> Any:
    return json.loads(Masker(fields).mask_payload(event(json.dumps(value).encode())))


def test_values_of_secret_fields_are_left_out_at_any_depth() -> None:
    value = {"data": [{"password": "hunter2", "api_key": 12, "nested": {"Authorization": "x"}}]}
    assert masked(value) == {
        "data": [{"password": MASK, "api_key": MASK, "nested": {"Authorization": MASK}}]
    }


def test_secrets_within_texts_are_left_out() -> None:
    value = {"text": f"use {TOKEN} at nats://user:secret@host:4222"}
    text = masked(value)["text"]
    assert TOKEN not in text
    assert "secret" not in text
    assert "nats://user:***@host:4222" in text


def test_counts_of_tokens_are_no_secrets() -> None:
    value = {"tokens_in": 120, "tokens_out": 7, "max_tokens": 5, "tokenizer": "x"}
    assert masked(value) == value


def test_fields_that_are_named_are_left_out_in_any_case() -> None:
    assert masked({"Text": "hello", "author": ["a"], "n": 1}, "text", "AUTHOR") == {
        "Text": MASK,
        "author": MASK,
        "n": 1,
    }


def test_a_payload_without_secrets_stays_exactly_as_it_was_sent() -> None:
    raw = b'{"type":"x","n":12345678901234567890123,"n":1,"f":1.0e0}'
    assert Masker().mask_payload(event(raw)) == raw


def test_a_payload_of_several_lines_becomes_one() -> None:
    payload = Masker().mask_payload(event(b'{\n  "type": "x"\r\n}'))
    assert payload == b'{"type":"x"}'


def test_positional_arguments_are_left_out_by_the_names_of_the_task() -> None:
    payload, _headers = encode_task("1", "send", args=b'["hello", 5]', kwargs=b'{"text":"a"}')
    masker = Masker(["text"], lambda name: ("text", "times") if name == "send" else ())
    assert json.loads(masker.mask_payload(task(payload)))["args"] == [MASK, 5]


@pytest.mark.parametrize("format_", ["json", "msgpack", "cbor", "pickle"])
def test_arguments_are_masked_in_every_format_of_a_task(format_: str) -> None:
    payload, _headers = encode_task(
        "1", "login", kwargs=b'{"password":"hunter2","user":"ann"}', format_=format_
    )
    recorded = Masker().mask_payload(task(payload))
    assert json.loads(recorded)["kwargs"] == {"password": MASK, "user": "ann"}


def test_what_is_no_json_is_kept_as_text_without_secrets() -> None:
    assert (
        Masker().mask_payload(event(b"token=abcdef123456 \xc3\xa9\tx")) == b"token=*** \xc3\xa9\tx"
    )


SECRET = {"password": "hunter2", "text": "private"}


@pytest.mark.parametrize(
    "payload",
    [
        *(pickle.dumps(SECRET, protocol) for protocol in range(6)),
        *(pickle.dumps(Fraction(1), protocol) for protocol in range(6)),
        msgspec.msgpack.encode(SECRET),
        encode_plain(SECRET, "cbor"),
        gzip.compress(json.dumps(SECRET).encode(), mtime=0),
        b"password hunter2\0",
        b"\xff\xfe",
        *(f"password=hunter2 {name}".encode(name) for name in ("utf-16", "utf-16-be", "utf-32-le")),
    ],
)
@pytest.mark.parametrize("source", list(Source))
def test_of_what_is_neither_json_nor_text_only_the_length_is_kept(
    payload: bytes, source: Source
) -> None:
    message = InboundMessage(source, "x", payload, AT)
    assert Masker().mask_payload(message) == b"*** (%d bytes)" % len(payload)


def test_text_that_names_a_field_to_leave_out_is_left_out() -> None:
    payload = b'{"Text": "private'
    assert Masker(["text"]).mask_payload(event(payload)) == b"*** (17 bytes)"
    assert Masker(["author"]).mask_payload(event(payload)) == payload


def test_json_with_numbers_that_python_writes_is_masked_as_json_is() -> None:
    payload = b'{"score": NaN, "n": 1e400, "text": "private"}'
    found = json.loads(Masker(["text"]).mask_payload(event(payload)))
    assert found["text"] == MASK
    assert Masker().mask_payload(event(payload)) == payload


STEPS = [
    {
        "task_id": "b",
        "step_type": "sequential",
        "step_data": {
            "task_name": "send",
            "labels": {},
            "additional_kwargs": {"password": "hunter2", "text": "private", "n": 1},
        },
    },
]


def base64_of(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize("dumped", [json.dumps(STEPS), base64_of(STEPS)])
def test_later_steps_of_a_pipeline_are_masked_and_stay_readable(dumped: str) -> None:
    labels = {"_pipe_current_step": 0, "_pipe_data": dumped}
    payload, _headers = encode_task("1", "login", labels=labels, typed=False)
    recorded = json.loads(Masker(["text"]).mask_payload(task(payload)))["labels"]
    pipeline = pipeline_of(recorded)
    assert pipeline is not None
    assert [each.task_id for each in pipeline.steps] == ["b"]
    text = recorded["_pipe_data"]
    steps = json.loads(text if text.startswith("[") else base64.b64decode(text))
    assert steps[0]["step_data"]["additional_kwargs"] == {"password": MASK, "text": MASK, "n": 1}


@pytest.mark.parametrize(
    "encoded",
    [
        base64_of({"n": 1, "text": "hunter2?>~"}),
        base64_of([{"text": "hunter2?>~"}]).rstrip("="),
        base64.urlsafe_b64encode(json.dumps([{"text": "hunter2???~~~>>"}]).encode()).decode(),
        base64.encodebytes(json.dumps({"n": "x" * 99, "text": "hunter2"}).encode()).decode(),
        base64_of({"body": base64_of({"text": "hunter2"})}),
        base64.b64encode(b"PGPASSWORD=hunter2").decode(),
        base64.b64encode(pickle.dumps({"text": "hunter2"})).decode(),
        base64.b64encode(pickle.dumps(Fraction(1))).decode(),
        base64.b64encode(pickle.dumps("password=hunter2")).decode(),
        base64.b64encode(msgspec.msgpack.encode({"text": "hunter2"})).decode(),
        base64.b64encode(encode_plain({"text": "hunter2"}, "cbor")).decode(),
    ],
)
def test_what_base64_holds_is_masked(encoded: str) -> None:
    found = masked({"labels": {"a": encoded}}, "text")["labels"]["a"]
    assert found != encoded
    assert b"hunter2" not in base64.b64decode(found.replace("-", "+").replace("_", "/") + "==")


@pytest.mark.parametrize(
    "text",
    [
        "0123456789abcdef0123456789abcdef",
        "internationalization of words",
        base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode(),
        base64.b64encode(msgspec.msgpack.encode({"n": 1})).decode(),
        base64_of([{"n": 1}]),
    ],
)
def test_base64_without_secrets_stays_as_it_is(text: str) -> None:
    assert masked({"a": text}, "text") == {"a": text}


def test_bytes_of_a_result_are_masked() -> None:
    value = {b"password": "hunter2", "a": [json.dumps(SECRET).encode(), pickle.dumps(SECRET)]}
    body = pickle.dumps({"is_err": False, "return_value": value, "labels": {}})
    found = json.loads(bytes(Masker().mask_result(decode_result(body)).return_value))
    assert found[base64.b64encode(b"password").decode()] == MASK
    assert json.loads(base64.b64decode(found["a"][0])) == {**SECRET, "password": MASK}
    assert found["a"][1] == MASK


@pytest.mark.parametrize("source", list(Source))
@pytest.mark.parametrize(
    ("names", "expected", "unnamed"),
    [
        ((), [MASK, MASK, None], 3),
        (("id",), ["a", MASK, None], 2),
        (("id", "text", "more"), ["a", MASK, None], 0),
    ],
)
def test_arguments_without_a_known_name_are_left_out_if_any_are_to_be(
    source: Source, names: tuple[str, ...], expected: list[Any], unnamed: int
) -> None:
    value = {"task_id": "1", "task_name": "t", "args": ["a", "b", None], "kwargs": {}}
    message = InboundMessage(source, "x", json.dumps(value).encode(), AT)
    masker = Masker(["text"], lambda _name: names)
    assert json.loads(masker.mask_payload(message))["args"] == expected
    assert masker.unnamed == unnamed
    masker = Masker((), lambda _name: names)
    assert json.loads(masker.mask_payload(message))["args"] == value["args"]
    assert masker.unnamed == 0


def test_arguments_in_json_and_of_no_named_task_are_left_out_too() -> None:
    masker = Masker(["text"], lambda _name: ("id", "text"))
    value = {"task_name": "t", "args": '["a", "private"]'}
    found = masker.mask_value([value, {"args": ["private"]}, {"args": "a, b"}])
    assert json.loads(found[0]["args"]) == ["a", MASK]
    assert found[1:] == [{"args": [MASK]}, {"args": "a, b"}]
    assert masker.unnamed == 1


def test_a_result_is_masked_with_its_error_and_labels() -> None:
    body = pickle.dumps(
        {
            "is_err": True,
            "log": None,
            "return_value": {"password": "hunter2", "n": 1},
            "execution_time": 1.5,
            "labels": {"api_key": "k", "queue": "a"},
            "error": {
                "exc_type": "ValueError",
                "exc_message": [f"bad token {TOKEN}"],
                "exc_module": "builtins",
                "exc_cause": None,
                "exc_context": None,
                "exc_suppress_context": False,
            },
        }
    )
    recorded = Masker().mask_result(decode_result(body))
    line = msgspec.json.encode(recorded)
    assert b"hunter2" not in line
    assert TOKEN.encode() not in line
    assert json.loads(bytes(recorded.return_value)) == {"password": MASK, "n": 1}
    assert json.loads(bytes(recorded.labels)) == {"api_key": MASK, "queue": "a"}


@pytest.mark.parametrize(
    "payload",
    [
        b'{"kwargs":{"password":"hunter2","password":null}}',
        b'{"kwargs":{"password":"hunter2"},"kwargs":{}}',
        b'{"a":{"x":[{"text":"hunter2"}],"x":1}}',
        b'{"a":"{\\"text\\":\\"hunter2\\",\\"text\\":null}"}',
        b'{"task_name":"t","args":["hunter2"],"args":[]}',
        b'{"task_name":"t","args":["hunter2"],"task_name":"other"}',
        b'{"name":"password","value":"hunter2","name":"a"}',
        b'{"key":"password","value":"hunter2","value":null}',
        b'{"password":1,"a":{"name":"password","value":"hunter2","name":"a"}}',
        b'{"a":"{\\"name\\":\\"text\\",\\"value\\":\\"hunter2\\",\\"name\\":0}"}',
        b'{"text":"hunter2","text":null,"a":"\\u0022:"}',
        b'{"text":"hunter2","text":null,"a":"\\"\\u003A"}',
    ],
)
def test_a_repeated_key_hides_no_secret(payload: bytes) -> None:
    masker = Masker(["text"], lambda name: ("password",) if name == "t" else ())
    assert b"hunter2" not in masker.mask_payload(event(payload))


@pytest.mark.parametrize("dropped", ["{}", '{"n":{"args":[1],"task_name":"t","n":{}}}'])
def test_a_repeated_key_costs_no_second_look_at_what_is_kept(dropped: str) -> None:
    looked_at: list[str] = []

    def parameters(task_name: str) -> tuple[str, ...]:
        looked_at.append(task_name)
        return ()

    depth = 100
    value = f'{{"a":{dropped},"a":1}}'
    for _level in range(depth):
        value = f'{{"x":{dropped},"args":[1],"task_name":"t","x":{value}}}'
    assert Masker((), parameters).mask_payload(event(value.encode())) == value.encode()
    assert len(looked_at) == depth + value.count('"n":{}')


@pytest.mark.parametrize("name", ["text", "password", "clientSecret"])
@pytest.mark.parametrize("levels", [1, 2, 4])
def test_json_in_a_text_is_masked_as_json_is(name: str, levels: int) -> None:
    value: object = {name: "hunter2", "n": 1}
    for _level in range(levels):
        value = {"body": json.dumps(value)}
    found = json.loads(Masker(["text"]).mask_payload(event(json.dumps(value).encode())))
    for _level in range(levels):
        found = json.loads(found["body"])
    assert found == {name: MASK, "n": 1}


def test_json_in_a_text_without_secrets_stays_as_it_is() -> None:
    raw = json.dumps({"body": '{ "n" : 1.0e0 }'}).encode()
    assert Masker().mask_payload(event(raw)) == raw


@pytest.mark.parametrize(
    "value",
    [
        {"headers": [["Authorization", "hunter2"], ["Accept", "x"]]},
        {"headers": [{"name": "password", "value": "hunter2"}]},
        {"passwords": ["hunter2"]},
        {"cookie": "hunter2"},
        {"auth": ["user", "hunter2"]},
        {"env": {"PGPASSWORD": "hunter2"}},
        {"env": ["MYSQL_PWD=hunter2"]},
        {"env": {"AWSSECRETKEY": "hunter2"}},
        {"sk-hunter2hunter2hunter2": 1},
    ],
)
def test_secrets_in_pairs_lists_and_keys_are_left_out(value: Any) -> None:
    assert "hunter2" not in json.dumps(masked(value))


def test_a_key_is_left_out_in_a_text_of_letters_alone() -> None:
    key = "AKIA" + "A1B2" * 5
    assert Masker().mask_value({"note": key, "id": "0f" * 16}) == {"note": "***", "id": "0f" * 16}
    for _time in range(2):  # the second time from the cache
        assert Masker().mask_value([f"key {key}", "token: abcdef"]) == ["key ***", "token: ***"]


def test_masking_forgets_the_names_of_another_recording() -> None:
    assert Masker(["author"]).mask_value({"author": "me"}) == {"author": "***"}
    assert Masker().mask_value({"author": "me"}) == {"author": "me"}


TEXT = "Kyiv, 12 O'Brien street"


def failure(run_id: str, *, message: str, **more: Any) -> InboundMessage:
    error = {"type": "ValueError", "message": message, "traceback": f"  File …\n{message}"}
    data = {"task_id": run_id, "task_name": "work", "error": error, **more}
    return event(json.dumps({"type": "task.failed", "data": data}).encode())


def recorded(masker: Masker, message: InboundMessage) -> str:
    return masker.mask_payload(message).decode()


@pytest.mark.parametrize("quoted", [TEXT, repr(TEXT), json.dumps({"text": TEXT})])
def test_what_is_left_out_of_the_arguments_is_left_out_of_the_errors_of_the_run(
    quoted: str,
) -> None:
    masker = Masker(("text",))
    payload, _headers = encode_task("a1", "work", kwargs=json.dumps({"text": TEXT}).encode())
    assert "Brien" not in recorded(masker, task(payload))
    failed = json.loads(recorded(masker, failure("a1", message=f"cannot read {quoted}: too long")))
    assert "Brien" not in json.dumps(failed)
    message = failed["data"]["error"]["message"]
    assert message.startswith("cannot read ")
    assert MASK in message
    assert message.endswith(": too long")
    assert "Brien" in recorded(masker, failure("b2", message=quoted))  # of another run
    assert masker.unchecked == 1


def test_positional_and_nested_values_are_found_in_errors() -> None:
    masker = Masker(("who", "text"), lambda _task: ("number", "who"))
    data = {
        "task_id": "a1",
        "task_name": "work",
        "args": [7, {"name": "Oksana"}],
        "kwargs": {"more": {"text": ["dear friend", 5]}},
    }
    queued = event(json.dumps({"type": "task.queued", "data": data}).encode())
    assert "Oksana" not in recorded(masker, queued)
    text = recorded(masker, failure("a1", message="7: Oksana wrote dear friend, Oksanas wrote"))
    assert f"7: {MASK} wrote {MASK}, Oksanas wrote" in text  # a short value as a whole word alone
    assert '"task_name":"work"' in text
    assert masker.unchecked == 0


def test_numbers_left_out_of_the_arguments_are_left_out_of_the_errors_of_the_run() -> None:
    masker = Masker(("number", "place", "flag", "few"))
    data = {
        "task_id": "a1",
        "task_name": "work",
        "kwargs": {
            "number": 380501234567,
            "place": {"lat": [50.450123, -123456]},
            "flag": True,
            "few": 12345,
        },
    }
    recorded(masker, event(json.dumps({"type": "task.queued", "data": data}).encode()))
    message = "380501234567: no route to (50.450123, -123456), 9-1234567, True, 12345"
    details = {"phone": 380501234567, "code": 404, "attempt": 123456, "ok": True}
    text = recorded(masker, failure("a1", message=message, details=details))
    assert f"{MASK}: no route to ({MASK}, {MASK}), 9-1234567, True, 12345" in text
    assert json.loads(text)["data"]["details"] == {**details, "phone": MASK}


def test_a_number_of_too_many_digits_does_not_prevent_masking() -> None:
    values = MaskedValues()
    values.add("a1", [10**5_000, math.inf, {"text": "secret words"}])
    mask = values.mask_of("a1")
    assert mask is not None
    assert mask("inf of secret words") == f"inf of {MASK}"


def queued(kwargs: dict[str, Any], run_id: str = "a1") -> InboundMessage:
    data = {"task_id": run_id, "task_name": "work", "kwargs": kwargs}
    return event(json.dumps({"type": "task.queued", "data": data}).encode())


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ([f"user{number}@example.com" for number in range(300)], "user299@example.com"),
        ([f"{number:04}x" for number in range(1_900)], "1899x"),
        ({"hunter2-very-secret": "prod"}, "hunter2-very-secret"),
        ([{"by": {"hunter2": None}}], "hunter2"),
        ('{"mail": "alice@example.com", "n": [380501234567]}', "alice@example.com"),
        ('{"mail": "alice@example.com", "n": [380501234567]}', "380501234567"),
        (json.dumps({"inner": json.dumps({"alice@example.com": 1})}), "alice@example.com"),
        (json.dumps(["Zoë's", 'the "door"']), "Zoë\\'s"),
        ("dear friend\n  call me \\'now\\'\r\nbye", "call me \\'now\\'"),
        ("dear friend\n  call me 'now'\r\nbye", json.dumps("call me 'now'")),
        ("  padded words ", "padded words"),
    ],
)
@pytest.mark.parametrize("fields", [("who",), ()])
def test_any_part_of_a_masked_value_is_left_out_of_errors(
    value: Any, quoted: str, fields: tuple[str, ...]
) -> None:
    masker = Masker(fields)
    masker.mask_payload(queued({"who": value} if fields else {"passwords": value}))
    failed = failure("a1", message=f"refused {quoted} at last", details={quoted: 1})
    text = recorded(masker, failed)
    data = json.loads(text)["data"]
    assert quoted not in str(data)
    assert data["error"]["message"].startswith("refused ")
    assert data["error"]["message"].endswith(" at last")
    assert list(data["error"]) == ["type", "message", "traceback"]
    assert (masker.unchecked, masker.masked_whole) == (0, 0)


@pytest.mark.parametrize(
    "value",
    [
        [f"user{number}@example.com" for number in range(2_001)],
        "\n".join(f"user{number}@example.com" for number in range(2_001)),
        json.dumps([f"user{number}@example.com" for number in range(2_001)]),
        ["x" * 3_000_000, "user2000@example.com"],
    ],
)
@pytest.mark.parametrize("fields", [("who",), ()])
def test_an_error_of_a_run_with_too_many_masked_values_is_left_out(
    value: Any, fields: tuple[str, ...]
) -> None:
    masker = Masker(fields)
    name = "who" if fields else "passwords"
    for _again in range(2):
        masker.mask_payload(queued({name: value}))
        masker.mask_payload(queued({name: "few"}))
    message = "bad address user2000@example.com"
    lines = [{"level": "ERROR", "message": message}]
    failed = json.loads(recorded(masker, failure("a1", message=message, lines=lines)))["data"]
    assert failed["error"] == {"type": "ValueError", "message": MASK, "traceback": MASK}
    assert failed["lines"] == [{"level": "ERROR", "message": MASK}]
    assert masker.mask_problem(message, "a1") == MASK
    assert (masker.unchecked, masker.masked_whole) == (0, 2)


def test_no_value_is_lost_whose_key_is_masked_as_another_is() -> None:
    masker = Masker(("who",))
    masker.mask_payload(queued({"who": ["alice-smith", "robert-jones"]}))
    details = {"*** 2": 0, "alice-smith": 1, "robert-jones": 2, "by alice-smith": {"n": 3}}
    text = recorded(
        masker, failure("a1", message="no", details={**details, "by robert-jones": 4, "n": 5})
    )
    assert json.loads(text)["data"]["details"] == {
        "*** 2": 0,
        "***": 1,
        "*** 3": 2,
        "by ***": {"n": 3},
        "by *** 2": 4,
        "n": 5,
    }


def test_no_value_is_lost_where_the_whole_text_is_masked() -> None:
    masker = Masker(("who",))
    masker.mask_payload(queued({"who": [f"user{number}" for number in range(2_001)]}))
    details = {f"user{number}": number for number in range(3)}
    text = recorded(masker, failure("a1", message="no", details=details))
    assert json.loads(text)["data"]["details"] == {"***": 0, "*** 2": 1, "*** 3": 2}


def test_what_is_looked_for_is_found_out_once_until_more_is_added() -> None:
    values = MaskedValues(max_runs=2)
    values.add("a1", ["first secret"])
    values.add("b2", ["other secret"])
    mask = values.mask_of("a1")
    assert mask is not None
    assert values.mask_of("a1") is mask
    other = values.mask_of("b2")
    assert other is not None
    assert other("first secret, other secret") == f"first secret, {MASK}"
    values.add("a1", ["second secret"])
    both = values.mask_of("a1")
    assert both is not None
    assert both("first secret, second secret") == f"{MASK}, {MASK}"
    values.add("c3", ["third secret"])
    values.add("d4", ["fourth secret"])
    assert values.mask_of("a1") is None


@pytest.mark.parametrize("count", [1, 2_001])
def test_log_lines_stay_lines_of_a_log(count: int) -> None:
    masker = Masker(("who",))
    people = [{"text": f"Oksana {n}", "logger": "x" * 9, "timestamp": 1} for n in range(count)]
    masker.mask_payload(queued({"who": people}))
    line = {"timestamp": AT, "level": "ERROR", "logger": "work", "text": "no room: Oksana 0"}
    data = {"task_id": "a1", "attempt": 1, "first": 1, "lines": [line], "skipped": 0}
    log = event(json.dumps({"type": "task.log", "data": data}).encode())
    text = f"no room: {MASK}" if count == 1 else MASK
    masked_data = json.loads(recorded(masker, log))["data"]
    assert masked_data == {**data, "lines": [{**line, "text": text}]}


def test_errors_of_runs_whose_values_are_forgotten_are_counted() -> None:
    masker = Masker(values=MaskedValues(max_runs=2))
    masker.mask_payload(queued({"password": "hunter2 of many"}))
    for number in range(2):
        assert masker.unchecked == 0
        masker.mask_payload(queued({}, f"r{number}"))
    masker.mask_payload(failure("a1", message="refused hunter2 of many"))
    assert masker.unchecked == 1


def test_results_and_log_lines_do_not_quote_what_is_left_out() -> None:
    masker = Masker(("text",))
    payload, _headers = encode_task("a1", "work", kwargs=json.dumps({"text": TEXT}).encode())
    masker.mask_payload(task(payload))
    lines = [{"level": "ERROR", "message": f"got {TEXT}"}]
    log = {"type": "task.log", "data": {"task_id": "a1", "lines": lines}}
    assert "Brien" not in recorded(masker, event(json.dumps(log).encode()))
    body = {"is_err": True, "error": f"ValueError: {TEXT}", "return_value": None, "log": None}
    result = decode_result(json.dumps({**body, "execution_time": 1.0, "labels": {}}).encode())
    assert result.error is not None
    assert "Brien" in str(msgspec.json.encode(masker.mask_result(result, "b2")))
    assert "Brien" not in str(msgspec.json.encode(masker.mask_result(result, "a1")))
    assert masker.unchecked == 1


QUOTED = "Zx9qKowalski77"


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("agent.failed", {"answer": f"about {QUOTED}"}),
        ("agent.finished", {"fallback_reason": f"about {QUOTED}", "model": f"m-{QUOTED}"}),
        ("task.failed", {"notes": [f"about {QUOTED}"], "error": {"stderr": QUOTED}}),
        ("task.progress", {"done": 1, "status": {"about": {QUOTED: 1}}}),
        ("task.cancelled", {"who": QUOTED, "worker": f"worker of {QUOTED}"}),
        ("message.new", {"content": f"about {QUOTED}", QUOTED: "x", "id": QUOTED}),
        ("task.queued", {"kwargs": {"pesel": QUOTED, "note": f"about {QUOTED}"}, "args": [QUOTED]}),
        ("task.queued", {"kwargs": {}, "labels": {"note": f"about {QUOTED}"}}),
    ],
)
@pytest.mark.parametrize("enveloped", [True, False])
def test_no_text_about_a_run_quotes_what_is_left_out(
    type_: str, data: dict[str, Any], enveloped: bool
) -> None:
    masker = Masker(("pesel",), lambda _task: ("one",))
    payload, _headers = encode_task(
        "a1", "work", kwargs=json.dumps({"pesel": QUOTED, "note": f"of {QUOTED}"}).encode()
    )
    assert QUOTED not in recorded(masker, task(payload))
    data = {"task_id": "a1", "task_name": "work", "attempt": 1, "run_s": 0.123456, **data}
    body = {"type": type_, "data": data, "note": QUOTED} if enveloped else {"event": type_, **data}
    text = recorded(masker, event(json.dumps(body).encode()))
    assert QUOTED not in text
    again = json.loads(text)
    about = again["data"] if enveloped else again
    assert again["type" if enveloped else "event"] == type_
    assert (about["task_id"], about["task_name"], about["run_s"]) == ("a1", "work", 0.123456)
    other = event(json.dumps(body).replace('"a1"', '"b2"').encode())
    assert QUOTED in recorded(masker, other) or "pesel" in str(data)
    assert masker.masked_whole == 0


WORKER, DESKTOP = "worker-1@vm-eu-1:17", "desktop:root@vm-eu-1"


@pytest.mark.parametrize("many", [0, 2_001])
@pytest.mark.parametrize("source", [WORKER, DESKTOP])
def test_what_identifies_an_event_stays_though_an_argument_has_the_same_text(
    source: str, many: int
) -> None:
    masker = Masker(("secret",))
    same = ["translate", WORKER, "vm-eu-1", "succeeded", "b2b2b2b2", "c3c3c3c3"]
    secret = [*same, *(f"user{number}" for number in range(many))]
    labels = {"task_name": "app:translate", "rerun_of": "b2b2b2b2", "parent_task_id": "c3c3c3c3"}
    data = {"task_id": "a1", "task_name": "app:translate", "labels": labels}
    sent = {"type": "task.queued", "source": source, "data": {**data, "kwargs": {"secret": secret}}}
    kept = json.loads(recorded(masker, event(json.dumps(sent).encode())))
    assert kept == {**sent, "data": {**data, "kwargs": {"secret": MASK}}}
    about = {"task_id": "a1", "worker": WORKER, "outcome": "succeeded", "note": "of succeeded"}
    about |= {"rerun_of": "b2b2b2b2", "parent_task_id": "c3c3c3c3"}
    sent = {"type": "task.succeeded", "source": source, "data": about}
    kept = json.loads(recorded(masker, event(json.dumps(sent).encode())))
    assert kept == {**sent, "data": {**about, "note": MASK if many else f"of {MASK}"}}
    body = {"is_err": False, "return_value": None, "labels": {**labels, "note": "no text"}}
    result = masker.mask_result(decode_result(json.dumps(body).encode()), "a1")
    assert json.loads(bytes(result.labels)) == body["labels"]


def test_what_only_looks_like_an_identity_is_left_out() -> None:
    masker = Masker(("mail",))
    masker.mask_payload(queued({"mail": "ann@example.com"}))
    data = {"task_id": "a1", "worker": "ann@example.com", "outcome": "to ann@example.com"}
    sent = {"type": "task.note", "source": "ann@example.com", "data": data}
    text = recorded(masker, event(json.dumps(sent).encode()))
    assert json.loads(text) == {
        "type": "task.note",
        "source": MASK,
        "data": {"task_id": "a1", "worker": MASK, "outcome": f"to {MASK}"},
    }


def test_a_report_of_a_command_does_not_quote_what_is_left_out_of_its_run() -> None:
    masker = Masker(("pesel",))
    masker.mask_payload(queued({"pesel": QUOTED}))
    data = {"who": "me", "action": "cancel", "target": "a1", "detail": f"about {QUOTED}"}
    audit = event(json.dumps({"type": "audit", "data": data}).encode())
    assert json.loads(recorded(masker, audit))["data"] == {**data, "detail": "about ***"}


@pytest.mark.parametrize(
    ("returned", "left"),
    [
        (f"done for {QUOTED}", "done for ***"),
        ({QUOTED: 1, "n": [QUOTED, 5]}, {"***": 1, "n": ["***", 5]}),
        ({"status": "ok", "n": 5}, {"status": "ok", "n": 5}),
    ],
)
def test_a_successful_result_does_not_quote_what_is_left_out_of_its_run(
    returned: Any, left: Any
) -> None:
    masker = Masker(("pesel",))
    masker.mask_payload(queued({"pesel": QUOTED}))
    body = {"is_err": False, "error": None, "return_value": returned, "log": None}
    labels = {"pesel": QUOTED, "note": f"of {QUOTED}", "language": "pl"}
    result = decode_result(json.dumps({**body, "execution_time": 1, "labels": labels}).encode())
    kept = masker.mask_result(result, "a1")
    assert json.loads(bytes(kept.return_value)) == left
    assert json.loads(bytes(kept.labels)) == {"pesel": MASK, "note": "of ***", "language": "pl"}
    assert json.loads(bytes(masker.mask_result(result, "b2").return_value)) == returned
    assert (masker.unchecked, masker.masked_whole) == (0, 0)


def test_texts_of_a_run_with_too_many_masked_values_are_left_out_whatever_their_key() -> None:
    masker = Masker(("who",))
    masker.mask_payload(queued({"who": [f"user{number}" for number in range(2_001)]}))
    data = {
        "task_id": "a1",
        "task_name": "work",
        "agent": "scoring",
        "provider": "p",
        "answer": "of user7",
        "latency_s": 0.123456,
    }
    text = recorded(masker, event(json.dumps({"type": "agent.failed", "data": data}).encode()))
    assert json.loads(text)["data"] == {**data, "answer": MASK}
    body = {"is_err": False, "return_value": {"by": "user7"}, "labels": {"rerun_of": "b2"}}
    result = decode_result(json.dumps(body).encode())
    kept = masker.mask_result(result, "a1")
    assert json.loads(bytes(kept.return_value)) == {MASK: MASK}
    assert json.loads(bytes(kept.labels)) == {"rerun_of": "b2"}
    started = {"task_id": "a1", "task_name": "work", "worker": "w", "attempt": 1}
    raw = event(json.dumps({"type": "task.started", "data": started}).encode())
    assert masker.mask_payload(raw) == raw.payload
    assert masker.masked_whole == 2


@pytest.mark.parametrize("number", [1.25e20, 1.5e-7, 380501234567, 0.1234567])
def test_a_number_left_out_is_found_however_json_writes_it(number: float) -> None:
    masker = Masker(("n",))
    masker.mask_payload(queued({"n": number}))
    result = decode_result(json.dumps({"is_err": False, "return_value": [number]}).encode())
    assert json.loads(bytes(masker.mask_result(result, "a1").return_value)) == [MASK]


def test_without_named_fields_an_error_of_an_unknown_run_is_not_counted() -> None:
    masker = Masker()
    raw = failure("b2", message="text")
    assert masker.mask_payload(raw) == raw.payload
    assert masker.unchecked == 0


def test_values_of_many_runs_are_bounded() -> None:
    values = MaskedValues(max_runs=3, max_characters=100)
    for number in range(5):
        values.add(f"r{number}", ["abc", f"value {number}"])
    assert [f"r{number}" in values for number in range(5)] == [False, False, True, True, True]
    mask = values.mask_of("r4")
    assert mask is not None
    assert mask("abc value 4 value 3") == f"abc {MASK} value 3"
    values.add("long", ["x" * 90])
    assert "r3" not in values
    assert "long" in values


@pytest.mark.parametrize("message", ["bad alice-secret", "other"])
def test_a_dropped_value_of_a_repeated_key_quotes_no_masked_argument(message: str) -> None:
    masker = Masker(("author",))
    masker.mask_payload(queued({"author": "alice-secret"}))
    payload = (
        '{"type":"task.failed","data":{"task_id":"a1","error":"bad alice-secret","error":"'
        + message
        + '"}}'
    ).encode()
    assert b"alice" not in masker.mask_payload(event(payload))
    other = payload.replace(b'"a1"', b'"b2"')
    assert masker.mask_payload(event(other)) == other


@pytest.mark.parametrize("fields", [("who",), ()])
def test_the_name_of_a_desktop_is_no_login(fields: tuple[str, ...]) -> None:
    sent = {"type": "audit.rerun", "source": "desktop:root@vm-eu-1", "data": {"worker": WORKER}}
    payload = json.dumps(sent).encode()
    assert json.loads(Masker(fields).mask_payload(event(payload))) == sent
    login = payload.replace(b"desktop:root@", b"nats://root:hunter2@")
    assert b"hunter2" not in Masker(fields).mask_payload(event(login))


@pytest.mark.parametrize(
    "text",
    [
        "postgres://scott:hunter2@db:5432",
        "scott:hunter2@db:1521",
        "redis://:hunter2@cache:6379",
        'desktop:u@h{"password":"hunter2"}',
    ],
)
@pytest.mark.parametrize("key", ["source", "worker"])
def test_an_address_with_a_login_is_no_sender(key: str, text: str) -> None:
    masker = Masker()
    for data in ({key: text}, {"kwargs": {key: text}}, {"data": {key: text}}):
        payload = json.dumps({"type": "a", **data}).encode()
        assert b"hunter2" not in masker.mask_payload(event(payload))
    assert "hunter2" not in str(masker.mask_value({key: text}))
    nested = {"kwargs": {key: "desktop:root@vm"}}
    assert masker.mask_value(nested) != nested  # not that of an event


@pytest.mark.parametrize("name", ["worker", "source"])
def test_senders_are_left_out_if_they_are_named(name: str) -> None:
    sent = {"type": "task.started", "source": WORKER, "data": {"task_id": "a1", "worker": WORKER}}
    kept = json.loads(Masker((name,)).mask_payload(event(json.dumps(sent).encode())))
    other = "source" if name == "worker" else "worker"
    found = {"source": kept["source"], "worker": kept["data"]["worker"]}
    assert (found[name], found[other]) == (MASK, WORKER)
