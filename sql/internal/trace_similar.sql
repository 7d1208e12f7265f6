-- Which ids of documents look most like $name? None where all look quite different (at most 0.6 is chance).
select doc_id from described where jaro_winkler_similarity(doc_id, $name) >= 0.7
order by jaro_winkler_similarity(doc_id, $name) desc, doc_id limit 3
