"""Vision transformer (ViT) over patches of each lead."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.encoders._base import Encoder, EncoderModule

_POOLINGS = ("mean+max", "mean")
# Base of the wavelengths of the position encoding (Vaswani et al. 2017).
_WAVELENGTH_BASE = 10_000


class _Block(nn.Module):
    """Pre-norm transformer block: self-attention, then a multilayer perceptron."""

    def __init__(self, width: int, n_heads: int, dropout: float):
        super().__init__()
        self.n_heads = n_heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        # (n, tokens, 3 * heads * channels) to three of (n, heads, tokens, channels)
        qkv = self.qkv(self.attention_norm(x)).unflatten(-1, (3, self.n_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.out(attended))
        hidden = self.dropout(F.gelu(self.mlp_in(self.mlp_norm(x))))
        return x + self.dropout(self.mlp_out(hidden))


class ViT1dModule(EncoderModule):
    """The torch module that :class:`ViT1d` builds."""

    def __init__(
        self,
        n_leads: int,
        n_times: int,
        *,
        depth: int,
        width: int,
        n_heads: int,
        patch_size: int,
        dropout: float,
        pooling: str,
    ):
        super().__init__()
        self.patch_size = patch_size
        self.pooling = pooling
        self.patches = nn.Sequential(
            nn.LayerNorm(patch_size), nn.Linear(patch_size, width), nn.LayerNorm(width)
        )
        # One position per patch, and one for the separator at each end.
        self.positions = nn.Parameter(
            F.pad(_sinusoids(-(-n_times // patch_size), width), (0, 0, 1, 1))
        )
        self.separator = nn.Parameter(torch.randn(width) * 0.02)
        self.leads = nn.Parameter(torch.randn(n_leads, width) * 0.02)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(_Block(width, n_heads, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.n_features = width if pooling == "mean" else 2 * width
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the patch tokens of all leads, of shape (n_samples, width, n_tokens)."""
        x = F.pad(x, (0, -x.shape[-1] % self.patch_size))
        tokens = self.patches(x.unflatten(-1, (-1, self.patch_size)))
        tokens = tokens + self._positions(tokens.shape[2])
        ends = (self.separator + self.positions[[0, -1]]).expand(*tokens.shape[:2], 2, -1)
        tokens = torch.cat([ends[:, :, :1], tokens, ends[:, :, 1:]], dim=2)
        tokens = self.dropout(tokens + self.leads[:, None])
        tokens = self.blocks(tokens.flatten(1, 2)).unflatten(1, (len(self.leads), -1))
        return tokens[:, :, 1:-1].flatten(1, 2).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings of shape (n_samples, n_features).

        Pre-norm tokens grow from block to block, so the pooled token is normalised; as in
        ST-MEM, after pooling.
        """
        tokens = self.forward_features(x)
        mean = self.norm(tokens.mean(-1))
        if self.pooling == "mean":
            return mean
        return torch.cat([mean, self.norm(tokens.amax(-1))], dim=1)

    def _positions(self, n_patches: int) -> Tensor:
        """Return positions for any number of patches: interpolated, cropped or as built."""
        learned = self.positions[1:-1]
        if n_patches > len(learned):
            stretched = F.interpolate(learned.T[None], n_patches, mode="linear", align_corners=True)
            return stretched[0].T
        if self.training and n_patches < len(learned):
            # A training crop takes a random start, so that every position is trained.
            start = torch.randint(len(learned) - n_patches + 1, (1,), device=learned.device)
            return learned[start + torch.arange(n_patches, device=learned.device)]
        return learned[:n_patches]


def _sinusoids(n_positions: int, width: int) -> Tensor:
    """Return sines and cosines of positions (Vaswani et al. 2017), one row per position."""
    half = -(-width // 2)
    angle = torch.arange(n_positions)[:, None] * _WAVELENGTH_BASE ** (-torch.arange(half) / half)
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :width]


class ViT1d(Encoder):
    """Vision transformer (ViT) over patches of all leads, as in ST-MEM.

    The architecture of ST-MEM [2]_: each lead is divided into patches. A token is
    the sum of the embeddings of patch, position and lead, with separator tokens at
    the ends of a lead. With ``depth=12, width=768, n_heads=12, patch_size=75,
    pooling="mean"`` it equals ST-MEM's base network numerically. Without pre-training
    a transformer needs more records than a convolutional network.

    Each patch is centred and scaled, as in ST-MEM, so amplitude in mV is not used.

    .. versionadded:: 0.1

    Parameters
    ----------
    depth : int, default=4
        Number of blocks: self-attention, then a multilayer perceptron.
    width : int, default=128
        Channels of a token, a multiple of ``n_heads``.
    n_heads : int, default=4
        Attention heads per block.
    patch_size : int, default=50
        Samples per patch. Computing time grows with the square of the number of
        patches; ST-MEM's patches are 0.3 s long.
    dropout : float, default=0.1
        Share of activations set to zero in training.
    pooling : {"mean+max", "mean"}, default="mean+max"
        Pooling over tokens: ``2 * width`` features, or ``width`` as in ST-MEM.

    References
    ----------
    .. [1] Dosovitskiy et al., "An image is worth 16x16 words: transformers for
       image recognition at scale", ICLR 2021.
    .. [2] Na et al., "Guiding masked representation learning to capture
       spatio-temporal relationship of electrocardiogram", ICLR 2024.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import ViT1d
    >>> ViT1d(depth=6)
    ViT1d(depth=6)
    >>> module = ViT1d().build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 256])
    """

    paper = "Na et al. 2024"

    def __init__(
        self,
        depth: int = 4,
        *,
        width: int = 128,
        n_heads: int = 4,
        patch_size: int = 50,
        dropout: float = 0.1,
        pooling: str = "mean+max",
    ):
        self.depth = depth
        self.width = width
        self.n_heads = n_heads
        self.patch_size = patch_size
        self.dropout = dropout
        self.pooling = pooling

    def build(self, n_leads: int, n_times: int) -> ViT1dModule:
        """Make a module with fresh weights; see `Encoder.build`."""
        if min(self.depth, self.n_heads, self.patch_size) < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                "ViT1d: depth, n_heads and patch_size must be positive and dropout in [0, 1), "
                f"got depth={self.depth!r}, n_heads={self.n_heads!r}, "
                f"patch_size={self.patch_size!r}, dropout={self.dropout!r}."
            )
        if self.width < 1 or self.width % self.n_heads:
            raise ValueError(
                "ViT1d: width must be a positive multiple of n_heads, "
                f"got width={self.width!r}, n_heads={self.n_heads!r}."
            )
        if self.pooling not in _POOLINGS:
            raise ValueError(f"ViT1d: pooling must be one of {_POOLINGS}, got {self.pooling!r}.")
        return ViT1dModule(n_leads, n_times, **self.get_params())
