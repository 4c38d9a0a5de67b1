"""One small cohort, one tiny encoder and models that are fitted once."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Nets this small lose time to threads, above all where several tests share the cores."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def tiny():
    return ResNet1d(10, width=4)


@pytest.fixture(scope="session")
def quick():
    """Parameters of every estimator here: one epoch, one seed, nothing shown."""
    return {"max_epochs": 1, "random_state": 0, "verbose": False, "device": "cpu"}


@pytest.fixture(scope="session")
def cohort():
    return make_clinical_ecg(n_subjects=40, random_state=0)


@pytest.fixture(scope="session", name="X")
def _x(cohort):
    """A short table beside the ECG: numbers, a category, missing values."""
    return cohort.X[["ecg", "age", "sex", "potassium", "heart_rate", "troponin", "subject_id"]]


@pytest.fixture(scope="session", name="Y")
def _y(cohort):
    """The most frequent labels, each with both classes."""
    frequent = cohort.Y.mean().sort_values(ascending=False).index[:4]
    return cohort.Y[frequent]


@pytest.fixture
def partly_labelled(Y):
    """Labels, the first third of rows without any, and some missing here and there."""
    missing = np.random.default_rng(0).random(Y.shape) < 0.2
    Y = Y.mask(missing)
    Y.iloc[: len(Y) // 3] = np.nan
    return Y


@pytest.fixture(scope="session")
def make_pretrainer(tiny, quick):
    return lambda **changes: JointEmbeddingPretrainer(**{"encoder": tiny, **quick, **changes})


@pytest.fixture(scope="session")
def make_classifier(tiny, quick):
    return lambda **changes: ECGDiagnosisClassifier(**{"encoder": tiny, **quick, **changes})


@pytest.fixture(scope="session")
def pretrainer(make_pretrainer, X):
    return make_pretrainer().fit(X)


@pytest.fixture(scope="session")
def classifier(make_classifier, X, Y):
    return make_classifier().fit(X, Y)


def weights(estimator):
    """Weights and buffers of a fitted estimator, copied."""
    return {k: v.detach().clone() for k, v in estimator.net_.module_.state_dict().items()}


@pytest.fixture(scope="session")
def assert_same_weights():
    def check(one, other, prefix=""):
        one, other = (w if isinstance(w, dict) else weights(w) for w in (one, other))
        names = [name for name in one if name.startswith(prefix)]
        assert names
        for name in names:
            assert torch.equal(one[name], other[name]), name

    return check


@pytest.fixture(scope="session")
def copy_weights():
    return weights
