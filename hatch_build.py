"""Puts the page into the wheel, so that people who install it need no Node.

The page is built in a temporary copy of `frontend/`; the checkout stays as it is. PROPYLON_PAGE_DIR names a page built before and skips
that. Nothing is built for the source archive, nor for an editable install, which serves the checkout's `frontend/dist`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGED = "propylon/web/page"


class PageHook(BuildHookInterface):
    _work: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        given = os.environ.get("PROPYLON_PAGE_DIR")
        page = Path(given).resolve() if given else self._build()
        if not (page / "index.html").is_file():
            raise SystemExit(f"There is no page in {page}: index.html is missing.")
        # Forced, or .gitignore would leave it out. File by file: stamps and other hidden files stay out.
        for file in sorted(page.rglob("*")):
            inside = file.relative_to(page)
            if file.is_file() and not any(part.startswith(".") for part in inside.parts):
                build_data["force_include"][str(file)] = f"{PACKAGED}/{inside.as_posix()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._work is not None:
            self._work.cleanup()

    def _build(self) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit("Building Propylon's page needs Node.js 20.19 or newer with npm; installing a finished wheel needs neither.")
        self._work = tempfile.TemporaryDirectory(prefix="propylon-page-")
        source = Path(self._work.name, "frontend")
        shutil.copytree(Path(self.root) / "frontend", source, ignore=shutil.ignore_patterns("node_modules", "dist", "test-results"))
        # "production" would leave out the build tools.
        environment = {name: value for name, value in os.environ.items() if name != "NODE_ENV"}
        if not os.access(Path("~").expanduser(), os.W_OK):
            environment["npm_config_cache"] = str(Path(self._work.name, "cache"))
        for command in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build"]):
            done = subprocess.run([npm, *command], cwd=source, env=environment, stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                raise SystemExit(f"The page could not be built: `npm {' '.join(command)}` failed (exit code {done.returncode}).")
        return source / "dist"
