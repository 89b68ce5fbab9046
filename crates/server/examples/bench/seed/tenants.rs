//! Databases full of tenants, made by the use case that makes every tenant.

use super::instance::Instance;
use keyward_service::tenants::{CreateTenant, create_tenant};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many share a durable commit.
const AT_ONCE: usize = 256;

/// A data folder with so many tenants, the first of which is `demo`: each with its slug, a host name and its keys, and without
/// an administrator, whose password would take longer to hash than all the rest.
pub(crate) fn seed_tenants(keyward: &Path, folder: &Path, tenants: usize) -> PathBuf {
    let data = folder.join(format!("tenants-{tenants}"));
    let instance = Arc::new(Instance::make(keyward, &data));
    let numbers: Vec<usize> = (1..tenants).collect();
    super::runtime().block_on(async {
        for batch in numbers.chunks(AT_ONCE) {
            let making: JoinSet<()> = batch
                .iter()
                .map(|number| make(instance.clone(), *number))
                .collect();
            making.join_all().await;
        }
    });
    data
}

async fn make(instance: Arc<Instance>, number: usize) {
    let command = CreateTenant {
        slug: format!("tenant-{number}").parse().unwrap(),
        hosts: vec![format!("tenant-{number}.example").parse().unwrap()],
        issuer: None,
        administrator: None,
    };
    let cx = instance.begin_tenant().await;
    create_tenant(&cx, command).await.unwrap();
}
