"""The evaluation as one HTML file: the verdict, tables, plots, and how they were made.

It loads nothing and runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from fiqa.evaluation.result import Evaluation, RecognizerResult, WorstPair
from fiqa.functional.table import Table, file_stem
from fiqa.report.drawing import Plot
from fiqa.report.evaluation.verdict import verdict
from fiqa.report.page import escape, image_uri, page, table_html

__all__ = ["evaluation_page"]

_STYLE = """
@media (min-width:980px){.plots figure:last-child:nth-child(odd){grid-column:1/-1;display:grid;
grid-template-columns:1fr 1fr;gap:0 32px;align-items:center}
.plots figure:last-child:nth-child(odd) h3{grid-column:1/-1}}
.table h3{font-size:16px;margin:0 0 8px}
.table{margin:24px 0}
.note{margin:6px 0 0}
.files{white-space:nowrap}
.lead{color:var(--ink);font-size:19px}
@media (max-width:600px){.lead{font-size:17px}}
.made{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:4px 20px 8px;
margin-top:48px}
.made h2{margin-top:14px}
.made pre{background:none}
nav{display:flex;flex-wrap:wrap;gap:6px 18px;margin:0 0 8px}
table{font-size:14px}
th,td{padding-right:13px}
figcaption{font-size:13px}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:16px}
.pair{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px;
font-size:13.5px;overflow-wrap:anywhere}
.pair div{display:flex;gap:8px;margin-bottom:8px}
.pair img{width:calc(50% - 4px);max-width:112px;border-radius:6px}
"""


def evaluation_page(evaluation: Evaluation, plots: Sequence[Plot], *, version: str) -> str:
    """Returns the whole document; its links lead to the files that lie beside it in the folder."""
    names = [result.name for result in evaluation.recognizers]
    stems = [file_stem(name, names) for name in names]
    sections = [
        _recognizer(evaluation, result, stem, plots)
        for result, stem in zip(evaluation.recognizers, stems, strict=True)
    ]
    general = [plot for plot in plots if not plot.recognizer]
    # What stands under its recognizer is not repeated at the end.
    own = {f"{kind}_{stem}" for stem in stems for kind in ("areas", "errors", "forms")}
    rest = [table for table in evaluation.tables if table.name not in own]
    body = "".join(
        [
            f'<p class="soft">{escape(_about(evaluation))}</p>',
            _notes(evaluation),
            _nav(names, stems),
            *sections,
            '<h2 id="all">All recognizers and scores</h2>',
            *(_table(table) for table in rest),
            _plots(general),
            _made(evaluation, version),
        ]
    )
    return page(
        "Face image quality: evaluation",
        body,
        lead=" ".join(verdict(evaluation, result) for result in evaluation.recognizers),
        style=_STYLE,
    )


def _about(evaluation: Evaluation) -> str:
    methods, recognizers = len(evaluation.scores), len(evaluation.recognizers)
    counts = evaluation.counts
    return (
        f"{methods} {'quality' if methods == 1 else 'qualities'}, {recognizers}"
        f" recognizer{'s' if recognizers > 1 else ''}, {counts['images']:,} images,"
        f" {counts['mated']:,} mated pairs of {counts['identities']:,} identities,"
        f" {counts['nonmated']:,} non-mated pairs. Protocol {evaluation.settings['protocol']}:"
        f" {evaluation.settings['description']}"
    )


def _made(evaluation: Evaluation, version: str) -> str:
    """The box that says, once, how everything above was made."""
    settings = evaluation.settings
    command = evaluation.command or "fiqa.evaluate(...)"
    facts = [f"fiqa {version}", f"seed {settings['seed']}", f"protocol {settings['protocol']}"]
    if settings["draws"]:
        facts.append(
            f"intervals of {settings['level']:.0%} by {settings['draws']} resamples of identities"
        )
    links = ", ".join(
        f'<a href="{name}">{name}</a>' for name in ("numbers.json", "tables.json", "summary.txt")
    )
    return (
        '<section class="made" aria-labelledby="made"><h2 id="made">How this was made</h2>'
        f"<pre>{escape(command)}</pre><p>{escape(' · '.join(facts))}</p>"
        f"<p>Every number: {links}.</p></section>"
    )


def _notes(evaluation: Evaluation) -> str:
    if not evaluation.notes:
        return ""
    return (
        f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in evaluation.notes)}</ul>'
    )


def _nav(names: Sequence[str], stems: Sequence[str]) -> str:
    links = [
        f'<a href="#r-{escape(stem)}">{escape(name)}</a>'
        for name, stem in zip(names, stems, strict=True)
    ]
    ends = '<a href="#all">all recognizers and scores</a><a href="#made">how this was made</a>'
    return f"<nav>{''.join(links)}{ends}</nav>"


def _recognizer(
    evaluation: Evaluation, result: RecognizerResult, stem: str, plots: Sequence[Plot]
) -> str:
    tables = {table.name: table for table in evaluation.tables}
    own = [plot for plot in plots if plot.recognizer == result.name]
    parts = [f'<h2 id="r-{escape(stem)}">Recognizer {escape(result.name)}</h2>']
    parts.append(_table(tables[f"areas_{stem}"]))
    parts.append(_plots(own))
    parts += [_table(tables[f"{kind}_{stem}"]) for kind in ("errors", "forms")]
    parts.append(_worst(evaluation, result))
    return "".join(parts)


def _plots(plots: Sequence[Plot]) -> str:
    return f'<div class="plots">{"".join(_figure(plot) for plot in plots)}</div>'


def _figure(plot: Plot) -> str:
    return (
        f'<figure><h3>{escape(plot.title)}</h3><img src="{plot.uri}" alt="{escape(plot.alt)}">'
        f"<figcaption>{escape(plot.caption)} {_files(plot.name, 'svg', 'png')}</figcaption>"
        "</figure>"
    )


def _table(table: Table) -> str:
    note = f"{escape(table.note)} " if table.note else ""
    return (
        f'<div class="table"><h3>{escape(table.title)}</h3>{table_html(table)}'
        f'<p class="note">{note}{_files(table.name, "csv", "md")}</p></div>'
    )


def _files(name: str, *kinds: str) -> str:
    """Links to the files of a plot or a table, which lie beside the page."""
    links = [f'<a href="{escape(f"{name}.{kind}")}">{kind.upper()}</a>' for kind in kinds]
    return f'<span class="files">{" ".join(links)}</span>'


def _worst(evaluation: Evaluation, result: RecognizerResult) -> str:
    shown = [
        pair for pair in result.worst if any(picture is not None for picture in pair.thumbnails)
    ]
    if not shown:
        return ""
    first = evaluation.scores[0].name
    lead = (
        f"Mated pairs that fail although {first} holds both images for good: what discarding"
        f" removes last. Similarity at or below the threshold {result.threshold:.3f}; wrong"
        " identities show up here too."
    )
    cards = "".join(_pair(pair) for pair in shown)
    return (
        f'<div class="table"><h3>Worst pairs</h3><p>{escape(lead)}</p><div'
        f' class="pairs">{cards}</div></div>'
    )


def _pair(pair: WorstPair) -> str:
    pictures = [
        "" if picture is None else f'<img src="{image_uri(picture)}" alt="{escape(name)}">'
        for name, picture in zip(pair.ids, pair.thumbnails, strict=True)
    ]
    lines = [
        f"{escape(name)} {quality:.4g}"
        for name, quality in zip(pair.ids, pair.quality, strict=True)
    ]
    return (
        f'<div class="pair"><div>{"".join(pictures)}</div>similarity'
        f" {pair.similarity:.3f}<br>{'<br>'.join(lines)}</div>"
    )
