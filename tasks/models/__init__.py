"""Models as folders of weights: pretrained ones in, text in and out of any.

pretrained.py       a model made elsewhere, located and read as a folder in the Hugging Face layout; gguf_tokenizer.py
adapter.py          an adapter of peft's, merged into its base
litgpt_folder.py    a folder of LitGPT's
hub_place.py        the name of a model on a hub;  hub_download.py  its files, fetched once; hub_remote.py  and verified
model_check.py      whether weights and tokenizer of a model can be used
provenance.py       its name, hash and licence, kept beside the weights that began from it
vocabulary.py       a tokenizer folder: text to ids, ids to bytes, special tokens by name (model/codec.py)
tokenizer_class.py  the class of transformers that reads it whole
chat_template.py    whether a model answers in turns
prompting.py        turns or text to ids, ids to text; detokenizer.py: bytes to text, up to a stop sequence
damage.py           what a library raises over a file that somebody else made
likelihood.py       log-probabilities of given tokens
architecture.py     a network in words and numbers
"""
