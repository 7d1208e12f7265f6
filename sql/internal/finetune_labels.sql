-- Rows of text and label, at most $max_rows of each label in each split, drawn by a hash of the document.
select _text as text, _label as label, split, origin, doc_id
from valued
where _label is not null and trim(_text) <> ''
qualify row_number() over (partition by split, _label order by md5($salt || doc_id), doc_id) <= $max_rows
order by md5($salt || doc_id), doc_id
