"""A training loop as written by hand: float32, DataLoader, AdamW, one-cycle schedule."""

import shutil
from itertools import chain, repeat
from pathlib import Path
from time import perf_counter

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from training_speed import as_1d

from ecgsk.encoders.registry import resolve_encoder
from ecgsk.training import Augmentation

SHARED_MEMORY = 2 * 2**30  # bytes that the batches of a loader's workers may need


class Plain(nn.Module):
    """Augmentation, scaling by a constant, encoder, pooling and a linear layer.

    Residual networks have torch's 1-D layers, as one writes them; other encoders are used as
    they are.
    """

    def __init__(self, name: str, length: int, sampling_rate: float, n_labels: int, scale: float):
        super().__init__()
        encoder = resolve_encoder(name).build(12, length)
        self.is_1d = name.startswith(("resnet", "xresnet"))
        self.encoder = as_1d(encoder) if self.is_1d else encoder
        self.augmentation, self.scale = Augmentation(crop=1.0).build(sampling_rate), scale
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(encoder.n_features, n_labels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (self.augmentation(x) / self.scale).nan_to_num(0.0)
        if self.is_1d:
            x = self.encoder.blocks(self.encoder.stem(x))
        else:
            x = self.encoder.forward_features(x)
        return self.head(torch.cat([x.mean(-1), x.amax(-1)], dim=1))


def n_loader_workers(wanted: int) -> int:
    """Return 0 where /dev/shm is too small for the batches of workers, as in some containers."""
    shared = Path("/dev/shm")
    is_small = shared.exists() and shutil.disk_usage(shared).free < SHARED_MEMORY
    return 0 if is_small else wanted


def records_per_second(
    model: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    device: torch.device,
    batch_size: int,
    seconds: float,
    n_workers: int,
) -> float:
    """Train for some seconds, after steps that warm up, and return the records per second."""
    is_gpu = device.type == "cuda"
    model.to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=10**6)
    loader = DataLoader(
        TensorDataset(x, y),
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=n_workers,
        persistent_workers=n_workers > 0,
        pin_memory=is_gpu,
    )
    loss_of, n_records, start = nn.BCEWithLogitsLoss(), 0, perf_counter()
    n_warm_up = 10 if is_gpu else 1
    for step, (xb, yb) in enumerate(chain.from_iterable(repeat(loader))):
        if step == n_warm_up:
            n_records, start = 0, perf_counter()
        logits = model(xb.to(device, non_blocking=True))
        loss = loss_of(logits, yb.to(device, non_blocking=True))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        loss.item()  # the history has it; waits for the device
        n_records += len(xb)
        if step > n_warm_up and perf_counter() - start > seconds:
            break
    if is_gpu:
        torch.cuda.synchronize(device)
    return n_records / (perf_counter() - start)
