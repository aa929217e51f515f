"""EDF, EDF+, BDF and BDF+: digital samples scaled to float32 microvolts, gaps included."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.edf.channel import EdfChannel
from brainbrr.data.recordings.edf.clock import read_clock
from brainbrr.data.recordings.edf.header import EdfHeader, parse_header
from brainbrr.data.recordings.refusals import (
    HeaderMismatch,
    NoSignal,
    UnitNotVoltage,
    UnreadableHeader,
    UnsupportedRate,
    ZeroRange,
)
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals
from brainbrr.signal.labels import kind_of
from brainbrr.signal.resampling import extended, resample_span

MIN_RATE_HZ, MAX_RATE_HZ = 32.0, 65_536.0


@dataclass(frozen=True)
class ChannelChoice:
    """The channels of a file that are read, their rate, and what was left out."""

    channels: tuple[EdfChannel, ...]
    n_samples: int
    repairs: tuple[str, ...]


def _refuse_flaws(flaws: Counter[str]) -> None:
    worst = flaws.most_common(1)[0][0]
    if worst == "unit":
        raise UnitNotVoltage(
            "EEG in V, mV, uV or nV", "another unit or no unit", "Correct the unit in the header."
        )
    if worst == "range":
        raise ZeroRange(
            "channels with a digital and a physical range",
            "ranges of zero width or reversed",
            "Export the recording again.",
        )
    raise UnreadableHeader(
        "numbers as the channels' ranges", "something else", "Export the recording again."
    )


def choose_channels(header: EdfHeader) -> ChannelChoice:
    """Choose the voltages of a file: EEG at any rate, other channels if they share the EEG's rate.

    The rate is the most common one of the EEG channels, the higher of two that are as common.

    Raises:
        UnitNotVoltage, ZeroRange, UnreadableHeader: every EEG channel has this flaw.
        NoSignal: no channel has a voltage unit.
        HeaderMismatch: channels at several rates, and neither size nor timestamps confirm them.
    """
    candidates = [c for c in header.channels if not c.is_annotation and c.n_samples > 0]
    eeg = [c for c in candidates if kind_of(c.label) in {"scalp", "ear"}]
    flawed = Counter(c.flaw for c in eeg if c.flaw)
    if eeg and not any(c.flaw is None for c in eeg):
        _refuse_flaws(flawed)
    sound = [c for c in (eeg or candidates) if c.flaw is None]
    if not sound:
        raise NoSignal("no channel has a voltage unit", "Use the file that holds the EEG.")
    # A damaged sample count shifts all channels after it, and looks like a rate of its own.
    rates = Counter(c.n_samples for c in sound)
    if len(rates) > 1 and not header.count_confirmed:
        raise HeaderMismatch(
            "a file size that confirms channels at several rates",
            "another size",
            "Copy the file again.",
        )
    n_samples = max(rates, key=lambda n: (rates[n], n))
    chosen = [c for c in candidates if c.flaw is None and (c in eeg or c.n_samples == n_samples)]
    repairs = [f"{n} EEG channels left out: no usable {flaw}" for flaw, n in sorted(flawed.items())]
    if (n_other := sum(c.n_samples != n_samples for c in chosen)) > 0:
        repairs.append(f"{n_other} EEG channels resampled to the rate of the others")
    if (n_left := len(candidates) - len(chosen) - sum(flawed.values())) > 0:
        repairs.append(f"{n_left} channels left out: not EEG")
    return ChannelChoice(tuple(chosen), n_samples, tuple(repairs))


class EdfBlocks:
    """An EDF or BDF as `RecordingBlocks`.

    Header and timestamps are read and checked at construction, samples on demand.

    Raises:
        UnreadableRecording: one of its subclasses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header = header = parse_header(path)
        self._choice = choice = choose_channels(header)
        self.rate_hz = choice.n_samples / header.record_s
        if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            raise UnsupportedRate(
                f"{MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz",
                f"{self.rate_hz:g} Hz",
                "Check the header.",
            )
        self._clock = read_clock(path, header, choice.n_samples)
        self.labels = tuple(channel.label for channel in choice.channels)
        self.n_samples = self._clock.n_samples
        self.start = (
            None if header.start is None else header.start + timedelta(seconds=self._clock.lead_s)
        )
        self.events: tuple[Event, ...] = self._clock.events
        self.repairs = (*header.repairs, *choice.repairs, *self._clock.repairs)

    @property
    def gaps(self) -> Intervals:
        """`(n, 2)` intervals in seconds in which nothing was recorded."""
        ends = [
            (run.first_sample, run.first_sample + run.n_records * self._choice.n_samples)
            for run in self._clock.runs
        ]
        between = [(ends[i][1], ends[i + 1][0]) for i in range(len(ends) - 1)]
        return as_intervals(between) / self.rate_hz

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Read microvolts `(channels, last - first)` of samples `[first, last)`, zero in gaps."""
        block = np.zeros((len(self.labels), last - first), dtype=np.float32)
        for run in self._clock.runs:
            begin = max(first, run.first_sample)
            end = min(last, run.first_sample + run.n_records * self._choice.n_samples)
            if begin < end:
                block[:, begin - first : end - first] = self._read_run(
                    run.first_record,
                    run.n_records,
                    begin - run.first_sample,
                    end - run.first_sample,
                )
        return block

    def _read_run(
        self, first_record: int, n_records: int, first: int, last: int
    ) -> NDArray[np.float32]:
        """Read samples `[first, last)` of a run of records without a gap."""
        per_record = self._choice.n_samples
        low, high = first // per_record, -(-last // per_record)
        records = self._records(first_record + low, high - low)
        block = np.empty((len(self.labels), last - first), dtype=np.float32)
        for row, channel in enumerate(self._choice.channels):
            if channel.n_samples == per_record:
                cut = slice(first - low * per_record, last - low * per_record)
                block[row] = scaled(records, channel)[cut]
            else:
                block[row] = self._resampled(channel, first_record, n_records, first, last)
        return block

    def _resampled(
        self, channel: EdfChannel, first_record: int, n_records: int, first: int, last: int
    ) -> NDArray[np.floating]:
        """Resample a channel recorded at another rate to the common one."""

        def read(begin: int, end: int) -> NDArray[np.floating]:
            low, high = begin // channel.n_samples, -(-end // channel.n_samples)
            records = self._records(first_record + low, high - low)
            start = low * channel.n_samples
            return scaled(records, channel)[begin - start : end - start]

        span = (0, n_records * channel.n_samples)
        ratio = Fraction(self._choice.n_samples, channel.n_samples)
        return resample_span(lambda a, b: extended(read, span, a, b), ratio, first, last)

    def _records(self, first: int, n_records: int) -> NDArray[np.integer]:
        return read_records(self._path, self._header, first, n_records)


def read_records(path: Path, header: EdfHeader, first: int, n_records: int) -> NDArray[np.integer]:
    """Read digital samples `(records, samples of a record)` of complete data records."""
    n_samples = n_records * header.record_samples
    with path.open("rb") as file:
        file.seek(header.header_bytes + first * header.record_bytes)
        if header.sample_bytes == 2:
            samples = np.fromfile(file, dtype="<i2", count=n_samples)
        else:
            samples = _from_24_bits(np.fromfile(file, dtype=np.uint8, count=3 * n_samples))
    return samples.reshape(n_records, header.record_samples)


def scaled(records: NDArray[np.integer], channel: EdfChannel) -> NDArray[np.float32]:
    """Scale one channel of digital records to float32 microvolts `(samples,)`."""
    digital = records[:, channel.first_sample : channel.first_sample + channel.n_samples]
    physical = digital.astype(np.float32)
    np.multiply(physical, np.float32(channel.gain_uv), out=physical)
    np.add(physical, np.float32(channel.offset_uv), out=physical)
    return physical.reshape(-1)


def _from_24_bits(octets: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Convert little-endian 24-bit two's complement to int32."""
    wide = np.zeros((len(octets) // 3, 4), dtype=np.uint8)
    # In the three high bytes, so that the shift back extends the sign.
    wide[:, 1:] = octets.reshape(-1, 3)
    return wide.view("<i4").reshape(-1) >> 8
