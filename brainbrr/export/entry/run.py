"""The container's entry point: one recording in, its seizures out, or a non-zero exit code.

    INPUT=recording.edf OUTPUT=recording.tsv python run.py [DATA_FOLDER OUTPUT_FOLDER]

There is one detector. If it cannot be run, nothing is written and no other takes its place.
"""

import os
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).resolve().parent
sys.path.insert(0, str(HOME))

from brainbrr.errors import BrainbrrError  # noqa: E402
from brainbrr.events.tsv import write_tsv  # noqa: E402
from brainbrr.export.onnx_detector import load_onnx  # noqa: E402


def main() -> int:
    """Annotate `INPUT` into `OUTPUT`; return 0, or 2 after one line on stderr."""
    data, output = map(Path, sys.argv[1:3] if len(sys.argv) == 3 else ("/data", "/output"))
    names = [os.environ.get(name, "") for name in ("INPUT", "OUTPUT")]
    if not all(names):
        sys.stderr.write("INPUT and OUTPUT must name a file under /data and one under /output\n")
        return 2
    try:
        # The benchmark does not read the contributing electrodes, which take most of the time.
        detector = load_onnx(HOME / "detector.onnx")
        annotation = detector.annotate(data / names[0], evidence=False)
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "events.tsv"
            write_tsv(annotation, table)
            # Into the file itself: the benchmark creates it beforehand, in a folder that this user
            # may not write to, so nothing can be renamed over it.
            (output / names[1]).write_bytes(table.read_bytes())
    except (BrainbrrError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
