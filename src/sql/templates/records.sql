{% call part('events') %}
    -- Records, each with its month (12 x year + month - 1), its area as sent and all that says what it is.
{% for feed in feeds %}
    {{ 'UNION ALL' if not loop.first }}
    SELECT
        {% for column in feed.columns %}
        {{ ', ' if not loop.first }}
        {%- if column.is_sent %}"{{ column.name }}"{% else %}CAST(NULL AS {{ column.sql_type }}) AS "{{ column.name }}"{% endif %}

        {% endfor %}
    FROM {{ file(feed.feed) }}
{% endfor %}
{% endcall %}
{% call part('records') %}
    SELECT *,
        concat_ws('#', coalesce(what_edition, ''), coalesce(own_codes, ''), coalesce("groups", ''), coalesce("class", '')) AS what,
        CASE WHEN instr(yes, ';repeat_offender;') > 0 THEN true WHEN instr(no, ';repeat_offender;') > 0 THEN false END
            AS offender_again,
        CASE WHEN instr(yes, ';repeat_victim;') > 0 THEN true WHEN instr(no, ';repeat_victim;') > 0 THEN false END
            AS victim_flagged,
        concat_ws('|', coalesce(area_code, ''), coalesce(area_level, ''), vintage, role, zone) AS sent
    FROM (
        SELECT *,
            source || ' ' || subject AS id,
            kind AS type,
            kind = 'count' AS is_total,
            concat_ws('|', partner, feed,
                CASE WHEN kind = 'count' THEN 'count:' || coalesce(what_list, '') ELSE kind END) AS whose,
            CAST(left("month", 4) AS INT) * 12 + CAST(right("month", 2) AS INT) - 1 AS m,
            concat_ws(';', nullif(codes, ''), scheme || ':' || code,
                'hclic-need:' || replace(nullif(support_needs, ''), ';', ';hclic-need:')) AS own_codes,
            coalesce(CAST(area_vintage AS STRING), '') AS vintage,
            coalesce(area_role, '') AS role,
            coalesce(area_zone, '') AS zone,
            ';' || coalesce(flags_true, '') || ';' AS yes,
            ';' || coalesce(flags_false, '') || ';' AS no
        FROM events
    ) AS e
{% endcall %}
{% call part('whats') %}
    -- What records are: their codes, and the groups and classes of these.
    SELECT DISTINCT what, what_edition AS edition, own_codes, "groups", "class" FROM records
{% endcall %}
{% call part('coded') %}
    SELECT DISTINCT what, edition, series_kind, split_part(item, ':', 1) AS scheme,
        substr(item, instr(item, ':') + 1) AS code
    FROM (
        SELECT what, edition, 'category' AS series_kind, {{ dialect.rows_of_text('own_codes') }} AS item
        FROM whats WHERE own_codes <> ''
        UNION ALL
        SELECT what, NULL, 'group', {{ dialect.rows_of_text('"groups"') }} FROM whats WHERE "groups" <> ''
        UNION ALL
        SELECT what, NULL, 'class', 'ho-offence:' || "class" FROM whats WHERE "class" IS NOT NULL
    ) AS items
{% endcall %}
{% call part('folded') %}
    -- Codes in the form in which they are compared; null = a base, which is like nothing.
    SELECT *, {{ folded_code }} AS folded FROM coded
{% endcall %}
