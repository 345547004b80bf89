{% set roles = ['person', 'victim', 'suspect'] %}
{% call part('tokens', stored=true) %}
    -- The tokens of people, one row each.
    {% for role in roles %}
    {{ 'UNION ALL ' if not loop.first }}SELECT source, subject, partner, feed, kind, occurred_from,
        {{ role | literal }} AS role, {{ role }}_token AS token,
        {{ role }}_token_previous AS previous
    FROM current_records WHERE {{ role }}_token IS NOT NULL AND kind <> 'count'
    {% endfor %}
{% endcall %}
{% call part('renewals_1', stored=true) %}
    -- Tokens whose key changed, each with that of the same person under the next key.
    SELECT * FROM (
        SELECT previous AS token, max(token) AS newer FROM tokens
        WHERE previous IS NOT NULL GROUP BY previous
    ) AS t WHERE newer <> token
{% endcall %}
{# A key lasts a year. #}
{% for steps in [2, 4, 8, 16, 32, 64] %}
{% call part('renewals_' ~ steps, stored=true) %}
    -- The same after {{ steps }} changes.
    SELECT a.token, coalesce(b.newer, a.newer) AS newer
    FROM renewals_{{ steps // 2 }} AS a
    LEFT JOIN renewals_{{ steps // 2 }} AS b ON b.token = a.newer
{% endcall %}
{% endfor %}
{% call part('repeated_people') %}
    -- Whether each was in a record of the partner's kind within the 12 months before.
    SELECT source, subject
        {% for role in roles %}
        , bool_or(CAST(before + INTERVAL 1 YEAR AS DATE) >= occurred)
            FILTER (WHERE role = {{ role | literal }}) AS {{ role }}_again
        {% endfor %}
    FROM (
        SELECT source, subject, role, occurred,
            coalesce(lag(occurred) OVER (PARTITION BY partner, feed, kind, role, person
                ORDER BY microseconds, subject, source), DATE '0001-01-01') AS before
        FROM (
            SELECT t.*, coalesce(r.newer, t.token) AS person,
                coalesce({{ dialect.london_day('occurred_from') }}, DATE '1970-01-01') AS occurred,
                coalesce({{ dialect.microseconds('occurred_from') }}, 0) AS microseconds
            FROM tokens AS t LEFT JOIN renewals_64 AS r ON r.token = t.token
        ) AS t
    ) AS t GROUP BY source, subject
{% endcall %}
