//! The shapes of wards: `GeoJSON` in longitude and latitude.

use std::collections::BTreeMap;

use serde_json::Value;

/// A closed line of points, as longitude and latitude.
pub(crate) type Ring = Vec<(f64, f64)>;

/// The outlines of areas, by code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boundaries {
    /// All rings of each area, holes included.
    pub(crate) shapes: BTreeMap<String, Vec<Ring>>,
}

impl Boundaries {
    /// Reads `GeoJSON`. `code` is the property with an area's code.
    pub(crate) fn parse(text: &str, code: &str) -> Result<Self, String> {
        let json: Value =
            serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
        let features = json["features"]
            .as_array()
            .ok_or("has no `features`: it must be a GeoJSON FeatureCollection")?;
        let mut shapes = BTreeMap::new();
        for (index, feature) in features.iter().enumerate() {
            let id = feature["properties"][code]
                .as_str()
                .ok_or_else(|| format!("features[{index}] has no property `{code}`"))?;
            let coordinates = &feature["geometry"]["coordinates"];
            let rings = match feature["geometry"]["type"].as_str() {
                Some("Polygon") => rings(coordinates),
                Some("MultiPolygon") => coordinates
                    .as_array()
                    .map(|polygons| polygons.iter().filter_map(rings).flatten().collect()),
                _ => None,
            };
            let rings = rings.filter(|rings: &Vec<Ring>| !rings.is_empty());
            let rings = rings.ok_or_else(|| {
                format!("features[{index}] is not a Polygon or MultiPolygon in degrees")
            })?;
            shapes.insert(id.to_owned(), rings);
        }
        Ok(Self { shapes })
    }
}

fn rings(coordinates: &Value) -> Option<Vec<Ring>> {
    let rings = coordinates.as_array()?.iter().map(|ring| {
        let points = ring.as_array()?.iter().map(|point| {
            let (x, y) = (point[0].as_f64()?, point[1].as_f64()?);
            ((-180.0..=180.0).contains(&x) && (-90.0..=90.0).contains(&y)).then_some((x, y))
        });
        points.collect::<Option<Ring>>()
    });
    rings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_by_the_code_of_their_area() {
        let text = r#"{"features":[{"properties":{"code":"E1"},"geometry":{"type":"Polygon",
            "coordinates":[[[0,51],[1,51],[1,52],[0,51]]]}}]}"#;
        let boundaries = Boundaries::parse(text, "code").expect("valid");
        assert_eq!(boundaries.shapes["E1"][0].len(), 4);
        let error = Boundaries::parse(text, "WD25CD").expect_err("another property");
        assert_eq!(error, "features[0] has no property `WD25CD`");
        let metres = text.replace("[1,52]", "[574723,157382]");
        assert!(Boundaries::parse(&metres, "code").is_err());
    }
}
