-- Which documents have $name as their id, file (with its folder or without) or source text?
select doc_id from described where doc_id = $name or origin = $name or uri = $name or source || '/' || uri = $name
   or source || '/' || origin = $name or ends_with(uri, '/' || $name) limit 20
