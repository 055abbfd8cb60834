"""A question that stood in its own answer would make every search look perfect."""

from pathlib import Path

from benchmarks.handbook import Page, page

MALLARD = """<page xmlns="http://projectmallard.org/1.0/" id="a">
  <info><desc>Use less <em>power</em>.</desc><credit><name>Someone</name></credit></info>
  <title>Battery</title>
  <p>Dim the
     screen.</p>
  <note><p>Use less power.</p></note>
  <section><title>Sleep</title><p>{filler}</p></section>
</page>"""


def test_the_question_is_the_description_and_the_rest_is_the_text(tmp_path: Path) -> None:
    path = tmp_path / "battery.page"
    path.write_text(MALLARD.format(filler="Let it sleep. " * 30))
    text = "# Battery\n\nDim the screen.\n\nSleep\n\n" + " ".join(["Let it sleep."] * 30) + "\n"
    assert page(path, "battery.page") == Page("battery.page", "Use less power.", text)


def test_a_page_with_next_to_nothing_in_it_is_no_document(tmp_path: Path) -> None:
    path = tmp_path / "battery.page"
    path.write_text(MALLARD.format(filler="Sleep."))
    assert page(path, "battery.page") is None
