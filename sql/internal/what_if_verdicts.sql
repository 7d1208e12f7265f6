-- What does the user's own expression decide? One row a document, in the columns of decide.sql.
select doc_id, len(unmet) = 0 as passes, unmet[1] as reason, unmet as reasons from judged
