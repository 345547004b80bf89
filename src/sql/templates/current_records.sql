{# The month of a moment. #}
{% macro month(instant) -%}
CAST(date_trunc('month', {{ dialect.london_day(instant) }}) AS DATE)
{%- endmacro %}
{# The revisions that are a release: a month, yyyymm. #}
{% macro is_release(revision) %}{{ revision }} BETWEEN 190001 AND 999912{% endmacro %}
{% call part('ledger_rows') %}
    -- Every revision received. Until a sweep, a merged row is in journal/ and in ledger/: the same
    -- revision of the same record, so that it changes nothing.
    SELECT
        {% for column in ledger_columns %}
        {{ ', ' if not loop.first }}"{{ column.name }}" AS "{{ column.query_name }}"
        {% endfor %}
    FROM {{ dialect.ledger_rows(file('ledger'), ledger_columns) }} AS r
{% endcall %}
{% call part('latest_rows') %}
    -- The state of each record: the highest revision, of several the latest, then the first
    -- received. The revisions of a record are in one partition.
    SELECT * FROM (
        SELECT *,
            row_number() OVER (PARTITION BY source, subject
                ORDER BY revision DESC, revision_at DESC, received, era, "offset") AS place
        FROM ledger_rows
    ) AS r WHERE place = 1
{% endcall %}
{% call part('release_files') %}
    -- What sources publish as complete releases.
    SELECT * FROM ({{ shared.values(release_files) }}) AS r(source, kind, files)
    WHERE source IS NOT NULL
{% endcall %}
{% call part('newest_releases', stored=true) %}
    -- The newest release of each month: it replaces what earlier ones had of the month.
    SELECT r.source, f.files, {{ month('r.occurred_from') }} AS release_month,
        max(r.revision) AS newest
    FROM ledger_rows AS r
    JOIN release_files AS f ON f.source = r.source AND f.kind = r.kind
    WHERE r.cancellation_reason IS NULL AND r.occurred_from IS NOT NULL
        AND {{ is_release('r.revision') }}
    GROUP BY 1, 2, 3
{% endcall %}
{% call part('current_records', stored=true) %}
    -- The records that count, with the combination of what decides their codes.
    SELECT r.*, split_part(r.source, ':', 3) AS partner,
        concat_ws('|', r.kind, coalesce(r.what_list, ''), coalesce(r.what_edition, ''),
            coalesce(r.what_category, ''), coalesce(r.what_code, ''),
            coalesce(r.icd10_further, ''), coalesce(r.concerns, ''),
            coalesce(r.support_needs, '')) AS combination
    FROM latest_rows AS r
    LEFT JOIN release_files AS f ON f.source = r.source AND f.kind = r.kind
    LEFT JOIN newest_releases AS n ON n.source = f.source AND n.files = f.files
        AND n.release_month = coalesce({{ month('r.occurred_from') }}, DATE '1970-01-01')
    WHERE r.cancellation_reason IS NULL
        AND NOT coalesce({{ is_release('r.revision') }} AND n.newest > r.revision, false)
{% endcall %}
