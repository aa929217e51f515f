"""A detector in other forms: an ONNX file that needs no torch, and a container for SzCORE.

    Detector --trace_network--> graph --to_onnx--> bytes --compared with the detector--> .onnx
    .onnx --read_onnx--> checked bytes --onnxruntime--> ExportedDetector
    .onnx and the modules that run it --write_entry--> container context --rehearse--> steps

`load_detector` loads any form by its path.
"""

__all__ = [
    "load",
    "onnx_detector",
    "onnx_eigh",
    "onnx_export",
    "onnx_file",
    "parity",
    "szcore_entry",
    "szcore_rehearsal",
]
