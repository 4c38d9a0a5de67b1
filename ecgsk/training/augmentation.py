"""Random changes of a batch of ECGs that leave the diagnosis as it is."""

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

# A window this short or shorter is left whole: at 100 Hz it is about a second,
# and less than one beat teaches nothing.
_SHORTEST_CROP = 128


class AugmentationModule(nn.Module):
    """The torch module that :class:`Augmentation` builds."""

    def __init__(self, crop: float, amplitude: float, noise: float, lead_dropout: float):
        super().__init__()
        self.crop, self.amplitude = crop, amplitude
        self.noise, self.lead_dropout = noise, lead_dropout

    def forward(self, x: Tensor) -> Tensor:
        """Return new ECGs of shape (n_samples, n_leads, n_crop)."""
        n_samples, n_leads, n_times = x.shape
        length = max(round(self.crop * n_times), min(n_times, _SHORTEST_CROP))
        if length < n_times:
            start = torch.randint(n_times - length + 1, (n_samples, 1), device=x.device)
            window = start + torch.arange(length, device=x.device)
            x = x.gather(2, window[:, None, :].expand(-1, n_leads, -1))
        per_record = (n_samples, 1, 1)
        if self.amplitude:
            x = x * torch.exp(self.amplitude * torch.randn(per_record, device=x.device))
        if self.noise:
            level = self.noise * torch.rand(per_record, device=x.device)
            x = x + level * torch.randn_like(x)
        if self.lead_dropout and n_leads > 1:
            x = x * (torch.rand(n_samples, n_leads, 1, device=x.device) >= self.lead_dropout)
        return x


class Augmentation(BaseEstimator):
    """Random window, amplitude, noise and missing leads, fresh for every batch.

    Made on the device, in training only; predictions see whole records.

    Parameters
    ----------
    crop : float, default=0.5
        Length of the random window, as a share of the record. One window is
        drawn per record and batch; a window is never under 128 samples.
    amplitude : float, default=0.2
        SD of the log of a gain that all leads of a record share: 0.2 is
        about +-20 %, what skin, fat and electrodes do.
    noise : float, default=0.1
        White noise of up to this level, in SDs of the training signals.
    lead_dropout : float, default=0.1
        Share of leads set to zero, as where an electrode has come off.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.training import Augmentation
    >>> Augmentation(crop=0.25).build()(torch.zeros(4, 12, 1000)).shape
    torch.Size([4, 12, 250])
    """

    def __init__(
        self,
        *,
        crop: float = 0.5,
        amplitude: float = 0.2,
        noise: float = 0.1,
        lead_dropout: float = 0.1,
    ):
        self.crop = crop
        self.amplitude = amplitude
        self.noise = noise
        self.lead_dropout = lead_dropout

    def build(self) -> AugmentationModule:
        """Make the torch module; it has no weights.

        Raises
        ------
        ValueError
            For a share outside its range or a negative level.
        """
        if not 0 < self.crop <= 1 or not 0 <= self.lead_dropout < 1:
            raise ValueError(
                "Augmentation: crop must be in (0, 1] and lead_dropout in [0, 1), "
                f"got crop={self.crop!r}, lead_dropout={self.lead_dropout!r}."
            )
        if not (self.amplitude >= 0 and self.noise >= 0):
            raise ValueError(
                "Augmentation: amplitude and noise must not be negative, "
                f"got amplitude={self.amplitude!r}, noise={self.noise!r}."
            )
        return AugmentationModule(self.crop, self.amplitude, self.noise, self.lead_dropout)
