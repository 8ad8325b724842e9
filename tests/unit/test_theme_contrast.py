"""Text can be read and the seven topics can be told apart, in both themes, by everybody."""

import itertools
import json
import math

import pytest

from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.resources import resource_path

TEXT = ("text", "muted", "faint", "accent", "good", "warning", "bad", "info", "retry")
GROUNDS = ("window", "sidebar", "bar", "surface", "raised", "sunken", "row_hover")
SELECTED = ("selection", "selection_idle", "band")

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHTS = {
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


def _tokens(name):
    return json.loads(resource_path("theme", f"tokens-{name}.json").read_text("utf-8"))


def _linear(color):
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _contrast(a, b):
    luminance = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(color), strict=True))
        for color in (a, b)
    )
    return (luminance[1] + 0.05) / (luminance[0] + 0.05)


def _oklab(red, green, blue):
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


def _seen(color, sight):
    linear = _linear(color)
    return _oklab(*(sum(w * c for w, c in zip(row, linear, strict=True)) for row in sight))


@pytest.mark.parametrize("name", ["dark", "light"])
def test_every_text_color_reads_on_every_ground(name) -> None:
    colors = _tokens(name)["colors"]
    poor = [
        (text, ground, round(_contrast(colors[text], colors[ground]), 2))
        for text in TEXT
        for ground in GROUNDS + SELECTED
        if _contrast(colors[text], colors[ground]) < 4.5
    ]
    assert poor == []


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_on_filled_grounds_reads(name) -> None:
    colors = _tokens(name)["colors"]
    pairs = [("on_accent", "accent_fill"), ("on_accent", "accent_fill_hover")]
    pairs += [("on_accent", "accent_fill_pressed"), ("text", "hover"), ("text", "pressed")]
    pairs += [(color, f"{color}_fill") for color in ("good", "warning", "bad")]
    poor = [
        (text, ground, round(_contrast(colors[text], colors[ground]), 2))
        for text, ground in pairs
        if _contrast(colors[text], colors[ground]) < 4.5
    ]
    assert poor == []


@pytest.mark.parametrize("name", ["dark", "light"])
def test_topic_lines_stand_out_from_the_surface(name) -> None:
    tokens = _tokens(name)
    assert set(tokens["topics"]) == set(TOPICS)
    for color in tokens["topics"].values():
        assert _contrast(color, tokens["colors"]["surface"]) >= 3.0


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("name", ["dark", "light"])
def test_topics_are_told_apart_by_every_kind_of_sight(name, sight) -> None:
    seen = {topic: _seen(color, SIGHTS[sight]) for topic, color in _tokens(name)["topics"].items()}
    alike = [
        (a, b, round(math.dist(seen[a], seen[b]), 3))
        for a, b in itertools.combinations(seen, 2)
        if math.dist(seen[a], seen[b]) < 0.09
    ]
    assert alike == []


def test_both_themes_name_the_same_colors() -> None:
    assert set(_tokens("dark")["colors"]) == set(_tokens("light")["colors"])
