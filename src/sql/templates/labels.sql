{% call part('partner_kind_labels') %}
    SELECT concat_ws('|', partner, feed, kind) AS partner_kind, partner_name, kind_label,
        collection
    FROM {{ file('partner_kinds') }}
{% endcall %}
{% call part('area_names') %}
    SELECT DISTINCT area_code, area_level, area_name FROM {{ file('areas') }}
{% endcall %}
{% call part('series_labels') %}
    -- The total and codes are the same under every plan.
    SELECT DISTINCT concat_ws('|',
            CASE WHEN scheme IS NULL AND series_kind <> 'total' THEN plan_id ELSE '*' END,
            series_kind, series, coalesce(scheme, '')) AS series_key,
        series_label
    FROM {{ file('series') }}
{% endcall %}
