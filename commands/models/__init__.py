"""Using models that exist.

cli         chat, serve, score, attention, eval, export, mask, promote, rollback, and keys of the API
use         what these commands do
attention   attention maps of a text, as a picture
"""
