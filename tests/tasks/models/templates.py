"""Chat templates in the manner of the families of models, each with the kind of tokenizer that goes with it."""

import textwrap
from dataclasses import dataclass, replace

from tests.tasks.models.published import IM, KINDS, Kind


def _lines(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n").removesuffix("\n")


@dataclass(frozen=True)
class Chat:
    kind: Kind
    template: str
    end: str  # of an assistant's turn
    takes_system: bool = True


CHATML = _lines(r"""
    {%- for m in messages %}
        {%- if loop.first and m.role != 'system' %}
            {{- '<|im_start|>system\nYou are a careful assistant.<|im_end|>\n' }}
        {%- endif %}
        {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
    """)
THINKING = _lines(r"""
    {%- set ns = namespace(last=-1) %}
    {%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
    {%- for m in messages %}
        {%- set content = m.content %}
        {%- set thought = '' %}
        {%- if m.role == 'assistant' and '</think>' in content %}
            {%- set thought = content.split('</think>')[0].split('<think>')[-1].strip('\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {{- '<|im_start|>' + m.role + '\n' }}
        {%- if m.role == 'assistant' and loop.index0 > ns.last %}
            {{- '<think>\n' + thought + '\n</think>\n\n' }}
        {%- endif %}
        {{- content + '<|im_end|>\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
    """)
LLAMA2 = _lines(r"""
    {%- if messages[0].role == 'system' %}
        {%- set rest = messages[1:] %}
        {%- set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}
    {%- else %}
        {%- set rest = messages %}
        {%- set system = '' %}
    {%- endif %}
    {%- for m in rest %}
        {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must take turns') }}{% endif %}
        {%- if m.role == 'user' %}
            {{- bos_token + '[INST] ' + (system if loop.first else '') + m.content.strip() + ' [/INST]' }}
        {%- else %}
            {{- ' ' + m.content.strip() + ' ' + eos_token }}
        {%- endif %}
    {%- endfor %}
    """)
LLAMA3 = _lines(r"""
    {{- bos_token }}
    {%- if messages[0]['role'] == 'system' %}
        {%- set system = messages[0]['content'] | trim %}
        {%- set messages = messages[1:] %}
    {%- else %}
        {%- set system = '' %}
    {%- endif %}
    {{- '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + strftime_now('%d %b %Y') + '\n\n' }}
    {{- system + '<|eot_id|>' }}
    {%- for m in messages %}
        {{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}
    {%- endfor %}
    {%- if add_generation_prompt %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
    {%- endif %}
    """)
GEMMA = _lines(r"""
    {{ bos_token }}
    {%- if messages[0].role == 'system' %}{{ raise_exception('no system turn, please') }}{% endif %}
    {%- for m in messages %}
        {%- set role = 'model' if m.role == 'assistant' else m.role %}
        {{- '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}
    """)
GEMMA3 = _lines(r"""
    {{ bos_token }}
    {%- set first = '' %}
    {%- if messages[0].role == 'system' %}
        {%- set first = messages[0].content + '\n\n' %}
        {%- set messages = messages[1:] %}
    {%- endif %}
    {%- for m in messages %}
        {{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + (first if loop.first else '') }}
        {{- m.content | trim + '<end_of_turn>\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}
    """)
MISTRAL = _lines(r"""
    {%- set system = messages[0].content + '\n\n' if messages[0].role == 'system' else '' %}
    {%- set rest = messages[1:] if system else messages %}
    {{- bos_token }}
    {%- for m in rest %}
        {%- if m.role == 'user' %}
            {{- '[INST] ' + (system if m is eq(rest | selectattr('role', 'eq', 'user') | list | last) else '') }}
            {{- m.content + '[/INST]' }}
        {%- else %}
            {{- ' ' + m.content | trim + eos_token }}
        {%- endif %}
    {%- endfor %}
    """)
PHI3 = _lines(r"""
    {% for m in messages %}
    {{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}
    {% endfor %}
    {% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}
    """)
PHI4 = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '<|im_sep|>' + m.content + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
GRANITE = _lines(r"""
    {%- if messages[0].role != 'system' %}
    {{- '<|start_of_role|>system<|end_of_role|>You are G. Date: ' + strftime_now('%B %d, %Y') + '.<|end_of_text|>\n' }}
    {%- endif %}
    {%- for m in messages %}
    {{- '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + '<|end_of_text|>\n' }}
    {%- if loop.last and add_generation_prompt %}{{- '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}
    {%- endfor %}
    """)
TULU = _lines(r"""
    {{ bos_token }}{% for m in messages %}
    {% if m.role == 'assistant' %}{{ '<|assistant|>\n' + m.content + eos_token + ('' if loop.last else '\n') }}
    {% else %}{{ '<|' + m.role + '|>\n' + m.content + '\n' }}
    {% endif %}
    {% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}
    {% endfor %}
    """)
ZEPHYR = _lines(r"""
    {% for m in messages %}
    {{ '<|' + m.role + '|>\n' + m.content + eos_token }}
    {% if loop.last and add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}
    {% endfor %}
    """)
SMOLLM3 = _lines(r"""
    {%- set system = messages[0].content if messages[0].role == 'system' else 'You help.' %}
    {{- '<|im_start|>system\n## Metadata\n\nToday: ' ~ strftime_now('%d %B %Y') ~ '\n\n## Instructions\n\n' }}
    {{- system.replace('/no_think', '').rstrip() + '<|im_end|>\n' }}
    {%- for m in messages if m.role != 'system' %}
        {%- if m.role == 'assistant' %}{% generation %}
            {{- '<|im_start|>assistant\n' + m.content.lstrip('\n') + '<|im_end|>\n' }}
        {%- endgeneration %}{% else %}
            {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
        {%- endif %}
    {%- endfor %}
    {%- if add_generation_prompt %}
        {{- '<|im_start|>assistant\n' + ('<think>\n\n</think>\n' if '/no_think' in system else '') }}
    {%- endif %}
    """)
VICUNA = _lines(r"""
    {%- for m in messages %}
        {%- if m.role == 'system' %}{{ m.content + ' ' }}
        {%- elif m.role == 'user' %}{{ 'USER: ' + m.content + ' ' }}
        {%- else %}{{ 'ASSISTANT: ' + m.content + eos_token }}{% endif %}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}
    """)

_GRANITE_MARKS = ("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>")
CHATS = {
    "qwen2.5": Chat(KINDS["qwen2"], CHATML, "<|im_end|>"),
    "qwen3": Chat(KINDS["qwen2"], THINKING, "<|im_end|>"),
    "smollm2": Chat(KINDS["smollm2"], CHATML, "<|im_end|>"),
    "smollm3": Chat(replace(KINDS["llama3"], specials=IM, bos=None, config={}), SMOLLM3, "<|im_end|>"),
    "llama2": Chat(KINDS["llama2"], LLAMA2, "</s>"),
    "llama3": Chat(KINDS["llama3"], LLAMA3, "<|eot_id|>"),
    "gemma": Chat(KINDS["gemma"], GEMMA, "<end_of_turn>", takes_system=False),
    "gemma3": Chat(KINDS["gemma"], GEMMA3, "<end_of_turn>"),
    "mistral": Chat(KINDS["mistral"], MISTRAL, "</s>"),
    "phi3": Chat(KINDS["phi3"], PHI3, "<|end|>"),
    "phi4": Chat(KINDS["phi4"], PHI4, "<|im_end|>"),
    "granite": Chat(
        replace(KINDS["smollm2"], specials=_GRANITE_MARKS, config={"eos_token": _GRANITE_MARKS[0]}),
        GRANITE,
        "<|end_of_text|>",
    ),
    "tulu": Chat(KINDS["olmo2"], TULU, "<|endoftext|>"),
    "zephyr": Chat(KINDS["llama2"], ZEPHYR, "</s>"),
    "vicuna": Chat(KINDS["always"], VICUNA, "</s>"),
}
