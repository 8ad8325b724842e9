"""Arguments are converted; those that only a conversion makes usable fail by the field's name."""

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import pytest
from pulse_workers.errors import WrongArgumentsError
from pulse_workers.worker.arguments import ArgumentConverter
from pydantic import BaseModel, BeforeValidator, Field
from taskiq import Context, TaskiqDepends, TaskiqMessage


class Money(BaseModel):
    amount: int


@dataclasses.dataclass
class Point:
    x: int


def converted(
    function: Callable[..., Any], *args: Any, **kwargs: Any
) -> tuple[list[Any], dict[str, Any]]:
    message = TaskiqMessage(
        task_id="1", task_name="f", labels={}, args=list(args), kwargs=dict(kwargs)
    )
    ArgumentConverter(function).convert(message)
    return message.args, message.kwargs


def one(price: Money, *rest: Point, at: datetime.date | None = None, **more: Any) -> None: ...


def test_models_dataclasses_and_dates_are_converted() -> None:
    args, kwargs = converted(one, {"amount": "2"}, {"x": 1}, at="2026-01-31", price_of={"x": 1})
    assert args == [Money(amount=2), Point(1)]
    assert kwargs == {"at": datetime.date(2026, 1, 31), "price_of": {"x": 1}}


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        (({"amount": "two"},), {}, "price.amount: Input should be a valid integer"),
        ((), {"price": {}}, "price.amount: Field required"),
        ((None,), {}, "price: Input should be a valid dictionary or instance of Money"),
        (({"amount": 1}, {"x": 1}, {}), {}, "rest.1.x: Field required"),
        (({"amount": 1},), {"at": "soon"}, "at: Input should be a valid date"),
    ],
)
def test_an_error_names_the_field(args: Any, kwargs: Any, text: str) -> None:
    with pytest.raises(WrongArgumentsError) as caught:
        converted(one, *args, **kwargs)
    assert str(caught.value).startswith(text)
    assert ";" not in str(caught.value)


def test_every_wrong_field_is_named_and_no_value_is_repeated() -> None:
    def two(
        kind: Literal["a", "b"], count: Annotated[int, Field(gt=0)], price: list[Money]
    ) -> None: ...

    with pytest.raises(WrongArgumentsError) as caught:
        converted(two, "secret", -4711, [{"amount": "hidden"}] * 30)
    text = str(caught.value)
    assert "kind: Input should be 'a' or 'b'; count: Input should be greater than 0" in text
    assert "price.0.amount" in text
    assert text.endswith("and 12 more")
    assert not any(value in text for value in ("secret", "4711", "hidden"))


def test_values_of_json_types_are_passed_on_when_they_cannot_be_converted() -> None:
    def plain(
        name: str,
        count: int,
        ids: Sequence[str],
        options: dict[str, list[int]] | None,
        context: Annotated[Context, TaskiqDepends()],
        price: Money = None,  # type: ignore[assignment]
        unknown: "Missing" = None,  # type: ignore[name-defined] # noqa: F821
    ) -> None: ...

    values = [7, "many", "abc", 3, "anything", None, {"x": 1}]
    assert converted(plain, *values)[0] == values
    plain.__annotations__.pop("unknown")
    assert converted(plain, *values)[0] == values
    assert converted(plain, "a", "5", ["b"], {"c": ["1"]})[0] == ["a", 5, ["b"], {"c": [1]}]


def test_metadata_of_an_annotation_need_not_be_hashable() -> None:
    def weigh(kilos: Annotated[int, {"unit": "kg"}]) -> None: ...

    assert converted(weigh, "5")[0] == [5]


def test_a_model_that_is_incomplete_is_named() -> None:
    class Order(BaseModel):
        price: "Missing"  # type: ignore[name-defined] # noqa: F821

    def buy(order: Order) -> None: ...

    with pytest.raises(WrongArgumentsError, match=r"^order: PydanticUserError: .* is not fully"):
        converted(buy, {"price": 1})


def test_a_login_where_an_error_is_cut_is_masked() -> None:
    def refuse(value: Any) -> Any:
        raise RuntimeError("x" * 470 + f" nats://u:{value}@host " + "y" * 400)

    def connect(url: Annotated[Money, BeforeValidator(refuse)]) -> None: ...

    with pytest.raises(WrongArgumentsError, match="xxx") as caught:
        converted(connect, "hunter2" * 9)
    assert "hunter" not in str(caught.value)
