"""predict_proba against a loop written by hand, in batches and for one record.

    python benchmarks/prediction.py

The loop does what a model needs and no more: scale, network, sigmoid. predict_proba also
holds leads, sampling rate, unit and quality against what was fitted, by name.
"""

import argparse
from statistics import median
from time import perf_counter

import torch

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg

BATCH = 256


@torch.inference_mode()
def by_hand(module, x: torch.Tensor) -> torch.Tensor:
    backbone, parts = module.backbone, []
    for batch in x.split(BATCH):
        scaled = (batch - backbone.mean) / backbone.scale
        parts.append(module.head(backbone.encoder(scaled)).double().sigmoid())
    return torch.cat(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--subjects", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(2)
    X, Y = make_clinical_ecg(options.subjects, random_state=0, return_X_y=True)
    X = X[["ecg"]]
    model = ECGDiagnosisClassifier(options.encoder, max_epochs=1, random_state=0, verbose=False)
    model.fit(X.iloc[:200], Y.iloc[:200])
    module, x = model.net_.module_.eval(), torch.from_numpy(X["ecg"].array.read())

    def timed(call, times: int = 1) -> float:
        start = perf_counter()
        for _ in range(times):
            call()
        return (perf_counter() - start) / times

    one, x_one = X.iloc[:1], x[:1]
    for what, frame, signals, times in (
        (f"{len(X)} records", X, x, 1),
        ("one record", one, x_one, 50),
    ):
        ours, hand = [], []
        for repeat in range(options.repeats + 1):
            pair = (
                timed(lambda: model.predict_proba(frame), times),  # noqa: B023
                timed(lambda: by_hand(module, signals), times),  # noqa: B023
            )
            if repeat:
                ours.append(pair[0])
                hand.append(pair[1])
        ratio = median(a / b for a, b in zip(ours, hand, strict=True))
        print(
            f"{what}: predict_proba {median(ours) * 1e3:.2f} ms, by hand {median(hand) * 1e3:.2f} "
            f"ms, {ratio:.2f} x"
        )


if __name__ == "__main__":
    main()
