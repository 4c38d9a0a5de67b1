"""Estimator checks for ECGs, tables and patients, in addition to scikit-learn's.

Used like ``sklearn.utils.estimator_checks``: run :func:`check_ecg_estimator` on your
own estimator, or on one of ecgsk's with your own encoder, or
:func:`parametrize_with_ecg_checks` in a test suite.
"""

import os
import pickle
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, clone, is_classifier

from ecgsk.datasets import Cohort, make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.exceptions import (
    DurationError,
    LeadMismatchError,
    SamplingRateError,
    SignalQualityWarning,
    UnitError,
)
from ecgsk.persistence import load, save
from ecgsk.preprocessing import (
    BandpassFilter,
    ClinicalScaler,
    LabAbnormality,
    QualityGate,
    Resample,
    SelectLeads,
)
from ecgsk.signals import ECGArray

__all__ = ["check_ecg_estimator", "parametrize_with_ecg_checks", "tested_estimators"]

# Relative and absolute difference allowed between outputs of one model.
_TOLERANCE = 1e-6


def tested_estimators(*, learning: bool = False) -> list[BaseEstimator]:  # noqa: PT028
    """Return a small instance of every public estimator and transformer.

    .. versionadded:: 0.1

    Parameters
    ----------
    learning : bool, default=False
        Return only estimators that learn from ECGs, without preprocessing.

    Returns
    -------
    list of estimator
        Unfitted, with a tiny encoder and few epochs.

    Examples
    --------
    >>> from ecgsk.utils.estimator_checks import tested_estimators
    >>> [type(estimator).__name__ for estimator in tested_estimators(learning=True)]
    ['JointEmbeddingPretrainer', 'ECGDiagnosisClassifier', 'LabAbnormalityExplainer']
    """
    tiny = ResNet1d(10, width=4)
    quick: dict[str, Any] = {"verbose": False, "device": "cpu"}
    pretrainer = JointEmbeddingPretrainer(tiny, max_epochs=1, **quick)
    models = [
        pretrainer,
        # scikit-learn's checks require an accuracy that one epoch does not reach.
        ECGDiagnosisClassifier(tiny, max_epochs=20, **quick),
        LabAbnormalityExplainer(JointEmbeddingPretrainer(tiny, max_epochs=1), **quick),
    ]
    if learning:
        return models
    return [
        *models,
        Resample(50, input_sampling_rate=100),
        Resample(100, input_sampling_rate=50),
        # One edge and a low rate, for the short arrays of scikit-learn's checks.
        BandpassFilter(1, None, input_sampling_rate=10),
        SelectLeads(["II"], input_leads=["II"]),
        QualityGate(input_sampling_rate=100),
        ClinicalScaler(),
        LabAbnormality((-1.0, 1.0)),
    ]


tested_estimators.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name


def check_ecg_estimator(estimator: BaseEstimator) -> None:
    """Run all checks on an estimator and raise at the first failure.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        Unfitted; it is cloned and not changed.

    Raises
    ------
    AssertionError
        If a check fails; the message names it.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.encoders import ResNet1d
    >>> from ecgsk.utils.estimator_checks import check_ecg_estimator
    >>> check_ecg_estimator(
    ...     ECGDiagnosisClassifier(ResNet1d(10, width=4), max_epochs=1, verbose=False)
    ... )
    """
    for check in CHECKS:
        check(estimator)


def parametrize_with_ecg_checks(estimators: Iterable[BaseEstimator]) -> Callable:
    """Parametrize a pytest test with arguments ``estimator`` and ``check``.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimators : iterable of estimator
        Unfitted.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> from ecgsk.utils.estimator_checks import parametrize_with_ecg_checks, tested_estimators
    >>> @parametrize_with_ecg_checks(tested_estimators(learning=True))
    ... def test_ecg_checks(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = [
        pytest.param(estimator, check, id=f"{type(estimator).__name__}-{check.__name__}")
        for estimator in estimators
        for check in CHECKS
    ]
    return pytest.mark.parametrize(("estimator", "check"), cases)


def check_leads_are_found_by_name(estimator: BaseEstimator) -> None:
    """Check that the order of leads does not change the output."""
    model, X = _fitted(estimator)
    turned = _with_ecg(X, X["ecg"].array.select_leads(X["ecg"].ecg.leads[::-1]))
    _assert_close(_output(model, X), _output(model, turned), "with its leads in another order")


def check_other_signals_raise(estimator: BaseEstimator) -> None:
    """Check that other leads, rates, lengths and units raise their own errors."""
    model, X = _fitted(estimator)
    ecg = X["ecg"].array
    signals, leads, rate = ecg.read(), ecg.leads, ecg.sampling_rate
    more = np.concatenate([signals, signals[:, :1]], axis=1)
    cases = [
        (ecg.select_leads(leads[:-1]), LeadMismatchError),
        (
            ECGArray.from_numpy(more, sampling_rate=rate, leads=(*leads, "V7")),
            LeadMismatchError,
        ),
        (ECGArray.from_numpy(signals, sampling_rate=2 * rate, leads=leads), SamplingRateError),
        (
            ECGArray.from_numpy(signals[..., :-10], sampling_rate=rate, leads=leads),
            DurationError,
        ),
        (ECGArray.from_numpy(1000 * signals, sampling_rate=rate, leads=leads), UnitError),
        (ECGArray.from_numpy(signals / 1000, sampling_rate=rate, leads=leads), UnitError),
    ]
    for array, error in cases:
        try:
            _output(model, _with_ecg(X, array))
        except error:
            continue
        raise AssertionError(f"{_name(model)} accepted {array.dtype!r}; expected {error.__name__}.")


def check_array_and_frame_agree(estimator: BaseEstimator) -> None:
    """Check that array and data frame give the same output."""
    model, X = _fitted(estimator)
    array = X["ecg"].ecg.to_numpy()
    _assert_close(_output(model, X), _output(model, array), "as a plain array")


def check_the_signal_is_enough(estimator: BaseEstimator) -> None:
    """Check that the output does not depend on the table."""
    model, X = _fitted(estimator)
    expected = _output(model, X)
    _assert_close(expected, _output(model, X[["ecg"]]), "without its table")
    table = [name for name in X.columns if name not in ("ecg", "subject_id")]
    empty = X.assign(**dict.fromkeys(table, np.nan))
    _assert_close(expected, _output(model, empty), "with an empty table")


def check_rows_without_a_table(estimator: BaseEstimator) -> None:
    """Check that ``fit`` accepts rows without any table value."""
    cohort = _cohort()
    table = [name for name in cohort.X.columns if name not in ("ecg", "subject_id")]
    X = cohort.X.copy()
    X.loc[X.index[::3], table] = np.nan
    model, _ = _fitted(estimator, X=X)
    _assert_finite(_output(model, X), "after rows without a table")


def check_missing_lead_is_absent(estimator: BaseEstimator) -> None:
    """Check that leads of NaN, flat leads and leads of -9999 count as missing, with a warning."""
    model, X = _fitted(estimator)
    outputs = []
    for value in (np.nan, 0.0, -9999.0):
        signals = X["ecg"].ecg.to_numpy()
        signals[:, 0] = value
        array = ECGArray.from_numpy(
            signals, sampling_rate=X["ecg"].ecg.sampling_rate, leads=X["ecg"].ecg.leads
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outputs.append(_output(model, _with_ecg(X, array)))
        warned = any(issubclass(w.category, SignalQualityWarning) for w in caught)
        assert warned, f"{_name(model)} did not warn of a lead of {value}."
    _assert_finite(outputs[0], "with a missing lead")
    _assert_close(outputs[0], outputs[1], "with a flat lead in place of a missing one")
    _assert_close(outputs[0], outputs[2], "with a lead of -9999 in place of a missing one")


def check_one_record_and_many_agree(estimator: BaseEstimator) -> None:
    """Check that a record's output is independent of the other records and their order."""
    model, X = _fitted(estimator)
    expected = _output(model, X)
    alone = np.concatenate([_output(model, X.iloc[[row]]) for row in range(5)])
    _assert_close(expected[:5], alone, "alone")
    _assert_close(expected[::-1], _output(model, X.iloc[::-1]), "in another order")


def check_equal_seeds(estimator: BaseEstimator) -> None:
    """Check that equal seeds give bit-equal outputs and global generators are unchanged."""
    before = _global_state()
    (one, X), (other, _) = _fitted(estimator), _fitted(estimator)
    assert np.array_equal(_output(one, X), _output(other, X)), (
        f"{_name(one)}: two fits with one seed differ."
    )
    for library, state in _global_state().items():
        assert np.array_equal(before[library], state), (
            f"{_name(one)} changes {library}'s global generator."
        )


def check_clone_keeps_every_parameter(estimator: BaseEstimator) -> None:
    """Check that nested parameters can be read, set and cloned."""
    for name, value in estimator.get_params(deep=True).items():
        if isinstance(value, bool | int | float | str | type(None)):
            copy = clone(estimator).set_params(**{name: value})
            kept = copy.get_params(deep=True)[name]
            assert kept == value, f"{_name(estimator)}: {name}={value!r} became {kept!r}."


def check_pickles_small_and_whole(estimator: BaseEstimator) -> None:
    """Check that a pickle predicts bit-equally and holds no optimiser state."""
    model, X = _fitted(estimator)
    content = pickle.dumps(model)
    assert np.array_equal(_output(pickle.loads(content), X), _output(model, X)), (
        f"{_name(model)} predicts differently after pickling."
    )
    net = getattr(model, "net_", None)
    if net is not None:
        states = net.module_.state_dict().values()
        weights = sum(tensor.numel() * tensor.element_size() for tensor in states)
        # Names and fitted attributes take a few thousand bytes.
        assert len(content) < 1.1 * weights + 50_000, (
            f"{_name(model)} pickles to {len(content):,} bytes; its weights are {weights:,}."
        )


def check_unknown_labels_are_masked(estimator: BaseEstimator) -> None:
    """Check that a classifier masks NaN labels, single ones and whole rows."""
    if not is_classifier(estimator):
        return
    Y = _targets()
    unknown = Y.copy()
    unknown.iloc[::4] = np.nan
    unknown.iloc[1::4, 0] = np.nan
    model, X = _fitted(estimator, Y=unknown)
    P = model.predict_proba(X)
    assert P.shape == Y.shape, f"{_name(model)}: P has shape {P.shape}, Y {Y.shape}."
    inside = (P > 0) & (P < 1)
    assert inside.all(), f"{_name(model)}: probabilities are outside (0, 1)."


def check_survives_a_new_process(estimator: BaseEstimator) -> None:
    """Check that pickle, joblib and `save` give the same output in a new process without a GPU."""
    model, X = _fitted(estimator)
    if "device" in model.get_params():
        model.set_params(device="cpu")
    parts = [model, *model.get_params(deep=True).values()]
    classes = {type(part) for part in parts if isinstance(part, BaseEstimator)}
    with (
        TemporaryDirectory() as name,
        ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process,
    ):
        folder = Path(name)
        (folder / "X.pickle").write_bytes(pickle.dumps(X))
        (folder / "model.pickle").write_bytes(pickle.dumps(model))
        joblib.dump(model, folder / "model.joblib")
        save(model, folder / "model")
        outputs = process.submit(_outputs_of_saved, folder, classes).result()
    for how, output in outputs.items():
        _assert_close(_output(model, X), output, f"after loading with {how}")


CHECKS = [
    check_leads_are_found_by_name,
    check_other_signals_raise,
    check_array_and_frame_agree,
    check_the_signal_is_enough,
    check_rows_without_a_table,
    check_missing_lead_is_absent,
    check_one_record_and_many_agree,
    check_equal_seeds,
    check_clone_keeps_every_parameter,
    check_pickles_small_and_whole,
    check_unknown_labels_are_masked,
    check_survives_a_new_process,
]


def _cohort() -> Cohort:
    return make_clinical_ecg(n_subjects=20, random_state=0)


def _targets() -> pd.DataFrame:
    """Return labels named like laboratory targets, which every classifier accepts."""
    Y = _cohort().Y.iloc[:, :3].astype(float)
    return Y.set_axis([f"finding {i} high" for i in range(Y.shape[1])], axis=1)


def _global_state() -> dict[str, np.ndarray]:
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002
    assert isinstance(legacy, dict)
    numpy_state = np.append(legacy["state"]["key"], legacy["state"]["pos"])
    return {"NumPy": numpy_state, "torch": torch.get_rng_state().numpy()}


def _fitted(
    estimator: BaseEstimator, X: pd.DataFrame | None = None, Y: pd.DataFrame | None = None
) -> tuple[Any, pd.DataFrame]:
    cohort = _cohort()
    X = cohort.X if X is None else X
    Y = _targets() if Y is None else Y
    model = clone(estimator)
    seeds = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(seeds, 0))
    return model.fit(X, Y), X


def _output(model: Any, X: Any) -> np.ndarray:
    return model.predict_proba(X) if is_classifier(model) else np.asarray(model.transform(X))


def _outputs_of_saved(folder: Path, classes: set[type]) -> dict[str, np.ndarray]:
    """Return outputs of the models in a folder, in a process without a GPU."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    X = pickle.loads((folder / "X.pickle").read_bytes())
    models = {
        "pickle": pickle.loads((folder / "model.pickle").read_bytes()),
        "joblib": joblib.load(folder / "model.joblib"),
        "ecgsk.save": load(folder / "model", trusted=classes),
    }
    return {how: _output(model, X) for how, model in models.items()}


def _with_ecg(X: pd.DataFrame, array: ECGArray) -> pd.DataFrame:
    return X.assign(ecg=pd.Series(array, index=X.index))


def _name(estimator: Any) -> str:
    return type(estimator).__name__


def _assert_close(expected: np.ndarray, got: np.ndarray, how: str) -> None:
    np.testing.assert_allclose(
        got, expected, rtol=_TOLERANCE, atol=_TOLERANCE, err_msg=f"A record differs {how}."
    )


def _assert_finite(output: np.ndarray, how: str) -> None:
    assert np.isfinite(output).all(), f"Output is not finite {how}."
