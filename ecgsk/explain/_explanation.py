"""What a model says of one ECG: diagnoses, and laboratory findings beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ecgsk.signals import ECGRecord


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis of one record.

    Attributes
    ----------
    name : str
        The label's name.
    probability : float
        The model's, between 0 and 1.
    threshold : float
        The diagnosis is predicted above it.
    """

    name: str
    probability: float
    threshold: float


@dataclass(frozen=True)
class LabFinding:
    """One laboratory abnormality of one record.

    Attributes
    ----------
    laboratory : str
        The test's name.
    direction : {"low", "high"}
        On which side of the reference range.
    probability : float
        The model's, between 0 and 1, that the value is abnormal on this side.
    base_rate : float
        Share of abnormal values among the training records that were measured.
    low, high : float or None
        Reference range, in ``unit``; None where it has no bound or is unknown.
    unit : str
        The laboratory's unit; empty where unknown.
    """

    laboratory: str
    direction: str
    probability: float
    base_rate: float
    low: float | None
    high: float | None
    unit: str


@dataclass(frozen=True)
class Explanation:
    """What a model says of one record.

    Attributes
    ----------
    record : object
        The record's index label in X.
    diagnoses : tuple of Diagnosis
        In the order of the model's labels; empty without a diagnosis model.
    laboratories : tuple of LabFinding
        In the order of the model's targets.
    ecg : ECGRecord or None
        The signal; None where X was a plain array.
    """

    record: Any
    diagnoses: tuple[Diagnosis, ...]
    laboratories: tuple[LabFinding, ...]
    ecg: ECGRecord | None


class Explanations(Sequence[Explanation]):
    """Explanations of several records, in the order of X.

    Parameters
    ----------
    items : sequence of Explanation
        One per record.
    """

    def __init__(self, items: Sequence[Explanation]):
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, i: Any) -> Any:
        return Explanations(self._items[i]) if isinstance(i, slice) else self._items[i]

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self._items)
