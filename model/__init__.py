"""The network and its training: torch, numpy, pyarrow and safetensors, and nothing of the steps around it.

attention.py, decoder.py     the network; norm.py; family.py: shapes and families; head.py: a classifier's head; lora.py
text_classifier.py           a classifier of any kind in a folder: classes.py, and tfidf.py or head.py
peft_adapter.py              adapters in: peft's, added to the weights of their base
depth.py                     from one number to a shape, a batch, a learning rate and steps
hub.py                       weights in and out: Hugging Face, with hub_families.py, _files.py, _config.py, _tensors.py
gguf_weights.py              weights in: GGUF, by way of gguf_header.py
litgpt_weights.py            weights in and out: LitGPT, by way of litgpt_config.py and litgpt_settings.py
spec.py, session.py          a training run as JSON, and as objects
train.py                     the training process: logs, evaluation, checkpoints, weights; training_log.py, lifeline.py
fit.py                       the loop; optimizer.py and schedule.py: AdamW and learning rates; ranks.py: processes
objectives/                  what is minimised, one file per kind of data
batches.py, order.py         batches by arithmetic; stream.py: token shards; replay.py: which documents a step read
checkpoint.py                checkpoints of one file each
generate.py, samples.py      text from a decoder; generate_batch.py: of many prompts at once
codec.py                     text to token ids and back, with token_bytes.py and special_tokens.py
chat.py, chat_template.py    conversations as token ids; template_limits.py, template_budget.py: templates that end
cross_entropy.py             the loss without all logits
footprint.py                 tensors, arithmetic and memory of a shape
machine.py, trial.py         device, precision, peak rate; the measured speed of a shape
"""
