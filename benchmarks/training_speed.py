"""ECGDiagnosisClassifier.fit against loops written by hand, side by side in one run.

    python benchmarks/training_speed.py [--data PTBXL_SUBSET] [--encoder resnet18]

Three ways to train one architecture on the same records for as many epochs, in turns:
the estimator; a plain loop (Conv1d, float32, DataLoader, AdamW, one-cycle schedule); and a
loop with our own tricks (channels-last 2-D kernels, bfloat16, fused AdamW, whole batches,
averaged weights). Prints seconds, their ratio, and the macro AUROC of held-out patients, the
mean over one seed a turn. Without --data the records are synthetic.
"""

import argparse
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, TensorDataset

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders.registry import resolve_encoder
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import patient_split
from ecgsk.signals import ECGArray
from ecgsk.training import Augmentation
from ecgsk.training.device import autocast

CPU = torch.device("cpu")


def as_1d(module: nn.Module) -> nn.Module:
    """Write a network of height-1 images with torch's 1-D layers, the same weights inside."""
    for name, child in module.named_children():
        setattr(module, name, _layer_1d(child) or as_1d(child))
    return module


def _layer_1d(layer: nn.Module) -> nn.Module | None:
    if isinstance(layer, nn.Conv2d):
        one = nn.Conv1d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size[1],
            layer.stride[1],
            layer.padding[1],
            layer.dilation[1],
            layer.groups,
            layer.bias is not None,
        )
        one.load_state_dict(
            {k: v.squeeze(2) if v.ndim == 4 else v for k, v in layer.state_dict().items()}
        )
        return one
    if isinstance(layer, nn.BatchNorm2d):
        one = nn.BatchNorm1d(layer.num_features)
        one.load_state_dict(layer.state_dict())
        return one
    if isinstance(layer, nn.MaxPool2d):
        return nn.MaxPool1d(layer.kernel_size[1], layer.stride[1], layer.padding[1])
    if isinstance(layer, nn.AvgPool2d):
        return nn.AvgPool1d(layer.kernel_size[1], layer.stride[1], ceil_mode=layer.ceil_mode)
    return None


class Plain(nn.Module):
    """What one writes by hand: augmentation, network, pooling, a linear layer."""

    def __init__(self, encoder: nn.Module, augmentation: nn.Module, scale, n_labels: int, image):
        super().__init__()
        self.mean, self.scale = scale
        self.stem, self.blocks = encoder.stem, encoder.blocks
        self.augmentation, self.image = augmentation, image
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(encoder.n_features, n_labels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            x = self.augmentation(x)
        x = ((x - self.mean) / self.scale).nan_to_num(0.0)
        if self.image:
            x = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        x = self.blocks(self.stem(x)).flatten(2)
        return self.head(torch.cat([x.mean(-1), x.amax(-1)], dim=1).float())


def train_by_hand(x, y, scale, options, seed: int, *, tricks: bool) -> nn.Module:
    torch.manual_seed(seed)
    encoder = resolve_encoder(options.encoder).build(x.shape[1], x.shape[2])
    augmentation = Augmentation(crop=options.crop).build(100.0)
    encoder = encoder if tricks else as_1d(encoder)
    model = Plain(encoder, augmentation, scale, y.shape[1], tricks)
    average = AveragedModel(model, multi_avg_fn=moving_average, use_buffers=True)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.02, fused=tricks)
    steps = options.epochs * (len(x) // options.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=steps)
    loss_of = nn.BCEWithLogitsLoss()
    loader = DataLoader(TensorDataset(x, y), options.batch_size, shuffle=True, drop_last=True)
    model.train()
    for _ in range(options.epochs):
        batches = loader
        if tricks:
            order = torch.randperm(len(x))[: steps // options.epochs * options.batch_size]
            batches = ((x[rows], y[rows]) for rows in order.split(options.batch_size))
        for xb, yb in batches:
            with autocast(CPU, "auto" if tricks else "float32"):
                logits = model(xb)
            loss = loss_of(logits.float(), yb)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if tricks:
                average.update_parameters(model)
            loss.item()  # the history has it
    return (average.module if tricks else model).eval()


@torch.no_grad()
def moving_average(averages, values, n_averaged) -> None:
    decay = min(0.99, float((n_averaged + 1) / (n_averaged + 11)))
    for average, value in zip(averages, values, strict=True):
        if value.is_floating_point():
            average.lerp_(value, 1 - decay)


def records(options):
    if options.data is None:
        cohort = make_clinical_ecg(options.subjects, random_state=0)
        train, test = patient_split(cohort.groups.to_numpy(), random_state=0)
        return cohort.X[["ecg", "subject_id"]], cohort.Y, train, test
    from ptbxl_subset import load_ptbxl_subset

    cohort = load_ptbxl_subset(options.data)
    folds = cohort.folds.to_numpy()
    return cohort.X, cohort.Y, np.flatnonzero(folds < 9), np.flatnonzero(folds == 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of the PTB-XL subset")
    parser.add_argument("--subjects", type=int, default=1000, help="of the synthetic cohort")
    parser.add_argument("--encoder", default="resnet18", help="a resnet or xresnet")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--crop", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    X, Y, train, test = records(options)
    # In memory and in float32 for all: how records are stored is another benchmark's subject.
    signals = X["ecg"].array
    described = {"sampling_rate": signals.sampling_rate, "leads": signals.leads}
    X = X.assign(ecg=ECGArray.from_numpy(signals.read(), **described))
    x, x_test = (torch.from_numpy(X["ecg"].array.read(rows)) for rows in (train, test))
    y = torch.from_numpy(Y.iloc[train].to_numpy(np.float32))
    scale = x.mean((0, 2))[:, None], x.std((0, 2))[:, None]
    print(
        f"{len(train)} records of 12 x {x.shape[2]}, batches of {options.batch_size}, "
        f"{options.epochs} epochs, {options.threads} threads, {options.encoder}"
    )

    def estimator(seed: int):
        model = ECGDiagnosisClassifier(
            options.encoder,
            augmentation=Augmentation(crop=options.crop),
            max_epochs=options.epochs,
            batch_size=options.batch_size,
            early_stopping=False,
            random_state=seed,
            verbose=False,
        )
        return model.fit(X.iloc[train], Y.iloc[train])

    def by_hand(seed: int, tricks: bool):
        with torch.random.fork_rng():
            return train_by_hand(x, y, scale, options, seed, tricks=tricks)

    ways = {
        "plain loop": lambda seed: by_hand(seed, False),
        "loop with our tricks": lambda seed: by_hand(seed, True),
        "ECGDiagnosisClassifier": estimator,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    auroc: dict[str, list[float]] = {name: [] for name in ways}
    for seed in range(options.repeats):
        for name, fit in ways.items():
            start = perf_counter()
            model = fit(seed)
            seconds[name].append(perf_counter() - start)
            if isinstance(model, nn.Module):
                with torch.inference_mode():
                    P = model(x_test).sigmoid().numpy()
            else:
                P = model.predict_proba(X.iloc[test])
            auroc[name].append(masked_roc_auc(Y.iloc[test].to_numpy(), P))
    ours = seconds["ECGDiagnosisClassifier"]
    for name, each in seconds.items():
        ratio = median(other / own for other, own in zip(each, ours, strict=True))
        print(
            f"{name:<24}{median(each):7.1f} s (min {min(each):.1f})  "
            f"{ratio:5.2f} x ours  AUROC {np.mean(auroc[name]):.3f}"
        )


if __name__ == "__main__":
    main()
