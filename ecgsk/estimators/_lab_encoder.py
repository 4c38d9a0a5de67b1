"""Encoder of the explainer: a frozen model, or a pretrainer fitted inside ``fit``."""

from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _is_fitted

from ecgsk.estimators._settings import inherit_settings
from ecgsk.estimators.diagnosis import ECGDiagnosisClassifier
from ecgsk.estimators.pretrainer import JointEmbeddingPretrainer


def unwrap_frozen(encoder: Any, owner: str) -> Any:
    """Return the fitted model in a FrozenEstimator, or None for a pretrainer to fit.

    Raises NotFittedError for an unfitted classifier or frozen model, and TypeError for a bare
    fitted classifier or another encoder.
    """
    if encoder is None or isinstance(encoder, JointEmbeddingPretrainer):
        return None
    is_frozen = isinstance(encoder, FrozenEstimator)
    model = encoder.estimator if is_frozen else encoder
    if not isinstance(model, (JointEmbeddingPretrainer, ECGDiagnosisClassifier)):
        raise TypeError(
            f"{owner} expected encoder to be a JointEmbeddingPretrainer or a FrozenEstimator of "
            f"a fitted pretrainer or ECGDiagnosisClassifier; got {encoder!r}."
        )
    if not _is_fitted(model):
        raise NotFittedError(
            f"{owner} expected a fitted {type(model).__name__} as encoder; got an unfitted one. "
            "Fit it first, then wrap it: FrozenEstimator(classifier)."
        )
    if not is_frozen:
        raise TypeError(
            f"{owner} got a bare fitted {type(model).__name__} as encoder, which clone, and so "
            "cross-validation, would return unfitted. Wrap it: FrozenEstimator(classifier)."
        )
    return model


def fit_pretrainer(explainer: Any, X: Any, groups: Any) -> JointEmbeddingPretrainer:
    """Fit a clone of the explainer's pretrainer; parameters at None come from the explainer."""
    encoder = JointEmbeddingPretrainer() if explainer.encoder is None else explainer.encoder
    seed = draw_seed(explainer.random_state) if encoder.random_state is None else 0
    pretrainer = inherit_settings(encoder, explainer, seed)
    if pretrainer.group_column not in getattr(X, "columns", (pretrainer.group_column,)):
        pretrainer.set_params(group_column=explainer.group_column)
    return pretrainer.fit(X, groups=groups)


def draw_seed(random_state: Any) -> int:
    """Return an integer seed drawn from ``random_state``."""
    return int(check_random_state(random_state).randint(2**31 - 1))
