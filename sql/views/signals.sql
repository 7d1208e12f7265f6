-- Every signal of every document, one column a signal, scored once.
select * exclude (partition) from signals_signals
