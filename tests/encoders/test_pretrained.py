"""PretrainedEncoder: reading files, checking signals, saving models."""

import contextlib
import pickle
import random

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import Net1D, PretrainedEncoder, RecordScaled, ResNet1d, ViT1d
from ecgsk.encoders._weights_file import read_weights
from ecgsk.exceptions import ECGError, LeadMismatchError, SamplingRateError
from ecgsk.preprocessing import Resample, SelectLeads
from ecgsk.signals import STANDARD_12_LEADS

CHANNELS, BLOCKS = (16, 32, 32, 96, 96, 256, 256), 2


def ecgfounder_state(n_leads=12, used_norms=False):
    """Random weights under ECGFounder's names, a quarter as wide as published."""
    generator = torch.Generator().manual_seed(0)

    def layer(name, *shape):
        fan_in = max(int(np.prod(shape[1:])), 1)
        yield f"{name}.weight", torch.randn(shape, generator=generator) / fan_in**0.5
        yield f"{name}.bias", 0.1 * torch.randn(shape[0], generator=generator)

    def norm(name, n):
        yield from layer(name, n)
        yield f"{name}.running_mean", torch.zeros(n)
        yield f"{name}.running_var", torch.ones(n)
        yield f"{name}.num_batches_tracked", torch.tensor(int(used_norms))

    state = dict(layer("first_conv.conv", 16, n_leads, 16)) | dict(norm("first_bn", 16))
    n_in = 16
    for stage, n in enumerate(CHANNELS):
        for block in range(BLOCKS):
            at = f"stage_list.{stage}.block_list.{block}"
            state |= dict(norm(f"{at}.bn1", n_in)) | dict(layer(f"{at}.conv1.conv", n, n_in, 1))
            state |= dict(norm(f"{at}.bn2", n)) | dict(layer(f"{at}.conv2.conv", n, 16, 16))
            state |= dict(norm(f"{at}.bn3", n)) | dict(layer(f"{at}.conv3.conv", n, n, 1))
            state |= dict(layer(f"{at}.se_fc1", n // 2, n)) | dict(layer(f"{at}.se_fc2", n, n // 2))
            n_in = n
    return state | dict(layer("dense", 150, n_in))


def st_mem_state(width=64, patch_size=75, n_patches=30, depth=2):
    """Random weights under the names of ST-MEM's encoder, small."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "pos_embedding": (1, n_patches + 2, width),
        "sep_embedding": (width,),
        **{f"lead_embeddings.{lead}": (width,) for lead in range(12)},
        "to_patch_embedding.1": (patch_size,),
        "to_patch_embedding.2": (width, patch_size),
        "to_patch_embedding.3": (width,),
        "norm": (width,),
    }
    for i in range(depth):
        shapes |= {f"block{i}.{name}.norm": (width,) for name in ("attn", "ff")}
        shapes[f"block{i}.attn.fn.to_qkv"] = (3 * width, width)
        shapes[f"block{i}.attn.fn.to_out.0"] = (width, width)
        shapes[f"block{i}.ff.fn.net.0"] = (4 * width, width)
        shapes[f"block{i}.ff.fn.net.3"] = (width, 4 * width)
    state = {}
    for name, shape in shapes.items():
        if "embedding" in name and not name.startswith("to_"):
            state[name] = torch.randn(shape, generator=generator)
        else:
            state[f"{name}.weight"] = torch.randn(shape, generator=generator) / 8
            state[f"{name}.bias"] = torch.zeros(shape[0])
    return state


@pytest.fixture
def founder(tmp_path):
    path = tmp_path / "12_lead.pth"
    torch.save({"state_dict": ecgfounder_state(), "step": 3, "val_auroc": np.float64(0.9)}, path)
    return path


@pytest.fixture
def st_mem(tmp_path):
    path = tmp_path / "encoder.pth"
    torch.save({"model": st_mem_state()}, path)
    return path


@pytest.fixture(scope="module")
def cohort():
    cohort = make_clinical_ecg(n_subjects=12, random_state=0)
    return Resample(500).fit_transform(cohort.X), cohort.Y.loc[:, cohort.Y.nunique() == 2]


def same_embedding(first, second, x):
    with torch.no_grad():
        torch.testing.assert_close(first.eval()(x), second.eval()(x), atol=0, rtol=0)


def test_architecture_and_sizes_come_from_the_file(founder, st_mem):
    network = Net1D(14, width=16, batch_norm=False)
    assert repr(PretrainedEncoder(founder).architecture()) == repr(RecordScaled(network))
    transformer = ViT1d(2, width=64, n_heads=1, patch_size=75, pooling="mean")
    expected = RecordScaled(transformer, longest=2250)
    assert repr(PretrainedEncoder(st_mem).architecture()) == repr(expected)


def test_weights_are_loaded_by_layer(founder):
    state = ecgfounder_state()
    module = PretrainedEncoder(founder).build(12, 5000)
    ours = module.network.state_dict()
    torch.testing.assert_close(ours["stem.weight"].squeeze(2), state["first_conv.conv.weight"])
    for number in range(14):
        at = f"stage_list.{number // BLOCKS}.block_list.{number % BLOCKS}"
        for theirs, name in (
            ("conv1.conv", "conv1"),
            ("conv2.conv", "conv2"),
            ("se_fc2", "excite"),
        ):
            got = ours[f"blocks.{number}.{name}.weight"]
            assert torch.equal(got.reshape(-1), state[f"{at}.{theirs}.weight"].reshape(-1))
    assert not [name for name in ours if "running" in name or "dense" in name]


def test_used_normalisations_are_loaded(tmp_path):
    torch.save(ecgfounder_state(used_norms=True), tmp_path / "weights.pt")
    spec = PretrainedEncoder(tmp_path / "weights.pt")
    assert spec.architecture().network.batch_norm
    assert torch.isfinite(spec.build(12, 300).eval()(torch.randn(2, 12, 300))).all()


@pytest.mark.parametrize("wrap", [
    lambda s: s,
    lambda s: {"state_dict": s},
    lambda s: {"model": s, "epoch": 3},
    lambda s: {"model_state_dict": {f"module.{k}": v for k, v in s.items()}},
    lambda s: {"model": {f"encoder.{k}": v for k, v in s.items()} | {"mask": torch.ones(2)}},
])  # fmt: skip
def test_wrappers_of_checkpoints(tmp_path, wrap):
    plain, wrapped = tmp_path / "plain.safetensors", tmp_path / "wrapped.pth"
    save_file(ecgfounder_state(), plain)
    torch.save(wrap(ecgfounder_state()), wrapped)
    x = torch.randn(2, 12, 300)
    same_embedding(
        PretrainedEncoder(plain).build(12, 300), PretrainedEncoder(str(wrapped)).build(12, 300), x
    )


def test_each_record_is_scaled_and_missing_samples_stay_zero(founder):
    module = RecordScaled(ResNet1d(10, width=4)).build(12, 400)
    x = 0.3 * torch.randn(3, 12, 400) + 0.1
    scaled = module._scaled(x)
    expected = (x - x.mean((1, 2), keepdim=True)) / x.std((1, 2), keepdim=True, correction=0)
    torch.testing.assert_close(scaled, expected, atol=1e-5, rtol=1e-5)
    x[1, 4], x[1, 5, 100:200] = 0, 0
    scaled = module._scaled(x)
    assert not scaled[1, 4].any()
    assert not scaled[1, 5, 100:200].any()
    kept = scaled[1][x[1] != 0]
    torch.testing.assert_close(kept.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(kept.std(correction=0), torch.tensor(1.0))
    assert not module._scaled(torch.zeros(1, 12, 400)).any()


def test_longer_records_are_cropped_to_the_middle(st_mem):
    module = PretrainedEncoder(st_mem).build(12, 2500).eval()
    x = torch.randn(2, 12, 2500)
    torch.testing.assert_close(module(x), module(x[..., 125:2375]), atol=1e-5, rtol=1e-5)
    assert module(x[..., :1000]).shape == (2, 64)


@pytest.mark.parametrize(("fixture", "rate"), [("founder", 500), ("st_mem", 250)])
def test_check_signal_rejects_other_signals(request, fixture, rate):
    spec = PretrainedEncoder(request.getfixturevalue(fixture))
    spec.check_signal(STANDARD_12_LEADS, rate)
    spec.check_signal(None, None)
    with pytest.raises(SamplingRateError, match=rf"{rate} Hz; got 100 Hz. Use Resample\({rate}\)"):
        spec.check_signal(STANDARD_12_LEADS, 100)
    with pytest.raises(
        LeadMismatchError, match=r"12 leads .* got 2 \(I, II\).*V6 cannot be derived"
    ):
        spec.check_signal(("I", "II"), rate)
    with pytest.raises(LeadMismatchError, match="in this order"):
        spec.check_signal(STANDARD_12_LEADS[::-1], rate)
    with pytest.raises(LeadMismatchError, match="expect 12 leads; got 3"):
        spec.build(3, 1000)


def test_single_lead_weights(tmp_path):
    torch.save(ecgfounder_state(n_leads=1), tmp_path / "1_lead.pth")
    spec = PretrainedEncoder(tmp_path / "1_lead.pth")
    spec.check_signal(("I",), 500)
    with pytest.raises(LeadMismatchError, match=r"I cannot be derived from these"):
        spec.check_signal(("II",), 500)
    assert spec.build(1, 500)(torch.randn(2, 1, 500)).shape == (2, 512)


def test_fit_checks_leads_and_rate(founder, cohort):
    X, Y = cohort
    model = ECGDiagnosisClassifier(PretrainedEncoder(founder), verbose=False)
    with pytest.raises(SamplingRateError, match=r"Resample\(500\)"):
        model.fit(Resample(100).fit_transform(X), Y)
    pretrainer = JointEmbeddingPretrainer(PretrainedEncoder(founder), verbose=False)
    with pytest.raises(LeadMismatchError, match=r"V1, .* cannot be derived"):
        pretrainer.fit(SelectLeads(["I", "II"]).fit_transform(X))


def test_fitted_model_does_not_need_the_file(founder, cohort, tmp_path):
    X, Y = cohort
    spec = PretrainedEncoder(founder)
    model = ECGDiagnosisClassifier(spec, random_state=0, verbose=False).fit(X, Y)
    assert model.recipe_.fine_tune == "probe"
    backbone = model.net_.module_.backbone
    assert not backbone.mean.any()
    assert (backbone.scale == 1).all()
    same_embedding(backbone.encoder, spec.build(12, 5000), torch.randn(2, 12, 5000))
    expected = model.predict_proba(X)
    folder = ecgsk.save(model, tmp_path / "model")
    content = pickle.dumps(model)
    founder.unlink()
    for other in (model, pickle.loads(content), ecgsk.load(folder)):
        np.testing.assert_allclose(other.predict_proba(X), expected, atol=1e-6)
    with pytest.raises(FileNotFoundError, match=r"found none at .*12_lead.pth. Download"):
        clone(model).fit(X, Y)


def test_pretraining_starts_from_the_weights(st_mem, cohort):
    X = Resample(250).fit_transform(cohort[0])
    pretrainer = JointEmbeddingPretrainer(
        PretrainedEncoder(st_mem), max_epochs=1, learning_rate=1e-12, random_state=0, verbose=False
    ).fit(X)
    fitted = pretrainer.net_.module_.backbone.encoder.network.state_dict()
    torch.testing.assert_close(fitted["positions"], st_mem_state()["pos_embedding"][0])
    restored = pickle.loads(pickle.dumps(pretrainer))
    np.testing.assert_allclose(restored.transform(X), pretrainer.transform(X), atol=1e-6)


class Malicious:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def test_file_with_code_is_refused(tmp_path):
    mark, path = tmp_path / "was run", tmp_path / "weights.pth"
    torch.save({"state_dict": ecgfounder_state(), "extra": Malicious(mark)}, path)
    with pytest.raises(ECGError, match="holds more than weights; no code from it was run"):
        PretrainedEncoder(path).build(12, 5000)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights", bytes(range(256)) * 40])
def test_damaged_file_raises(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ECGError, match=f"{name} is damaged"):
        PretrainedEncoder(tmp_path / name).build(12, 5000)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_changed_bytes_of_a_file_raise_our_errors_or_are_read(tmp_path, name):
    path, rng = tmp_path / name, random.Random(0)
    state = {"a": torch.arange(4.0), "b": torch.ones(2, 3)}
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    written = path.read_bytes()
    for _ in range(200):
        changed = bytearray(written)
        for _ in range(rng.choice((1, 1, 3))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(bytes(changed[: rng.choice((None, None, rng.randrange(len(changed))))]))
        with contextlib.suppress(ECGError):
            read_weights(path)


@pytest.mark.parametrize("make", [ecgfounder_state, st_mem_state])
def test_weights_that_are_missing_or_of_other_shapes_are_refused(tmp_path, make):
    path, whole = tmp_path / "weights.pt", make()
    names = list(whole)
    for name in {names[0], names[len(names) // 2]}:
        for state in (
            {key: value for key, value in whole.items() if key != name},
            {**whole, name: torch.zeros(3, 3, 3, 3, 3)},
        ):
            torch.save(state, path)
            with pytest.raises(ECGError):
                PretrainedEncoder(path).build(12, 2250)


def test_unknown_weights_raise(tmp_path):
    path = tmp_path / "other.pt"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(ECGError, match=r"ECGFounder or ST-MEM in .*other.pt, got weight, bias"):
        PretrainedEncoder(path).build(12, 5000)
    torch.save([1, 2], path)
    with pytest.raises(ECGError, match="expected a state dict"):
        PretrainedEncoder(path).build(12, 5000)


def test_load_weights_rejects_other_modules(founder):
    other = ResNet1d(10).build(12, 100)
    with pytest.raises(TypeError, match="got a ResNet1dModule"):
        PretrainedEncoder(founder).load_weights(other)
