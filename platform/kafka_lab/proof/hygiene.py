"""Programs that do nothing right, for every exercise: each must end as failed, in bounded time."""

from __future__ import annotations

_JAVA = "public class %s {{ public static void main(String[] a) throws Exception {{ {} }} }}\n"
_GO = "package main\n\n{}\n"

HYGIENE: dict[str, dict[str, str]] = {
    "python": {
        "empty": "",
        "exit": "raise SystemExit(0)\n",
        "hang": "import threading\nthreading.Event().wait()\n",
        "flood": "while True:\n    print('x' * 4096)\n",
    },
    "java": {
        "exit": _JAVA.format(""),
        "hang": _JAVA.format("Thread.currentThread().join();"),
        "flood": _JAVA.format('while (true) System.out.println("x".repeat(4096));'),
    },
    "go": {
        "exit": _GO.format("func main() {}"),
        "hang": _GO.format('import "time"\n\nfunc main() { time.Sleep(time.Hour) }'),
        "flood": _GO.format(
            'import ("fmt"; "strings")\n\n'
            'func main() { for { fmt.Println(strings.Repeat("x", 4096)) } }'
        ),
    },
    "config": {
        "empty": "",
        "exit": "exit 0\n",
        "hang": "exec sleep 3600\n",
        "flood": "exec yes \"$(printf '%04096d' 0)\"\n",
    },
}
"""Language → name → the whole text of the program; ``%s`` is the entry's name in Java."""
