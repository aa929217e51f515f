"""Corpora on disk: list them, prepare them into the cache, split them by subject, inspect them.

layouts -> Source         what the corpus lists of a recording: file, subject, labels
prepare_recording -> CacheEntry     what preparation found, and the cached signal
prepare_corpus -> ManifestRow       both joined: `manifest.jsonl`, `quarantine.jsonl`
inspection                the same survey, nothing written but a report
"""
