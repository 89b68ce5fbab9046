//! `keyward restore --from FILE`, `keyward restore --end-sessions`

use super::backup::{examine, required_root_key, summary};
use super::{operator, report};
use crate::archive::{self, Manifest};
use crate::command_line::{Global, Restore};
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::failure::Failure;
use crate::instance::{Access, Instance};
use keyward_model::{PageRequest, Principal, RootKeySecret, Route, Tenant};
use keyward_policy::Action;
use keyward_service::instance::find_nodes;
use keyward_service::restore::{SettleRestore, Settled, settle_restore};
use keyward_service::tenants::list_tenants;
use serde_json::json;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many tenants are worked on at once: on SQLite they share commits, on PostgreSQL each takes a connection.
const TENANTS_AT_ONCE: usize = 8;
/// How many tenants are read at once.
const PAGE: u16 = 200;
/// A node that lives changes its row twice a second.
const NODES_WATCHED: Duration = Duration::from_millis(1_500);

pub(super) async fn run(config: Config, what: Restore, global: &Global) -> Result<(), Failure> {
    let who = operator(what.why, "restore");
    match what.from {
        None => end_sessions(&config, who, global).await,
        Some(file) => {
            let root_key = what
                .root_key
                .as_deref()
                .map(required_root_key)
                .transpose()?;
            let from = From {
                file: &file,
                root_key,
            };
            from_file(config, from, (who, what.keep_sessions), global).await
        }
    }
}

/// What is restored from.
struct From<'a> {
    file: &'a Path,
    root_key: Option<RootKeySecret>,
}

async fn from_file(
    mut config: Config,
    from: From<'_>,
    (who, keep_sessions): (Principal, bool),
    global: &Global,
) -> Result<(), Failure> {
    if config.database.url.get().is_some() {
        return Err(Failure::Failed(
            "the data is to be in PostgreSQL, which has tools of its own for this: see \"Backup on PostgreSQL\" in \
             docs/operations.md; `keyward restore --end-sessions` comes after them"
                .to_owned(),
        ));
    }
    let folder = DataFolder::for_restore(&config.data)?;
    let _lock = folder.lock()?;
    let staged = folder.begin_restore()?;
    let manifest = unpack_into(&staged, &from)?;
    config.data = staged.path().to_owned();
    let command = SettleRestore {
        backup_created_at: Some(manifest.created_at),
        keep_sessions,
    };
    // Dropped, the instance folds its write-ahead log back: the database is one file again.
    let ended = settle(
        &Instance::open(&config, Access::Change).await?,
        who,
        command,
    )
    .await?;
    folder.end_restore(&staged)?;
    let line = format!(
        "Restored into {}: {}.\n{}\nWhat was changed after that moment is as it was before: users disabled, passwords \
         changed, roles and keys taken away since then must be so again; see \"After a restore\" in docs/operations.md.",
        folder.path().display(),
        summary(&manifest),
        said_of_sessions(keep_sessions, ended)
    );
    let object = json!({ "status": "restored", "data": folder.path(), "sessions_ended": ended.sessions,
        "invitations_ended": ended.invitations, "manifest": manifest });
    report(global, &line, object)
}

fn said_of_sessions(kept: bool, ended: Settled) -> String {
    match kept {
        true => {
            "Its sessions and invitations go on, also those that were revoked after the backup."
                .to_owned()
        }
        false => said_of(ended),
    }
}

fn said_of(ended: Settled) -> String {
    let Settled {
        sessions,
        invitations,
    } = ended;
    format!(
        "{sessions} open sessions were ended: everybody signs in again. {invitations} invitations are worth nothing any more: \
         invite those users again."
    )
}

/// Puts database and root key into the staging folder, once all of both was found to be right.
fn unpack_into(staged: &DataFolder, from: &From<'_>) -> Result<Manifest, Failure> {
    let path = staged.database();
    let mut database = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    let archive = archive::unpack(from.file, &mut database).map_err(Failure::of)?;
    database.sync_all()?;
    let root_key = examine(&archive, &path, from.root_key.as_ref())?;
    let root_key = root_key.ok_or_else(|| {
        Failure::Failed(format!(
            "the backup needs the root key {}, which is not inside: name its file with --root-key",
            archive.manifest.root_key_id
        ))
    })?;
    staged.keep_root_key(root_key)?;
    Ok(archive.manifest)
}

async fn end_sessions(config: &Config, who: Principal, global: &Global) -> Result<(), Failure> {
    let instance = Instance::open(config, Access::Change).await?;
    refuse_beside_nodes(&instance).await?;
    let command = SettleRestore {
        backup_created_at: None,
        keep_sessions: false,
    };
    let ended = settle(&instance, who, command).await?;
    report(
        global,
        &said_of(ended),
        json!({ "status": "sessions_ended", "sessions_ended": ended.sessions,
            "invitations_ended": ended.invitations }),
    )
}

/// Whoever ends everybody's sessions means a database that nobody serves yet. A dump has rows of nodes too: those do not move.
async fn refuse_beside_nodes(instance: &Instance) -> Result<(), Failure> {
    let before = find_nodes(&instance.platform).await?;
    if before.is_empty() {
        return Ok(());
    }
    tokio::time::sleep(NODES_WATCHED).await;
    let now = find_nodes(&instance.platform).await?;
    match now.iter().find(|node| !before.contains(node)) {
        None => Ok(()),
        Some(node) => Err(Failure::Failed(format!(
            "a node serves this database ({}, see `keyward node list`), and everybody would be signed out: stop it first",
            node.name
        ))),
    }
}

/// Settles every tenant, page by page: with ten thousand of them memory holds a page, and a second run does again only what
/// is cheap.
async fn settle(
    instance: &Instance,
    who: Principal,
    command: SettleRestore,
) -> Result<Settled, Failure> {
    let (mut ended, mut after) = (Settled::default(), None);
    loop {
        let page = PageRequest::new(Some(PAGE), after);
        let cx = instance.begin_on_instance(who.clone(), Action::ListTenants)?;
        let tenants = list_tenants(&cx, page).await.map_err(Failure::of)?;
        ended += settle_page(instance, tenants.items, &who, command).await?;
        match tenants.next {
            None => return Ok(ended),
            next => after = next,
        }
    }
}

async fn settle_page(
    instance: &Instance,
    tenants: Vec<Tenant>,
    who: &Principal,
    command: SettleRestore,
) -> Result<Settled, Failure> {
    let (mut running, mut ended) = (JoinSet::new(), Settled::default());
    let free = Arc::new(tokio::sync::Semaphore::new(TENANTS_AT_ONCE));
    for tenant in tenants {
        let place = free.clone().acquire_owned().await.map_err(Failure::of)?;
        let scope = instance
            .platform
            .operator_scope(Route::Slug(tenant.slug))
            .await?;
        // Gone since the page was read: nothing of it is left to settle.
        let Some(scope) = scope else { continue };
        let cx = instance
            .begin(scope, who.clone(), Action::RestoreTenant)
            .await?;
        running.spawn(async move {
            let settled = settle_restore(&cx, command).await;
            drop(place);
            settled
        });
    }
    while let Some(settled) = running.join_next().await {
        ended += settled.map_err(Failure::of)?.map_err(Failure::of)?;
    }
    Ok(ended)
}
