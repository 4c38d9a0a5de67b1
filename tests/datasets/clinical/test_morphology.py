"""Effects of disease on the waves of the simulator."""

import numpy as np
import pytest

from ecgsk.signals import STANDARD_12_LEADS


def lead(signal, name):
    return signal[:, STANDARD_12_LEADS.index(name)]


def test_bundle_branch_block_widens_the_qrs_complex(record_average):
    normal, blocked = (record_average(lbbb=block) for block in (0.0, 1.0))

    def slow_share(signal):
        power = (np.abs(np.fft.rfft(lead(signal, "V1"))) ** 2).mean(axis=0)
        return power[20:100].sum() / power[20:400].sum()

    assert slow_share(blocked) > slow_share(normal)
    assert lead(blocked, "V1").min(axis=1).mean() < 1.2 * lead(normal, "V1").min(axis=1).mean()


@pytest.mark.parametrize(
    ("territory", "raised", "spared"),
    [("anterior", "V2", "aVF"), ("inferior", "III", "V2"), ("lateral", "I", "V1")],
)
def test_infarct_raises_st_over_its_wall(record_average, territory, raised, spared):
    well = record_average()
    ill = record_average(acute_infarct=2.0, acute_infarct_territory=territory)
    # ST elevation lasts for less than a tenth of the beat; the median ignores extra beats.
    change = np.median(np.percentile(ill - well, 95, axis=2), axis=0)
    at = {name: change[STANDARD_12_LEADS.index(name)] for name in (raised, spared)}
    assert at[raised] > 0.1
    assert at[raised] > 1.4 * at[spared]


def test_potassium_raises_the_t_wave(record_average):
    signals = {k: record_average(potassium=k) for k in (4.3, 6.5, 8.0)}
    peaks = {k: np.percentile(lead(x, "V4"), 92, axis=1).mean() for k, x in signals.items()}
    assert peaks[4.3] < peaks[6.5] < peaks[8.0]
