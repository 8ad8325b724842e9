"""Atoms with their sources, in memory; the values may be read from the bucket in any order."""

import msgspec

from pulse_workers.chat.records import Atom, Evidence
from pulse_workers.chat.store.value_decoder import ValueDecoder
from pulse_workers.runtime.provisioning import KNOWLEDGE

read_atom = ValueDecoder(KNOWLEDGE, msgspec.json.Decoder(Atom).decode)
read_evidence = ValueDecoder(KNOWLEDGE, msgspec.json.Decoder(Evidence).decode)


class AtomIndex:
    """Atoms with all their sources, from the values of the bucket in any order."""

    def __init__(self) -> None:
        self._atoms: dict[str, Atom] = {}
        self._sources: dict[str, dict[str, Evidence]] = {}

    def apply(self, key: str, value: bytes) -> str:
        """Take a changed value; return the ID of its atom, empty if it is of something else."""
        kind, _, name = key.partition(".")
        atom_id, _, message_id = name.partition(".")
        if kind == "atom":
            if atom := read_atom(key, value):
                self._atoms[atom_id] = atom
            else:
                self._atoms.pop(atom_id, None)
        elif kind == "source":
            if evidence := read_evidence(key, value):
                self._sources.setdefault(atom_id, {})[message_id] = evidence
            else:
                self._sources.get(atom_id, {}).pop(message_id, None)
        else:
            return ""
        return atom_id

    def get(self, atom_id: str) -> Atom | None:
        """Return an atom; None if it is not stored, or has no source."""
        atom = self._atoms.get(atom_id)
        sources = self._sources.get(atom_id)
        if atom is None or not sources:
            return None
        return msgspec.structs.replace(atom, evidence=tuple(sources.values()))

    def count(self) -> int:
        """Return the number of atoms that have a source."""
        return sum(bool(self._sources.get(each)) for each in self._atoms)

    def all(self) -> list[Atom]:
        """Return the atoms that have a source."""
        return [atom for each in self._atoms if (atom := self.get(each)) is not None]

    def clear(self) -> None:
        """Forget all."""
        self._atoms.clear()
        self._sources.clear()
