"""Projection heads between embeddings and losses."""

from torch import Tensor, nn

from ecgsk.encoders import ClinicalMLP


def projection_head(n_in: int, n_out: int) -> nn.Sequential:
    """Make a projection head with one hidden layer (Chen et al. 2020, section 4.2).

    The loss removes information from the projection instead of the embedding.
    """
    return nn.Sequential(nn.Linear(n_in, 256), nn.LayerNorm(256), nn.ReLU(), nn.Linear(256, n_out))


class JointProjection(nn.Module):
    """Projection of ECG and table to vectors of equal length.

    `projection_size` is that length, with a projection head on both sides. None is the length
    of the table's embedding, with a linear projection of the ECG.
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
        """Return vectors of ECGs and of tables, and which records have a table value."""
        assert table is not None
        features, present = self.table_encoder.embed(table)
        return self.of_ecg(embedding), self.of_table(features), present
