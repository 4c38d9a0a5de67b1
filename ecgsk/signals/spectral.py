"""Zero-phase filtering and resampling by multiplication of the spectrum."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ecgsk.signals.gaps import bridge_gaps

Gain = Callable[[np.ndarray], np.ndarray]

# Pass band of the resampling filter, as a share of half the lower sampling rate.
_PASS_BAND_SHARE = 0.9
_CACHED_GAINS = 64


def bandpass(
    signals: np.ndarray, rate: float, low: float | None, high: float | None, *, order: int = 3
) -> np.ndarray:
    """Filter along the last axis with a zero-phase Butterworth band-pass.

    The edges in Hz are at -6 dB, as the filter is applied twice; None leaves one open.
    The dtype is kept, and NaN stays NaN.
    """
    return filter_spectrum(signals, rate, _butterworth_gain(low, high, order, rate))


def filter_spectrum(
    signals: np.ndarray, rate: float, gain: Gain, *, up: int = 1, down: int = 1
) -> np.ndarray:
    """Multiply the spectrum along the last axis by a real gain; resample by `up` / `down`.

    The record is extended by its mirror image at both ends: the periodic signal
    whose spectrum is taken has no jump, and the ends keep their baseline. Gaps are
    bridged by a line for filtering, and NaN again afterwards.

    The gain maps frequencies in Hz to factors, and its values are cached by its
    identity. It must be zero from half the lower of both rates on.
    """
    bridged, missing = bridge_gaps(signals)
    if up == down:
        out = _filter(bridged, rate, gain)
    else:
        out = _filter_and_resample(bridged, rate, gain, up, down)
    if missing is not None:
        out[_gaps_at(missing, out.shape[-1], up / down)] = np.nan
    return out


def _filter(signals: np.ndarray, rate: float, gain: Gain) -> np.ndarray:
    """Filter at the input's rate: the cosine transform is that of a mirrored signal."""
    from scipy.fft import dct, idct  # takes 0.15 s to import

    n_samples = signals.shape[-1]
    cosines = dct(signals, type=2, axis=-1)
    cosines *= _gain_values(gain, n_samples, rate / (2 * n_samples)).astype(signals.dtype)
    return idct(cosines, type=2, axis=-1, overwrite_x=True)


def _filter_and_resample(
    signals: np.ndarray, rate: float, gain: Gain, up: int, down: int
) -> np.ndarray:
    from scipy.fft import irfft

    n_samples = signals.shape[-1]
    # A multiple of `down`, so that the period has whole samples at the new rate too.
    period = -(-2 * n_samples // down) * down
    n_out = period * up // down
    n_kept = min(period, n_out) // 2 + 1
    spectrum = _mirrored_spectrum(signals, period, n_kept)
    spectrum *= (_gain_values(gain, n_kept, rate / period) * (up / down)).astype(signals.dtype)
    out = irfft(spectrum, n_out, axis=-1)[..., : -(-n_samples * up // down)]
    return np.ascontiguousarray(out)


def _mirrored_spectrum(signals: np.ndarray, period: int, n_kept: int) -> np.ndarray:
    """Return the first Fourier coefficients of the signals and their mirror image."""
    from scipy.fft import dct, rfft

    n_samples = signals.shape[-1]
    if period == 2 * n_samples:
        # The cosine transform takes half the work; it differs by a shift of half a sample.
        n_cosines = min(n_kept, n_samples)  # the coefficient at half the rate is zero by symmetry
        shift = np.exp(0.5j * np.pi / n_samples * np.arange(n_cosines))
        kind = np.result_type(signals.dtype, np.complex64)
        spectrum = np.zeros((*signals.shape[:-1], n_kept), kind)
        cosines = dct(signals, type=2, axis=-1)[..., :n_cosines]
        np.multiply(cosines, shift.astype(kind), out=spectrum[..., :n_cosines])
        return spectrum
    extended = np.empty((*signals.shape[:-1], period), signals.dtype)
    extended[..., :n_samples] = signals
    extended[..., n_samples : 2 * n_samples] = signals[..., ::-1]
    extended[..., 2 * n_samples :] = signals[..., :1]
    return rfft(extended, axis=-1, overwrite_x=True)[..., :n_kept]


@lru_cache(_CACHED_GAINS)
def _gain_values(gain: Gain, n_frequencies: int, step: float) -> np.ndarray:
    """Return the gain at multiples of `step` Hz."""
    return gain(np.arange(n_frequencies) * step)


@lru_cache(_CACHED_GAINS)
def low_pass_gain(end: float) -> Gain:
    """Design an anti-aliasing filter: gain 1 up to 0.9 `end`, in Hz, and 0 from `end` on.

    A raised cosine lies between, which keeps the ringing small.
    """

    def gain(frequency: np.ndarray) -> np.ndarray:
        share = np.clip((frequency / end - _PASS_BAND_SHARE) / (1 - _PASS_BAND_SHARE), 0, 1)
        return 0.5 + 0.5 * np.cos(np.pi * share)

    return gain


@lru_cache(_CACHED_GAINS)
def _butterworth_gain(low: float | None, high: float | None, order: int, rate: float) -> Gain:
    """Design a Butterworth band-pass run forwards and backwards, edges in Hz."""
    from scipy.signal import butter, sosfreqz  # takes 0.25 s to import

    edges = [edge for edge in (low, high) if edge is not None]
    kind = "bandpass" if len(edges) == 2 else "lowpass" if low is None else "highpass"
    sos = butter(order, edges if len(edges) == 2 else edges[0], kind, fs=rate, output="sos")

    def gain(frequency: np.ndarray) -> np.ndarray:
        return np.square(np.abs(sosfreqz(sos, worN=frequency, fs=rate)[1]))

    return gain


def _gaps_at(missing: np.ndarray, n_out: int, ratio: float) -> np.ndarray:
    """Return where samples are missing at the new rate."""
    nearest_in, nearest_out = nearest_samples(missing.shape[-1], n_out, ratio)
    gaps = missing[..., nearest_in]
    *lead, time = np.nonzero(missing)
    gaps[(*lead, nearest_out[time])] = True
    return gaps


def nearest_samples(n_in: int, n_out: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the input sample nearest to each output sample, and the reverse."""
    nearest_in = np.minimum(np.rint(np.arange(n_out) / ratio).astype(int), n_in - 1)
    nearest_out = np.minimum(np.rint(np.arange(n_in) * ratio).astype(int), n_out - 1)
    return nearest_in, nearest_out
