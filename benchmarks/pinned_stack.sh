#!/usr/bin/env bash
# The model tests on the pinned stack (torch 2.2.2, numpy below 2), in a virtual environment of its own.
#   bash benchmarks/pinned_stack.sh [FOLDER]     the environment is kept in FOLDER and used again
#   TORCH_INDEX=URL                              where torch's builds are (the CPU build is under 200 MB)
#   PYTHON=python3.11                            torch 2.2.2 has builds up to Python 3.12
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.venv-pinned}
index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
if [ ! -e "$folder/.ready" ]; then
  "${PYTHON:-python3.11}" -m venv "$folder"
  "$folder/bin/python" -m pip install -q "torch==2.2.2+cpu" --index-url "$index"
  "$folder/bin/python" -m pip install -q "numpy<2" scipy omegaconf safetensors rich \
    "torch-geometric>=2.5,<2.7" pytest pytest-timeout hypothesis
  touch "$folder/.ready"
fi
PYTHONPATH=. "$folder/bin/python" -c "import numpy, torch; print('torch', torch.__version__, 'numpy', numpy.__version__)"
PYTHONPATH=. "$folder/bin/python" -m pytest tests/models tests/contracts tests/oracles/test_scan_recurrence.py \
  tests/oracles/test_graph_geometric.py
