"""Events and how they are found, calibrated, stored and computed with; numpy alone.

    Trace (probability over time) -> detection.detect -> Annotation (Events) -> tsv, csv_bi, EDF+
    files of any of these formats -> formats.read_annotation -> Annotation

`intervals` is the algebra of half-open intervals that scoring and data build on.
"""

__all__ = [
    "annotation", "calibration", "codes", "csv_bi", "detection", "edf_annotations", "event",
    "formats", "intervals", "trace", "trace_file", "tsv",
]  # fmt: skip
