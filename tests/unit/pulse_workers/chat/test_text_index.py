"""Text search with an inverted index."""

from pulse_workers.chat.text_index import TextIndex


def index_of(**texts: str) -> TextIndex:
    index = TextIndex()
    for text_id, text in texts.items():
        index.add(text_id, text)
    return index


def test_a_query_finds_other_forms_of_its_words_and_rare_words_count_most() -> None:
    index = index_of(
        a="сервери платіжної черги впали вночі",
        b="обід о дванадцятій, сервер теж",
        c="The payment queues are slow, the servers are not",
        d="lunch",
    )
    assert [text_id for text_id, _ in index.search("черга серверів")] == ["a", "b"]
    assert [text_id for text_id, _ in index.search("queue")] == ["c"]
    assert index.search("nothing like this") == []
    assert len(index.search("сервер", limit=1)) == 1


def test_a_text_is_replaced_and_removed() -> None:
    index = index_of(a="the payment queue", b="the export queue")
    index.add("a", "the login page")
    assert [text_id for text_id, _ in index.search("queue")] == ["b"]
    index.remove("b")
    index.remove("unknown")
    assert index.search("queue") == []
    assert len(index) == 1
