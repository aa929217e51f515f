"""The notebooks' two files say the same, hold no outputs, and run from the first cell to the
last."""

import os
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
NAMES = ("01_look_at_a_recording", "02_read_a_run", "03_compare_detectors", "04_explore_a_sweep")

pytestmark = pytest.mark.xdist_group("notebooks")


def paired(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def execute(name: str, **parameters: Any) -> NotebookNode:
    """Run a notebook where it lies, its parameters replaced by others."""
    notebook = paired(name)
    (place,) = (
        number
        for number, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", ())
    )
    message = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    for key in parameters:
        assert f"{key} = " in notebook.cells[place].source
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(message))
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )
    # Figures are drawn as in the browser, whatever this process draws with.
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    client.execute(env={**environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    return notebook


def text_of(notebook: NotebookNode) -> str:
    """All that the cells printed."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    return "".join(out.text for out in outputs if out.output_type == "stream")


def n_shown(notebook: NotebookNode, kind: str) -> int:
    """How many outputs of a MIME type there are."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    return sum(kind in out.get("data", {}) for out in outputs)


def warnings_of(notebook: NotebookNode) -> list[str]:
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    return [out.text for out in outputs if out.get("name") == "stderr" and "Warning" in out.text]


def test_every_notebook_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)
    assert {path.stem for path in FOLDER.glob("[0-9]*.py")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_two_files_say_the_same(name: str) -> None:
    script, notebook = jupytext.read(FOLDER / f"{name}.py"), paired(name)
    cells = [
        [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in each.cells]
        for each in (script, notebook)
    ]
    assert cells[0] == cells[1]


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_kept(name: str) -> None:
    code = [cell for cell in paired(name).cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("name", NAMES)
def test_no_path_of_a_machine_is_in_it(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert not any(root in text for root in ('"/', "'/", "/home/", "/tmp/", "C:\\"))


def test_a_recording_made_for_the_purpose_is_looked_at(tmp_path: Path) -> None:
    done = execute("01_look_at_a_recording", REAL_RECORDINGS=str(tmp_path))
    message = text_of(done)
    assert "recorded against: linked_ears" in message
    assert "flat" in message
    assert "mains" in message
    assert "no real recordings here" in message
    assert n_shown(done, "image/png") >= 5
    assert n_shown(done, "text/html") == 1
    assert not warnings_of(done)


@pytest.mark.slow
def test_a_real_recording_is_looked_at(shared_data: Path) -> None:
    clip = sorted((shared_data / "chbmit" / "clips").glob("chb01_03*.edf"))[0]
    done = execute("01_look_at_a_recording", RECORDING=str(clip), REAL_RECORDINGS=str(shared_data))
    assert text_of(done).count("recorded against: bipolar") == 2
    assert n_shown(done, "text/html") == 2


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first notebook that needs a run makes one, and the others find it."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_is_read(work: Path) -> None:
    done = execute("02_read_a_run", WORK=str(work))
    assert "v3" in text_of(done)
    assert (work / "run" / "scores.json").is_file()
    assert n_shown(done, "image/png") == 2
    assert n_shown(done, "text/html") >= 3
    assert not warnings_of(done)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_is_compared_with_the_baseline(work: Path) -> None:
    done = execute("03_compare_detectors", WORK=str(work), N_RESAMPLES=50)
    message = text_of(done)
    assert "line length" in message
    assert "seizures found by" in message
    assert n_shown(done, "image/png") == 3
    assert not warnings_of(done)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_equals_itself(work: Path) -> None:
    execute("03_compare_detectors", WORK=str(work), N_RESAMPLES=20)
    run = str(work / "run")
    done = execute("03_compare_detectors", RUN=run, OTHER=run, N_RESAMPLES=20)
    message = text_of(done)
    assert "other run" in message
    assert "they agree on every event" in message
    assert "this run only: 0, by other run only: 0" in message


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sweep_is_explored(tmp_path: Path) -> None:
    done = execute("04_explore_a_sweep", WORK=str(tmp_path))
    assert "4 runs: 4 finished" in text_of(done)
    outputs = [out for cell in done.cells for out in cell.get("outputs", ())]
    tables = "".join(out.data.get("text/plain", "") for out in outputs if "data" in out)
    assert "optimizer.lr" in tables and "loss.gamma" in tables
    assert "than chance" in tables
    # The picture and both tables.
    assert n_shown(done, "text/html") == 3
    assert n_shown(done, "image/png") == 1
    assert not warnings_of(done)
