"""TensorBoard's curves of a run that died and goes on: each step once."""

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event, SessionLog


@rank_zero_only
def purge_curves(board: TensorBoardLogger, step: int) -> None:
    """Hide all that former processes drew behind a step: the run that is continued there draws it
    again.

    Says what `purge_step` says when a `SummaryWriter` is made, to one whose logger was built before
    it was known where to go on.
    """
    start = Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))
    board.experiment.file_writer.add_event(start, step + 1)
    board.experiment.flush()
