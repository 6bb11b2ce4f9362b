//! The house's own order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::assay::root;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "target" || name.starts_with(".git") || name == ".assay" {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn all_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found
}

#[test]
fn files_stay_short() {
    for path in all_files().iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
        let lines = fs::read_to_string(path).unwrap().lines().count();
        let most = if path.ends_with("src/main.rs") { 40 } else { 600 };
        assert!(lines <= most, "{} has {lines} lines", path.display());
    }
}

/// Every path the code map names exists, and every folder with a crate or data in it is named.
#[test]
fn the_code_map_is_true() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for quoted in map.split('`').skip(1).step_by(2) {
        let is_path =
            quoted.contains('/') && !quoted.contains(' ') && !quoted.contains(['<', '*', '{', '$', ':']);
        if is_path {
            assert!(root().join(quoted).exists(), "ARCHITECTURE.md names {quoted}, which does not exist");
        }
    }
    for parent in ["shared", "tests", "infra", "functions"] {
        let Ok(entries) = fs::read_dir(root().join(parent)) else { continue };
        for entry in entries.map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
            let name = format!("{parent}/{}", entry.file_name().to_string_lossy());
            assert!(map.contains(&name), "ARCHITECTURE.md does not name {name}");
        }
    }
}

/// What a page says a test holds, a test of that name in that file holds.
#[test]
fn the_tests_that_pages_name_exist() {
    let page = fs::read_to_string(root().join("docs/gateways.md")).unwrap();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with('|')) {
        let mut source = String::new();
        let cell = row.split(" | ").nth(1).unwrap_or_default();
        for quoted in cell.split('`').skip(1).step_by(2) {
            if quoted.ends_with(".rs") {
                source = fs::read_to_string(root().join(quoted)).unwrap_or_default();
                assert!(!source.is_empty(), "docs/gateways.md names {quoted}, which does not exist");
            } else {
                let function = format!("fn {quoted}(");
                assert!(
                    source.contains(&function),
                    "docs/gateways.md names {quoted}, which is no test there"
                );
                named += 1;
            }
        }
    }
    assert!(named > 40, "{named}");
}

#[test]
fn the_variables_are_documented() {
    let config = fs::read_to_string(root().join("shared/boot/src/config.rs")).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for name in config
        .split('"')
        .filter(|part| part.len() > 3 && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
    {
        assert!(readme.contains(name), "README.md does not name {name}");
    }
}
