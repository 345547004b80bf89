{% call part('events') %}
    -- The events of all feeds, with the same columns.
{% for feed in feeds %}
    {{ 'UNION ALL' if not loop.first }}
    SELECT
        {% for column in feed.columns %}
        {{ ', ' if not loop.first }}
        {%- if not column.is_sent %}CAST(NULL AS {{ column.sql_type }}) AS {% endif -%}
        "{{ column.name }}"
        {% endfor %}
    FROM {{ file(feed.feed) }}
{% endfor %}
{% endcall %}
