"""Projection heads between embeddings and losses."""

from torch import Tensor, nn

from ecgsk.encoders import ClinicalMLP


def projection_head(n_in: int, n_out: int) -> nn.Sequential:
    """Make a projection head with one hidden layer.

    The loss removes information from the projection instead of the embedding (Chen et
    al. 2020, section 4.2).
    """
    return nn.Sequential(nn.Linear(n_in, 256), nn.LayerNorm(256), nn.ReLU(), nn.Linear(256, n_out))


class JointProjection(nn.Module):
    """Projection of ECG and table to vectors of equal length.

    Parameters
    ----------
    n_features, n_columns : int
        Length of the ECG's embedding; columns of the table.
    clinical : ClinicalMLP or None
        Encoder of the table; None is ``ClinicalMLP()``.
    projection_size : int or None
        Length of the vectors, with a projection head on both sides. None takes the
        length of the table's embedding and projects the ECG linearly.
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
        """Return vectors of ECGs, vectors of tables, and which records have a table.

        The third is bool, of shape (n_samples,); False where all values of the table
        are missing or dropped.
        """
        assert table is not None
        features, present = self.table_encoder.embed(table)
        return self.of_ecg(embedding), self.of_table(features), present
