"""Kernels in C: `src/` --build--> library --binding--> `operators`, which `ops` calls."""

__all__ = ["binding", "build", "operators"]
