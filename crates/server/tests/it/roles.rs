//! PostgreSQL: the migrations come first, and a role that stands above row-level security is refused.

use crate::instance::{Instance, sql_as};
use keyward_store::role_of;
use serde_json::json;

/// The settings that name the roles of requests.
const SETTINGS: [(&str, &str); 2] = [
    ("KEYWARD_DATABASE_URL", "database.url"),
    ("KEYWARD_DATABASE_SYSTEM_URL", "database.system_url"),
];

/// Serves with a URL in either setting, and expects a refusal that says why.
fn refused(instance: &mut Instance, url: &str, because: &[&str]) {
    for (variable, setting) in SETTINGS {
        let usual = match variable {
            "KEYWARD_DATABASE_URL" => instance.postgres().app.clone(),
            _ => instance.postgres().system.clone(),
        };
        instance.set(variable, url);
        let failed = instance.fail_to_serve();
        failed.expect_failure(1, &[setting, "keyward migrate --create-roles"]);
        failed.expect_failure(1, because);
        assert!(!instance.root_key().exists(), "nothing was made");
        instance.set(variable, usual);
    }
}

/// A role with these attributes, as a URL of the instance's database.
fn role(instance: &Instance, suffix: &str, attributes: &str) -> (String, String) {
    let urls = instance.postgres();
    let name = format!("{}_{suffix}", role_of(&urls.app).unwrap());
    let password = urls.password();
    sql_as(
        &urls.admin,
        &format!("CREATE ROLE {name} LOGIN {attributes} PASSWORD '{password}'"),
    );
    (urls.of_role(&name), name)
}

#[test]
fn asvs_v13_2_2_a_role_above_row_level_security_is_refused() {
    let Some(mut instance) = Instance::on_postgres() else {
        return;
    };
    let admin = instance.postgres().admin.clone();
    refused(&mut instance, &admin, &["superuser"]);
    let owner = instance.postgres().owner.clone();
    refused(&mut instance, &owner, &["owns the tables"]);
    for (suffix, attributes, because) in [
        ("bypass", "BYPASSRLS", "bypasses row-level security"),
        ("maker", "CREATEROLE", "may create roles"),
    ] {
        let (url, name) = role(&instance, suffix, attributes);
        refused(&mut instance, &url, &[&name, because]);
    }
}

#[test]
fn asvs_v13_2_2_a_member_of_such_a_role_is_refused() {
    let Some(mut instance) = Instance::on_postgres() else {
        return;
    };
    let (_, superuser) = role(&instance, "above", "SUPERUSER");
    let (_, bypass) = role(&instance, "bypass", "BYPASSRLS");
    let (_, between) = role(&instance, "between", "NOINHERIT");
    let owner = role_of(&instance.postgres().owner).unwrap();
    sql_as(
        &instance.postgres().admin,
        &format!("GRANT {superuser} TO {between}"),
    );
    for (number, (group, named, because)) in [
        (&owner, &owner, "owns the tables"),
        (&superuser, &superuser, "superuser"),
        (&bypass, &bypass, "bypasses row-level security"),
        (&between, &superuser, "superuser"),
    ]
    .into_iter()
    .enumerate()
    {
        // Without INHERIT it has their rights only after SET ROLE, which nothing keeps it from.
        let (url, name) = role(&instance, &format!("member{number}"), "NOINHERIT");
        sql_as(
            &instance.postgres().admin,
            &format!("GRANT {group} TO {name}"),
        );
        refused(&mut instance, &url, &["is a member of", named, because]);
    }
    assert_eq!(
        instance.serve().get("/readyz").status,
        200,
        "the usual roles serve"
    );
}

#[test]
fn serving_before_the_migration_says_what_to_do() {
    let Some(instance) = Instance::on_empty_postgres() else {
        return;
    };
    for failed in [
        instance.fail_to_serve(),
        instance.run(&["tenant", "create", "acme"]),
    ] {
        failed.expect_failure(1, &["keyward migrate"]);
        assert!(!instance.root_key().exists());
    }
    let applied = instance.run(&["migrate", "--json"]).expect_json();
    assert_eq!(applied["applied"][0], "0001_tenants");
    for arguments in [&["migrate"][..], &["migrate", "--create-roles"]] {
        let again = instance.run(arguments).expect_success();
        assert!(again.contains("up to date"), "{again}");
    }
    let server = instance.serve();
    println!(
        "first start on PostgreSQL: {:?} to the first 200",
        server.healthy_after
    );
    assert_eq!(server.get("/t/demo/.well-known/jwks.json").status, 200);
}

#[test]
fn roles_are_made_with_any_name_and_password_and_set_right_again() {
    let Some(mut instance) = Instance::on_empty_postgres() else {
        return;
    };
    let (_, host) = instance.postgres().admin.rsplit_once('@').unwrap();
    let usual = role_of(&instance.postgres().app).unwrap();
    let names = ["own", "app", "sys"].map(|role| format!("{usual} \"{role}\""));
    let url = |name: &str, password: &str| {
        let name = name.replace(' ', "%20").replace('"', "%22");
        format!("postgres://{name}:{password}@{host}")
    };
    let urls = names
        .each_ref()
        .map(|name| url(name, "it%27s%20%22odd%22%5C"));
    let admin = instance.postgres().admin.clone();
    for (variable, url) in ["OWNER_URL", "URL", "SYSTEM_URL"].into_iter().zip(&urls) {
        instance.set(&format!("KEYWARD_DATABASE_{variable}"), url);
    }
    let made = instance.run(&["migrate", "--create-roles"]);
    assert!(!format!("{made:?}").contains("odd"), "{made:?}");
    made.expect_success();
    let server = instance.serve();
    let login = json!({ "email": "nobody@example.org", "password": "correct horse battery" });
    assert_eq!(server.post("/v1/auth/login", &login).status, 401);
    server.terminate().expect_success();

    let app = names[1].replace('"', "\"\"");
    sql_as(
        &admin,
        &format!("ALTER ROLE \"{app}\" BYPASSRLS PASSWORD 'another'"),
    );
    instance.fail_to_serve().expect_failure(1, &["unavailable"]);
    instance
        .run(&["migrate", "--create-roles"])
        .expect_success();
    assert_eq!(instance.serve().get("/readyz").status, 200);
    instance.set("KEYWARD_DATABASE_SYSTEM_URL", &urls[1]);
    instance
        .run(&["migrate", "--create-roles"])
        .expect_failure(1, &["two of the three"]);
}

#[test]
fn asvs_v13_2_2_no_role_has_more_rights_than_it_needs() {
    let Some(instance) = Instance::on_postgres() else {
        return;
    };
    let urls = instance.postgres();
    let (app, system) = (role_of(&urls.app).unwrap(), role_of(&urls.system).unwrap());
    let rights = |role: &str, table: &str| {
        let query = format!(
            "SELECT string_agg(p, ' ' ORDER BY p) FROM unnest(ARRAY['DELETE', 'INSERT', 'SELECT', 'TRUNCATE', 'UPDATE']) p
             WHERE has_table_privilege('{role}', '{table}', p)"
        );
        instance.sql(&query)[0][0].clone().unwrap_or_default()
    };
    for table in ["audit_events", "feed"] {
        assert_eq!(rights(&app, table), "INSERT SELECT", "{table}");
    }
    for table in [
        "users",
        "sessions",
        "token_families",
        "tenant_keys",
        "signing_keys",
    ] {
        assert_eq!(rights(&system, table), "", "{table}");
    }
    for table in ["tenants", "tenant_routes"] {
        assert_eq!(rights(&system, table), "SELECT", "{table}");
    }
    // A policy lets rows go only of a tenant that is at its end.
    assert_eq!(rights(&system, "feed"), "DELETE SELECT");
    assert_eq!(rights(&system, "audit_events"), "DELETE");
    assert_eq!(rights(&system, "instance_events"), "INSERT SELECT");
    assert_eq!(rights(&app, "instance_events"), "INSERT");
    for role in [&app, &system] {
        assert_eq!(rights(role, "schema_migrations"), "SELECT");
        let creates = format!("SELECT has_schema_privilege('{role}', 'public', 'CREATE')");
        assert_eq!(instance.sql(&creates)[0][0].as_deref(), Some("f"), "{role}");
    }
}
