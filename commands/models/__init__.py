"""Using models that exist.

cli           chat, serve, show, score, attention, mask, and keys of the API
cli_eval      eval
cli_compare   compare
cli_registry  import, export, promote, rollback
compare       two or more models on the same items; comparison: on a terminal and as a page
exam          models answer a user's own questions; exam_show: what came of it, on a terminal
looking_up    the training text that a model looks questions up in
use           what these commands do
adapted       a model with an adapter of peft's
import_model  a model made elsewhere into the registry
chat          the conversation on a terminal
answering     a model on its engine, as chat asks it
describe      a model's architecture and cost, on a terminal and as a page; predictions: its next tokens
attention     attention maps of a text, as a picture
"""
