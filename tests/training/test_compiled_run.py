"""A compiled network's checkpoints are a plain one's, and the other way round."""

import pytest
import torch
from lightning import Callback
from torch import nn

from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny

EPOCH = 3


class Stop(Exception):
    """The run ends here, as if the process had."""


class StopInSecondEpoch(Callback):
    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == EPOCH + 1:
            raise Stop


@pytest.mark.parametrize("compiled_first", [True, False])
def test_a_run_goes_on_in_the_other_form(tmp_path, rows, cache, monkeypatch, compiled_first):
    compile_it, compiled = nn.Module.compile, []

    def capture_only(network):
        # What is generated from the graph is torch's own matter, and takes minutes.
        compiled.append(network)
        compile_it(network, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", capture_only)

    def run(name, *, compile_network, resume=False, extra=()):
        torch.manual_seed(0)
        result = tiny.run(
            tmp_path / name,
            rows,
            cache,
            network=tiny.TinyNetwork(),
            callbacks=tiny.callback_set(
                tmp_path / name, "val/average_precision", extra=list(extra)
            ),
            dataloader=LoaderOptions(batch_size=4),
            trainer=TrainerOptions(
                max_epochs=2,
                accelerator="cpu",
                limit_train_batches=EPOCH,
                compile_network=compile_network,
            ),
            resume=resume,
        )
        return read_checkpoint(result.last_checkpoint)["state_dict"]

    whole = run("whole", compile_network=False)
    with pytest.raises(Stop):
        run("parts", compile_network=compiled_first, extra=[StopInSecondEpoch()])
    assert len(compiled) == compiled_first
    parts = run("parts", compile_network=not compiled_first, resume=True)
    assert len(compiled) == 1
    assert list(parts) == list(whole)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value)
