"""Chat templates that would take for ever, or all memory, are stopped and refused by name; others render as before."""

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from model.chat import ChatTemplateError, Turn
from model.chat_template import ChatTemplate
from model.template_limits import SOURCE_CHARACTERS

BIG = "{% set big = 'x' * 100000 %}{% set many = [big] * 50000 %}"
DOUBLED = "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
HOSTILE = {
    "loops in loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "a sum of itself": DOUBLED + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "joined to itself": DOUBLED + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "a list of itself": "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}"
    "{% endfor %}",
    "inside a dictionary": "{% set ns = namespace(d={'a': 'ab'}) %}{% for i in range(60) %}"
    "{% set ns.d = {'a': ns.d.a + ns.d.a} %}{% endfor %}",
    "through a macro": "{% macro m(x, n) %}{% if n %}{{ m(x + x, n - 1) }}{% endif %}{% endmacro %}{{ m('ab', 60) }}",
    "through a loop that calls itself": "{% for x in ['ab'] recursive %}{{ loop([x + x]) }}{% endfor %}",
    "a loop that calls itself twice": "{% for x in [1] recursive %}{% if loop.depth < 60 %}{% set a = loop([x]) %}"
    "{% set b = loop([x]) %}{% endif %}{% endfor %}",
    "macros that call macros": "{% macro m(n) %}{% if n %}{% set a = m(n - 1) %}{% set b = m(n - 1) %}{% endif %}"
    "{% endmacro %}{{ m(60) }}",
    "text in a block": "{% set ns = namespace(x='') %}{% set y %}{% for i in range(90000) %}"
    + "x" * 9000
    + "{% endfor %}"
    "{% endset %}",
    "a constant in a block": "{% set y %}{% for i in range(90000) %}{{ '" + "x" * 9000 + "' }}{% endfor %}{% endset %}",
    "a value in a block": BIG + "{% set y %}{% for i in range(90000) %}{{ big }}{% endfor %}{% endset %}",
    "a product": "{{ 'a' * 10000000000 }}",
    "a product of lists": "{% set x = [0] * 10000000000 %}",
    "a power": "{{ 10 ** 10000000000 }}",
    "squares": "{% set ns = namespace(x=9) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "a width": "{{ 'a'.center(10000000000) }}",
    "a width of a filter": "{{ 'a' | center(10000000000) }}",
    "a width of a format": "{{ '%10000000000d' % 1 }}",
    "a width from a value": "{{ '%*d' | format(1000000000, 1) }}",
    "a width of format": "{{ '{:10000000000}'.format(1) }}",
    "a width of format from a value": "{{ '{:{w}}'.format(1, w='10000000000') }}",
    "a precision": "{{ 1.5 | round(1000000000, 'floor') }}",
    "replaced": BIG + "{{ big | replace('x', big) }}",
    "replaced by a method": BIG + "{{ big.replace('', big) }}",
    "translated": BIG + "{{ big.translate({120: big}) }}",
    "tabs": "{{ ('\\t' * 100000).expandtabs(100000) }}",
    "joined": BIG + "{{ many | join }}",
    "joined by a method": BIG + "{{ ''.join(many) }}",
    "joined from a generator": BIG + "{{ ''.join([{'a': big}] * 50000 | map(attribute='a')) }}",
    "a list as text": BIG + "{{ many }}",
    "a list as text in a format": BIG + "{% set x = '%s' % [many] %}",
    "a namespace as text": BIG + "{% set ns = namespace(x=many) %}{{ ns | string }}",
    "values as text": BIG + "{{ {'a': many}.values() | trim }}",
    "a sum of lists": BIG + "{% set x = [many] * 50000 %}{{ x | sum(start=[]) }}",
    "indented": BIG + "{{ ('\\n' * 100000) | indent(big) }}",
    "JSON": BIG + "{{ many | tojson }}",
    "JSON far indented": "{{ [[[1]]] | tojson(indent=100000) }}",
    "bytes": "{{ (1).to_bytes(10000000000, 'big') }}",
    "slices": BIG
    + "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = ns.x + [big[1:]] %}{% endfor %}",
    "slow looks": BIG * 30 + "{% for i in range(99999) %}{% for j in range(9) %}{% if 'y' in big ~ big %}{% endif %}"
    "{% endfor %}{% endfor %}",
}
UNREADABLE = {
    "sums that are too long": "{{ x" + " + x" * 100 + " }}",
    "too long": "x" * (SOURCE_CHARACTERS + 1),
    "loops within loops": "{% for x in [1] %}" * 50 + "{% endfor %}" * 50,
}
TURNS = [Turn("user", "abc")]
USUAL = """
{%- set ns = namespace(last='', n=0) -%}
{%- macro mark(role, text='') -%}<|{{ role }}|>{{ text | trim }}{%- endmacro -%}
{%- for message in messages[::-1] -%}
{{- mark(message['role'], message.content) ~ ' ' ~ loop.index0 ~ [1, 'a'] -}}
{%- set ns.last = ns.last + message['content'] + '\\n' -%}{%- set ns.n = ns.n + 1 -%}
{%- for part in message.content.split('b') if part -%}{{ loop.revindex }}{{ part | replace('a', '-') }}{%- endfor -%}
{%- endfor -%}
{{ ns.last }}{{ ns.n }}{{ messages | map(attribute='role') | join(', ') }}{{ {'a': none} | tojson }}{{ missing }}
{{ '%s-%5.2f' % ('a', 1.5) }}{{ '{:>4}'.format(7) }}{{ '=' * 5 }}{{ 2 ** 8 }}{{ 'a\nb' | indent(2) }}{{ none }}
{%- macro twice() -%}{{ caller() }}{{ caller() }}{%- endmacro -%}{%- call twice() %}y{% endcall -%}
{%- for n in [[1, [2]], [3]] recursive %}{{ loop(n) if n is sequence else n }}{% endfor -%}
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_template_that_takes_too_much_is_stopped_and_named(name: str) -> None:
    with pytest.raises(ChatTemplateError, match="chat template"):
        ChatTemplate(HOSTILE[name], {}).text(TURNS, True)


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_template_that_no_compiler_should_see_is_refused(name: str) -> None:
    with pytest.raises(ChatTemplateError, match="no Jinja that can be read"):
        ChatTemplate(UNREADABLE[name], {})


def test_what_usual_templates_write_is_as_without_limits() -> None:
    turns = [Turn("user", "abab\tnaïve"), Turn("assistant", "b")] * 300
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    plain = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(USUAL)
    assert ChatTemplate(USUAL, {}).text(turns, True) == plain.render(messages=messages)


def test_a_long_conversation_is_no_attack() -> None:
    source = (
        "{%- for m in messages -%}{{ '<|' + m.role + '|>' + m.content.strip() | replace('a', 'bb') }}{%- endfor -%}"
    )
    text = ChatTemplate(source, {}).text([Turn("user", "abc" * 100_000)] * 20, True)
    assert len(text) == 20 * (400_000 + len("<|user|>"))
