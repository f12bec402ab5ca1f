"""Whether a folder's Python files can be compiled. Run as a script, inside a sandbox too: it uses
the standard library alone."""

from __future__ import annotations

import sys
from pathlib import Path


def trouble(source: Path, entry: str) -> str:
    """What is wrong with the program's files, or nothing."""
    if not (source / entry).is_file():
        return f"{entry} is not there: the program is started as `python {entry}`"
    for path in sorted(source.rglob("*.py")):
        if ".venv" in path.parts:
            continue
        name = str(path.relative_to(source))
        try:
            compile(path.read_bytes(), name, "exec", dont_inherit=True)
        except SyntaxError as e:
            line = (e.text or "").rstrip()
            place = f"{name}:{e.lineno}" if e.lineno else name  # null bytes have no line
            return f"{place}: {e.msg}\n    {line}".rstrip()
        except (ValueError, RecursionError, MemoryError) as e:
            return f"{name}: {e}"
    return ""


if __name__ == "__main__":
    found = trouble(Path.cwd(), sys.argv[1])
    print(found)
    sys.exit(1 if found else 0)
