"""The eyes that are learned or exported: what they see, that they see the same again, and without PyTorch."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from small_pictures import COLOURS, SHAPES, drawn
from source_contract import context_of, interactions_of, items_table, material_of, parts_of

from shopkeeper.data.schema import IMAGES
from shopkeeper.engine.context import Material
from shopkeeper.engine.looks import pixels
from shopkeeper.engine.picture_words import asked
from shopkeeper.engine.sources.picture import PictureSource
from shopkeeper.errors import SettingsError
from shopkeeper.learn.models import picture
from shopkeeper.learn.models.config import PictureConfig
from shopkeeper.learn.models.picture import Picture
from shopkeeper.settings import TrainSettings

SMALL = PictureConfig(
    model="trained", width=32, channels=(16, 32), side=32, batch=60, epochs=12, falling="cosine", rate=1e-2
)


@pytest.fixture(scope="module")
def shop() -> Material:
    """Each of twelve things twenty times, here and there, large and small, always before white."""
    rows, pictures = [], []
    for at in range(240):
        shape, colour = SHAPES[at % 4], COLOURS[at // 4 % 3]
        rows.append({"item_id": f"{at:03} {shape} {colour}", "title": f"{colour} {shape}"})
        image = drawn(shape, colour, at=5 + at * 7 % 40, size=40 + at * 11 % 30)
        pictures.append({"item_id": rows[-1]["item_id"], "image": image})
    batches = pa.Table.from_pylist(pictures, schema=IMAGES).to_batches(max_chunksize=50)
    material = material_of(items_table(rows), interactions_of([]))
    settings = msgspec.structs.replace(material.settings, train=TrainSettings(threads=1, device="cpu"))
    return dataclasses.replace(material, settings=settings, pictures=lambda: iter(batches))


@pytest.fixture(scope="module")
def trained(shop: Material) -> PictureSource:
    return Picture(SMALL).fit(shop)


def share(source: PictureSource, shop: Material, part: int, **asked: object) -> float:
    """Of what is found first for each thing before another background: how much is of its shape (1), its colour (2)."""
    right = []
    for shape in SHAPES:
        for colour in COLOURS:
            file = drawn(shape, colour, at=20, size=60, background="#c8b89a", file="JPEG")
            found = source.retrieve(context_of(shop, user=-1, picture=file, **asked), 10).rows
            named = [item.split()[part] for item in shop.catalogue.ids.ids(found)]
            right.append(named.count((shape, colour)[part - 1]) / 10)
    return float(np.mean(right))


def test_it_finds_shapes_and_colours_before_another_background(trained: PictureSource, shop: Material) -> None:
    assert share(trained, shop, 1, like="shape") > 0.8
    assert share(trained, shop, 2) > 0.8


def test_words_lead_to_pictures_of_what_they_mean(trained: PictureSource, shop: Material) -> None:
    """The joint space: where the words lie, pictures of such things are the nearest."""
    for shape in SHAPES:
        places = trained.said.places(asked(shape))
        wanted = trained.sense.shape(places, shape)
        assert wanted is not None
        nearest = np.argsort(-(trained.vectors.matrix[:, : len(wanted)] @ wanted))[:10]
        assert sum(shape in item for item in shop.catalogue.ids.ids(trained.vectors.rows[nearest])) >= 8


def test_same_seed_same_vectors_and_what_was_learned_is_taken_up(shop: Material, tmp_path: Path) -> None:
    few = msgspec.structs.replace(SMALL, epochs=1)
    kept = dataclasses.replace(shop, work=tmp_path)
    first, second, again = (Picture(few).fit(one).vectors.matrix for one in (shop, kept, kept))
    np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_allclose(second, again, atol=1e-5)
    assert len([*(tmp_path / "picture").glob("*.pt")]) == 1


def test_served_without_pytorch_it_sees_the_same() -> None:
    import torch

    from shopkeeper.engine.graph import Graph
    from shopkeeper.learn.models.picture_network import PictureNetwork

    network = PictureNetwork((16, 32), 32, 5).eval()
    read = np.stack([pixels(drawn(shape, "red"), 32)[:3] for shape in SHAPES])
    with torch.inference_mode():
        expected = network.reader(torch.from_numpy(read)).numpy()
    np.testing.assert_allclose(Graph(network.graph(32))(pixels=read), expected, atol=1e-5)


def test_saved_equals_loaded(trained: PictureSource, shop: Material, tmp_path: Path) -> None:
    trained.save(tmp_path)
    loaded = Picture().load(tmp_path, parts_of(shop))
    context = context_of(shop, user=-1, picture=drawn("cross", "red"), query="blue")
    np.testing.assert_array_equal(loaded.retrieve(context, 9).rows, trained.retrieve(context, 9).rows)


def test_too_few_pictures_are_read_plainly(shop: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "FEWEST", 1_000)
    assert Picture(SMALL).fit(shop).eye.graph is None


def test_an_unknown_model_is_a_settings_error(shop: Material) -> None:
    with pytest.raises(SettingsError, match=r"no model of pictures '/no/such'.*models\.picture\.download = true"):
        Picture(PictureConfig(model="/no/such")).fit(shop)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of one small layer with random weights, saved as Hugging Face models are."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

    folder = tmp_path_factory.mktemp("clip")
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({piece: at for at, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    text = {**size, "vocab_size": len(pieces), "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}
    vision = {**size, "image_size": 32, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder)
    CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    return folder


def test_any_clip_model_by_its_directory(clip: Path, shop: Material) -> None:
    import torch
    from transformers import AutoTokenizer, CLIPModel

    source = Picture(PictureConfig(model=str(clip), max_tokens=16)).fit(shop)
    assert source.eye.side == 32
    model, read = CLIPModel.from_pretrained(clip).eval(), pixels(drawn("cross", "red"), 32)
    mean, deviation = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    scaled = (read[:3].transpose(1, 2, 0) / 255.0 - mean) / deviation
    batch = AutoTokenizer.from_pretrained(clip)(["red cross"], return_tensors="pt")
    with torch.no_grad():
        seen = model(pixel_values=torch.from_numpy(scaled.transpose(2, 0, 1)[None]).float(), **batch)
    np.testing.assert_allclose(source.eye.vectors([read])[0, :16], seen.image_embeds[0].numpy(), atol=1e-4)
    told = source.sense.shape(np.empty(0, np.int64), "red cross")
    np.testing.assert_allclose(told, seen.text_embeds[0].numpy(), atol=1e-4)
    assert (
        len(source.retrieve(context_of(shop, user=-1, picture=drawn("cross", "red"), query="red cross"), 5).rows) == 5
    )
