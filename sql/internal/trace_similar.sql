-- Which ids of documents look most like $name?
select doc_id from described order by jaro_winkler_similarity(doc_id, $name) desc, doc_id limit 3
