"""What an ingest makes of some WFDB records: samples, their quality, a list of the broken."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError
from ecgsk.io._ecg_folder import to_int16
from ecgsk.io._wfdb_folder import comments_frame
from ecgsk.io._wfdb_header import RecordHeader, read_header
from ecgsk.io._wfdb_storage import WFDBStorage
from ecgsk.signals.record_quality import describe_signals
from ecgsk.signals.resampling import resampling_ratio
from ecgsk.signals.spectral import butterworth_gain, filter_spectrum, low_pass_gain

_BATCH = 64  # records read and described at once
_FILTERED = 8  # and filtered: more falls out of the cache
_ORDER = 3  # of the Butterworth filter, as BandpassFilter has it


@dataclass(frozen=True)
class Conversion:
    """How records become samples.

    Attributes
    ----------
    leads : tuple of str
        Canonical names, in the order written.
    sampling_rate : float
        Hz, as written.
    duration : float
        Seconds, as written.
    band : tuple of (float or None)
        Lower and upper edge in Hz; None leaves one open.
    gain : float
        int16 units per mV.
    crop : bool
        Whether records of another duration are cropped or padded, or broken.
    """

    leads: tuple[str, ...]
    sampling_rate: float
    duration: float
    band: tuple[float | None, float | None]
    gain: float
    crop: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Leads and samples of a record."""
        return len(self.leads), round(self.duration * self.sampling_rate)


@dataclass(frozen=True)
class Chunk:
    """Samples as int16 (n_records, n_leads, n_samples), their table, and who is not among them."""

    samples: np.ndarray
    table: pd.DataFrame
    broken: list[dict[str, str]]
    n_clipped: int


def convert(folder: Path, names: Sequence[str], conversion: Conversion) -> Chunk:
    """Read, filter and describe records; those that cannot be read are listed, with the reason.

    Parameters
    ----------
    folder : Path
        Where the records lie.
    names : sequence of str
        Paths within it, without suffix.
    conversion : Conversion
        What to make of them.
    """
    broken: list[dict[str, str]] = []
    headers = []
    for place, name in enumerate(names):
        try:
            header = read_header(f"{folder}/{name}", conversion.leads)
            _check_duration(header, conversion)
            headers.append((place, header))
        except ECGError as error:
            broken.append({"record": name, "reason": str(error)})
    samples = np.empty((len(names), *conversion.shape), "<i2")
    parts, n_clipped = [], 0
    for batch in _batches(headers):
        kept, signals = _read(batch, names, conversion, broken)
        if not kept:
            continue
        rate = kept[0][1].layout.sampling_rate
        parts.append(_describe(kept, names, signals, conversion.leads, rate))
        places = np.array([place for place, _ in kept])
        for start in range(0, len(kept), _FILTERED):
            some = slice(start, start + _FILTERED)
            filtered = _filter(signals[some], rate, conversion)
            samples[places[some]], n_beyond = to_int16(filtered, conversion.gain)
            n_clipped += n_beyond
    if not parts:
        return Chunk(samples[:0], pd.DataFrame({"record": []}, dtype=str), _sorted(broken), 0)
    table = pd.concat(parts).sort_index()
    return Chunk(samples[table.index], table.reset_index(drop=True), _sorted(broken), n_clipped)


def _check_duration(header: RecordHeader, conversion: Conversion) -> None:
    if not conversion.crop and header.layout.seconds != conversion.duration:
        raise ECGError(
            f"record {header.path}: it lasts {header.layout.seconds:g} s, and the others "
            f"{conversion.duration:g} s. Pass duration={conversion.duration:g} to crop longer "
            "records and pad shorter ones."
        )


def _batches(headers: list[tuple[int, RecordHeader]]):
    """Yield records of one sampling rate together, some at a time."""
    by_rate: dict[float, list[tuple[int, RecordHeader]]] = {}
    for place, header in headers:
        by_rate.setdefault(header.layout.sampling_rate, []).append((place, header))
    for same in by_rate.values():
        for start in range(0, len(same), _BATCH):
            yield same[start : start + _BATCH]


def _read(
    batch: list[tuple[int, RecordHeader]],
    names: Sequence[str],
    conversion: Conversion,
    broken: list[dict[str, str]],
) -> tuple[list[tuple[int, RecordHeader]], np.ndarray]:
    """Read a batch at its own rate; add those to `broken` whose samples cannot be read."""
    rate = batch[0][1].layout.sampling_rate
    storage = WFDBStorage(
        [header.path for _, header in batch],
        conversion.leads,
        rate,
        round(conversion.duration * rate),
        layouts=[header.layout for _, header in batch],
    )
    signals = np.empty((len(batch), len(conversion.leads), storage.n_samples), np.float32)
    good: list[tuple[int, RecordHeader]] = []
    for row, (place, _) in enumerate(batch):
        try:
            signals[len(good)] = storage.read(np.array([row]))[0]
            good.append(batch[row])
        except ECGError as error:
            broken.append({"record": names[place], "reason": str(error)})
    return good, signals[: len(good)]


def _describe(
    kept: list[tuple[int, RecordHeader]],
    names: Sequence[str],
    signals: np.ndarray,
    leads: Sequence[str],
    rate: float,
) -> pd.DataFrame:
    places = [place for place, _ in kept]
    parts = [
        pd.DataFrame({"record": [names[place] for place in places]}),
        comments_frame([header for _, header in kept]),
        describe_signals(signals, leads, rate),
    ]
    return pd.concat(parts, axis=1).set_axis(places)


def _filter(signals: np.ndarray, rate: float, conversion: Conversion) -> np.ndarray:
    """Bring signals to the band, rate and length wanted, in one pass."""
    ratio = resampling_ratio(rate, conversion.sampling_rate)
    if ratio != 1 or conversion.band != (None, None):
        gain = _Gain(rate, conversion.sampling_rate, conversion.band)
        signals = filter_spectrum(signals, rate, gain, up=ratio.numerator, down=ratio.denominator)
    n_samples = conversion.shape[1]
    if signals.shape[2] == n_samples:
        return signals
    out = np.full((*signals.shape[:2], n_samples), np.nan, np.float32)
    n_kept = min(n_samples, signals.shape[2])
    out[..., :n_kept] = signals[..., :n_kept]
    return out


@lru_cache
class _Gain:
    """Gain of resampling and band-pass together; batches of one kind compute it once."""

    def __init__(self, rate: float, new_rate: float, band: tuple[float | None, float | None]):
        self.new_rate = new_rate
        self.parts = [] if rate == new_rate else [low_pass_gain(min(rate, new_rate) / 2)]
        if band != (None, None):
            self.parts.append(butterworth_gain(*band, _ORDER, new_rate))
        self.known: dict[tuple[int, float], np.ndarray] = {}

    def __call__(self, frequency: np.ndarray) -> np.ndarray:
        key = len(frequency), float(frequency[-1])
        if key not in self.known:
            # Above half the new rate nothing is kept, and the digital filter says nothing.
            inside = np.minimum(frequency, self.new_rate / 2)
            self.known[key] = np.prod([part(inside) for part in self.parts], axis=0)
        return self.known[key]


def _sorted(broken: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(broken, key=lambda entry: entry["record"])
