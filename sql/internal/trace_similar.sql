-- Which ids of documents look most like $name, as a whole or by the file's own name? None where all look quite different
-- (at most 0.6 is chance).
with likeness as (
    select doc_id, greatest(jaro_winkler_similarity(doc_id, $name),
                            jaro_winkler_similarity(parse_filename(uri, true), $name)) as similarity from described
)
select doc_id from likeness where similarity >= 0.7 order by similarity desc, doc_id limit 3
