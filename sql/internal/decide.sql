-- Which documents pass the filters, and what speaks against the others? One row a document, all its reasons in order.
-- Names and order of the reasons are those of datatrove's classes; ratios were computed with the scores. A document
-- that no language's rules fit (rules: neutral, unspaced) is spared what only such rules can say. `own` holds what
-- speaks against it by the recipe's own conditions (curate.keep_if).
with scored as (
  select signals.*, own.unmet, rules not in ('neutral', 'unspaced') as has_language, rules <> 'unspaced' as has_words
  from signals join own using (doc_id)
), judged as (
  select doc_id,
    case when len($languages::varchar[]) > 0 and not coalesce(list_contains($languages::varchar[], language), false)
      then ['language'] else [] end as language,
    [
      case when $min_doc_words > 0 and plain_words < $min_doc_words then 'gopher_short_doc' end,
      case when $max_doc_words > 0 and plain_words > $max_doc_words then 'gopher_long_doc' end,
      case when has_language and $min_avg_word_length > 0 and mean_word_length < $min_avg_word_length
        then 'gopher_below_avg_threshold' end,
      case when has_language and $max_avg_word_length > 0 and mean_word_length > $max_avg_word_length
        then 'gopher_above_avg_threshold' end,
      case when $max_symbol_word_ratio > 0 and hash_ratio > $max_symbol_word_ratio then 'gopher_too_many_hashes' end,
      case when $max_symbol_word_ratio > 0 and ellipsis_ratio > $max_symbol_word_ratio
        then 'gopher_too_many_ellipsis' end,
      case when $max_bullet_lines_ratio > 0 and bullet_lines_ratio > $max_bullet_lines_ratio
        then 'gopher_too_many_bullets' end,
      case when $max_ellipsis_lines_ratio > 0 and ellipsis_lines_ratio > $max_ellipsis_lines_ratio
        then 'gopher_too_many_end_ellipsis' end,
      case when has_language and $max_non_alpha_words_ratio > 0 and alpha_words_ratio < $max_non_alpha_words_ratio
        then 'gopher_below_alpha_threshold' end,
      case when has_language and $min_stop_words > 0 and stop_words < $min_stop_words
        then 'gopher_enough_stop_words' end
    ] as gopher_quality,
    case when characters = 0 then ['empty'] else [
      case when $dup_para_frac > 0 and dup_para_frac > $dup_para_frac then 'dup_para_frac' end,
      case when $dup_para_char_frac > 0 and dup_para_char_frac > $dup_para_char_frac then 'dup_para_char_frac' end,
      case when $dup_line_frac > 0 and dup_line_frac > $dup_line_frac then 'dup_line_frac' end,
      case when $dup_line_char_frac > 0 and dup_line_char_frac > $dup_line_char_frac then 'dup_line_char_frac' end,
      case when has_words and top_2_gram > $top_2_gram then 'top_2_gram' end,
      case when has_words and top_3_gram > $top_3_gram then 'top_3_gram' end,
      case when has_words and top_4_gram > $top_4_gram then 'top_4_gram' end,
      case when has_words and duplicated_5_n_grams > $duplicated_5_n_grams then 'duplicated_5_n_grams' end,
      case when has_words and duplicated_6_n_grams > $duplicated_6_n_grams then 'duplicated_6_n_grams' end,
      case when has_words and duplicated_7_n_grams > $duplicated_7_n_grams then 'duplicated_7_n_grams' end,
      case when has_words and duplicated_8_n_grams > $duplicated_8_n_grams then 'duplicated_8_n_grams' end,
      case when has_words and duplicated_9_n_grams > $duplicated_9_n_grams then 'duplicated_9_n_grams' end,
      case when has_words and duplicated_10_n_grams > $duplicated_10_n_grams then 'duplicated_10_n_grams' end
    ] end as gopher_repetition,
    [  -- the first of the two lines ends C4's walk through the document
      case when $filter_lorem_ipsum and c4_lorem_line is not null
        and not ($filter_curly_bracket and coalesce(c4_curly_line < c4_lorem_line, false)) then 'lorem_ipsum' end,
      case when $filter_curly_bracket and c4_curly_line is not null then 'curly_bracket' end,
      case when $filter_lorem_ipsum and $filter_curly_bracket and c4_curly_line < c4_lorem_line
        then 'lorem_ipsum' end,
      case when has_language and c4_sentences < $min_num_sentences then 'too_few_sentences' end
    ] as c4,
    case when lines = 0 then ['empty'] else [
      case when has_language and line_punct_ratio < $line_punct_thr
        and not (line_punct_ratio = 0 and $line_punct_exclude_zero) then 'line_punct_ratio' end,
      case when has_words and short_line_ratio > $short_line_thr then 'short_line_ratio' end,
      case when char_dup_ratio > $char_duplicates_ratio then 'char_dup_ratio' end,
      case when list_ratio > $new_line_ratio then 'list_ratio' end
    ] end as fineweb,
    unmet,
    [case when lines = 0 or ($c4_rewrite and c4_characters = 0) then 'empty' end] as nothing_left
  from scored
), listed as (
  select doc_id, list_filter(list_concat(language, flatten(list_transform($filters::varchar[], lambda name:
    case name when 'gopher_quality' then gopher_quality when 'gopher_repetition' then gopher_repetition
      when 'c4' then c4 when 'fineweb' then fineweb end
  )), unmet, nothing_left), lambda reason: reason is not null) as reasons
  from judged
)
select doc_id, len(reasons) = 0 as passes, reasons[1] as reason, reasons from listed order by doc_id
