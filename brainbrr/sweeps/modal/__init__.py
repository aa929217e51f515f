"""A sweep's jobs on Modal, which outlive the computer that sent them.

composed jobs -> launch (prices, checks) -> sweep, with its ledger -> client -> app (images)
  -> container, which runs the command -> results in the sweep's local folder
"""
