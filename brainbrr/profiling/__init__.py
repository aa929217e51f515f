"""Cost of a network: `arithmetic` counts, `profile` times part by part, `peak_memory` measures.

network, eeg --> profile_parts (part_gflop, machine_rates) --> Part per child
"""
