"""A detector in other forms: an ONNX file that needs no torch, and a container for SzCORE.

Detector --trace_network--> graph --torch.onnx--> bytes --compared with the detector--> .onnx
.onnx --read_onnx--> checked bytes --onnxruntime--> ExportedDetector
.onnx + the modules that run it --write_entry--> container context --rehearse--> findings
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
