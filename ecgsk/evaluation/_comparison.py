"""What a comparison of arms returns: scores, paired differences, gap closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ecgsk.estimators import ECGDiagnosisClassifier
from ecgsk.evaluation._arms import JOINT_EMBEDDING, MATCHED, MULTIMODAL, SELF_SUPERVISED, SIGNAL
from ecgsk.evaluation._held_out import HeldOut
from ecgsk.exceptions import ECGError
from ecgsk.metrics import (
    BootstrapResult,
    gap_closed,
    masked_brier_score,
    masked_calibration_error,
    masked_f_max,
)
from ecgsk.metrics._compare import Correction
from ecgsk.plotting import plot_arms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FURTHER = {
    "macro_f_max": masked_f_max,
    "macro_brier": masked_brier_score,
    "macro_calibration_error": masked_calibration_error,
}
_SETTING = ("label_fraction", "archive")
# A bootstrap over fewer patients than this says less than it seems to.
FEWEST_PATIENTS = 20


@dataclass(frozen=True)
class ArmScore:
    """One arm in one setting, on the test patients.

    Attributes
    ----------
    label_fraction : float
        Share of the training patients whose labels were used.
    archive : int
        Records without labels that took part.
    arm : str
        Name of the arm.
    labelled : ndarray of int
        Row numbers of X whose labels were used.
    auroc, auprc : BootstrapResult
        Macro scores with patient-bootstrap intervals; all arms of a
        comparison share their resamples.
    seconds : float
        Wall time of the fit, without a pre-training that another arm did.
    model : ECGDiagnosisClassifier
        The fitted arm.
    labs : Series or None
        AUROC of each laboratory abnormality from the arm's embedding.
    probabilities : ndarray of shape (n_test_records, n_labels) or None
        What the model said of the test records, in single precision: tables and
        pictures made later need no signals and no second prediction.
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
        """Labelled training records."""
        return len(self.labelled)


@dataclass(frozen=True)
class ArmsComparison:
    """Scores of all arms, and what may be said of them.

    Attributes
    ----------
    scores : list of ArmScore
        One per arm and setting.
    train, test : ndarray of int
        Row numbers of X on either side of the split; no patient is on both.
    n_test_patients : int
        Test patients with labels: those that the intervals are over.
    held_out : HeldOut or None
        Labels and patients of the test records: ``Y``, ``patients``, and ``who``
        with age, sex and race as far as X has them. None where scores were put
        together by hand, which leaves out what needs them.
    """

    scores: list[ArmScore] = field(repr=False)
    train: np.ndarray = field(repr=False)
    test: np.ndarray = field(repr=False)
    n_test_patients: int
    held_out: HeldOut | None = field(default=None, repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per arm and setting.

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
                **self._further_scores(s),
                "laboratory_auroc": float("nan") if s.labs is None else s.labs.mean(),
                "seconds": s.seconds,
            }
            for s in self.scores
        )

    def differences(self) -> pd.DataFrame:
        """Return the joint embedding minus each other arm, paired on the same patients.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``arm``, ``auroc_difference`` with
            ``low`` and ``high``, the same for ``auprc_difference``, and
            ``verdict``: "better" or "worse" where the AUROC's interval is on
            one side of zero, else "not shown"; "too few patients" where under
            20 test patients have labels.
        """
        rows = []
        for setting, arms in self._settings():
            for name, score in arms.items():
                if name == JOINT_EMBEDDING or JOINT_EMBEDDING not in arms:
                    continue
                auroc, auprc = (
                    arms[JOINT_EMBEDDING].auroc - score.auroc,
                    arms[JOINT_EMBEDDING].auprc - score.auprc,
                )
                rows.append(
                    dict(zip(_SETTING, setting, strict=True))
                    | {
                        "arm": name,
                        "auroc_difference": auroc.estimate,
                        "auroc_low": auroc.low,
                        "auroc_high": auroc.high,
                        "auprc_difference": auprc.estimate,
                        "auprc_low": auprc.low,
                        "auprc_high": auprc.high,
                        "verdict": self._verdict(auroc.low, auroc.high),
                    }
                )
        return pd.DataFrame(rows)

    def gap_closed(self) -> pd.DataFrame:
        """Return which share of the way to the multimodal arm the joint embedding goes.

        (ours - baseline) / (multimodal - baseline) in macro AUROC. The
        paper's headline takes the compute-matched signal arm as baseline.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``baseline``, ``gap_closed``,
            ``low`` and ``high``; an interval is infinite where the data do not
            tell that there is a gap.
        """
        rows = []
        for setting, arms in self._settings():
            for baseline in (MATCHED, SIGNAL, SELF_SUPERVISED):
                if not {baseline, JOINT_EMBEDDING, MULTIMODAL} <= set(arms):
                    continue
                share = gap_closed(
                    *(arms[a].auroc for a in (JOINT_EMBEDDING, baseline, MULTIMODAL))
                )
                rows.append(
                    dict(zip(_SETTING, setting, strict=True))
                    | {
                        "baseline": baseline,
                        "gap_closed": share.estimate,
                        "low": share.low,
                        "high": share.high,
                    }
                )
        return pd.DataFrame(rows)

    def laboratories(self) -> pd.DataFrame:
        """Return the AUROC of each laboratory abnormality.

        Returns
        -------
        DataFrame
            One row per label fraction, archive and target; one column per arm
            that has an embedding of the ECG. NaN where the test patients
            show one class only.
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
        """Return the score of each label, of each arm.

        Parameters
        ----------
        statistic : str, default="roc_auc"
            A score that :func:`ecgsk.metrics.patient_bootstrap` knows by name.

        Returns
        -------
        DataFrame
            One row per label fraction, archive, arm and label: ``n_records`` in
            which the label was measured, ``n_positive`` of them, ``n_patients``,
            ``n_positive_patients``, ``estimate``, ``low`` and ``high``. NaN where
            the test patients show one class only.
        """
        counts = self._known_held_out("per_label").counts()
        parts = []
        for s in self.scores:
            of_labels = self.result_of(s, statistic).to_frame()[["estimate", "low", "high"]]
            part = pd.concat([counts, of_labels.set_axis(counts.index)], axis=1).reset_index()
            for place, name in enumerate((*_SETTING, "arm")):
                part.insert(place, name, getattr(s, name))
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def label_differences(
        self,
        statistic: str = "roc_auc",
        *,
        baseline: str = MATCHED,
        correction: Correction = "benjamini_hochberg",
    ) -> pd.DataFrame:
        """Return the joint embedding minus a baseline, label by label.

        Parameters
        ----------
        statistic : str, default="roc_auc"
            A score that :func:`ecgsk.metrics.patient_bootstrap` knows by name.
        baseline : str
            The arm that is subtracted; by default the signal arm that was trained
            on as many records.
        correction : {"benjamini_hochberg", "holm"}, default="benjamini_hochberg"
            Of the p-values for the number of labels; as in
            :func:`ecgsk.metrics.compare_labels`.

        Returns
        -------
        DataFrame
            One row per label fraction, archive and label: ``joint``, ``baseline``
            (their scores), ``difference``, ``low``, ``high``, ``p_value``,
            ``p_adjusted`` (over the labels of one setting) and the counts of
            :meth:`per_label`. p-values are NaN for labels with fewer than 10
            positive or negative patients.
            Empty where one of the two arms was not fitted.
        """
        held_out = self._known_held_out("label_differences")
        parts = []
        for setting, arms in self._settings():
            if not {JOINT_EMBEDDING, baseline} <= set(arms):
                continue
            ours, other = (
                self.probabilities_of(arms[name]) for name in (JOINT_EMBEDDING, baseline)
            )
            part = held_out.compare(ours, other, statistic, correction)
            part = part.rename(columns={"a": "joint", "b": "baseline"}).reset_index()
            for place, (name, value) in enumerate(zip(_SETTING, setting, strict=True)):
                part.insert(place, name, value)
            parts.append(part)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def subgroups(
        self,
        by: pd.Series | pd.DataFrame | None = None,
        *,
        edges: Mapping[str, Sequence[float]] | None = None,
        arm: str = JOINT_EMBEDDING,
        statistic: str = "roc_auc",
    ) -> pd.DataFrame:
        """Return an arm's macro score in each subgroup of the test records.

        Parameters
        ----------
        by : Series or DataFrame with X's rows, optional
            What divides the records. None takes X's columns ``age``, ``sex``,
            ``race`` and ``ethnicity``, as far as it has them.
        edges : mapping of column name to rising numbers, optional
            Where numeric columns are cut; None cuts ``age`` at 40 and 65 years.
        arm : str, default="joint embedding"
            Whose score.
        statistic : str, default="roc_auc"
            A score that :func:`ecgsk.metrics.patient_bootstrap` knows by name.

        Returns
        -------
        DataFrame
            As :func:`ecgsk.metrics.subgroup_scores` gives it, behind
            ``label_fraction`` and ``archive``. Empty where nothing divides.
        """
        held_out = self._known_held_out("subgroups")
        of_test = held_out.who if by is None else pd.DataFrame(by).iloc[self.test]
        parts = []
        for setting, arms in self._settings():
            if arm in arms and len(of_test.columns):
                part = held_out.subgroups(
                    self.probabilities_of(arms[arm]), of_test, edges, statistic
                )
                for place, (name, value) in enumerate(zip(_SETTING, setting, strict=True)):
                    part.insert(place, name, value)
                parts.append(part)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def summary(self) -> str:
        """Return, in plain words, against whom the joint embedding is shown to be better."""
        lines = []
        if self.n_test_patients < FEWEST_PATIENTS:
            lines.append(
                f"Only {self.n_test_patients} test patients have labels: the intervals say nothing."
            )
        for row in self.differences().itertuples():
            lines.append(
                f"{row.label_fraction:.0%} of labels, archive of {row.archive:,}: joint embedding "
                f"- {row.arm}: {row.auroc_difference:+.3f} "
                f"[{row.auroc_low:+.3f}, {row.auroc_high:+.3f}] AUROC: {row.verdict}"
            )
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Draw the macro AUROC of each arm with its interval, one panel per setting."""
        return plot_arms(self.to_frame(), highlight=JOINT_EMBEDDING)

    def score_of(self, arm: str = JOINT_EMBEDDING) -> ArmScore:
        """Return an arm's score in the first setting that has it.

        Raises
        ------
        ECGError
            If the arm was not fitted.
        """
        for score in self.scores:
            if score.arm == arm:
                return score
        arms = ", ".join(dict.fromkeys(score.arm for score in self.scores))
        raise ECGError(f"ArmsComparison: expected one of its arms, {arms}; got {arm!r}.")

    def probabilities_of(self, score: ArmScore) -> np.ndarray:
        """Return what an arm said of the test records.

        Raises
        ------
        ECGError
            If the score was put together by hand, without them.
        """
        if score.probabilities is None:
            raise ECGError(
                f"ArmsComparison: expected the probabilities of {score.arm!r}; got none. Use a "
                "comparison as compare_arms returns it."
            )
        return score.probabilities

    def result_of(self, score: ArmScore, statistic: str = "roc_auc") -> BootstrapResult:
        """Return an arm's score with its interval, from its probabilities where it is new.

        Parameters
        ----------
        score : ArmScore
            One of ``scores``.
        statistic : str, default="roc_auc"
            A score that :func:`ecgsk.metrics.patient_bootstrap` knows by name.

        Returns
        -------
        BootstrapResult
            On the resamples that all arms share.
        """
        known = {result.statistic: result for result in (score.auroc, score.auprc)}
        if statistic in known:
            return known[statistic]
        return self._known_held_out("result_of").bootstrap(self.probabilities_of(score), statistic)

    def _known_held_out(self, caller: str) -> HeldOut:
        if self.held_out is None:
            raise ECGError(
                f"ArmsComparison.{caller} expected the test records' labels in held_out; got "
                "none. Use a comparison as compare_arms returns it."
            )
        return self.held_out

    def _further_scores(self, score: ArmScore) -> dict[str, float]:
        if self.held_out is None or score.probabilities is None:
            return dict.fromkeys(_FURTHER, float("nan"))
        Y = self.held_out.Y.to_numpy()
        return {
            name: float(function(Y, score.probabilities)) for name, function in _FURTHER.items()
        }

    def _verdict(self, low: float, high: float) -> str:
        if self.n_test_patients < FEWEST_PATIENTS:
            return "too few patients"
        return "better" if low > 0 else "worse" if high < 0 else "not shown"

    def _settings(self):
        settings: dict[tuple[float, int], dict[str, ArmScore]] = {}
        for score in self.scores:
            settings.setdefault((score.label_fraction, score.archive), {})[score.arm] = score
        return settings.items()
