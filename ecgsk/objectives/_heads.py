"""Layers between embeddings and the losses that compare them."""

from torch import Tensor, nn

from ecgsk.encoders import ClinicalMLP


def projection_head(n_in: int, n_out: int) -> nn.Sequential:
    """Make the small network through which embeddings are compared.

    It takes on what the comparison throws away, so that the embedding below it
    need not (Chen et al. 2020, section 4.2).
    """
    return nn.Sequential(nn.Linear(n_in, 256), nn.LayerNorm(256), nn.ReLU(), nn.Linear(256, n_out))


class JointProjection(nn.Module):
    """ECG and table in one space: each record as two vectors of equal length.

    Parameters
    ----------
    n_features, n_columns : int
        Length of the ECG's embedding; columns of the table.
    clinical : ClinicalMLP or None
        Network of the table; None is ``ClinicalMLP()``.
    projection_size : int or None
        Length of the vectors, made by a head on either side. None is that of
        the table's network, which the ECG is mapped to linearly.
    """

    def __init__(
        self,
        n_features: int,
        n_columns: int,
        clinical: ClinicalMLP | None,
        projection_size: int | None = None,
    ):
        super().__init__()
        self.table_encoder = (ClinicalMLP() if clinical is None else clinical).build(n_columns)
        n_of_table = self.table_encoder.n_features
        self.of_ecg: nn.Module
        self.of_table: nn.Module
        if projection_size is None:
            self.of_ecg, self.of_table = nn.Linear(n_features, n_of_table), nn.Identity()
        else:
            self.of_ecg = projection_head(n_features, projection_size)
            self.of_table = projection_head(n_of_table, projection_size)

    def forward(self, embedding: Tensor, table: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the ECGs' vectors, the tables', and which records have a table.

        The third is bool, of shape (n_samples,): a table of which nothing was
        measured, or whose every value dropout hides, is none.
        """
        assert table is not None
        features, present = self.table_encoder.embed(table)
        return self.of_ecg(embedding), self.of_table(features), present
