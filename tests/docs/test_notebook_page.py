"""A notebook's page: without JupyterLab's style sheet, in the form of the site's other pages."""

from tests.docs.referenced import hook

lean = hook("notebook_page").lean

PAGE = """<style>.jupyter-wrapper{--x: 1}</style><script>var a</script>
<div class="jupyter-wrapper">
<div class="jp-Notebook">
<div class="jp-Cell jp-MarkdownCell" id="cell-id=a">
<div class="jp-Cell-inputWrapper" tabindex="0">
<div class="jp-Collapser jp-InputCollapser jp-Cell-inputCollapser">
</div>
<h2 id="plan">Plan &amp; Ziel<a class="anchor-link" href="#plan">¶</a></h2>
</div>
</div>
<div class="jp-CodeMirrorEditor jp-Editor jp-InputArea-editor" data-type="inline">
<div class="celltoolbar"><span>parameters</span></div>
<div class="CodeMirror cm-s-jupyter">
<div class="zeroclipboard-container"><clipboard-copy for="cell-1"></clipboard-copy></div>
<div class="highlight-ipynb hl-python"><pre><span></span><span class="n">run</span>
</pre></div>
<div class="clipboard-copy-txt" id="cell-1">run</div>
</div>
</div>
<div class="jp-Cell-outputWrapper">
<div class="jp-RenderedHTML jp-OutputArea-output" data-mime-type="text/html" tabindex="0">
<div style="overflow-x:auto"><p><strong>Titel</strong></p><table>\
<thead><tr><th style="text-align:left"></th><th style="text-align:left"></th></tr></thead>\
<tbody><tr><td>1</td></tr></tbody></table></div>
<img alt="No description has been provided for this image" src="data:,"/>
</div>
</div>
</div> <!-- jp-Notebook -->
</div> <!-- jupyter-wrapper --><style>.more{}</style>"""


def test_styles_and_scripts_around_the_notebook_go():
    assert "<style>" not in lean(PAGE)
    assert "<script>" not in lean(PAGE)


def test_a_cell_becomes_a_block_of_code_that_the_search_leaves_out():
    code = '<pre><code><span></span><span class="n">run</span>\n</code></pre>'
    assert f'<div class="highlight" data-search-exclude>{code}</div>' in lean(PAGE)
    assert "clipboard" not in lean(PAGE)
    assert "celltoolbar" not in lean(PAGE)


def test_only_what_may_roll_to_the_side_can_be_reached_with_the_keyboard():
    rolls = '<div style="overflow-x:auto" tabindex="0" role="group" aria-label="Titel">'
    assert rolls in lean(PAGE)
    assert 1 == lean(PAGE).count("tabindex")


def test_a_picture_is_named_after_its_section():
    assert 'alt="Bild im Abschnitt Plan &amp; Ziel"' in lean(PAGE)


def test_a_table_without_heads_has_no_row_for_them():
    assert "<thead>" not in lean(PAGE)


def test_a_link_to_a_section_looks_like_those_of_other_pages():
    link = '<a class="headerlink" href="#plan" title="Link auf diesen Abschnitt">#</a>'
    assert link in lean(PAGE)


def test_what_is_no_notebook_stays_as_it_is():
    assert "<p>Text</p>" == lean("<p>Text</p>")
