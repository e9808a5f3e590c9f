"""Entry, run by path in the agent's own interpreter: `__main__.py template | worker | demo [port] [log]`."""

import importlib.util
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PACKAGE = "propylon_worker"
MOST_FILES = 65536


def load_package() -> None:
    """Make this folder importable as `propylon_worker`, and only as that: the agent owns top-level names such as `agent`."""
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != FOLDER]
    spec = importlib.util.spec_from_file_location(PACKAGE, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{FOLDER} is not a package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


def main(arguments: list[str]) -> int:
    """Run one mode; the exit code."""
    # Whoever started this may have let copies of its pipes through; a worker holding one would hide the template's end from the server.
    os.closerange(3, MOST_FILES)
    load_package()
    mode = arguments[0] if arguments else ""
    if mode == "template":
        return int(importlib.import_module(f"{PACKAGE}.template").main())
    if mode == "worker":
        return int(importlib.import_module(f"{PACKAGE}.process").main())
    if mode == "demo":
        return int(importlib.import_module(f"{PACKAGE}.demo").main(arguments[1:]))
    sys.stderr.write("usage: __main__.py template | worker | demo [port] [log]\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
