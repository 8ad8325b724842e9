"""Steps of the build of packages that can be tested without building one."""

import gzip
import json
import re
import struct
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from release import components, debian, go_modules, icons, project, sbom, unused_files
from release.components import Component
from release.errors import MissingLicenseError
from release.project import Project

from pulse_desktop import __version__
from pulse_desktop.embedded.nats_server import find_nats_server

PACKAGING = Path(__file__).parents[3] / "packaging"
NOON = 1_795_435_200


def pins(lock: str) -> dict[str, str]:
    text = (PACKAGING / lock).read_text()
    return {
        line.split(" ;")[0]: line
        for line in re.findall(r"^([a-z][^\\\n]*?) *\\?$", text, re.MULTILINE)
    }


def test_the_version_is_defined_in_one_place() -> None:
    assert project.version_in((PACKAGING.parent / project.VERSION_FILE).read_text()) == __version__
    with pytest.raises(ValueError, match="no version"):
        project.version_in("__version__ = None")


def test_frozen_packages_have_the_tested_versions() -> None:
    tested, frozen = pins("requirements.lock"), pins("package.lock")
    only_for_freezing = {"altgraph", "macholib", "pefile", "pyinstaller", "pywin32-ctypes"}
    for pin in frozen:
        name = pin.partition("==")[0]
        assert pin in tested or name in only_for_freezing | {
            "pyinstaller-hooks-contrib", "setuptools"
        }, f"{pin}: run make lock"  # fmt: skip
    assert not {pin.partition("==")[0] for pin in frozen} & {"pytest", "mypy", "ruff"}


@pytest.mark.parametrize(
    ("python_version", "expected"),
    [("0.1.0", "0.1.0"), ("1.2.0rc1", "1.2.0~rc1"), ("1.2.0.dev3", "1.2.0~dev3")],
)
def test_debian_sorts_a_candidate_before_its_release(python_version: str, expected: str) -> None:
    assert debian.debian_version(python_version) == expected


def test_files_have_the_time_stamp_of_the_commit_and_fixed_modes(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    for name, mode in (("program", 0o700), ("data", 0o660)):
        (tmp_path / "folder" / name).touch(mode=mode)
    (tmp_path / "folder" / "link").symlink_to("data")
    project.normalize(tmp_path, NOON)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"folder": 0o755, "program": 0o755, "data": 0o644, "link": 0o644}
    assert {path.lstat().st_mtime for path in tmp_path.rglob("*")} == {NOON}


def test_files_that_the_window_uses_are_kept() -> None:
    is_unused = unused_files.is_unused
    for kept in (
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqwayland.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/plugins/iconengines/libqsvgicon.so",
        "PySide6/Qt/lib/libQt6Widgets.so.6",
        "pulse_desktop/_resources/sample/result.json",
        "taskiq-0.13.0.dist-info/METADATA",
    ):
        assert not is_unused(kept), kept


def test_unused_files_are_removed() -> None:
    is_unused = unused_files.is_unused
    for dropped in (
        "PySide6/Qt/translations/qtbase_de.qm",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/Qt/lib/libQt6Qml.so.6",
        "PySide6\\opengl32sw.dll",
        "taskiq-0.13.0.dist-info/RECORD",
    ):
        assert is_unused(dropped), dropped


def test_the_programs_import_no_removed_module() -> None:
    code = f"""
import sys
from importlib.machinery import PathFinder

class Trimmed:
    find_distributions = staticmethod(PathFinder.find_distributions)
    def find_spec(self, name, path=None, target=None):
        gone = name in {unused_files.unused_modules()!r}
        return None if gone else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Trimmed()
import pulse_desktop.cli.window_qt, pulse_desktop.embedded.guardian
import pulse_workers.cli.main, pulse_workers.worker.process
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr

    def test_a_library_is_removed_with_the_last_file_that_needs_it() -> None:
        entries = [
            ("a.so", "/a.so", "EXTENSION"),
            ("libone.so.1", "/one", "BINARY"),
            ("libtwo.so.2", "/two", "BINARY"),
            ("libalone.so.3", "/alone", "BINARY"),
            ("deep/libone.so.1", "libone.so.1", "SYMLINK"),
        ]
        links = {"/a.so": ["libone.so.1"], "/one": ["libtwo.so.2"], "/alone": ["libtwo.so.2"]}
        kept = unused_files.without_unneeded_libraries(entries, lambda path: links.get(path, []))
        assert [entry[0] for entry in kept] == [
            "a.so", "libone.so.1", "libtwo.so.2", "deep/libone.so.1"
        ]  # fmt: skip


def test_every_module_in_nats_server_has_a_license() -> None:
    modules = go_modules.go_modules(find_nats_server(), PACKAGING / "licenses")
    by_name = {name: (version, spdx, texts) for name, version, spdx, texts in modules}
    assert by_name["github.com/nats-io/nats-server/v2"][0].startswith("v2.")
    assert by_name["std"][1] == "BSD-3-Clause"
    assert all(text for _version, _spdx, texts in by_name.values() for _name, text in texts)


def test_a_module_without_a_license_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "go-modules.toml").write_text("")
    with pytest.raises(MissingLicenseError, match="is in nats-server"):
        go_modules.go_modules(find_nats_server(), tmp_path)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"License-Expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0"),
        ({"License": "Apache 2.0"}, "Apache-2.0"),
        ({"License": "The whole\n  text", "Classifier": "License :: OSI :: MIT License"}, "MIT"),
        ({}, ""),
    ],
)
def test_the_license_is_read_from_the_metadata_of_a_package(
    fields: dict[str, str], expected: str, tmp_path: Path
) -> None:
    lines = [f"{name}: {value}\n" for name, value in fields.items()]
    (tmp_path / "METADATA").write_text("".join(["Name: some-package\n", *lines]))
    assert components.license_of(Distribution.at(tmp_path).metadata) == expected


def test_the_bill_of_materials_is_cyclonedx_and_reproducible(tmp_path: Path) -> None:
    component = Component(
        "numpy", "2.0", "BSD-3-Clause", "pkg:pypi/numpy@2.0", (("LICENSE", "text"),), 7
    )
    packaged = Project(tmp_path, tmp_path, tmp_path, "0.1.0", NOON)
    text = sbom.bill_of_materials(packaged, [component])
    assert text == sbom.bill_of_materials(packaged, [component])
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    assert bill["metadata"]["timestamp"] == "2026-11-23T12:00:00Z"
    [entry] = bill["components"]
    assert entry["purl"] == entry["bom-ref"] == "pkg:pypi/numpy@2.0"
    assert entry["licenses"] == [{"expression": "BSD-3-Clause"}]


@pytest.mark.usefixtures("qapp")
def test_the_icon_is_drawn_in_every_size_and_format(tmp_path: Path) -> None:
    svg = PACKAGING.parent / "resources" / "icons" / "pulse-desktop.svg"
    icons.draw_icons(svg, tmp_path)
    for size in (16, 48, 256):
        png = (tmp_path / f"pulse-desktop-{size}.png").read_bytes()
        assert struct.unpack(">II", png[16:24]) == (size, size)
    ico = (tmp_path / "pulse-desktop.ico").read_bytes()
    assert struct.unpack("<HHH", ico[:6]) == (0, 1, 7)
    size, offset = struct.unpack("<II", ico[14:22])
    assert ico[offset : offset + 4] == b"\x89PNG"
    assert len(ico) > offset + size
    icns = (tmp_path / "pulse-desktop.icns").read_bytes()
    assert icns[:4] == b"icns"
    assert struct.unpack(">I", icns[4:8]) == (len(icns),)


def test_compressed_files_contain_neither_a_time_stamp_nor_a_name(tmp_path: Path) -> None:
    page = tmp_path / "page.1"
    page.write_text("text")
    debian.compress(page)
    packed = (tmp_path / "page.1.gz").read_bytes()
    assert gzip.decompress(packed) == b"text"
    assert packed[3:8] == b"\0\0\0\0\0"  # no flags (so no name), no time stamp


def test_workflows_use_only_files_and_targets_that_exist() -> None:
    root = PACKAGING.parent
    workflow = (root / ".github" / "workflows" / "packages.yml").read_text()
    named = set(re.findall(r"packaging[/\\][\w./\\-]+\.(?:py|sh|iss|lock|plist)", workflow))
    assert len(named) >= 5
    for path in named:
        assert (root / path.replace("\\", "/")).is_file(), path
    for target in re.findall(r"run: make ([\w-]+)", workflow):
        assert re.search(rf"^{target}:", (root / "Makefile").read_text(), re.MULTILINE), target
