"""Arms of a comparison: names, groups, and one classifier for each arm and setting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.estimators.recipe import TEACHERS, Recipe
from ecgsk.evaluation._table_views import TableView, fill_values, mark_measured
from ecgsk.objectives import ECGContrast

RANDOM = "random encoder + linear"
TABLE = "table only"
DEMOGRAPHICS_ONLY = "table only, demographics"
SIGNAL = "signal only"
MATCHED = "signal only, compute-matched, early stopping"
SELF_SUPERVISED = "ECG-only self-supervision"
JOINT_EMBEDDING = "joint embedding"
MULTIMODAL = "multimodal (ECG + table at inference)"

# Modes that need a table, an archive or both inputs; other arms are trained by "auto" then.
_MODES_OF_ONE_ARM = ("late_fusion", *TEACHERS)
# A linear head has no epochs to stop early, and takes all labelled patients.
_PROBE = {"fine_tune": "probe", "early_stopping": "auto"}


@dataclass(frozen=True)
class ArmSetting:
    """Estimators, training sizes and recipe that all arms of a setting share.

    Both estimators are unfitted: all arms use the pretrainer's encoder, and each arm sets
    `inputs` of the classifier. `pretrain` fits a pretrainer on the setting's rows, once each.
    `n_pretraining` and `n_labelled` count the records of stages (i) and (ii). `recipe` is that of
    the joint-embedding arm in stage (ii). `demographics` are columns of the table.
    """

    pretrainer: JointEmbeddingPretrainer
    classifier: ECGDiagnosisClassifier
    pretrain: Callable[[JointEmbeddingPretrainer], JointEmbeddingPretrainer]
    n_pretraining: int
    n_labelled: int
    n_labelled_patients: int
    recipe: Recipe
    demographics: Sequence[Any] = ()

    def make(self, **changes: Any) -> ECGDiagnosisClassifier:
        """Return an unfitted classifier without pre-training, with these parameters changed."""
        own = {"encoder": self.pretrainer.encoder, "inputs": "ecg", "student": None}
        if self.classifier.fine_tune in _MODES_OF_ONE_ARM:
            own["fine_tune"] = "auto"
        return clone(self.classifier).set_params(**(own | changes))

    def make_joint(self, **changes: Any) -> ECGDiagnosisClassifier:
        """Return an unfitted classifier over an encoder that saw signals and tables."""
        return self._make_pretrained(clone(self.pretrainer), changes)

    def make_self_supervised(self, **changes: Any) -> ECGDiagnosisClassifier:
        """Return an unfitted classifier over an encoder that saw signals alone."""
        pretrainer = clone(self.pretrainer).set_params(objective=ECGContrast())
        return self._make_pretrained(pretrainer, changes)

    def _make_pretrained(
        self, pretrainer: JointEmbeddingPretrainer, changes: dict[str, Any]
    ) -> ECGDiagnosisClassifier:
        return self.make().set_params(encoder=FrozenEstimator(self.pretrain(pretrainer)), **changes)


def _compute_matched(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return the signal-only model with the training budget of stages (i) and (ii) together.

    It may train for as many epochs as those stages read records. Few labels overfit long before
    that, so it stops early on held-out patients, if there are two or more.
    """
    n_tuned = setting.n_pretraining if setting.recipe.has_teacher else setting.n_labelled
    n_seen = setting.n_pretraining * setting.pretrainer.max_epochs
    n_seen += n_tuned * setting.recipe.max_epochs
    return setting.make(
        fine_tune="full",
        max_epochs=ceil(n_seen / setting.n_labelled),
        early_stopping=setting.n_labelled_patients > 1,
    )


def _joint_embedding(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return the joint embedding, fine-tuned as the classifier says."""
    own = setting.classifier
    return setting.make_joint(fine_tune=own.fine_tune, student=own.student)


def _fresh_student(setting: ArmSetting) -> ECGDiagnosisClassifier:
    """Return a fresh encoder, as large as the teacher's."""
    return setting.make_joint(fine_tune="distill", student=setting.pretrainer.encoder)


@dataclass(frozen=True)
class Arm:
    """An arm of a comparison.

    Attributes
    ----------
    description : str
        Training of the arm and inputs of its predictions.
    make : callable
        Returns the unfitted classifier for an :class:`ArmSetting`.
    uses_table : bool
        Whether a stage learns from the clinical columns. Other arms get the ECG column alone.
    uses_archive : bool
        Whether stage (ii) gets the rows without labels too.
    view : callable or None
        Change of the clinical columns before the arm sees them.
    is_multimodal : bool
        Whether predictions use ECG and table: a reference of the gap that is closed.
    is_default : bool
        Whether the arm is fitted where no arms are named.
    """

    description: str
    make: Callable[[ArmSetting], ECGDiagnosisClassifier]
    uses_table: bool = False
    uses_archive: bool = False
    view: TableView | None = None
    is_multimodal: bool = False
    is_default: bool = False


ARMS: dict[str, Arm] = {
    RANDOM: Arm(
        "linear head on an untrained encoder of the ECG",
        lambda s: s.make(**_PROBE),
        is_default=True,
    ),
    TABLE: Arm(
        "model of the clinical table: values, and which were measured",
        lambda s: s.make(inputs="clinical"),
        uses_table=True,
        is_default=True,
    ),
    "table only, values": Arm(
        "model of the table with missing values filled, so that it cannot see what was measured",
        lambda s: s.make(inputs="clinical"),
        uses_table=True,
        view=fill_values,
    ),
    "table only, masks": Arm(
        "model of which values of the table were measured",
        lambda s: s.make(inputs="clinical"),
        uses_table=True,
        view=mark_measured,
    ),
    DEMOGRAPHICS_ONLY: Arm(
        "model of age, sex and other demographic columns",
        lambda s: s.make(inputs="clinical", clinical_columns=list(s.demographics)),
        uses_table=True,
    ),
    SIGNAL: Arm(
        "encoder of the ECG, trained from scratch on the labels",
        lambda s: s.make(fine_tune="full"),
        is_default=True,
    ),
    MATCHED: Arm(
        "the same with as many epochs as the joint embedding reads records; stops early",
        _compute_matched,
        is_default=True,
    ),
    "no pre-training, table teacher": Arm(
        "fresh encoder, distilled from a model of the table",
        lambda s: s.make(fine_tune="distill"),
        uses_table=True,
        uses_archive=True,
    ),
    SELF_SUPERVISED: Arm(
        "encoder pre-trained on signals alone, then trained on the labels",
        lambda s: s.make_self_supervised(),
        is_default=True,
    ),
    "ECG-only self-supervision, self-training": Arm(
        "encoder pre-trained on signals alone, then trained on its own embedding's predictions",
        lambda s: s.make_self_supervised(fine_tune="self_train"),
        uses_archive=True,
    ),
    "ECG-only self-supervision, table teacher": Arm(
        "encoder pre-trained on signals alone, then distilled from its embedding and the table",
        lambda s: s.make_self_supervised(fine_tune="distill"),
        uses_table=True,
        uses_archive=True,
    ),
    JOINT_EMBEDDING: Arm(
        "encoder pre-trained on signals and tables, then trained by the classifier's fine_tune: "
        "by default distilled from its embedding and the table",
        _joint_embedding,
        uses_table=True,
        uses_archive=True,
        is_default=True,
    ),
    "joint embedding, linear probe": Arm(
        "linear head on the encoder pre-trained on signals and tables",
        lambda s: s.make_joint(**_PROBE),
        uses_table=True,
    ),
    "joint embedding, fully fine-tuned": Arm(
        "encoder pre-trained on signals and tables, then trained on the labels",
        lambda s: s.make_joint(fine_tune="full"),
        uses_table=True,
    ),
    "joint embedding, self-training": Arm(
        "encoder pre-trained on signals and tables, then trained on its own embedding's "
        "predictions",
        lambda s: s.make_joint(fine_tune="self_train"),
        uses_table=True,
        uses_archive=True,
    ),
    "joint embedding, fresh student": Arm(
        "fresh encoder, distilled from the joint embedding and the table",
        _fresh_student,
        uses_table=True,
        uses_archive=True,
    ),
    MULTIMODAL: Arm(
        "late fusion of joint embedding and table, both used at inference",
        lambda s: s.make_joint(
            inputs="ecg+clinical", fine_tune="late_fusion", early_stopping="auto"
        ),
        uses_table=True,
        is_multimodal=True,
        is_default=True,
    ),
    "multimodal, one probe": Arm(
        "one linear head on joint embedding and table",
        lambda s: s.make_joint(inputs="ecg+clinical", **_PROBE),
        uses_table=True,
        is_multimodal=True,
    ),
    "multimodal, fully trained": Arm(
        "encoder pre-trained on signals and tables, trained on the labels beside a network of "
        "the table",
        lambda s: s.make_joint(inputs="ecg+clinical", fine_tune="full"),
        uses_table=True,
        is_multimodal=True,
    ),
}


def resolve_arms(arms: Sequence[str] | str | None) -> list[str]:
    """Return the names of the arms to fit: None is the default set, "ablation" is all.

    Raise ValueError if a name is unknown.
    """
    if arms is None:
        return [name for name, arm in ARMS.items() if arm.is_default]
    if isinstance(arms, str):
        if arms != "ablation":
            raise ValueError(
                f"compare_arms: expected arms to be a list of names, 'ablation' or None; got "
                f"{arms!r}. Pass arms=[{arms!r}] for one arm."
            )
        return list(ARMS)
    unknown = [name for name in arms if name not in ARMS]
    if unknown:
        raise ValueError(f"compare_arms: expected arms among {list(ARMS)}; got {unknown}.")
    return list(dict.fromkeys(arms))
