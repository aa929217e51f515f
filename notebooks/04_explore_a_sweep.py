# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Explore a sweep
#
# A folder of runs, computed here, on SLURM or on Modal: which options led to which score, which of
# them mattered, and how far to believe it.
#
# Runs are sorted by the validation metric. Choose by it and read the test score of the chosen one
# only: the best test score of many runs is good partly by luck, and the luck does not come with the
# detector.
#
# For research; not a medical device.

# %% tags=["parameters"]
SWEEP = None  # folder that `brainbrr train -m` wrote, e.g. "../multirun/search"
METRIC = "szcore.event.subject_mean.f1"  # test score to show, a dotted name in scores.json
WORK = None  # where a sweep of a minute goes, and stays; a temporary folder if None

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import HTML, display
from rich.console import Console
from rich.table import Table
from small_run import make_sweep

from brainbrr.sweeps.importance import importances
from brainbrr.sweeps.page import count_states, format_value, sweep_columns
from brainbrr.sweeps.parallel_coordinates import parallel_coordinates
from brainbrr.sweeps.runs_table import read_sweep, varied_options

# %%
if SWEEP is None:
    temporary = tempfile.TemporaryDirectory(prefix="brainbrr-")
    SWEEP = make_sweep(Path(WORK or temporary.name).resolve())

# %% [markdown]
# ## The table
#
# Only options that differ between the runs have a column. A run that was pruned or is unfinished
# stands with the best value it reached.

# %%
runs = read_sweep(Path(SWEEP), METRIC)
monitor = next((run.monitor for run in runs if run.monitor), "validation")
columns = sweep_columns(runs, METRIC)
table = Table(*columns)
for row in zip(*columns.values(), strict=True):
    table.add_row(*map(format_value, row))
Console(width=180).print(table)
print(count_states(runs))

# %% [markdown]
# ## One line a run
#
# Each line crosses an axis for each option and ends at its score: dark orange is high, pale blue is
# low, dashed did not reach its end. Where dark lines pass through one spot of an axis, that value
# does well whatever the others are.

# %%
style = "<style>.sweep {background: #fff; color: #1b1f24} .sweep svg {max-width: 100%}</style>"
display(HTML(f'{style}<div class="sweep">{parallel_coordinates(runs, monitor)}</div>'))

# %% [markdown]
# ## One option at a time
#
# The same scores against each option alone. What spreads the dots at one value is the other options
# and chance; seeds, if you varied them, say how much is chance.

# %%
options = varied_options(runs)
scored = [number for number, run in enumerate(runs) if run.validation is not None]
figure, axes = plt.subplots(
    1, len(options), figsize=(3.2 * len(options), 3.2), sharey=True, squeeze=False,
    layout="constrained",
)  # fmt: skip
for axis, (name, values) in zip(axes[0], options.items(), strict=True):
    here = [number for number in scored if values[number] is not None]
    axis.plot([values[n] for n in here], [runs[n].validation for n in here], "o", color="tab:blue")
    numbers = [values[n] for n in here if isinstance(values[n], int | float)]
    if len(numbers) == len(here) and min(numbers) > 0 and max(numbers) >= 10 * min(numbers):
        axis.set_xscale("log")
    axis.set_xlabel(name)
axes[0][0].set_ylabel(monitor)
plt.show()

# %% [markdown]
# ## What mattered
#
# For each option: the share of the score's variance that its values explain, each by itself. For
# numbers it is the square of Spearman's rank correlation (a rise or a fall, not a hump); for
# categories the share between their means. Beside it stands how large a share chance alone reaches
# when the scores are dealt out at random among the runs (95th percentile), and how many runs there
# were. A share below that mark says nothing. Options that were searched are not independent: a
# search looks where it found good scores, and pruned runs were judged early.

# %%
table = Table("option", "share explained", "reached by chance", "runs", "")
for one in importances(runs):
    verdict = "more than chance" if one.share > one.by_chance else "no more than chance"
    table.add_row(one.name, f"{one.share:.2f}", f"{one.by_chance:.2f}", str(one.n_runs), verdict)
Console(width=110).print(table)
