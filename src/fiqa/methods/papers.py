"""The three papers that this project follows, equation by equation and table by table: where each
is, which command runs it, and what holds here.

docs/papers.md shows the same rows, `fiqa methods NAME` those of one method.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["PAPERS", "Place"]


class Place(NamedTuple):
    """One thing that a paper has.

    Attributes:
        what: an equation, table or figure of the paper, and what it is.
        where: the module and the name in it; "" where nothing here does it.
        command: that runs it; "" where it has none of its own.
        holds: what holds here, with its number, or what does not.
    """

    what: str
    where: str
    command: str
    holds: str


_DMS = "methods.dmsfiqa"
_CLIB = "methods.clib_fiqa"
_OPTIMIZE = "methods.label_optimization"

# fmt: off
_DMSFIQA = (
    Place(
        "Eq. 4-8: CLIP factors", f"{_DMS}.clip_judge.ClipJudge",
        "fiqa label dmsfiqa --set judges=clip",
        "equal to transformers' own model to 1e-4 (tiny models); never run with real weights here",
    ),
    Place(
        "Eq. 9: BLIP-2 factors", f"{_DMS}.blip2_judge.Blip2Judge",
        "fiqa label dmsfiqa --set judges=blip2",
        "equal to transformers' own model to 1e-5 (tiny models); never run with real weights here",
    ),
    Place(
        "Eq. 10, 11: fusion by lambda", f"{_DMS}.fusion.fuse_judges",
        "fiqa label dmsfiqa --set judges=fiqa,analytic --set lambda=0.5",
        "any number of judges; rho with mated similarity under A .299 for analytic, .425 for fiqa,"
        " analytic and LightQNet together",
    ),
    Place(
        "Eq. 12: five levels", f"{_DMS}.levels.coarse_levels", "fiqa label dmsfiqa",
        "by percentiles 10, 35, 65, 90 of the data; the paper gives no thresholds",
    ),
    Place(
        "Eq. 13, 14: likeness to a template", f"{_DMS}.segments.template_similarity",
        "fiqa label dmsfiqa --templates labels.parquet.templates.csv",
        "by segments too, where a track must not judge itself; --html shows the candidates with the"
        " paper's five criteria",
    ),
    Place(
        "Algorithm 1: fine labels", f"{_DMS}.levels.fine_labels",
        "fiqa label dmsfiqa --set within=uniform",
        "within=rank is the default and keeps the order; the fine labels do no better than the"
        " judge under A (.565 against .552 of the area to 30 %)",
    ),
    Place(
        "Eq. 15: the student's loss", "training.objectives.regression.Regression",
        "fiqa train recipes/dmsfiqa.toml",
        "L1 and ranking; a student at 256 pixels from nothing, after five epochs (85 minutes of"
        " one core), and one from the shipped network are both ahead of their judge inside a"
        " person; 50 epochs would take 14 hours",
    ),
    Place(
        "Table 4: agreement, spread", "evaluation.papers.dmsfiqa.agreement_table",
        "fiqa tables dms --target labels.parquet --draws 200",
        "the student from the shipped network: Spearman inside a person .620 [.565, .672],"
        " `analytic` less it -.131 [-.207, -.058]; Q90-Q10 .563",
    ),
    Place(
        "Table 5: verification under filtering", "evaluation.papers.dmsfiqa.filter_table",
        "fiqa tables dms --draws 200 --per track",
        "inside a person the student with the judge fiqa orders mated similarity better than its"
        " judge: .311 against .224 under A, less it -.087 [-.139, -.039], and -.073 [-.134, -.023]"
        " under B; a third of the images",
    ),
    Place(
        "Figures 1 and 2: two domains", "evaluation.papers.domains.compare_domains",
        "fiqa tables dms --data-set web/ --data-set cabin/",
        "from clean LFW to degraded and to side light all of four scores shift (fiqa's mean by -.35"
        " and -.30) and none collapses; on one man's car ride analytic and laplacian collapse",
    ),
)

_CLIB_FIQA = (
    Place(
        "Eq. 1: soft label", f"{_CLIB}.losses.soft_label", "fiqa train recipes/clib_fiqa.toml",
        "squared distance as the published code has it; distance=absolute is as printed",
    ),
    Place("Eq. 2: score", f"{_CLIB}.joint.expected", "fiqa score", "holds, in .1 to .9"),
    Place(
        "Eq. 3: joint distribution", f"{_CLIB}.joint.joint",
        "fiqa train recipes/clib_fiqa_clip.toml",
        "equal to transformers' own model to 1e-5 (tiny models); no CLIP was fine-tuned here",
    ),
    Place(
        "Eq. 4: EMD", f"{_CLIB}.losses.emd",
        "fiqa train recipes/clib_fiqa.toml --set clib_fiqa.emd=absolute",
        "the default is the root of the mean square, as the published code has it; absolute is as"
        " printed",
    ),
    Place(
        "Eq. 5, 6: focal loss of the factors", f"{_CLIB}.losses.focal",
        "fiqa train recipes/clib_fiqa.toml --set clib_fiqa.focal=batch",
        "holds; the published code's forms are options",
    ),
    Place(
        "Eq. 7: all terms", "training.objectives.clib_fiqa.ClibObjective",
        "fiqa train recipes/clib_fiqa.toml --set clib_fiqa.weight=10",
        "naive fitting minus the whole: +.011 [-.013, +.048] under A and +.002 [-.011, +.016] under"
        " B on clean images: no gain by the factors can be shown",
    ),
    Place(
        "Eq. 8, 9: confidence", f"{_CLIB}.confidence.confidence",
        "fiqa train recipes/clib_fiqa.toml --set clib_fiqa.stage1=3",
        "does not help: without a second stage +.000 [-.006, +.019] on clean images under A and"
        " +.004 [-.002, +.008] under B, three seeds; no more with better factor labels",
    ),
    Place(
        "Tables 1 to 3: areas", "evaluation.papers.clib_fiqa.area_tables",
        "fiqa tables clib --data-set lfw/ --draws 200",
        "the form without CLIP: .496 [.267, .883] of the area to 30 % on clean images under A,"
        " analytic without points .552 [.283, .898]",
    ),
    Place(
        "Section 4.1: blur by CPBD", f"{_CLIB}.factor_labels",
        "fiqa label clib_fiqa --set blur_measure=cpbd",
        "the Sobel form of the published code is the default: rho with mated similarity under A"
        " .760 [.730, .794] against .298 [.245, .353] for CPBD on drawn blur",
    ),
    Place(
        "Table 4: ablation", "", "bash recipes/clib_fiqa.sh",
        "no factor changes anything that can be shown; --fmr again in fiqa tables clib gives each"
        " rate",
    ),
    Place(
        "Figure 3: discard curves", "report.evaluation.curve_grid.curve_grid",
        "fiqa tables clib --data-set lfw/ --data-set cplfw/",
        "clib_curves.png: a row per data set, a column per recognizer; of the paper's eight sets"
        " only LFW is here",
    ),
    Place(
        "Figure 4: beta, first stage", "", "bash recipes/clib_fiqa.sh",
        "sweeps.png: five values of beta and six first stages, three seeds each, with intervals"
        " over people, and the loss by epoch; none is better by more than seeds differ",
    ),
    Place(
        "Figure 5: distributions, scatters", "report.evaluation.score_grid.score_grid",
        "fiqa tables clib --data-set adience/",
        "clib_scores_SET.png, of any qualities, each less its mean over its standard deviation;"
        " the recipe writes NQF, M-F and C-C: rho of NQF and C-C .985 on degraded faces, of M-F"
        " and C-C .828",
    ),
)

_LABEL_OPTIMIZATION = (
    Place(
        "Eq. 1, 2: mean rank of mated pairs", f"{_OPTIMIZE}.LabelOptimizer",
        "fiqa label label_optimization --prior scores.parquet", "equal to a loop over all pairs",
    ),
    Place(
        "Eq. 3: the step theta", f"{_OPTIMIZE}.optimize_labels",
        "fiqa label label_optimization --prior scores.parquet --set theta=0.02",
        ".001, the paper's, moves ranks by .003 of their number; .02 improves weak priors in 5 of"
        " 5 seeds",
    ),
    Place(
        "Table I: same recognizer", "evaluation.papers.label_optimization.optimization_tables",
        "fiqa tables label-opt --data-set lfw/ --draws 200",
        "analytic -4.23 [-10.56, +0.08], LightQNet +2.32 [+0.54, +7.20]: weak priors gain, strong"
        " ones lose",
    ),
    Place(
        "Table II: another recognizer", "evaluation.papers.label_optimization.optimization_tables",
        "fiqa tables label-opt --data-set lfw/ --draws 200",
        "the same signs: analytic -8.59 [-39.12, +17.65], LightQNet +9.10 [-6.16, +51.32]",
    ),
    Place(
        "Table III: ablation", "evaluation.papers.label_optimization.optimization_tables",
        "bash recipes/label_transfer.sh",
        "optimized labels are better in LFW for analytic (-2.21 [-8.63, +0.08]); for CR-FIQA not"
        " (+0.22 [-0.03, +1.48])",
    ),
    Place(
        "Table IV: run time", "evaluation.papers.run_times.run_time_table",
        "fiqa tables label-opt --times times.csv --draws 200",
        "only methods that run a recognizer many times get faster: analytic 0.49 of its speed,"
        " LightQNet 0.78; the intervals were added after that run, which has none",
    ),
    Place(
        "Figure 4: prior and optimized scores", "report.evaluation.optimization.optimization_plot",
        "fiqa tables label-opt",
        "label_opt_scatter_SET.png, of scores or of two tables of labels, with rho; not drawn for"
        " VGGFace2",
    ),
)

# fmt: on
PAPERS: Mapping[str, tuple[Place, ...]] = MappingProxyType(
    {
        "dmsfiqa": _DMSFIQA,
        "clib_fiqa": _CLIB_FIQA,
        "label_optimization": _LABEL_OPTIMIZATION,
    }
)
"""Method -> the things that its paper has, in the paper's order; names are below `fiqa`."""
