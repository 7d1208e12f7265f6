"""`triptych init FOLDER`: a look at a folder, a recipe for it with a reason for each choice, a forecast of its run.

cli.py                           the command
propose.py                       the act: look, measure, write the recipe
proposal.py, show.py             its result, and how a person reads it
survey.py, sample.py, licences.py the folder: kinds, languages, licences, from a sample of its text
bad_records.py                   what of a sample cannot be read, and the share of the folder that may be like it
peek.py, fields.py, columns.py, prose.py the first records: which field is the text, which files are fine-tuning rows
finetuning_rows.py               those files, tried as fine-tuning will read them
passage_size.py                  whether texts are cut, and the share that is held out
trial.py, forecast.py            measurements on this machine; what a run will take, and what such a corpus can give
recipe_text.py, training_text.py the recipe's tables up to [curate], and from [tokenizer] on; toml_lines.py: a setting
"""
