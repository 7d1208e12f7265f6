-- Which documents pass the rules, and what speaks against the others? One row a document, its reasons in order.
-- `rules` are the rows of tasks/curate/rules.py at the recipe's thresholds, `measured` the signals that they compare.
-- Names and order of the reasons are those of datatrove's classes. A document that no language's rules fit (rules:
-- neutral, unspaced) is spared what only such rules can say. `own` holds what speaks against it by curate.keep_if.
with facts as (
  select doc_id, language, characters, lines, c4_characters, c4_lorem_line, c4_curly_line,
    rules not in ('neutral', 'unspaced') as has_language, rules <> 'unspaced' as has_words
  from signals
), beyond as (  -- a signal is beyond the threshold of a rule
  select doc_id, reason, position
  from (unpivot measured on columns(* exclude doc_id) into name signal value value)
    join rules using (signal) join facts using (doc_id)
  where is_on and case comparison when '<' then value < threshold when '>' then value > threshold end
    and case needs when 'language' then has_language when 'words' then has_words else true end
    and not (spares_zero and value = 0)
    and not (filter = 'gopher_repetition' and characters = 0) and not (filter = 'fineweb' and lines = 0)
), lines_of_c4 as (  -- the first of the two lines ends C4's walk through the document
  select doc_id, 'curly_bracket' as reason, 0 as after from facts where c4_curly_line is not null
  union all
  select doc_id, 'lorem_ipsum', case when c4_curly_line < c4_lorem_line and c.is_on then 1.5 else 0 end
  from facts, rules c where c.reason = 'curly_bracket' and c4_lorem_line is not null
), without_text as (  -- for these two filters, and for training
  select doc_id, 'empty' as reason, min(position) - 0.5 as position from facts, rules
  where (filter = 'gopher_repetition' and characters = 0 or filter = 'fineweb' and lines = 0)
    and list_contains($filters::varchar[], filter)
  group by doc_id, filter
  union all
  select doc_id, 'empty', 1e9 from facts where lines = 0 or ($c4_rewrite and c4_characters = 0)
), against as (
  from beyond
  union all
  from without_text
  union all
  select doc_id, reason, position + after from lines_of_c4 join rules using (reason) where is_on
  union all
  select doc_id, reason, position from facts, rules
  where reason = 'language' and is_on and not coalesce(list_contains($languages::varchar[], language), false)
  union all
  select doc_id, reason, position from (select doc_id, unnest(unmet) as reason from own) join rules using (reason)
), listed as (
  select doc_id, list(reason order by position) as reasons from against group by doc_id
)
select doc_id, reasons is null as passes, reasons[1] as reason, coalesce(reasons, []) as reasons
from signals left join listed using (doc_id) order by doc_id
