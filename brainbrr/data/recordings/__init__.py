"""Read recordings of any supported format as microvolts at their native rate.

    read.open_recording(path) -> RecordingBlocks      block by block
    read.read_recording(path) -> Recording            all in memory
        edf.reader.EdfBlocks        EDF, EDF+, BDF, BDF+
        mne_reader.MneBlocks        BrainVision, EEGLAB, FIF, Nihon Kohden and others

What cannot be read is refused with one of the classes in `refusals`.
"""

__all__ = ["edf", "mne_reader", "read", "recording", "refusals"]
