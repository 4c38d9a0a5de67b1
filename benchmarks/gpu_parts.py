"""Parts of ``gpu.py``: device rates, feed, training, predictions, precision and compilation."""

import gc
import json
import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from plain_loop import Plain, n_loader_workers, records_per_second
from scipy.stats import t as student_t
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders.registry import resolve_encoder
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import patient_split
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.training import Augmentation, Trainer
from ecgsk.training.batches import BatchDataset
from ecgsk.training.signals import Signals

GAIN = 1000.0  # steps of int16 per mV
N_LABELS = 20
PRECISION_SECONDS = 45.0  # after which no further seed starts
SECONDS = 10  # length of a record
NOISE_SD = 0.58  # mV, of numbers between -1 and 1


@dataclass(frozen=True)
class Sizes:
    """Amount of work of a run."""

    encoders: tuple[str, ...] = ("xresnet1d101", "resnet18", "s4", "net1d")
    lengths: tuple[int, ...] = (1000, 2500)
    records: int = 8192
    batch: int = 256
    epochs: int = 6
    epoch_seconds: float = 1.2  # of the plain loop: fewer records on a slow device
    plain_seconds: float = 3.0
    profiled_steps: int = 4  # per epoch, of two
    subjects: int = 1500
    seeds: int = 5
    learning_epochs: int = 20
    matrix: int = 8192
    copied: int = 2**30  # bytes
    repeats: int = 10
    workers: int = 4


SMALL = Sizes(
    lengths=(250,),
    records=48,
    batch=16,
    epochs=2,
    epoch_seconds=1e-9,
    plain_seconds=0.1,
    profiled_steps=1,
    subjects=40,
    seeds=2,
    learning_epochs=1,
    matrix=128,
    copied=2**20,
    repeats=2,
    workers=0,
)


class Run:
    """Device and sizes of a run, and rates of the device once they are measured."""

    def __init__(self, device: torch.device, sizes: Sizes):
        self.device, self.sizes = device, sizes
        self.is_gpu = device.type == "cuda"
        self.rates: dict[str, float] = {}

    def synchronise(self) -> None:
        if self.is_gpu:
            torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], Any], times: int = 1) -> float:
        """Return the seconds of a call, its work on the device included."""
        self.synchronise()
        start = perf_counter()
        for _ in range(times):
            call()
        self.synchronise()
        return (perf_counter() - start) / times

    @contextmanager
    def peak_memory(self, result: dict[str, Any], name: str) -> Iterator[None]:
        """Store the peak memory of tensors in the block, in MB; None without a GPU."""
        free_memory()
        if self.is_gpu:
            torch.cuda.reset_peak_memory_stats(self.device)
        yield
        peak = torch.cuda.max_memory_allocated(self.device) / 1e6 if self.is_gpu else None
        result[name] = peak

    def share(self, achieved: float, rate: str) -> float | None:
        """Return a rate as a share of a measured limit; None where that was not measured."""
        return achieved / self.rates[rate] if rate in self.rates else None


def free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def random_records(n_records: int, length: int) -> np.ndarray:
    """Return white noise: training takes as long for it as for ECGs."""
    rng = np.random.default_rng(0)
    return rng.integers(-1000, 1000, (n_records, 12, length), dtype=np.int16)


def table_of(raw: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return X and labels of stored records, one per patient."""
    ecg = ECGArray.from_numpy(raw, **described(raw.shape[2]))
    Y = np.random.default_rng(1).integers(0, 2, (len(raw), N_LABELS))
    return pd.DataFrame({"ecg": ecg, "subject_id": np.arange(len(raw))}), Y


def described(length: int) -> dict[str, Any]:
    return {"sampling_rate": length / SECONDS, "leads": STANDARD_12_LEADS, "gain": GAIN}


def classifier(run: Run, encoder: str = "resnet18", seed: int = 0, **changes: Any):
    """Make an estimator that augments whole records, as the plain loop does."""
    settings = {name: changes.pop(name) for name in ("precision", "compile") if name in changes}
    return ECGDiagnosisClassifier(
        encoder,
        augmentation=Augmentation(crop=1.0),
        early_stopping=False,
        trainer=Trainer(**settings),
        device=str(run.device),
        random_state=seed,
        verbose=0,
        **{"batch_size": run.sizes.batch, "max_epochs": run.sizes.epochs, **changes},
    )


# Part: rates of the device


def device_rates(run: Run) -> dict[str, Any]:
    """Measure the limits: bytes/s of copies and FLOP/s of products."""
    sizes, device = run.sizes, run.device
    source = torch.ones(sizes.copied // 4, device=device)
    target, on_host = torch.empty_like(source), torch.ones(sizes.copied // 4)
    on_host = on_host.pin_memory() if run.is_gpu else on_host

    def rate(call: Callable[[], Any], work: float) -> float:
        run.seconds(call, 2)  # warm-up
        return work / run.seconds(call, sizes.repeats)

    rates = {
        "copy_bytes_per_s": rate(lambda: target.copy_(source), 2 * sizes.copied),
        "to_device_bytes_per_s": rate(
            lambda: target.copy_(on_host, non_blocking=True), sizes.copied
        ),
    }
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a = torch.randn(sizes.matrix, sizes.matrix, device=device).to(dtype)
        out = torch.empty_like(a)
        rates[f"{name}_flop_per_s"] = rate(
            lambda a=a, out=out: torch.mm(a, a, out=out), 2 * sizes.matrix**3
        )
    run.rates = rates
    return rates


# Part: feed


def feed(run: Run, length: int) -> dict[str, Any]:
    """Measure the records/s of batches on the device, from three places."""
    sizes = run.sizes
    raw = random_records(sizes.records, length)
    X, Y = table_of(raw[: 2 * sizes.batch])
    fitted = classifier(run, max_epochs=1).fit(X, Y)
    loader_class = fitted.net_.iterator_train  # the loader that fit used
    result: dict[str, Any] = {"n_records": len(raw), "disk": "memory map of a file in the cache"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.npy"
        np.save(path, raw)
        in_memory = ECGArray.from_numpy(raw, **described(length))
        on_disk = ECGArray.from_npy(path, **described(length))
        for name, ecg, resident in (
            ("resident", in_memory, True),
            ("pinned", in_memory, False),
            ("disk", on_disk, False),
        ):
            loader = loader_class(
                BatchDataset(Signals(ecg, "benchmark")),
                sizes.batch,
                device=run.device,
                order=Shuffled(len(raw)),
                resident=resident,
            )
            seconds = [run.seconds(lambda loader=loader: drain(loader)) for _ in range(4)]
            rate = len(raw) / median(seconds[1:])  # the first epoch screens the records
            result[f"{name}_records_per_s"] = rate
            # From int16 to float32 a sample takes 2 bytes to read and 4 to write at least.
            n_bytes, limit = (6, "copy") if resident else (2, "to_device")
            share = run.share(rate * 12 * length * n_bytes, f"{limit}_bytes_per_s")
            result[f"{name}_share_of_{limit}_rate"] = share
    return result


class Shuffled:
    """A new random order for each epoch."""

    def __init__(self, n_rows: int):
        self.n_rows = n_rows

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng().permutation(self.n_rows))


def drain(batches) -> None:
    for _ in batches:
        pass


# Part: training


def plain_rate(run: Run, encoder: str, raw: np.ndarray, Y: np.ndarray, n_workers: int) -> float:
    """Return the records/s of a plain float32 loop with a DataLoader."""
    model = Plain(encoder, raw.shape[2], raw.shape[2] / SECONDS, N_LABELS, scale=NOISE_SD)
    return records_per_second(
        model,
        torch.from_numpy(raw).float().div_(GAIN),
        torch.from_numpy(Y).float(),
        device=run.device,
        batch_size=run.sizes.batch,
        seconds=run.sizes.plain_seconds,
        n_workers=n_workers,
    )


def training(run: Run, encoder: str, length: int) -> dict[str, Any]:
    """Measure ``fit`` beside the plain loop: records/s, memory, idle share and FLOP/s."""
    sizes = run.sizes
    raw = random_records(sizes.records, length)
    X, Y = table_of(raw)
    n_workers = n_loader_workers(sizes.workers)
    result: dict[str, Any] = {"batch": sizes.batch, "plain_workers": n_workers}
    with run.peak_memory(result, "plain_peak_mb"):
        plain = plain_rate(run, encoder, raw, Y, n_workers)
    n_steps = int(np.clip(plain * sizes.epoch_seconds // sizes.batch, 2, len(raw) // sizes.batch))
    n_records = n_steps * sizes.batch
    model = classifier(run, encoder)
    with run.peak_memory(result, "fit_peak_mb"):
        whole = run.seconds(lambda: model.fit(X.iloc[:n_records], Y[:n_records]))
    epochs = model.history_["seconds"].tolist()
    rate = n_records / median(epochs[1:])
    flop = flop_per_record(run, encoder, length)
    result |= {
        "n_records": n_records,
        "plain_records_per_s": plain,
        "fit_records_per_s": rate,
        "ratio": rate / plain,
        "epoch_seconds": epochs,
        "fit_seconds": whole,
        "idle_share": idle_share(run, encoder, (X, Y), sizes.batch / rate),
        "encoder_flop_per_record": flop,  # those of FFTs, in S4, are not counted
        "flop_per_s": flop * rate,
        "share_of_bfloat16_rate": run.share(flop * rate, "bfloat16_flop_per_s"),
    }
    return result


def flop_per_record(run: Run, name: str, length: int) -> float:
    """Count the operations of convolutions and products in a training step, per record."""
    encoder = resolve_encoder(name).build(12, length).to(run.device).train()
    x = torch.randn(8, 12, length, device=run.device)
    with FlopCounterMode(display=False) as counter:
        encoder(x).sum().backward()
    return counter.get_total_flops() / len(x)


def idle_share(run: Run, encoder: str, data, step_seconds: float) -> float | None:
    """Return the share of a step's time in which no kernel runs; None without a GPU."""
    if not run.is_gpu:
        return None
    X, Y = data
    n_records = run.sizes.profiled_steps * run.sizes.batch
    model = classifier(run, encoder, max_epochs=2)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        model.fit(X.iloc[:n_records], Y[:n_records])
        run.synchronise()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        busy = busy_seconds(json.loads(path.read_text())["traceEvents"])
    if not busy:
        return None  # the profiler may not read the counters of this device
    return 1 - busy / (2 * run.sizes.profiled_steps) / step_seconds


def busy_seconds(events: list[dict[str, Any]]) -> float:
    """Return the seconds in which at least one kernel ran, of a trace in microseconds."""
    spans = sorted(
        (event["ts"], event["ts"] + event["dur"])
        for event in events
        if event.get("cat") in ("kernel", "gpu_memset") and "dur" in event
    )
    busy, end = 0.0, float("-inf")
    for start, stop in spans:
        busy += max(stop - max(start, end), 0.0)
        end = max(end, stop)
    return busy / 1e6


# Parts: predictions, precision and compilation


def learnable(run: Run):
    """Return the records of simulated patients, and rows for training and testing."""
    cohort = make_clinical_ecg(run.sizes.subjects, random_state=0)
    split = patient_split(cohort.groups.to_numpy(), test_size=0.3, random_state=0)
    has_both = cohort.Y.iloc[split[0]].nunique() == 2
    return cohort.X[["ecg", "subject_id"]], cohort.Y.loc[:, has_both], *split


def predictions(run: Run) -> dict[str, Any]:
    """Compare the probabilities of one model on the GPU, with and without TF32, and the CPU."""
    X, Y, train, _ = learnable(run)
    model = classifier(run, max_epochs=run.sizes.learning_epochs).fit(X.iloc[train], Y.iloc[train])
    on_cpu = pickle.loads(pickle.dumps(model)).set_params(device="cpu")
    result: dict[str, Any] = {"device": str(run.device), "n_records": len(X)}
    expected = on_cpu.predict_proba(X)
    model.predict_proba(X)  # warm-up
    result["device_records_per_s"] = len(X) / run.seconds(lambda: model.predict_proba(X))
    result["cpu_records_per_s"] = len(X) / run.seconds(lambda: on_cpu.predict_proba(X))
    default = torch.backends.cudnn.allow_tf32
    for name, allowed in (("default", default), ("without_tf32", False)):
        torch.backends.cudnn.allow_tf32 = allowed
        try:
            found = model.predict_proba(X)
        finally:
            torch.backends.cudnn.allow_tf32 = default
        result[f"{name}_max_abs_difference"] = float(np.abs(found - expected).max())
    return result


def precision(run: Run) -> dict[str, Any]:
    """Compare the AUROC of both precisions: mean difference of seeds, 95 % t interval."""
    X, Y, train, test = learnable(run)
    auroc: dict[str, list[float]] = {"bfloat16": [], "float32": []}
    start = perf_counter()
    for seed in range(run.sizes.seeds):
        if seed > 1 and perf_counter() - start > PRECISION_SECONDS:
            break
        for name, scores in auroc.items():
            model = classifier(
                run,
                seed=seed,
                precision=name,
                max_epochs=run.sizes.learning_epochs,
                batch_size=min(128, run.sizes.batch),
            )
            model.fit(X.iloc[train], Y.iloc[train])
            P = model.predict_proba(X.iloc[test])
            scores.append(masked_roc_auc(Y.iloc[test].to_numpy(), P))
    difference = np.subtract(auroc["bfloat16"], auroc["float32"])
    n = len(difference)
    half = student_t.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n)
    mean = float(difference.mean())
    return {
        "auroc": auroc,
        "difference": mean,
        "interval": [float(mean - half), float(mean + half)],
    }


def compilation(run: Run) -> dict[str, Any]:
    """Measure ``fit`` with and without compilation: first epoch and records/s afterwards."""
    X, Y = table_of(random_records(run.sizes.records, run.sizes.lengths[0]))
    n_records = len(X) // run.sizes.batch * run.sizes.batch
    result: dict[str, Any] = {}
    for name, is_compiled in (("off", False), ("on", True)):
        epochs = classifier(run, compile=is_compiled).fit(X, Y).history_["seconds"].tolist()
        result[f"{name}_first_epoch_s"] = epochs[0]
        result[f"{name}_records_per_s"] = n_records / median(epochs[1:])
    result["ratio"] = result["on_records_per_s"] / result["off_records_per_s"]
    return result
