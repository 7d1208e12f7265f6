"""What came of an exam, on a terminal: values, whether training was the right tool, and what limited the answers."""

from commands.models.exam import ExamResult
from commands.show import show_table
from tasks.evaluate.exam import notes_in_words
from tasks.progress import say


def print_exam(result: ExamResult) -> None:
    """The table and the sentence; notes go to stderr, as they do beside --json."""
    show_table(result.rows)
    if sentence := result.sentence():
        print(sentence)


def say_notes(result: ExamResult) -> None:
    """What a reader of the values must know of single answers."""
    for name, answered in result.answered.items():
        for note in notes_in_words(answered):
            say(f"  {name}: {note}")
