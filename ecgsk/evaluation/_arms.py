"""Arms of a comparison: one classifier for each arm and setting."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.estimators.diagnosis import FINE_TUNING, FROM_PROBE
from ecgsk.objectives import ECGContrast

JOINT_EMBEDDING = "joint embedding"
SIGNAL = "signal only"
MATCHED = "signal only, compute-matched"
SELF_SUPERVISED = "ECG-only self-supervision"
MULTIMODAL = "multimodal (ECG + table at inference)"


@dataclass(frozen=True)
class Recipe:
    """Estimators and training sizes that all arms of a setting share.

    Attributes
    ----------
    pretrainer : JointEmbeddingPretrainer
        Unfitted; all arms use its encoder.
    classifier : ECGDiagnosisClassifier
        Unfitted; the parameters of stage (ii). Each arm sets `inputs` itself.
    pretrain : callable
        Takes an unfitted pretrainer and returns it fitted on the setting's
        pre-training rows. Each pretrainer is fitted once.
    n_pretraining, n_labelled : int
        Number of records in stage (i) and in stage (ii).
    distils : bool
        Whether the joint-embedding arm distils, which reads the records of
        stage (i) again in stage (ii).
    """

    pretrainer: JointEmbeddingPretrainer
    classifier: ECGDiagnosisClassifier
    pretrain: Callable[[JointEmbeddingPretrainer], JointEmbeddingPretrainer]
    n_pretraining: int
    n_labelled: int
    distils: bool

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


def random_encoder(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a linear head on an untrained encoder."""
    return recipe.make(fine_tune="probe")


def table_only(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a model of the clinical table alone."""
    return recipe.make(inputs="clinical")


def signal_only(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a model of the ECG alone, without pre-training."""
    return recipe.make(fine_tune="full")


def compute_matched(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return the signal-only model, trained on as many records as stages (i) and (ii) together."""
    mode, own = recipe.classifier.fine_tune, recipe.classifier.max_epochs
    auto, _ = FINE_TUNING if recipe.distils or mode == "full" else FROM_PROBE
    n_seen = recipe.n_pretraining * recipe.pretrainer.max_epochs
    n_again = recipe.n_pretraining if recipe.distils else recipe.n_labelled
    n_seen += n_again * (auto if own == "auto" else int(own))
    return recipe.make(fine_tune="full", max_epochs=ceil(n_seen / recipe.n_labelled))


def ecg_only_self_supervision(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a model of the ECG, pre-trained on signals alone."""
    return recipe.make_pretrained(clone(recipe.pretrainer).set_params(objective=ECGContrast()))


def joint_embedding(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a model of the ECG, pre-trained on signals and clinical tables."""
    mode = recipe.classifier.fine_tune
    return recipe.make_pretrained(clone(recipe.pretrainer), fine_tune=mode)


def multimodal(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return the upper bound: the joint embedding with the table at inference too."""
    return recipe.make_pretrained(clone(recipe.pretrainer), inputs="ecg+clinical")


# The other arms get the ECG column alone, in training and at inference.
WITH_TABLE = ("table only", JOINT_EMBEDDING, MULTIMODAL)

ARMS: dict[str, Callable[[Recipe], ECGDiagnosisClassifier]] = {
    "random encoder + linear": random_encoder,
    "table only": table_only,
    SIGNAL: signal_only,
    MATCHED: compute_matched,
    SELF_SUPERVISED: ecg_only_self_supervision,
    JOINT_EMBEDDING: joint_embedding,
    MULTIMODAL: multimodal,
}
