"""Kernels in C: `src/` --build--> library --binding--> `operators`, which `ops` calls."""
