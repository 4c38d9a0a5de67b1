"""Two objectives at once, on the same views of the ECGs."""

from torch import Tensor

from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive


class _Views:
    """Views of a batch: made when first asked for, and the same for every member."""

    def __init__(self, encode: Encode):
        self._encode = encode
        self._made: list[Tensor] = []

    def reader(self) -> Encode:
        """Return a new ``encode`` whose calls go through the views from the first on."""
        n_calls = 0

        def encode() -> Tensor:
            nonlocal n_calls
            if n_calls == len(self._made):
                self._made.append(self._encode())
            n_calls += 1
            return self._made[n_calls - 1]

        return encode


class ObjectiveSumModule(ObjectiveModule):
    """The torch module that :class:`ObjectiveSum` builds."""

    def __init__(self, first: ObjectiveModule, second: ObjectiveModule, weight: float):
        super().__init__()
        self.first, self.second, self.weight = first, second, weight
        self.compares_views = first.compares_views or second.compares_views

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss, a scalar."""
        views = _Views(encode)
        first = self.first(views.reader(), table, patients)
        return first + self.weight * self.second(views.reader(), table, patients)


class ObjectiveSum(Objective):
    """Two objectives at once: the first's loss and, weighted, the second's.

    Views are shared: each member sees the same first view, so that two
    objectives of one view cost one pass of the encoder. A sum may be a member
    of a sum.

    Parameters
    ----------
    first, second : Objective
        The members; their parameters can be searched, as ``first__temperature``.
    weight : float, default=1.0
        Of the second's loss.

    Examples
    --------
    The ECG learns from its table, and its views from one another:

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
        """Whether a member learns from the clinical table."""
        return self.first.uses_table or self.second.uses_table

    def build(self, n_features: int, n_columns: int) -> ObjectiveSumModule:
        """Make a module with fresh weights."""
        for name in ("first", "second"):
            member = getattr(self, name)
            if not isinstance(member, Objective):
                raise TypeError(
                    f"ObjectiveSum: {name} must be an objective such as InfoNCE(), got {member!r}."
                )
        check_positive(self, "weight")
        first, second = (spec.build(n_features, n_columns) for spec in (self.first, self.second))
        return ObjectiveSumModule(first, second, self.weight)
