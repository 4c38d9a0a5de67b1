"""Joint embedding with far more tables than labels: AUROC and share of the gap closed.

    python benchmarks/archive.py --cohort 0 --seeds 3

A synthetic cohort with labels of one training patient in six, the others an archive of
ECGs with tables. For each objective of stage (i): the share of the gap to the multimodal arm
that the joint embedding closes, against the signal alone and against the signal trained on
as many records as both stages together, on the same test patients.
"""

import argparse

import torch
from recipes import SPECS

from ecgsk import JointEmbeddingPretrainer, compare_arms
from ecgsk.datasets import make_clinical_ecg
from ecgsk.evaluation.arms import JOINT_EMBEDDING, MATCHED, MULTIMODAL, SELF_SUPERVISED, SIGNAL
from ecgsk.metrics import gap_closed
from ecgsk.preprocessing import BandpassFilter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=26_500)
    parser.add_argument("--label-fraction", type=float, default=1 / 6)
    parser.add_argument("--objectives", nargs="+", default=["clip"], choices=SPECS)
    parser.add_argument("--self-supervision", action="store_true", help="that arm too")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--cohort", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    cohort = make_clinical_ecg(options.subjects, random_state=options.cohort)
    X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
    for seed in options.seeds:
        baselines = [SIGNAL, MATCHED] + [SELF_SUPERVISED] * options.self_supervision
        scores = {}
        for number, objective in enumerate(options.objectives):
            comparison = compare_arms(
                X,
                cohort.Y,
                pretrainer=JointEmbeddingPretrainer(
                    objective=SPECS[objective], max_epochs=options.epochs, verbose=False
                ),
                label_fractions=[options.label_fraction],
                arms=[JOINT_EMBEDDING, MULTIMODAL] + (baselines if number == 0 else []),
                random_state=seed,
                verbose=False,
            )
            scores |= {score.arm: score for score in comparison.scores}
            joint = scores[JOINT_EMBEDDING]
            print(f"cohort {options.cohort}, seed {seed}, {objective}: "
                  f"{joint.archive} + {joint.n_labelled} records")  # fmt: skip
            for arm, score in scores.items():
                print(f"  {arm:<40}{score.auroc.estimate:.4f}  {score.seconds:.0f} s")
            for arm in baselines:
                share = gap_closed(*(scores[a].auroc for a in (JOINT_EMBEDDING, arm, MULTIMODAL)))
                print(f"  gap closed, from {arm:<30}{share.estimate:.0%} "
                      f"[{share.low:.0%}, {share.high:.0%}]", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
