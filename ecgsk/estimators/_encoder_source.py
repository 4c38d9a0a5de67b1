"""Source of a classifier's encoder: an architecture, or a pre-training in or before ``fit``."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

import ecgsk.estimators._engine as engine
from ecgsk import encoders
from ecgsk.estimators._inputs import Inputs
from ecgsk.estimators._settings import inherit_settings
from ecgsk.estimators.pretrainer import JointEmbeddingPretrainer


def resolve_pretrainer(classifier: Any, seed: int) -> JointEmbeddingPretrainer | None:
    """Return the fitted pretrainer if it is frozen, else an unfitted clone, or None."""
    encoder = classifier.encoder
    if classifier.inputs == "clinical":
        return None
    if isinstance(encoder, FrozenEstimator):
        pretrainer = encoder.estimator
        if not isinstance(pretrainer, JointEmbeddingPretrainer):
            raise TypeError(
                f"{type(classifier).__name__}: FrozenEstimator must hold a fitted "
                f"JointEmbeddingPretrainer, got {pretrainer!r}."
            )
        check_is_fitted(pretrainer)
        return pretrainer
    if isinstance(encoder, JointEmbeddingPretrainer):
        return inherit_settings(encoder, classifier, seed)
    return None


def plan_encoder(
    classifier: Any, inputs: Inputs, pretrainer: JointEmbeddingPretrainer | None
) -> tuple[encoders.Encoder | None, engine.PretrainingPlan | None]:
    """Check the encoder against X; return the architecture and the plan of a pre-training.

    The architecture is the student's where there is one, and None without an ECG. The plan is
    None but for a pre-training inside ``fit``.
    """
    if inputs.signature is None:
        return None, None
    engine.build_augmentation(classifier.augmentation, inputs.signature.sampling_rate)
    spec, plan = None, None
    if pretrainer is None:
        spec = engine.check_encoder(classifier.encoder, inputs.signature)
    elif isinstance(classifier.encoder, FrozenEstimator):
        spec = pretrainer.encoder_spec_
    else:
        plan = engine.plan_pretraining(pretrainer, inputs, classifier.clinical_columns)
        spec = plan.encoder_spec
    if classifier.student is not None:
        spec = engine.check_encoder(classifier.student, inputs.signature)
    return spec, plan


def initialise(
    classifier: Any,
    members: list[engine.Member],
    pretrainer: JointEmbeddingPretrainer | None,
    plan: engine.PretrainingPlan | None,
    data: engine.DiagnosisData,
) -> tuple[list[Any], pd.DataFrame | None]:
    """Initialise the backbones: pre-trained inside ``fit``, frozen, or fresh.

    Returns for each member the module whose features a probe can use, and the history of a
    pre-training inside ``fit``. The module is the member's own, the pre-trained one of a
    student, or None where nothing is trained yet.
    """
    own: list[Any] = [member.module for member in members]
    if classifier.inputs == "clinical":
        return own, None
    if pretrainer is None:
        dataset = data.rows.dataset()
        engine.initialise_members(members, classifier.encoder, classifier.n_models, dataset)
        return [member.module if member.has_features else None for member in members], None
    net = pretrainer.net_ if plan is None else engine.pretrain(pretrainer, plan, data.rows).net
    history = None if plan is None else engine.history_frame(net)
    if classifier.student is not None:
        dataset = data.rows.dataset()
        engine.initialise_members(members, classifier.student, classifier.n_models, dataset)
        return [net.module_] * len(members), history
    engine.load_backbones(members, net.module_.backbone)
    return own, history
