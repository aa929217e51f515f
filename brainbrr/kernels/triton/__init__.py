"""The fused layer in Triton: `layer` launches `forward` and `backward`; the others are parts."""
