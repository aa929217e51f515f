"""Many runs: searched for, sent elsewhere, and read back as one table.

    command line -> search (Optuna, study) or all combinations -> launcher (here, SLURM, Modal)
      -> run folders, each with its outcome -> runs_table -> importance, parallel_coordinates, page

Nothing here knows Hydra: launchers and sweepers in `hydra_plugins` and `brainbrr.cli` hand over
overrides and composed configurations.
"""
