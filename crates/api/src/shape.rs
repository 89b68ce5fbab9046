//! The JSON schema of a body or query, by its name.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// A named JSON schema, with those that it refers to.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

pub(crate) fn shape_of<T: ToSchema>() -> Shape {
    let name = T::name().into_owned();
    let mut schemas = vec![(name.clone(), T::schema())];
    T::schemas(&mut schemas);
    Shape { name, schemas }
}

impl Shape {
    /// Its properties, and which of them are required.
    pub(crate) fn properties(&self) -> Vec<(String, Value, bool)> {
        let schema = self
            .schemas
            .first()
            .map(|(_, schema)| json!(schema))
            .unwrap_or_default();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        properties
            .into_iter()
            .map(|(name, property)| {
                let is_required = required.contains(&json!(name));
                (name, property, is_required)
            })
            .collect()
    }

    pub(crate) fn reference(&self) -> Value {
        json!({ "$ref": format!("#/components/schemas/{}", self.name) })
    }
}
