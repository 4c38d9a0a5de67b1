"""Explanations as tables, sequences and pictures."""

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest

from ecgsk.explain import Diagnosis, Evidence, Explanations, LabFinding
from ecgsk.explain._parts import display_name
from ecgsk.signals import STANDARD_12_LEADS

MM_PER_INCH = 25.4


def test_frame_has_one_row_per_statement(make_explanation):
    frame = Explanations([make_explanation("a"), make_explanation("b")]).to_frame()
    assert frame.columns.tolist() == [
        "record",
        "kind",
        "name",
        "probability",
        "threshold",
        "decision",
        "recorded",
        "base_rate",
        "lift",
        "ppv",
        "npv",
        "low",
        "high",
        "unit",
    ]
    assert frame["record"].tolist() == ["a"] * 6 + ["b"] * 6
    first = frame[:6]
    assert first["kind"].tolist() == ["diagnosis"] * 3 + ["laboratory"] * 3
    assert first["name"].tolist()[:3] == ["sepsis", "hyperkalaemia", "atrial fibrillation"]
    assert first["name"].tolist()[3:] == ["potassium low", "potassium high", "troponin high"]
    assert first["probability"].tolist() == [0.04, 0.82, 0.3, 0.02, 0.71, 0.35]
    assert first["threshold"].tolist()[:3] == [0.5, 0.5, 0.2]
    assert first["decision"].tolist()[:3] == ["absent", "present", "present"]
    assert first["base_rate"].tolist()[3:] == [0.1, 0.08, 0.3]
    assert first[["base_rate", "ppv"]].iloc[:3].isna().all(axis=None)
    np.testing.assert_array_equal(first["low"], [np.nan] * 3 + [3.5, 3.5, np.nan])
    np.testing.assert_array_equal(first["high"], [np.nan] * 3 + [5.1, 5.1, 0.04])
    assert first["unit"].isna().tolist() == [True] * 3 + [False] * 3
    assert first["unit"].tolist()[3:] == ["mmol/L", "mmol/L", "ng/mL"]
    assert frame["low"].dtype == frame["high"].dtype == np.float64


def test_evidence_frame_has_one_row_per_item(make_explanation):
    for_it = Evidence("sepsis", "lactate high", 0.4, 3.0, 2.0, 4.5, 4.0, 3.5, 0.2)
    against = Evidence("sepsis", "crp high", -0.1, 2.0, 1.2, 3.1, 2.5, 2.2, 0.1)
    some = dataclasses.replace(make_explanation("a"), evidence=(for_it, against))
    frame = Explanations([some, make_explanation("b")]).evidence_to_frame()
    assert frame["record"].tolist() == ["a", "a"]
    assert frame["finding"].tolist() == ["lactate high", "crp high"]
    assert frame["supports"].tolist() == [True, False]
    assert len(Explanations([make_explanation("b")]).evidence_to_frame()) == 0


@pytest.mark.parametrize("lacking", ["diagnoses", "laboratories"])
def test_frame_of_one_kind(make_explanation, lacking):
    full, part = make_explanation(), make_explanation(**{lacking: []})
    frame, both = Explanations([part]).to_frame(), Explanations([full]).to_frame()
    kind = {"diagnoses": "laboratory", "laboratories": "diagnosis"}[lacking]
    expected = both[both["kind"] == kind].reset_index(drop=True)
    for table in (frame, expected):
        for name in ("unit", "decision"):
            table[name] = table[name].astype(object).where(table[name].notna(), "")
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)


def test_frame_of_no_records(make_explanation):
    nothing = Explanations([]).to_frame()
    assert len(nothing) == 0
    assert nothing.columns.equals(Explanations([make_explanation()]).to_frame().columns)


def test_explanations_are_a_sequence(make_explanation):
    items = [make_explanation(record) for record in "abcd"]
    several = Explanations(items)
    assert len(several) == 4
    assert list(several) == items
    assert several[1] is items[1]
    assert several[-1] is items[3]
    assert isinstance(several[1:3], Explanations)
    assert list(several[1:3]) == items[1:3]
    assert list(several[::-1]) == items[::-1]
    assert items[2] in several
    assert repr(several) == "<Explanations of 4 records>"
    with pytest.raises(IndexError):
        several[4]


def millimetres(figure, lead):
    """Position of a lead's trace on the sheet, from the lower left corner."""
    paper = figure.axes[0]
    line = next(line for line in paper.lines if (line.get_gid() or "").startswith(f"lead-{lead}-"))
    return paper.transData.transform(line.get_xydata()) / figure.dpi * MM_PER_INCH


def texts(ax):
    return [text.get_text() for text in ax.texts]


def save(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    return buffer.getvalue().decode()


@pytest.mark.parametrize(
    "laboratories", [None, []], ids=["above both rankings", "above diagnoses alone"]
)
@pytest.mark.parametrize("leads", [STANDARD_12_LEADS, ("V2",)], ids=["12 leads", "one lead"])
def test_scale_is_25_mm_per_s_and_10_mm_per_mv(make_explanation, make_record, leads, laboratories):
    parts = {} if laboratories is None else {"laboratories": laboratories}
    figure = make_explanation(ecg=make_record(leads), **parts).plot()
    # Of twelve leads V2 has a quarter of the sheet, from 5 s on; alone it has all.
    seconds = 2.5 if len(leads) == 12 else 10
    xy = millimetres(figure, "V2")
    n = len(xy) - 1
    assert xy[-1, 0] - xy[0, 0] == pytest.approx(25 * seconds, abs=25 * 0.011)
    assert xy[n, 0] - xy[0, 0] == pytest.approx(25 * n / 100, abs=1e-4)
    assert xy[n, 1] - xy[0, 1] == pytest.approx(10 * n / 1000, abs=1e-4)
    assert "25 mm/s   10 mm/mV   100 Hz" in texts(figure.axes[0])


def test_bars_are_below_a_sheet_of_constant_size(make_explanation, make_record):
    record = make_record()
    bare = make_explanation(diagnoses=[], laboratories=[], ecg=record).plot()
    full = make_explanation(ecg=record).plot()
    assert len(bare.axes) == 1
    assert len(full.axes) == 3
    assert bare.axes[0].get_position().bounds == pytest.approx((0, 0, 1, 1))
    sheet = full.axes[0].get_window_extent()
    assert np.array([sheet.width, sheet.height]) / full.dpi == pytest.approx(bare.get_size_inches())
    for ax in full.axes[1:]:
        assert ax.get_window_extent().y1 < sheet.y0


def test_bars_follow_the_ranking(make_explanation, make_record):
    explanation = make_explanation(ecg=make_record())
    _, diagnoses, findings = explanation.plot().axes
    for ax, ranking in (
        (diagnoses, explanation.top_diagnoses()),
        (findings, explanation.top_laboratories()),
    ):
        assert [bar.get_width() for bar in ax.patches] == [item.probability for item in ranking]
        assert ax.yaxis_inverted()
        assert [f"{item.probability:.2f}" for item in ranking] == texts(ax)
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert [label.split("  (")[0] for label in labels] == [item.name for item in ranking]
    assert labels[0] == "potassium high  (3.5-5.1 mmol/L)"
    marks = [diagnoses.collections[0], findings.collections[0]]
    assert marks[0].get_offsets()[:, 0].tolist() == [0.5, 0.2, 0.5]
    assert marks[1].get_offsets()[:, 0].tolist() == [0.08, 0.3, 0.1]


def test_five_bars_are_drawn_and_none_as_0_or_1(make_explanation, make_record):
    diagnoses = [Diagnosis(f"d{i}", p, 0.5) for i, p in enumerate(np.linspace(1e-9, 1 - 1e-9, 9))]
    finding = LabFinding("ph", "low", 1e-12, 0.2, None, None, "")
    figure = make_explanation(diagnoses=diagnoses, laboratories=[finding], ecg=make_record()).plot()
    assert len(figure.axes[1].patches) == 5
    assert texts(figure.axes[1])[0] == ">0.99"
    assert texts(figure.axes[2]) == ["<0.01"]
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == ["pH low"]


def test_missing_samples_leave_gaps(make_explanation, make_record):
    signal = np.tile(np.sin(np.arange(1000) / 10), (2, 1))
    signal[0, 200:300] = np.nan
    signal[1] = np.nan
    figure = make_explanation(ecg=make_record(("II", "V5"), signal)).plot()
    drawn = millimetres(figure, "II")[:, 1]
    assert np.isnan(drawn[200:300]).all()
    assert np.isfinite(np.delete(drawn, slice(200, 300))).all()
    assert "V5 (no signal)" in texts(figure.axes[0])
    save(figure)


def test_plot_needs_a_signal(make_explanation):
    with pytest.raises(
        ValueError, match=r"expected a signal; got none because X was a plain array. Explain a Dat"
    ):
        make_explanation().plot()


def test_dollar_signs_are_not_formulas(make_explanation, make_record):
    name = r"$\frac$"
    figure = make_explanation(
        name, [Diagnosis(name, 0.7, 0.5)], [LabFinding(name, "low", 0.7, 0.5, None, 1, name)],
        make_record(("I",)),
    ).plot()  # fmt: skip
    assert save(figure).count(name) >= 4


def test_title_names_the_record(make_explanation, make_record):
    assert "ECG visit 3" in texts(make_explanation("visit 3", ecg=make_record()).plot().axes[0])


def test_plot_of_several_records(make_explanation):
    several = Explanations([make_explanation("a"), make_explanation("b$"), make_explanation("c")])
    frame = several.to_frame()
    figure = several.plot()
    diagnoses, laboratories, _ = figure.axes
    for ax, kind in ((diagnoses, "diagnosis"), (laboratories, "laboratory")):
        of_kind = frame[frame["kind"] == kind]
        expected = of_kind["probability"].to_numpy().reshape(3, -1)
        np.testing.assert_array_equal(ax.images[0].get_array(), expected)
        names = [label.get_text() for label in ax.get_xticklabels()]
        assert names == of_kind["name"].iloc[: expected.shape[1]].tolist()
    dots = diagnoses.collections[0].get_offsets()
    assert len(dots) == (frame["decision"] == "present").sum()
    assert [label.get_text() for label in diagnoses.get_yticklabels()] == ["a", r"b\$", "c"]
    save(figure)


def test_plot_of_no_records():
    with pytest.raises(ValueError, match="nothing to draw"):
        Explanations([]).plot()


def test_notebook_shows_the_page_in_a_frame(make_explanation):
    explanation = make_explanation()
    shown = explanation._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "hyperkalaemia" in shown
    assert "<h1>" not in shown  # escaped
    several = Explanations([make_explanation(i) for i in range(23)])._repr_html_()
    assert "3 more records" in several


def test_repr_is_one_line(make_explanation):
    assert repr(make_explanation()) == (
        "<Explanation of ECG 7; above threshold: hyperkalaemia, atrial fibrillation>"
    )


def test_names_of_laboratories_are_spelled_for_readers():
    names = ["nt_probnp high", "hba1c high", "white_cells low", "ph low", "Atrial_fibrillation"]
    assert [display_name(name) for name in names] == [
        "NT-proBNP high", "HbA1c high", "white cells low", "pH low", "Atrial fibrillation",
    ]  # fmt: skip
