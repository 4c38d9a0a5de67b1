"""Result of a comparison of arms: scores, paired differences and gap closed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ecgsk.estimators import ECGDiagnosisClassifier
from ecgsk.evaluation._held_out import HeldOut
from ecgsk.evaluation.arms import ARMS, JOINT_EMBEDDING, MATCHED, SELF_SUPERVISED, SIGNAL
from ecgsk.exceptions import ECGError
from ecgsk.metrics import (
    BootstrapResult,
    gap_closed,
    masked_brier_score,
    masked_calibration_error,
    masked_f_max,
)
from ecgsk.plotting import plot_arms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNBOUNDED_SCORES = {
    "macro_f_max": masked_f_max,
    "macro_brier": masked_brier_score,
    "macro_calibration_error": masked_calibration_error,
}
_SETTING = ("label_fraction", "archive")
# Percentile intervals over fewer patients are too narrow for a verdict.
MIN_PATIENTS_FOR_VERDICT = 20


@dataclass(frozen=True)
class ArmScore:
    """Scores of one arm in one setting on the test patients.

    .. versionadded:: 0.1

    Attributes
    ----------
    label_fraction : float
        Share of the training patients whose labels were used.
    archive : int
        Number of unlabelled records in pre-training.
    arm : str
        Name of the arm.
    labelled : ndarray of int
        Row numbers of X with used labels.
    auroc, auprc : BootstrapResult
        Macro scores with patient-bootstrap intervals. All arms of a comparison
        share their resamples.
    seconds : float
        Wall time of the fit, excluding a pre-training that another arm did.
    model : ECGDiagnosisClassifier
        The fitted model. That of an arm with a view of the table predicts from that view.
    labs : Series or None
        AUROC of each laboratory abnormality from the arm's embedding.
    probabilities : ndarray of shape (n_test_records, n_labels) or None
        Predictions for the test records in single precision, so that tables and
        figures need no second prediction.
    """

    label_fraction: float
    archive: int
    arm: str
    labelled: np.ndarray = field(repr=False)
    auroc: BootstrapResult
    auprc: BootstrapResult
    seconds: float
    model: ECGDiagnosisClassifier = field(repr=False)
    labs: pd.Series | None = field(default=None, repr=False)
    probabilities: np.ndarray | None = field(default=None, repr=False)

    @property
    def n_labelled(self) -> int:
        """Number of labelled training records."""
        return len(self.labelled)


@dataclass(frozen=True)
class ArmsComparison:
    """Scores of all arms, with paired differences, gap closed, tables and figures.

    .. versionadded:: 0.1

    Attributes
    ----------
    scores : list of ArmScore
        One for each arm and setting.
    train, test : ndarray of int
        Row numbers of X in the training and the test set, which share no patient.
    n_test_patients : int
        Number of test patients with labels.
    held_out : HeldOut or None
        Labels and patients of the test records: ``Y``, ``patients`` and
        ``demographics`` (age, sex, race and ethnicity, without those that X lacks).
        Without it, methods that need labels raise ECGError.
    calibration : ndarray of int or None
        Row numbers of X by which the model was calibrated, if they are on neither side.
    """

    scores: list[ArmScore] = field(repr=False)
    train: np.ndarray = field(repr=False)
    test: np.ndarray = field(repr=False)
    n_test_patients: int
    held_out: HeldOut | None = field(default=None, repr=False)
    calibration: np.ndarray | None = field(default=None, repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return macro scores, one row for each arm and setting.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``n_labelled``, ``arm``,
            ``macro_auroc`` and ``macro_auprc`` with the bounds of their 95 %
            intervals (``auroc_low``, ...), ``macro_f_max``, ``macro_brier`` and
            ``macro_calibration_error``, ``laboratory_auroc`` (mean over
            targets) and ``seconds``.
        """
        return pd.DataFrame(
            {
                "label_fraction": s.label_fraction,
                "archive": s.archive,
                "n_labelled": s.n_labelled,
                "arm": s.arm,
                "macro_auroc": s.auroc.estimate,
                "auroc_low": s.auroc.low,
                "auroc_high": s.auroc.high,
                "macro_auprc": s.auprc.estimate,
                "auprc_low": s.auprc.low,
                "auprc_high": s.auprc.high,
                **self._unbounded_scores(s),
                "laboratory_auroc": float("nan") if s.labs is None else s.labs.mean(),
                "seconds": s.seconds,
            }
            for s in self.scores
        )

    def differences(self) -> pd.DataFrame:
        """Return the joint embedding minus each other arm, paired by resampled patients.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``arm``, ``auroc_difference`` with
            ``low`` and ``high``, the same for ``auprc_difference``, and
            ``verdict``: "better" or "worse" if the AUROC interval excludes zero,
            else "not shown"; "too few patients" if fewer than 20 test patients
            have labels.
        """
        rows = []
        for setting, arms in self._settings():
            joint = arms.get(JOINT_EMBEDDING)
            if joint is None:
                continue
            for name, score in arms.items():
                if score is joint:
                    continue
                row = setting | {"arm": name}
                for metric in ("auroc", "auprc"):
                    difference = getattr(joint, metric) - getattr(score, metric)
                    row[f"{metric}_difference"] = difference.estimate
                    row |= {f"{metric}_low": difference.low, f"{metric}_high": difference.high}
                rows.append(row | {"verdict": self._verdict(row["auroc_low"], row["auroc_high"])})
        return pd.DataFrame(rows)

    def gap_closed(self) -> pd.DataFrame:
        """Return the share of the gap to a multimodal reference that the joint embedding closes.

        The share is (joint - baseline) / (reference - baseline) in macro AUROC. The
        reference is the multimodal arm of the highest macro AUROC on the test patients,
        among those that were fitted. Choosing it there lowers a positive share.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``baseline``, ``reference``, ``gap_closed``,
            ``low`` and ``high``. The interval is infinite if the gap may be zero.
        """
        rows = []
        for setting, arms in self._settings():
            multimodal = [name for name in arms if name in ARMS and ARMS[name].is_multimodal]
            if JOINT_EMBEDDING not in arms or not multimodal:
                continue
            reference = max(multimodal, key=lambda name: arms[name].auroc.estimate)
            for baseline in (SIGNAL, SELF_SUPERVISED, MATCHED):
                if baseline not in arms:
                    continue
                compared = (JOINT_EMBEDDING, baseline, reference)
                share = gap_closed(*(arms[name].auroc for name in compared))
                row = {"gap_closed": share.estimate, "low": share.low, "high": share.high}
                rows.append(setting | {"baseline": baseline, "reference": reference} | row)
        return pd.DataFrame(rows)

    def laboratories(self) -> pd.DataFrame:
        """Return the AUROC of each laboratory abnormality and arm.

        Returns
        -------
        DataFrame
            One row for each label fraction, archive and target; one column for
            each arm with an embedding of the ECG. NaN if the test records have one
            class.
        """
        columns = {
            (s.label_fraction, s.archive, s.arm): s.labs for s in self.scores if s.labs is not None
        }
        if not columns:
            return pd.DataFrame()
        frame = pd.DataFrame(columns)
        frame.columns.names = [*_SETTING, "arm"]
        frame.index.name = "target"
        arms = list(dict.fromkeys(name for _, _, name in columns))
        stacked = frame.stack(list(_SETTING), future_stack=True)[arms]
        stacked.columns.name = None
        return stacked.reset_index().sort_values(list(_SETTING), kind="stable", ignore_index=True)

    def per_label(self, statistic: str = "roc_auc") -> pd.DataFrame:
        """Return the score of each label and arm.

        Parameters
        ----------
        statistic : str, default="roc_auc"
            Name of a statistic of :func:`ecgsk.metrics.patient_bootstrap`.

        Returns
        -------
        DataFrame
            One row for each label fraction, archive, arm and label: ``n_records``
            (with the label measured), ``n_positive``, ``n_patients``,
            ``n_positive_patients``, ``estimate``, ``low`` and ``high``. Scores are
            NaN if the test records have one class.
        """
        counts = self._check_held_out("per_label").counts()
        parts = []
        for s in self.scores:
            of_labels = self.result_of(s, statistic).to_frame()[["estimate", "low", "high"]]
            part = pd.concat([counts, of_labels.set_axis(counts.index)], axis=1).reset_index()
            parts.append(({name: getattr(s, name) for name in (*_SETTING, "arm")}, part))
        return _stack(parts)

    def label_differences(
        self,
        statistic: str = "roc_auc",
        *,
        baseline: str = SIGNAL,
        correction: str = "benjamini_hochberg",
    ) -> pd.DataFrame:
        """Return the joint embedding minus a baseline per label, with p-values.

        Parameters
        ----------
        statistic : str, default="roc_auc"
            Name of a statistic of :func:`ecgsk.metrics.patient_bootstrap`.
        baseline : str
            Subtracted arm, by default the signal alone.
        correction : {"benjamini_hochberg", "holm"}, default="benjamini_hochberg"
            Correction of the p-values for the number of labels, as in
            :func:`ecgsk.metrics.compare_labels`.

        Returns
        -------
        DataFrame
            One row for each label fraction, archive and label: ``joint`` and
            ``baseline`` (scores), ``difference``, ``low``, ``high``, ``p_value``,
            ``p_adjusted`` (over the labels of one setting) and the counts of
            :meth:`per_label`. p-values are NaN for labels with fewer than 10
            positive or negative patients. Empty if one of the two arms was not
            fitted.
        """
        held_out = self._check_held_out("label_differences")
        parts = []
        for setting, arms in self._settings():
            if not {JOINT_EMBEDDING, baseline} <= set(arms):
                continue
            joint, other = (arms[name] for name in (JOINT_EMBEDDING, baseline))
            P = (self.probabilities_of(joint), self.probabilities_of(other))
            part = held_out.compare(*P, statistic, correction)
            part = part.rename(columns={"a": "joint", "b": "baseline"}).reset_index()
            parts.append((setting, part))
        return _stack(parts)

    def subgroups(
        self,
        by: pd.Series | pd.DataFrame | None = None,
        *,
        edges: Mapping[str, Sequence[float]] | None = None,
        arm: str = JOINT_EMBEDDING,
        statistic: str = "roc_auc",
    ) -> pd.DataFrame:
        """Return the macro score of an arm in each subgroup of the test records.

        Parameters
        ----------
        by : Series or DataFrame with X's rows, optional
            Columns that define the subgroups. None takes ``age``, ``sex``, ``race``
            and ``ethnicity``, without those that X lacks.
        edges : mapping of column name to increasing numbers, optional
            Edges of numeric columns; None cuts ``age`` at 40 and 65 years.
        arm : str, default="joint embedding"
            Scored arm.
        statistic : str, default="roc_auc"
            Name of a statistic of :func:`ecgsk.metrics.patient_bootstrap`.

        Returns
        -------
        DataFrame
            Columns ``label_fraction`` and ``archive``, then those of
            :func:`ecgsk.metrics.subgroup_scores`. Empty without columns to divide by.
        """
        held_out = self._check_held_out("subgroups")
        columns = held_out.demographics if by is None else pd.DataFrame(by).iloc[self.test]
        parts = []
        for setting, arms in self._settings():
            if arm in arms and len(columns.columns):
                P = self.probabilities_of(arms[arm])
                parts.append((setting, held_out.subgroups(P, columns, edges, statistic)))
        return _stack(parts)

    def summary(self) -> str:
        """Return one line for each difference of the joint embedding from another arm."""
        lines = []
        if self.n_test_patients < MIN_PATIENTS_FOR_VERDICT:
            lines.append(
                f"Only {self.n_test_patients} test patients have labels: "
                "the intervals are not reliable."
            )
        for row in self.differences().itertuples():
            lines.append(
                f"{row.label_fraction:.0%} of labels, archive of {row.archive:,}: joint embedding "
                f"- {row.arm}: {row.auroc_difference:+.3f} "
                f"[{row.auroc_low:+.3f}, {row.auroc_high:+.3f}] AUROC: {row.verdict}"
            )
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Draw the macro AUROC of each arm with its interval, one panel for each setting."""
        return plot_arms(self.to_frame(), highlight=JOINT_EMBEDDING)

    def score_of(self, arm: str = JOINT_EMBEDDING) -> ArmScore:
        """Return the score of an arm in its first setting.

        Raises
        ------
        ECGError
            If the arm was not fitted.
        """
        for score in self.scores:
            if score.arm == arm:
                return score
        arms = ", ".join(dict.fromkeys(score.arm for score in self.scores))
        raise ECGError(
            f"ArmsComparison: expected one of its arms, {arms}; got {arm!r}. "
            "Pass the arm to compare_arms."
        )

    def probabilities_of(self, score: ArmScore) -> np.ndarray:
        """Return the predicted probabilities of an arm for the test records.

        Raises
        ------
        ECGError
            If the score has no probabilities.
        """
        if score.probabilities is None:
            raise ECGError(
                f"ArmsComparison: expected the probabilities of {score.arm!r}; got none. Use the "
                "output of compare_arms."
            )
        return score.probabilities

    def result_of(self, score: ArmScore, statistic: str = "roc_auc") -> BootstrapResult:
        """Return a score of an arm with its patient-bootstrap interval.

        Parameters
        ----------
        score : ArmScore
            One of ``scores``.
        statistic : str, default="roc_auc"
            Name of a statistic of :func:`ecgsk.metrics.patient_bootstrap`.

        Returns
        -------
        BootstrapResult
            Result on the resamples that all arms share.
        """
        for result in (score.auroc, score.auprc):
            if result.statistic == statistic:
                return result
        return self._check_held_out("result_of").bootstrap(self.probabilities_of(score), statistic)

    def _check_held_out(self, caller: str) -> HeldOut:
        """Return the test records, or raise ECGError without them."""
        if self.held_out is None:
            raise ECGError(
                f"ArmsComparison.{caller} expected the test records' labels in held_out; got "
                "None. Use the output of compare_arms."
            )
        return self.held_out

    def _unbounded_scores(self, score: ArmScore) -> dict[str, float]:
        """Return the macro scores of `to_frame` that have no interval."""
        if self.held_out is None or score.probabilities is None:
            return dict.fromkeys(_UNBOUNDED_SCORES, float("nan"))
        Y, P = self.held_out.Y.to_numpy(), score.probabilities
        return {name: float(function(Y, P)) for name, function in _UNBOUNDED_SCORES.items()}

    def _verdict(self, low: float, high: float) -> str:
        """Return the verdict on a difference with this interval."""
        if self.n_test_patients < MIN_PATIENTS_FOR_VERDICT:
            return "too few patients"
        return "better" if low > 0 else "worse" if high < 0 else "not shown"

    def _settings(self) -> list[tuple[dict[str, Any], dict[str, ArmScore]]]:
        """Return each setting, as the first columns of a table, with its scores by arm."""
        settings: dict[tuple[float, int], dict[str, ArmScore]] = {}
        for score in self.scores:
            settings.setdefault((score.label_fraction, score.archive), {})[score.arm] = score
        return [(dict(zip(_SETTING, key, strict=True)), arms) for key, arms in settings.items()]


def _stack(parts: Iterable[tuple[dict[str, Any], pd.DataFrame]]) -> pd.DataFrame:
    """Concatenate tables, each behind the columns of its setting."""
    frames = [part.assign(**first)[[*first, *part.columns]] for first, part in parts]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
