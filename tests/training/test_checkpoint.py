"""A fit that was killed goes on where it was and ends with the same bits."""

import json
import runpy
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.exceptions import DamagedFileError
from ecgsk.objectives import ECGContrast
from ecgsk.signals import ECGArray
from ecgsk.training import Augmentation, Trainer
from ecgsk.training._checkpoint import Checkpoint
from ecgsk.training.fitting import history_frame

ENCODER = ResNet1d(10, width=4)
FROZEN = Path(__file__).parent / "frozen"


class StopAfter(Callback):
    """Stop as a crash does, in the middle of an epoch."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_batch_end(self, net, **kwargs):
        if len(net.history) > self.n_epochs:
            raise OSError("power cut")


def weights(net):
    return {name: tensor.numpy() for name, tensor in net.module_.state_dict().items()}


def assert_same_net(one, other):
    first, second = weights(one), weights(other)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    columns = history_frame(one).columns.drop("seconds")
    assert history_frame(one)[columns].equals(history_frame(other)[columns])


@pytest.mark.parametrize("with_validation", [False, True])
@pytest.mark.parametrize("n_epochs", [0, 1, 4])
def test_interrupted_fit_ends_as_one_that_was_not(
    train_linear, linear_data, tmp_path, n_epochs, with_validation
):
    validation = linear_data(20, seed=1) if with_validation else None
    settings = {"validation": validation, "max_epochs": 6, "checkpoint_folder": tmp_path}
    whole = train_linear(validation=validation, max_epochs=6)
    with pytest.raises(OSError, match="power cut"):
        train_linear(**settings, callbacks=[StopAfter(n_epochs)])
    assert_same_net(train_linear(**settings), whole)


def test_early_stopping_goes_on_counting(train_linear, linear_data, tmp_path):
    settings = {
        "validation": linear_data(16, seed=1, slope=(-1.0, 2.0)),
        "max_epochs": 20,
        "n_iter_no_change": 3,
    }
    whole = train_linear(**settings)
    assert len(history_frame(whole)) < 20
    with pytest.raises(OSError, match="power cut"):
        train_linear(**settings, checkpoint_folder=tmp_path, callbacks=[StopAfter(2)])
    assert_same_net(train_linear(**settings, checkpoint_folder=tmp_path), whole)


def test_finished_fit_is_not_done_again(train_linear, tmp_path):
    class Count(Callback):
        n_batches = 0

        def on_batch_end(self, net, **kwargs):
            self.n_batches += 1

    first = train_linear(checkpoint_folder=tmp_path)
    count = Count()
    assert_same_net(train_linear(checkpoint_folder=tmp_path, callbacks=[count]), first)
    assert count.n_batches == 0


def test_random_state_is_that_of_the_gpu_of_the_fit(train_linear, tmp_path, monkeypatch):
    """Workers of a search train on several GPUs of one machine."""
    asked = []
    monkeypatch.setattr(
        torch.cuda, "get_rng_state", lambda device: asked.append(device) or torch.get_rng_state()
    )
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: asked.append(device))
    monkeypatch.setattr(Checkpoint, "_load", lambda self, device: torch.load(tmp_path / "state.pt"))
    net, checkpoint = train_linear(), Checkpoint(tmp_path, "fit")
    net.device = "cuda:1"
    checkpoint.on_epoch_end(net)
    content = checkpoint.path.read_bytes()[:-32]
    (tmp_path / "state.pt").write_bytes(content)
    net.history.clear()
    checkpoint.resume(net)
    assert asked == ["cuda:1", "cuda:1"]


def test_another_fit_has_another_file(train_linear, linear_data, tmp_path):
    train_linear(checkpoint_folder=tmp_path)
    for change in ({"seed": 1}, {"learning_rate": 0.1}, {"training": linear_data(seed=3)}):
        train_linear(checkpoint_folder=tmp_path, **change)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"augmentation": Augmentation(noise=0.1)},
        {"objective": ECGContrast(temperature=0.3)},
        {"trainer": {"weight_decay": 0.1}},
        {"random_state": 1},
    ],
)
def test_any_other_parameter_is_another_fit(tmp_path, changes):
    X = make_clinical_ecg(10, random_state=0).X[["ecg"]]

    def fit(**parameters):
        defaults = {"objective": ECGContrast(), "max_epochs": 1, "random_state": 0, "verbose": 0}
        trainer = Trainer(checkpoint_folder=tmp_path, **parameters.pop("trainer", {}))
        return JointEmbeddingPretrainer(ENCODER, trainer=trainer, **defaults | parameters).fit(X)

    first, other = fit(), fit(**changes)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(AssertionError):
        assert_same_net(first.net_, other.net_)
    fit(verbose=True, trainer={"callbacks": []})  # the result is the same
    assert len(list(tmp_path.iterdir())) == 2


def permute(values):
    """Return the values of a column in another order."""
    return values.sample(frac=1, random_state=0).to_numpy()


def change_signals(change):
    """Return a change of a cohort's signals alone: table, targets and order stay."""

    def changed(X, Y):
        ecg = X["ecg"].array
        new = ECGArray.from_numpy(
            change(ecg.read()), leads=ecg.leads, sampling_rate=ecg.sampling_rate
        )
        return X.assign(ecg=new), Y

    return changed


def turn_one(x):
    x[3] = x[3, :, ::-1]
    return x


def exchange_two(x):
    x[[3, 7]] = x[[7, 3]]
    return x


def flip_one_sample(x):
    x[5, 2, 400] += np.float32(1e-6)
    return x


def drop_one_sample(x):
    x[5, 2, 400] = np.nan
    return x


# The first was silent: what is left of a signal in the sums, or in the scale, is the same.
CHANGED_DATA = {
    "every signal backwards": change_signals(lambda x: np.ascontiguousarray(x[..., ::-1])),
    "one signal backwards": change_signals(turn_one),
    "two signals exchanged": change_signals(exchange_two),
    "one sample moved by 1 nV": change_signals(flip_one_sample),
    "one sample missing": change_signals(drop_one_sample),
    "signals upside down": change_signals(lambda x: -x),
    "two leads exchanged": change_signals(lambda x: x[:, [1, 0, *range(2, 12)]]),
    "other leads": lambda X, Y: (
        X.assign(
            ecg=ECGArray.from_numpy(
                X["ecg"].ecg.to_numpy(),
                leads=[*X["ecg"].ecg.leads[:11], "V7"],
                sampling_rate=100,
            )
        ),
        Y,
    ),
    "another rate": lambda X, Y: (
        X.assign(
            ecg=ECGArray.from_numpy(
                X["ecg"].ecg.to_numpy(), leads=X["ecg"].ecg.leads, sampling_rate=101
            )
        ),
        Y,
    ),
    "one table value": lambda X, Y: (X.assign(age=X["age"].where(X.index != X.index[4], 31)), Y),
    "one missing table value": lambda X, Y: (
        X.assign(age=X["age"].where(X.index != X.index[4])),
        Y,
    ),
    "one label": lambda X, Y: (X, Y.mask(np.arange(Y.size).reshape(Y.shape) == 7, 1 - Y)),
    "one unknown label": lambda X, Y: (X, Y.mask(np.arange(Y.size).reshape(Y.shape) == 7)),
    "labels exchanged": lambda X, Y: (X, Y[Y.columns[::-1]].set_axis(Y.columns, axis=1)),
    "fewer rows": lambda X, Y: (X.iloc[:-1], Y.iloc[:-1]),
    "another order": lambda X, Y: (X.iloc[::-1], Y.iloc[::-1]),
    "other patients": lambda X, Y: (X.assign(subject_id=permute(X["subject_id"])), Y),
}


@pytest.fixture(scope="module")
def checkpointed_fit(tmp_path_factory):
    """A fit of both stages, with early stopping, whose checkpoints are in a folder."""
    folder = tmp_path_factory.mktemp("checkpoints")
    X, Y = make_clinical_ecg(12, random_state=0, return_X_y=True)
    X, Y = X[["ecg", "age", "potassium", "subject_id"]], Y.iloc[:, [0, 2, 11]].astype(float)

    def fit(X, Y):
        stage = {"max_epochs": 1, "random_state": 0, "verbose": False, "device": "cpu"}
        pretrainer = JointEmbeddingPretrainer(ENCODER, **stage)
        return ECGDiagnosisClassifier(
            pretrainer,
            inputs="ecg+clinical",
            fine_tune="full",
            early_stopping=True,
            trainer=Trainer(checkpoint_folder=folder),
            **stage,
        ).fit(X, Y)  # fmt: skip

    return fit, X, Y, folder, fit(X, Y)


def test_equal_data_resume(checkpointed_fit, caplog):
    fit, X, Y, folder, model = checkpointed_fit
    copied = X.assign(ecg=change_signals(lambda x: x)(X, Y)[0]["ecg"])
    n_files = len(list(folder.iterdir()))
    with caplog.at_level("INFO", "ecgsk"):
        assert_same_net(fit(copied, Y.copy()).net_, model.net_)
    assert len(list(folder.iterdir())) == n_files
    assert caplog.text.count("Resume at epoch 2") == 2


@pytest.mark.parametrize("change", CHANGED_DATA.values(), ids=CHANGED_DATA)
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
def test_other_data_start_anew(checkpointed_fit, change, caplog):
    fit, X, Y, folder, _ = checkpointed_fit
    files = set(folder.iterdir())
    with caplog.at_level("INFO", "ecgsk"):
        fit(*change(X, Y))
    new = set(folder.iterdir()) - files
    assert new, "resumed"
    assert "checkpoints, none of a fit with these signals" in caplog.text


def test_other_versions_start_anew(train_linear, tmp_path, monkeypatch):
    train_linear(checkpoint_folder=tmp_path)
    monkeypatch.setattr("ecgsk.training._checkpoint._VERSIONS", ("0.0.1",))
    train_linear(checkpoint_folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:1000], lambda b: b"", lambda b: b[::-1]])
def test_a_damaged_checkpoint_is_named(train_linear, tmp_path, damage):
    train_linear(checkpoint_folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedFileError, match=rf"{path.name} is damaged.*Delete it to start"):
        train_linear(checkpoint_folder=tmp_path)


def test_nothing_but_plain_data_is_in_the_file(train_linear, tmp_path):
    train_linear(checkpoint_folder=tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".pt"
    assert {"module", "optimizer", "history", "callbacks", "random"} == set(
        torch.load(path, weights_only=True)
    )


def test_frozen_checkpoint_of_an_earlier_version_goes_on():
    """If the format was changed on purpose: python tests/training/frozen/write.py."""
    script = runpy.run_path(str(FROZEN / "write.py"))
    net = script["make_net"]()
    with torch.random.fork_rng(devices=[]):
        assert Checkpoint(FROZEN, "checkpoint").resume(net) == 2
    expected = json.loads((FROZEN / "expected.json").read_text("utf-8"))
    np.testing.assert_allclose(script["fit_more"](net), expected, atol=1e-6)


SCRIPT = """
    import os, signal, sys
    from skorch.callbacks import Callback
    from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
    from ecgsk.datasets import make_clinical_ecg
    from ecgsk.encoders import ResNet1d
    from ecgsk.training import Trainer

    class Kill(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training and len(net.history) == {epoch}:
                os.kill(os.getpid(), signal.SIGKILL)

    X, Y = make_clinical_ecg(40, random_state=0, return_X_y=True)
    Y = Y.loc[:, Y.nunique() == 2]
    stage = dict(max_epochs=3, random_state=0, verbose=False)
    trainers = [
        Trainer(checkpoint_folder=sys.argv[1], callbacks=callbacks)
        for callbacks in ({of_pretrainer}, {of_classifier})
    ]
    pretrainer = JointEmbeddingPretrainer(ResNet1d(10, width=4), trainer=trainers[0], **stage)
    ECGDiagnosisClassifier(pretrainer, fine_tune="full", trainer=trainers[1], **stage).fit(X, Y)
"""


@pytest.mark.slow
@pytest.mark.parametrize("killed_in", ["pretraining", "fine-tuning"])
def test_killed_process_is_resumed_bit_by_bit(tmp_path, killed_in):
    kill = {"pretraining": ("[Kill()]", "None"), "fine-tuning": ("None", "[Kill()]")}[killed_in]
    script = textwrap.dedent(SCRIPT).format(epoch=2, of_pretrainer=kill[0], of_classifier=kill[1])
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    X, Y = make_clinical_ecg(40, random_state=0, return_X_y=True)
    Y = Y.loc[:, Y.nunique() == 2]

    def fit(folder):
        stage = {"max_epochs": 3, "random_state": 0, "verbose": False}
        pretrainer = JointEmbeddingPretrainer(ENCODER, **stage)
        trainer = Trainer(checkpoint_folder=folder)  # the pretrainer's too
        return ECGDiagnosisClassifier(
            pretrainer, fine_tune="full", trainer=trainer, **stage
        ).fit(X, Y)  # fmt: skip

    n_files = len(list(tmp_path.iterdir()))
    assert n_files == {"pretraining": 1, "fine-tuning": 2}[killed_in]
    assert_same_net(fit(tmp_path).net_, fit(None).net_)
