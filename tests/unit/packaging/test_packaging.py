"""What turns the project into packages, as far as nothing need be built for it."""

import gzip
import importlib
import json
import re
import shutil
import struct
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from pulse_workers.cli.parser import make_parser as make_worker_parser

from pulse_desktop import __version__
from pulse_desktop.cli.main import make_parser
from pulse_desktop.embedded.nats_server import find_nats_server

PACKAGING = Path(__file__).parents[3] / "packaging"
NOON = 1_795_435_200


Release = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    """Return the modules of packaging/release by name: `release("sbom")`."""
    sys.path.insert(0, str(PACKAGING))

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"release.{name}")

    yield module
    sys.path.remove(str(PACKAGING))


def commands_and_options(parser: ArgumentParser) -> list[str]:
    """Return the words that the help of a program and its commands shows."""
    text = parser.format_help()
    commands = re.findall(r"^    ([a-z-]+)  ", text, re.MULTILINE)
    return [*commands, *re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)]


def pins(lock: str) -> dict[str, str]:
    text = (PACKAGING / lock).read_text()
    return {
        line.split(" ;")[0]: line
        for line in re.findall(r"^([a-z][^\\\n]*?) *\\?$", text, re.MULTILINE)
    }


def test_the_version_has_one_place(release) -> None:
    project = release("project")
    assert project.version_in((PACKAGING.parent / project.VERSION_FILE).read_text()) == __version__
    with pytest.raises(ValueError, match="no version"):
        project.version_in("__version__ = None")


def test_what_is_frozen_is_what_was_tested() -> None:
    tested, frozen = pins("requirements.lock"), pins("package.lock")
    only_for_freezing = {"altgraph", "macholib", "pefile", "pyinstaller", "pywin32-ctypes"}
    for pin in frozen:
        name = pin.partition("==")[0]
        assert pin in tested or name in only_for_freezing | {
            "pyinstaller-hooks-contrib", "setuptools"
        }, f"{pin}: run make lock"  # fmt: skip
    assert not {pin.partition("==")[0] for pin in frozen} & {"pytest", "mypy", "ruff"}


@pytest.mark.parametrize(
    ("python", "debian"),
    [("0.1.0", "0.1.0"), ("1.2.0rc1", "1.2.0~rc1"), ("1.2.0.dev3", "1.2.0~dev3")],
)
def test_a_candidate_comes_before_its_release_for_debian_too(release, python, debian) -> None:
    assert release("debian").debian_version(python) == debian


def test_files_bear_the_time_of_the_commit_and_modes_that_do_not_depend_on_the_builder(
    release, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    for name, mode in (("program", 0o700), ("data", 0o660)):
        (tmp_path / "folder" / name).touch(mode=mode)
    (tmp_path / "folder" / "link").symlink_to("data")
    release("project").normalize(tmp_path, NOON)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"folder": 0o755, "program": 0o755, "data": 0o644, "link": 0o644}
    assert {path.lstat().st_mtime for path in tmp_path.rglob("*")} == {NOON}


class TestManualAndCompletion:
    @pytest.mark.parametrize("make", [make_parser, make_worker_parser])
    def test_the_man_page_has_every_command_and_option(
        self, release: Release, make: Callable[[], ArgumentParser]
    ) -> None:
        page = release("command_docs").manual_page(make(), "1.0", NOON)
        name = make().prog.upper().replace("-", "\\-")
        assert page.startswith(f'.TH {name} "1" "2026\\-11\\-23" "Pulse Desktop 1.0"')
        for word in commands_and_options(make()):
            assert word.replace("-", "\\-") in page
        assert "%(prog)s" not in page
        assert str(Path.home()) not in page

    def test_hidden_commands_and_options_are_in_neither(self, release: Release) -> None:
        docs = release("command_docs")
        texts = [docs.manual_page(make_parser(), "1.0", NOON)]
        texts += [docs.shell_completion(make_parser(), shell) for shell in ("bash", "zsh", "fish")]
        for text in texts:
            for hidden in ("anyway", "results get", "results_get"):
                assert hidden not in text

    @pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
    @pytest.mark.parametrize("make", [make_parser, make_worker_parser])
    def test_man_has_no_warning_about_the_page(
        self, release: Release, make: Callable[[], ArgumentParser], tmp_path: Path
    ) -> None:
        page = tmp_path / "page.1"
        page.write_text(release("command_docs").manual_page(make(), "1.0", NOON))
        done = subprocess.run(
            ["man", "--warnings", "-l", page],
            capture_output=True,
            text=True,
            check=True,
            env={"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "PATH": "/usr/bin:/bin"},
        )
        assert done.stderr == ""

    @pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
    @pytest.mark.parametrize(
        ("words", "offered"),
        [
            (("ta",), "tail"),
            (("results", ""), "list show save"),
            (("results", "-"), "-h --help --server --json"),
            (("--server", "nats://x:1", "results", "sh"), "show"),
            (("screenshot", "--page", "ov"), "overview"),
            (("screenshot", "--out", "pic"), "picture.png"),
            (("--theme", "l"), "light"),
        ],
    )
    def test_bash_completes(
        self, release: Release, tmp_path: Path, words: tuple[str, ...], offered: str
    ) -> None:
        script = tmp_path / "completion"
        script.write_text(release("command_docs").shell_completion(make_parser(), "bash"))
        (tmp_path / "picture.png").touch()
        line = " ".join(f"'{word}'" for word in ("pulse-desktop", *words))
        command = (
            f". {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _shtab_pulse_desktop; "
            "echo ${COMPREPLY[@]}"
        )
        done = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
            cwd=tmp_path,
        )
        assert (done.stdout.strip(), done.stderr) == (offered, "")

    @pytest.mark.parametrize("make", [make_parser, make_worker_parser])
    def test_zsh_and_fish_complete_every_command(
        self, release: Release, make: Callable[[], ArgumentParser]
    ) -> None:
        complete = release("command_docs").shell_completion
        zsh, fish = complete(make(), "zsh"), complete(make(), "fish")
        assert zsh.startswith(f"#compdef {make().prog}\n")
        assert f"complete -c {make().prog} " in fish
        for word in commands_and_options(make()):
            assert word in zsh
            assert word.lstrip("-") in fish


class TestTrimming:
    def test_what_the_window_shows_and_speaks_with_stays(self, release) -> None:
        is_unused = release("trim").is_unused
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

    def test_what_is_never_used_goes(self, release) -> None:
        is_unused = release("trim").is_unused
        for dropped in (
            "PySide6/Qt/translations/qtbase_de.qm",
            "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
            "PySide6/Qt/plugins/platforms/libqeglfs.so",
            "PySide6/Qt/lib/libQt6Qml.so.6",
            "PySide6\\opengl32sw.dll",
            "taskiq-0.13.0.dist-info/RECORD",
        ):
            assert is_unused(dropped), dropped

    def test_nothing_that_goes_is_imported_by_the_programs(self, release) -> None:
        code = f"""
import sys
from importlib.machinery import PathFinder

class Trimmed:
    find_distributions = staticmethod(PathFinder.find_distributions)
    def find_spec(self, name, path=None, target=None):
        gone = name in {release("trim").unused_modules()!r}
        return None if gone else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Trimmed()
import pulse_desktop.cli.window_qt, pulse_desktop.embedded.guardian
import pulse_workers.cli.main, pulse_workers.runtime.worker
"""
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr

    def test_a_library_goes_with_the_last_that_needs_it(self, release) -> None:
        entries = [
            ("a.so", "/a.so", "EXTENSION"),
            ("libone.so.1", "/one", "BINARY"),
            ("libtwo.so.2", "/two", "BINARY"),
            ("libalone.so.3", "/alone", "BINARY"),
            ("deep/libone.so.1", "libone.so.1", "SYMLINK"),
        ]
        links = {"/a.so": ["libone.so.1"], "/one": ["libtwo.so.2"], "/alone": ["libtwo.so.2"]}
        kept = release("trim").without_orphans(entries, lambda path: links.get(path, []))
        assert [entry[0] for entry in kept] == [
            "a.so", "libone.so.1", "libtwo.so.2", "deep/libone.so.1"
        ]  # fmt: skip


class TestLicenses:
    def test_every_module_in_the_server_has_its_license(self, release) -> None:
        modules = release("go_modules").go_modules(find_nats_server(), PACKAGING / "licenses")
        by_name = {name: (version, license, texts) for name, version, license, texts in modules}
        assert by_name["github.com/nats-io/nats-server/v2"][0].startswith("v2.")
        assert by_name["std"][1] == "BSD-3-Clause"
        assert all(text for _, _, texts in by_name.values() for _, text in texts)

    def test_a_module_nobody_looked_at_stops_the_build(self, release, tmp_path: Path) -> None:
        (tmp_path / "go-modules.toml").write_text("")
        with pytest.raises(release("errors").MissingLicenseError, match="is in nats-server"):
            release("go_modules").go_modules(find_nats_server(), tmp_path)

    @pytest.mark.parametrize(
        ("told", "license"),
        [
            ({"License-Expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0"),
            ({"License": "Apache 2.0"}, "Apache-2.0"),
            ({"License": "The whole\ntext", "Classifier": "License :: OSI :: MIT License"}, "MIT"),
            ({}, ""),
        ],
    )
    def test_a_license_is_read_from_what_a_package_tells(self, release, told, license) -> None:
        metadata = SimpleNamespace(
            get=told.get,
            get_all=lambda key: [told[key]] if key in told else None,
        )
        assert release("components").license_of(metadata) == license


def test_the_bill_of_materials_is_cyclonedx_and_the_same_twice(release) -> None:
    component = release("components").Component(
        "numpy", "2.0", "BSD-3-Clause", "pkg:pypi/numpy@2.0", (("LICENSE", "text"),), 7
    )
    project = SimpleNamespace(version="0.1.0", epoch=NOON)
    text = release("sbom").bill_of_materials(project, [component])
    assert text == release("sbom").bill_of_materials(project, [component])
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    assert bill["metadata"]["timestamp"] == "2026-11-23T12:00:00Z"
    [entry] = bill["components"]
    assert entry["purl"] == entry["bom-ref"] == "pkg:pypi/numpy@2.0"
    assert entry["licenses"] == [{"expression": "BSD-3-Clause"}]


class TestIcons:
    @pytest.mark.usefixtures("qapp")
    def test_the_icon_is_drawn_in_every_size_and_container(self, release, tmp_path: Path) -> None:
        svg = PACKAGING.parent / "resources" / "icons" / "pulse-desktop.svg"
        release("icons").draw_icons(svg, tmp_path)
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


def test_compressed_files_tell_neither_when_nor_by_what_name(release, tmp_path: Path) -> None:
    page = tmp_path / "page.1"
    page.write_text("text")
    release("debian")._compress(page)
    packed = (tmp_path / "page.1.gz").read_bytes()
    assert gzip.decompress(packed) == b"text"
    assert packed[3:8] == b"\0\0\0\0\0"  # no flags, so no name, and no time


def test_workflows_and_installers_name_only_files_that_are_there() -> None:
    root = PACKAGING.parent
    workflow = (root / ".github" / "workflows" / "packages.yml").read_text()
    named = set(re.findall(r"packaging[/\\][\w./\\-]+\.(?:py|sh|iss|lock|plist)", workflow))
    assert len(named) >= 5
    for path in named:
        assert (root / path.replace("\\", "/")).is_file(), path
    for target in re.findall(r"run: make ([\w-]+)", workflow):
        assert re.search(rf"^{target}:", (root / "Makefile").read_text(), re.MULTILINE), target
