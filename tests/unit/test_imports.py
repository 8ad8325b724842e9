"""Importing a module has no side effects: it neither changes the environment nor exits."""

import graphlib
import subprocess
import sys

import grimp

IMPORT_ALL = """
import importlib, os, pkgutil
import pulse_desktop, pulse_workers

before = dict(os.environ)
count = 0
for package in (pulse_desktop, pulse_workers):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except SystemExit as error:
            raise AssertionError(f"{module.name} exits") from error
        assert dict(os.environ) == before, f"{module.name} changes the environment"
        count += 1
print(count)
"""


def test_no_module_changes_the_environment_or_exits_on_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("pulse_desktop", "pulse_workers")
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError with the modules
