-- Which documents change sides? At most $most of them, in an order drawn with $seed.
select doc_id, source, language, bytes, kept_then, reason_today, reason_then from decided
where kept_then <> kept_today order by hash(doc_id || $seed) limit $most
