{% set area_filter = shared.without_codes_of_small_areas %}
{% include 'comparisons.sql' %}
{{ select_compared }}
JOIN verdicts AS v
    {{ is_verdict }}
