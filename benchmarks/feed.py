"""How fast batches come from disk: an int16 store against what else feeds a network.

    python benchmarks/feed.py

Batches of 128 records of 12 x 1000 in random order, as float32 in millivolts, in turns:
`np.take` on float32 in memory (no conversion at all), and on int16 in memory with the
conversion by hand; our feed from a memory-mapped int16 store, a
memory-mapped float32 one, and memory; skorch's default loader over float32 in memory; a
DataLoader with two workers over one WFDB or one .npy file per record.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
import wfdb
from skorch import NeuralNet
from torch.utils.data import DataLoader, Dataset

from ecgsk.datasets import make_clinical_ecg
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.training._loader import BatchLoader
from ecgsk.training.batches import BatchDataset
from ecgsk.training.signals import Signals

BATCH = 128
GAIN = 1000.0


class Files(Dataset):
    """One file per record, as databases come and as scripts write them."""

    def __init__(self, paths: list[str]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        path = self.paths[i]
        x = np.load(path) if path.endswith(".npy") else wfdb.rdrecord(path).p_signal.T
        return torch.from_numpy(np.asarray(x, dtype=np.float32))


def write(folder: Path, n_records: int, n_files: int):
    records = make_clinical_ecg(n_records, random_state=0).X["ecg"].array.read(slice(n_records))
    stored = np.round(records * GAIN).astype(np.int16)
    np.save(folder / "int16.npy", stored)
    np.save(folder / "float32.npy", records)
    arrays, wfdbs = [], []
    for number, record in enumerate(records[:n_files]):
        arrays.append(str(folder / f"{number}.npy"))
        np.save(arrays[-1], record)
        wfdb.wrsamp(
            f"r{number}",
            fs=100,
            units=["mV"] * 12,
            sig_name=list(STANDARD_12_LEADS),
            d_signal=stored[number].T,
            fmt=["16"] * 12,
            adc_gain=[GAIN] * 12,
            baseline=[0] * 12,
            write_dir=str(folder),
        )
        wfdbs.append(str(folder / f"r{number}"))
    return records, stored, arrays, wfdbs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=6000)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x, stored, arrays, wfdbs = write(folder, options.records, options.files)
        n = len(x)

        def feed(ecg: ECGArray) -> BatchLoader:
            data = BatchDataset(Signals(ecg, "benchmark"))
            return BatchLoader(data, BATCH, order=Shuffled(n))

        described = {"sampling_rate": 100, "leads": STANDARD_12_LEADS}
        net = NeuralNet(torch.nn.Identity, torch.nn.MSELoss, batch_size=BATCH)
        net.set_params(iterator_train__shuffle=True)
        loader = {
            "batch_size": BATCH,
            "shuffle": True,
            "num_workers": 2,
            "persistent_workers": True,
        }
        ways = {
            "np.take on float32 in memory": (n, lambda: taken(x)),
            "np.take on int16 in memory, scaled": (
                n,
                lambda: (part * np.float32(1 / GAIN) for part in taken(stored)),
            ),
            "our feed, int16 memory map": (
                n,
                feed(ECGArray.from_npy(folder / "int16.npy", gain=GAIN, **described)).__iter__,
            ),
            "our feed, float32 memory map": (
                n,
                feed(ECGArray.from_npy(folder / "float32.npy", **described)).__iter__,
            ),
            "our feed, float32 in memory": (n, feed(ECGArray.from_numpy(x, **described)).__iter__),
            "skorch's loader, float32 in memory": (
                n,
                lambda: net.get_iterator(net.get_dataset(x, np.zeros(n)), training=True),
            ),
            "DataLoader, 2 workers, .npy files": (
                len(arrays),
                DataLoader(Files(arrays), **loader).__iter__,
            ),
            "DataLoader, 2 workers, WFDB files": (
                len(wfdbs),
                DataLoader(Files(wfdbs), **loader).__iter__,
            ),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for repeat in range(options.repeats + 1):
            for name, (n_read, batches) in ways.items():
                start = perf_counter()
                for _ in batches():
                    pass
                if repeat:  # the first warms up: files in the cache, workers started
                    seconds[name].append((perf_counter() - start) / n_read * 1e6)
    ours = median(seconds["our feed, int16 memory map"])
    print(f"{n} records of 12 x 1000, batches of {BATCH}, 2 threads; median of {options.repeats}")
    for name, each in seconds.items():
        print(f"{name:<36}{median(each):8.1f} us/record {median(each) / ours:7.2f} x int16 map")


class Shuffled:
    """A new random order for each epoch."""

    def __init__(self, n_rows: int):
        self.n_rows = n_rows

    def __iter__(self):
        return iter(np.random.default_rng().permutation(self.n_rows))


def taken(x: np.ndarray):
    order = np.random.default_rng().permutation(len(x))
    for start in range(0, len(x), BATCH):
        yield np.take(x, order[start : start + BATCH], axis=0)


if __name__ == "__main__":
    main()
