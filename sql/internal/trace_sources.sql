-- From which source and file is each of the documents $names?
select doc_id, source, uri, partition from described where list_contains($names, doc_id)
