"""Arms of a comparison: one classifier for each arm and setting."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.estimators.recipe import Recipe
from ecgsk.objectives import ECGContrast

JOINT_EMBEDDING = "joint embedding"
SIGNAL = "signal only"
MATCHED = "signal only, compute-matched, early stopping"
SELF_SUPERVISED = "ECG-only self-supervision"
MULTIMODAL = "multimodal (ECG + table at inference)"


@dataclass(frozen=True)
class ArmSetting:
    """Estimators, training sizes and recipe that all arms of a setting share.

    Both estimators are unfitted: all arms use the pretrainer's encoder, and each arm sets
    `inputs` of the classifier. `pretrain` fits a pretrainer on the setting's rows, once each.
    `n_pretraining` and `n_labelled` count the records of stages (i) and (ii). `recipe` is that of
    the joint-embedding arm in stage (ii).
    """

    pretrainer: JointEmbeddingPretrainer
    classifier: ECGDiagnosisClassifier
    pretrain: Callable[[JointEmbeddingPretrainer], JointEmbeddingPretrainer]
    n_pretraining: int
    n_labelled: int
    recipe: Recipe

    def make(self, **changes: Any) -> ECGDiagnosisClassifier:
        """Return an unfitted classifier without pre-training, with these parameters changed."""
        own = {"encoder": self.pretrainer.encoder, "inputs": "ecg"}
        if self.classifier.fine_tune == "distill":  # distillation needs a table
            own["fine_tune"] = "auto"
        return clone(self.classifier).set_params(**(own | changes))

    def make_pretrained(
        self, pretrainer: JointEmbeddingPretrainer, **changes: Any
    ) -> ECGDiagnosisClassifier:
        """Return an unfitted classifier over a fitted, frozen pretrainer."""
        return self.make().set_params(encoder=FrozenEstimator(self.pretrain(pretrainer)), **changes)


def random_encoder(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a linear head on an untrained encoder."""
    return setting.make(fine_tune="probe")


def table_only(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a model of the clinical table alone."""
    return setting.make(inputs="clinical")


def signal_only(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a model of the ECG alone, without pre-training."""
    return setting.make(fine_tune="full")


def compute_matched(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return the signal-only model with the training budget of stages (i) and (ii) together.

    It may train for as many epochs as those stages read records. Few labels overfit long before
    that, so it stops early on held-out patients.
    """
    n_tuned = setting.n_pretraining if setting.recipe.distils else setting.n_labelled
    n_seen = setting.n_pretraining * setting.pretrainer.max_epochs
    n_seen += n_tuned * setting.recipe.max_epochs
    n_epochs = ceil(n_seen / setting.n_labelled)
    return setting.make(fine_tune="full", max_epochs=n_epochs, early_stopping=True)


def ecg_only_self_supervision(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a model of the ECG, pre-trained on signals alone."""
    return setting.make_pretrained(clone(setting.pretrainer).set_params(objective=ECGContrast()))


def joint_embedding(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a model of the ECG, pre-trained on signals and clinical tables."""
    mode = setting.classifier.fine_tune
    return setting.make_pretrained(clone(setting.pretrainer), fine_tune=mode)


def multimodal(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return the upper bound: the joint embedding with the table at inference too."""
    return setting.make_pretrained(clone(setting.pretrainer), inputs="ecg+clinical")


# The other arms get the ECG column alone, in training and at inference.
WITH_TABLE = ("table only", JOINT_EMBEDDING, MULTIMODAL)

ARMS: dict[str, Callable[[ArmSetting], ECGDiagnosisClassifier]] = {
    "random encoder + linear": random_encoder,
    "table only": table_only,
    SIGNAL: signal_only,
    MATCHED: compute_matched,
    SELF_SUPERVISED: ecg_only_self_supervision,
    JOINT_EMBEDDING: joint_embedding,
    MULTIMODAL: multimodal,
}
