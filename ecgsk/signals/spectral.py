"""Filter and resample in one pass over the spectrum, without shifting anything in time."""

from collections.abc import Callable

import numpy as np

from ecgsk.signals.gaps import bridge_gaps

Gain = Callable[[np.ndarray], np.ndarray]

# Share of the band that resampling keeps whole.
_PASSED = 0.9


def filter_spectrum(
    signals: np.ndarray, rate: float, gain: Gain, *, up: int = 1, down: int = 1
) -> np.ndarray:
    """Multiply the spectrum by a real gain, and sample the result at another rate.

    A record goes on as its mirror image at both ends, so that the periodic
    signal whose spectrum is taken has no jump where it starts anew, and its
    ends keep their baseline.

    Parameters
    ----------
    signals : ndarray of float, shape (..., n_samples)
        NaN where missing: bridged by a line for filtering, and NaN again afterwards.
    rate : float
        Sampling rate in Hz.
    gain : callable
        Takes frequencies in Hz, gives the factor of each. A filter run forwards
        and backwards has the square of its magnitude response.
    up, down : int
        The new rate is ``rate * up / down``. The gain must be zero from half the
        lower of both rates on.

    Returns
    -------
    ndarray, shape (..., ceil(n_samples * up / down))
        Same dtype. When the rate changes, a sample is NaN when a sample of the
        input that is nearest to it, or to which it is nearest, is.

    Examples
    --------
    >>> t = np.arange(0, 4, 1 / 100)
    >>> slow, fast = np.sin(2 * np.pi * t), np.sin(2 * np.pi * 20 * t)
    >>> out = filter_spectrum(slow + fast, 100, lambda f: f < 10)
    >>> bool(np.abs(out - slow)[50:-50].max() < 0.05)
    True
    """
    bridged, missing = bridge_gaps(signals)
    if up == down:
        out = _filtered(bridged, rate, gain)
    else:
        out = _resampled(bridged, rate, gain, up, down)
    if missing is not None:
        out[_gaps_at(missing, out.shape[-1], up / down)] = np.nan
    return out


def _filtered(signals: np.ndarray, rate: float, gain: Gain) -> np.ndarray:
    """Filter at the rate as it is: the cosine transform is that of a mirrored signal."""
    from scipy.fft import dct, idct  # here, as it costs a seventh of a second to import

    n_samples = signals.shape[-1]
    cosines = dct(signals, type=2, axis=-1)
    cosines *= gain(np.arange(n_samples) * (rate / (2 * n_samples))).astype(signals.dtype)
    return idct(cosines, type=2, axis=-1, overwrite_x=True)


def _resampled(signals: np.ndarray, rate: float, gain: Gain, up: int, down: int) -> np.ndarray:
    from scipy.fft import irfft

    n_samples = signals.shape[-1]
    # A multiple of `down`, so that the period has whole samples at the new rate too.
    period = -(-2 * n_samples // down) * down
    n_out = period * up // down
    n_kept = min(period, n_out) // 2 + 1
    spectrum = _spectrum(signals, period, n_kept)
    frequencies = np.arange(n_kept) * (rate / period)
    spectrum *= (gain(frequencies) * (up / down)).astype(signals.dtype)
    out = irfft(spectrum, n_out, axis=-1)[..., : -(-n_samples * up // down)]
    return np.ascontiguousarray(out)


def _spectrum(signals: np.ndarray, period: int, n_kept: int) -> np.ndarray:
    """Return the first coefficients of the signals and their mirror image, of that period."""
    from scipy.fft import dct, rfft

    n_samples = signals.shape[-1]
    if period == 2 * n_samples:
        # The cosine transform does with half the work, but for a shift by half a sample.
        n_cosines = min(n_kept, n_samples)  # the one at half the rate is zero by symmetry
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


def low_pass_gain(end: float) -> Gain:
    """Let nothing fold back: gain 1 up to 0.9 `end`, in Hz, and 0 from `end` on.

    A raised cosine lies between, lest the edge rings.
    """

    def gain(frequency: np.ndarray) -> np.ndarray:
        share = np.clip((frequency / end - _PASSED) / (1 - _PASSED), 0, 1)
        return 0.5 + 0.5 * np.cos(np.pi * share)

    return gain


def butterworth_gain(low: float | None, high: float | None, order: int, rate: float) -> Gain:
    """Gain of a Butterworth band-pass run forwards and backwards, edges in Hz."""
    from scipy.signal import butter, sosfreqz  # here, as it costs a quarter second to import

    edges = [edge for edge in (low, high) if edge is not None]
    kind = "bandpass" if len(edges) == 2 else "lowpass" if low is None else "highpass"
    sos = butter(order, edges if len(edges) == 2 else edges[0], kind, fs=rate, output="sos")

    def gain(frequency: np.ndarray) -> np.ndarray:
        return np.square(np.abs(sosfreqz(sos, worN=frequency, fs=rate)[1]))

    return gain


def _gaps_at(missing: np.ndarray, n_out: int, ratio: float) -> np.ndarray:
    nearest_in = np.rint(np.arange(n_out) / ratio).astype(int)
    gaps = missing[..., np.minimum(nearest_in, missing.shape[-1] - 1)]
    *lead, time = np.nonzero(missing)
    nearest_out = np.minimum(np.rint(time * ratio).astype(int), n_out - 1)
    gaps[(*lead, nearest_out)] = True
    return gaps
