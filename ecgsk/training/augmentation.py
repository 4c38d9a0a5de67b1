"""Random changes of a batch of ECGs, in mV, that keep the diagnosis."""

import math
from typing import Any

import torch
from sklearn.base import BaseEstimator, clone
from torch import Tensor, nn

from ecgsk.training.trainer import is_count

# Minimum length of a window: 2 s hold at least one beat, even of a slow heart.
_SHORTEST_CROP = 2.0  # s
_SHORTEST_CROP_OF_ARRAYS = 200  # samples, without a sampling rate
# Step in samples of the check whether a lead has a signal.
_LOOK_EVERY = 32
# Frequencies of breathing and of electrode drift.
_WANDER_BAND = (0.05, 0.5)  # Hz


class AugmentationModule(nn.Module):
    """Torch module of :class:`Augmentation`; random numbers are drawn on the signals' device."""

    def __init__(self, spec: "Augmentation", sampling_rate: float | None):
        super().__init__()
        self.spec, self.sampling_rate = spec, sampling_rate

    def forward(self, x: Tensor) -> Tensor:
        """Return new ECGs of shape (n_samples, n_leads, n_crop), in mV; NaN where missing."""
        spec = self.spec
        per_record = (len(x), 1, 1)
        x = self._window(x)
        # A new tensor, changed in place below: allocating memory costs more than arithmetic.
        x = x * torch.exp(spec.amplitude * torch.randn(per_record, device=x.device))
        if spec.baseline_wander:
            x += self._wander(x)
        if spec.noise:
            level = spec.noise * torch.rand(per_record, device=x.device)
            x += torch.randn_like(x).mul_(level)
        if spec.lead_dropout:
            x.masked_fill_(self._leads_off(x), torch.nan)
        return x

    def crops(self, x: Tensor) -> list[Tensor]:
        """Return evenly spaced windows of the training length, first to last, for a prediction."""
        n_times = x.shape[2]
        length = self._length(n_times)
        n_crops = self.spec.test_crops
        if n_crops == 1 or length == n_times:
            return [x]
        starts = [round(i * (n_times - length) / (n_crops - 1)) for i in range(n_crops)]
        return [x[:, :, start : start + length] for start in starts]

    def _length(self, n_times: int) -> int:
        """Return the length of a window in samples."""
        rate = self.sampling_rate
        shortest = _SHORTEST_CROP_OF_ARRAYS if rate is None else math.ceil(_SHORTEST_CROP * rate)
        return max(round(self.spec.crop * n_times), min(n_times, shortest))

    def _window(self, x: Tensor) -> Tensor:
        """Cut one window per record; samples beyond the record are missing."""
        n_samples, n_leads, n_times = x.shape
        rate, spec = self.sampling_rate, self.spec
        length = self._length(n_times)
        shift = 0 if rate is None else round(spec.time_shift * rate)
        if shift >= length:
            raise ValueError(
                f"Augmentation: time_shift={spec.time_shift!r} s is {shift} samples, and can leave "
                f"nothing of a window of {length}. Make it shorter than the crop of a record."
            )
        if length == n_times and not shift:
            return x
        start = torch.randint(n_times - length + 1, (n_samples, 1), device=x.device)
        if shift:
            start = start + torch.randint(-shift, shift + 1, (n_samples, 1), device=x.device)
        time = (start + torch.arange(length, device=x.device))[:, None, :]
        window = x.gather(2, time.clamp(0, n_times - 1).expand(-1, n_leads, -1))
        return window.masked_fill((time < 0) | (time >= n_times), torch.nan) if shift else window

    def _wander(self, x: Tensor) -> Tensor:
        """Return a slow sinusoid per record, with another height and sign in each lead."""
        assert self.sampling_rate is not None
        n_samples, n_leads, n_times = x.shape
        low, high = _WANDER_BAND
        frequency, phase = torch.rand(2, n_samples, 1, 1, device=x.device)
        cycles = torch.arange(n_times, device=x.device) / self.sampling_rate
        cycles = phase + (low + (high - low) * frequency) * cycles
        height = 2 * torch.rand(n_samples, n_leads, 1, device=x.device) - 1
        return self.spec.baseline_wander * height * torch.sin(2 * math.pi * cycles)

    def _leads_off(self, x: Tensor) -> Tensor:
        """Return which leads to drop, as (n_samples, n_leads, 1); at least one signal stays."""
        draw = torch.rand(x.shape[:2], device=x.device)
        dropout = self.spec.lead_dropout
        share: Tensor | float
        if isinstance(dropout, tuple | list):
            low, high = dropout
            share = low + (high - low) * torch.rand((len(x), 1), device=x.device)
        else:
            share = dropout
        there = torch.isfinite(x[:, :, ::_LOOK_EVERY]).any(dim=2)
        stays = draw.masked_fill(~there, -1.0).amax(dim=1, keepdim=True)
        return ((draw < share) & (draw < stays))[:, :, None]


class Augmentation(BaseEstimator):
    """Random window, gain, wander, noise and missing leads, new for every batch.

    Parameters are in physical units and apply to millivolts, before a model scales them, so
    they do not depend on the cohort. Augmentation runs on the device, in training only;
    predictions use whole records, or with `test_crops` the mean over windows.

    .. versionadded:: 0.1

    Parameters
    ----------
    crop : float, default=0.5
        Length of the random window, as a share of the record; one is drawn per record and
        batch. It is at least 2 s (200 samples of a plain array). Half of a 10 s record did
        well in every measurement.
    time_shift : float, default=0.0
        Maximum shift of the window in s, in both directions; samples from outside of the
        record are missing. 0, since a crop already moves the window.
    amplitude : float, default=0.2
        SD of the log of a gain that all leads of a record share: 0.2 is about +-20 %, as
        from skin, fat and electrodes.
    baseline_wander : float, default=0.0
        Highest peak in mV of a sinusoid of 0.05-0.5 Hz, as from breathing and drifting
        electrodes, with a share from -1 to 1 of that peak in each lead. 0, since most
        records are filtered above 0.5 Hz; for unfiltered ones 0.2 mV is moderate.
    noise : float, default=0.02
        Maximum RMS in mV of white noise, as from muscles at rest. A tenth of the SD of a
        typical lead, and well below 0.1 mV, one small square of the paper.
    lead_dropout : float or pair of float, default=0.1
        Share of leads that become missing, as from a loose electrode; about one of twelve.
        Never all of a record. A pair is the range from which the share of each record is
        drawn: ``(0, 1)`` trains on any number of leads, for a model that is to predict from
        fewer than it was fitted on; see :class:`ecgsk.preprocessing.SelectLeads`.
    test_crops : int, default=1
        Number of evenly spaced windows of the training length over which a prediction
        averages the embedding; 1 is the whole record. ``predict_proba``, ``transform``,
        explanations and the exported graph all use that mean.

    References
    ----------
    .. [1] Friesen et al., "A comparison of the noise sensitivity of nine QRS
       detection algorithms", IEEE Trans Biomed Eng 1990: the kinds of noise.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.training import Augmentation
    >>> module = Augmentation(crop=0.25, baseline_wander=0.2).build(sampling_rate=100.0)
    >>> module(torch.zeros(4, 12, 1000)).shape
    torch.Size([4, 12, 250])
    """

    def __init__(
        self,
        *,
        crop: float = 0.5,
        time_shift: float = 0.0,
        amplitude: float = 0.2,
        baseline_wander: float = 0.0,
        noise: float = 0.02,
        lead_dropout: float | tuple[float, float] = 0.1,
        test_crops: int = 1,
    ):
        self.crop = crop
        self.time_shift = time_shift
        self.amplitude = amplitude
        self.baseline_wander = baseline_wander
        self.noise = noise
        self.lead_dropout = lead_dropout
        self.test_crops = test_crops

    def build(self, sampling_rate: float | None) -> AugmentationModule:
        """Make the torch module for signals of this sampling rate.

        Parameters
        ----------
        sampling_rate : float or None
            In Hz; None if unknown, as for a plain array.

        Raises
        ------
        ValueError
            For a share outside its range, a negative level, a number of crops below 1, or an
            effect in seconds or Hz without a sampling rate.
        """
        if not is_count(self.test_crops):
            raise ValueError(
                f"Augmentation: test_crops must be a positive int, got {self.test_crops!r}."
            )
        if not 0 < self.crop <= 1 or not _is_dropout(self.lead_dropout):
            raise ValueError(
                "Augmentation: crop must be in (0, 1] and lead_dropout in [0, 1), got "
                f"crop={self.crop!r}, lead_dropout={self.lead_dropout!r}. A range of shares is a "
                "pair (low, high) with 0 <= low <= high <= 1."
            )
        for name in ("time_shift", "amplitude", "baseline_wander", "noise"):
            level = getattr(self, name)
            if not 0 <= level < math.inf:
                raise ValueError(
                    f"Augmentation: {name} must be finite and not negative, got {level!r}."
                )
        if sampling_rate is None and (self.time_shift or self.baseline_wander):
            raise ValueError(
                "Augmentation: time_shift and baseline_wander are in seconds and Hz, and a plain "
                "array has no sampling rate. Fit on a table with an ECG column, "
                "ECGArray.from_numpy(x, sampling_rate=..., leads=...), or leave both at 0."
            )
        return AugmentationModule(clone(self), sampling_rate)


def _is_dropout(share: Any) -> bool:
    """Return whether a share of leads, or a range of such shares, can be dropped."""
    if isinstance(share, tuple | list):
        # At a share of 1, one lead stays.
        return len(share) == 2 and bool(0 <= share[0] <= share[1] <= 1)
    return bool(0 <= share < 1)
