#!/usr/bin/env bash
# Mutation testing of the oracles. Usage: tests/oracles/mutate.sh [FOLDER]
# Needs mutmut 3, pytest and hypothesis in the python named by PYTHON (default: python3).
# It works on a copy in FOLDER (default: a new temporary one) and prints the survivors.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work/kafka_lab" "$work/tests"
cp "$root/platform/kafka_lab/__init__.py" "$work/kafka_lab/"
cp -r "$root/platform/kafka_lab/api" "$root/platform/kafka_lab/oracles" "$work/kafka_lab/"
cp -r "$root/tests/oracles" "$work/tests/"
cat > "$work/setup.cfg" <<'CFG'
[mutmut]
source_paths=kafka_lab
only_mutate=kafka_lab/oracles/*
pytest_add_cli_args_test_selection=tests/oracles
CFG
cd "$work"
"${PYTHON:-python3}" -m mutmut run --max-children 2
"${PYTHON:-python3}" -m mutmut results
