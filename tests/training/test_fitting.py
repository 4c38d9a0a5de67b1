"""One call trains: averaged weights, early stopping, seeds, and nothing left over."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from ecgsk.training.fitting import history_frame, resolve_batch_size


class Watch(Callback):
    """Keeps the weights after every step, and the validation's predictions."""

    def on_train_begin(self, net, **kwargs):
        self.steps = [self.state(net)]
        self.validated = []

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            self.steps.append(self.state(net))
        else:
            self.validated.append(self.state(net))

    @staticmethod
    def state(net):
        return {
            name: tensor.detach().clone().double()
            for name, tensor in net.module_.state_dict().items()
            if tensor.is_floating_point()
        }


def averages(steps):
    """Recompute the running average after each step, from the weights alone."""
    average, out = dict(steps[0]), []
    for number, state in enumerate(steps[1:], start=1):
        decay = min(0.99, number / (number + 10))
        average = {k: decay * average[k] + (1 - decay) * state[k] for k in state}
        out.append(average)
    return out


def assert_state(state, expected):
    for name in expected:
        torch.testing.assert_close(state[name].double(), expected[name], rtol=1e-5, atol=1e-6)


def test_ends_with_the_average_of_the_steps(train_linear):
    watch = Watch()
    net = train_linear(callbacks=[watch])
    assert len(watch.steps) == 1 + 3 * 4
    assert_state(net.module_.state_dict(), averages(watch.steps)[-1])
    last = watch.steps[-1]["layer.weight"]
    assert not torch.allclose(net.module_.layer.weight.double(), last, atol=1e-4)


def test_validates_the_average_and_goes_on_from_the_weights(train_linear, linear_data):
    watch = Watch()
    net = train_linear(validation=linear_data(20, seed=1), callbacks=[watch])
    after_each_epoch = averages(watch.steps)[3::4]
    validated = watch.validated[::2]  # two batches of validation an epoch
    assert len(after_each_epoch) == len(validated) == 3
    for state, expected in zip(validated, after_each_epoch, strict=True):
        assert_state(state, expected)
    assert_state(net.module_.state_dict(), after_each_epoch[-1])  # the last was the best


def test_validation_changes_no_step(train_linear, linear_data):
    # One batch an epoch: with several, the validation's loader draws a number from the
    # generator that shuffles the next epoch.
    alone, beside = Watch(), Watch()
    train_linear(callbacks=[alone], batch_size=64)
    train_linear(validation=linear_data(20, seed=1), callbacks=[beside], batch_size=64)
    for one, other in zip(alone.steps, beside.steps, strict=True):
        assert_state(one, other)


def test_early_stopping_restores_the_best_epoch(train_linear, linear_data):
    # Validation patients follow another law: the better the fit, the worse they fare.
    watch = Watch()
    net = train_linear(
        validation=linear_data(16, seed=1, slope=(-1.0, 2.0)),
        callbacks=[watch],
        max_epochs=20,
        n_iter_no_change=3,
    )
    losses = history_frame(net)["valid_loss"]
    best = int(losses.idxmin())
    assert best < len(losses) < 20
    assert len(losses) == best + 3  # skorch counts the best epoch as the first of the three
    assert_state(net.module_.state_dict(), watch.validated[best - 1])


def test_without_validation_every_epoch_is_run(train_linear):
    assert len(history_frame(train_linear(max_epochs=5, n_iter_no_change=1))) == 5


def test_history_is_one_row_per_epoch(train_linear, linear_data):
    with_validation = history_frame(train_linear(validation=linear_data(20, seed=1)))
    assert with_validation.index.tolist() == [1, 2, 3]
    assert with_validation.index.name == "epoch"
    assert list(with_validation) == ["train_loss", "valid_loss", "seconds"]
    alone = history_frame(train_linear())
    assert list(alone) == ["train_loss", "seconds"]
    assert (alone["seconds"] > 0).all()
    assert alone["train_loss"].is_monotonic_decreasing


def test_learning_rate_rises_to_its_peak_and_ends_near_zero(train_linear):
    class Rates(Callback):
        def on_train_begin(self, net, **kwargs):
            self.rates = []

        def on_batch_begin(self, net, training=False, **kwargs):
            self.rates.append(net.optimizer_.param_groups[0]["lr"])

    rates = Rates()
    train_linear(callbacks=[rates], max_epochs=10)
    assert len(rates.rates) == 40
    assert max(rates.rates) == pytest.approx(0.05, rel=0.05)
    assert 0 < np.argmax(rates.rates) < 20
    assert rates.rates[-1] < 0.01 * 0.05


def test_nothing_of_training_is_kept(train_linear, linear_data):
    net = train_linear(validation=linear_data(16, seed=1))
    assert not net.optimizer_.state
    assert net.train_split is None
    assert all(weight.grad is None for weight in net.module_.parameters())
    assert not net.module_.training


def test_batch_larger_than_the_cohort_is_the_cohort(train_linear, linear_data):
    watch = Watch()
    net = train_linear(training=linear_data(5), batch_size=256, callbacks=[watch])
    assert len(watch.steps) == 1 + 3
    assert history_frame(net)["train_loss"].is_monotonic_decreasing


def test_equal_seeds_give_equal_weights(train_linear):
    one, same, other = (train_linear(seed=s).module_.layer.weight for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_loss_is_float32_in_reduced_precision(train_linear):
    class Dtypes(Callback):
        def on_batch_end(self, net, training=False, loss=None, y_pred=None, **kwargs):
            self.seen = (y_pred.dtype, loss.dtype)

    dtypes = Dtypes()
    net = train_linear(callbacks=[dtypes], precision="bfloat16")
    assert dtypes.seen == (torch.bfloat16, torch.float32)
    assert net.module_.layer.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("n_records", "size"),
    [(1, 32), (100, 32), (1280, 32), (2559, 32), (2560, 64), (5120, 128), (10**6, 256)],
)
def test_automatic_batch_size(n_records, size):
    assert resolve_batch_size("auto", n_records) == size


def test_stated_batch_size():
    assert resolve_batch_size(7, 100) == 7
    assert type(resolve_batch_size(np.int64(7), 100)) is int


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "large", None])
def test_wrong_batch_size(wrong):
    with pytest.raises(ValueError, match=f"must be 'auto' or a positive int, got {wrong!r}"):
        resolve_batch_size(wrong, 100)
