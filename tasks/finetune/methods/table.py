"""The methods of fine-tuning by name, in the order in which a run does them."""

from tasks.finetune.method import Method
from tasks.finetune.methods.classify import CLASSIFY
from tasks.finetune.methods.instruct import INSTRUCT
from tasks.finetune.methods.kto import KTO
from tasks.finetune.methods.prefer import PREFER

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        CLASSIFY,
        INSTRUCT,
        PREFER,
        KTO,
    )
}
