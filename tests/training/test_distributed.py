"""Two processes train one model: all the time the same, and as one process would."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.training import Trainer
from ecgsk.training._loader import BatchLoader
from ecgsk.training.batches import BatchDataset
from ecgsk.training.distributed import DistributedContext

# What accelerate launch does on machines with GPUs, which it counts; here there may be none.
LAUNCH = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")

# Run by each process, and for the linear regression by this one too.
LINEAR = """
    import numpy as np
    import torch
    from torch import nn
    from ecgsk.training import Trainer
    from ecgsk.training.batches import BatchDataset
    from ecgsk.training.device import forked_rng
    from ecgsk.training.fitting import fit_net

    rng = np.random.default_rng(0)
    table = rng.normal(size=(60, 3)).astype(np.float32)
    data = BatchDataset(None, table, table[:, :1] * 2 + 1)

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, table):
            return self.layer(table)

    def regression(distributed=None):
        device = torch.device("cpu")
        with forked_rng(0, device):
            return fit_net(
                Linear(), nn.MSELoss(), data, device=device, batch_size=20, max_epochs=3,
                trainer=Trainer(precision="float32", weight_decay=0.0), learning_rate=0.05,
                distributed=distributed,
            )
"""

SCRIPT = (
    LINEAR
    + """
    import sys
    from pathlib import Path
    from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
    from ecgsk.datasets import make_clinical_ecg
    from ecgsk.encoders import ResNet1d
    from ecgsk.training.distributed import DistributedContext

    distributed, folder = DistributedContext(), Path(sys.argv[1])
    assert distributed.n_processes == 2
    net = regression(distributed)
    losses = np.array([row["train_loss"] for row in net.history])
    np.savez(folder / f"linear{distributed.rank}.npz", losses=losses,
             **{k: v.numpy() for k, v in net.module_.state_dict().items()})

    X, Y = make_clinical_ecg(40, random_state=0, return_X_y=True)
    stage = dict(max_epochs=2, random_state=0, verbose=False, device="accelerate")
    pretrainer = JointEmbeddingPretrainer(
        ResNet1d(10, width=4), early_stopping=True, trainer=Trainer(), **stage
    )
    model = ECGDiagnosisClassifier(
        pretrainer, fine_tune="full", trainer=Trainer(checkpoint_folder=folder / "checkpoints"),
        **stage,
    ).fit(X, Y)
    np.save(folder / f"model{distributed.rank}.npy", model.predict_proba(X))
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("together")
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, "-m", *LAUNCH, str(script), str(folder)]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
def test_a_step_is_that_of_one_process_on_the_whole_batch(folder):
    names: dict = {}
    exec(textwrap.dedent(LINEAR), names)
    alone = names["regression"]()
    one, other = (np.load(folder / f"linear{rank}.npz") for rank in (0, 1))
    for name, value in alone.module_.state_dict().items():
        np.testing.assert_array_equal(one[name], other[name])
        np.testing.assert_allclose(one[name], value.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(one["losses"], other["losses"])
    expected = [row["train_loss"] for row in alone.history]
    # A record's part in the epoch's mean is that of its share of the batch.
    np.testing.assert_allclose(one["losses"], expected, rtol=1e-4)


@pytest.mark.slow
def test_both_stages_end_with_the_same_model_in_each_process(folder):
    one, other = (np.load(folder / f"model{rank}.npy") for rank in (0, 1))
    np.testing.assert_array_equal(one, other)
    assert len(list((folder / "checkpoints").iterdir())) == 1  # written by one of them


def test_shares_of_a_batch_are_the_batch():
    data = BatchDataset(None, np.arange(10, dtype=np.float32)[:, None])
    shares = [
        [x["table"].ravel().tolist() for x, _ in BatchLoader(data, 4, share=(r, 3))]
        for r in range(3)
    ]
    for batch in zip(*shares, strict=True):
        assert batch
    together = sorted(value for share in shares for batch in share for value in batch)
    assert together == list(range(10))


def test_one_process_is_its_own_mean(monkeypatch):
    state = pytest.importorskip("accelerate.state")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    context = DistributedContext()
    state.AcceleratorState._reset_state(reset_partial_state=True)
    assert (context.rank, context.n_processes, context.device.type) == (0, 1, "cpu")
    module = torch.nn.BatchNorm1d(2)
    loss = module(torch.tensor([[1.0, 2.0], [5.0, 4.0]])).square().sum()
    loss.backward()
    tensors = [module.weight.grad, module.running_mean, loss.detach()]
    before = [tensor.clone() for tensor in tensors]
    context.average_step(module, tensors[-1])
    for tensor, expected in zip(tensors, before, strict=True):
        torch.testing.assert_close(tensor, expected)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("ecgsk.training.distributed.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs the accelerate package: pip install 'ecgsk\["):
        DistributedContext()


@pytest.mark.parametrize(
    "parameters", [{"device": "accelerate"}, {"trainer": Trainer(checkpoint_folder="runs")}]
)
@pytest.mark.parametrize("kind", [ECGDiagnosisClassifier, JointEmbeddingPretrainer])
def test_a_fit_that_must_be_repeatable_needs_a_random_state(kind, parameters):
    cohort = make_clinical_ecg(5, random_state=0)
    with pytest.raises(ValueError, match=r"needs a random_state, so that the fit can be repeated"):
        kind(**parameters).fit(cohort.X, cohort.Y)
