"""Text that enters a page is escaped."""

from brainbrr.reporting.markup import Html, embedded_json, fill


def test_an_embedded_value_cannot_end_its_element():
    assert "<" not in embedded_json(["</script>", "&"])
    assert fill("$a $b", a="<i>", b=Html("<b>")) == "&lt;i&gt; <b>"
