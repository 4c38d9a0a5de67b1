"""What a notebook shows: the diagram of a model, its history, and a bar while it learns."""

import html
import re
import sys

import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from ecgsk import LabAbnormalityExplainer
from ecgsk.encoders import ResNet1d
from ecgsk.preprocessing import Resample

SPEC = "ResNet1d(depth=34, kernel_size=15, width=64)"


def text_of_diagram(estimator):
    """Words a reader finds in the boxes; the plain text for untrusted notebooks is not among them.

    The last boxes differ between versions of scikit-learn: a representation, or a table.
    """
    diagram = estimator._repr_html_().partition('class="sk-container"')[2]
    assert diagram
    diagram = re.sub(r"<script.*?</script>", "", diagram, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", diagram)).split())


@pytest.mark.parametrize("frozen", [False, True])
def test_diagram_shows_what_is_nested(make_classifier, make_pretrainer, frozen):
    pretrainer = make_pretrainer(encoder=ResNet1d(34, width=64, kernel_size=15))
    encoder = FrozenEstimator(pretrainer) if frozen else pretrainer
    classifier = make_classifier(encoder=encoder)
    for model in (
        make_pipeline(Resample(50), classifier),
        LabAbnormalityExplainer(FrozenEstimator(classifier)),
    ):
        text = text_of_diagram(model)
        for name in ("ECGDiagnosisClassifier", "encoder: ", "JointEmbeddingPretrainer", SPEC):
            assert name in text


@pytest.mark.parametrize("name", ["classifier", "pretrainer"])
def test_diagram_of_a_fitted_model_shows_its_encoder(request, name, tiny):
    text = text_of_diagram(request.getfixturevalue(name))
    assert "Fitted" in text
    assert repr(tiny) in text


def test_diagram_of_a_spec_alone():
    text = text_of_diagram(ResNet1d(34))
    assert "ResNet1d" in text
    assert re.search(r"\bdepth ?=? ?34\b", text)


def test_names_that_are_markup_are_text(make_classifier, X, Y):
    X = X.rename(columns={"subject_id": "<i>who</i>"})
    Y = Y.set_axis([f"<i>{i}</i>" for i in range(Y.shape[1])], axis=1)
    model = make_pipeline(Resample(50), make_classifier(group_column="<i>who</i>")).fit(X, Y)
    shown = model._repr_html_()
    assert "<i>" not in shown
    assert "&lt;i&gt;who" in shown


def test_histories_are_tables_of_epochs(make_classifier, make_pretrainer, X, Y):
    model = make_classifier(encoder=make_pretrainer(max_epochs=2), fine_tune="full").fit(X, Y)
    probe = make_classifier(encoder=make_pretrainer(), fine_tune="probe").fit(X, Y)
    for frame, epochs in (
        (model.pretraining_history_, [1, 2]),
        (model.history_, [1]),
        (probe.history_, []),
    ):
        assert frame.index.name == "epoch"
        assert frame.index.tolist() == epochs
        assert "epoch" in frame._repr_html_()


@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_shows_each_stage(
    make_classifier, make_pretrainer, X, Y, capsys, monkeypatch, verbose
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    pretrainer = make_pretrainer(verbose=verbose)
    make_classifier(encoder=pretrainer, fine_tune="full", verbose=verbose).fit(X, Y)
    shown = capsys.readouterr().err
    assert ("Pre-training" in shown, "Fine-tuning" in shown) == (verbose, verbose)
