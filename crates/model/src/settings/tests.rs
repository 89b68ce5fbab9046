use super::{SESSION_PRESET, SETTINGS, SessionPreset, SettingKind, SettingsChange, TenantSettings};
use serde_json::{Value, json};

fn change(fields: Value) -> SettingsChange {
    serde_json::from_value(fields).unwrap()
}

#[test]
fn every_setting_has_its_line_and_is_right_by_default() {
    let settings = TenantSettings::default();
    let fields = serde_json::to_value(&settings).unwrap();
    let fields = fields.as_object().unwrap();
    let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(names.len(), fields.len());
    for setting in SETTINGS {
        let value = &fields[setting.name];
        match setting.kind {
            SettingKind::Number(range) => {
                assert_eq!(value.as_i64().unwrap(), (range.value)(&settings));
            }
            SettingKind::Choice(choices) => {
                assert!(choices.contains(&value.as_str().unwrap()));
                for choice in choices {
                    assert!(
                        SettingsChange::default()
                            .with(setting.name, *choice)
                            .is_ok()
                    );
                }
            }
        }
    }
    assert_eq!(settings.changed(&SettingsChange::default()), Ok(settings));
}

#[test]
fn a_setting_outside_of_its_range_is_named() {
    let settings = TenantSettings::default();
    // The idle time of half an hour would outlive it.
    let problems = settings.changed(&change(json!({ "session_ttl_seconds": 600 })));
    let problems = problems.unwrap_err();
    assert_eq!(problems[0].to_string(), "session_idle_seconds is 60 to 600");
    let both = json!({ "session_ttl_seconds": 600, "session_idle_seconds": 600 });
    let changed = settings.changed(&change(both)).unwrap();
    assert_eq!(changed.session_ttl_seconds, 600);
    assert_eq!(changed.access_token_ttl_seconds, 300);
    for setting in SETTINGS {
        let SettingKind::Number(range) = setting.kind else {
            continue;
        };
        for number in [i64::MIN, range.least - 1, range.most + 1, i64::MAX] {
            let problems = settings.changed(&change(json!({ setting.name: number })));
            let problems = problems.unwrap_err();
            let named = problems
                .iter()
                .any(|problem| problem.setting == setting.name);
            assert!(named, "{} {number}: {problems:?}", setting.name);
        }
    }
    let of_keys = |max_age: i64, propagation: i64| {
        change(json!({
            "key_set_max_age_seconds": max_age,
            "signing_key_propagation_seconds": propagation,
        }))
    };
    assert!(settings.changed(&of_keys(1, 1)).is_ok());
    for (max_age, propagation) in [(300, 299), (0, 600), (86_401, 90_000), (1, i64::MAX)] {
        let problems = settings.changed(&of_keys(max_age, propagation));
        assert_eq!(problems.unwrap_err().len(), 1, "{max_age} {propagation}");
    }
}

#[test]
fn what_is_no_setting_or_of_another_type_is_refused_by_name() {
    for (fields, message) in [
        (r#"{"issuer": "x"}"#, "unknown field `issuer`"),
        (r#"{"session_ttl_seconds": "1"}"#, "invalid type: string"),
        (
            r#"{"session_ttl_seconds": 1.5}"#,
            "invalid type: floating point",
        ),
        (r#"{"session_limit": "never"}"#, "unknown variant `never`"),
        (r#"{"session_preset": "aal4"}"#, "unknown variant `aal4`"),
        (
            r#"{"session_ttl_seconds": 600, "session_ttl_seconds": 700}"#,
            "duplicate field `session_ttl_seconds`",
        ),
        ("[]", "expected an object"),
    ] {
        let error = serde_json::from_str::<SettingsChange>(fields).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    let nothing = change(json!({ "session_ttl_seconds": null }));
    assert_eq!(nothing, SettingsChange::default());
}

#[test]
fn a_preset_sets_what_goes_together_and_is_shown_while_it_does() {
    let settings = TenantSettings::default();
    assert_eq!(settings.shown()[SESSION_PRESET], Value::Null);
    for (preset, ttl, idle, proof) in [
        (SessionPreset::Aal1, 2_592_000, 604_800, 0),
        (SessionPreset::Aal2, 86_400, 3_600, 3_600),
        (SessionPreset::Aal3, 43_200, 900, 900),
    ] {
        let asked = change(json!({ "session_preset": preset.name() }));
        let changed = settings.changed(&asked).unwrap();
        assert_eq!(changed.session_ttl_seconds, ttl);
        assert_eq!(changed.session_idle_seconds, idle);
        assert_eq!(changed.reauthentication_max_age_seconds, proof);
        assert_eq!(changed.shown()[SESSION_PRESET], preset.name());
        let beside = json!({ "session_preset": preset.name(), "session_idle_seconds": 600 });
        let changed = settings.changed(&change(beside)).unwrap();
        assert_eq!(
            (changed.session_ttl_seconds, changed.session_idle_seconds),
            (ttl, 600)
        );
        assert_eq!(changed.preset(), None);
    }
}
