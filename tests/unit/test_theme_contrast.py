"""Both themes have enough contrast, and topic colors that color-blind people can distinguish."""

import itertools
import json
import math

import pytest

from pulse_desktop.profiles.profile import Color
from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.resources import resource_path

TEXT = ("text", "muted", "faint", "accent", "good", "warning", "bad", "info", "retry")
BACKGROUNDS = ("window", "sidebar", "bar", "surface", "raised", "sunken", "row_hover")
SELECTIONS = ("selection", "selection_idle", "band")

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
Matrix = tuple[tuple[float, float, float], ...]
VISIONS: dict[str, Matrix] = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_text_on_the_color_of_a_profile_can_be_read(name: str) -> None:
    tokens = _tokens(name)
    fills = dict(tokens["profiles"])
    on_fill = fills.pop("on_profile")
    assert set(fills) == set(Color)
    for fill in fills.values():
        assert _contrast(fill, on_fill) >= 4.5
        assert _contrast(fill, tokens["colors"]["bar"]) >= 3


def _tokens(name: str) -> dict[str, dict[str, str]]:
    path = resource_path("theme", f"tokens-{name}.json")
    tokens: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return tokens


def _linear(color: str) -> list[float]:
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _contrast(a: str, b: str) -> float:
    luminance = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(color), strict=True))
        for color in (a, b)
    )
    return (luminance[1] + 0.05) / (luminance[0] + 0.05)


def _oklab(red: float, green: float, blue: float) -> list[float]:
    cone = [
        math.cbrt(max(0.0, r * red + g * green + b * blue))
        for r, g, b in (
            (0.4122214708, 0.5363325363, 0.0514459929),
            (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005),
        )
    ]
    return [
        sum(w * c for w, c in zip(row, cone, strict=True))
        for row in (
            (0.2104542553, 0.7936177850, -0.0040720468),
            (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660),
        )
    ]


def _perceived(color: str, vision: Matrix) -> list[float]:
    linear = _linear(color)
    return _oklab(*(sum(w * c for w, c in zip(row, linear, strict=True)) for row in vision))


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_colors_have_contrast_on_every_background(name: str) -> None:
    colors = _tokens(name)["colors"]
    failing = [
        (text, background, round(_contrast(colors[text], colors[background]), 2))
        for text in TEXT
        for background in BACKGROUNDS + SELECTIONS
        if _contrast(colors[text], colors[background]) < 4.5
    ]
    assert failing == []


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_has_contrast_on_filled_backgrounds(name: str) -> None:
    colors = _tokens(name)["colors"]
    pairs = [("on_accent", "accent_fill"), ("on_accent", "accent_fill_hover")]
    pairs += [("on_accent", "accent_fill_pressed"), ("text", "hover"), ("text", "pressed")]
    pairs += [(color, f"{color}_fill") for color in ("good", "warning", "bad")]
    failing = [
        (text, background, round(_contrast(colors[text], colors[background]), 2))
        for text, background in pairs
        if _contrast(colors[text], colors[background]) < 4.5
    ]
    assert failing == []


@pytest.mark.parametrize("name", ["dark", "light"])
def test_topic_lines_have_contrast_on_the_surface(name: str) -> None:
    tokens = _tokens(name)
    assert set(tokens["topics"]) == set(TOPICS)
    for color in tokens["topics"].values():
        assert _contrast(color, tokens["colors"]["surface"]) >= 3.0


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", ["dark", "light"])
def test_topic_colors_differ_for_every_kind_of_color_vision(name: str, vision: str) -> None:
    perceived = {
        topic: _perceived(color, VISIONS[vision])
        for topic, color in _tokens(name)["topics"].items()
    }
    similar = [
        (a, b, round(math.dist(perceived[a], perceived[b]), 3))
        for a, b in itertools.combinations(perceived, 2)
        if math.dist(perceived[a], perceived[b]) < 0.09
    ]
    assert similar == []


def test_both_themes_define_the_same_colors() -> None:
    assert set(_tokens("dark")["colors"]) == set(_tokens("light")["colors"])
