"""Retry topics and a dead letter queue: a service and two commands, by ``MODE``."""

import os
import sys


def main() -> int:
    mode = os.environ.get("MODE", "work")
    if mode == "inspect":
        from tools import inspect

        return inspect()
    if mode == "reprocess":
        from tools import reprocess

        return reprocess()
    from worker import work

    return work()


if __name__ == "__main__":
    sys.exit(main())
