"""
An encoder of your own, held to everything that ours are
========================================================

    python examples/extending/check_your_encoder.py

An encoder is a small spec, which scikit-learn clones, prints and searches, and the
torch module that it builds. Replace ``GRUEncoder`` with yours: the checks fit all three
estimators on it and print what holds. Run both of them in your test suite with
``parametrize_with_checks`` and ``parametrize_with_ecg_checks``.
"""

import os
import sys
import time

if __name__ == "__main__":
    os.environ["SCIPY_ARRAY_API"] = "1"  # one of scikit-learn's checks asks for it

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import check_estimator
from torch import Tensor, nn

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.encoders import Encoder, EncoderModule
from ecgsk.utils.estimator_checks import CHECKS


class GRUEncoder(Encoder):
    """A recurrent network over averaged pieces of the signal."""

    def __init__(self, hidden_size: int = 16, n_pieces: int = 50):
        self.hidden_size = hidden_size
        self.n_pieces = n_pieces

    def build(self, n_leads: int, n_times: int) -> "GRUModule":
        return GRUModule(n_leads, min(self.n_pieces, n_times), self.hidden_size)


class GRUModule(EncoderModule):
    """Takes any number of leads, and any length of one sample or more."""

    def __init__(self, n_leads: int, n_pieces: int, hidden_size: int):
        super().__init__()
        self.n_features = 4 * hidden_size  # two directions; mean and maximum of each
        self.pieces = nn.AdaptiveAvgPool1d(n_pieces)
        self.gru = nn.GRU(n_leads, hidden_size, batch_first=True, bidirectional=True)

    def forward_features(self, x: Tensor) -> Tensor:
        states, _ = self.gru(self.pieces(x).transpose(1, 2))
        return states.transpose(1, 2)


def estimators(encoder: Encoder) -> list[BaseEstimator]:
    quick = {"verbose": False, "device": "cpu"}
    pretrainer = JointEmbeddingPretrainer(encoder, max_epochs=1, **quick)
    # scikit-learn wants some accuracy of a classifier: give it the epochs it needs.
    classifier = ECGDiagnosisClassifier(encoder, max_epochs=30, **quick)
    return [pretrainer, classifier, LabAbnormalityExplainer(pretrainer)]


if __name__ == "__main__":
    torch.set_num_threads(1)  # networks this small lose time to more
    start, failed = time.perf_counter(), 0
    for estimator in estimators(GRUEncoder()):
        name = type(estimator).__name__
        results = check_estimator(estimator, on_skip=None, on_fail=None)
        for result in results:
            if result["status"] != "passed":
                failed += result["status"] == "failed"
                print(f"  {result['check_name']} {result['status']}: {result['exception']}")
        n_passed = sum(result["status"] == "passed" for result in results)
        print(f"{name}: scikit-learn's checks, {n_passed} of {len(results)} passed")
        n_passed = 0
        for check in CHECKS:
            try:
                check(estimator)
                n_passed += 1
            except Exception as error:
                failed += 1
                print(f"  {check.__name__} failed: {type(error).__name__}: {error}")
        print(f"{name}: ecgsk's checks, {n_passed} of {len(CHECKS)} passed", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")
    sys.exit(failed > 0)
