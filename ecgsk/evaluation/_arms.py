"""The arms a joint embedding is judged by, each an estimator for one setting."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.estimators.recipe import Recipe
from ecgsk.objectives import ECGContrast

OURS = "joint embedding"
SIGNAL = "signal only"
MATCHED = "signal only, compute-matched"
SELF_SUPERVISED = "ECG-only self-supervision"
MULTIMODAL = "multimodal (ECG + table at inference)"


@dataclass(frozen=True)
class ArmSetting:
    """What all arms of a setting share.

    Attributes
    ----------
    pretrainer : JointEmbeddingPretrainer
        Unfitted; its encoder is every arm's.
    classifier : ECGDiagnosisClassifier
        Unfitted; the parameters of stage (ii). Its inputs are the arm's choice.
    pretrain : callable
        Takes an unfitted pretrainer, returns it fitted on the setting's pre-training rows;
        each is fitted once.
    n_pretraining, n_labelled : int
        Records of stage (i) and (ii).
    recipe : Recipe
        Of the joint embedding, in stage (ii).
    """

    pretrainer: JointEmbeddingPretrainer
    classifier: ECGDiagnosisClassifier
    pretrain: Callable[[JointEmbeddingPretrainer], JointEmbeddingPretrainer]
    n_pretraining: int
    n_labelled: int
    recipe: Recipe

    def make(self, **changes: Any) -> ECGDiagnosisClassifier:
        """Return a fresh classifier from scratch with these parameters changed."""
        own = {"encoder": self.pretrainer.encoder, "inputs": "ecg"}
        if self.classifier.fine_tune == "distill":  # only the joint embedding gets the table
            own["fine_tune"] = "auto"
        return clone(self.classifier).set_params(**(own | changes))

    def make_pretrained(
        self, pretrainer: JointEmbeddingPretrainer, **changes: Any
    ) -> ECGDiagnosisClassifier:
        """Return a fresh classifier over a pretrainer that is fitted once and reused."""
        return self.make().set_params(encoder=FrozenEstimator(self.pretrain(pretrainer)), **changes)


def random_encoder(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a linear head on an encoder that learned nothing."""
    return setting.make(fine_tune="probe")


def table_only(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a model of the table without the ECG."""
    return setting.make(inputs="clinical")


def signal_only(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a model of the ECG, trained from scratch."""
    return setting.make(fine_tune="full")


def compute_matched(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return the signal-only model, trained on as many records as stages (i) and (ii) together."""
    n_tuned = setting.n_pretraining if setting.recipe.distils else setting.n_labelled
    n_seen = setting.n_pretraining * setting.pretrainer.max_epochs
    n_seen += n_tuned * setting.recipe.max_epochs
    return setting.make(fine_tune="full", max_epochs=ceil(n_seen / setting.n_labelled))


def ecg_only_self_supervision(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a model whose encoder was pre-trained on signals without tables."""
    return setting.make_pretrained(clone(setting.pretrainer).set_params(objective=ECGContrast()))


def joint_embedding(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return ours: it learned from tables, and diagnoses from the ECG alone."""
    mode = setting.classifier.fine_tune
    return setting.make_pretrained(clone(setting.pretrainer), fine_tune=mode)


def multimodal(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return the upper bound: pre-trained as ours, and given the table at inference too."""
    return setting.make_pretrained(clone(setting.pretrainer), inputs="ecg+clinical")


# The other arms are not shown the table, in training neither.
WITH_TABLE = ("table only", OURS, MULTIMODAL)

ARMS: dict[str, Callable[[ArmSetting], ECGDiagnosisClassifier]] = {
    "random encoder + linear": random_encoder,
    "table only": table_only,
    SIGNAL: signal_only,
    MATCHED: compute_matched,
    SELF_SUPERVISED: ecg_only_self_supervision,
    OURS: joint_embedding,
    MULTIMODAL: multimodal,
}
