"""Devices and precisions resolve or say why not; seeds stay in their block."""

import multiprocessing

import pytest
import torch

from ecgsk.training.device import autocast, forked_rng, resolve_device, threads_for

CPU = torch.device("cpu")


def test_auto_takes_the_best_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == CPU


def test_devices_as_torch_writes_them():
    assert resolve_device(CPU) == resolve_device("cpu") == CPU


@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")])
def test_a_gpu_that_is_not_there(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"device=.*cuda.* torch finds no GPU. Use 'auto'"):
        resolve_device(device)


def test_apple_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device='mps' is not available: torch finds no GPU"):
        resolve_device("mps")


def test_a_device_that_does_not_exist():
    with pytest.raises(ValueError, match=r"device must be 'auto' or a torch device .* got 'gpu'"):
        resolve_device("gpu")


def test_precision_rules_the_dtype_of_products():
    a = torch.randn(4, 4)
    with autocast(CPU, "bfloat16"):
        assert (a @ a).dtype == torch.bfloat16
    with autocast(CPU, "float32"):
        assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize(
    ("capability", "dtype"), [("AVX512", torch.bfloat16), ("AVX2", torch.float32)]
)
def test_automatic_precision_goes_by_what_torch_may_use(monkeypatch, capability, dtype):
    """ATEN_CPU_CAPABILITY=avx2 means float32, on a processor that multiplies in bfloat16 too."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    a = torch.randn(4, 4)
    with autocast(CPU, "auto"):
        assert (a @ a).dtype == dtype


@pytest.mark.parametrize("capability", [7, 8])
def test_automatic_precision_is_float32_on_a_gpu_that_emulates_bfloat16(monkeypatch, capability):
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    properties = type("Properties", (), {"major": capability})()
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)
    chosen = {}
    monkeypatch.setattr(torch, "autocast", lambda device, **options: chosen.update(options))
    autocast(torch.device("cuda"), "auto")
    assert chosen["enabled"] is (capability >= 8)


@pytest.mark.parametrize("wrong", ["float16", "half", None])
def test_unknown_precision(wrong):
    with pytest.raises(ValueError, match=f"'auto', 'float32' or 'bfloat16', got {wrong!r}"):
        autocast(CPU, wrong)


def test_seeded_block_repeats_and_leaves_the_global_state():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with forked_rng(5, CPU):
            draws.append(torch.randn(4))
    assert torch.equal(*draws)
    assert torch.equal(torch.get_rng_state(), before)
    with forked_rng(6, CPU):
        assert not torch.equal(torch.randn(4), draws[0])


def test_global_state_is_restored_after_an_error():
    before = torch.get_rng_state()

    def fail():
        with forked_rng(0, CPU):
            torch.randn(3)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("process", "gpu"),
    [("MainProcess", 0), ("LokyProcess-1", 0), ("LokyProcess-2", 1), ("LokyProcess-7", 0)],
)
def test_workers_of_a_search_take_a_gpu_each(monkeypatch, process, gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(multiprocessing.current_process(), "name", process)
    assert resolve_device("auto") == torch.device("cuda", gpu)


@pytest.mark.parametrize(("batch_size", "expected"), [(8, 1), (16, 1), (17, 2), (32, 2), (256, 4)])
def test_threads_grow_with_the_batch_up_to_torchs_own_number(batch_size, expected):
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with threads_for(batch_size, CPU):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
