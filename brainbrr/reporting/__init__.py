"""What a reader sees of a result: the HTML report, its figures, and the tables on the terminal.

    scores.json    -> scoreboard -> score_tables (HTML), table (terminal)
    traces and EEG -> cases -> eeg_figure -> review
    curves         -> figures                       all of these -> report.write_report

Figures are SVG (`svg`), drawn once; `raster` turns them into pixels for TensorBoard.
"""
