"""The model of atoms and its files."""

import shutil
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import msgspec
import numpy as np
import pytest
from pulse_workers.chat.providers import builtin
from pulse_workers.chat.providers.builtin.atom_model import (
    CLASSES,
    AtomWeights,
    Vocabulary,
    load_atom_model,
    read_atom_model,
)
from pulse_workers.chat.providers.builtin.atoms import ATOM_FEATURES
from pulse_workers.chat.providers.builtin.ngrams import STEMS, ngram_tokens, text_ngrams

FILES = ("atoms.json", "atoms.npy", "atoms.txt")
NO_FEATURES = dict.fromkeys(ATOM_FEATURES, 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the model that can be damaged."""
    with as_file(files(builtin)) as package:
        for name in FILES:
            shutil.copy(package / name, tmp_path)
    return tmp_path


def test_a_vocabulary_weighs_rare_ngrams_more_and_ignores_unknown_ones() -> None:
    vocabulary = Vocabulary([" a", "=a", "=b"], np.array([10, 10, 30], dtype=np.uint8))
    places, values = vocabulary.vector({"=b": 1, " a": 1, "=a": 1, "=c": 5})
    assert places.tolist() == [2, 0, 1]
    # Parts of words have a length of 1, and so have stems.
    assert values.tolist() == pytest.approx([3 / 10**0.5, 1.0, 1 / 10**0.5])


def test_a_text_without_a_known_ngram_has_an_empty_vector() -> None:
    vocabulary = Vocabulary(["=a"], np.array([10], dtype=np.uint8))
    places, values = vocabulary.vector({"=b": 2})
    assert places.tolist() == values.tolist() == []
    kind, probability = load_atom_model().most_probable(text_ngrams([]), NO_FEATURES)
    assert kind in CLASSES
    assert 0 < probability < 1


def test_the_model_of_the_package_is_small_and_complete(folder: Path) -> None:
    weights = msgspec.json.decode((folder / "atoms.json").read_bytes(), type=AtomWeights)
    names = (folder / "atoms.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert tuple(weights.features) == ATOM_FEATURES
    assert len(set(names)) == len(names)
    assert names == sorted(names, key=lambda name: (name.startswith(STEMS), name))
    assert sum((folder / name).stat().st_size for name in FILES) < 1_100_000


def test_a_phrase_weighs_more_for_its_type_than_other_words() -> None:
    model = load_atom_model()
    assert model.support("decision", ngram_tokens("we decided")) > 0
    assert model.support("decision", ngram_tokens("вирішили")) > 0
    words = model.words_for("decision", ngram_tokens("the queue is what we decided to restart"))
    assert "decided" in words


def cut_table(folder: Path) -> None:
    file = folder / "atoms.npy"
    file.write_bytes(file.read_bytes()[:-1000])


def lose_names(folder: Path) -> None:
    names = (folder / "atoms.txt").read_text(encoding="utf-8").split("\n")
    (folder / "atoms.txt").write_text("\n".join(names[1:]), encoding="utf-8")


def change_type(folder: Path) -> None:
    np.save(folder / "atoms.npy", np.load(folder / "atoms.npy").astype(np.int16))


def lose_class(folder: Path) -> None:
    weights = msgspec.json.decode((folder / "atoms.json").read_bytes(), type=AtomWeights)
    fewer = msgspec.structs.replace(weights, bias=weights.bias[1:])
    (folder / "atoms.json").write_bytes(msgspec.json.encode(fewer))


def cut_json(folder: Path) -> None:
    (folder / "atoms.json").write_text('{"features": {', encoding="utf-8")


def pickle_table(folder: Path) -> None:
    np.save(folder / "atoms.npy", np.array([print], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "damage", [cut_table, lose_names, change_type, lose_class, cut_json, pickle_table]
)
def test_a_damaged_model_is_refused(damage: Callable[[Path], None], folder: Path) -> None:
    read_atom_model(folder)
    damage(folder)
    with pytest.raises(ValueError, match=r"."):
        read_atom_model(folder)
