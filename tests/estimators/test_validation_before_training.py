"""Every mistake is found before the first training step, the pre-training's included."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Checkpoint, EarlyStopping, EpochScoring, LRScheduler

from ecgsk.encoders import ResNet1d
from ecgsk.signals import ECGArray
from ecgsk.training import Augmentation, Trainer
from ecgsk.training.net import ECGNet


def set_(**values):
    """Return the change of a frame's values."""
    return lambda frame: frame.assign(**values)


def one_signal(value):
    def change(X):
        x = X["ecg"].array.read()
        x[3] = value
        leads = X["ecg"].array.leads
        return X.assign(ecg=ECGArray.from_numpy(x, sampling_rate=100, leads=leads))

    return change


def wrong_label(Y):
    Y = Y.astype(float)
    Y.iloc[0, 1] = 2
    return Y


def case(message, *, pretrainer=None, X=None, y=None, fit=None, **classifier):
    return SimpleNamespace(
        message=message,
        pretrainer=pretrainer or {},
        classifier=classifier,
        X=X or (lambda X: X),
        y=y or (lambda y: y),
        fit=fit or {},
    )


MISTAKES = {
    "label of 2": case(r"expected labels of 0, 1 or NaN.*got \[2", y=wrong_label),
    "no label": case(r"every label of every row is NaN. Give", y=lambda Y: Y * np.nan),
    "no y": case("requires y to be passed", y=lambda Y: None),
    "short y": case(r"same number of rows, got 71 and 70", y=lambda Y: Y[:-1]),
    "one class": case("expected two classes or more", y=lambda Y: np.zeros(len(Y))),
    "text label": case("give a Series", y=lambda Y: pd.DataFrame({"a": ["x"] * len(Y)})),
    "distil without table": case(
        r"fine_tune='distill' needs .* got inputs='ecg', no table.*Use fine_tune='auto'",
        X=lambda X: X[["ecg", "subject_id"]],
        fine_tune="distill",
        pretrainer={"objective": "ecg_contrast"},
    ),
    "distil one class per record": case(
        "one class per record", y=lambda Y: Y.iloc[:, 0].to_numpy(), fine_tune="distill"
    ),
    "distil one labelled patient": case(
        "1 labelled patients",
        y=lambda Y: Y.iloc[:1].reindex(Y.index),
        fine_tune="distill",
    ),
    "fine_tune": case("fine_tune must be one of .* got 'frozen'", fine_tune="frozen"),
    "inputs": case("inputs must be one of .* got 'table'", inputs="table"),
    "multimodal without table": case(
        "needs clinical columns", inputs="ecg+clinical", X=lambda X: X[["ecg", "subject_id"]]
    ),
    "precision": case(
        "precision must be 'auto', 'float32' or 'bfloat16', got 'float16'",
        trainer=Trainer(precision="float16"),
    ),
    "precision of the pretrainer": case(
        "precision must be .* got 'half'", pretrainer={"trainer": Trainer(precision="half")}
    ),
    "trainer": case("trainer must be a Trainer or None", trainer={"precision": "float32"}),
    "weight_decay": case("weight_decay must be 0 or more", trainer=Trainer(weight_decay=-1)),
    "accumulation_steps": case(
        "accumulation_steps must be a positive int", trainer=Trainer(accumulation_steps=0)
    ),
    "n_iter_no_change": case(
        "n_iter_no_change must be a positive int", trainer=Trainer(n_iter_no_change=0)
    ),
    "callbacks": case("callbacks must be None or skorch", trainer=Trainer(callbacks=["print"])),
    "one callback without a list": case(
        "callbacks must be None or skorch callbacks in a list", trainer=Trainer(callbacks=print)
    ),
    "monitor without validation": case(
        "the callback EarlyStopping monitors 'valid_loss'; expected one of train_loss, .* since "
        "this fit holds no patients out. Set early_stopping=True",
        trainer=Trainer(callbacks=[EarlyStopping()]),
    ),
    "monitor of a class, named": case(
        "the callback Checkpoint monitors 'valid_loss_best'",
        trainer=Trainer(callbacks=[("best", Checkpoint)]),
    ),
    "monitor of the second stage": case(
        "the callback EarlyStopping monitors 'valid_loss'",
        pretrainer={"early_stopping": True},
        trainer=Trainer(callbacks=[EarlyStopping()]),
        fine_tune="full",
    ),
    "monitor of a schedule": case(
        "the callback LRScheduler monitors 'valid_acc'",
        trainer=Trainer(callbacks=[LRScheduler("ReduceLROnPlateau", monitor="valid_acc")]),
    ),
    "monitor of a score without validation": case(
        "the callback EarlyStopping monitors 'valid_acc'",
        trainer=Trainer(
            callbacks=[EpochScoring("accuracy", name="valid_acc"), EarlyStopping("valid_acc")]
        ),
    ),
    "class of a callback that needs parameters": case(
        "got the class EpochScoring", trainer=Trainer(callbacks=[EpochScoring])
    ),
    "unknown schedule": case(
        "callbacks that skorch can initialise.*NoSuchLR",
        trainer=Trainer(callbacks=[LRScheduler("NoSuchLR")]),
    ),
    "schedule without its parameters": case(
        "the callback LRScheduler failed in on_train_begin .*step_size",
        trainer=Trainer(callbacks=[LRScheduler("StepLR")]),
    ),
    "callbacks of one name": case(
        "each with its own name; got ValueError: Found duplicate",
        trainer=Trainer(callbacks=[("schedule", LRScheduler("ConstantLR"))]),
    ),
    "checkpoint_folder": case(
        "checkpoint_folder must be None or a folder that can be written to",
        trainer=Trainer(checkpoint_folder=__file__),
    ),
    "validation_fraction": case(
        r"validation_fraction must be in \(0, 1\), got 1.5",
        trainer=Trainer(validation_fraction=1.5),
    ),
    "checkpoint without seed": case(
        "needs a random_state", trainer=Trainer(checkpoint_folder="x"), random_state=None
    ),
    "batch_size": case("batch_size must be 'auto' or a positive int, got 0", batch_size=0),
    "batch_size of the pretrainer": case(
        "batch_size must be .* got 'big'", pretrainer={"batch_size": "big"}
    ),
    "max_epochs": case("max_epochs must be 'auto' or a positive int, got 0", max_epochs=0),
    "max_epochs of the pretrainer": case(
        "JointEmbeddingPretrainer: max_epochs must be a positive int, got 'auto'",
        pretrainer={"max_epochs": "auto"},
    ),
    "learning_rate": case("learning_rate must be 'auto' or a positive", learning_rate=-1e-3),
    "dropout": case(r"dropout must be in \[0, 1\), got 1.0", dropout=1.0),
    "early_stopping": case("early_stopping must be True, False or 'auto'", early_stopping="yes"),
    "early stopping of one patient": case(
        "needs two patients or more, got 1",
        early_stopping=True,
        fine_tune="full",
        X=set_(subject_id=1),
    ),
    "device": case("device must be 'auto' or a torch device", device="gpu"),
    "absent device": case("torch finds no GPU. Use 'auto'", device="cuda:7"),
    "verbose": case("verbose must be", verbose="loud"),
    "augmentation": case("augmentation must be an Augmentation", augmentation="strong"),
    "augmentation's level": case("noise must be finite", augmentation=Augmentation(noise=-1)),
    "augmentation of the pretrainer": case(
        r"crop must be in \(0, 1\]", pretrainer={"augmentation": Augmentation(crop=2)}
    ),
    "clinical_encoder": case("clinical_encoder must be a ClinicalMLP", clinical_encoder="mlp"),
    "unknown encoder": case(
        "Unknown encoder 'resnet19'.*Did you mean", pretrainer={"encoder": "resnet19"}
    ),
    "depth of the encoder": case("depth", pretrainer={"encoder": ResNet1d(depth=11)}),
    "wrong kind of encoder": case("encoder must be a name", encoder=StandardScaler()),
    "frozen and not fitted": case("not fitted yet", encoder="frozen"),
    "unknown objective": case("clipp", pretrainer={"objective": "clipp"}),
    "objective without table": case(
        "learns from a clinical table", X=lambda X: X[["ecg"]], pretrainer={"objective": "clip"}
    ),
    "clinical_columns": case(
        r"clinical_columns names \['weight'\], which X has not", clinical_columns=["age", "weight"]
    ),
    "clinical_columns of the pretrainer": case(
        r"clinical_columns names \['weight'\]", pretrainer={"clinical_columns": ["weight"]}
    ),
    "clinical_columns as text": case("must be None or a list of names", clinical_columns="age"),
    "group_column": case(r"group_column names 'patient', which X has not", group_column="patient"),
    "date in the table": case("has dtype datetime64", X=set_(admitted=pd.Timestamp("2020-01-01"))),
    "infinity in the table": case("holds infinity", X=set_(potassium=np.inf)),
    "date in the table, distilled": case(
        "has dtype datetime64",
        X=set_(admitted=pd.Timestamp("2020-01-01")),
        fine_tune="distill",
        pretrainer={"clinical_columns": ["age"]},
    ),
    "paths in the table": case(
        "'file' holds file paths", X=lambda X: X.assign(file=[f"a/b/{i}" for i in range(len(X))])
    ),
    "identifiers in the table": case(
        "'hadm_id' is an identifier by its name", X=lambda X: X.assign(hadm_id=range(len(X)))
    ),
    "patients of another name": case(
        "'patient_id' is an identifier.*set group_column='patient_id'",
        X=lambda X: X.rename(columns={"subject_id": "patient_id"}),
    ),
    "patients that a ColumnTransformer renamed": case(
        "now 'remainder__subject_id'.*verbose_feature_names_out=False",
        X=lambda X: X.rename(columns={"subject_id": "remainder__subject_id"}),
    ),
    "numbers as text": case(
        "'k' holds numbers as text, such as '<3.0'",
        X=lambda X: X.assign(k=["<3.0", *(f"{i / 7:.1f}" for i in range(len(X) - 1))]),
    ),
    "free text": case(
        "'report' is free text",
        X=lambda X: X.assign(report=[f"sinus rhythm of rate {i}" for i in range(len(X))]),
    ),
    "two columns of one name": case(
        "several columns of one name: 'age'", X=lambda X: pd.concat([X, X[["age"]]], axis=1)
    ),
    "patient without a name": case("4 records without", X=set_(subject_id=[None] * 4 + [1] * 67)),
    "no ECG": case("expected a column of ECGs", X=lambda X: X.drop(columns="ecg")),
    "flat record": case("rows 3 have none", X=one_signal(0.25)),
    "infinite sample": case("rows 3 hold infinity", X=one_signal(np.inf)),
    "weights of another length": case("sample_weight of shape", fit={"sample_weight": [1.0]}),
    "negative weight": case("finite and not negative", fit={"sample_weight": [-1.0] * 71}),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_mistake_is_raised_before_training(
    make_pretrainer, make_classifier, X, Y, monkeypatch, mistake
):
    steps = []
    monkeypatch.setattr(ECGNet, "train_step_single", lambda self, *_, **__: steps.append(1))
    encoder = make_pretrainer(**mistake.pretrainer)
    if mistake.classifier.get("encoder") == "frozen":
        mistake.classifier["encoder"] = FrozenEstimator(encoder)
    model = make_classifier(**{"encoder": encoder, **mistake.classifier})
    with pytest.raises((ValueError, TypeError), match=mistake.message):
        model.fit(mistake.X(X), mistake.y(Y), **mistake.fit)
    assert steps == []


def test_without_a_mistake_training_steps_are_counted(
    make_pretrainer, make_classifier, X, Y, monkeypatch
):
    steps, train_step = [], ECGNet.train_step_single

    def count(self, *args, **kwargs):
        steps.append(1)
        return train_step(self, *args, **kwargs)

    monkeypatch.setattr(ECGNet, "train_step_single", count)
    make_classifier(encoder=make_pretrainer(), fine_tune="full").fit(X, Y)
    assert len(steps) == 2 * (71 // 32)
