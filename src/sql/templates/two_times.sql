-- No query computes this table: it compares the records with those of an earlier time, and events/
-- has the current records only. `partner-feeds explain --before` shows the reasons of one figure.
SELECT * FROM {{ file(table) }}
