//! The account that the server runs under when we are root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Ids of an entry of `/etc/passwd`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Account {
    /// The account that Debian's package makes, or the one that owns nothing.
    pub(super) fn find_for_server() -> Option<Self> {
        let accounts = fs::read_to_string("/etc/passwd").ok()?;
        Self::find("postgres", &accounts).or_else(|| Self::find("nobody", &accounts))
    }

    fn find(name: &str, accounts: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [found, _, user, group, ..] = fields.as_slice() else {
                return None;
            };
            (*found == name).then_some(())?;
            Some(Self {
                user: user.parse().ok()?,
                group: group.parse().ok()?,
            })
        })
    }

    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// Whether this process acts as root.
pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::Account;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts =
            "postgres2:x:1:1::/:\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        let expected = Account {
            user: 101,
            group: 104,
        };
        assert_eq!(Account::find("postgres", accounts), Some(expected));
        assert_eq!(Account::find("nobody", accounts), None);
    }
}
