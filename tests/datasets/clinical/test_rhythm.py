"""Beat times of the simulator."""

import numpy as np

from ecgsk.signals import STANDARD_12_LEADS


def lead(signal, name):
    return signal[:, STANDARD_12_LEADS.index(name)]


def r_peaks(record: np.ndarray) -> np.ndarray:
    """Return the samples at 100 Hz of the peaks of healthy QRS complexes in lead II."""
    inner = record[1:-1]
    peak = (inner > 0.5 * record.max()) & (inner >= record[:-2]) & (inner > record[2:])
    return 1 + np.flatnonzero(peak)


def test_atrial_fibrillation_is_irregular_and_without_p_waves(record_average):
    spread, p_wave = {}, {}
    for in_af in (0.0, 1.0):
        spreads, beats = [], []
        for record in lead(record_average(in_af=in_af), "II"):
            peaks = r_peaks(record)
            rr = np.diff(peaks)
            spreads.append(rr[rr > 25].std() / rr[rr > 25].mean())
            beats += [record[peak - 20 : peak - 4] for peak in peaks if peak >= 20]
        spread[in_af] = np.median(spreads)
        # Averaged over beats, f waves cancel and P waves stay: they peak 0.12 s before R.
        mean_beat = np.mean(beats, axis=0)
        p_wave[in_af] = mean_beat[5:11].mean() - mean_beat[:2].mean()
    assert spread[1.0] > 2 * spread[0.0]
    assert p_wave[0.0] > 0.04
    assert abs(p_wave[1.0]) < 0.02
