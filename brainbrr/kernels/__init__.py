"""The operators of the networks, each in plain torch and in faster forms that agree with it.

    models --> ops --+--> reference     plain torch: the definition of every operator
                     +--> c             compiled at first use, for CPUs
                     +--> mamba_ssm     the published CUDA kernels
                     +--> triton        one kernel per narrow residual layer, for CUDA

Besides: what a compiler may keep (`graph_operators`, `tracing`), eigenvectors in plain torch
(`jacobi`), bfloat16 (`precision`) and freed memory (`allocator`). Below `models`: nothing here
knows an electrode.
"""
