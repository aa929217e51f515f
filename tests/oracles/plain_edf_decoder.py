"""An EDF decoder without mercy or speed: struct, straight from the 1992 paper.

It takes the header at its word where a word is possible, and answers None where it is not.
"""

import struct


def decode(content: bytes) -> dict | None:
    """Physical values of each signal in the header's unit, None where the header is undecodable."""
    try:
        n_signals = int(content[252:256])
        at = 256

        def column(width):
            nonlocal at
            fields = [content[at + i * width : at + (i + 1) * width] for i in range(n_signals)]
            at += n_signals * width
            return [field.decode("latin-1").strip(" \0") for field in fields]

        labels, _, units = column(16), column(80), column(8)
        limits = [column(8) for _ in range(4)]
        column(80)
        counts = [int(float(count.replace(",", "."))) for count in column(8)]
    except (ValueError, IndexError, OverflowError):
        return None
    body = content[256 * (n_signals + 1) :]
    n_records = len(body) // (2 * sum(counts)) if sum(counts) > 0 else 0
    signals = []
    for index in range(n_signals):
        try:
            low, high, digital_low, digital_high = (
                float(limit[index].replace(",", ".")) for limit in limits
            )
            gain = (high - low) / (digital_high - digital_low)
        except (ValueError, ZeroDivisionError):
            signals.append((labels[index], units[index], counts[index], None))
            continue
        values = []
        for record in range(n_records):
            start = 2 * (record * sum(counts) + sum(counts[:index]))
            raw = struct.unpack_from(f"<{counts[index]}h", body, start)
            values += [(sample - digital_low) * gain + low for sample in raw]
        signals.append((labels[index], units[index], counts[index], values))
    return {"n_records": n_records, "signals": signals}
