"""What people bring to the command line: each file is read as its owner means it, or one sentence says what to do."""

import itertools
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch
from clipfiles import decoded, write_clip
from harmful import Harmful
from safetensors.torch import save_file
from test_videomae import authors
from torch import nn

from catsplit.backbones import from_module
from catsplit.benchmark import write_benchmark
from catsplit.cli import main
from catsplit.errors import ClipError, HeadError
from catsplit.head import Head
from catsplit.models import videomae
from catsplit.models.base import base_model
from catsplit.taxonomy import Taxonomy
from catsplit.video import Sampling, read_frames

NAMES = ["pushing a cart", "pushing a door", "pulling a cart"]
ROWS, BIAS = torch.arange(24.0).reshape(3, 8) / 7, torch.tensor([0.5, -1.0, 2.0])
LAYER = {"weight": ROWS, "bias": BIAS}


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Exit status and standard error of `catsplit ARGUMENTS` in an empty folder, without a traceback."""
    monkeypatch.chdir(tmp_path)
    Path("labels.txt").write_text("\n".join(NAMES))

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        return status, capsys.readouterr().err

    return run


def named(prefix="fc.", layer=LAYER):
    return {prefix + key: tensor for key, tensor in layer.items()}


def is_head(path="head.safetensors", rows=ROWS, bias=BIAS):
    head = Head.load(path)
    return torch.allclose(head.weight, rows, atol=1e-5) and torch.equal(head.bias, bias)


# Weights, wherever they are

TWICE = {key: 2 * tensor for key, tensor in LAYER.items()}
BODY = {"body.weight": torch.zeros(5, 7), "norm.weight": torch.ones(8)}
OPTIMISER = {"state": {0: {"exp_avg": torch.ones(3, 8)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
DIRECTION = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
NORMED = (ROWS.norm(dim=1, keepdim=True), ROWS / ROWS.norm(dim=1, keepdim=True) * 5)
SCALE = ROWS.abs().amax(1)
CONTAINERS = {
    "another key": {"epoch": 3, "net_state": named() | BODY, "optim": OPTIMISER},
    "numbers among them": named() | {"epoch": 1, "lr": 0.1, "name": "x"},
    "states that are none": {"state_dict": named() | {"block._extra_state": None, "norm.eps": 1e-5}},
    "deep inside a list": [{"run": {"best": named("module._orig_mod.fc.")}}],
    "in parts": {"body": {"0.weight": torch.zeros(9, 7)}, "head": LAYER},
    "a head alone": LAYER,
    "a head alone in a list": {"state": [LAYER]},
    "half precision": named() | {"fc.weight": ROWS.bfloat16().float().bfloat16()},
    "scores of NumPy": {"state_dict": named(), "best": np.float64(61.2), "all": np.arange(3), "top": np.float32(1)},
    "paths and times": {"state_dict": named(), "args": {"data": Path("/data"), "hosts": {"a", "b"}}},
    "a tensor of scores": {"state_dict": named(), "acc": torch.tensor(61.2), "rng": torch.get_rng_state()},
    "a convolution": named("head.projection.", LAYER | {"weight": ROWS[..., None, None, None]}),
    "weight norm": {"fc.weight_g": NORMED[0], "fc.weight_v": NORMED[1], "fc.bias": BIAS},
    "weight norm as a parametrisation": {
        f"fc.{key}": tensor
        for key, tensor in zip(("parametrizations.weight.original0", "parametrizations.weight.original1", "bias"),
                               (*NORMED, BIAS), strict=True)
    },  # fmt: skip
    "a layer that an adapter trained": {
        f"base_model.model.{key}": tensor
        for key, tensor in (
            named("fc.modules_to_save.default.") | named("fc.original_module.", TWICE)
            | {"q.lora_A.weight": torch.ones(2, 9), "q.lora_B.weight": torch.ones(3, 2)}
        ).items()
    },  # fmt: skip
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_head_is_found_by_what_it_is(run, name):
    torch.save(CONTAINERS[name], "model.pth")
    assert run("head", "model.pth", "labels.txt")[0] == 0
    assert is_head(rows=ROWS.bfloat16().float() if name == "half precision" else ROWS)


@pytest.mark.parametrize("ending", ["safetensors", "pth", "bin"])
def test_what_a_file_is_is_told_by_its_content_and_not_by_its_name(run, ending):
    save_file(named(), f"model.{ending}")
    assert run("head", f"model.{ending}", "labels.txt")[0] == 0
    assert is_head()


def test_an_index_of_several_files_is_read_with_all_of_them(run):
    save_file({"fc.weight": ROWS}, "model-1.safetensors")
    shards = {"fc.weight": "model-1.safetensors", "fc.bias": "model-2.safetensors"}
    Path("model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    status, error = run("head", "model.safetensors.index.json", "labels.txt")
    assert status == 1
    assert "model-2.safetensors isn't there: fetch them all" in error
    save_file({"fc.bias": BIAS}, "model-2.safetensors")
    assert run("head", "model.safetensors.index.json", "labels.txt")[0] == 0
    assert is_head()


@pytest.mark.parametrize(("plain", "mean"), [("model", "model_ema"), ("student.backbone", "teacher.backbone")])
@pytest.mark.parametrize("flat", [False, True])
def test_of_a_model_and_its_mean_the_model_is_taken_and_the_other_one_can_be(run, plain, mean, flat):
    held = {mean: named(layer=TWICE), plain: named()}
    torch.save({f"{k}.{key}": t for k, part in held.items() for key, t in part.items()} if flat else held, "two.pth")
    status, error = run("head", "two.pth", "labels.txt")
    assert (status, is_head()) == (0, True)
    assert f'"{plain}.fc" is taken' in error
    option = re.search(r"\((--layer .*?)\)", error)[1].split()
    assert run("head", "two.pth", "labels.txt", *option) == (0, "")
    assert is_head(rows=2 * ROWS, bias=2 * BIAS)


def test_two_models_in_a_file_have_to_be_told_apart(run):
    torch.save({"first": named(layer=TWICE), "second": named()}, "two.pth")
    status, error = run("head", "two.pth", "labels.txt")
    assert status == 1
    name = re.findall(r'"(\S+)" \(3 rows\)', error)[1]
    assert run("head", "two.pth", "labels.txt", "--layer", name)[0] == 0
    assert is_head()


# Rows that a shape alone doesn't tell


def test_a_quantised_layer_is_put_back(run):
    whole = (ROWS / SCALE[:, None] * 127).round().to(torch.int8)
    torch.save({"fc.weight": whole, "fc.SCB": SCALE, "fc.bias": BIAS}, "int8.pth")
    assert run("head", "int8.pth", "labels.txt")[0] == 0
    assert (Head.load("head.safetensors").weight - ROWS).abs().max() < SCALE.max() / 127
    quantised = torch.quantize_per_channel(ROWS, SCALE / 127, torch.zeros(3), 0, torch.qint8)
    torch.save({"fc.weight": quantised}, "qint8.pth")
    assert run("head", "qint8.pth", "labels.txt")[0] == 0
    assert (Head.load("head.safetensors").weight - ROWS).abs().max() < SCALE.max() / 127


@pytest.mark.parametrize(
    "layer",
    [
        {"weight": ROWS.to(torch.int8)},
        {"weight": ROWS.to(torch.float8_e4m3fn), "weight_scale": SCALE},
        {"qweight": torch.ones(3, 4, dtype=torch.int32), "scales": SCALE, "qzeros": torch.ones(1, 1)},
        {"base_layer.weight": ROWS, "lora_A.default.weight": torch.ones(2, 8), "lora_B.default.weight": ROWS[:, :2]},
        {"lora_A.weight": torch.ones(2, 8), "lora_B.weight": ROWS[:, :2]},
        {"weight_orig": ROWS, "weight_mask": torch.ones(3, 8)},
        {"parametrizations.weight.original": ROWS, "parametrizations.weight.0._u": torch.ones(3)},
        {"weight": ROWS.repeat(1, 1)[..., None].expand(3, 8, 2).clone()},
    ],
    ids=lambda layer: "+".join(layer),
)
def test_rows_that_are_not_what_is_stored_are_refused(run, layer):
    torch.save({f"fc.{key}": tensor for key, tensor in layer.items()}, "model.pth")
    status, error = run("head", "model.pth", "labels.txt")
    assert status == 1
    assert re.search('the rows of "fc" as they are but .*save its state_dict, and give that file', error), error
    assert not Path("head.safetensors").exists()


class Composed(nn.Module):
    """A layer with an adapter beside it, as PEFT makes them: what its merge is told to do is done here by hand."""

    def __init__(self):
        super().__init__()
        self.base_layer, self.lora_A, self.lora_B = nn.Linear(8, 3), nn.Linear(8, 2, False), nn.Linear(2, 3, False)


def test_an_adapter_that_was_merged_is_read(run):
    torch.manual_seed(0)
    fc = Composed()
    torch.save(nn.ModuleDict({"fc": fc}).state_dict(), "adapted.pth")
    status, error = run("head", "adapted.pth", "labels.txt")
    assert (status, "merge_and_unload" in error) == (1, True)
    fc.base_layer.weight.data += fc.lora_B.weight.data @ fc.lora_A.weight.data
    torch.save(nn.ModuleDict({"fc": fc.base_layer}).state_dict(), "merged.pth")
    assert run("head", "merged.pth", "labels.txt")[0] == 0
    assert is_head(rows=fc.base_layer.weight, bias=fc.base_layer.bias)


# What a file is


STRANGE = {
    "page.pth": (b"\n<!DOCTYPE html><html>Sign in</html>", "a web page.*fetch the file itself"),
    "denied.ckpt": (b'<?xml version="1.0"?><Error>AccessDenied</Error>', "a web page"),
    "pointer.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "empty.pt": (b"", "an empty file: fetch it again"),
    "words.pth": ("wäre".encode(), "a text"),
    "packed.pth": (b"\x1f\x8b\x08\0" + bytes(90), "gunzip"),
    "keras.pth": (b"\x89HDF\r\n\x1a\n" + bytes(90), "HDF5"),
    "damaged.safetensors": (b"\x40\0\0\0\0\0\0\0{" + bytes(90), "damaged one: fetch it again"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_weights_is_called_by_its_name(run, name):
    content, words = STRANGE[name]
    Path(name).write_bytes(content)
    status, error = run("head", name, "labels.txt")
    assert (status, error.count("\n")) == (1, 1)
    assert re.search(f"catsplit: {name} is no checkpoint.*{words}", error), error


def follow(error):
    """Run the Python that a message gives, as it stands."""
    code = re.search(r"torch\.save\(.*'weights\.pth'\)", error)[0]
    subprocess.run([sys.executable, "-c", f"import numpy, torch; {code}"], check=True)


def lightning(path):
    torch.save({"epoch": 1, "net": named(), "hooks": Harmful("marker")}, path)


def module(path):
    layer = nn.Linear(8, 3)
    layer.load_state_dict(LAYER)
    torch.save({"epoch": 1, "net": nn.Sequential(layer)}, path)


def arrays(path):
    np.savez(path, **{key: tensor.numpy() for key, tensor in named().items()})


@pytest.mark.parametrize("make", [lightning, module, arrays])
def test_what_the_message_says_to_do_gives_a_file_that_is_read(run, make):
    make("model.npz")
    status, error = run("head", "model.npz", "labels.txt")
    assert (status, error.count("\n"), Path("head.safetensors").exists()) == (1, 1, False)
    assert not Path("marker").exists()
    follow(error)
    assert run("head", "weights.pth", "labels.txt") == (0, "")
    assert is_head()


def test_a_program_is_told_from_weights(run):
    layer = nn.Linear(8, 3)
    layer.load_state_dict(LAYER)
    torch.jit.save(torch.jit.script(nn.Sequential(layer)), "program.pt")
    status, error = run("head", "program.pt", "labels.txt")
    assert (status, "a TorchScript program" in error) == (1, True)
    follow(error)
    assert run("head", "weights.pth", "labels.txt")[0] == 0
    assert is_head()


def test_a_folder_names_the_file_in_it(run):
    Path("run", "deep").mkdir(parents=True)
    status, error = run("head", "run", "labels.txt")
    assert (status, "run is a folder and no checkpoint: it has no file of weights" in error) == (1, True)
    torch.save(named(), "run/deep/model.pth")
    _, error = run("head", "run", "labels.txt")
    assert run("head", re.search(r"such as (\S+)\.", error)[1], "labels.txt")[0] == 0
    assert is_head()


# Labels

TABLES = {
    "from 0": "".join(f"{n} {name}\n" for n, name in enumerate(NAMES)),
    "from 1, other line ends": "".join(f"{n}. {name}\r\n" for n, name in enumerate(NAMES, 1)),
    "shuffled": "".join(f"{n}\t{NAMES[n]}\n" for n in (2, 0, 1)),
    "number last": "".join(f"{name} {n}\n" for n, name in enumerate(NAMES)),
    "csv": "id,name\n" + "".join(f"{n},{name}\n" for n, name in enumerate(NAMES)),
    "csv, name first": "label;class_id\n" + "".join(f'"{name}";{n}\n' for n, name in enumerate(NAMES, 1)),
    "name to number": json.dumps({name: n for n, name in enumerate(NAMES)}),
    "name to text": json.dumps({name: str(n) for n, name in enumerate(NAMES)}),
    "number to name": json.dumps({str(n): NAMES[n] for n in (2, 0, 1)}),
    "configuration": json.dumps({"model_type": "x", "id2label": {str(n): name for n, name in enumerate(NAMES)}}),
    "list": json.dumps(NAMES),
    "list of objects": json.dumps([{"id": n, "name": name} for n, name in enumerate(NAMES, 1)]),
    "lines": "\n".join(NAMES),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", TABLES)
def test_labels_are_read_as_people_have_them(run, name, encoding):
    torch.save(named(), "model.pth")
    Path("names").write_bytes(TABLES[name].encode(encoding))
    status, said = run("head", "model.pth", "names")
    assert (status, Head.load("head.safetensors").labels) == (0, tuple(NAMES))
    assert ("numbers its rows from" in said) == (name.split()[0].rstrip(",") in ("from", "shuffled", "number", "csv")
                                                 and name != "number to name")  # fmt: skip


@pytest.mark.parametrize("lines", [["10 metre dive", "360 spin", "7 up"], ["1 turn", "2 turn", "3 turns"]])
def test_numbers_that_belong_to_the_labels_stay(run, lines):
    torch.save(named(), "model.pth")
    Path("names").write_text("\n".join(lines))
    assert run("head", "model.pth", "names")[0] == 0
    assert Head.load("head.safetensors").labels == (tuple(lines) if "10" in lines[0] else tuple(lines))


@pytest.mark.parametrize(
    ("content", "words"),
    [("id,name\n0,one\n2,two\n3,three\n", "from 0 or from 1, each once"), ('{"one": 0, "two": 2}', "rows 0 to 1"),
     ('{"one": "a", "two": "b"}', "rows 0 to 1"), ("[[1, 2]]", "rows 0 to 0"), ("\n", "line 1 is empty")],
)  # fmt: skip
def test_labels_that_can_not_be_told_are_said_in_a_sentence(run, content, words):
    torch.save(named(), "model.pth")
    Path("names.json").write_text(content)
    status, error = run("head", "model.pth", "names.json")
    assert (status, error.count("\n")) == (1, 1)
    assert words in error


def test_a_byte_order_mark_is_no_part_of_json(run):
    scheme = {"group_scheme": {"pushing": NAMES[:2]}}
    Head(ROWS, BIAS, NAMES).save("head.safetensors")
    for mark in ("utf-8-sig", "utf-16"):
        Path("groups.json").write_bytes(json.dumps(scheme, indent=1).replace("\n", "\r\n").encode(mark))
        given = ("--groups", "groups.json", "--method", "copies")
        status, error = run("split", "head.safetensors", NAMES[2], "one", "two", *given)
        assert "no method" in error or status == 0, error


# Where to


@pytest.mark.parametrize("out", [".", "there", "file/below", "/proc/none", "labels.txt/x"])
@pytest.mark.parametrize("command", ["head missing.pth missing.txt", "split none a b c", "groups none"])
def test_where_nothing_can_be_written_is_said_before_anything_is_read(run, out, command):
    Path("there").mkdir()
    Path("file").touch()
    before = sorted(Path().rglob("*"))
    status, error = run(*command.split(), "--out", out)
    assert (status, error.count("\n")) == (1, 1)
    assert "catsplit: --out: " in error
    assert "CATSPLIT_CACHE" not in error
    assert sorted(Path().rglob("*")) == before
    if advice := re.search(r"--out (\S+FILE)\.", error):
        torch.save(named(), "model.pth")
        assert run("head", "model.pth", "labels.txt", "--out", advice[1])[0] == 0


@pytest.mark.parametrize("room", [0, 70_000])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, room):
    torch.save(named(layer={"weight": torch.zeros(3, 99_999)}), tmp_path / "model.pth")
    (tmp_path / "labels.txt").write_text("\n".join(NAMES))
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); " + (
        "from catsplit.cli import main; raise SystemExit(main(['head', 'model.pth', 'labels.txt']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert re.fullmatch(r"catsplit: .*Can't write to .*head\.safetensors .*: name another place\.\n", done.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.txt", "model.pth"]


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "gpu", "mps"])
def test_a_device_that_is_not_there_is_said_before_anything_is_loaded(run, device):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has one")
    status, error = run("extract", "nowhere", "--videos", "nowhere", "--model", "none.pth", "--device", device)
    assert (status, error.count("\n")) == (1, 1)
    assert f'no device "{device}"' in error
    assert '"cpu"' in error


# Videos as a player shows them


def cut(source, target, start):
    """As `ffmpeg -ss START -i SOURCE -c copy TARGET`: from the key frame before, which an edit list hides."""
    with av.open(str(source)) as one, av.open(str(target), "w") as two:
        inside = one.streams.video[0]
        outside, shift = two.add_stream_from_template(inside), int(start / inside.time_base)
        one.seek(shift, stream=inside)
        for packet in one.demux(inside):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, outside
                two.mux(packet)


def hole(source, target):
    """The file with zeros in place of three pictures, as a download that was resumed leaves them."""
    content = bytearray(Path(source).read_bytes())
    with av.open(str(source)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for start, size in packets[20:23]:
        content[start : start + size] = bytes(size)
    Path(target).write_bytes(content)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of clips: whole ones, some that were cut, and some with a hole."""
    folder = tmp_path_factory.mktemp("clips")
    for ending in ("mp4", "webm", "ts"):
        write_clip(folder / f"whole.{ending}", frames=48, gop=24)
    cut(folder / "whole.mp4", folder / "cut.mp4", 3.0)
    cut(folder / "whole.mp4", folder / "late.mp4", 0.7)
    for ending in ("mp4", "webm", "ts"):
        hole(folder / f"whole.{ending}", folder / f"hole-{ending}.{ending}")
    return folder


@pytest.mark.parametrize(("name", "count"), [("cut.mp4", 12), ("late.mp4", 39), ("whole.ts", 48), ("whole.mp4", 48)])
def test_frames_are_those_that_a_player_shows(clips, name, count):
    frames = read_frames(clips / name, 80)
    np.testing.assert_array_equal(frames, decoded(clips / name))
    assert len(frames) == count
    assert (frames[1:] != frames[:-1]).any((1, 2, 3)).all(), "a frame was repeated"


@pytest.mark.parametrize("name", ["hole-mp4.mp4", "hole-webm.webm", "hole-ts.ts"])
def test_a_clip_with_a_hole_is_refused(clips, name):
    with pytest.raises(ClipError, match=f"{name} is damaged"):
        read_frames(clips / name, 80)


def bench(folder, clips):
    taxonomy = Taxonomy({"pushing": NAMES[:2], "pulling": NAMES[2:]}, {"A": ("pushing",), "B": ()})
    rows = [(f"{clip}.mp4", NAMES[n % 3], kind) for kind in ("train", "val") for n, clip in enumerate(clips)]
    rows = [(f"{kind}-{clip}", fine, kind) for clip, fine, kind in rows]
    write_benchmark(folder, taxonomy, pd.DataFrame(rows, columns=["path", "fine", "set"]))
    return taxonomy.label_space("A")


def test_a_deep_check_and_extraction_say_the_same_of_each_clip(run, clips, monkeypatch, cache, capsys):
    monkeypatch.setitem(videomae.SIZES, 384, (1, 6))
    labels = bench(Path("bench"), names := {"caf\u00e9": "whole.webm", "cut": "cut.mp4", "hole": "hole-webm.webm"})
    Path("videos").mkdir()
    for kind, (name, source) in itertools.product(("train", "val"), names.items()):
        written = unicodedata.normalize("NFD", f"{kind}-{name}{Path(source).suffix}")
        Path("videos", written).symlink_to(clips / source)
    main(["check", "bench", "--videos", "videos", "--deep"])
    said = capsys.readouterr().out
    assert "4 decoded, 0 without a video, 2 unreadable" in said
    assert "2 of them have so few frames that some are repeated" in said
    assert "val-hole.webm is damaged" in said
    state = {f"module._orig_mod.model.{key}": w for key, w in authors(384, 1, len(labels)).items()}
    torch.save({"net": state | {"module.n_averaged": torch.tensor(3)}, "epoch": 1}, "vit.pth")
    given = ("extract", "bench", "--videos", "videos", "--model", "vit.pth", "--positions", "mvd")
    assert main(list(given)) == 0
    said = capsys.readouterr().out
    assert "features (2, 6, 384)" in said
    assert "1 of 3 clips were left out" in said
    assert "1 clips have so few frames that some are repeated (see --leave-out-short)" in said
    assert main([*given, "--leave-out-short"]) == 0
    assert "features (1, 6, 384)" in capsys.readouterr().out


def test_a_folder_that_can_not_be_listed_is_left_out_and_named(run, clips, monkeypatch, capsys):
    bench(Path("bench"), ["whole"])
    Path("videos/secret").mkdir(parents=True)
    for kind in ("train", "val"):
        Path(f"videos/{kind}-whole.mp4").symlink_to(clips / "whole.mp4")
    scandir = os.scandir

    def listed(folder):
        if Path(folder).name == "secret":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", listed)
    assert main(["check", "bench", "--videos", "videos"]) == 0
    said = capsys.readouterr()
    assert "secret can't be listed (permission denied)" in said.err
    assert "1 folders can't be listed" in said.out
    assert "2 clips: 2 whole" in said.out


# Modules


def test_the_weight_of_a_module_is_what_it_computes_with():
    torch.manual_seed(0)
    for norm in (nn.utils.weight_norm, nn.utils.parametrizations.weight_norm):
        layer = norm(nn.Linear(8, 3))
        layer.load_state_dict({key: 3 * tensor for key, tensor in layer.state_dict().items()})
        with torch.no_grad():
            zero, one = layer(torch.zeros(8)), layer(torch.eye(8))
        layer.load_state_dict({key: 2 * tensor for key, tensor in layer.state_dict().items()})
        head = Head.from_linear(layer, NAMES)  # whose weight is from before
        assert torch.allclose(head.weight, 2 * (one - zero).T, atol=1e-5)


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_layer_that_computes_something_else_is_no_head():
    with pytest.raises(HeadError, match="Doubled computes something else"):
        Head.from_linear(Doubled(8, 3), NAMES)


class Compiled(nn.Module):
    """As `torch.compile` returns a module, but without its seconds of imports."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module

    def forward(self, x):
        return self._orig_mod(x)


def test_a_compiled_model_is_the_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 2 * 4 * 4, 8), nn.Linear(8, 3))
    sampling = Sampling(frames=2, segments=1, short_side=4, crop_size=4)
    bases = [base_model(m, NAMES, sampling) for m in (model, Compiled(model), Compiled(nn.DataParallel(model)))]
    assert all(torch.equal(base.head.weight, model[2].weight) for base in bases)
    assert len({base.backbone.key for base in bases}) == 1
    assert from_module(model, 3).key == from_module(Compiled(model), 3).key
