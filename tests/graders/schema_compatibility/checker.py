"""The grader's helper modules, which lie beside the grader and not in a package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "graders" / "schema-compatibility"
NAMES = (
    *("pairs", "subjects", "naming", "histories", "references", "report", "judge"),
    *("shelf", "workflow"),
)


def load() -> dict[str, ModuleType]:
    """All of them, without leaving behind names that another exercise's helpers may have."""
    sys.path.insert(0, str(FOLDER))
    before = {name: sys.modules.pop(name, None) for name in NAMES}
    try:
        return {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


MODULES = load()
