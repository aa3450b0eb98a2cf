"""The README's section on the protocol is what the code says."""

from pathlib import Path

from trio_realtime.openai.tables import protocol_section

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_section_is_what_the_code_says():
    """``python -m trio_realtime.openai.tables`` prints it."""
    section = "## The protocol\n" + README.partition("\n## The protocol\n")[2].partition("\n## ")[0]
    assert section == protocol_section()
