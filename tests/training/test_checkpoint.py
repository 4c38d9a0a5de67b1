"""A fit that was killed goes on where it was and ends with the same bits."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.objectives import ECGContrast
from ecgsk.training import Augmentation, Trainer
from ecgsk.training.fitting import history_frame

ENCODER = ResNet1d(10, width=4)


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


def test_nothing_but_plain_data_is_in_the_file(train_linear, tmp_path):
    train_linear(checkpoint_folder=tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".pt"
    assert {"module", "optimizer", "history", "callbacks", "random"} == set(
        torch.load(path, weights_only=True)
    )


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
