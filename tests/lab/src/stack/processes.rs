//! The processes of this machine, as far as the stack must know them.

use std::fs;
use std::process::Command;

/// A process that runs; one that has ended and was not fetched yet is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// The id of its group.
    pub group: u32,
    /// Its command line, with spaces between the arguments.
    pub command: String,
}

/// Every process that can be seen, by id.
pub fn processes() -> Vec<Process> {
    let mut processes = from_proc().unwrap_or_else(from_ps);
    processes.sort_by_key(|process| process.id);
    processes
}

/// Those of one group.
pub(crate) fn members(group: u32) -> Vec<Process> {
    processes().into_iter().filter(|process| process.group == group).collect()
}

/// On Linux the kernel tells; no other program is needed.
fn from_proc() -> Option<Vec<Process>> {
    fs::metadata("/proc/self/stat").ok()?;
    let ids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Some(ids.filter_map(one_of_proc).collect())
}

fn one_of_proc(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, the second field, may hold anything, also parentheses and spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, group) = (fields.next()?, fields.nth(1)?.parse().ok()?);
    // Its first thread has ended; what the others hold open, such as a port, is so until the last has.
    let has_threads = || fs::read_dir(format!("/proc/{id}/task")).is_ok_and(|tasks| tasks.count() > 1);
    if state == "X" || state == "Z" && !has_threads() {
        return None;
    }
    let command = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    Some(Process { id, group, command })
}

/// The process of a group at whose end of a connection within this machine that port is. `None` where the system does not tell:
/// only Linux does.
pub(crate) fn at_port(group: u32, port: u16) -> Option<u32> {
    // The local address of a row is `0100007F:PORT`, in hexadecimal digits; its tenth field is the socket's number.
    let ending = format!(":{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let number = rows
        .filter(|row| row.get(1).is_some_and(|local| local.ends_with(&ending)))
        .find_map(|row| row.get(9).filter(|number| **number != "0").map(|number| (*number).to_owned()))?;
    let socket = format!("socket:[{number}]");
    members(group).into_iter().map(|process| process.id).find(|id| {
        let files = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| link.as_os_str() == socket.as_str())
    })
}

fn from_ps() -> Vec<Process> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,pgid=,stat=,command="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(one_of_ps).collect()
}

fn one_of_ps(line: &str) -> Option<Process> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.trim_start().split_once(char::is_whitespace)?;
        rest = after;
        Some(field)
    };
    let (id, group, state) = (field()?.parse().ok()?, field()?.parse().ok()?, field()?);
    (!state.starts_with('Z')).then(|| Process { id, group, command: rest.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_among_them_and_both_sources_agree() {
        let this = std::process::id();
        let of = |processes: Vec<Process>| processes.into_iter().find(|process| process.id == this).unwrap();
        assert_eq!(of(processes()).group, of(from_ps()).group);
        assert!(!of(processes()).command.is_empty());
    }
}
