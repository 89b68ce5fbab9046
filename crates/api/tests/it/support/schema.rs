//! Holds JSON against the schemas of the API's own description: types, required and known properties.

use serde_json::{Map, Value};

/// The description of the API.
pub(crate) struct Description {
    pub(crate) document: Value,
}

impl Description {
    /// What is wrong with `value`, each with where it is.
    pub(crate) fn errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        self.check(schema, value, "", &mut errors);
        errors
    }

    /// What a reference leads to.
    pub(crate) fn resolve(&self, reference: &str) -> Option<&Value> {
        self.document.pointer(reference.strip_prefix('#')?)
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.resolve(reference).expect("a known schema");
            return self.check(target, value, place, errors);
        }
        for name in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[name].as_array()
                && !choices
                    .iter()
                    .any(|choice| self.errors(choice, value).is_empty())
            {
                errors.push(format!("{place}: {value} is none of {name}"));
            }
        }
        if !of_type(&schema["type"], value) {
            errors.push(format!("{place}: {value} is no {}", schema["type"]));
        }
        if !of_format(schema["format"].as_str(), value) {
            errors.push(format!("{place}: {value} is no {}", schema["format"]));
        }
        if let (Some(properties), Some(object)) =
            (schema["properties"].as_object(), value.as_object())
        {
            self.check_object(schema, (properties, object), place, errors);
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.check(&schema["items"], item, &format!("{place}/{index}"), errors);
        }
    }

    fn check_object(
        &self,
        schema: &Value,
        (properties, object): (&Map<String, Value>, &Map<String, Value>),
        place: &str,
        errors: &mut Vec<String>,
    ) {
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !object.contains_key(name) {
                errors.push(format!("{place}/{name} is missing"));
            }
        }
        for (name, value) in object {
            match properties.get(name) {
                Some(property) => self.check(property, value, &format!("{place}/{name}"), errors),
                None => errors.push(format!("{place}/{name} is unknown")),
            }
        }
    }
}

fn of_type(expected: &Value, value: &Value) -> bool {
    match expected {
        Value::Array(choices) => choices.iter().any(|choice| of_type(choice, value)),
        Value::String(name) => match name.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("{other} is no type of JSON schema"),
        },
        _ => true,
    }
}

fn of_format(format: Option<&str>, value: &Value) -> bool {
    match (format, value.as_str()) {
        (Some("uuid"), Some(text)) => text.parse::<uuid::Uuid>().is_ok(),
        (Some("date-time"), Some(text)) => text.parse::<keyward_model::Timestamp>().is_ok(),
        (Some("email"), Some(text)) => text.parse::<keyward_model::EmailAddress>().is_ok(),
        _ => true,
    }
}
