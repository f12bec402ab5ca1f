#!/usr/bin/env bash
# Builds Gradescope's image: everything that grading needs, so that grading itself fetches nothing
# but the libraries that a student adds. Made by `kafka-lab course gradescope`.
set -euo pipefail
source="${AUTOGRADER_ROOT:-/autograder}/source"
lab="${AUTOGRADER_LAB:-/opt/kafka-lab}"

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3 python3-venv util-linux PACKAGES
python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  # Ubuntu 22.04 has a newer one beside its own.
  apt-get install -y -qq --no-install-recommends python3.11 python3.11-venv
  python=python3.11
fi

id student >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin student
"$python" -m venv "$lab/venv"
shopt -s nullglob
wheels=("$source"/*.whl)
[ ${#wheels[@]} -gt 0 ] || wheels=("kafka-lab==VERSION")
"$lab/venv/bin/python" -m pip install --quiet "${wheels[@]}"

# What the student's user must not read.
"$lab/venv/bin/python" - <<'PY'
from kafka_lab.runtime.paths import bundled

for room in ("graders", "solutions"):
    bundled(room).chmod(0o700)
PY
chmod 700 "$source"

# Better now than at the first submission: an image's own Go or JDK may be too old.
"$lab/venv/bin/python" - <<'PY'
import sys
from kafka_lab import wiring

for language in "LANGUAGES".split():
    for lack in wiring.toolchain(language).missing():
        sys.exit(f"{language}: this image's {lack.tool} is missing or too old: {lack.fix}")
PY

export KAFKA_LAB_HOME="$lab/home" KAFKA_LAB_CACHE="$lab/cache" KAFKA_LAB_BACKEND=embedded
"$lab/venv/bin/kafka-lab" cache prepare --backend embedded
