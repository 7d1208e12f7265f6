"""Models as other programs open them, each export opened by the real program before it counts.

opened.py               what is compared: ids, greedy continuations, log-probabilities
gguf.py                 one file for llama.cpp, Ollama and LM Studio; gguf_vocabulary.py: the tokenizer in it
proof.py, proof_rows.py the comparison, and the texts that it is made on
formats.py              what `triptych export` writes, each with its proof
ollama.py               its Modelfile beside a GGUF file
llama_cpp.py            such a file as llama.cpp reads it; llama_settings.py: how llama.cpp is run wherever it is
litgpt.py               a folder for LitGPT, and as LitGPT reads it; litgpt_prompts.py: how `litgpt chat` asks
peft.py                 an adapter for peft, and as peft reads it on its base
transformers_folder.py  a folder as transformers reads it
"""
