//! Ends a process together with everything it started.

use std::fs;
use std::process::{Child, Command};

/// Kills `child` and its descendants, and waits for `child`.
///
/// A test may have started servers. They are found by their parents, as a process group of its own would keep Ctrl-C
/// from reaching them in the usual case.
pub(super) fn kill_tree(child: &mut Child) -> std::io::Result<()> {
    let descendants = descendants(child.id(), &parents());
    child.kill()?;
    if !descendants.is_empty() {
        Command::new("sh")
            .args(["-c", "kill -KILL \"$@\" 2>/dev/null || true", "sh"])
            .args(descendants.iter().map(u32::to_string))
            .status()?;
    }
    child.wait().map(drop)
}

/// Pairs of a process and its parent. Empty where there is no `/proc`.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((process, parent_in_stat(&stat)?))
        })
        .collect()
}

/// The program's name, in parentheses, may hold spaces and parentheses itself.
fn parent_in_stat(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

fn descendants(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        found.extend(children.map(|(process, _)| *process));
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::{descendants, kill_tree, parent_in_stat};

    /// A killed process may stay as a zombie where nothing reaps orphans.
    fn is_running(process: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn a_process_goes_with_all_that_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a shell");
        let mut grandchild = String::new();
        let output = child.stdout.take().expect("its output");
        let read = BufReader::new(output).read_line(&mut grandchild);
        assert!(read.is_ok() && is_running(grandchild.trim()));
        kill_tree(&mut child).expect("a kill");
        let gone = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !is_running(grandchild.trim())
        });
        assert!(gone);
    }

    #[test]
    fn descendants_are_followed_through_generations() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 1)];
        assert_eq!(descendants(2, &parents), [3, 4]);
        assert!(descendants(4, &parents).is_empty());
    }

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        assert_eq!(parent_in_stat("17 (a) b) S 4 17 0"), Some(4));
        assert_eq!(parent_in_stat("17"), None);
    }
}
