//! Settings from the file, the environment and the command line.

use super::Config;

fn with(variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::layered(None, variables)
        .and_then(Config::checked)
        .map_err(|error| error.to_string())
}

#[test]
fn the_default_file_is_complete() {
    let config = with(&[]).unwrap();
    assert_eq!(config.base_url(), "http://127.0.0.1:8080");
    assert_eq!(
        config.default_tenant().unwrap().unwrap().to_string(),
        "demo"
    );
}

#[test]
fn the_environment_names_settings_by_their_path() {
    let config = with(&[
        ("KEYWARD_DATABASE_URL", "postgres://a:b@c/d"),
        ("KEYWARD_DATABASE_SYSTEM_URL", "postgres://s:b@c/d"),
        ("KEYWARD_DEMO_ADMIN_PASSWORD", "correct horse battery"),
        ("KEYWARD_PASSWORDS_ITERATIONS", "3"),
    ])
    .unwrap();
    assert_eq!(config.database.url.get(), Some("postgres://a:b@c/d"));
    assert_eq!(
        config.demo.admin_password.get(),
        Some("correct horse battery")
    );
    assert_eq!(config.passwords.iterations, 3);
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("correct") && !shown.contains("postgres"),
        "{shown}"
    );
}

#[test]
fn a_list_in_the_environment_is_separated_by_commas() {
    let config = with(&[("KEYWARD_TRUSTED_PROXIES", "10.0.0.0/8, ::1 ,")]).unwrap();
    assert_eq!(config.trusted_proxies, ["10.0.0.0/8", "::1"]);
    assert!(with(&[("KEYWARD_TRUSTED_PROXIES", "")]).is_ok());
}

#[test]
fn what_is_wrong_is_named() {
    for (name, value, expected) in [
        ("KEYWARD_LISTN", "1", "KEYWARD_LISTN is in the environment"),
        (
            "KEYWARD_PASSWORDS_ITERATIONS",
            "x",
            "must be a whole number",
        ),
        ("KEYWARD_PASSWORDS_MEMORY_KIB", "1024", "passwords:"),
        ("KEYWARD_DEFAULT_TENANT", "Not A Slug", "default_tenant:"),
        (
            "KEYWARD_TRACES_OTLP_ENDPOINT",
            "localhost",
            "an http or https URL",
        ),
        ("KEYWARD_TRACES_SAMPLE_RATIO", "1.5", "traces.sample_ratio"),
        ("KEYWARD_TRACES_SAMPLE_RATIO", "half", "must be a number"),
        ("KEYWARD_METRICS_LISTEN", "9464", "metrics.listen must be"),
        (
            "KEYWARD_METRICS_LISTEN",
            "0.0.0.0:9464",
            "metrics.token is needed",
        ),
        (
            "KEYWARD_TRUSTED_PROXIES",
            "10.0.0.0/8, proxy.example",
            "trusted_proxies: `proxy.example` is neither",
        ),
        (
            "KEYWARD_TRUSTED_PROXIES",
            "0.0.0.0/0",
            "trusted_proxies: `0.0.0.0/0` would trust everybody",
        ),
        (
            "KEYWARD_TLS_KEY_FILE",
            "key.pem",
            "tls.certificate_file is needed with tls.key_file",
        ),
        ("KEYWARD_FORWARDED_HEADER", "x-real-ip", "forwarded_header:"),
        (
            "KEYWARD_RATE_LIMIT_NETWORK_BURST",
            "0",
            "rate_limit.network: burst",
        ),
        (
            "KEYWARD_RATE_LIMIT_SESSION_REQUESTS_PER_MINUTE",
            "-1",
            "requests_per_minute",
        ),
        (
            "KEYWARD_OPERATOR_LISTEN",
            "localhost",
            "operator.listen: localhost",
        ),
        (
            "KEYWARD_OPERATOR_LISTEN",
            "127.0.0.1:8081",
            "operator.token_file is needed",
        ),
        (
            "KEYWARD_DATABASE_URL",
            "postgres://x",
            "database.system_url is needed",
        ),
    ] {
        let error = with(&[(name, value)]).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_file_may_not_have_unknown_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.toml");
    std::fs::write(&path, "[database]\nurrl = \"x\"\n").unwrap();
    let error = Config::layered(Some(&path), std::iter::empty())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "database.urrl is no setting; see `keyward config default`"
    );
}
