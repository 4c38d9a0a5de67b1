"""Labels with gaps, weights to compare, and explainers."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback


@pytest.fixture
def partly_labelled(Y):
    """Labels, the first third of rows without any, and some missing here and there."""
    missing = np.random.default_rng(0).random(Y.shape) < 0.2
    Y = Y.mask(missing)
    Y.iloc[: len(Y) // 3] = np.nan
    return Y


def rows_in_x(dataset):
    """Numbers in X of a dataset's rows: a fit has an order of its own."""
    return dataset.signals.numbers


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


class Sides(Callback):
    """Keeps the row numbers of both sides."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.training = rows_in_x(X)
        split = net.train_split
        self.validation = None if split is None else rows_in_x(split(X)[1])


@pytest.fixture
def sides():
    return Sides()


@pytest.fixture(scope="session")
def frozen(classifier):
    return FrozenEstimator(classifier)


@pytest.fixture(scope="session")
def ranges(cohort):
    return cohort.reference_ranges


LABS = ["potassium", "creatinine", "haemoglobin", "troponin"]
DIAGNOSES = ["hyperkalaemia", "chronic kidney disease", "acute myocardial infarction"]


@pytest.fixture(scope="session")
def lab_sides():
    """X, laboratory values and diagnoses of training, held-out and new patients."""
    from ecgsk.datasets import make_clinical_ecg

    cohort = make_clinical_ecg(1000, random_state=0)
    number = cohort.groups.rank(method="dense").astype(int).to_numpy()
    sides = {
        name: (cohort.X[rows], cohort.labs.loc[rows, LABS], cohort.Y.loc[rows, DIAGNOSES])
        for name, rows in (
            ("train", number % 2 == 0),
            ("held", number % 4 == 1),
            ("new", number % 4 == 3),
        )
    }
    return sides | {"ranges": cohort.reference_ranges}


@pytest.fixture(scope="session")
def fitted_explainer(lab_sides):
    """Fitted, not calibrated, with evidence and similar patients."""
    from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
    from ecgsk.encoders import ResNet1d

    X, labs, Y = lab_sides["train"]
    model = ECGDiagnosisClassifier(
        ResNet1d(width=8), max_epochs=4, random_state=0, verbose=False, device="cpu"
    ).fit(X, Y)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(model),
        reference_ranges=lab_sides["ranges"],
        keep_patients=True,
        random_state=0,
    )
    return explainer.fit(X, labs, diagnoses=Y)


@pytest.fixture
def copied_explainer(fitted_explainer):
    return pickle.loads(pickle.dumps(fitted_explainer))


@pytest.fixture(scope="session")
def calibrated_explainer(fitted_explainer, lab_sides):
    copied = pickle.loads(pickle.dumps(fitted_explainer))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return copied.calibrate(*lab_sides["held"])
