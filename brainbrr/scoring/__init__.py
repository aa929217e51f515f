"""Scores of detected events and probabilities against annotated ones.

    two folders --read_references, read_hypotheses--> annotations --pair--> Pairs
    Pairs --Timeline.place--> ticks --szcore, nedc--> Counts --score_corpus--> `scores.json`
    traces --sweep, szcore_sweep--> Steps --SortedSteps--> curves;  --SampleHistogram--> AUROC, ECE
    validation traces --tune, choose_threshold, fit_calibration--> Detection, Calibration

numpy alone, no torch: any folder of annotations can be scored.
"""
