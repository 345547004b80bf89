SELECT {keys}, {block}
FROM cells AS c {joins}
WHERE NOT {sparse} OR exact IS NULL OR exact <> 0
