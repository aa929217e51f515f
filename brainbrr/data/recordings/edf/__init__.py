"""Our reader of EDF, EDF+, BDF and BDF+, which repairs what a second fact in the file confirms.

header   the fixed part, checked against signals, file size and timestamps -> EdfHeader
channel  the part of each signal: label, scale, flaw -> EdfChannel
tal      the annotation lists of one data record
clock    when each record was recorded -> Clock (runs, gaps, events)
reader   channels scaled to microvolts, block by block -> EdfBlocks
"""

__all__ = ["channel", "clock", "header", "reader", "tal"]
