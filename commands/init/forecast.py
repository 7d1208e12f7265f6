"""The shape, steps, time and disk of a folder's first run, and what a model trained on such a corpus is good for."""

from dataclasses import dataclass

from commands.init.passage_size import held_out
from commands.init.shapes import BATCH, CONTEXT, DEPTHS, public_shape, shape_of, vocabulary
from commands.init.survey import Survey
from commands.init.trial import Trial
from tasks.readable_numbers import count_in_words

TRAINING_MINUTES = 10.0  # of a first run
PASSES = 4  # over a text are nearly as good as fresh text (Muennighoff et al. 2023, arXiv 2305.16264)
PER_PARAMETER = 20  # tokens, compute-optimal (Hoffmann et al. 2022, arXiv 2203.15556: Chinchilla)
ADAPT_MINUTES = 30.0  # of training a public model
ADAPT_PASSES = 3  # a large model memorises a small corpus in a few more
ADAPT_EXTRA_TOKENS = 100_000  # of work in evaluation and instruction tuning, as if trained on
FROZEN = 2 / 3  # of training's arithmetic is left where the weights' own gradients are not needed
MIN_STEPS = 20
SMALL_STEPS = 100  # that a small text gets: after fewer passes a network is behind a trigram of the same text …
SMALL_PASSES = 20  # … and after more it knows the text by heart
FLUENT_PARAMETERS = 30e6  # of the smallest models that tell a plain story (TinyStories, arXiv 2305.07759)
EXTRA_TOKENS = 350_000  # of work in evaluation and fine-tuning, as the recipe sets them
BYTES_PER_SECOND = 3e6  # of text: ingest, tokenizer and encode together, on two cores
START_SECONDS = 25.0  # of Prefect and MLflow in a fresh home
BYTES_PER_TEXT_BYTE, BYTES_PER_TOKEN, FIXED_BYTES = 1.5, 2, 25e6  # on disk; fixed: databases and fine-tuning's rows
BYTES_PER_PARAMETER, ADAPT_BYTES_PER_PARAMETER = 32, 14  # on disk: weights, their packages, one training's states


@dataclass(frozen=True)
class Forecast:
    """The network and the steps of a first run, and what it will take."""

    depth: int
    width: int
    parameters: int
    vocabulary: int
    steps: int
    tokens: int  # of the corpus to train on, about: what the rules keep, without copies and what is held out
    trained: int  # tokens that training will see
    training_minutes: float  # of the run's, until the base is trained
    minutes: float  # of the whole run
    disk_bytes: int
    can_give: str


def forecast_training(survey: Survey, trial: Trial, further_tokens: int = 0) -> Forecast:
    """The forecast for a new network: the deepest one that the text and the minutes suffice for.

    further_tokens: that fine-tuning reads beside the usual ones.
    """
    from model.depth import flops_per_token, matrix_parameters

    size = vocabulary(survey.text_bytes)
    tokens = _tokens(survey, trial)
    shape, affordable, least = shape_of(DEPTHS[0], size), 0, 0.0
    for depth in DEPTHS:
        candidate = shape_of(depth, size)
        in_time = trial.training_flops_per_second * TRAINING_MINUTES * 60 / flops_per_token(candidate)
        trained = min(PASSES * tokens, in_time)
        if depth == DEPTHS[0]:
            least = min(SMALL_STEPS * BATCH * CONTEXT, SMALL_PASSES * tokens, in_time)
        if depth == DEPTHS[0] or trained >= PER_PARAMETER * matrix_parameters(candidate):
            shape, affordable = candidate, round(trained)
    steps = max(MIN_STEPS, round(max(affordable, least)) // (BATCH * CONTEXT))
    trained = steps * BATCH * CONTEXT
    seconds_per_token = flops_per_token(shape) / trial.training_flops_per_second
    return Forecast(
        depth=shape.depth,
        width=shape.width,
        parameters=shape.parameters,
        vocabulary=size,
        steps=steps,
        tokens=tokens,
        trained=trained,
        training_minutes=trained * seconds_per_token / 60,
        minutes=((trained + EXTRA_TOKENS + further_tokens) * seconds_per_token + _other_seconds(survey, trial)) / 60,
        disk_bytes=_disk_bytes(survey, tokens, BYTES_PER_PARAMETER * shape.parameters),
        can_give=can_give(tokens, shape.parameters),
    )


def forecast_adaptation(survey: Survey, trial: Trial) -> Forecast:
    """The forecast for training the public model on this text, by a low-rank change of its weights."""
    from model.depth import flops_per_token

    shape = public_shape()
    tokens = _tokens(survey, trial)
    tokens_per_second = trial.training_flops_per_second / (FROZEN * flops_per_token(shape))
    tokens_per_step = BATCH * CONTEXT
    affordable = min(ADAPT_PASSES * tokens, tokens_per_second * ADAPT_MINUTES * 60)
    steps = max(MIN_STEPS, round(affordable / tokens_per_step))
    trained = steps * tokens_per_step
    return Forecast(
        depth=shape.depth,
        width=shape.width,
        parameters=shape.parameters,
        vocabulary=shape.vocabulary,
        steps=steps,
        tokens=tokens,
        trained=trained,
        training_minutes=trained / tokens_per_second / 60,
        minutes=((trained + ADAPT_EXTRA_TOKENS) / tokens_per_second + _other_seconds(survey, trial)) / 60,
        disk_bytes=_disk_bytes(survey, tokens, ADAPT_BYTES_PER_PARAMETER * shape.parameters),
        can_give=(
            f"{count_in_words(shape.parameters)} parameters that were trained on 2,000 billion tokens, most of them "
            "English, and now on your text: the best choice for most purposes. It answers as such a small model does; "
            "for other languages, or better answers, name another model in init_from."
        ),
    )


def _tokens(survey: Survey, trial: Trial) -> int:
    """About how many tokens of the corpus are left to train on."""
    differing = max(0.0, 1 - survey.duplicates - trial.near_copies)  # both are shares of the same texts
    share = trial.kept * differing * (1 - 2 * held_out(survey, trial.near_copies))
    return max(1, round(survey.text_bytes * share / trial.bytes_per_token))


def _other_seconds(survey: Survey, trial: Trial) -> float:
    """The seconds of a run's steps before training."""
    return survey.text_bytes * (1 / trial.signal_bytes_per_second + 1 / BYTES_PER_SECOND) + START_SECONDS


def _disk_bytes(survey: Survey, tokens: int, model_bytes: int) -> int:
    return round(BYTES_PER_TEXT_BYTE * survey.text_bytes + BYTES_PER_TOKEN * tokens + model_bytes + FIXED_BYTES)


def can_give(tokens: int, parameters: int) -> str:
    """What a model of so many parameters, trained on a corpus of so many tokens, is good for."""
    largest = PASSES * tokens / PER_PARAMETER
    head = (
        f"{count_in_words(tokens)} tokens are enough to train {count_in_words(largest)} parameters from scratch "
        f"({PER_PARAMETER} tokens per parameter: Chinchilla; {PASSES} passes over the text)"
    )
    if largest < FLUENT_PARAMETERS:
        return (
            f"{head}. That is too little to learn a language from: the {count_in_words(parameters)} parameters of this "
            "recipe will imitate the style of your text without making sense. Tune a public model on it for anything "
            "that is to be used (triptych init FOLDER --adapt); this run gives you the cleaned, deduplicated, split "
            "text for that, and a baseline."
        )
    return (
        f"{head}: enough for a small model of this kind of text whose sentences hold together, given hours of "
        "training; a public model fine-tuned on it will still know more of the world."
    )
