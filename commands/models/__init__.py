"""Using models that exist.

cli   chat, serve, score, eval, export, mask, promote, rollback, and keys of the API
use   what these commands do
"""
