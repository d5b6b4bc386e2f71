"""The judges that need no pretrained model, the SigLIP judge, and labels made with several."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fiqa
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.errors import InputError, ReadError, UnknownNameError, WeightsError
from fiqa.methods.bundled import WEIGHTS
from fiqa.methods.dmsfiqa.config import read_config
from fiqa.methods.dmsfiqa.judges import AnalyticJudge, judge_of
from fiqa.methods.dmsfiqa.table_judge import TableJudge
from fiqa.vocabulary import FACTORS

pytestmark = pytest.mark.numeric


def test_the_shipped_network_gives_its_six_factors(seven):
    judge = judge_of("fiqa", read_config())
    judge.load()
    found = judge.judge(seven)
    factors = fiqa.load("fiqa").assess(seven)[1]
    np.testing.assert_allclose(found, np.column_stack([factors.quality[f] for f in FACTORS]))
    assert found.shape == (7, 6)
    assert (found.min(), found.max()) >= (0, 0)
    assert found.max() <= 1
    assert judge.describe() == {
        "judge": "fiqa",
        "model": "fiqa",
        "version": fiqa.load("fiqa").version,
    }


def test_any_scorer_is_a_judge_of_the_whole_face(seven):
    scorer = fiqa.load("laplacian")
    judge = judge_of("laplacian", read_config())
    found = judge.judge(seven)
    np.testing.assert_allclose(found[:, 0], scorer.calibration.unit(scorer.score(seven)), atol=1e-7)
    assert (judge.columns, found.shape) == (1, (7, 1))
    file = judge_of(str(WEIGHTS), read_config())
    np.testing.assert_allclose(
        file.judge(seven)[:, 0],
        fiqa.load("fiqa").calibration.unit(fiqa.load("fiqa").score(seven)),
        atol=1e-6,
    )


def test_a_model_without_factors_is_no_judge_of_factors():
    config = read_config()
    config["fiqa"]["model"] = "laplacian"
    with pytest.raises(WeightsError, match="'laplacian' must give factors") as caught:
        judge_of("fiqa", config).load()
    assert 'judges = ["laplacian"]' in caught.value.hint


def test_a_method_that_scores_nothing_is_no_judge():
    with pytest.raises(UnknownNameError, match="Unknown judge 'cr_fiqa'"):
        judge_of("cr_fiqa", read_config())


@pytest.mark.parametrize("form", ["plain.csv", "prefixed.csv", "factors.parquet"])
def test_a_table_is_joined_by_id_and_says_what_it_lacks(tmp_path, form):
    values = {"id": ["p/b", "p/a", "x"], "blur": [0.25, None, 0.5], "pose": [1.0, None, 0.5]}
    frame = pl.DataFrame(values)
    if form == "prefixed.csv":
        frame = frame.rename({"blur": "factor_blur", "pose": "factor_pose"})
    if form == "factors.parquet":
        frame = frame.select("id", pl.struct("blur", "pose").alias("factors"))
    path = tmp_path / form
    (frame.write_parquet if path.suffix == ".parquet" else frame.write_csv)(path)
    judge = TableJudge(str(path))
    judge.load()
    found, status = judge.rows(pl.Series(["p/a", "p/b", "p/c"]))
    assert status.tolist() == ["no_factors", "ok", "no_factors"]
    expected = [1.0 if f == "pose" else 0.25 if f == "blur" else np.nan for f in FACTORS]
    np.testing.assert_allclose(found[1], expected)
    assert np.isnan(found[[0, 2]]).all()
    assert len(judge.describe()["sha256"]) == 64
    with pytest.raises(InputError):
        judge.rows(pl.Series(["q/1", "q/2"]))


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("id,blur\na,0.5\na,0.6\n", InputError, "'a' is there more often"),
        ("id,blur\na,0.5\nb,50\n", InputError, r"blur in .* must lie in 0\.\.1 .* in row 2"),
        ("id,blur\na,good\n", InputError, "got 'good' in row 1"),
        ("id,sharp\na,0.5\n", ReadError, "a column id and at least one of visibility"),
        ("name,blur\na,0.5\n", ReadError, "it has name, blur"),
    ],
)
def test_a_table_that_is_wrong_is_named(tmp_path, text, error, words):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=words):
        TableJudge(str(tmp_path / "t.csv")).load()
    with pytest.raises(InputError, match="must have a table"):
        TableJudge("").load()


def test_weights_are_one_for_each_judge(tmp_path):
    mine = tmp_path / "mine.toml"
    for text, words in {
        "weights = [1, 1]": "weights must be 1 numbers",
        'judges = ["fiqa", "table"]\nweights = [0, 0]': "not all 0",
        'judges = ["fiqa", "table"]\nweights = [1, -1]': "at least 0",
        'judges = ["fiqa", "table"]\nweights = [1, 2]\nlambda = 0.4': "weights or lambda",
    }.items():
        mine.write_text(text)
        with pytest.raises(InputError, match=words):
            read_config(mine)


@pytest.fixture
def faces(tmp_path, rng):
    """Twelve pictures of three people, and their vectors; the table has factors of ten."""
    rows = []
    for k in range(12):
        path = tmp_path / f"{k}.png"
        noise = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
        Image.fromarray(noise // (1 + k % 4)).save(path)
        rows.append((f"{k}", str(path), f"p{k // 4}"))
    pl.DataFrame(rows, schema=["id", "path", "identity"], orient="row").write_csv(
        tmp_path / "faces.csv"
    )
    vectors = rng.normal(size=(12, 8)).astype(np.float32)
    np.savez(
        tmp_path / "e.npz",
        id=np.array([row[0] for row in rows]),
        vector=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )
    table = {"id": [str(k) for k in range(10)], "visibility": [k / 10 for k in range(10)]}
    pl.DataFrame(table).write_csv(tmp_path / "factors.csv")
    return tmp_path


def _labeled(folder, **options):
    out = folder / "labels.parquet"
    options = {"table.file": str(folder / "factors.csv"), **options}
    fiqa.label(
        "dmsfiqa",
        faces=folder / "faces.csv",
        embeddings=folder / "e.npz",
        out=out,
        workers=1,
        **options,
    )
    return read_table(out), read_sidecar(out)


def test_labels_by_a_table_alone_say_who_has_no_row(faces):
    table, about = _labeled(faces, judges=["table"])
    assert table["status"].to_list() == ["ok"] * 10 + ["no_factors"] * 2
    np.testing.assert_allclose(table["coarse"][:10], np.arange(10) / 10, atol=1e-6)
    assert about["found"]["judged"] == {"table": 10}


def test_three_judges_are_fused_by_weight(faces, monkeypatch):
    weights = [3, 1, 2]
    table, about = _labeled(faces, judges=["table", "laplacian", "analytic"], weights=weights)
    assert (table["status"] == "ok").all()
    assert about["found"]["judged"] == {"table": 10, "laplacian": 12, "analytic": 12}
    pixels = np.stack([np.asarray(Image.open(faces / f"{k}.png")) for k in range(12)])
    crops = fiqa.Faces(pixels)
    scorer = fiqa.load("laplacian")
    whole = scorer.calibration.unit(scorer.score(crops))
    measured = AnalyticJudge().judge(crops)
    for k in range(12):
        six = measured[k].astype(float)
        share = 2.0
        if k < 10:
            six[0] = (3 * k / 10 + 2 * six[0]) / 5
            share = 5.0
        expected = (share * np.nanmean(six) + whole[k]) / (share + 1)
        assert table["coarse"][k] == pytest.approx(expected, abs=1e-5)


def test_siglip_is_the_sigmoid_of_the_margin_of_mean_cosines(siglip_folder, seven):
    """Against the model's own logits, less scale and bias."""
    import torch
    import transformers

    config = read_config()
    config["siglip"]["model"] = str(siglip_folder)
    judge = judge_of("siglip", config)
    found = judge.judge(seven)
    assert found.shape == (7, 6)
    assert np.ptp(found, axis=0).min() > 1e-4, "the output varies"
    model = transformers.SiglipModel.from_pretrained(siglip_folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(siglip_folder)
    process = transformers.SiglipImageProcessorPil.from_pretrained(siglip_folder)
    pixels = process(images=list(seven.crops), return_tensors="pt")["pixel_values"]
    prompts = config["clip"]["prompts"]["pose"]
    texts = [text.lower() for text in (*prompts["positive"], *prompts["negative"])]
    ids = tokenizer(texts, padding="max_length", max_length=64, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = model(pixel_values=pixels, input_ids=ids).logits_per_image
        cosine = ((logits - model.logit_bias) / model.logit_scale.exp()).numpy().astype(float)
    split = len(prompts["positive"])
    margin = cosine[:, :split].mean(1) - cosine[:, split:].mean(1)
    expected = 1 / (1 + np.exp(-margin / config["siglip"]["tau"]))
    np.testing.assert_allclose(found[:, FACTORS.index("pose")], expected, atol=1e-4)
    assert judge.describe()["judge"] == "siglip"


def test_a_clip_is_no_siglip(clip_folder):
    config = read_config()
    config["siglip"]["model"] = str(clip_folder)
    with pytest.raises(WeightsError):
        judge_of("siglip", config).load()
