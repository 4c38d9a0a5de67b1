"""Weighted sum of two objectives on the same views of the ECGs."""

from torch import Tensor

from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive


class _Views:
    """Views of a batch, computed on first use and shared by the members."""

    def __init__(self, encode: Encode):
        self._encode = encode
        self._views: list[Tensor] = []

    def reader(self) -> Encode:
        """Return an ``encode`` that iterates over the views from the first one."""
        n_calls = 0

        def encode() -> Tensor:
            nonlocal n_calls
            if n_calls == len(self._views):
                self._views.append(self._encode())
            n_calls += 1
            return self._views[n_calls - 1]

        return encode


class ObjectiveSumModule(ObjectiveModule):
    """The torch module that :class:`ObjectiveSum` builds."""

    def __init__(self, first: ObjectiveModule, second: ObjectiveModule, weight: float):
        super().__init__()
        self.first, self.second, self.weight = first, second, weight
        self.compares_views = first.compares_views or second.compares_views

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss; see `ObjectiveModule.forward`."""
        views = _Views(encode)
        first = self.first(views.reader(), table, patients)
        return first + self.weight * self.second(views.reader(), table, patients)


class ObjectiveSum(Objective):
    """Weighted sum of two objectives.

    The members share views, so that two objectives of one view need one pass of the
    encoder. Sums can be nested.

    .. versionadded:: 0.1

    Parameters
    ----------
    first, second : Objective
        The members, whose parameters can be searched, as ``first__temperature``.
    weight : float, default=1.0
        Weight of the second loss.

    Examples
    --------
    Contrast ECGs with their tables, and views with one another:

    >>> import torch
    >>> from ecgsk.objectives import ECGContrast, InfoNCE, ObjectiveSum
    >>> spec = ObjectiveSum(InfoNCE(), ECGContrast(), weight=0.5)
    >>> spec.set_params(first__temperature=0.2)
    ObjectiveSum(first=InfoNCE(temperature=0.2), second=ECGContrast(), weight=0.5)
    >>> objective = spec.build(n_features=8, n_columns=3)
    >>> objective(lambda: torch.randn(16, 8), torch.randn(16, 3), None).shape
    torch.Size([])
    """

    def __init__(self, first: Objective, second: Objective, *, weight: float = 1.0):
        self.first = first
        self.second = second
        self.weight = weight

    @property
    def uses_table(self) -> bool:
        """True if a member uses the clinical table."""
        return self.first.uses_table or self.second.uses_table

    def build(self, n_features: int, n_columns: int) -> ObjectiveSumModule:
        """Make a module with fresh weights; see `Objective.build`."""
        for name in ("first", "second"):
            member = getattr(self, name)
            if not isinstance(member, Objective):
                raise TypeError(
                    f"ObjectiveSum: {name} must be an objective such as InfoNCE(), got {member!r}."
                )
        check_positive(self, "weight")
        first, second = (spec.build(n_features, n_columns) for spec in (self.first, self.second))
        return ObjectiveSumModule(first, second, self.weight)
