"""Commands: the only room that knows Hydra, one module per command.

main      command line -> help, or
app       resume= expanded, overrides checked (override_check), configuration composed
COMMAND   run(cfg): parts built from configuration (build, renamed), work done by the rooms below
terminal  results and progress shown; exit code 0 done, 2 a user's error in one line, 1 a defect
"""
