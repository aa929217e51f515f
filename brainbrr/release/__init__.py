"""Released detectors: written, described, checked and loaded, without running anything of them.

    Detector --describe--> detector.json, model.safetensors, selftest.safetensors  (+ card, scores)
    name, folder or hf:// --read_file--> --read_json--> --read_description--> --restore-->
    --selftest--> Detector

`describe` and `read_description` need no torch: exported detectors carry the same description.
"""

__all__ = [
    "artifact",
    "card",
    "description",
    "hub",
    "released_files",
    "selftest",
    "shipped",
    "weights",
]
