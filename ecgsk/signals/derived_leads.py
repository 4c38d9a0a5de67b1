"""Limb leads derived from two others, after Einthoven and Goldberger."""

from collections.abc import Sequence

import numpy as np

from ecgsk.exceptions import LeadMismatchError
from ecgsk.signals.leads import canonical_leads, derivation
from ecgsk.signals.storage import ECGStorage


def find_derivations(
    available: Sequence[str],
    wanted: Sequence[str],
    *,
    name: str,
    derive: bool = True,
    mask: bool = False,
) -> list[dict[str, float]]:
    """Return the factors of available leads whose sum is each wanted lead.

    A wanted lead that is available is taken as it is. One that is not, and is no limb lead or
    has not two limb leads to derive it from, raises a `LeadMismatchError`; with `mask`, it has
    no factors. Without `derive`, no lead follows from others.
    """
    leads = canonical_leads(wanted)
    others = available if derive else ()
    found = [{lead: 1.0} if lead in available else derivation(lead, others) for lead in leads]
    missing = [lead for lead, factors in zip(leads, found, strict=True) if not factors]
    if missing and not mask:
        raise LeadMismatchError(
            f"{name}: expected lead {', '.join(missing)}, which cannot be derived from "
            f"{', '.join(available)}. Limb leads follow from any two of I, II, III, aVR, aVL and "
            "aVF; chest leads follow from none. Choose among those there are."
        )
    return [factors or {} for factors in found]


def derive_leads(
    signals: np.ndarray,
    available: Sequence[str],
    wanted: Sequence[str],
    *,
    name: str,
    derive: bool = True,
    mask: bool = False,
) -> np.ndarray:
    """Select leads of signals (n_records, n_leads, n_samples), and derive those that are missing.

    A derived sample is NaN where one of those it follows from is, and so is every sample of a
    lead that is masked (see `find_derivations`). The dtype is kept.
    """
    derivations = find_derivations(available, wanted, name=name, derive=derive, mask=mask)
    place = {lead: position for position, lead in enumerate(available)}
    out = np.empty((signals.shape[0], len(derivations), signals.shape[2]), signals.dtype)
    for position, factors in enumerate(derivations):
        if not factors:
            out[:, position] = np.nan
            continue
        (first, factor), *others = factors.items()
        np.multiply(signals[:, place[first]], factor, out=out[:, position])
        for lead, other in others:
            out[:, position] += signals[:, place[lead]] * signals.dtype.type(other)
    return out


class DerivedLeads(ECGStorage):
    """Leads of a storage, and limb leads that are derived from them at every read.

    `derive` and `mask` are those of `find_derivations`.
    """

    def __init__(
        self,
        storage: ECGStorage,
        leads: Sequence[str],
        *,
        derive: bool = True,
        mask: bool = False,
    ):
        self.storage = storage
        self.leads = canonical_leads(leads)
        self.sampling_rate = storage.sampling_rate
        self.n_samples = storage.n_samples
        self.options = {"derive": derive, "mask": mask}
        find_derivations(storage.leads, self.leads, name="DerivedLeads", **self.options)

    def __len__(self) -> int:
        return len(self.storage)

    @property
    def nbytes(self) -> int:
        """Bytes in memory of the underlying storage."""
        return self.storage.nbytes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        return self._derive(self.storage.read(rows))

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; see `ECGStorage.read_part`."""
        return self._derive(self.storage.read_part(rows, starts, n_samples))

    def _derive(self, signals: np.ndarray) -> np.ndarray:
        leads = self.storage.leads
        return derive_leads(signals, leads, self.leads, name="DerivedLeads", **self.options)

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Compact the underlying storage; see `ECGStorage.compact`."""
        storage, compacted = self.storage.compact(rows)
        return DerivedLeads(storage, self.leads, **self.options), compacted

    def identity(self) -> tuple:
        """Return the underlying storage, leads and options; see `ECGStorage.identity`."""
        return (self.storage, self.leads, tuple(self.options.items()))
