"""Where it pays: far more ECGs with tables than with labels, and the gap that closes.

    python benchmarks/archive.py --seed 0

A synthetic cohort with labels of one training patient in six, the others an archive of
ECGs with tables; every arm on the same test patients, then the share of the gap to the
multimodal arm that the joint embedding closes, against the signal alone and against the signal
trained on as many records as both stages together.
"""

import argparse

from sklearn.pipeline import make_pipeline

from ecgsk import JointEmbeddingPretrainer, compare_arms
from ecgsk.datasets import make_clinical_ecg
from ecgsk.objectives import OBJECTIVES
from ecgsk.preprocessing import BandpassFilter, Resample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=26_500)
    parser.add_argument("--label-fraction", type=float, default=1 / 6)
    parser.add_argument("--objective", default="clip", choices=OBJECTIVES)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    cohort = make_clinical_ecg(options.subjects, random_state=options.seed)
    X = make_pipeline(Resample(100), BandpassFilter(0.5, 40)).fit_transform(cohort.X)
    comparison = compare_arms(
        X,
        cohort.Y,
        pretrainer=JointEmbeddingPretrainer(objective=options.objective, max_epochs=options.epochs),
        label_fractions=[options.label_fraction],
        random_state=options.seed,
    )
    print(f"objective {options.objective}, seed {options.seed}")
    print(comparison.summary())
    print(comparison.gap_closed().to_string(index=False))


if __name__ == "__main__":
    main()
