-- Which documents have $name as their id, file or source text?
select doc_id from described where doc_id = $name or origin = $name or uri = $name or source || '/' || uri = $name
   or source || '/' || origin = $name limit 20
