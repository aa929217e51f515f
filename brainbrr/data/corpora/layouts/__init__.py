"""Layouts of corpora: each module has a `find_recordings(root)` that yields a `Source` per file.

`detect_layout` tries them in turn.
"""
