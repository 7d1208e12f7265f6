-- Where each document's tokens lie: the Arrow shard and the row in it.
select doc_id, shard, row, tokens, split, partition from encode_rows
