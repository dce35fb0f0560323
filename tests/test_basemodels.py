"""Classifiers taken apart where their last linear layer begins, and models by name."""

import copy
import json
from dataclasses import dataclass

import pytest
import torch
import transformers
from harmful import Harmful
from huggingface_hub import constants
from torch import nn
from torchvision import models

from catsplit.backbones import Backbone, Normalise
from catsplit.errors import CatsplitError, HeadError
from catsplit.models import hub as hubmodels
from catsplit.models.base import FramesFirst, base_model, split_backbone_and_head
from catsplit.video import Sampling

LABELS = ["Pushing", "Pulling", "Lifting", "Dropping", "Turning"]


def body(width=8):
    """(B, 3, T, H, W) to (B, width), with batch norm and dropout, which behave otherwise in training."""
    return nn.Sequential(
        nn.Conv3d(3, width, 2), nn.BatchNorm3d(width), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(0.5)
    )


class HeadFirst(nn.Module):
    """Lists its head first, and last a layer that isn't used."""

    def __init__(self):
        super().__init__()
        self.head, self.body, self.unused = nn.Linear(8, 5), body(), nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.body(x))


@dataclass
class Output:
    logits: torch.Tensor


class Wrapped(HeadFirst):
    def forward(self, x):
        return Output(logits=super().forward(x))


class TwoZeroHeads(HeadFirst):
    """Both heads give zeros, so that equal numbers don't tell which is which; the other one runs first."""

    def __init__(self):
        super().__init__()
        for layer in (self.head, self.unused):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.body(x)
        self.told = self.unused(x)
        return self.head(x)


class TwoNames(HeadFirst):
    """Runs its head under the second of its names."""

    def __init__(self):
        super().__init__()
        self.alias = self.head

    def forward(self, x):
        return self.alias(self.body(x))


class NoBias(HeadFirst):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 5, bias=False)


class Normed(HeadFirst):
    """The weights of the head are computed anew each time."""

    def __init__(self):
        super().__init__()
        self.head = nn.utils.parametrizations.weight_norm(self.head)


MODELS = {
    "sequence": lambda: nn.Sequential(body(), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 5)),
    "dropout behind the head": lambda: nn.Sequential(body(), nn.Linear(8, 5), nn.Dropout(0.5)),
    "one block": lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 6 * 6, 5)),
    **{kind.__name__: kind for kind in (HeadFirst, Wrapped, TwoZeroHeads, TwoNames, NoBias, Normed)},
}


def logits(answer):
    return answer.logits if isinstance(answer, Output) else answer


def example(batch=2, seed=0):
    return torch.randn(batch, 3, 4, 6, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MODELS)
def test_the_parts_make_the_whole_and_the_model_stays(name):
    torch.manual_seed(0)
    model, x = MODELS[name]().train(), example(batch=3, seed=10)
    before, shape = copy.deepcopy(model.state_dict()), repr(model)
    backbone, layer = split_backbone_and_head(model, example(batch=1))
    assert model.training
    assert repr(model) == shape
    assert not any(module._forward_hooks for module in [*model.modules(), *backbone.modules()])
    assert not backbone.training
    with torch.no_grad():
        features = backbone(x)
        assert features.shape == (3, layer.in_features)
        assert torch.allclose(layer(features), logits(copy.deepcopy(model).eval()(x)), atol=1e-6)
        # Nothing is shared: what is done to the parts isn't done to the model.
        for parameter in [*backbone.parameters(), *layer.parameters()]:
            parameter.add_(1)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_of_two_equal_heads_the_one_whose_output_it_is():
    torch.manual_seed(0)
    model = TwoZeroHeads()
    backbone, layer = split_backbone_and_head(model, example())
    assert isinstance(backbone.model.head, nn.Identity)
    assert isinstance(backbone.model.unused, nn.Linear)
    assert layer is not backbone.model.unused


# Models that don't end in a linear layer of one vector


class Cosine(nn.Linear):
    def forward(self, x):
        return nn.functional.cosine_similarity(x[:, None], self.weight[None], -1)


class Odd(HeadFirst):
    """Answers in a way of its own, from its head and what enters it."""

    def __init__(self, way, head):
        super().__init__()
        self.way, self.head = way, head

    def forward(self, x):
        return self.way(self.head, self.body(x))


def positive():
    head = nn.Linear(8, 5)
    nn.init.constant_(head.bias, 100)
    return head


NONE = r"Odd answers, \(2, 5\), is the output of none of its linear layers.* softmax"


@pytest.mark.parametrize(
    ("way", "head", "match"),
    [
        (lambda head, x: head(x).softmax(-1), nn.Linear(8, 5), NONE),
        # All outputs are positive, so that the ReLU behind them, in place, changes no number of the example.
        (lambda head, x: head(x).relu_(), positive(), NONE),
        # Past any hook.
        (lambda head, x: nn.functional.linear(x, head.weight, head.bias), nn.Linear(8, 5), NONE),
        (lambda head, x: head(x)[:, None].expand(-1, 2, -1), nn.Linear(8, 5), r"Odd answers, \(2, 2, 5\), .* none of"),
        (lambda head, x: head(x[:, None].repeat(1, 2, 1)).mean(1), nn.Linear(8, 5), NONE),
        (lambda head, x: head(x[:, None].repeat(1, 2, 1)), nn.Linear(8, 5), r'"head", .* \(2, 2, 8\), .* \(2, 2, 5\)'),
        (lambda head, x: head(head(x)), nn.Linear(8, 8), 'Odd can\'t do without its last layer "head"'),
        (lambda head, x: head(x), Cosine(8, 5), 'Odd can\'t do without its last layer "head", Cosine'),
        # Without its head it answers with another shape.
        (lambda head, x: head(x).view(-1, 5 if type(head) is nn.Linear else 4), nn.Linear(8, 5), r"\(4, 4\), isn't"),
        (lambda head, x: (head(x), x), nn.Linear(8, 5), "must answer with logits .* not .*tuple"),
    ],
)
def test_what_can_not_be_taken_apart(way, head, match):
    with pytest.raises(CatsplitError, match=match):
        split_backbone_and_head(Odd(way, head), example())


def test_an_example_that_does_not_fit():
    with pytest.raises(CatsplitError, match=r"HeadFirst can't take the views \(2, 1, 4, 6, 6\): "):
        split_backbone_and_head(HeadFirst(), torch.zeros(2, 1, 4, 6, 6))


# One's own model as a base model


def test_a_model_of_ones_own_from_views_to_an_edited_classifier():
    torch.manual_seed(0)
    model, views = HeadFirst().eval(), torch.randint(256, (3, 4, 6, 6, 3), dtype=torch.uint8)
    base, x = base_model(model, LABELS, Sampling(4, 2, 1, 6, 6)), Normalise()(views)
    assert isinstance(base.backbone, Backbone)
    assert (base.name, base.backbone.name, base.backbone.dim) == ("HeadFirst", "HeadFirst", 8)
    with torch.no_grad():
        old = model(x)
        assert torch.allclose(base.head.logits(base.backbone(views)), old, atol=1e-6)
        new = base.head.split("Pulling", {"Pulling left": base.head["Pulling"], "Pulling right": torch.randn(8)})
        edited = nn.Sequential(base.backbone.module, new.to_linear())
        assert torch.allclose(edited(x)[:, :5], old[:, [0, 2, 3, 4, 1]], atol=1e-6)
    with pytest.raises(HeadError, match="needs as many labels"):
        base_model(HeadFirst(), LABELS[:4], Sampling(4, 2, 1, 6, 6))


def test_the_key_lasts_and_tells_apart_what_the_weights_do_not_show():
    def key(**changed):
        torch.manual_seed(0)
        return base_model(HeadFirst(), LABELS, Sampling(4, 2, 1, 6, 6), **changed).backbone.key

    assert key() == key() == key(name="another")
    assert len({key(), key(architecture="v2"), key(transform=Normalise((0.0,) * 3))}) == 3


# transformers

IDS = dict(enumerate(LABELS))
TINY = {"hidden_size": 32, "num_attention_heads": 2, "image_size": 32, "patch_size": 16, "num_frames": 4}


def tiny(kind, **changed):
    """A small random model of one of transformers' kinds."""
    sizes = {**TINY, "num_hidden_layers": 2, "intermediate_size": 64, "id2label": IDS}
    if kind == "Vivit":
        sizes["tubelet_size"] = [2, 16, 16]
    if kind == "VJEPA2":
        sizes |= {"crop_size": 32, "frames_per_clip": 4, "num_pooler_layers": 1}
        sizes |= {"pred_hidden_size": 32, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
        del sizes["image_size"], sizes["num_frames"]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**sizes | changed)
    return transformers.AutoModelForVideoClassification.from_config(config).eval()


PREPROCESSOR = "ignore:.*has no preprocessor:UserWarning"


@pytest.mark.filterwarnings(PREPROCESSOR)
@pytest.mark.parametrize("kind", ["VideoMAE", "Timesformer", "Vivit", "VJEPA2"])
def test_a_folder_of_transformers(tmp_path, kind):
    model = tiny(kind)
    model.save_pretrained(tmp_path)
    base = hubmodels.load_transformers(tmp_path)
    assert base.head.labels == tuple(LABELS)
    assert base.sampling.shape == (6, 4, 32, 32, 3)
    views = torch.randint(256, (2, 4, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        # ImageNet's numbers, where there is no preprocessor.
        expected = model(Normalise()(views).transpose(1, 2)).logits
    assert torch.allclose(base.head.logits(base.backbone(views)), expected, atol=1e-5)
    # New names change no features, another number of heads does.
    tiny(kind, id2label=dict(enumerate("vwxyz"))).save_pretrained(tmp_path)
    assert hubmodels.load_transformers(tmp_path).backbone.key == base.backbone.key
    tiny(kind, num_attention_heads=4).save_pretrained(tmp_path)
    assert hubmodels.load_transformers(tmp_path).backbone.key != base.backbone.key


@pytest.mark.filterwarnings(PREPROCESSOR)
def test_an_edited_head_is_saved_with_its_model(tmp_path):
    model = tiny("VideoMAE")
    base = base_model(model, LABELS, Sampling(4, 2, 3, 32, 32), transform=FramesFirst())
    new = base.head.split("Pulling", {"Pulling left": base.head["Pulling"], "Pulling right": -base.head["Pulling"]})
    model.classifier, model.config.id2label = new.to_linear(), dict(enumerate(new.labels))
    model.save_pretrained(tmp_path)
    again = hubmodels.load_transformers(tmp_path).head
    assert again.labels == new.labels
    assert torch.equal(again.weight, new.weight)


def test_a_name_of_the_hub_that_this_machine_has(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--somebody--something"
    snapshot = folder / "snapshots" / ("a" * 40)
    tiny("VideoMAE").save_pretrained(snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    with pytest.warns(UserWarning, match='"somebody/something" has no preprocessor: views get the mean .* ImageNet'):
        base = hubmodels.load_transformers("somebody/something")
    assert base.name == "somebody/something"
    assert base.head.labels == tuple(LABELS)
    about = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"shortest_edge": 40}, "num_frames": 32}
    (snapshot / "preprocessor_config.json").write_text(json.dumps(about))
    base = hubmodels.load_transformers("somebody/something")
    assert base.backbone.transform == FramesFirst((0.5,) * 3, (0.5,) * 3)
    # Fixed positions: the network can take no other number of frames than its own.
    assert base.sampling == Sampling(4, 2, 3, short_side=40, crop_size=32)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("VideoMAEImageProcessor", {}),
        ("VideoMAEImageProcessor", {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}),
        ("VideoMAEImageProcessor", {"do_normalize": False}),
        ("VideoMAEImageProcessor", {"do_rescale": False}),
        ("VivitImageProcessor", {}),
        ("VivitImageProcessor", {"offset": False, "do_normalize": False}),
        # It enlarges what it resizes, whatever the size it is told.
        ("VJEPA2VideoProcessor", {"do_resize": False, "image_mean": [0.1, 0.2, 0.3]}),
    ],
)
def test_normalisation_is_that_of_the_preprocessor(tmp_path, kind, changed):
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    processor = getattr(transformers, kind)(**sizes, **changed)
    processor.save_pretrained(tmp_path)
    (told,) = tmp_path.glob("*preprocessor_config.json")
    views = torch.randint(256, (1, 4, 32, 32, 3), dtype=torch.uint8)
    video = list(views[0].numpy()) if "Image" in kind else views[0].permute(0, 3, 1, 2)
    found = processor(video, return_tensors="pt")
    expected = found["pixel_values" if "Image" in kind else "pixel_values_videos"]
    transform = hubmodels._normalisation(json.loads(told.read_text()))
    assert torch.allclose(transform(views), expected, rtol=1e-4, atol=1e-4)
    tiny("VideoMAE").save_pretrained(tmp_path)
    assert hubmodels.load_transformers(tmp_path).backbone.transform == transform


@pytest.mark.filterwarnings(PREPROCESSOR)
def test_labels_that_say_nothing_have_to_be_given(tmp_path):
    tiny("VideoMAE", id2label=None, num_labels=5).save_pretrained(tmp_path)
    with pytest.raises(CatsplitError, match='5 categories no better than "LABEL_0": give their texts'):
        hubmodels.load_transformers(tmp_path)
    assert hubmodels.load_transformers(tmp_path, LABELS).head.labels == tuple(LABELS)


def test_weights_must_be_those_of_the_model(tmp_path):
    from safetensors.torch import load_file, save_file

    tiny("VideoMAE").save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    gone = {key: tensor for key, tensor in weights.items() if key != "classifier.weight"}
    for changed, match in (
        (gone, "lacks 1 of its weights, classifier.weight"),
        ({**weights, "decoder.head.bias": torch.ones(2)}, "no place for 1 of its weights, decoder.head.bias"),
        ({**weights, "classifier.bias": torch.ones(2)}, "can't be loaded"),
    ):
        save_file(changed, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(CatsplitError, match=match):
            hubmodels.load_transformers(tmp_path)


@pytest.mark.filterwarnings(PREPROCESSOR)
def test_no_such_model_of_transformers(tmp_path):
    with pytest.raises(CatsplitError, match="has no config.json"):
        hubmodels.load_transformers(tmp_path)
    with pytest.raises(CatsplitError, match='"nobody/nothing" isn\'t on this machine and can\'t be downloaded'):
        hubmodels.load_transformers("nobody/nothing")
    transformers.BertConfig().save_pretrained(tmp_path)
    with pytest.raises(CatsplitError, match="can't be loaded: Unrecognized configuration class .*Bert"):
        hubmodels.load_transformers(tmp_path)
    tiny("VideoMAE", image_size=[32, 64]).save_pretrained(tmp_path)
    with pytest.raises(CatsplitError, match="views of catsplit are square"):
        hubmodels.load_transformers(tmp_path)


# torchvision


def test_a_model_of_torchvision():
    torch.manual_seed(5)
    base = hubmodels.load_torchvision("mc3_18", labels=LABELS, frames=4)
    torch.manual_seed(5)
    model = models.get_model("mc3_18", num_classes=5).eval()
    assert base.sampling == Sampling(4, 2, 3, short_side=128, crop_size=112)
    assert (base.head.labels, base.backbone.dim) == (tuple(LABELS), 512)
    views = torch.randint(256, (1, 4, 112, 112, 3), dtype=torch.uint8)
    # torchvision's own transform, with nothing left to resize.
    about = models.get_model_weights("mc3_18").DEFAULT.transforms()
    about.resize_size = [112, 112]
    with torch.no_grad():
        expected = model(about(views.permute(0, 1, 4, 2, 3)))
    assert torch.allclose(base.head.logits(base.backbone(views)), expected, atol=1e-5)


def test_the_convolution_of_s3d_is_a_linear_layer_of_the_mean(monkeypatch):
    torch.manual_seed(7)
    model = models.video.S3D(num_classes=5).eval()
    # With random weights its own features all but vanish; these don't, and leave three places in time.
    model.features = nn.Conv3d(3, 1024, (4, 32, 32), stride=(4, 32, 32))
    monkeypatch.setattr(models, "get_model", lambda name, num_classes: model)
    base = hubmodels.load_torchvision("s3d", labels=LABELS, frames=16)
    views = torch.randint(256, (2, 16, 224, 224, 3), dtype=torch.uint8)
    x = base.backbone.transform(views)
    with torch.no_grad():
        assert model.avgpool(model.features(x)).std(2).min() > 1e-4
        assert torch.allclose(base.head.logits(base.backbone(views)), model(x), atol=1e-5)
    assert (base.backbone.dim, base.sampling.short_side) == (1024, 256)


def weights_in_the_cache(monkeypatch, folder):
    monkeypatch.setenv("CATSPLIT_CACHE", str(folder))
    (folder / "torchvision").mkdir()
    return folder / "torchvision" / models.video.MC3_18_Weights.DEFAULT.url.rpartition("/")[2]


@pytest.mark.slow
def test_weights_of_torchvision_come_from_the_cache_with_their_labels(tmp_path, monkeypatch):
    torch.manual_seed(6)
    model = models.get_model("mc3_18")
    torch.save(model.state_dict(), weights_in_the_cache(monkeypatch, tmp_path))
    base = hubmodels.load_torchvision("mc3_18", "DEFAULT", frames=2)
    assert base.head.labels == tuple(models.video.MC3_18_Weights.DEFAULT.meta["categories"])
    assert torch.equal(base.head.weight, model.fc.weight.detach())
    assert torch.equal(base.backbone.module.model.stem[0].weight, model.stem[0].weight)
    with pytest.raises(HeadError, match="400 rows needs as many labels, not 5"):
        hubmodels.load_torchvision("mc3_18", "DEFAULT", LABELS)


def test_weights_of_torchvision_are_not_unpickled(tmp_path, monkeypatch):
    path = weights_in_the_cache(monkeypatch, tmp_path)
    torch.save({"stem.0.weight": Harmful(tmp_path / "run")}, path)
    with pytest.raises(CatsplitError, match="mc3_18 of torchvision\" can't be loaded: Weights only load failed"):
        hubmodels.load_torchvision("mc3_18", "KINETICS400_V1", frames=2)
    assert not (tmp_path / "run").exists()


def test_no_such_model_of_torchvision():
    for match, name, options in (
        ('no video model "r3d18" .nearest: "r3d_18"', "r3d18", {}),
        ("no video model \"resnet50\"", "resnet50", {}),
        ('no weights "IMAGENET1K_V1" .choose from: "KINETICS400_V1"', "r3d_18", {"weights": "IMAGENET1K_V1"}),
        (r"MViT can't take the views \(1, 3, 8, 224, 224\)", "mvit_v2_s", {"frames": 8}),
    ):
        with pytest.raises(CatsplitError, match=match):
            hubmodels.load_torchvision(name, **options)
