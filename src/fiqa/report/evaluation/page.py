"""The evaluation as one HTML file: plots, tables, the protocol and the command under each.

It loads nothing and runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from fiqa.evaluation.result import Evaluation, RecognizerResult, WorstPair
from fiqa.functional.table import Table, file_stem
from fiqa.report.drawing import Plot
from fiqa.report.page import escape, image_uri, page, table_html

__all__ = ["evaluation_page"]

_STYLE = """
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));
gap:28px 32px;align-items:start}
.plots figure{margin:0}
.plots img{width:100%;background:#fff;border:1px solid var(--line)}
figure h3,.table h3{font-size:16px;margin:0 0 8px}
.table{margin:24px 0}
.note{font-size:13.5px;color:var(--soft);max-width:110ch;margin:6px 0 0;overflow-wrap:anywhere}
.by{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--soft);
overflow-wrap:anywhere;margin:2px 0 0}
nav{display:flex;flex-wrap:wrap;gap:6px 18px;margin:0 0 8px}
a{color:inherit}
ul.notes{padding-left:20px;max-width:85ch}
td{white-space:nowrap}
figcaption{font-size:13px}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:16px}
.pair{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px;
font-size:13.5px;overflow-wrap:anywhere}
.pair div{display:flex;gap:8px;margin-bottom:8px}
.pair img{width:calc(50% - 4px);max-width:112px;border-radius:6px}
"""


def evaluation_page(evaluation: Evaluation, plots: Sequence[Plot], *, version: str) -> str:
    """Returns the whole document."""
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
            _notes(evaluation),
            _nav(names, stems),
            *sections,
            '<h2 id="all">All recognizers and scores</h2>',
            *(_table(evaluation, table) for table in rest),
            _plots(evaluation, general),
        ]
    )
    return page(
        "Face image quality: evaluation",
        body,
        lead=_lead(evaluation),
        footer=_footer(evaluation, version),
        style=_STYLE,
    )


def _lead(evaluation: Evaluation) -> str:
    methods, recognizers = len(evaluation.scores), len(evaluation.recognizers)
    counts = evaluation.counts
    return (
        f"{methods} {'quality' if methods == 1 else 'qualities'}, {recognizers}"
        f" recognizer{'s' if recognizers > 1 else ''}, {counts['images']:,} images,"
        f" {counts['mated']:,} mated pairs of {counts['identities']:,} identities,"
        f" {counts['nonmated']:,} non-mated pairs. Protocol {evaluation.settings['protocol']}:"
        f" {evaluation.settings['description']}"
    )


def _footer(evaluation: Evaluation, version: str) -> str:
    command, seed = evaluation.command or "fiqa.evaluate(...)", evaluation.settings["seed"]
    return f"{command} · fiqa {version} · seed {seed}"


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
    return f'<nav>{"".join(links)}<a href="#all">all recognizers and scores</a></nav>'


def _recognizer(
    evaluation: Evaluation, result: RecognizerResult, stem: str, plots: Sequence[Plot]
) -> str:
    tables = {table.name: table for table in evaluation.tables}
    own = [plot for plot in plots if plot.recognizer == result.name]
    parts = [f'<h2 id="r-{escape(stem)}">Recognizer {escape(result.name)}</h2>']
    parts.append(_table(evaluation, tables[f"areas_{stem}"]))
    parts.append(_plots(evaluation, own))
    parts += [_table(evaluation, tables[f"{kind}_{stem}"]) for kind in ("errors", "forms")]
    parts.append(_worst(evaluation, result))
    return "".join(parts)


def _plots(evaluation: Evaluation, plots: Sequence[Plot]) -> str:
    return f'<div class="plots">{"".join(_figure(evaluation, plot) for plot in plots)}</div>'


def _figure(evaluation: Evaluation, plot: Plot) -> str:
    return (
        f'<figure><h3>{escape(plot.title)}</h3><img src="{plot.uri}" alt="{escape(plot.alt)}">'
        f"<figcaption>{escape(plot.caption)}{_by(evaluation)}</figcaption></figure>"
    )


def _table(evaluation: Evaluation, table: Table) -> str:
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="table"><h3>{escape(table.title)}</h3>'
        f"{table_html(table)}{note}{_by(evaluation)}</div>"
    )


def _by(evaluation: Evaluation) -> str:
    """The exact command, folded away: it is long, and stands under everything."""
    if not evaluation.command:
        return ""
    return f'<details class="by"><summary>command</summary>{escape(evaluation.command)}</details>'


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
        f' class="pairs">{cards}</div>{_by(evaluation)}</div>'
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
