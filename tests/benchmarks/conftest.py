"""The benchmarks are scripts beside the package, and not in its source archive."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
collect_ignore_glob = [] if FOLDER.is_dir() else ["test_*.py"]
sys.path.append(str(FOLDER))
