"""Using models that exist.

cli         chat, serve, score, attention, eval, export, mask, promote, rollback, and keys of the API
use         what these commands do
chat        the conversation on a terminal
attention   attention maps of a text, as a picture
"""
