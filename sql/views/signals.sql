-- Every signal of every document, one column a signal, scored once.
select *  from signals_signals
