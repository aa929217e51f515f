#!/usr/bin/env bash
# The tests against the fake control plane on the lowest and on the newest supported release.
#   bash benchmarks/modal_releases.sh [RELEASE ...]  default: pyproject's lowest, the installed one
#   PYTHON=.venv/bin/python                          with the development dependencies
#   MARKERS="not slow"                               default: every test, the seeded courses too
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
installed=$("$python" -c "import modal; print(modal.__version__)")
lowest=$(sed -n 's/^modal = \["modal>=\([0-9.]*\),.*/\1/p' pyproject.toml).0
releases=${*:-$lowest $installed}
for release in $releases; do
  folder=.modal-$release
  if [ "$release" != "$installed" ] && [ ! -e "$folder/.ready" ]; then
    "$python" -m pip install -q --target "$folder" "modal==$release"
    touch "$folder/.ready"
  fi
  [ "$release" = "$installed" ] && front= || front=$PWD/$folder:
  echo "modal $(PYTHONPATH=$front "$python" -c "import modal; print(modal.__version__)")"
  PYTHONPATH=$front. "$python" -m pytest tests/cloud -m "${MARKERS-}" -p no:cacheprovider
done
