"""Training of an ensemble: each member with a head of its own, then one linear head of all."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ecgsk.encoders import ClinicalMLP, Encoder
from ecgsk.encoders.clinical import ClinicalMLPModule
from ecgsk.encoders.ensemble import EncoderEnsemble, EncoderEnsembleModule
from ecgsk.encoders.registry import resolve_encoder
from ecgsk.estimators._backbone import initialise_backbone
from ecgsk.estimators._fine_tuning import DiagnosisData, fine_tune
from ecgsk.estimators.recipe import Recipe
from ecgsk.training.batches import BatchDataset
from ecgsk.training.device import resolve_device
from ecgsk.training.modules import Backbone, DiagnosisModule, MeasuredValues
from ecgsk.training.net import ECGNet, wrap_trained


@dataclass(frozen=True)
class Member:
    """One encoder of an ensemble in a module of its own, which shares the ensemble's weights."""

    encoder: Encoder | None
    module: DiagnosisModule

    @property
    def has_features(self) -> bool:
        """True if its features are trained before stage (ii), or never are."""
        return self.encoder is None or self.encoder.pretrained or not self.encoder.trains


def repeat_encoder(encoder: Encoder, n_models: int) -> Encoder:
    """Return the ensemble of `n_models` of an encoder; of an ensemble, of the trained members."""
    members = member_specs(encoder)
    if n_models == 1 or not encoder.trains:
        return encoder
    repeated = [
        each for member in members for each in [member] * (n_models if member.trains else 1)
    ]
    return EncoderEnsemble(repeated)


def member_specs(encoder: Encoder) -> list[Encoder]:
    """Return the members of an ensemble; another encoder is its only member."""
    return encoder.members if isinstance(encoder, EncoderEnsemble) else [encoder]


def build_clinical(
    encoder: Encoder | None, clinical: ClinicalMLP, n_columns: int, *, trained: bool
) -> ClinicalMLPModule | MeasuredValues | EncoderEnsembleModule:
    """Build values and masks of a table, or a network of it for each trained member."""
    if not trained:
        return MeasuredValues(n_columns)
    members = [] if encoder is None else member_specs(encoder)
    if len(members) < 2:
        return clinical.build(n_columns)
    return EncoderEnsembleModule(
        [clinical.build(n_columns) if m.trains else MeasuredValues(n_columns) for m in members]
    )


def split_members(module: DiagnosisModule, encoder: Encoder | None, dropout: float) -> list[Member]:
    """Return one module for each member of an ensemble, or the module itself."""
    if not isinstance(encoder, EncoderEnsemble):
        return [Member(encoder, module)]
    whole, clinical = module.backbone, module.clinical
    assert whole is not None
    encoders: Any = whole.encoder
    members = []
    for i, spec in enumerate(encoder.members):
        mean, scale = (tensor[:, 0].numpy(force=True) for tensor in (whole.mean, whole.scale))
        backbone = Backbone(encoders.members[i], whole.augmentation, mean, scale)
        # Pre-trained statistics are copied into the tensors of the ensemble.
        backbone.mean, backbone.scale = whole.mean, whole.scale
        table = clinical
        if isinstance(clinical, EncoderEnsembleModule):
            table = clinical.members[i]
        members.append(
            Member(spec, DiagnosisModule(backbone, table, module.head.out_features, dropout))
        )
    return members


def initialise_members(
    members: list[Member], encoder: Encoder | str, n_models: int, data: BatchDataset
) -> None:
    """Load the published weights of each member, and set untrained thresholds."""
    spec = resolve_encoder(encoder)
    specs = member_specs(spec if len(members) == 1 else repeat_encoder(spec, n_models))
    for member, own in zip(members, specs, strict=True):
        assert member.module.backbone is not None
        initialise_backbone(member.module.backbone, own, data)


def load_backbones(members: list[Member], pretrained: Backbone) -> None:
    """Copy a pre-trained backbone into each member."""
    for member in members:
        assert member.module.backbone is not None
        member.module.backbone.load_state_dict(pretrained.state_dict())


def fit_members(
    classifier: Any,
    module: DiagnosisModule,
    members: list[Member],
    teachers: list[nn.Module | None],
    data: DiagnosisData,
    recipe: Recipe,
) -> ECGNet:
    """Train the members of a module in place, one after the other, and average their heads.

    The history has the epochs of all of them.
    """
    if len(members) == 1:
        return fine_tune(classifier, module, data, recipe, teachers[0])
    probe = replace(recipe, fine_tune="probe", max_epochs=0)
    nets = []
    for member, teacher in zip(members, teachers, strict=True):
        is_fixed = member.encoder is not None and not member.encoder.trains
        own = probe if is_fixed and recipe.trains else recipe
        nets.append(fine_tune(classifier, member.module, data, own, teacher))
    average_heads(module, members)
    net = wrap_trained(module.to(resolve_device(classifier.device)), nets[0].criterion_)
    rows = [dict(row) for each in nets for row in each.history]
    for epoch, row in enumerate(rows, start=1):
        row["epoch"] = epoch
    net.history.extend(rows)
    return net


@torch.no_grad()
def average_heads(module: DiagnosisModule, members: list[Member]) -> None:
    """Set the head of an ensemble to the mean of its members' log odds."""
    heads = [member.module.head for member in members]
    n_embedding = [member.module.backbone.n_features for member in members]  # type: ignore[union-attr]
    weights = [
        head.weight.cpu().split([n, head.in_features - n], dim=1)
        for head, n in zip(heads, n_embedding, strict=True)
    ]
    embedding, table = zip(*weights, strict=True)
    if isinstance(module.clinical, EncoderEnsembleModule):
        table = (torch.cat(table, dim=1),)
    else:  # the members share the table's values
        table = (torch.stack(table).sum(0),)
    module.head.weight.copy_(torch.cat([*embedding, *table], dim=1) / len(members))
    module.head.bias.copy_(torch.stack([head.bias.cpu() for head in heads]).mean(0))
