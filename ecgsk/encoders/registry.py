"""Names of encoders."""

from collections.abc import Callable
from difflib import get_close_matches

from sklearn.base import clone

from ecgsk.encoders._base import Encoder
from ecgsk.encoders.ensemble import EncoderEnsemble
from ecgsk.encoders.inception_time import InceptionTime
from ecgsk.encoders.net1d import Net1D
from ecgsk.encoders.random_convolution import RandomConvolution
from ecgsk.encoders.resnet1d import ResNet1d
from ecgsk.encoders.s4 import S4
from ecgsk.encoders.vit1d import ViT1d
from ecgsk.encoders.xresnet1d import XResNet1d

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "ensemble": EncoderEnsemble,
    "net1d": Net1D,
    "net1d_founder": lambda: Net1D(20, width=64, batch_norm=False),
    "random_convolution": RandomConvolution,
    "resnet10": lambda: ResNet1d(depth=10),
    "resnet18": lambda: ResNet1d(depth=18),
    "resnet34": lambda: ResNet1d(depth=34),
    "resnet50": lambda: ResNet1d(depth=50),
    "xresnet1d50": lambda: XResNet1d(depth=50),
    "xresnet1d101": lambda: XResNet1d(depth=101),
    "inception_time": InceptionTime,
    "s4": S4,
    "s4_512": lambda: S4(width=512, stride=1),
    "vit1d": ViT1d,
}


def resolve_encoder(encoder: str | Encoder) -> Encoder:
    """Return the encoder of a name in :data:`ENCODERS`, or a clone of a spec.

    Raises ValueError for an unknown name, and TypeError for anything else.
    """
    if isinstance(encoder, str):
        if encoder not in ENCODERS:
            close = get_close_matches(encoder, ENCODERS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"Unknown encoder {encoder!r}; expected one of {sorted(ENCODERS)} "
                f"or a spec such as ResNet1d(depth=18).{hint}"
            )
        return ENCODERS[encoder]()
    if not isinstance(encoder, Encoder):
        raise TypeError(
            f"encoder must be a name from {sorted(ENCODERS)} or a spec such as "
            f"ResNet1d(depth=18); got {encoder!r}. A spec derives from ecgsk.encoders.Encoder."
        )
    return clone(encoder)
