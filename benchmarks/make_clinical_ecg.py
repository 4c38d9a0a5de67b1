"""Measure records per second of `make_clinical_ecg` on one core."""

import argparse
import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import time  # noqa: E402

from ecgsk.datasets import make_clinical_ecg  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=2000)
    parser.add_argument("--sampling-rate", type=float, nargs="+", default=[100, 500])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    make_clinical_ecg(10, random_state=0)
    for sampling_rate in options.sampling_rate:
        rates = []
        for seed in range(options.repeats):
            start = time.process_time()
            cohort = make_clinical_ecg(
                options.subjects, sampling_rate=sampling_rate, random_state=seed
            )
            rates.append(len(cohort.X) / (time.process_time() - start))
        print(
            f"{sampling_rate:g} Hz: {max(rates):,.0f} records/s "
            f"(slowest of {options.repeats}: {min(rates):,.0f})"
        )


if __name__ == "__main__":
    main()
