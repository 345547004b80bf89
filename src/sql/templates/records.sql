{% call part('records') %}
    -- Each record with what identifies
    -- - its month: 12 x year + month - 1 (`month_number`),
    -- - its partner and kind: `partner|feed|kind`; of totals, `count:list` is the kind
    --   (`partner_kind`),
    -- - its area as sent: `code|level|vintage|role|zone` (`sent_area`),
    -- - its codes, with their groups and class (`classification`).
    SELECT *,
        concat_ws('#', coalesce(what_edition, ''), coalesce(own_codes, ''), coalesce("groups", ''),
            coalesce(offence_class, '')) AS classification,
        CASE WHEN instr(true_flags, ';repeat_offender;') > 0 THEN true
            WHEN instr(false_flags, ';repeat_offender;') > 0 THEN false END
            AS offender_again,
        CASE WHEN instr(true_flags, ';repeat_victim;') > 0 THEN true
            WHEN instr(false_flags, ';repeat_victim;') > 0 THEN false END
            AS victim_flagged,
        concat_ws('|', coalesce(area_code, ''), coalesce(area_level, ''), vintage, role,
            zone) AS sent_area
    FROM (
        SELECT *,
            source || ' ' || subject AS id,
            kind AS type,
            kind = 'count' AS is_total,
            concat_ws('|', partner, feed,
                CASE WHEN kind = 'count' THEN 'count:' || coalesce(what_list, '')
                    ELSE kind END) AS partner_kind,
            year("month") * 12 + month("month") - 1 AS month_number,
            concat_ws(';', nullif(codes, ''), scheme || ':' || code,
                'hclic-need:' || replace(nullif(support_needs, ''), ';',
                    ';hclic-need:')) AS own_codes,
            coalesce(CAST(area_vintage AS STRING), '') AS vintage,
            coalesce(area_role, '') AS role,
            coalesce(area_zone, '') AS zone,
            ';' || coalesce(flags_true, '') || ';' AS true_flags,
            ';' || coalesce(flags_false, '') || ';' AS false_flags
        FROM events
    ) AS e
{% endcall %}
{% call part('classifications') %}
    -- Every combination of codes, groups and class.
    SELECT DISTINCT classification, what_edition AS edition, own_codes, "groups", offence_class
    FROM records
{% endcall %}
{% call part('coded') %}
    -- The codes of each, one row each.
    SELECT DISTINCT classification, edition, series_kind, split_part(item, ':', 1) AS scheme,
        substr(item, instr(item, ':') + 1) AS code
    FROM (
        SELECT classification, edition, 'category' AS series_kind,
            {{ dialect.rows_of_text('own_codes') }} AS item
        FROM classifications WHERE own_codes <> ''
        UNION ALL
        SELECT classification, NULL, 'group', {{ dialect.rows_of_text('"groups"') }}
        FROM classifications WHERE "groups" <> ''
        UNION ALL
        SELECT classification, NULL, 'class', 'ho-offence:' || offence_class FROM classifications
        WHERE offence_class IS NOT NULL
    ) AS items
{% endcall %}
{% call part('folded') %}
    -- Codes in the form in which they are compared; null: a base of others, matched by no pattern.
    SELECT *, {{ folded_code }} AS folded FROM coded
{% endcall %}
