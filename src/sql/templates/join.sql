SELECT * FROM {{ file(table) }}
